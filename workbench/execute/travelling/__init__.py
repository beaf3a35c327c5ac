"""The files that travel with a job: standard library and papermill, Python 3.9, nothing of this project.

``runner`` runs the notebook and says how it goes, on every target, and ``machine`` keeps it within its limits. A job
far from home has an ``errand``: it unpacks the bundle, fetches data, and brings results back, with ``secret``,
``tracked`` (what MLflow logs there), ``inputs`` (what was read) and ``wire`` (where only a log comes back); its kernel
begins with ``prologue``. One that is somebody else's program is ``confined``, by the very file that confines checks
here (``foundation/confinement``). They are copied into job directories as they are and import one another from there,
never as parts of this package.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from workbench import foundation
from workbench.execute.travelling.prologue import CAPTURE
from workbench.experiment import capture
from workbench.experiment.store.schema import prepared_schema

_HERE = Path(__file__).parent
SCHEMA_FILE = "mlflow-schema.sql"


def travelling_files(*, is_far: bool) -> dict[str, Path | bytes]:
    """Return the files that a job directory needs to run, by the name they have there.

    Args:
        is_far: Whether the job runs on another machine, and so logs into a store of its own.
    """
    files: dict[str, Path | bytes] = {path.name: path for path in _HERE.glob("*.py") if path.name != "__init__.py"}
    files["confinement.py"] = Path(foundation.__file__).with_name("confinement.py")  # its import would cost 3 ms
    if is_far:
        home = Path(capture.__file__).parent
        files |= {f"capture_{name}.py": home / f"{name}.py" for name in CAPTURE}
    if is_far and (schema := prepared_schema()):
        files[SCHEMA_FILE] = f"-- mlflow {_mlflow_version()}\n{schema}".encode()
    return dict(sorted(files.items()))


def _mlflow_version() -> str:
    try:
        return version("mlflow")
    except PackageNotFoundError:
        return ""
