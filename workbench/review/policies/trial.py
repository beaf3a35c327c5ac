"""Trying a policy before it is in force: on cases written down, and on the reviews of the past.

A past review is judged again from what its checks found then. Where a threshold changed, the figures kept as evidence
decide; where they cannot (another confidence, other slices), the result is unknown, because the check would have to
run again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.contract.policy import PolicyCase, PolicyTrial
from workbench.contract.review import CheckReport
from workbench.contract.status import CheckResult, ReviewState
from workbench.foundation.config import TomlReader, read_toml
from workbench.foundation.errors import (
    DeniedError,
    NotFoundError,
    UsageError,
    WorkbenchError,
    did_you_mean,
)
from workbench.foundation.project import Project, expanded
from workbench.review.judging import Case, Judged, judge
from workbench.review.naming import names_of, signed_request
from workbench.review.policies.policy import Policy, parse_policy, read_policy
from workbench.review.policies.reading import policy_path
from workbench.review.policies.rules import CHECK_NAMES, NAMES, StageRule, is_check_name
from workbench.review.promotion import standing_since
from workbench.review.proof.statement import Verdict
from workbench.review.record import NOUN, Review, read
from workbench.review.standing import WAIVE


@dataclass(frozen=True)
class _Results:
    """A result for each check, so that a misspelt name is an error with its line."""

    format: str = "unknown"
    schema: str = "unknown"
    metric: str = "unknown"
    inputs: str = "unknown"
    dependencies: str = "unknown"
    hygiene: str = "unknown"
    card: str = "unknown"
    budget: str = "unknown"
    leakage: str = "unknown"
    slices: str = "unknown"
    fairness: str = "unknown"
    explanation: str = "unknown"
    licences: str = "unknown"
    vulnerabilities: str = "unknown"
    reproduced: str = "unknown"


@dataclass(frozen=True)
class _Written:
    """One table of a file of cases; the attributes are those of :class:`Case` where the names agree."""

    stage: str
    expect: str
    checks: _Results = _Results()
    approvals: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    requester: str = "requester"
    author: str = "author"
    commit_author: str = ""
    producers: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    changes_requested: tuple[str, ...] = ()
    approved_days_ago: float = 0.0
    before_h: float = -1.0
    overridden: str = ""
    names: str = "signed"


@dataclass(frozen=True)
class _Cases:
    cases: dict[str, _Written]


def run_cases(project: Project, file: Path, path: str = "") -> tuple[PolicyCase, ...]:
    """Judge cases that are written down in a TOML file, ``[cases.<name>]``, by a policy.

    A case has ``stage``, ``expect`` (``allowed``, ``denied``, ``pending`` or ``unknown``), ``checks`` (results by
    name), ``approvals``, ``waived``, ``rejected``, ``changes_requested``, ``requester``, ``author``, ``commit_author``,
    ``producers``, ``traits`` (``class:personal``, ``path:…``, ``tag:name=value``), ``approved_days_ago``, ``before_h``
    (hours since it was released on the stage before; negative: never), ``overridden`` (who broke the glass) and
    ``names`` (``signed``; ``claimed`` where nobody signed for the names of those whose work it is).

    Args:
        project: The project.
        file: The cases.
        path: Another policy than ``policy/gate.toml``.

    Raises:
        DeniedError: ``policy-test-failed`` where a case comes out otherwise, ``policy-missing`` or ``policy-invalid``.
        NotFoundError: ``cases-missing``.
        UsageError: What is wrong in the file of cases, with ``file:line``.
    """
    policy, _ = read_policy(policy_path(project, path))
    cases = _read_cases(project.root / expanded(str(file)))
    found = tuple(_judged(policy, name, *case) for name, case in cases.items())
    failed = [case for case in found if not case.is_ok]
    if failed:
        said = "; ".join(f"'{c.name}' is {c.found}, not {c.expected} ({c.reason})" for c in failed[:5])
        more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
        message = f"{len(failed)} of {len(found)} cases failed: {said}{more}"
        raise DeniedError("policy-test-failed", message, "mlops policy explain")
    return found


def try_policy(project: Project, path: str) -> tuple[PolicyTrial, ...]:
    """Judge the reviews of the past by another policy and show what would come out otherwise first.

    Args:
        project: The project.
        path: The policy to try.

    Raises:
        DeniedError: ``policy-missing`` or ``policy-invalid``.
    """
    wanted, _ = read_policy(policy_path(project, path))
    reviews = (read(record) for record in project.journal.records(NOUN))
    tried = [_tried(project, review, wanted) for review in reviews if review.state != ReviewState.CHECKING]
    return tuple(sorted(tried, key=lambda trial: trial.is_same))


def _read_cases(path: Path) -> dict[str, tuple[_Written, dict[str, str]]]:
    """Return each case and its results, of checks that packages bring too."""
    if not path.is_file():
        raise NotFoundError("cases-missing", f"There is no {path}", "write [cases.<name>] tables into it")
    raw, reader = read_toml(path)
    brought = _without_plug_ins(raw)
    cases = _Cases(**reader.section(_Cases, raw, ())).cases
    found = {name: (case, asdict(case.checks) | brought.get(name, {})) for name, case in cases.items()}
    for name, (case, checks) in found.items():
        _check_case(reader, name, case, checks)
    return found


def _without_plug_ins(raw: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Take results of checks that packages bring (``"vendor.check" = "pass"``) out of what was read, by case."""
    cases = raw.get("cases")
    found: dict[str, dict[str, Any]] = {}
    for name, table in cases.items() if isinstance(cases, dict) else ():
        checks = table.get("checks") if isinstance(table, dict) else None
        if isinstance(checks, dict):
            known = [key for key in checks if is_check_name(key) and key not in CHECK_NAMES]
            found[name] = {key: checks.pop(key) for key in known}
    return found


