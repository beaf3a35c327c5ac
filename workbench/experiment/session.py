"""The run one is in: ``with workbench.run():`` in a notebook or script, or the job's own run inside a job.

Outside a job, :func:`run` starts an MLflow run and holds its lease, so that a kernel that dies is noticed at once; a
run that plain ``mlflow.start_run()`` begins is taken in by :func:`adopt`. Inside a job there is one run already, made
by the job's supervisor, who also ends it; :func:`run`, :func:`log` and plain ``mlflow.log_metric`` all land in it. The
supervisor names it in the file that ``WORKBENCH_RUN_FILE`` points to, which may appear a moment after the kernel
started.

Nothing here imports mlflow before something is logged, and nothing that a cell did not ask for raises into it.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.contract.status import RunState
from workbench.experiment.capture.inputs import paused
from workbench.experiment.capture.quiet import quietly
from workbench.experiment.kernel import KernelRecord, OpenRun, note_of
from workbench.experiment.lifecycle import Origin, begin_run, end_run
from workbench.experiment.mlflow_calls.install import install, leave
from workbench.experiment.resuming import offer, run_to_resume
from workbench.experiment.store import append_log, tracking
from workbench.experiment.store.mlflow_import import import_mlflow
from workbench.experiment.store.refusals import check_key, number
from workbench.foundation.canonical import digest_file
from workbench.foundation.durable import append_line
from workbench.foundation.errors import UnavailableError, UsageError
from workbench.foundation.project import Project

RUN_FILE_WAIT_S = 60.0
OUTBOX_FILE = "outbox.jsonl"
_JOINING = ("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI")

_session: KernelRecord | None = None
_beginning = threading.RLock()
"""Of threads that begin a run at once, the first begins the session."""


@contextmanager
def run(name: str = "", *, source: str = "", resume: str | bool = False) -> Iterator[str]:
    """Record what happens inside the block as a run, and yield the run's id.

    It ends FINISHED, FAILED where the block raises, KILLED where it is interrupted; a dead kernel ends it KILLED too. A
    run inside a run is its child. Inside a job the block joins the job's run.

    Args:
        name: Name of the run; empty lets MLflow invent one.
        source: Notebook or script it comes from; found out where it is empty.
        resume: Id of a run that has ended, to go on from it: a new run with its name and parameters, whose metrics
            count their steps on; the old one stays as it is. True takes this notebook's newest run of that name, else
            the newest that this cell began, else the newest.

    Raises:
        NotFoundError: ``run-unknown``.
        UsageError: ``nothing-to-resume``.
        ConflictError: ``run-not-ended``: the run to go on from still runs.
    """
    session = _current_session()
    if _is_in_job():
        yield join_job_run()
        return
    opened = _begin(session, name, source, resume)
    try:
        with _fluent_joined(session, opened.run):
            yield opened.run
    except BaseException as error:
        _close(session, opened, _state_of(error), "" if _is_good_exit(error) else f"{type(error).__name__}: {error}")
        raise
    else:
        _close(session, opened, RunState.FINISHED, "")


def adopt(run_id: str) -> None:
    """Take in a run that plain mlflow began in the project's store; never raises.

    It gets the tags and the lease that any run of ours has. One that is ours already stays as it is.

    Args:
        run_id: The run.
    """
    session = _session
    if session is None or run_id in session.opened or run_id == session.job_run:
        return
    with quietly("a run that plain mlflow began"), paused():
        project, path = session.project, _source_path(session.project, "")
        source = _relative(project, path)
        digest = digest_file(path) if path and path.is_file() else ""
        origin = Origin(source=source, notebook_digest=digest, cell=session.cell_id)
        kind = "NOTEBOOK" if source.endswith(".ipynb") else "LOCAL"
        theirs = {"mlflow.source.name": source, "mlflow.source.type": kind} if source else {}
        tags = {"workbench.actor": project.actor, "mlflow.user": project.actor, **theirs, **origin.tags}
        tracking.set_tags(project, run_id, tags)
        with project.journal.transaction() as transaction:
            transaction.append("run.started", f"run:{run_id}", {"source": source, "job": ""})
        OpenRun(session, run_id, path, is_fluent=True)


def owner() -> str:
    """Return the run that plain mlflow's calls belong to where they are made; empty where they begin one of their own.

    Each thread and task is in runs of its own, which the environment, one for all of them, cannot say. It counts in a
    job, and where the user has set it.
    """
    session = _session
    if session is not None and session.joined:
        return session.innermost_of(session.joined)
    return os.environ.get("MLFLOW_RUN_ID", "")


def release(run_id: str, state: str = RunState.FINISHED, error: str = "") -> bool:
    """End a run that :func:`adopt` took in, as plain mlflow did; never raises. Any other run stays as it is.

    Args:
        run_id: The run.
        state: FINISHED, FAILED or KILLED.
        error: ``ename: evalue`` of what failed it.

    Returns:
        Whether it was one to end here, and has ended.
    """
    session = _session
    opened = session.opened.get(run_id) if session else None
    is_ended = False
    if session is not None and opened is not None and opened.is_fluent:
        with quietly("the end of a run that plain mlflow began"):
            _close(session, opened, *(opened.fate or (state, error)))
            is_ended = True
    return is_ended


@contextmanager
def untracked() -> Iterator[None]:
    """Record nothing that is read inside the block: what ``%%mlops untracked`` does."""
    recorder = _session.recorder if _session else None
    before = recorder.is_paused if recorder else False
    if recorder:
        recorder.is_paused = True
    try:
        yield
    finally:
        if recorder:
            recorder.is_paused = before


def log(metrics: Mapping[str, float] | None = None, step: int | None = None, **named: float) -> None:
    """Record metric values into the current run.

    It costs the cell about ten microseconds a value, and is safe from the kernel's death when it returns; MLflow has
    the value within a second.

    Args:
        metrics: Values by name; for names that are no Python words.
        step: Step they belong to; by default each metric counts its own, from 0.
        named: Values by name: ``log(f1=0.97)``.

    Raises:
        UsageError: ``no-active-run``, ``metric-not-a-number`` or ``tracking-refused``.
        StorageError: ``disk-full`` or ``folder-not-writable``.
    """
    session, run_id = _current_run()
    values = {key: number(key, value) for key, value in {**(metrics or {}), **named}.items()}
    for key in values:
        check_key(key)
    at_ms = int(time.time() * 1000)
    for key, value in values.items():
        own = session.steps.get((run_id, key), 0) if step is None else step
        append_log.append(session.project, run_id, append_log.METRIC, key, value, own, at_ms)
        session.steps[run_id, key] = own + 1
        _tell_job(key, value, own)


def log_params(params: Mapping[str, Any] | None = None, **named: Any) -> None:
    """Record parameters into the current run.

    Args:
        params: Values by name; for names that are no Python words.
        named: Values by name: ``log_params(depth=6)``.

    Raises:
        UsageError: ``no-active-run`` or ``param-changed``.
    """
    session, run_id = _current_run()
    tracking.log_params(session.project, run_id, {**(params or {}), **named})


def log_input(path: str | Path) -> None:
    """Name a file that was read by native code, which the recorder cannot see.

    Args:
        path: The file.

    Raises:
        UsageError: ``input-missing``.
    """
    if not Path(path).is_file():
        raise UsageError(
            "input-missing", f"There is no file {path}", f"name a file that was read: ls '{Path(path).parent}'"
        )
    _current_session().recorder.note(str(path))


def current_run() -> tuple[Project, str]:
    """Return the project and the run that :func:`log` would write to.

    Raises:
        UsageError: ``no-active-run``.
    """
    session, run_id = _current_run()
    return session.project, run_id


def current_kernel() -> KernelRecord:
    """Return what this process records, beginning where nothing did yet.

    Raises:
        NotFoundError: ``project-missing``.
    """
    return _current_session()


def current_source() -> str:
    """Return the notebook or script of this process, relative to the project; empty where neither is known."""
    project = _current_session().project
    return _relative(project, _source_path(project, ""))


def join_job_run() -> str:
    """Return the job's run, waiting until its supervisor has named it, and let plain mlflow join it.

    Raises:
        UsageError: ``no-active-run``: this is no job.
        UnavailableError: ``job-run-missing``: the supervisor has not named one in time.
    """
    session = _current_session()
    if not _is_in_job():
        raise UsageError("no-active-run", "This process belongs to no job", "start a run: with workbench.run(): …")
    if not session.job_run:
        deadline = time.monotonic() + RUN_FILE_WAIT_S
        while not (found := _named_run()):
            if time.monotonic() > deadline:
                message = f"The job's supervisor has named no run for {RUN_FILE_WAIT_S:g} s"
                raise UnavailableError("job-run-missing", message, "look at the job: mlops jobs")
            time.sleep(0.05)
        session.job_run = found
    _point_fluent(session.project, session.job_run)
    session.watch_machine(session.job_run)
    return session.job_run


def begin_capture(root: Path, say: Callable[[str], object] | None = None) -> None:
    """Record what this process does from now on; called by ``%load_ext workbench``. Calling again is harmless.

    Args:
        root: The project's folder.
        say: Says a line to whoever sits before the notebook.
    """
    with _beginning:
        _begin_capture(root, say)


def _begin_capture(root: Path, say: Callable[[str], object] | None) -> None:
    global _session  # noqa: PLW0603 - a kernel is one session
    if _session is not None and _session.project.root == root.resolve():
        return
    checkout = os.environ.get("WORKBENCH_CHECKOUT", "")
    session = KernelRecord(Project.open(root), Path(checkout) if checkout else None, say)
    session.start()
    install(session.project, sys.modules[__name__], _tell_job)
    if _session is None:
        atexit.register(finish_capture)
    _session = session
    after_cell()
    if say and not _is_in_job():
        with quietly("a run that was killed"):
            if line := offer(session.project, current_source()):
                say(line)


def before_cell(source: str, cell: str = "") -> None:
    """Take a cell that is about to be executed; never raises.

    Args:
        source: Its text.
        cell: Id of the notebook cell; empty where the front end names none.
    """
    session = _session
    if session is None or _is_in_job() or not session.is_capturing:
        return  # in a job, whoever executes the notebook knows its cells
    with quietly("the executed cells"):
        session.cells.begin(source, cell)
        session.began += 1
        session.cell = cell or f"#{session.began}"
        for opened in [item for item in session.opened.values() if item.is_fluent and item.cell == session.cell]:
            _end_fluent(session, opened, RunState.FINISHED, "")  # the cell runs again, and begins a run of its own


def after_cell(error: str = "") -> None:
    """Take the end of a cell; never raises.

    Args:
        error: ``ename: evalue`` of what it raised; empty where it raised nothing.
    """
    session = _session
    if session is None:
        return
    with quietly("the executed cells"):
        for opened in [item for item in session.opened.values() if error and item.is_fluent]:
            if opened.cell == session.cell:
                _end_fluent(session, opened, RunState.FAILED, error)
        session.cells.end(is_ok=not error)
    with quietly("files that were read"):
        if _is_in_job() and not session.job_run and (found := _named_run()):
            session.job_run = found
            _point_fluent(session.project, found)
            session.watch_machine(found)
        session.look_after_cell(in_job=_is_in_job())


def finish_capture() -> None:
    """At the end of a job's kernel, write down the last of what it saw; never raises."""
    session = _session
    if session is None or not _is_in_job() or not session.is_capturing:
        return
    with quietly("files that were read"):
        if session.writer:
            session.writer.join(timeout=30)
        session.write_captured()


