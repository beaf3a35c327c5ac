"""Reading a policy for people: what it asks for in words, and what in it is probably not meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.contract.policy import PolicyDemand, PolicyWarning
from workbench.data.care.card import CLASSES
from workbench.foundation.counting import counted
from workbench.foundation.errors import did_you_mean
from workbench.foundation.project import Project, expanded
from workbench.review.policies.change import adopted_digest, read_stages, why_laxer
from workbench.review.policies.check_rules import HERE
from workbench.review.policies.policy import Policy, load_policy, read_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.policies.rules import CHECK_NAMES, POLICY_PATH, GroupRule, StageRule
from workbench.review.proof.persons import person_of
from workbench.review.proof.statement import Verdict


def lint_policy(project: Project, path: str = "") -> tuple[PolicyWarning, ...]:
    """Look for what is wrong in a policy, and for what is allowed and probably not meant.

    Args:
        project: The project.
        path: Another file than ``policy/gate.toml``.

    Raises:
        DeniedError: ``policy-missing`` or ``policy-invalid``, with ``file:line``: such a policy denies everything.
    """
    policy, _ = read_policy(policy_path(project, path))
    return (*_lowered(project, policy), *_warnings(policy, _people(project)), *_strangers(project, policy))


def _lowered(project: Project, policy: Policy) -> Iterator[PolicyWarning]:
    """Yield where it asks for less than the policy in force, which needs signatures under that one."""
    before = adopted_digest(project.journal)
    if before not in ("", policy.digest):
        for what in why_laxer(read_stages(project.store, before), policy.stages):
            yield PolicyWarning("", "lowered", f"It asks for less than the policy in force: {what}", "policy propose")


def _strangers(project: Project, policy: Policy) -> Iterator[PolicyWarning]:
    """Yield members of groups whose key is not known: they could be asked and could not answer."""
    allowed, now = load_reviewers(project), datetime.now(UTC)
    in_force = (entry for entry in allowed.unrevoked if not (entry.valid_before and entry.valid_before <= now))
    known = {name for entry in in_force for name in entry.principals}
    for stage, rule in policy.stages.items():
        named = {f"group '{name}'": group.members for name, group in rule.groups.items()}
        named |= {"break_glass": rule.break_glass.members, "ci": rule.ci}
        for where, members in named.items():
            if missing := [name for name in members if name not in known]:
                words = f"{where} names {', '.join(missing)}, who is no reviewer here"
                yield PolicyWarning(stage, "member-unknown", words, "mlops reviewers add")


def explain_policy(project: Project, stage: str = "") -> tuple[PolicyDemand, ...]:
    """Say in words what each stage asks for.

    Args:
        project: The project.
        stage: One stage; all by default.

    Raises:
        DeniedError: ``policy-missing`` or ``policy-invalid``.
        NotFoundError: ``stage-unknown``.
    """
    policy = load_policy(project)
    stages = {stage: policy.rule(stage)} if stage else policy.stages
    return tuple(demand for name, rule in stages.items() for demand in _demands(name, rule))


def policy_path(project: Project, path: str) -> Path:
    """Return the file that is meant: the project's own where none is named."""
    return project.root / expanded(path) if path else project.root / POLICY_PATH


def _people(project: Project) -> int:
    """Count the people who may decide, not their keys or names; a key for requests or checks alone decides nothing."""
    allowed, now = load_reviewers(project), datetime.now(UTC)
    deciding = (entry for entry in allowed.unrevoked if entry.is_valid_at(Verdict.APPROVE.namespace, now))
    return len({person_of(allowed, key=entry.key.blob) for entry in deciding})


def _warnings(policy: Policy, people: int) -> Iterator[PolicyWarning]:
    before: tuple[str, StageRule] | None = None
    for stage, rule in policy.stages.items():
        for code, message, hint in (*_of_stage(rule, people), *_never_asked(rule)):
            yield PolicyWarning(stage, code, message, hint)
        if before:
            for code, message in _weaker(before[0], before[1], rule):
                yield PolicyWarning(stage, code, message, "later stages usually ask for more")
        before = stage, rule


