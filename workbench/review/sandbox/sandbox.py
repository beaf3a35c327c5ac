"""Open a model's bytes in a child process, because bytes that somebody else made are a program until shown otherwise.

The child gets a copy of the files in a scratch folder, an empty HOME, four variables of environment, limits on CPU,
memory, file size and time, and, where the system permits, no network and no files but its own (:mod:`~.child`
says what was achieved; it goes into the check's tool string). Whatever ends it other than well is *no result*, never a
pass. What it writes is read as data: JSON, and arrays without pickle.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import workbench
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.store import Store

TIMEOUT_S = 180.0
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
    with (scratch / "log.txt").open("wb") as log:
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
    if done.returncode != 0:
        tail = (scratch / "log.txt").read_bytes()[-2000:].decode(errors="replace").strip().splitlines()[-1:]
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


def _read(folder: Path) -> SandboxResult:
    try:
        values = json.loads((folder / "result.json").read_bytes())
        isolation = str(values.pop("isolation"))
        arrays: dict[str, npt.NDArray[Any]] = {}
        if (folder / "result.npz").is_file():
            with np.load(folder / "result.npz", allow_pickle=False) as found:
                arrays = {key: found[key] for key in found.files}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnknownResultError(
            "sandbox-crashed", f"The process that opened the model left no answer: {error}", "mlops doctor"
        ) from error
    return SandboxResult(values, arrays, isolation)
