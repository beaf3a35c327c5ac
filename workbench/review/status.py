"""The gate in CI: whether a review lets its model through, as an exit code and as JUnit XML.

0 allowed, 1 denied, 2 usage, 3 a check is unknown, 4 pending, 5 integrity: the families of errors say which.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from workbench.contract.review import ReviewCard, ReviewStatus
from workbench.contract.status import CheckResult
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project, expanded
from workbench.review.reviews import release_grant, show_review

_NO_XML = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n\r"}


def review_status(project: Project, review: str, junit: str = "") -> ReviewStatus:
    """Say whether a review lets its model through now: exit code 0, 1 denied, 3 unknown, 4 pending, 5 integrity.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        junit: Also write JUnit XML here, whatever comes out.

    Raises:
        WorkbenchError: What stands in the way, of the family with that exit code.
    """
    card = show_review(project, review)
    error: WorkbenchError | None = None
    try:
        grant = release_grant(project, card.id)
    except WorkbenchError as refused:
        error = refused
    if junit:
        write_atomic(expanded(junit).absolute(), junit_xml(card, error))
    if error is not None:
        raise error
    return ReviewStatus(
        review=card.id,
        model=card.model,
        stage=card.stage,
        is_allowed=True,
        is_override=bool(grant.override),
        model_digest=card.model_digest,
        checks=card.checks,
    )


def junit_xml(card: ReviewCard, error: WorkbenchError | None) -> bytes:
    """Return one test case for each check, and one for the gate itself."""
    suite = Element("testsuite", name=f"{card.model}@{card.stage}", id=card.id)
    counts = {"tests": len(card.checks) + 1, "failures": 0, "errors": 0, "skipped": 0}
    for check in card.checks:
        case = SubElement(suite, "testcase", classname="checks", name=check.name, time=f"{check.duration_s:.3f}")
        if check.result == CheckResult.WAIVED or (check.result != CheckResult.PASS and not check.is_required):
            counts["skipped"] += 1
            SubElement(case, "skipped", message=_text(check.summary))
        elif check.result == CheckResult.UNKNOWN:
            counts["errors"] += 1
            SubElement(case, "error", type="unknown", message=_text(check.summary))
        elif check.result != CheckResult.PASS:
            counts["failures"] += 1
            SubElement(case, "failure", type="fail", message=_text(check.summary))
    gate = SubElement(suite, "testcase", classname="gate", name="decision", time="0")
    if error is not None:
        counts["failures"] += 1
        failure = SubElement(gate, "failure", type=error.code, message=_text(error.message))
        failure.text = _text(f"{error.hint}\nexit code {error.exit_code}")
    for name, count in counts.items():
        suite.set(name, str(count))
    indent(suite)
    text: str = tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _text(text: str) -> str:
    return text.translate(_NO_XML)
