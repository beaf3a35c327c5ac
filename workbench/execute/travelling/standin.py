"""``import workbench`` in the kernel of a machine that does not have the package: what can be done without it.

Travels with ``runner``. A notebook that records with ``%load_ext workbench``, ``workbench.run`` and ``workbench.log``
runs on any machine: values go to MLflow where it is installed, else they are told to the runner. What needs the package
itself (tables by the block, saving a model as ONNX) says so in one line.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping

__version__ = "0"
_steps: dict[str, int] = {}


class FarSideError(RuntimeError):
    """This machine lacks the package."""


def load_ipython_extension(shell: Any) -> None:
    """Give the kernel ``%%mlops track``; a job's cells are recorded whether or not it stands above them."""

    def mlops(line: str, cell: str | None = None) -> None:
        if cell is None or line.split()[:1] != ["track"]:
            raise _lacking(f"%mlops {line}")
        shell.run_cell(cell).raise_error()

    shell.register_magic_function(mlops, "line_cell", "mlops")


@contextmanager
def run(name: str = "", *, source: str = "", resume: str | bool = False) -> Iterator[str]:  # noqa: ARG001 -- as at home
    """Join the job's run."""
    mlflow = _mlflow()
    if mlflow is None:
        yield ""
        return
    active = mlflow.active_run() or mlflow.start_run()
    yield str(active.info.run_id)


def log(metrics: Mapping[str, float] | None = None, step: int | None = None, **named: float) -> None:
    """Record metric values; each metric counts its own steps where none is given."""
    mlflow = _mlflow()
    for key, value in {**(metrics or {}), **named}.items():
        own = _steps.get(key, 0) if step is None else step
        _steps[key] = own + 1
        if mlflow is None:
            _tell("metric", {"name": key, "value": float(value), "step": own})
        else:
            mlflow.log_metric(key, float(value), step=own)


def log_params(params: Mapping[str, Any] | None = None, **named: Any) -> None:
    """Record parameters."""
    mlflow = _mlflow()
    for key, value in {**(params or {}), **named}.items():
        if mlflow is None:
            _tell("param", {"name": key, "value": str(value)})
        else:
            mlflow.log_param(key, value)


def log_input(path: str | Path) -> None:
    """Name a file that native code has read."""
    with Path(path).open("rb"):  # opening it is what the recorder sees
        return


def log_dataset(data: Any, name: str = "", context: str = "training") -> str:  # noqa: ARG001 -- as at home
    """Leave datasets alone: their digest needs the package."""
    return ""


def autolog(*, model: bool = False, training_score: bool = False, disable: bool = False) -> None:  # noqa: ARG001
    """Let MLflow record what scikit-learn fits, where it is installed."""
    mlflow = _mlflow()
    if mlflow is not None:
        mlflow.sklearn.autolog(log_models=model, disable=disable, silent=True)


def __getattr__(name: str) -> Any:
    """Say what is missing for everything else."""
    if name.startswith("_"):
        raise AttributeError(name)

    def lacking(*_: Any, **__: Any) -> Any:
        raise _lacking(f"workbench.{name}")

    return lacking


def _lacking(what: str) -> FarSideError:
    return FarSideError(f"{what} needs the package on this machine → pip install mlops-workbench")


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError:
        return None
    return mlflow


def _tell(kind: str, data: Mapping[str, Any]) -> None:
    with open(os.environ["WORKBENCH_OUTBOX"], "ab", buffering=0) as stream:  # noqa: PTH123 -- one write a line
        stream.write(json.dumps({"kind": kind, "data": data}).encode() + b"\n")
