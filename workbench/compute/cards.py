"""Cards of targets: what each offers now, and why it would refuse.

This machine is looked at each time. A far one is asked in a thread of its own and its card kept for half a minute, so
that the panel, which looks at every change, costs no connections, and one that hangs keeps nobody from seeing the rest.
"""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.compute.targets import Capability, Target, TargetFigures, find_target, target_sections
from workbench.contract.job import TargetCard
from workbench.contract.project import Finding
from workbench.contract.status import JobState
from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import StorageError, WorkbenchError
from workbench.foundation.project import Project

_FRESH = timedelta(seconds=30)
_PATIENCE_S = 12.0
"""Seconds that a far target has to answer: more than a connection may take to be refused."""


def list_targets(project: Project, refresh: bool = False) -> tuple[TargetCard, ...]:
    """List targets and whether they are ready.

    A target that cannot even be loaded is listed with the reason, so that one broken line hides nothing. What a far
    target said is kept for half a minute.

    Args:
        project: The project.
        refresh: Ask far targets again, however lately they answered.
    """
    targets = {name: _load(project, name) for name in target_sections(project)}
    kept = {} if refresh else {name: card for name in targets if (card := _kept(project, name))}
    pool = ThreadPoolExecutor(thread_name_prefix="wb-look")
    asked = {name: pool.submit(_look, target) for name, target in targets.items() if name not in kept}
    pool.shutdown(wait=False)  # a target that hangs is left to its own time-out
    cards = {name: kept.get(name) or _answer(project, name, targets[name], asked[name]) for name in targets}
    running = _running_jobs(project)
    return tuple(replace(card, running_jobs=running.get(name, 0)) for name, card in cards.items())


def _load(project: Project, name: str) -> Target | WorkbenchError:
    try:
        return find_target(project, name)
    except WorkbenchError as error:
        return error


def _look(target: Target | WorkbenchError) -> tuple[tuple[Finding, ...], TargetFigures]:
    """Ask a target what it has; where it does not answer, that is the finding."""
    if isinstance(target, WorkbenchError):
        return (_fault("adapter", target),), TargetFigures(0, 0, 0)
    try:
        checks = target.check()
        is_there = all(check.is_ok for check in checks) or Capability.REMOTE not in target.capabilities
        return checks, target.figures() if is_there else TargetFigures(0, 0, 0)
    except WorkbenchError as error:
        return (_fault("reach", error),), TargetFigures(0, 0, 0)


def _fault(name: str, error: WorkbenchError) -> Finding:
    return Finding(name, is_ok=False, message=f"{error.message} [{error.code}]", hint=error.hint)


def _answer(project: Project, name: str, target: Target | WorkbenchError, asked: Future[Any]) -> TargetCard:
    try:
        checks, figures = asked.result(_PATIENCE_S)
    except NotInTime:
        message = f"'{name}' did not answer within {_PATIENCE_S:g} s"
        checks = (Finding("reach", is_ok=False, message=message, hint="mlops targets --refresh"),)
        figures = TargetFigures(0, 0, 0)
    except Exception as error:  # noqa: BLE001 -- an adapter is anybody's code: its fault must not hide the others
        message = f"'{name}' fails with {type(error).__name__}: {error}"
        checks = (Finding("adapter", is_ok=False, message=message, hint="mlops targets --refresh"),)
        figures = TargetFigures(0, 0, 0)
    loaded = None if isinstance(target, WorkbenchError) else target
    card = TargetCard(
        name=name,
        kind=target_sections(project)[name].kind,
        is_ready=all(finding.is_ok for finding in checks),
        checks=checks,
        capabilities=tuple(sorted(loaded.capabilities)) if loaded else (),
        refusals={str(key): reason for key, reason in loaded.refusals.items()} if loaded else {},
        running_jobs=0,
        checked_at=datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(figures),
    )
    if loaded and Capability.REMOTE in loaded.capabilities:
        _keep(project, card)
    return card


def _path(project: Project, name: str) -> Path:
    return project.state_dir / "targets" / f"{quote(name, safe='')}.json"


def _keep(project: Project, card: TargetCard) -> None:
    section = asdict(target_sections(project)[card.name])
    try:
        write_atomic(_path(project, card.name), canonical_json({"section": section, "card": asdict(card)}))
    except StorageError:
        return  # a full disk must not hide what the target said


def _kept(project: Project, name: str) -> TargetCard | None:
    """Return a card that is fresh and of the target as ``workbench.toml`` describes it now."""
    try:
        found = json.loads(_path(project, name).read_bytes())
        raw = found["card"]
        is_fresh = datetime.now(UTC) - datetime.fromisoformat(raw["checked_at"]) < _FRESH
        if not is_fresh or found["section"] != asdict(target_sections(project)[name]):
            return None
        checks = tuple(Finding(**check) for check in raw["checks"])
        return TargetCard(**{**raw, "checks": checks, "capabilities": tuple(raw["capabilities"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None  # there is none, or another version of this program wrote it


def _running_jobs(project: Project) -> dict[str, int]:
    counts: dict[str, int] = {}
    for state in JobState:
        if not state.is_terminal:
            for record in project.journal.records("job", state=state):
                counts[record.body["target"]] = counts.get(record.body["target"], 0) + 1
    return counts