def _of_stage(rule: StageRule, people: int) -> Iterator[tuple[str, str, str]]:
    if not rule.required:
        yield "nothing-required", "No check is required", 'required = ["format", "schema", "metric"]'
    elif "format" not in rule.required:
        yield "format-optional", "'format' is not required, so files that hold code may pass", 'add "format"'
    if rule.allow_self:
        yield "self-approval", "Authors may approve their own models", "allow_self = false"
    if rule.approvals > people:
        asked, there = counted(rule.approvals, "approval"), counted(people, "person", "people")
        yield "too-few-reviewers", f"{asked}, and {there} may decide", "mlops reviewers add"
    for check in rule.waivable:
        if check not in rule.required:
            yield "waivable-unused", f"'{check}' may be waived and is not required", f'required = [..., "{check}"]'
    for check in rule.optional:
        if check in rule.required:
            yield "optional-unused", f"'{check}' is required, so it is not optional", "name it once"
    looked_at = {*rule.required, *rule.optional, "format", "schema", "metric"}
    for item in fields(rule):
        value = getattr(rule, item.name)
        is_limit = is_dataclass(value) and item.name in CHECK_NAMES
        if is_limit and item.name not in looked_at and value != item.default:
            yield "rule-unused", f"[{item.name}] sets limits, and the check is not run", f'required = ["{item.name}"]'
    if "budget" in looked_at and rule.budget == type(rule.budget)():
        yield (
            "budget-unset",
            "'budget' is run and has no limits, so it is unknown",
            "[….budget] size_bytes = 50_000_000",
        )
    if "slices" in looked_at and not rule.slices.column:
        yield "slices-unset", "'slices' is run and names no column, so it is unknown", '[….slices] column = "…"'


def _never_asked(rule: StageRule) -> Iterator[tuple[str, str, str]]:
    """Yield groups that wait for a class of data which there is none of: misspelt, they would never be asked."""
    for name, group in rule.groups.items():
        if unknown := [each for each in group.classes if each not in CLASSES]:
            said = f"group '{name}' is asked for data of class {', '.join(unknown)}, and no data card says that"
            yield "class-unknown", said, did_you_mean(unknown[0], CLASSES)


def _weaker(earlier: str, before: StageRule, rule: StageRule) -> Iterator[tuple[str, str]]:
    if missing := [check for check in before.required if check not in rule.required]:
        yield "weaker-checks", f"'{earlier}' requires {', '.join(missing)}, and this stage does not"
    if rule.approvals < before.approvals:
        yield "fewer-approvals", f"'{earlier}' asks for {before.approvals} approvals, this stage for {rule.approvals}"
    if rule.allow_self and not before.allow_self:
        yield "laxer-self", f"'{earlier}' keeps authors from approving, this stage does not"
    if before.wants_signed_names and not rule.wants_signed_names:
        yield "laxer-names", f"'{earlier}' asks for signed names, this stage does not"


def _demands(stage: str, rule: StageRule) -> Iterator[PolicyDemand]:
    for check in rule.required:
        kind = "waivable" if check in rule.waivable else "required"
        yield PolicyDemand(stage, check, kind, _said(check, rule))
    for check in rule.optional:
        if check not in rule.required:
            yield PolicyDemand(stage, check, "optional", _said(check, rule))
    if rule.checks.target != HERE:
        apart = "" if rule.checks.isolation == "required" else ", as far apart as that machine permits"
        yield PolicyDemand(stage, "checks", "place", f"checks run as a job on target '{rule.checks.target}'{apart}")
    whose = "anybody who may decide" if rule.allow_self else "who neither asked for it, trained it nor wrote it"
    people = counted(rule.approvals, "person", "people")
    yield PolicyDemand(stage, "approvals", "people", f"{people}, {whose}")
    if rule.wants_signed_names:
        said = "who trained it signs the request, and everybody with a hand in it has a key in policy/reviewers"
        yield PolicyDemand(stage, "names", "people", said)
    for name, group in rule.groups.items():
        yield PolicyDemand(stage, name, "people", _group(group))
    if rule.expires_days is not None:
        yield PolicyDemand(stage, "expiry", "time", f"an approval counts for {counted(rule.expires_days, 'day')}")
    if rule.after:
        soak = f" at least {counted(rule.soak_h, 'hour')} before" if rule.soak_h else ""
        yield PolicyDemand(stage, "order", "time", f"the same bytes were released on '{rule.after}'{soak}")
    if rule.break_glass.members:
        who = ", ".join(rule.break_glass.members)
        yield PolicyDemand(
            stage, "break_glass", "people", f"{who} may override for 24 hours; then somebody looks at it"
        )
    if rule.ci:
        yield PolicyDemand(stage, "ci", "people", f"checks signed by {', '.join(rule.ci)} count as ci-verified")