def _tell_job(name: str, value: float, step: int) -> None:
    """Let whoever watches the job see the value at once: its runner makes a numbered event of it."""
    if _is_in_job():
        outbox = Path(os.environ["WORKBENCH_RUN_FILE"]).with_name(OUTBOX_FILE)
        line = json.dumps({"kind": "metric", "data": {"name": name, "value": value, "step": step}}).encode()
        with quietly("a metric in the job's events"):
            append_line(outbox, line)


def _begin(session: KernelRecord, name: str, source: str, resume: str | bool) -> OpenRun:
    project, path = session.project, _source_path(session.project, source)
    notebook, cell = _relative(project, path), session.cell_id
    before = (
        run_to_resume(project, resume, source=notebook, name=name, cell=cell, is_open=session.runs) if resume else None
    )
    origin = Origin(
        source=notebook,
        notebook_digest=digest_file(path) if path and path.is_file() else "",
        parent=session.innermost,
        resumes=before.card.id if before else "",
        cell=cell,
    )
    name = name or (before.card.name if before else "")
    with paused():
        run_id = begin_run(project, origin, name=name, params=before.card.params if before else None)
    for key, points in before.history.items() if before else ():
        session.steps[run_id, key] = max(point.step for point in points) + 1
    return OpenRun(session, run_id, path)


