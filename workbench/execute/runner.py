"""The travelling file: run ``input.ipynb`` of a job directory and say, line by line, how it goes.

``python runner.py <job directory>``. It is copied into every job directory and works alone on any machine with
Python 3.9 and papermill; of this project it imports nothing. It reads ``spec.json``, writes ``events.jsonl`` and
``output.ipynb`` while it runs and ``exit.json`` as its last act, so whoever finds that file knows the whole truth and
whoever does not knows that the runner was killed.

Why its own loop over the cells: papermill marks every cell of a notebook whose kernel died as completed and does not
pass on SIGTERM. Here a dead kernel is ``DeadKernelError``, and SIGTERM interrupts the cell, saves, and ends with 143.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

HEARTBEAT_S = 5.0
_TICK_S = 0.25  # streams and metrics are passed on at 4 Hz: a chatty cell must not fill the disk with events
_TEXT_LIMIT = 4_000
_CANCELLED_CODE = 143
_LOAD = """
try:
    __import__("workbench").load_ipython_extension(get_ipython())
except Exception:
    pass
"""  # capture without ``%load_ext workbench``, where the kernel's environment has the package; else without capture
_KERNEL_EXIT_S = 60.0  # what the kernel writes down as it ends (which files it read) must not be cut off


class Stopped(Exception):  # noqa: N818 -- an end, not an error
    """SIGTERM was received."""


class Events:
    """Number events and append each in one write; streams are gathered for up to a quarter of a second."""

    def __init__(self, path: Path, outbox: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._outbox, self._outbox_read = outbox, 0
        self._lock = threading.RLock()
        self._seq = 0
        self._said: tuple[int, str, int] = (0, "", 0)

    def emit(self, kind: str, **data: Any) -> None:
        """Append one event, after what was said before it."""
        with self._lock:
            self.flush()
            self._append(kind, data)

    def say(self, cell: int, text: str) -> None:
        """Gather text that a cell printed."""
        with self._lock:
            if self._said[0] != cell:
                self.flush()
            _, kept, length = self._said
            self._said = (cell, (kept + text)[:_TEXT_LIMIT], length + len(text))

    def flush(self) -> None:
        """Write what was gathered, then what the kernel left in the outbox."""
        with self._lock:
            cell, text, length = self._said
            self._said = (0, "", 0)
            if length > len(text):
                text += f"… ({length - len(text)} characters more are in output.ipynb)"
            if text:
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
                if message["kind"] in ("metric", "artifact"):
                    found.append((message["kind"], dict(message["data"])))
            except (ValueError, TypeError, KeyError):
                continue  # anybody may write there; what is no message is none
        return found

    def _append(self, kind: str, data: dict[str, Any]) -> None:
        self._seq += 1
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017 -- datetime.UTC is 3.11
        line = json.dumps({"seq": self._seq, "at": at, "kind": kind, "data": data}, ensure_ascii=False) + "\n"
        os.write(self._handle, line.encode())


class Job:
    """One job directory and the kernel that works for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec: dict[str, Any] = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
        self.events = Events(folder / "events.jsonl", folder / "outbox.jsonl")
        self.kernel_pid = 0
        self.is_stopping = False
        self._ended = threading.Event()

    def stop(self, *_: Any) -> None:
        """Interrupt the running cell; kill the kernel if it will not listen. Takes no lock: it is a signal handler."""
        if not self.is_stopping:
            self.is_stopping = True
            last_resort = threading.Timer(self.spec.get("grace_s", 5.0), self._signal_kernel, [signal.SIGKILL])
            last_resort.daemon = True
            last_resort.start()
        self._signal_kernel(signal.SIGINT)

    def raise_if_stopped(self) -> None:
        """Go no further once SIGTERM was received."""
        if self.is_stopping:
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

    def beat(self) -> None:
        """Pass on what was said, and every five seconds that all is well."""
        last = time.monotonic()
        while not self._ended.wait(_TICK_S):
            self.events.flush()
            if time.monotonic() - last >= HEARTBEAT_S:
                last = time.monotonic()
                self.events.emit("heartbeat", memory_bytes=memory_bytes(self.kernel_pid))

    def end(self, code: int, reason: str, error: str) -> None:
        """Say the last word: first as an event, then as the file that makes it true."""
        self._ended.set()
        last = {"code": code, "reason": reason, "error": error[:_TEXT_LIMIT]}
        self.events.emit("exit", **last)
        new = self.folder / ".exit.json.new"
        with new.open("w", encoding="utf-8") as stream:
            json.dump(last, stream)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self.folder / "exit.json")

    def _signal_kernel(self, number: int) -> None:
        if self.kernel_pid and not self._ended.is_set():
            try:
                os.kill(self.kernel_pid, number)
            except ProcessLookupError:
                return


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 where it cannot be known."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass  # no /proc: macOS has ps
    try:
        command = ["ps", "-o", "rss=", "-p", str(pid)]
        return int(subprocess.run(command, capture_output=True, text=True, check=False).stdout or 0) * 1024
    except (OSError, ValueError):
        return 0


def execute(job: Job) -> tuple[int, str, str]:
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
            job.kernel_pid = self.km.provisioner.pid
            self.km.shutdown_wait_time = _KERNEL_EXIT_S
            return super().start_new_kernel_client(**options)

        def papermill_execute_cells(self) -> None:
            run = job.run_id()
            if run and job.spec["language"] == "python":
                # Plain ``mlflow.start_run()`` in the notebook continues this run instead of making another.
                code = f"__import__('os').environ['MLFLOW_RUN_ID'] = {run!r}\n{_LOAD}"
                self.kc.execute(code, silent=True, store_history=False)  # and leaves no name behind
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
            cwd=job.spec["cwd"],
            progress_bar=False,
            start_timeout=float(job.spec.get("start_timeout_s", 120)),
        )
    except DeadKernelError:
        job.raise_if_stopped()
        return 137, "DeadKernelError", "DeadKernelError: the kernel was killed; out of memory is the usual cause"
    except papermill.PapermillExecutionError as error:
        return 1, "cell_error", f"{error.ename}: {error.evalue}"
    if Client.failure:
        return 1, "cell_error", f"{Client.failure.ename}: {Client.failure.evalue}"
    return 0, "", ""


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


def main(folder: Path) -> int:
    """Run a job directory and return the exit code."""
    job = Job(folder)
    signal.signal(signal.SIGTERM, job.stop)
    threading.Thread(target=job.beat, name="heartbeat", daemon=True).start()
    try:
        code, reason, error = execute(job)
    except Exception as failure:
        if not job.is_stopping:
            job.end(2, type(failure).__name__, f"{type(failure).__name__}: {failure}")
            raise  # its traceback belongs into log.txt
        code, reason, error = _CANCELLED_CODE, "cancelled", ""
    job.end(code, reason, error)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
