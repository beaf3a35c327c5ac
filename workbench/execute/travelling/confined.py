"""A job that is somebody else's program: fetch what it needs, then run it where it sees nothing but that.

Travels with ``runner``. Code and data are laid out first, by this process, which has the network and runs nothing of
the job's. Then the runner starts once more inside (:mod:`confinement`), confined together with its kernel, so that
whatever reads what the kernel left, a notebook or a database, has nothing to give away either. What the runner is told
of its surroundings is a list of names; HOME is empty.
"""

from __future__ import annotations

import json
import os
import re
import site
import sys
from pathlib import Path
from typing import Any, Iterator

import confinement  # type: ignore[import-not-found]  # the files beside this one
import errand  # type: ignore[import-not-found]
import wire  # type: ignore[import-not-found]

_PASSED_ON = (
    *("PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("PYTHONHASHSEED", "MPLBACKEND", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "WORKBENCH_JOB"),
)
_OF_ARITHMETIC = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "NVPL_", "VECLIB_", "NUMEXPR_")
"""What a run may depend on and nobody keeps a secret in: ``OPENBLAS_CORETYPE`` alone changes the last digits."""
_KERNEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_OURS = ("lock", "started", "slurm.json")
"""By these whoever sent the job knows whether it still runs, and what to end."""
NOT_CONFINED = "not-confined"
_LACKING = "this machine does not let a program be kept from the network, other files and other processes"


def go_inside(job: Any) -> int:
    """Run a job confined, and return the exit code."""
    if job.spec.get("channel") == "stdout":
        job.events.tell = wire.Channel().say_event
    try:
        errand.provide(job.folder, job.spec)
    except (OSError, errand.Refusal) as error:
        return _end(job, getattr(error, "job_reason", ""), str(error))
    if (job.spec.get("results") or {}).get("put"):
        return _end(job, NOT_CONFINED, "its results go to a store over the network, which a confined job does not have")
    code = confinement.launch(
        [sys.executable, str(job.folder / "runner.py"), "."],
        job.folder,
        _environment(job.folder, job.spec),
        readable=_kernels(str(job.spec.get("kernel") or "")),
        kept=_OURS,
        is_strict=job.spec["isolation"] == "required",
    )
    if code == confinement.NOT_CONFINED and not (job.folder / "exit.json").exists():
        return _end(job, NOT_CONFINED, _LACKING)
    return int(code)


def _end(job: Any, reason: str, error: str) -> int:
    job.end(2, reason, error)
    if job.spec.get("channel") == "stdout":
        wire.Channel().say_file("exit.json", job.folder / "exit.json")
    return 2


def _environment(folder: Path, spec: dict[str, Any]) -> dict[str, str]:
    """Return all that the runner inherits."""
    found = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_OF_ARITHMETIC)}
    found["HOME"], found["TMPDIR"] = str(folder / "home"), str(folder / "tmp")
    found["PYTHONDONTWRITEBYTECODE"] = "1"
    if site.ENABLE_USER_SITE:
        found["PYTHONUSERBASE"] = site.getuserbase()
    paths = spec.get("python_path")  # None where this machine is not the one that sent the job
    own = os.environ.get("PYTHONPATH", "")
    if path := own if paths is None else os.pathsep.join(str(folder / "work" / entry) for entry in paths):
        found["PYTHONPATH"] = path
    found["JUPYTER_PATH"] = str(_jupyter())
    return found


def _jupyter() -> Path:
    """Return where a person keeps kernels of their own."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")  # noqa: PTH111 - no error without HOME
    return Path(os.environ.get("JUPYTER_DATA_DIR") or Path(data, "jupyter"))


def _kernels(name: str) -> Iterator[Path]:
    """Yield what is read to start a kernel: its description, and the environment that it belongs to.

    The name is the notebook's, so it may not lead to a description of its author's own.
    """
    own = _jupyter() / "kernels"
    if own.is_dir():
        yield own
    if not _KERNEL.fullmatch(name):
        return
    for folder in (own, Path(sys.prefix, "share", "jupyter", "kernels")):
        try:
            program = Path(json.loads((folder / name / "kernel.json").read_bytes())["argv"][0])
        except (OSError, ValueError, LookupError, TypeError):
            continue
        if program.is_absolute():
            yield from map(Path, confinement.prefixes_of(program))
