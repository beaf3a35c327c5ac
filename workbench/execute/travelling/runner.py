"""The travelling file: run ``input.ipynb`` of a job directory and say, line by line, how it goes.

``python runner.py <job directory>``. It is copied into every job directory with the files beside it and works there on
any machine with Python 3.9 and papermill; of this project it imports nothing. It reads ``spec.json``, writes
``events.jsonl`` and ``output.ipynb`` while it runs and ``exit.json`` as its last act, so whoever finds that file knows
the whole truth and whoever does not knows that the runner was killed.

Why its own loop over the cells: papermill marks every cell of a notebook whose kernel died as completed and does not
pass on SIGTERM. Here a dead kernel is ``DeadKernelError``, and SIGTERM interrupts the cell, saves, and ends with 143.
"""

from __future__ import annotations

import errno
import json
import math
import os
import platform
import signal
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

import machine  # type: ignore[import-not-found]  # the files beside this one

HEARTBEAT_S = 5.0
_TICK_S = 0.25  # streams and metrics are passed on at 4 Hz: a chatty cell must not fill the disk with events
_TEXT_LIMIT = 4_000
_ENDS_OF_A_CELL = ("cell_start", "cell_end", "exit")
"""After one of these events a cell says nothing more."""
_CANCELLED_CODE = 143
_LOAD = """
try:
    __import__("workbench").load_ipython_extension(get_ipython())
except Exception:
    pass
"""  # capture without ``%load_ext workbench``, where the kernel's environment has the package; else without capture
_KERNEL_EXIT_S = 60.0  # what the kernel writes down as it ends (which files it read) must not be cut off
_KERNEL_STARTS = 3
"""Ports are chosen a second before the kernel binds them; where many start at once, another may have taken one."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RESERVES = {".reserve": 256 * 1024, ".last": 16 * 1024}
"""Given back on a full disk: the first when it is found full, the other for the last event and ``exit.json``."""
Last = tuple[int, str, str]
"""Code, reason and error."""


class Stopped(Exception):  # noqa: N818 -- an end, not an error
    """The job is to end, for whatever reason."""


class Events:
    """Number events and append each in one write; streams are gathered for up to a quarter of a second."""

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "events.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._outbox, self._outbox_read = folder / "outbox.jsonl", 0
        self._folder = folder
        for name, size in _RESERVES.items():
            (folder / name).write_bytes(b"\1" * size)
        self._lock = threading.RLock()
        self._seq = 0
        self._said: tuple[int, str, int, str] = (0, "", 0, "")
        """The cell, what it said as far as it is passed on, the length of all of it, and what waits for its rest."""
        self.is_full = False
        self._is_over = False
        self.clean: Callable[[str, bool], tuple[str, str]] = lambda text, _: (text, "")
        """Takes secrets out of a text; returns what may be said and what may be the beginning of one."""
        self.tell: Callable[[str], None] = lambda _: None
        """Says each event once more, where only a log is to be had of this machine."""

    def emit(self, kind: str, **data: Any) -> None:
        """Append one event, after what was said before it; after the last one nothing, whoever is late."""
        with self._lock:
            self.flush(is_last=kind in _ENDS_OF_A_CELL)
            if not self._is_over:
                self._append(kind, data)
            self._is_over = self._is_over or kind == "exit"

    def say(self, cell: int, text: str) -> None:
        """Gather text that a cell printed: cleaned before it is cut, for half a secret is not found any more."""
        with self._lock:
            if self._said[0] != cell:
                self.flush(is_last=True)
            _, kept, length, held = self._said
            text, held = self.clean(held + text, False)
            self._said = (cell, (kept + text)[:_TEXT_LIMIT], length + len(text), held)

    def flush(self, *, is_last: bool = False) -> None:
        """Write what was gathered, then what the kernel left in the outbox.

        Args:
            is_last: Whether the cell has no more to say; else what may be the beginning of a secret is kept back.
        """
        with self._lock:
            if self._is_over:
                return
            cell, text, length, held = self._said
            self._said = (cell, "", 0, "" if is_last else held)
            if is_last:
                held = self.clean(held, True)[0]
                text, length = (text + held)[:_TEXT_LIMIT], length + len(held)
            if length > len(text):
                text += f"… ({length - len(text)} characters more are in output.ipynb)"
            if text and not self.is_full:
                self._append("out", {"cell": cell, "text": text})
            for kind, data in self._take_outbox():
                self._append(kind, data)

    def _take_outbox(self) -> list[tuple[str, dict[str, Any]]]:
        """Return whole new lines ``{"kind", "data"}`` that code in the kernel appended (metrics, artifacts)."""
        if not self._outbox.exists():
            return []
        with self._outbox.open("rb") as stream:
            stream.seek(self._outbox_read)
            taken = stream.read().rpartition(b"\n")[0]
        self._outbox_read += len(taken) + 1 if taken else 0
        found = []
        for line in taken.splitlines():
            try:
                message = json.loads(line)
                kind, data = message["kind"], dict(message["data"])
                if kind in ("metric", "param"):
                    found.append((kind, self._cleaned(data)))
                elif kind == "artifact":  # a name and a digest, by which home looks for the file
                    found.append((kind, data))
            except (ValueError, TypeError, KeyError):
                continue  # anybody may write there; what is no message is none
        return found

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._cleaned(key): self._cleaned(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._cleaned(each) for each in value]
        return self.clean(value, True)[0] if isinstance(value, str) else value

    def _append(self, kind: str, data: dict[str, Any]) -> None:
        self._seq += 1
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        line = json.dumps({"seq": self._seq, "at": at, "kind": kind, "data": data}, ensure_ascii=False)
        self._write((line + "\n").encode("utf-8", "replace"))
        self.tell(line)

    def _write(self, line: bytes) -> None:
        """Append a whole line or nothing; on a full disk give the reserve back once, for the end has to be said."""
        start = os.fstat(self._handle).st_size
        try:
            if os.write(self._handle, line) == len(line):
                return
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise
        os.ftruncate(self._handle, start)
        if not self.is_full:
            self.give_way()
            self._write(line)

    def give_way(self) -> None:
        """Make room on a full disk; from now on only the end is said."""
        self.is_full = True
        self._give_back(".reserve")

    def make_room_for_the_end(self) -> None:
        """Give back whatever was kept for the last words."""
        for name in _RESERVES:
            self._give_back(name)

    def _give_back(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)


class Job:
    """One job directory and the kernel that works for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec: dict[str, Any] = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        self.events = Events(folder)
        self.limits = machine.Limits(self.spec.get("resources") or {})
        self.cwd = self.spec["cwd"]
        self.prologue = _LOAD
        """Code that the kernel runs, unseen, before the first cell."""
        self.looks: list[Callable[[], None]] = [self._look_at_patience, self._look_at_machine, self._look_at_disk]
        """What is done four times a second."""
        self.clean_notebook: Callable[[Any], None] = lambda _: None
        self.kernel: Any = None
        self.kernel_pid = 0
        self.is_setting_out = False
        self.held = ""
        """How this process is confined: ``limits, no network, …``; empty where nobody asked for it."""
        self.last: Last | None = None
        """How it has to end, where that is not up to the cells any more."""
        self._beat_at = 0.0
        self._killed_at = math.inf
        self._ended = threading.Event()

    def stop(self, *_: Any) -> None:
        """End the job because somebody asked for it (SIGTERM)."""
        self.abort(_CANCELLED_CODE, "cancelled", "")
        if self.is_setting_out:
            raise Stopped  # out of whatever is being waited for: a server that does not answer

    def abort(self, code: int, reason: str, error: str) -> None:
        """Interrupt the running cell; whoever looks four times a second kills the kernel if it will not listen.

        Takes no lock and starts no thread, which takes one: it is a signal handler.
        """
        if self.last is None:
            self.last = (code, reason, error)
            self._killed_at = time.monotonic() + float(self.spec.get("grace_s", 5.0))
        self._signal_kernel(signal.SIGINT)

    def raise_if_stopped(self) -> None:
        """Go no further once the end is decided."""
        if self.last is not None:
            raise Stopped

    def run_id(self) -> str:
        """Wait for the tracked run, which is being made while papermill is imported and the kernel starts."""
        deadline = time.monotonic() + float(self.spec.get("wait_for_run_s", 0))
        while not (self.folder / "run.json").exists():
            self.raise_if_stopped()
            if time.monotonic() >= deadline:
                if self.spec.get("wait_for_run_s"):
                    raise TimeoutError("the tracked run was not made in time")
                return ""
            time.sleep(0.02)
        return str(json.loads((self.folder / "run.json").read_text(encoding="utf-8"))["run"])

    def kernel_started(self, kernel: Any) -> None:
        """Note whose memory counts, and when its time began."""
        self.kernel, self.kernel_pid = kernel, kernel.pid
        self.limits.begin()

    def beat(self) -> None:
        """Four times a second pass on what was said and look after everything else."""
        while not self._ended.wait(_TICK_S):
            for look in (self.events.flush, *self.looks):
                try:
                    look()
                except (OSError, ValueError) as error:  # one look that fails must not blind the others
                    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201 -- log.txt

    def end(self, code: int, reason: str, error: str) -> None:
        """Say the last word: first as an event, then as the file that makes it true."""
        self._ended.set()
        last = {"code": code, "reason": reason, "error": self.events.clean(error, True)[0][:_TEXT_LIMIT]}
        last.update({"isolation": self.held} if self.held else {})
        self.events.make_room_for_the_end()
        self.events.emit("exit", **last)
        new = self.folder / ".exit.json.new"
        new.unlink(missing_ok=True)  # the notebook may have put a link in its place
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with open(handle, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
            json.dump(last, stream)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self.folder / "exit.json")

    def _look_at_machine(self) -> None:
        """Say every five seconds that all is well, and end what takes more than it may."""
        last = self.limits.exceeded(self.kernel_pid) if self.kernel_pid and self.last is None else None
        if last and last[1] == "timeout":
            self.abort(*last)
        elif last:
            self.last = last
            machine.kill_tree(self.kernel_pid)
        if time.monotonic() - self._beat_at >= HEARTBEAT_S:
            if self._beat_at:
                self.events.emit("heartbeat", **machine.usage(self.kernel_pid))
            self._beat_at = time.monotonic()

    def _look_at_patience(self) -> None:
        if time.monotonic() >= self._killed_at:
            self._killed_at = math.inf
            self._signal_kernel(signal.SIGKILL)

    def _look_at_disk(self) -> None:
        if self.events.is_full and self.last is None:
            self.abort(*disk_full("events.jsonl could not be written"))

    def _signal_kernel(self, number: int) -> None:
        if self.kernel is not None and not self._ended.is_set():
            try:
                self.kernel.send_signal(number)  # nothing is sent to one that has ended: its number may be another's
            except ProcessLookupError:
                return


