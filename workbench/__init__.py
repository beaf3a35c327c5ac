"""MLOps Workbench: from notebook to reviewed, served, watched model without leaving JupyterLab.

``%load_ext workbench`` in a notebook gives ``%mlops`` and records what runs. In plain Python::

    import workbench

    with workbench.run("first try"):
        workbench.log_params(depth=6)
        workbench.log(f1=0.97)
        workbench.save_model(model, name="shuttle", train=X_train, holdout=(X_test, y_test))

The names are imported when first used, so importing this package costs next to nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Nobody is told what is done here, unless the user's own environment says so. This has to stand before the libraries
# are imported: from 1.29 on ONNX Runtime tells its maker which models are opened, by name and digest, on which machine.
for _name in ("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "DVC_NO_ANALYTICS"):
    os.environ.setdefault(_name, "1")

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from workbench.experiment.autolog import autolog
    from workbench.experiment.datasets.logged import log_dataset
    from workbench.experiment.model.save import save_model
    from workbench.experiment.search.frame import runs
    from workbench.experiment.session import log, log_input, log_params, run
    from workbench.experiment.table_input import table
    from workbench.serving.loader import load

__all__ = [
    "__version__",
    "autolog",
    "load",
    "log",
    "log_dataset",
    "log_input",
    "log_params",
    "run",
    "runs",
    "save_model",
    "table",
]

_LAZY = {
    "autolog": "workbench.experiment.autolog",
    "load": "workbench.serving.loader",
    "log": "workbench.experiment.session",
    "log_dataset": "workbench.experiment.datasets.logged",
    "log_input": "workbench.experiment.session",
    "log_params": "workbench.experiment.session",
    "run": "workbench.experiment.session",
    "runs": "workbench.experiment.search.frame",
    "save_model": "workbench.experiment.model.save",
    "table": "workbench.experiment.table_input",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'workbench' has no attribute '{name}'")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a kernel ``%mlops`` and ``%%mlops`` and start recording; called by ``%load_ext workbench``."""
    from workbench.doors.magics import load

    load(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "@mlops-workbench/labextension"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "workbench.doors.server"}]