def _group(group: GroupRule) -> str:
    people = f"{group.approvals} of {', '.join(group.members)}"
    asked = [f"data of class {name}" for name in group.classes]
    asked += [f"a file like {name}" for name in group.paths] + [f"the tag {name}" for name in group.tags]
    return f"{people}, where there is {' or '.join(asked)}" if asked else people


def _metric(rule: StageRule) -> str:
    given = rule.metric
    bound = f"at most {given.margin:g} worse" if given.comparison == "non-inferior" else "better"
    minimum = f"; reaches {given.minimum:g}" if given.minimum is not None else ""
    return f"{bound} than what is served, {given.confidence:.0%} sure, on {given.minimum_rows} rows or more{minimum}"


def _budget(rule: StageRule) -> str:
    given = rule.budget
    parts = [f"{given.size_bytes:,} bytes"] if given.size_bytes is not None else []
    parts += [f"{given.memory_bytes:,} bytes of memory"] if given.memory_bytes is not None else []
    parts += [f"{given.latency_ms:g} ms for a row"] if given.latency_ms is not None else []
    return f"at most {', '.join(parts)}" if parts else "no limits are set, so it is unknown"


def _leakage(rule: StageRule) -> str:
    given = rule.leakage
    time = f"; training ends before the holdout begins, by '{given.time}'" if given.time else ""
    return (
        f"at most {given.overlap:.1%} of the holdout rows were trained on; no feature alone gives {given.oracle:.0%} "
        f"of the answer away{time}"
    )


def _slices(rule: StageRule) -> str:
    given = rule.slices
    by = f"'{given.column}'" if given.column else "a column that is not named, so it is unknown"
    return f"at most {given.gap:g} worse on any slice by {by} with {given.minimum_rows} rows or more"


def _format(rule: StageRule) -> str:
    beside = [name for name in rule.format.formats if name != "onnx"]
    names = f", importing no more than {len(rule.format.names)} exact names" if rule.format.names else ""
    return "only known files, plain ONNX, no code" + (f"; beside it {', '.join(beside)}{names}" if beside else "")


def _said(check: str, rule: StageRule) -> str:
    return _WORDS[check](rule) if check in _WORDS else "brought by a package of somebody else's; unknown without it"


def _fairness(rule: StageRule) -> str:
    given = rule.fairness
    by = ", ".join(f"'{name}'" for name in given.columns) or "features that are not named, so it is unknown"
    what = given.metric.replace("_", " ")
    return f"{what} differs by at most {given.difference:g} between groups of {by}"


_WORDS: Mapping[str, Callable[[StageRule], str]] = {
    "format": _format,
    "schema": lambda rule: (
        "callers of the served model are not broken; its recorded examples come out again"
        + (f"; callers have adapters for {', '.join(rule.schema.adapters)}" if rule.schema.adapters else "")
    ),
    "metric": _metric,
    "inputs": lambda rule: f"every input is a dataset version; the run is {rule.inputs.minimum_level} or above",
    "dependencies": lambda _: "requirements are pinned, are those of the run and are installed here",
    "hygiene": lambda rule: (
        "no errors and no secrets in the executed notebook"
        + ("" if rule.hygiene.allow_hidden_state else "; cells ran once, in order")
    ),
    "card": lambda rule: f"a model card with every section, {rule.card.minimum_words} words or more in each",
    "budget": _budget,
    "leakage": _leakage,
    "slices": _slices,
    "fairness": _fairness,
    "explanation": lambda rule: (
        f"which features it rests on; none above {rule.explanation.largest_share:.0%}, none changed by more than "
        f"{rule.explanation.largest_change:.0%} against what is served"
    ),
    "licences": lambda rule: f"every requirement's licence is one of {len(rule.licences.allow)} that are allowed",
    "vulnerabilities": lambda rule: (
        f"no known one in the requirements, by {rule.vulnerabilities.snapshot or 'a snapshot that is not named'}, "
        f"at most {rule.vulnerabilities.maximum_age_days:g} days old"
    ),
    "reproduced": lambda rule: f"run again, metrics differ by at most {rule.reproduced.tolerance:g} of their size",
}
