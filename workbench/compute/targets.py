"""Targets: the protocol that every adapter keeps, and how they are found.

An adapter is a class in the entry-point group ``workbench.targets``; its entry-point name is the ``kind`` that
``workbench.toml`` uses. It is imported only when a target of its kind is asked for. Each adapter says what it can do
and, for what it lacks, the reason: "why can't I?" has an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, get_type_hints

from workbench.compute.consent import check_commands
from workbench.contract.job import JobEvent
from workbench.contract.project import Finding
from workbench.contract.status import JobState
from workbench.foundation.config import TargetSection
from workbench.foundation.errors import NotFoundError, UnavailableError, UsageError, did_you_mean
from workbench.foundation.project import Project

GROUP = "workbench.targets"
LOCAL = "local"
SANDBOX = "sandbox"
"""Always there, and never another: what is run on it is not trusted."""


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
    LIMITS = "limits"  # processors, memory and time that a job may use at most
    ARRAY = "array"  # many jobs in one order


@dataclass(frozen=True)
class TargetStatus:
    """What a target says of a job.

    Attributes:
        state: A job state; LOST where nothing answers and nothing was left behind.
        reason: Why; empty where all is well.
        error: ``ename: evalue``; empty where there is none.
        queue_position: Place in the queue, from 1; 0 where it does not wait or nobody can tell.
    """

    state: JobState
    reason: str = ""
    error: str = ""
    queue_position: int = 0


@dataclass(frozen=True)
class Sighting:
    """What one look at a job brought.

    Attributes:
        status: How it stands.
        events: Events with a number above the one that was asked for, in order and without a gap.
    """

    status: TargetStatus
    events: tuple[JobEvent, ...] = ()


@dataclass(frozen=True)
class Travel:
    """How jobs travel to a far target, and how long its silence is borne.

    Attributes:
        channel: ``files`` where the job directory can be read as the job runs; ``stdout`` where only a log comes back.
        bundle_limit_bytes: Largest bundle that it takes.
        env: Names of variables that the kernel gets, and where their values come from (``env:…``, ``file:…``, …).
        data_sources: Where the far side looks for data before DVC's own remotes: folders there, or URLs.
        lost_after_s: Seconds without an answer after which its jobs are LOST.
        is_here: Whether it reads this machine's files, so that data need not have been pushed anywhere.
        isolation: ``required`` where every job is confined and not run otherwise; empty where one asks for it.
    """

    channel: str = "files"
    bundle_limit_bytes: int = 50_000_000
    env: Mapping[str, str] = field(default_factory=dict)
    data_sources: tuple[str, ...] = ()
    lost_after_s: float = 600.0
    is_here: bool = False
    isolation: str = ""


@dataclass(frozen=True)
class TargetFigures:
    """What a target offers.

    Attributes:
        cpus: Cores.
        memory_bytes: Memory.
        free_disk_bytes: Free space where jobs are kept.
        price_per_hour: Price with currency, source and date, or ``unknown``.
        cpus_free: Cores that nobody uses now; -1 where it cannot tell.
        gpus: GPUs.
        gpus_free: GPUs that nobody uses now; -1 where it cannot tell.
        queued_jobs: Jobs of anybody that wait now; -1 where it cannot tell.
        quota: What is left of a quota, in the target's own words; empty where there is none.
    """

    cpus: int
    memory_bytes: int
    free_disk_bytes: int
    price_per_hour: str = "unknown"
    cpus_free: int = -1
    gpus: int = 0
    gpus_free: int = -1
    queued_jobs: int = -1
    quota: str = ""


class Target(Protocol):
    """Carry a job directory to where it runs, start it, watch it, end it, bring it back.

    ``job`` is always an execution (:func:`workbench.compute.folder.execution_of`). What does not answer raises
    ``UnavailableError``; nothing is ever concluded from silence.

    Attributes:
        name: Name in ``workbench.toml``.
        capabilities: What it can do.
        refusals: For each capability it lacks, the reason.
        travel: How jobs get there; None where they run in the project's own folder (it lacks ``REMOTE``).
    """

    name: str
    capabilities: frozenset[Capability]
    refusals: Mapping[Capability, str]
    travel: Travel | None

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
        """Start the job whose directory is ready; returns once the job no longer needs the caller.

        Doing so again for the same execution changes nothing, also after a caller died half-way.

        Raises:
            UnavailableError: The target does not answer; the same call may be made again.
            WorkbenchError: It refuses the job for good.
        """

    def poll(self, jobs: Mapping[str, int]) -> Mapping[str, Sighting]:
        """Look at several jobs at once: one question to a far machine, however many jobs it has.

        Args:
            jobs: For each execution, the number of the last event that is known here.

        Raises:
            UnavailableError: The target does not answer.
        """

    def status(self, job: str) -> TargetStatus:
        """Return how a job stands, from the target's own point of view."""

    def events(self, job: str, after: int = 0) -> tuple[JobEvent, ...]:
        """Return the job's events with a number above ``after``."""

    def cancel(self, job: str, grace_s: float | None = None) -> None:
        """End a job and every process it started; returns when none is left.

        Args:
            job: Its id.
            grace_s: Seconds it has to save its work; None takes the target's own.

        Raises:
            PendingError: Something of it has not ended yet; it is cancelled again.
        """

    def fetch(self, job: str, patterns: tuple[str, ...]) -> tuple[Path, ...]:
        """Bring files of the job directory here and return where they lie now."""

    def cleanup(self, job: str) -> None:
        """Remove what is left of a job's processes and scratch files; the job directory stays."""


