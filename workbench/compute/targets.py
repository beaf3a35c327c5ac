"""Targets: the protocol that every adapter keeps, and how they are found.

An adapter is a class in the entry-point group ``workbench.targets``; its entry-point name is the ``kind`` that
``workbench.toml`` uses. It is imported only when a target of its kind is asked for. Each adapter says what it can do
and, for what it lacks, the reason: "why can't I?" has an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

from workbench.contract.job import JobEvent, TargetCard
from workbench.contract.project import Finding
from workbench.contract.status import JobState
from workbench.foundation.config import TargetSection
from workbench.foundation.errors import NotFoundError, UnavailableError, UsageError, did_you_mean
from workbench.foundation.project import Project

GROUP = "workbench.targets"
LOCAL = "local"


class Capability(StrEnum):
    """What a target may be able to do."""

    CANCEL = "cancel"
    LIVE_EVENTS = "live-events"
    OUTLIVES_CALLER = "outlives-caller"
    FETCH = "fetch"
    REMOTE = "remote"
    QUEUE = "queue"
    GPU = "gpu"
    CONTAINER = "container"
    PREEMPTIBLE = "preemptible"


@dataclass(frozen=True)
class TargetStatus:
    """What a target says of a job.

    Attributes:
        state: A job state; LOST where nothing answers and nothing was left behind.
        reason: Why; empty where all is well.
        error: ``ename: evalue``; empty where there is none.
    """

    state: JobState
    reason: str = ""
    error: str = ""


@dataclass(frozen=True)
class TargetFigures:
    """What a target offers.

    Attributes:
        cpus: Cores.
        memory_bytes: Memory.
        free_disk_bytes: Free space where jobs are kept.
        price_per_hour: Price with currency, source and date, or ``unknown``.
    """

    cpus: int
    memory_bytes: int
    free_disk_bytes: int
    price_per_hour: str = "unknown"


class Target(Protocol):
    """Carry a job directory to where it runs, start it, watch it, end it, bring it back.

    Attributes:
        name: Name in ``workbench.toml``.
        capabilities: What it can do.
        refusals: For each capability it lacks, the reason.
    """

    name: str
    capabilities: frozenset[Capability]
    refusals: Mapping[Capability, str]

    def __init__(self, project: Project, name: str, options: Mapping[str, Any]) -> None:
        """Validate the options.

        Raises:
            UsageError: ``target-option-unknown`` or ``target-option-wrong-type``.
        """

    def check(self) -> tuple[Finding, ...]:
        """Look at what has to hold before a job can start; fast, and changes nothing."""

    def figures(self) -> TargetFigures:
        """Return what it offers."""

    def submit(self, job: str) -> None:
        """Start the job whose directory is ready; returns once the job no longer needs the caller."""

    def status(self, job: str) -> TargetStatus:
        """Return how a job stands, from the target's own point of view."""

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the job's events with a number above ``after``."""

    def cancel(self, job: str, grace_s: float | None = None) -> None:
        """End a job and every process it started; returns when none is left.

        Args:
            job: Its id.
            grace_s: Seconds it has to save its work; None takes the target's own.
        """

    def fetch(self, job: str, patterns: tuple[str, ...]) -> tuple[Path, ...]:
        """Bring files of the job directory here and return where they lie now."""

    def cleanup(self, job: str) -> None:
        """Remove what is left of a job's processes and scratch files; the job directory stays."""


def find_target(project: Project, name: str) -> Target:
    """Return the target called ``name``; ``local`` exists even where ``workbench.toml`` does not name it.

    Raises:
        NotFoundError: ``target-unknown`` or ``target-kind-unknown``.
        UsageError: An option of the target is wrong.
        UnavailableError: ``target-adapter-broken``: the adapter's package does not import.
    """
    sections = _sections(project)
    if name not in sections:
        raise NotFoundError("target-unknown", f"There is no target '{name}'", did_you_mean(name, sections))
    section = sections[name]
    return _adapter(section.kind, name)(project, name, section.options)


