"""Reading a policy for people: what it asks for in words, and what in it is probably not meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

from workbench.contract.policy import PolicyDemand, PolicyWarning
from workbench.foundation.project import Project, expanded
from workbench.review.people import load_reviewers
from workbench.review.persons import person_of
from workbench.review.policy import POLICY_PATH, Policy, load_policy, read_policy
from workbench.review.policy_rules import StageRule


def lint_policy(project: Project, path: str = "") -> tuple[PolicyWarning, ...]:
    """Look for what is wrong in a policy, and for what is allowed and probably not meant.

    Args:
        project: The project.
        path: Another file than ``policy/gate.toml``.

    Raises:
        DeniedError: ``policy-missing`` or ``policy-invalid``, with ``file:line``: such a policy denies everything.
    """
    policy, _ = read_policy(policy_path(project, path))
    return tuple(_warnings(policy, _people(project)))


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
    """Count the people who may decide, not their keys or names."""
    allowed = load_reviewers(project)
    return len({person_of(allowed, key=entry.key.blob) for entry in allowed.entries})


def _warnings(policy: Policy, people: int) -> Iterator[PolicyWarning]:
    before: tuple[str, StageRule] | None = None
    for stage, rule in policy.stages.items():
        for code, message, hint in _of_stage(rule, people):
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
        yield "too-few-reviewers", f"{rule.approvals} approvals, and {people} people may decide", "mlops reviewers add"
    for check in rule.waivable:
        if check not in rule.required:
            yield "waivable-unused", f"'{check}' may be waived and is not required", f'required = [..., "{check}"]'
    for check in rule.optional:
        if check in rule.required:
            yield "optional-unused", f"'{check}' is required, so it is not optional", "name it once"
    looked_at = {*rule.required, *rule.optional, "format", "schema", "metric"}
    for item in fields(rule):
        value = getattr(rule, item.name)
        if is_dataclass(value) and item.name not in looked_at and value != item.default:
            yield "rule-unused", f"[{item.name}] sets limits, and the check is not run", f'required = ["{item.name}"]'
    if "budget" in looked_at and rule.budget == type(rule.budget)():
        yield (
            "budget-unset",
            "'budget' is run and has no limits, so it is unknown",
            "[….budget] size_bytes = 50_000_000",
        )
    if "slices" in looked_at and not rule.slices.column:
        yield "slices-unset", "'slices' is run and names no column, so it is unknown", '[….slices] column = "…"'


def _weaker(earlier: str, before: StageRule, rule: StageRule) -> Iterator[tuple[str, str]]:
    if missing := [check for check in before.required if check not in rule.required]:
        yield "weaker-checks", f"'{earlier}' requires {', '.join(missing)}, and this stage does not"
    if rule.approvals < before.approvals:
        yield "fewer-approvals", f"'{earlier}' asks for {before.approvals} approvals, this stage for {rule.approvals}"
    if rule.allow_self and not before.allow_self:
        yield "laxer-self", f"'{earlier}' keeps authors from approving, this stage does not"


def _demands(stage: str, rule: StageRule) -> Iterator[PolicyDemand]:
    for check in rule.required:
        kind = "waivable" if check in rule.waivable else "required"
        yield PolicyDemand(stage, check, kind, _WORDS[check](rule))
    for check in rule.optional:
        if check not in rule.required:
            yield PolicyDemand(stage, check, "optional", _WORDS[check](rule))
    whose = "anybody who may decide" if rule.allow_self else "who neither asked for it, trained it nor wrote it"
    people = "1 person" if rule.approvals == 1 else f"{rule.approvals} people"
    yield PolicyDemand(stage, "approvals", "people", f"{people}, {whose}")


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


_WORDS: Mapping[str, Callable[[StageRule], str]] = {
    "format": lambda _: "only known files, plain ONNX, no code",
    "schema": lambda _: "callers of the served model are not broken; its recorded examples come out again",
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
    "reproduced": lambda rule: f"run again, metrics differ by at most {rule.reproduced.tolerance:g} of their size",
}