def _close(session: KernelRecord, opened: OpenRun, state: str, error: str) -> None:
    loose = opened.close(lambda: end_run(session.project, opened.run, state, error))
    if session.say and (note := note_of(loose)):
        with quietly("which files are versioned"):
            session.say(note)


def _end_fluent(session: KernelRecord, opened: OpenRun, state: str, error: str) -> None:
    """End a run that plain mlflow left open, with the end that is true, and let mlflow forget it."""
    opened.fate = (state, error)
    with quietly("the end of a run that plain mlflow began"):
        tracking.leave_fluent_run(session.project, opened.run)
    release(opened.run)  # where mlflow's own end_run did not say so


def _state_of(error: BaseException) -> RunState:
    if _is_good_exit(error):
        return RunState.FINISHED
    return RunState.FAILED if isinstance(error, Exception | SystemExit) else RunState.KILLED


def _is_good_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _current_run() -> tuple[KernelRecord, str]:
    session = _session
    if _is_in_job() and not (session and session.runs):  # a run that plain mlflow began inside the job's is nearer
        return _current_session(), join_job_run()
    if _is_in_far_job() and not (session and session.runs):
        session = _current_session()
        import_mlflow().start_run()  # the first run over there is the job's own here; ``adopt`` takes it in
    if session is None or not session.runs:
        raise UsageError("no-active-run", "No run is active here", "start one: with workbench.run(): …")
    return session, session.innermost or session.runs[-1]


