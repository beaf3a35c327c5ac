"""The check reports that reviewers signed for: every required check passed there, or was waived.

Imported by the model runner: standard library, foundation and contract only.
"""

from __future__ import annotations

import json

from workbench.contract.status import CheckResult
from workbench.foundation.errors import DeniedError, IntegrityError
from workbench.foundation.store import Store
from workbench.review.policies.rules import StageRule
from workbench.review.proof.grant import Grant
from workbench.review.proof.request import asked_as
from workbench.review.proof.waiver import parse_waiver


def check_reports(grant: Grant, store: Store, rules: tuple[StageRule, ...]) -> None:
    """Refuse a grant where a check that a rule requires did not pass; what is waived was verified before.

    Thresholds are not weighed again: a report says what was found under the policy that was signed.

    Args:
        grant: Whose approvals and waivers have been verified.
        store: Where the reports lie that they name by digest.
        rules: The rule that was signed and the one that stands.

    Raises:
        DeniedError: ``checks-failed``.
        IntegrityError: ``evidence-changed``, or the bytes are not those of the digest.
        NotFoundError: ``digest-unknown``: the reports are not in the store.
    """
    required = {name for rule in rules for name in rule.required}
    waived = {parse_waiver(text.encode()).check for text, _ in grant.waivers}
    if not required - waived:
        return
    try:
        reports = json.loads(store.read(grant.evidence_digest))
        passed = {str(report["name"]) for report in reports if report["result"] == CheckResult.PASS}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        again = f"request a new review: mlops review request {asked_as(grant.model, grant.stage)}"
        raise IntegrityError("evidence-changed", f"The checks of {grant.review} cannot be read", again) from error
    if lacking := sorted(required - waived - passed):
        raise DeniedError(
            "checks-failed",
            f"Required check {', '.join(lacking)} did not pass",
            f"see why: mlops review show {grant.review}",
        )
