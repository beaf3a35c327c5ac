"""A review as the journal keeps it: one frozen value, read from and written to the record's body.

The record is convenience, not proof: what it says is believed only where signatures, digests or the chained events say
the same (:mod:`workbench.review.decision`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from workbench.contract.review import CheckReport, Comment, Decision
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.canonical import canonical_json, digest_json
from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean
from workbench.foundation.journal import Record, Transaction
from workbench.foundation.project import Project
from workbench.review.policy import Policy

NOUN = "review"


@dataclass(frozen=True)
class Review:
    """One review; the attributes are those of :class:`~workbench.contract.review.ReviewCard` where the names agree.

    Attributes:
        revision: Revision of the record this was read from; 0 where it was not written yet.
        commit_author: Who wrote the commit; empty without one.
        holdout_digest: Digest of the holdout's rows, known after the checks.
        champion_digest: Model that was served when the checks ran; empty where none was.
        checking_since: UTC time at which the checks were last started.
        params: The run's parameters.
    """

    id: str
    state: str
    revision: int
    model: str
    stage: str
    run: str
    model_digest: str
    policy_digest: str
    dataset_versions: tuple[str, ...]
    commit: str
    commit_author: str
    notebook_digest: str
    environment_digest: str
    requester: str
    author: str
    requested_at: str
    checking_since: str
    params: dict[str, str]
    metrics: dict[str, float]
    evidence_digest: str = ""
    holdout_digest: str = ""
    champion_digest: str = ""
    checks: tuple[CheckReport, ...] = ()
    decisions: tuple[Decision, ...] = ()
    comments: tuple[Comment, ...] = ()

    @property
    def subject(self) -> str:
        """What its events are about: ``review:rv-…``."""
        return f"{NOUN}:{self.id}"

    def blocking(self, required: tuple[str, ...]) -> dict[str, str]:
        """Return required checks that did not pass, with their result; one that never ran is unknown."""
        results = {report.name: report.result for report in self.checks}
        found = {name: results.get(name, CheckResult.UNKNOWN.value) for name in required}
        return {name: result for name, result in found.items() if result != CheckResult.PASS}

    def changed(self, **values: Any) -> Review:
        """Return a copy with other values."""
        return replace(self, **values)


def review_id(model: str, model_digest: str, stage: str, policy_digest: str, number: int) -> str:
    """Name the review of these bytes for this stage under this policy.

    The id follows from what is reviewed, so that two requests at once meet at the same record. ``number`` counts the
    rejected reviews before it.
    """
    return "rv-" + digest_json([model, model_digest, stage, policy_digest, number])[7:15]


def evidence_bytes(checks: tuple[CheckReport, ...]) -> bytes:
    """Return the bytes whose digest reviewers sign as evidence."""
    return canonical_json([asdict(report) for report in checks])


def save(transaction: Transaction, review: Review) -> None:
    """Write a review; its event has been appended in the same transaction.

    Raises:
        ConflictError: ``record-changed``: it is not at the revision that this change was decided on.
    """
    body = {k: v for k, v in asdict(review).items() if k not in ("id", "state", "revision")}
    transaction.put(NOUN, review.id, review.state, body, expect=review.revision)


def read(record: Record) -> Review:
    """Return the review that a record holds."""
    elsewhere = ("id", "state", "revision", "comments")
    # Asked by key, not copied: the body names a field that is missing as damage.
    body = {item.name: record.body[item.name] for item in fields(Review) if item.name not in elsewhere}
    body["dataset_versions"] = tuple(body["dataset_versions"])
    body["checks"] = tuple(CheckReport(**report) for report in body["checks"])
    body["decisions"] = tuple(Decision(**decision) for decision in body["decisions"])
    body["comments"] = tuple(Comment(**comment) for comment in record.body.get("comments", ()))  # older reviews: none
    return Review(id=record.id, state=record.state, revision=record.revision, **body)


def find_review(project: Project, review: str) -> Review:
    """Return the review with this id or unique beginning of one (``rv-`` may be left out).

    Raises:
        NotFoundError: ``review-unknown``.
        UsageError: ``review-ambiguous``.
    """
    records = {record.id: record for record in project.journal.records(NOUN)}
    wanted = review if review.startswith("rv-") else f"rv-{review}"
    if wanted in records:
        return read(records[wanted])
    matches = sorted(id_ for id_ in records if id_.startswith(wanted)) if review else []
    if len(matches) > 1:
        raise UsageError("review-ambiguous", f"'{review}' fits several reviews", f"name one: {', '.join(matches)}")
    if not matches:
        raise NotFoundError("review-unknown", f"There is no review '{review}'", did_you_mean(wanted, records))
    return read(records[matches[0]])


def required_checks(policy: Policy, stage: str) -> tuple[str, ...]:
    """Return the checks a stage requires; none where the policy no longer has the stage."""
    return policy.stages[stage].required if stage in policy.stages else ()


def is_live(review: Review) -> bool:
    """Whether something can still come of it."""
    return review.state != ReviewState.REJECTED


def attempts_on(project: Project, holdout_digest: str, model_digest: str) -> int:
    """Count the models that were judged on these holdout rows, this one included."""
    reviews = map(read, project.journal.records(NOUN))
    return len({review.model_digest for review in reviews if review.holdout_digest == holdout_digest} | {model_digest})
