"""The run one is in: ``with workbench.run():`` in a notebook or script, or the job's own run inside a job.

Outside a job, :func:`run` starts an MLflow run and holds its lease, so that a kernel that dies is noticed at once.
Inside a job there is one run already, made by the job's supervisor, who also ends it; :func:`run`, :func:`log` and
plain ``mlflow.log_metric`` all land in it. The supervisor names it in the file that ``WORKBENCH_RUN_FILE`` points to,
which may appear a moment after the kernel started.

Nothing here imports mlflow before something is logged.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.contract.status import RunState
from workbench.experiment.capture.environment import environment
from workbench.experiment.capture.git import git_state
from workbench.experiment.capture.inputs import InputRecorder, paused
from workbench.experiment.store import append_log, tracking
from workbench.experiment.store.liveness import HEARTBEAT_TAG, lease_path
from workbench.experiment.store.refusals import check_key, number
from workbench.experiment.store.tags import split_tag
from workbench.foundation.canonical import digest_file
from workbench.foundation.durable import append_line, write_atomic
from workbench.foundation.errors import UnavailableError, UsageError, WorkbenchError
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project

RUN_FILE_WAIT_S = 60.0
INPUTS_FILE = "inputs.json"
OUTBOX_FILE = "outbox.jsonl"
_JOINING = ("MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI")


@dataclass
class _Session:
    """What this process records; one per process, since a kernel runs one notebook."""

    project: Project
    recorder: InputRecorder
    runs: list[str] = field(default_factory=list)
    steps: dict[tuple[str, str], int] = field(default_factory=dict)
    job_run: str = ""
    writer: threading.Thread | None = None


_session: _Session | None = None


@contextmanager
def run(name: str = "", *, source: str = "") -> Iterator[str]:
    """Record what happens inside the block as a run, and yield the run's id.

    It ends FINISHED, FAILED where the block raises, KILLED where it is interrupted; a dead kernel ends it KILLED too. A
    run inside a run is its child. Inside a job the block joins the job's run.

    Args:
        name: Name of the run; empty lets MLflow invent one.
        source: Notebook or script it comes from; found out where it is empty.
    """
    session = _current_session()
    if _is_in_job():
        yield join_job_run()
        return
    _end_the_dead(session.project)
    run_id = _start(session, name, source)
    lease = Lease(lease_path(session.project, run_id))
    tracking.set_tags(session.project, run_id, {HEARTBEAT_TAG: str(int(time.time()))})
    session.runs.append(run_id)
    try:
        with _fluent_joined(session.project, run_id):
            yield run_id
    except BaseException as error:
        _end(session, run_id, _state_of(error), "" if _is_good_exit(error) else f"{type(error).__name__}: {error}")
        raise
    else:
        _end(session, run_id, RunState.FINISHED, "")
    finally:
        session.runs.remove(run_id)
        lease.release()


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
        raise UsageError("input-missing", f"There is no file {path}", "name a file that was read")
    _current_session().recorder.note(str(path))


def current_run() -> tuple[Project, str]:
    """Return the project and the run that :func:`log` would write to.

    Raises:
        UsageError: ``no-active-run``.
    """
    session, run_id = _current_run()
    return session.project, run_id


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
    return session.job_run


def begin_capture(root: Path) -> None:
    """Record which files this process reads from now on; called by ``%load_ext workbench``. Calling again is harmless.

    Args:
        root: The project's folder.
    """
    global _session  # noqa: PLW0603 - a kernel is one session
    if _session is not None and _session.project.root == root.resolve():
        return
    project = Project.open(root)
    checkout = os.environ.get("WORKBENCH_CHECKOUT", "")
    recorder = InputRecorder(project, Path(checkout) if checkout else None)
    recorder.start()
    if _session is None:
        atexit.register(finish_capture)
    _session = _Session(project, recorder)
    after_cell()


def after_cell() -> None:
    """Note down, in a thread, what the cell has read, so that a killed kernel loses nothing; never raises."""
    session = _session
    if session is None or not os.environ.get("WORKBENCH_RUN_FILE"):
        return
    if not session.job_run and (found := _named_run()):
        session.job_run = found
        _point_fluent(session.project, found)
    if session.recorder.has_news and not (session.writer and session.writer.is_alive()):
        session.writer = threading.Thread(target=_write_inputs, args=(session,), name="wb-inputs", daemon=True)
        session.writer.start()


def finish_capture() -> None:
    """Write down the last inputs; at the end of a process that a job's supervisor does not look after, tag its run."""
    session = _session
    if session is None or not os.environ.get("WORKBENCH_RUN_FILE"):
        return
    if session.writer:
        session.writer.join(timeout=30)
    _write_inputs(session)
    run_id = session.job_run or _named_run()
    if run_id and not os.environ.get("WORKBENCH_JOB"):
        _report(lambda: tracking.set_tags(session.project, run_id, _input_tags(session)))


