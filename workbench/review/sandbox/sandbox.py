"""Open a model's bytes in a child process, because bytes that somebody else made are a program until shown otherwise.

The child gets a copy of the files in a scratch folder, an empty HOME, four variables of environment, limits on CPU,
memory, file size and time, and, where the system permits, no network and no files but its own (:mod:`~.child`
says what was achieved; it goes into the check's tool string). Whatever ends it other than well is *no result*, never a
pass. What it writes is read as data: JSON, and arrays without pickle.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

import workbench
from workbench.foundation.confinement import OF_A_CHECK
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.store import Store
from workbench.review.formats.reading import UNREADABLE

TIMEOUT_S = 180.0
MAX_ANSWER_BYTES = 64 << 20
_CHILD = "workbench.review.sandbox.child"
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class SandboxResult:
    """What the child said.

    Attributes:
        values: JSON; ``fault`` where the model, not the child, is to blame.
        arrays: Arrays it returned.
        isolation: What was really achieved: ``limits, no network, own files only``.
    """

    values: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]
    isolation: str

    @property
    def fault(self) -> str:
        """What is wrong with the model; empty where nothing is."""
        return str(self.values.get("fault", ""))


def run_sandboxed(
    store: Store,
    model_digest: str,
    task: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    arrays: Arrays | None = None,
    timeout_s: float = TIMEOUT_S,
) -> SandboxResult:
    """Run one task of :mod:`~.child` on a verified copy of a frozen model.

    Args:
        store: Where the model lies.
        model_digest: The model.
        task: ``examine``, ``predict``, ``load_rows`` or ``measure``.
        arguments: JSON for the task.
        arrays: Arrays for the task.
        timeout_s: Seconds until the child is killed.

    Raises:
        UnknownResultError: ``sandbox-timeout`` or ``sandbox-crashed``.
        IntegrityError: The frozen bytes are not what their digest says.
    """
    with tempfile.TemporaryDirectory(prefix="wb-sandbox-") as name:
        scratch = Path(name).resolve()
        for folder in ("home", "out"):
            (scratch / folder).mkdir()
        store.export_tree(model_digest, scratch / "model")
        (scratch / "task.json").write_text(json.dumps({"task": task, **(arguments or {})}), encoding="utf-8")
        np.savez(scratch / "input.npz", allow_pickle=False, **dict(arrays or {}))
        run_child(_CHILD, scratch, timeout_s, "The model")
        return _read(scratch / "out")


def run_child(module: str, scratch: Path, timeout_s: float, what: str) -> None:
    """Run a module as a child that confines itself to ``scratch``, and wait for its end.

    Args:
        module: Module of ours; its argument is ``scratch``.
        scratch: Folder with ``home``, ``out`` and what it is to work on.
        timeout_s: Seconds until it is killed.
        what: What it opens or runs, for messages.

    Raises:
        UnknownResultError: ``sandbox-timeout`` or ``sandbox-crashed``.
    """
    # -P: the working directory holds files of others and must not be imported from.
    command = [sys.executable, "-P", "-m", module, str(scratch)]
    with (scratch / "log.txt").open("w+b") as log:
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                env=_environment(scratch),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnknownResultError(
                "sandbox-timeout", f"{what} did not answer within {timeout_s:g} s", "give it fewer holdout rows"
            ) from None
        log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
        tail = log.read(2000).decode(errors="replace").strip().splitlines()[-1:]
    if done.returncode != 0:
        reason = f"signal {-done.returncode}" if done.returncode < 0 else f"exit status {done.returncode}"
        raise UnknownResultError(
            "sandbox-crashed", f"{what}'s process ended with {reason}: {' '.join(tail)}", "mlops doctor"
        )


def _environment(scratch: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "out"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(workbench.__file__).resolve().parents[1]),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


@contextmanager
def opened_answer(path: Path, limit: int) -> Iterator[BinaryIO]:
    """Open what a child has written: a plain file of its own, and not too large a one; it may have left anything there.

    A link would have other people's files read for it, and a pipe is waited for without an end.

    Args:
        path: In the child's folder ``out``.
        limit: Most bytes.

    Raises:
        OSError: There is none.
        ValueError: It is something else.
    """
    if path.parent.is_symlink():
        raise ValueError(f"{path.parent.name} is a link")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            raise ValueError(f"{path.name} is no plain file of at most {limit:,} bytes")
        yield stream


def _read(folder: Path) -> SandboxResult:
    try:
        with opened_answer(folder / "result.json", MAX_ANSWER_BYTES) as stream:
            values = json.loads(stream.read(MAX_ANSWER_BYTES))
        isolation = str(values.pop("isolation"))
        arrays: dict[str, npt.NDArray[Any]] = {}
        if (folder / "result.npz").exists():
            with opened_answer(folder / "result.npz", OF_A_CHECK.file_bytes) as stream:
                _check_stored(stream)
                with np.load(stream, allow_pickle=False) as found:
                    arrays = {key: found[key] for key in found.files}
    except UNREADABLE as error:
        raise UnknownResultError(
            "sandbox-crashed", f"The process that opened the model left no answer: {error}", "mlops doctor"
        ) from error
    return SandboxResult(values, arrays, isolation)


def _check_stored(stream: BinaryIO) -> None:
    """Refuse arrays that were packed: ours are not, and a few bytes of others would fill the memory."""
    with zipfile.ZipFile(stream) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ValueError("its arrays are packed")
    stream.seek(0)
