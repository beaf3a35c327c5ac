"""Two more questions to the sandboxed child: which rows does this folder hold, and what does answering cost.

Runs confined, like everything in :mod:`~workbench.review.sandbox.tasks`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.review.formats.reading import UNREADABLE

_NONE: npt.NDArray[Any] = np.empty(0)
_ROUNDS, _CALLS, _WARM_UP = 5, 200, 20


def load_rows(model: Path, _task: Mapping[str, Any], _arrays: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``inputs`` and ``truth`` of the holdout, and ``row_digests`` and ``quantiles`` of the training rows."""
    found: dict[str, npt.NDArray[Any]] = {}
    wanted = {"holdout.npz": ("inputs", "truth"), "reference.npz": ("row_digests", "quantiles")}
    for file, names in wanted.items():
        if not (model / file).is_file():
            continue
        try:
            with np.load(model / file, allow_pickle=False) as archive:
                found.update({name: archive[name] for name in names if name in archive.files})
            if strange := [name for name in names if not isinstance(found.get(name, _NONE), np.ndarray)]:
                raise TypeError(f"'{strange[0]}' is no array")
        except UNREADABLE as error:
            return {"fault": f"{file} cannot be read: {error}"}, {}
    return {}, found


def open_onnx(path: Path) -> Any:
    """Open a model as the runner does: on one thread, and as what was examined, never as onnxruntime's own format."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def measure(model: Path, task: Mapping[str, Any], arrays: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Load the model and let it answer ``arrays["inputs"]`` row by row; return memory (bytes) and latency (ms).

    Of five rounds the one with the smallest 95th percentile counts: a busy machine only ever makes things slower.
    """
    import onnxruntime

    values: dict[str, Any] = {"engine": f"onnxruntime {onnxruntime.__version__}"}
    before = _memory("VmRSS")
    try:
        session = open_onnx(model / str(task["file"]))
        name = session.get_inputs()[0].name
        rows = [np.ascontiguousarray(row[None, :], dtype=np.float32) for row in arrays["inputs"]]
        for index in range(_WARM_UP):
            session.run(None, {name: rows[index % len(rows)]})
        rounds = [_round(session, name, rows) for _ in range(_ROUNDS)]
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors derive from Exception itself
        return {**values, "fault": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}, {}
    p50, p95 = min(rounds, key=lambda found: found[1])
    memory = max(0, _memory("VmHWM") - before) if before else -1
    return {**values, "latency_ms": p95, "median_ms": p50, "memory_bytes": memory}, {}


def _round(session: Any, name: str, rows: list[npt.NDArray[Any]]) -> tuple[float, float]:
    times = []
    for index in range(_CALLS):
        started = time.perf_counter()
        session.run(None, {name: rows[index % len(rows)]})
        times.append((time.perf_counter() - started) * 1e3)
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


def _memory(field: str) -> int:
    """Return a figure of this process in bytes; 0 where the system does not say."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"{field}:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else 0