def disk_full(error: Any) -> Last:
    """Return the end of a job that had no room left."""
    return 122, "disk-full", f"OSError: no space left in the job's folder: {error}"


def is_disk_full(failure: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, is a full disk."""
    while failure is not None:
        if isinstance(failure, OSError) and failure.errno in _DISK_FULL:
            return True
        failure = failure.__cause__ or failure.__context__
    return False


def execute(job: Job) -> Last:
    """Run the notebook and return code, reason and error."""
    # jsonschema builds a grammar for IRIs when it is imported: two seconds of CPU, for a format no notebook uses.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: "not installed", which it accepts
    import papermill  # seconds of import; the tracked run is made meanwhile
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines

    class Client(PapermillNotebookClient):  # type: ignore[misc]
        """Run the cells one by one and keep the truth about each."""

        ordinal = 0
        failure: CellExecutionError | None = None

        def start_new_kernel_client(self, **options: Any) -> Any:
            for tries_left in reversed(range(_KERNEL_STARTS)):
                job.kernel_started(self.km.provisioner.process)
                self.km.shutdown_wait_time = _KERNEL_EXIT_S
                try:
                    return super().start_new_kernel_client(**options)
                except RuntimeError as error:
                    if not tries_left or job.last is not None or "died" not in str(error):
                        raise
                self.create_kernel_manager()
                self.start_new_kernel()
            raise AssertionError

        def papermill_execute_cells(self) -> None:
            run = job.run_id()
            if (run or job.spec.get("is_far")) and job.spec["language"] == "python":
                # Plain ``mlflow.start_run()`` in the notebook continues this run instead of making another.
                joined = f"__import__('os').environ['MLFLOW_RUN_ID'] = {run!r}\n" if run else ""
                self.kc.execute(joined + job.prologue, silent=True, store_history=False)  # and leaves no name behind
            for index, cell in enumerate(self.nb.cells):
                job.raise_if_stopped()
                if is_code(cell) and not self.run_cell(index, cell):
                    break
            job.raise_if_stopped()

        def run_cell(self, index: int, cell: Any) -> bool:
            self.ordinal += 1
            began, is_ok = time.monotonic(), False
            self.nb_man.cell_start(cell, index)
            job.events.emit("cell_start", cell=self.ordinal, index=index)
            try:
                self.execute_cell(cell, index)
                is_ok = True
            except CellExecutionError as error:
                job.raise_if_stopped()  # the KeyboardInterrupt that was ours
                is_ok = error.ename == "SystemExit" and error.evalue in ("", "0")  # papermill's rule: an early end
                Client.failure = None if is_ok else error
            finally:
                if not is_ok:
                    self.nb_man.cell_exception(self.nb.cells[index], cell_index=index)
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)
                seconds = round(time.monotonic() - began, 3)
                job.events.emit("cell_end", cell=self.ordinal, duration_s=seconds, is_ok=is_ok)
            return is_ok and not self.has_ended(cell)

        def has_ended(self, cell: Any) -> bool:
            return any(out.output_type == "error" and out.ename == "SystemExit" for out in cell.outputs)

        def process_message(self, *message: Any, **options: Any) -> Any:
            output = super().process_message(*message, **options)
            if output:
                job.events.say(self.ordinal, text_of(output))
            return output

    class Engine(NBClientEngine):  # type: ignore[misc]
        """Papermill's own engine with the client above."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            cells = sum(is_code(cell) for cell in nb_man.nb.cells)
            job.events.emit("start", cells=cells, python=platform.python_version())
            job.raise_if_stopped()
            save = nb_man.save

            def save_clean(**options: Any) -> None:
                job.clean_notebook(nb_man.nb)
                save(**options)

            nb_man.save = save_clean
            return Client(nb_man, kernel_name=kernel_name, startup_timeout=options["start_timeout"]).execute()

    papermill_engines.register("job", Engine)
    try:
        papermill.execute_notebook(
            str(job.folder / "input.ipynb"),
            str(job.folder / "output.ipynb"),
            parameters=job.spec["params"],
            engine_name="job",
            kernel_name=job.spec["kernel"],
            language=job.spec["language"],
            cwd=str(job.cwd),
            progress_bar=False,
            start_timeout=float(job.spec.get("start_timeout_s", 120)),
        )
    except DeadKernelError:
        job.raise_if_stopped()
        died: Last = job.limits.death(job.kernel.poll() if job.kernel else None)
        return died
    except papermill.PapermillExecutionError as error:
        return cell_error(error)
    return cell_error(Client.failure) if Client.failure else (0, "", "")


def cell_error(error: Any) -> Last:
    """Return the end that a failed cell is."""
    if error.ename == "OSError" and f"[Errno {errno.ENOSPC}]" in error.evalue:
        return disk_full(error.evalue)
    return 1, "cell_error", f"{error.ename}: {error.evalue}"


def is_code(cell: Any) -> bool:
    """Tell whether a cell is run at all."""
    return bool(cell.cell_type == "code" and cell.source.strip())


def text_of(output: Any) -> str:
    """Return what a reader of the log sees of an output."""
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}\n"
    text = output.get("data", {}).get("text/plain", "")
    return f"{text}\n" if text else ""