class ArrayTarget(Target, Protocol):
    """A target with ``ARRAY``: it takes many jobs in one order."""

    def submit_many(self, jobs: Sequence[str], parallel: int = 0) -> None:
        """Start jobs that ask for the same resources; like ``submit`` for each, and as often as one likes.

        Args:
            jobs: Executions whose directories are ready.
            parallel: At most so many run at once; 0 sets no bound.

        Raises:
            UnavailableError: The target does not answer; the same call may be made again.
            WorkbenchError: It refuses them for good.
        """


def find_target(project: Project, name: str) -> Target:
    """Return the target called ``name``; ``local`` and ``sandbox`` exist even where ``workbench.toml`` names none.

    Raises:
        NotFoundError: ``target-unknown`` or ``target-kind-unknown``.
        UsageError: An option of the target is wrong.
        DeniedError: ``secrets-untrusted``: it names a file of commands that came with the repository.
        UnavailableError: ``target-adapter-broken``: the adapter's package does not import.
    """
    sections = target_sections(project)
    if name == SANDBOX:
        from workbench.compute.sandbox import SandboxTarget

        return SandboxTarget(project, name, {})
    if name not in sections:
        known = (*sections, SANDBOX)
        raise NotFoundError("target-unknown", f"There is no target '{name}'", did_you_mean(name, known))
    check_commands(project, name)
    section = sections[name]
    return _adapter(section.kind, name)(project, name, section.options)


def require_ready(target: Target) -> None:
    """Refuse a target that could not run a job now.

    Raises:
        UnavailableError: ``target-not-ready``, with the first finding and what mends it.
    """
    for finding in target.check():
        if not finding.is_ok:
            raise UnavailableError("target-not-ready", f"Target '{target.name}': {finding.message}", finding.hint)


def read_options(schema: type[Any], name: str, options: Mapping[str, Any]) -> Any:
    """Build an adapter's options dataclass out of ``[targets.<name>]``.

    A field is ``str``, ``int``, ``float``, ``bool``, ``tuple[str, ...]`` (a list in TOML) or ``dict[str, str]`` (a
    table).

    Raises:
        UsageError: ``target-option-unknown``, with the nearest one, or ``target-option-wrong-type``.
    """
    known = get_type_hints(schema)
    values = {}
    for key, value in options.items():
        if key not in known:
            message = f"Target '{name}' has no option '{key}'"
            raise UsageError("target-option-unknown", message, did_you_mean(key, known))
        wanted = known[key]
        if wanted is float and type(value) is int:
            value = float(value)  # noqa: PLW2901 -- TOML writes 5 where 5.0 is meant
        if not _is_of(value, wanted):
            message = f"Option '{key}' of target '{name}' must be {_word(wanted)}, not {type(value).__name__}"
            raise UsageError("target-option-wrong-type", message, f"change [targets.{name}] in workbench.toml")
        values[key] = tuple(value) if isinstance(value, list) else value
    return schema(**values)


def _is_of(value: object, wanted: Any) -> bool:
    if wanted == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if wanted == dict[str, str]:
        return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
    return type(value) is wanted


def _word(wanted: Any) -> str:
    words = {str(tuple[str, ...]): "a list of strings", str(dict[str, str]): "a table of strings"}
    return words.get(str(wanted)) or str(wanted.__name__)


def target_sections(project: Project) -> dict[str, TargetSection]:
    """Return what ``workbench.toml`` says of targets, and ``local``, which is always there."""
    return {LOCAL: TargetSection(LOCAL), **project.config.targets}


def _adapter(kind: str, name: str) -> type[Target]:
    if kind == LOCAL:  # does not depend on how this package was installed
        from workbench.compute.local import LocalTarget

        return LocalTarget
    known = {entry.name: entry for entry in entry_points(group=GROUP)}  # reads a file of every installed package
    if kind not in known:
        message = f"Target '{name}' is of kind '{kind}', for which no adapter is installed"
        raise NotFoundError("target-kind-unknown", message, did_you_mean(kind, {*known, LOCAL}))
    try:
        adapter: type[Target] = known[kind].load()
    except (ImportError, AttributeError) as error:
        message = f"The adapter of target '{name}' ({known[kind].value}) does not import: {error}"
        package = known[kind].dist
        hint = f"pip install --force-reinstall {package.name}" if package else "reinstall the package that brings it"
        raise UnavailableError("target-adapter-broken", message, hint) from error
    return adapter
