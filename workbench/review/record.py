"""A review as the journal keeps it: one frozen value, read from and written to the record's body.

The record is convenience, not proof: what it says is believed only where signatures, digests or the chained events say
the same (:mod:`workbench.review.decision`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from workbench.contract.review import CheckReport, Comment, Decision
from workbench.contract.status import CheckResult
from workbench.foundation.canonical import canonical_json, digest_json
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.finding import find_by_beginning
from workbench.foundation.journal import Record, Transaction
from workbench.foundation.project import Project
from workbench.review.proof.request import asked_as

NOUN = "review"
_LATER = ("request_digest", "producers", "traits", "follows", "undescribed", "remarks")
"""Fields that reviews from before them do not have."""


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
        request_digest: Digest of the request's statement; empty in older reviews.
        producers: Who else had a hand in the bytes, as the request says.
        traits: What a policy's groups are asked by, as the request says.
        follows: Review that this one answers.
        undescribed: Inputs of which no class is known.
        remarks: What reviewers should know of the classes of its data, in words.
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
    request_digest: str = ""
    producers: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    follows: str = ""
    undescribed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What its events are about: ``review:rv-…``."""
        return f"{NOUN}:{self.id}"

    @property
    def asked_as(self) -> str:
        """What asks for it again behind ``mlops review request``: its run and model, and its stage."""
        return asked_as(f"{self.run[:12]}/{self.model}", self.stage)

    @property
    def involved(self) -> tuple[str, ...]:
        """Everybody whose work it is, and who therefore does not decide on it."""
        return (self.requester, self.author, self.commit_author, *self.producers)

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
    told = (asdict(report) for report in checks)
    # Where it ran is said only where it was elsewhere: what was signed before anybody could say so stays what it is.
    return canonical_json([{k: v for k, v in report.items() if k != "where" or v} for report in told])


def save(transaction: Transaction, review: Review) -> None:
    """Write a review; its event has been appended in the same transaction.

    Raises:
        ConflictError: ``record-changed``: it is not at the revision that this change was decided on.
    """
    body = {k: v for k, v in asdict(review).items() if k not in ("id", "state", "revision")}
    transaction.put(NOUN, review.id, review.state, body, expect=review.revision)


def record_refusal(project: Project, review: Review, verdict: str, error: WorkbenchError, **more: str) -> None:
    """Tell the journal of a refused attempt, whatever it was; nobody tries in silence.

    Args:
        project: The project.
        review: What it was about.
        verdict: What somebody wanted to say.
        error: Why it was refused; of it only the code is kept.
        **more: What else there is to tell.
    """
    told = {"code": error.code, "verdict": verdict, "model_digest": review.model_digest, **more}
    with project.journal.transaction() as transaction:
        transaction.append("review.refused", review.subject, told)


def read(record: Record) -> Review:
    """Return the review that a record holds."""
    elsewhere = ("id", "state", "revision", "comments", *_LATER)
    # Asked by key, not copied: the body names a field that is missing as damage.
    body = {item.name: record.body[item.name] for item in fields(Review) if item.name not in elsewhere}
    body["dataset_versions"] = tuple(body["dataset_versions"])
    body["checks"] = tuple(CheckReport(**report) for report in body["checks"])
    body["decisions"] = tuple(Decision(**decision) for decision in body["decisions"])
    body["comments"] = tuple(Comment(**comment) for comment in record.body.get("comments", ()))  # older reviews: none
    body |= {name: record.body[name] for name in _LATER if name in record.body}
    body |= {name: tuple(body.get(name, ())) for name in ("producers", "traits", "undescribed", "remarks")}
    return Review(id=record.id, state=record.state, revision=record.revision, **body)


def find_review(project: Project, review: str) -> Review:
    """Return the review with this id or unique beginning of one (``rv-`` may be left out).

    Raises:
        NotFoundError: ``review-unknown``.
        UsageError: ``review-ambiguous``.
    """
    return read(find_by_beginning(project.journal, NOUN, review, first="mlops review request <model>"))