def main(folder: Path, held: str = "") -> int:
    """Run a job directory and return the exit code.

    Args:
        folder: The job directory.
        held: How this process is confined, where ``spec.json`` asks for it and that was done.
    """
    job = Job(folder)
    if job.spec.get("isolation"):
        if not held:
            from confined import go_inside  # type: ignore[import-not-found]

            return int(go_inside(job))
        job.held = held
        job.limits.bound_memory()
    signal.signal(signal.SIGTERM, job.stop)
    errand = None
    if job.spec.get("is_far") or job.spec.get("env"):
        from errand import Errand  # type: ignore[import-not-found]  # what only a job with luggage has to do

        errand = Errand(job)  # before there is a second thread: it forks
    threading.Thread(target=job.beat, name="heartbeat", daemon=True).start()
    try:
        if errand is not None:
            job.is_setting_out = True
            errand.set_out()
            job.is_setting_out = False
        last = execute(job)
    except Exception as error:
        if job.last is None and not (is_disk_full(error) or hasattr(error, "job_reason")):
            finish(job, errand, (2, type(error).__name__, f"{type(error).__name__}: {error}"))
            raise  # its traceback belongs into log.txt
        last = job.last or end_of(job, error)
    return finish(job, errand, last)


def finish(job: Job, errand: Any, last: Last) -> int:
    """Bring home what there is, say how the job ended, and return the exit code."""
    if errand is not None:
        last = errand.come_home(last)
    job.end(*last)
    if errand is not None:
        errand.close()
    return last[0]


def end_of(job: Job, error: Exception) -> Last:
    """Return the end that an error of the runner itself is."""
    if is_disk_full(error):
        job.events.give_way()
        drop_torn(job.folder / "output.ipynb")
        return disk_full(error)
    return 2, str(getattr(error, "job_reason", "")), str(error)


def drop_torn(notebook: Path) -> None:
    """Remove a notebook that was cut off while it was written: it would only pass for one."""
    try:
        json.loads(notebook.read_bytes())
    except FileNotFoundError:
        return
    except ValueError:
        notebook.unlink()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:3]))
