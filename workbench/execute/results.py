"""What comes back from another machine, and how it becomes the project's own run.

While a job runs, :func:`deliver_event` carries its metrics, parameters and tags into the run's append log. At the end
:func:`take_in` verifies every file that was announced and adds what only the far store has: runs inside the run,
datasets, models and artifacts. Both may be repeated, also after a kill at any moment, and double nothing: a far run is
found again by the tag of the child that it became, and everything else is written so that writing it again is nothing.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.compute.folder import JobFolder
from workbench.contract.job import JobEvent
from workbench.contract.status import RunState
from workbench.experiment.lifecycle import end_run
from workbench.experiment.runs import MAX_LIMIT, reader_of, rows_of
from workbench.experiment.search.parser import parse_query
from workbench.experiment.store import append_log, delivery
from workbench.experiment.store.append_log import METRIC, PARAM, TAG
from workbench.experiment.store.rows import RunQuery, RunRow
from workbench.experiment.store.tracking import log_artifacts, set_tags, start_run
from workbench.experiment.transfer.far_store import FarRun, FarStore, own_run, take_in_models
from workbench.experiment.transfer.far_store import damaged_result as _damaged
from workbench.foundation.canonical import digest_file
from workbench.foundation.errors import UsageError, storage_errors
from workbench.foundation.project import Project

FAR_RUN_TAG = "workbench.far_run"
"""On a child: the run of the far side that it is."""
LOST_TAG = "workbench.lost"
"""On a run: files that its job made and its target could not send."""
FAR_STORE = "far.db"
_NAMED = 20
_PARENT = "mlflow.parentRunId"
_NAME = "mlflow.runName"
_OURS = re.compile(r"(mlflow\.(?!note\.content)|workbench\.(?!models\Z))")
"""Tags that each side writes for itself; which models a run has saved is known where it saved them."""
_OF_A_RUN = re.compile(r"tracked/(?:.+/)?([0-9a-f]{32})/artifacts/(.+)", re.DOTALL)
_OF_A_MODEL = re.compile(r"tracked/(?:.+/)?models/(m-[0-9a-f]{32})/artifacts/(.+)", re.DOTALL)
_DECLARED = "artifacts/"
_ENDS = {"FINISHED": RunState.FINISHED, "FAILED": RunState.FAILED}
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_JOB = "workbench.job"
_INHERITED = (_JOB, "workbench.target", "workbench.commit", "workbench.notebook_digest")
_children: dict[tuple[Path, str, str], str] = {}
"""Children that this process has found or made, by project, run of the job and far run, whose id another may name."""


def deliver_event(project: Project, run: str, event: JobEvent) -> None:
    """Deliver a job's event of kind ``metric``, ``param`` or ``tag`` to MLflow; any other is left alone.

    What cannot be recorded (a name that MLflow refuses) is left out: the far side has it, and it ends no job.

    Args:
        project: The project.
        run: The job's own MLflow run.
        event: The event; ``data["run"]`` names another run of the far side, which becomes a child of this one.

    Raises:
        StorageError: ``disk-full`` or ``folder-not-writable``; the same call may be made again.
    """
    if event.kind not in (METRIC, PARAM, TAG):
        return
    data = event.data
    name, far_run = str(data.get("name", "")), str(data.get("run") or "")
    if not far_run:
        _append(project, run, event.kind, name, data, event.at)
        return
    value = str(data.get("value") or "")
    child = _child_of(project, run, far_run, value if name == _NAME else "")
    if event.kind == TAG and name == _NAME:
        append_log.append(project, child, TAG, _NAME, value)
    elif event.kind == TAG and name == _PARENT:
        append_log.append(project, child, TAG, _PARENT, _child_of(project, run, value) if value else run)
    else:
        _append(project, child, event.kind, name, data, event.at)


def take_in(project: Project, folder: JobFolder, run: str) -> None:
    """Add what a far job brought back to its run, after everything was fetched and before the run is ended.

    Args:
        project: The project.
        folder: The job's directory here.
        run: The job's own MLflow run.

    Raises:
        IntegrityError: ``result-damaged``: a file is not what the far side announced, or is missing, or MLflow's file
            is torn or half made; no file was added, and doing it again mends nothing.
        StorageError: ``disk-full`` or ``folder-not-writable``; the same call may be made again.
    """
    announced = verified_artifacts(folder)
    far = FarStore(folder.path / FAR_STORE)
    runs: tuple[FarRun, ...] = ()
    if (folder.path / FAR_STORE).is_file():
        runs = far.runs()
    mapping = _take_in_runs(project, run, far, runs)
    with _laid_out(project, folder, announced, mapping, run) as (of_runs, of_models):
        for target, files in of_runs.items():
            log_artifacts(project, target, files, "")
        if mapping:
            take_in_models(project, far, mapping, of_models)
    _note_lost(project, run, folder)
    _end_as_there(project, run, {far_run.id: far_run for far_run in runs})


def verified_artifacts(folder: JobFolder) -> tuple[str, ...]:
    """Return the paths of the files that the far side announced, each verified by its digest.

    Raises:
        IntegrityError: ``result-damaged``.
    """
    announced = _announced(folder)
    for name, (digest, size) in announced.items():
        path = folder.path / name
        if not _is_inside(name) or not _is_there(path):
            raise _damaged(name, "it did not come")
        if path.stat().st_size != size or digest_file(path) != digest:
            raise _damaged(name, "it is not what was announced")
    return tuple(announced)


def _announced(folder: JobFolder) -> dict[str, tuple[str, int]]:
    """Return digest and size of each file that the far side named."""
    lost = lost_results(folder)
    try:
        return {
            str(event.data["path"]): (str(event.data["digest"]), int(str(event.data["bytes"])))
            for event in folder.read_events()
            if event.kind == "artifact" and "bytes" in event.data and event.data["path"] not in lost
        }
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder.events.name, f"{type(error).__name__}: {error}") from error


def lost_results(folder: JobFolder) -> dict[str, str]:
    """Return what the far side had and could not send, with what mends it.

    Raises:
        IntegrityError: ``result-damaged``: the events cannot be read.
    """
    try:
        said = [event.data for event in folder.read_events() if event.kind == "lost"]
        return {str(data["path"]): str(data.get("hint", "")) for data in said if "path" in data}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder.events.name, f"{type(error).__name__}: {error}") from error


def _note_lost(project: Project, run: str, folder: JobFolder) -> None:
    """Say on the run what of it lies nowhere here."""
    if lost := lost_results(folder):
        names = ", ".join(list(lost)[:_NAMED]) + (f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else "")
        set_tags(project, run, {LOST_TAG: f"{names}: too large for the target's log. {next(iter(lost.values()))}"})


def _is_inside(name: str) -> bool:
    """Tell whether a name stays in its folder, also what is left of it where a part is taken off its front."""
    pure = PurePosixPath(name)
    return pure.as_posix() == name and not pure.is_absolute() and ".." not in pure.parts


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no name that this file system can hold
        return False


def _take_in_runs(project: Project, run: str, far: FarStore, runs: tuple[FarRun, ...]) -> dict[str, str]:
    """Deliver everything that the far store has of each run, and return the run here of each."""
    own = own_run(runs)
    mapping = {own: run} if own else {}
    for far_run in runs:
        if far_run.id != own:
            mapping[far_run.id] = _child_of(project, run, far_run.id, far_run.tags.get(_NAME, ""))
    for far_run in runs:
        target = mapping[far_run.id]
        if target != run:
            append_log.append(project, target, TAG, _PARENT, mapping.get(far_run.tags.get(_PARENT, ""), run))
            append_log.append(project, target, TAG, _NAME, far_run.tags.get(_NAME, ""))
        for key, value in far_run.params.items():
            _append(project, target, PARAM, key, {"value": value})
        for key, value in far_run.tags.items():
            _append(project, target, TAG, key, {"value": value})
        for name, number, step, at_ms in far.metrics(far_run.id):
            _append(project, target, METRIC, name, {"value": number, "step": step, "at_ms": at_ms})
        delivery.drain(project, target)
    return mapping


def _append(project: Project, run: str, kind: str, name: str, data: Mapping[str, Any], at: str = "") -> None:  # noqa: PLR0917 - one record
    if kind == TAG and _OURS.match(name):
        return
    value, at_ms = data.get("value"), data.get("at_ms")
    try:
        if at_ms is None and at:
            at_ms = int(datetime.fromisoformat(at).timestamp() * 1000)
        if kind == METRIC:
            append_log.append(project, run, METRIC, name, float(str(value)), int(str(data.get("step") or 0)), at_ms)
        else:
            append_log.append(project, run, kind, name, "" if value is None else str(value))
    except (UsageError, ValueError, OverflowError):
        return


def _child_of(project: Project, run: str, far_run: str, name: str = "") -> str:
    """Return the child that a far run is here; it is made where it is seen for the first time."""
    if not _RUN_ID.fullmatch(far_run):
        raise _damaged("events.jsonl", f"'{far_run[:40]}' is no run of MLflow's")
    key = (project.root, run, far_run)
    if key not in _children:
        job = rows_of(project, (run,))[0].tags.get(_JOB, "")
        mine = parse_query(f"tags.{FAR_RUN_TAG} = '{far_run}' AND tags.{_JOB} = '{job}'")
        found = reader_of(project).search(RunQuery(1, where=mine))
        _children[key] = found[0].id if found else _begin_child(project, run, far_run, name)
    return _children[key]


def _begin_child(project: Project, run: str, far_run: str, name: str) -> str:
    parent = rows_of(project, (run,))[0].tags
    tags = {key: parent[key] for key in _INHERITED if key in parent}
    source = parent.get("workbench.source", "")
    return start_run(project, name=name, source=source, tags={**tags, _PARENT: run, FAR_RUN_TAG: far_run})


def end_children(project: Project, run: str, state: RunState = RunState.KILLED) -> None:
    """End what is still open of the runs inside a far job's run: nothing more will be heard of them.

    Args:
        project: The project.
        run: The job's own MLflow run.
        state: KILLED, or LOST where the machine may answer again.
    """
    for child in _open_children(project, run):
        end_run(project, child.id, state)


def _end_as_there(project: Project, run: str, far_runs: Mapping[str, FarRun]) -> None:
    """End the children as the far side ended them; what it did not end was cut off."""
    for child in _open_children(project, run):
        far_run = far_runs.get(child.tags[FAR_RUN_TAG])
        end_run(project, child.id, _ENDS.get(far_run.status if far_run else "", RunState.KILLED))


def _open_children(project: Project, run: str) -> list[RunRow]:
    """Return the children, also theirs, that have not ended, or of which that is only feared."""
    job = rows_of(project, (run,))[0].tags.get(_JOB, "")
    mine = parse_query(f"tags.{FAR_RUN_TAG} != '' AND tags.{_JOB} = '{job}'")
    asked = (RunQuery(MAX_LIMIT, where=mine, state=state) for state in (RunState.RUNNING, RunState.LOST))
    return [row for query in asked for row in reader_of(project).search(query)]


@contextmanager
def _laid_out(
    project: Project, folder: JobFolder, announced: tuple[str, ...], mapping: Mapping[str, str], run: str
) -> Iterator[tuple[dict[str, Path], dict[str, Path]]]:
    """Lay verified files out as artifacts of runs and of models, for the time of the block."""
    scratch = project.state_dir / "staging" / f"results-{folder.path.name}"
    shutil.rmtree(scratch, ignore_errors=True)
    of_runs: dict[str, Path] = {}
    of_models: dict[str, Path] = {}
    try:
        for name in announced:
            if name.startswith(_DECLARED):
                place = of_runs.setdefault(run, scratch / run) / name.removeprefix(_DECLARED)
            elif (found := _OF_A_MODEL.fullmatch(name)) is not None:
                place = of_models.setdefault(found[1], scratch / found[1]) / found[2]
            elif (found := _OF_A_RUN.fullmatch(name)) is not None and found[1] in mapping:
                target = mapping[found[1]]
                place = of_runs.setdefault(target, scratch / target) / found[2]
            else:
                continue
            _lay(folder.path / name, place)
        yield of_runs, of_models
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _lay(source: Path, place: Path) -> None:
    with storage_errors(place):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)  # both declared and logged: never write through the link to the first
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise _damaged(
                source.name, "another result is a folder of that name, or a file where it has one"
            ) from error
        try:
            os.link(source, place)
        except OSError:  # a file system without hard links
            shutil.copyfile(source, place)
