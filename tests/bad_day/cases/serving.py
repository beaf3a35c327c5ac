"""Bad days of releases, runners, monitoring and the journal."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.bad_day.situations import NOISE, Case, append, emptied, folder, in_gate, nothing, record, sql, write
from workbench.compute.consent import trust_secrets
from workbench.foundation.project import Project
from workbench.project.audit_erasure import erase_payload

CHANNEL = {"channel": "faults@production"}
NO_CHANNEL = {"channel": "production"}
journal_noise = write(".workbench/journal.db", NOISE)
ALERT = {"channel": "faults@production"}

stricter = in_gate("approvals = 1", "approvals = 2")


def state(to: str) -> Callable[[Path], None]:
    """Let the approved review stand in another state."""
    return sql(f"UPDATE records SET state = '{to}' WHERE noun = 'review' AND state = 'APPROVED'")


def shared_server(more: str = "") -> Callable[[Path], None]:
    """Keep the runs on a server where nobody listens, and that the user has agreed to."""
    write_down = append("workbench.toml", f'\n[tracking]\nuri = "http://127.0.0.1:9"\n{more}')

    def damage(root: Path) -> None:
        write_down(root)
        trust_secrets(Project.open(root), ("tracking",))

    return damage


def kept_by_git(root: Path) -> None:
    """Let the state be part of a branch: a sweep in it would be carried on by whoever looks."""
    for command in (["init", "-q"], ["add", "-f", ".workbench/journal.db"]):
        subprocess.run(["git", "-C", str(root), *command], check=True)


def journal_of_nobody(root: Path) -> None:
    """Keep the journal in a database where nobody listens, and that the user has agreed to."""
    append("workbench.toml", '\n[journal]\nurl = "postgresql+psycopg://127.0.0.1:9/line"\n')(root)
    trust_secrets(Project.open(root), ("journal",))


def erased(root: Path) -> None:
    """Erase what the fourth event says."""
    project = Project.open(root)
    erase_payload(project, 4, "asked for")
    project.journal.close()


ambiguous = sql(
    "CREATE TEMP TABLE one AS SELECT * FROM records WHERE noun = 'release'; UPDATE one SET id = id || 'x';"
    " INSERT INTO records SELECT * FROM one; UPDATE records SET body = json_set(body, '$.model_digest', 'sha256:abcd'"
    " || hex(zeroblob(29)) || CASE WHEN id LIKE '%x' THEN '00' ELSE '11' END) WHERE noun = 'release'"
)
"""Two releases whose digests begin alike."""

CASES = (
    # serving
    Case("back-to-any", ambiguous, "rollback", "release-ambiguous", {**CHANNEL, "to": "abcd"}),
    Case(
        "stop-on-another-machine",
        write(".workbench/leases/runner-faults@production", '{"pid": 1, "host": "edge-7"}'),
        "stop",
        "runner-elsewhere",
        CHANNEL,
    ),
    Case("verify-an-empty-folder", folder("nothing"), "verify", "folder-empty", {"what": "{root}/nothing"}),
    Case("verify-no-folder", nothing, "verify", "folder-missing", {"what": "{root}/nothing"}),
    Case("back-to-nothing", nothing, "rollback", "rollback-none", CHANNEL),
    Case("back-to-the-unknown", nothing, "rollback", "release-unknown", {**CHANNEL, "to": "v99"}),
    Case("serve-on-no-port", nothing, "serve", "port-malformed", {**CHANNEL, "port": 99999}),
    Case("runners-of-noise", journal_noise, "runners", "journal-unreadable"),
    Case("stop-no-channel", nothing, "stop", "channel-malformed", NO_CHANNEL),
    Case("stop-nothing", nothing, "stop", "channel-unknown", {"channel": "nope@production"}),
    Case(
        "verify-into-a-full-folder",
        nothing,
        "verify",
        "folder-not-empty",
        {"what": "faults@production", "into": "{root}/data"},
    ),
    Case("verify-a-folder-of-nobody", nothing, "verify", "bytes-unknown", {"what": "{root}/data"}),
    Case("release-what-is-rejected", state("REJECTED"), "release", "review-rejected", {"review": "{review}"}),
    Case("release-under-a-new-policy", stricter, "release", "policy-changed", {"review": "{review}"}),
    Case("release-what-is-checked", state("CHECKING"), "release", "checks-running", {"review": "{review}"}),
    Case(
        "release-edited-checks",
        sql("UPDATE records SET body = replace(body, '\"pass\"', '\"pass \"') WHERE noun = 'review'"),
        "release",
        "evidence-changed",
        {"review": "{review}"},
    ),
    Case("gate-watch-of-noise", journal_noise, "gate watch", "journal-unreadable"),
    Case("gate-watch-nowhere", write(".workbench/mlflow.db", NOISE), "gate watch", "tracking-unreadable"),
    Case(
        "gate-without-account",
        shared_server(),
        "gate server-setup",
        "gate-account-missing",
        {"models": ("churn",)},
    ),
    Case(
        "gate-of-no-model",
        shared_server(),
        "gate server-setup",
        "argument-missing",
        {"models": ()},
    ),
    Case(
        "gate-without-password",
        shared_server('[gate]\naccount = "gate"\npassword = "env:NO_SUCH_VARIABLE"\n'),
        "gate server-setup",
        "secrets-untrusted",
        {"models": ("churn",)},
    ),
    Case(
        "server-untrusted",  # at an address that no other case agrees to
        append("workbench.toml", '\n[tracking]\nuri = "http://127.0.0.1:10"\n'),
        "runs",
        "secrets-untrusted",
    ),
    Case(
        "journal-untrusted",
        append("workbench.toml", '\n[journal]\nurl = "postgresql+psycopg://127.0.0.1:9/journal"\n'),
        "history",
        "secrets-untrusted",
        {"model": "faults"},
    ),
    Case("state-of-a-branch", kept_by_git, "jobs", "state-in-repository"),
    # monitoring
    Case("monitor-of-noise", journal_noise, "monitor", "journal-unreadable"),
    Case(
        "check-out-of-range",
        append("workbench.toml", "\n[monitor]\nwindow_rows = -1\n"),
        "monitor check",
        "config-out-of-range",
        CHANNEL,
    ),
    Case("alerts-in-no-state", nothing, "alerts", "state-unknown", {"state": "opne"}),
    Case("alerts-in-no-language", nothing, "alerts", "language-unknown", {"language": "fr"}),
    Case("acknowledge-nothing", nothing, "alerts acknowledge", "alert-unknown", {"alert": "al-none"}),
    Case(
        "acknowledge-what-is-resolved",
        record("alert", "al-1", "RESOLVED", ALERT),
        "alerts acknowledge",
        "alert-resolved",
        {"alert": "al-1"},
    ),
    Case("report-in-no-language", nothing, "report", "language-unknown", {"language": "fr"}),
    # history and journal
    Case("history-at-no-time", nothing, "history", "time-malformed", {"model": "faults", "at": "yesterday"}),
    Case(
        "history-of-the-future",
        nothing,
        "history",
        "time-in-future",
        {"model": "faults", "at": "2999-01-01T00:00:00+00:00"},
    ),
    Case("log-of-none", nothing, "audit log", "limit-out-of-range", {"limit": 0}),
    Case("erase-without-a-word", nothing, "audit erase", "reason-missing", {"seq": 2, "reason": " "}),
    Case("erase-no-event", nothing, "audit erase", "event-unknown", {"seq": 99999, "reason": "asked for"}),
    Case("erase-what-proves", nothing, "audit erase", "payload-needed", {"seq": 12, "reason": "asked for"}),
    Case("erase-twice", erased, "audit erase", "payload-erased", {"seq": 4, "reason": "asked for"}),
    Case("checkpoint-of-nothing", sql("DELETE FROM events"), "audit checkpoint", "journal-empty"),
    Case("checkpoint-without-git", emptied(".git"), "audit checkpoint", "git-missing"),
    Case("checkpoint-into-a-file", nothing, "audit checkpoint", "place-malformed", {"to": "{root}/workbench.toml"}),
    Case("checkpoint-refused", nothing, "audit checkpoint", "place-unreachable", {"to": "ftp://127.0.0.1:9/x"}),
    Case("journal-of-nobody", journal_of_nobody, "audit log", "journal-unreachable"),
    Case("checkpoint-nowhere", nothing, "audit checkpoint", "place-malformed", {"to": "nosuch://x"}),
    Case("verify-against-nothing", nothing, "audit verify", "checkpoint-missing", {"checkpoint": "{root}/data"}),
    Case(
        "verify-against-noise",
        write("x.json", NOISE),
        "audit verify",
        "checkpoint-malformed",
        {"checkpoint": "{root}/x.json"},
    ),
    Case("journal-exported-over", nothing, "audit export", "file-exists", {"path": "{root}/workbench.toml"}),
)