def _check_case(reader: TomlReader, name: str, case: _Written, checks: Mapping[str, str]) -> None:
    results = [result.value for result in CheckResult if result is not CheckResult.WAIVED]
    for key, found, known in (
        ("expect", (case.expect,), [judged.value for judged in Judged]),
        ("checks", tuple(checks.values()), results),
        ("waived", tuple(check for check in case.waived if not is_check_name(check)), list(CHECK_NAMES)),
        ("names", (case.names,), list(NAMES)),
    ):
        for word in found:
            if word not in known:
                where = ("cases", name, key)
                raise UsageError(
                    "case-value",
                    f"{reader.at(where)}: '{'.'.join(where)}' knows no '{word}'",
                    did_you_mean(word, known),
                )


def _judged(policy: Policy, name: str, written: _Written, checks: Mapping[str, str]) -> PolicyCase:
    shared = {item.name: getattr(written, item.name) for item in fields(Case)}
    case = Case(**{**shared, "checks": checks})
    found, reason = judge(policy.rule(written.stage), case)
    return PolicyCase(name, written.stage, written.expect, found.value, found == written.expect, reason)


def _tried(project: Project, review: Review, wanted: Policy) -> PolicyTrial:
    signed = _signed_rule(project, review)
    names = names_of(project, *signed_request(project, review))
    before = _verdict(review, signed, {}, before_h=_hours_on(project, review, signed), names=names)
    rule = wanted.stages.get(review.stage)
    if rule is None:
        after = (Judged.DENIED, f"the policy has no stage '{review.stage}'")
    else:
        changed = _rejudged(project, review, rule)
        after = _verdict(review, rule, changed, before_h=_hours_on(project, review, rule), names=names)
    is_same = before[0] == after[0]
    return PolicyTrial(review.id, review.model, review.stage, before[0].value, after[0].value, is_same, after[1])


def _signed_rule(project: Project, review: Review) -> StageRule | None:
    """Return the rule a review was requested under; its policy's bytes lie in the store."""
    try:
        return parse_policy(project.store.read(review.policy_digest)).rule(review.stage)
    except WorkbenchError:
        return None


def _asking(review: Review) -> tuple[str, ...]:
    """Return who asked for changes last; a name is a person here."""
    last = {
        d.principal: d.verdict for d in review.decisions if d.verdict in (Verdict.APPROVE, Verdict.CHANGES_REQUESTED)
    }
    return tuple(name for name, verdict in last.items() if verdict == Verdict.CHANGES_REQUESTED)


def _hours_on(project: Project, review: Review, rule: StageRule | None) -> float:
    """Return for how long these bytes have stood on the stage before; negative where they do not."""
    after = rule.after if rule else ""
    since = standing_since(project, f"{review.model}@{after}", review.model_digest) if after else None
    return (datetime.now(UTC) - since).total_seconds() / 3600 if since else -1.0


def _verdict(
    review: Review, rule: StageRule | None, changed: Mapping[str, str], *, before_h: float, names: str
) -> tuple[Judged, str]:
    if rule is None:
        return Judged.UNKNOWN, "the policy of then is not in the store"
    said = {verdict: [d for d in review.decisions if d.verdict == verdict] for verdict in (*Verdict, WAIVE)}
    case = Case(
        checks={report.name: report.result for report in review.checks} | dict(changed),
        approvals=tuple(decision.principal for decision in said[Verdict.APPROVE]),
        waived=tuple(decision.check for decision in said[WAIVE]),
        rejected=tuple(decision.principal for decision in said[Verdict.REJECT]),
        requester=review.requester,
        author=review.author,
        commit_author=review.commit_author,
        producers=review.producers,
        traits=review.traits,
        changes_requested=_asking(review),
        before_h=before_h,
        names=names,
    )
    return judge(rule, case)


def _rejudged(project: Project, review: Review, rule: StageRule) -> dict[str, str]:
    """Return the results that other thresholds change."""
    before = _signed_rule(project, review)
    found: dict[str, str] = {}
    for report in review.checks:
        own = getattr(rule, report.name, None)
        if own is None or (before is not None and own == getattr(before, report.name)):
            continue
        found[report.name] = _again(project, report, rule) if before is not None else CheckResult.UNKNOWN.value
    return found


def _again(project: Project, report: CheckReport, rule: StageRule) -> str:
    """Judge one report by new thresholds, from its figures alone."""
    if report.result == CheckResult.UNKNOWN:
        return report.result
    if report.name == "metric":
        return _metric_again(project, report, rule)
    if report.name == "budget":
        limits = {name: limit for name, limit in asdict(rule.budget).items() if limit is not None}
        if limits and limits.keys() <= report.figures.keys():
            is_within = all(report.figures[name] <= limit for name, limit in limits.items())
            return (CheckResult.PASS if is_within else CheckResult.FAIL).value
    return CheckResult.UNKNOWN.value


def _metric_again(project: Project, report: CheckReport, rule: StageRule) -> str:
    """Judge the metric by new bounds; an interval of another confidence would have to be computed again."""
    evidence = json.loads(project.store.read(report.evidence_digest))
    wanted, then = asdict(rule.metric), evidence.get("rule")
    if then is None or any(wanted[name] != then[name] for name in ("confidence", "resamples", "minimum")):
        return CheckResult.UNKNOWN.value
    if report.figures["rows"] < rule.metric.minimum_rows:
        return CheckResult.UNKNOWN.value
    has_champion = bool(evidence["champion_digest"])
    low = report.figures["low"]
    is_lenient = has_champion and rule.metric.comparison == "non-inferior"
    is_enough = low >= -rule.metric.margin if is_lenient else low > 0
    if rule.metric.minimum is not None and report.result != CheckResult.PASS:
        return CheckResult.UNKNOWN.value  # which of the two bounds failed is not kept
    return (CheckResult.PASS if is_enough else CheckResult.FAIL).value