def _tell_job(name: str, value: float, step: int) -> None:
    """Let whoever watches the job see the value at once: its runner makes a numbered event of it."""
    if _is_in_job():
        outbox = Path(os.environ["WORKBENCH_RUN_FILE"]).with_name(OUTBOX_FILE)
        line = json.dumps({"kind": "metric", "data": {"name": name, "value": value, "step": step}}).encode()
        _report(lambda: append_line(outbox, line))


def _start(session: _Session, name: str, source: str) -> str:
    notebook = _relative(session.project, source or _source())
    path = session.project.root / notebook
    digest, python, _ = environment()
    tags = {
        "workbench.commit": git_state(session.project),
        "workbench.environment_digest": digest,
        "workbench.python": python,
        "workbench.notebook_digest": digest_file(path) if notebook and path.is_file() else "",
        "mlflow.parentRunId": session.runs[-1] if session.runs else "",
    }
    return tracking.start_run(session.project, name=name, source=notebook, tags=tags)


def _end_the_dead(project: Project) -> None:
    """Write the end of runs whose kernel was killed: where no Jupyter server watches, the next run is who notices."""
    from workbench.experiment.reap import reap_dead_runs  # reading runs imports SQLAlchemy; loading must not

    try:
        reap_dead_runs(project)
    except WorkbenchError as error:
        sys.stderr.write(f"workbench: the end of a dead run could not be written: {error}\n")


def _end(session: _Session, run_id: str, state: RunState, error: str) -> None:
    tracking.set_tags(session.project, run_id, _input_tags(session))
    tracking.finish_run(session.project, run_id, state, error=error)


def _state_of(error: BaseException) -> RunState:
    if _is_good_exit(error):
        return RunState.FINISHED
    return RunState.FAILED if isinstance(error, Exception | SystemExit) else RunState.KILLED


def _is_good_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _current_run() -> tuple[_Session, str]:
    if _is_in_job():
        return _current_session(), join_job_run()
    session = _session
    if session is None or not session.runs:
        raise UsageError("no-active-run", "No run is active here", "start one: with workbench.run(): …")
    return session, session.runs[-1]


def _current_session() -> _Session:
    if _session is None:
        begin_capture(Project.open(Path(os.environ.get("WORKBENCH_PROJECT") or Path.cwd())).root)
    assert _session is not None
    return _session


def _is_in_job() -> bool:
    return bool(os.environ.get("WORKBENCH_RUN_FILE"))


def _named_run() -> str:
    """Return the run that the supervisor has named, or nothing yet."""
    try:
        return str(json.loads(Path(os.environ["WORKBENCH_RUN_FILE"]).read_text(encoding="utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _point_fluent(project: Project, run_id: str) -> None:
    os.environ.update({"MLFLOW_RUN_ID": run_id, "MLFLOW_TRACKING_URI": project.tracking_uri})


@contextmanager
def _fluent_joined(project: Project, run_id: str) -> Iterator[None]:
    """Let plain ``mlflow.log_metric`` inside the block land in the run."""
    before = {name: os.environ.get(name) for name in _JOINING}
    _point_fluent(project, run_id)
    try:
        yield
    finally:
        tracking.leave_fluent_run(project, run_id)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _input_tags(session: _Session) -> dict[str, str]:
    entries = [vars(item) for item in session.recorder.inputs()]
    return split_tag("workbench.inputs", json.dumps(entries, ensure_ascii=False))


def _write_inputs(session: _Session) -> None:
    with paused():
        entries = [vars(item) for item in session.recorder.inputs()]
        target = Path(os.environ["WORKBENCH_RUN_FILE"]).with_name(INPUTS_FILE)
        _report(lambda: write_atomic(target, json.dumps(entries, ensure_ascii=False).encode()))


def _report(action: Any) -> None:
    """Carry out what must not fail the user's cell; a failure is said once on stderr, where a job's log keeps it."""
    try:
        action()
    except (WorkbenchError, OSError) as error:
        sys.stderr.write(f"workbench: inputs could not be recorded: {error}\n")


def _source() -> str:
    """Return the notebook of this kernel or the script of this process; empty where neither is known."""
    notebook = os.environ.get("JPY_SESSION_NAME", "")
    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return notebook or (script if script and "site-packages" not in script else "")


def _relative(project: Project, source: str) -> str:
    if not source:
        return ""
    path = Path(source) if Path(source).is_absolute() or (project.root / source).exists() else Path.cwd() / source
    path = (project.root / path).resolve()
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path.as_posix()