def list_targets(project: Project) -> tuple[TargetCard, ...]:
    """List targets and whether they are ready.

    A target that cannot even be loaded is listed with the reason, so that one broken line hides nothing.

    Args:
        project: The project.
    """
    return tuple(_card(project, name, section) for name, section in _sections(project).items())


def require_ready(target: Target) -> None:
    """Refuse a target that could not run a job now.

    Raises:
        UnavailableError: ``target-not-ready``, with the first finding and what mends it.
    """
    for finding in target.check():
        if not finding.is_ok:
            raise UnavailableError("target-not-ready", f"Target '{target.name}': {finding.message}", finding.hint)


def read_options(schema: type[Any], name: str, options: Mapping[str, Any]) -> Any:
    """Build an adapter's options dataclass out of ``[targets.<name>]``; each field's default gives its type.

    Raises:
        UsageError: ``target-option-unknown``, with the nearest one, or ``target-option-wrong-type``.
    """
    known = {field: getattr(schema, field) for field in schema.__dataclass_fields__}
    values = {}
    for key, value in options.items():
        if key not in known:
            message = f"Target '{name}' has no option '{key}'"
            raise UsageError("target-option-unknown", message, did_you_mean(key, known))
        wanted = type(known[key])
        if wanted is float and type(value) is int:
            value = float(value)  # noqa: PLW2901 -- TOML writes 5 where 5.0 is meant
        if type(value) is not wanted:
            message = f"Option '{key}' of target '{name}' must be {wanted.__name__}, not {type(value).__name__}"
            raise UsageError("target-option-wrong-type", message, f"change [targets.{name}] in workbench.toml")
        values[key] = value
    return schema(**values)


def _sections(project: Project) -> dict[str, TargetSection]:
    return {LOCAL: TargetSection(LOCAL), **project.config.targets}


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _adapter(kind: str, name: str) -> type[Target]:
    known = _entry_points()
    if kind == LOCAL:  # does not depend on how this package was installed
        from workbench.compute.local import LocalTarget

        return LocalTarget
    if kind not in known:
        message = f"Target '{name}' is of kind '{kind}', for which no adapter is installed"
        raise NotFoundError("target-kind-unknown", message, did_you_mean(kind, {*known, LOCAL}))
    try:
        adapter: type[Target] = known[kind].load()
    except (ImportError, AttributeError) as error:
        message = f"The adapter of target '{name}' ({known[kind].value}) does not import: {error}"
        raise UnavailableError("target-adapter-broken", message, "reinstall the package that brings it") from error
    return adapter


def _card(project: Project, name: str, section: TargetSection) -> TargetCard:
    try:
        target = find_target(project, name)
    except (NotFoundError, UsageError, UnavailableError) as error:
        broken = Finding("adapter", is_ok=False, message=error.message, hint=error.hint)
        return TargetCard(name, section.kind, False, (broken,), (), {}, 0, 0, 0, 0, "unknown")
    checks, figures = target.check(), target.figures()
    return TargetCard(
        name=name,
        kind=section.kind,
        is_ready=all(finding.is_ok for finding in checks),
        checks=checks,
        capabilities=tuple(sorted(target.capabilities)),
        refusals={str(capability): reason for capability, reason in target.refusals.items()},
        cpus=figures.cpus,
        memory_bytes=figures.memory_bytes,
        free_disk_bytes=figures.free_disk_bytes,
        running_jobs=_running_jobs(project, name),
        price_per_hour=figures.price_per_hour,
    )


def _running_jobs(project: Project, name: str) -> int:
    states = (state for state in JobState if not state.is_terminal)
    return sum(record.body.get("target") == name for state in states for record in _open(project, state))


def _open(project: Project, state: JobState) -> list[Any]:
    return list(project.journal.records("job", state=state))