def _current_session() -> KernelRecord:
    if _session is None:
        begin_capture(Project.open(Path(os.environ.get("WORKBENCH_PROJECT") or Path.cwd())).root)
    assert _session is not None
    return _session


def _is_in_job() -> bool:
    return bool(os.environ.get("WORKBENCH_RUN_FILE"))


def _is_in_far_job() -> bool:
    """Tell whether this is the kernel of a job on another machine, which names no run: it logs into a store there."""
    return bool(os.environ.get("WORKBENCH_OUTBOX")) and not _is_in_job()


def _named_run() -> str:
    """Return the run that the supervisor has named, or nothing yet."""
    try:
        return str(json.loads(Path(os.environ["WORKBENCH_RUN_FILE"]).read_text(encoding="utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _point_fluent(project: Project, run_id: str) -> None:
    os.environ.update({"MLFLOW_RUN_ID": run_id, "MLFLOW_TRACKING_URI": project.tracking_uri})


@contextmanager
def _fluent_joined(session: KernelRecord, run_id: str) -> Iterator[None]:
    """Let plain ``mlflow.log_metric`` inside the block land in the run.

    Runs of several threads or tasks end in any order: what holds afterwards is what is open then.
    """
    with session.joining:
        if not session.joined:
            session.before_joined = {name: os.environ.get(name) for name in _JOINING}
        session.joined.append(run_id)
        _point_fluent(session.project, run_id)
    try:
        yield
    finally:
        leave(run_id)
        tracking.leave_fluent_run(session.project, run_id)
        with session.joining:
            session.joined.remove(run_id)
            _point_back(session, run_id)


def _point_back(session: KernelRecord, run_id: str) -> None:
    """Let plain mlflow go on, after a run, in what is open still; after the last one as it was before the first."""
    if session.joined:
        if os.environ.get("MLFLOW_RUN_ID", run_id) == run_id:
            _point_fluent(session.project, session.joined[-1])
        return
    for name, value in session.before_joined.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _source() -> str:
    """Return the notebook of this kernel or the script of this process; empty where neither is known."""
    notebook = os.environ.get("JPY_SESSION_NAME", "")
    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return notebook or (script if script and "site-packages" not in script else "")


def _source_path(project: Project, source: str) -> Path | None:
    """Return the absolute path of a notebook or script; of this process's own where none is named."""
    source = source or _source()
    if not source:
        return None
    path = Path(source) if Path(source).is_absolute() or (project.root / source).exists() else Path.cwd() / source
    return (project.root / path).resolve()


def _relative(project: Project, path: Path | None) -> str:
    if path is None:
        return ""
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path.as_posix()
