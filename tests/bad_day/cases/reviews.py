"""Bad days of the gate: people, reviews, overrides, policies, cards and notices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.bad_day.situations import (
    NOISE,
    Case,
    after,
    append,
    emptied,
    folder,
    in_gate,
    mlflow_sql,
    nothing,
    remove,
    remove_all,
    sql,
    write,
)

NO_REVIEW = {"review": "rv-none"}
REASON = "the line stands still until noon"
WAITING = {"review": "{waiting_review}"}
RELEASED = {"review": "{review}"}
ALONE = ("review.refused",)


def keyless(root: Path) -> None:
    """Forget who the author is: their key opens nothing any more."""
    (root.parent / "keys" / "author.pub").write_text("no key")


def changed_state(state: str, of: str = "OPEN") -> Callable[[Path], None]:
    """Let reviews stand in another state."""
    return sql(f"UPDATE records SET state = '{state}' WHERE noun = 'review' AND state = '{of}'")


def gate(text: str) -> Callable[[Path], None]:
    """Write another policy."""
    return write("policy/gate.toml", text)


def overridden(root: Path) -> None:
    """Let the author break the glass for the review that waits."""
    from tests.bad_day.conftest import AUTHOR
    from workbench.foundation.project import Project
    from workbench.review.breaking import override
    from workbench.review.reviews import list_reviews

    project = Project.open(root, actor=AUTHOR, key_path=root.parent / "keys" / "author")
    (waiting,) = [card.id for card in list_reviews(project) if card.state == "OPEN"]
    override(project, waiting, REASON)
    project.journal.close()


def proposed(root: Path) -> None:
    """Let the author propose a policy that asks for less."""
    from tests.bad_day.conftest import AUTHOR
    from workbench.foundation.project import Project
    from workbench.review.policies.adoption import propose_policy

    lowered(root)
    project = Project.open(root, actor=AUTHOR, key_path=root.parent / "keys" / "author")
    propose_policy(project, REASON)
    project.journal.close()


lowered = in_gate('required = ["format", "budget"]', 'required = ["format"]')
no_reviewers = write("policy/reviewers", "")
journal_noise = write(".workbench/journal.db", NOISE)
notices = (
    '\n[notices.team]\nkind = "mail"\nserver = "mail.example:25"\nto = ["a@example.com"]\n'
    'sender = "b@example.com"\nuser = "u"\npassword = "env:HOME"\nstarttls = false\n'
)

RELEASED_WITH = "UPDATE events SET data = json_set(data, '$.statement', {}) WHERE kind = 'release.promoted'"
REQUESTS = "FROM events WHERE kind = 'review.requested' ORDER BY seq DESC LIMIT 1"
no_statement = sql(RELEASED_WITH.format("json_extract(data, '$.signature')"))
anothers_statement = sql(RELEASED_WITH.format(f"(SELECT json_extract(data, '$.request_digest') {REQUESTS})"))
another_grant = sql("UPDATE records SET body = json_set(body, '$.grant.channel', 'x@y') WHERE noun = 'release'")
EXPORT = {"review": "{review}", "path": "{root}/x.zip"}

CASES = (
    # what a review rests on
    Case(
        "request-any-model-of-a-run",
        mlflow_sql("UPDATE tags SET value = '[\"faults\", \"other\"]' WHERE key = 'workbench.models'"),
        "review request",
        "model-ambiguous",
        {"model": "{run}"},
    ),
    Case("export-no-statement", no_statement, "evidence export", "deed-malformed", EXPORT),
    Case("export-anothers-statement", anothers_statement, "evidence export", "statement-other", EXPORT),
    Case("export-another-grant", another_grant, "evidence export", "grant-changed", EXPORT),
    # people
    Case("key-over-a-key", nothing, "identity create", "key-exists", {"path": "{root}/../keys/author"}),
    Case("key-of-a-pattern", nothing, "identity create", "principal-malformed", {"path": "{root}/k", "principal": "*"}),
    Case(
        "reviewer-of-no-key",
        nothing,
        "reviewers add",
        "key-missing",
        {"principal": "z@example.com", "public_key": "no.pub"},
    ),
    Case(
        "reviewer-of-noise",
        write("x.pub", NOISE),
        "reviewers add",
        "key-malformed",
        {"principal": "z@example.com", "public_key": "{root}/x.pub"},
    ),
    Case(
        "reviewer-of-anothers-key",
        nothing,
        "reviewers add",
        "key-listed",
        {"principal": "z@example.com", "public_key": "{root}/../keys/author.pub"},
    ),
    Case(
        "reviewer-of-everything",
        nothing,
        "reviewers add",
        "principal-malformed",
        {"principal": "*", "public_key": "{key}"},
    ),
    # asking
    Case("model-unknown", nothing, "review request", "model-unknown", {"model": "fault"}),
    Case("any-review", nothing, "review show", "review-ambiguous", {"review": "rv-"}),
    Case(
        "manifest-gone",
        remove_all(".workbench/artifacts/**/workbench.json"),
        "review request",
        "not-a-model",
        {"model": "{run}"},
    ),
    Case("request-under-a-lower-policy", lowered, "review request", "policy-lowered", {"model": "{run}"}),
    Case(
        "request-what-failed",
        mlflow_sql("UPDATE runs SET status = 'FAILED'"),
        "review request",
        "run-not-usable",
        {"model": "{run}"},
    ),
    Case(
        "request-of-nobody",
        mlflow_sql("UPDATE runs SET user_id = ''; DELETE FROM tags WHERE key IN ('mlflow.user', 'workbench.actor')"),
        "review request",
        "author-unknown",
        {"model": "{run}"},
    ),
    # deciding
    Case(
        "approve-a-changed-record",
        sql("UPDATE records SET body = replace(body, 'author@', 'other@') WHERE noun = 'review'"),
        "review approve",
        "review-changed",
        WAITING,
        ALONE,
    ),
    Case(
        "approve-under-a-new-policy",
        in_gate("approvals = 1", "approvals = 2"),
        "review approve",
        "review-stale",
        WAITING,
        ALONE,
    ),
    Case("approve-by-a-broken-list", write("policy/revoked", NOISE), "review approve", "revoked-malformed", WAITING),
    Case("approve-unknown", nothing, "review approve", "review-unknown", NO_REVIEW),
    Case("approve-ones-own", nothing, "review approve", "self-approval", WAITING, ALONE),
    Case("approve-as-nobody", no_reviewers, "review approve", "reviewer-unknown", WAITING, ALONE),
    Case("approve-while-checked", changed_state("CHECKING"), "review approve", "checks-running", WAITING),
    Case(
        "approve-in-the-past", nothing, "review approve", "signing-time", {**WAITING, "at": "2020-01-01T00:00:00+00:00"}
    ),
    Case("approve-again", changed_state("REJECTED", "APPROVED"), "review approve", "review-closed", RELEASED),
    Case("reject-unknown", nothing, "review reject", "review-unknown", {**NO_REVIEW, "reason": "bad"}),
    Case("reject-without-a-word", nothing, "review reject", "reason-missing", {**WAITING, "reason": " "}),
    Case("changes-of-unknown", nothing, "review request-changes", "review-unknown", {**NO_REVIEW, "reason": "bad"}),
    Case("changes-without-a-word", nothing, "review request-changes", "reason-missing", {**WAITING, "reason": " "}),
    Case(
        "changes-to-ones-own", nothing, "review request-changes", "self-approval", {**WAITING, "reason": "bad"}, ALONE
    ),
    Case("draft-of-unknown", nothing, "review draft", "review-unknown", NO_REVIEW),
    Case("draft-of-no-verdict", nothing, "review draft", "verdict-unknown", {**WAITING, "verdict": "aprove"}),
    Case("comment-nothing", nothing, "review comment", "comment-empty", {**WAITING, "text": " "}),
    Case("comment-a-book", nothing, "review comment", "comment-long", {**WAITING, "text": "x" * 5000}),
    Case("comment-nowhere", nothing, "review comment", "comment-place", {**WAITING, "text": "x", "on": "check:fromat"}),
    Case("comment-unknown", nothing, "review comment", "review-unknown", {**NO_REVIEW, "text": "x"}),
    Case(
        "waive-unknown", nothing, "review waive", "review-unknown", {**NO_REVIEW, "check": "budget", "reason": REASON}
    ),
    Case(
        "waive-no-check",
        nothing,
        "review waive",
        "check-unknown-name",
        {**WAITING, "check": "budgte", "reason": REASON},
    ),
    Case(
        "waive-without-a-word", nothing, "review waive", "reason-short", {**WAITING, "check": "budget", "reason": "no"}
    ),
    Case(
        "waive-the-format",
        nothing,
        "review waive",
        "not-waivable",
        {**WAITING, "check": "format", "reason": REASON},
        ALONE,
    ),
    Case("status-of-unknown", nothing, "review status", "review-unknown", NO_REVIEW),
    # breaking the glass
    Case("override-unknown", nothing, "review override", "review-unknown", {**NO_REVIEW, "reason": REASON}),
    Case("override-without-a-word", nothing, "review override", "reason-short", {**WAITING, "reason": "no"}),
    Case("override-what-is-approved", nothing, "review override", "review-closed", {**RELEASED, "reason": REASON}),
    Case(
        "override-twice-unseen",
        after(overridden, changed_state("OPEN", "APPROVED")),
        "review override",
        "override-owed",
        {**RELEASED, "reason": REASON},
        ALONE,
    ),
    Case("override-as-nobody", no_reviewers, "review override", "signer-unknown", {**WAITING, "reason": REASON}, ALONE),
    Case("post-review-unknown", nothing, "review post-review", "review-unknown", {**NO_REVIEW, "reason": REASON}),
    Case("post-review-without-a-word", overridden, "review post-review", "reason-short", {**WAITING, "reason": "no"}),
    Case("post-review-of-nothing", nothing, "review post-review", "override-none", {**WAITING, "reason": REASON}),
    Case(
        "post-review-ones-own", overridden, "review post-review", "self-approval", {**WAITING, "reason": REASON}, ALONE
    ),
    # evidence
    Case(
        "evidence-over-a-file", nothing, "evidence export", "file-exists", {**RELEASED, "path": "{root}/workbench.toml"}
    ),
    Case(
        "evidence-of-nothing-signed", nothing, "evidence export", "nothing-signed", {**WAITING, "path": "{root}/x.zip"}
    ),
    Case("evidence-of-unknown", nothing, "evidence export", "review-unknown", {**NO_REVIEW, "path": "{root}/x.zip"}),
    # policy
    Case("lint-nothing", nothing, "policy lint", "policy-missing", {"path": "no.toml"}),
    Case("lint-no-stage", gate(""), "policy lint", "policy-invalid"),
    Case("policy-gone", remove("policy/gate.toml"), "policy", "policy-missing"),
    Case("policy-no-toml", gate("["), "policy", "policy-invalid"),
    Case("cases-gone", nothing, "policy test", "cases-missing", {"file": "{root}/no.toml"}),
    Case(
        "cases-of-no-stage",
        write("cases.toml", '[cases.a]\nstage = "prodution"\nexpect = "allow"\n'),
        "policy test",
        "case-value",
        {"file": "{root}/cases.toml"},
    ),
    Case(
        "cases-that-fail",
        write("cases.toml", '[cases.a]\nstage = "production"\nexpect = "allowed"\n'),
        "policy test",
        "policy-test-failed",
        {"file": "{root}/cases.toml"},
    ),
    Case("try-nothing", nothing, "policy try", "policy-missing", {"path": "no.toml"}),
    Case("propose-what-is-in-force", nothing, "policy propose", "policy-unchanged", {"reason": REASON}),
    Case("propose-no-toml", gate("["), "policy propose", "policy-invalid", {"reason": REASON}),
    Case("propose-as-nobody", after(lowered, no_reviewers), "policy propose", "reviewer-unknown", {"reason": REASON}),
    Case("sign-ones-own-proposal", proposed, "policy sign", "self-approval"),
    Case(
        "adopted-policy-lost",
        after(lowered, emptied(".workbench/store/blobs")),
        "policy propose",
        "policy-lost",
        {"reason": REASON},
    ),
    # model cards
    Case("card-for-no-model", nothing, "card create", "model-name-malformed", {"model": "../x"}),
    Case("card-in-no-language", nothing, "card create", "language-unknown", {"model": "faults", "language": "fr"}),
    Case(
        "card-again",
        after(folder("cards"), write("cards/faults.md", "x")),
        "card create",
        "card-exists",
        {"model": "faults"},
    ),
    Case("card-of-nothing", nothing, "card show", "card-missing", {"model": "faults"}),
    # notices
    Case("notice-in-the-clear", append("workbench.toml", notices), "notices", "notice-insecure"),
    Case(
        "notice-sent-by-pigeon",
        append("workbench.toml", '\n[notices.team]\nkind = "pigeon"\n'),
        "notices send",
        "notice-malformed",
    ),
)
