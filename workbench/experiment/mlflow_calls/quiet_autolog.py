"""``mlflow.sklearn.autolog()`` without the wall of warnings: those that MLflow's own calls cause are not the user's.

Its plots (half a second of matplotlib for each fit of a classifier) stay, since whoever calls it by name expects them;
:func:`workbench.autolog` is the one that costs next to nothing.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

from workbench.experiment.mlflow_calls.seam import Patches

NAME = "mlflow.sklearn.utils:_log_estimator_content"
_LOGGERS = ("mlflow.utils.autologging_utils", "mlflow.models.model", "mlflow.sklearn")


def silence(module: Any, patches: Patches) -> None:
    """Keep to ourselves what is warned of while MLflow measures a fitted estimator.

    Args:
        module: ``mlflow.sklearn.utils``.
        patches: Takes what is replaced.
    """
    original = module._log_estimator_content

    def _log_estimator_content(*arguments: Any, **named: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return original(*arguments, **named)

    patches.replace((module,), "_log_estimator_content", _log_estimator_content)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_error)


def unsilence() -> None:
    """Let MLflow's loggers speak again."""
    for name in _LOGGERS:
        logging.getLogger(name).removeFilter(_is_error)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR
