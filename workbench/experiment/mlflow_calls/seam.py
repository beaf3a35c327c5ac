"""What we know of mlflow's inside: the functions that are replaced, with the parameters they have.

They are compared before anything is replaced, and by a contract test with the mlflow that is installed.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

_WHERE = "mlflow.tracking._tracking_service"
SEAM: dict[str, tuple[str, ...]] = {
    "mlflow.tracking.fluent:log_metric": (
        *("key", "value", "step", "synchronous", "timestamp", "run_id", "model_id", "dataset"),
    ),
    "mlflow.tracking.fluent:log_metrics": (
        *("metrics", "step", "synchronous", "run_id", "timestamp", "model_id", "dataset"),
    ),
    "mlflow.tracking.fluent:set_tag": ("key", "value", "synchronous"),
    "mlflow.tracking.fluent:set_tags": ("tags", "synchronous"),
    "mlflow.tracking.fluent:start_run": (
        *("run_id", "experiment_id", "run_name", "nested", "parent_run_id", "tags", "description"),
        "log_system_metrics",
    ),
    "mlflow.tracking.fluent:end_run": ("status",),
    "mlflow.tracking.fluent:_get_or_start_run": (),
    "mlflow.tracking.fluent:_get_experiment_id_from_env": (),
    "mlflow.tracking.fluent:ActiveRun.__enter__": ("self",),
    f"{_WHERE}.utils:_get_default_tracking_uri": (),
    f"{_WHERE}.client:TrackingServiceClient.log_metric": (
        *("self", "run_id", "key", "value", "timestamp", "step", "synchronous"),
        *("dataset_name", "dataset_digest", "model_id"),
    ),
    f"{_WHERE}.client:TrackingServiceClient.log_param": ("self", "run_id", "key", "value", "synchronous"),
    f"{_WHERE}.client:TrackingServiceClient.set_tag": ("self", "run_id", "key", "value", "synchronous"),
    f"{_WHERE}.client:TrackingServiceClient.log_batch": ("self", "run_id", "metrics", "params", "tags", "synchronous"),
    f"{_WHERE}.client:TrackingServiceClient.get_run": ("self", "run_id"),
    f"{_WHERE}.client:TrackingServiceClient.get_metric_history": ("self", "run_id", "key"),
    f"{_WHERE}.client:TrackingServiceClient.search_runs": (
        *("self", "experiment_ids", "filter_string", "run_view_type", "max_results", "order_by", "page_token"),
    ),
    f"{_WHERE}.client:TrackingServiceClient.delete_tag": ("self", "run_id", "key"),
    f"{_WHERE}.client:TrackingServiceClient.set_terminated": ("self", "run_id", "status", "end_time"),
    f"{_WHERE}.client:TrackingServiceClient.delete_run": ("self", "run_id"),
    "mlflow.models.model:Model.log": (
        *("artifact_path", "flavor", "registered_model_name", "await_registration_for", "metadata", "run_id"),
        *("resources", "auth_policy", "prompts", "name", "model_type", "params", "tags", "step", "model_id", "kwargs"),
    ),
    "mlflow.utils.environment:infer_pip_requirements": (
        *("model_uri", "flavor", "fallback", "timeout", "extra_env_vars"),
        *("uv_project_dir", "uv_groups", "uv_extras"),
    ),
    "mlflow.data.digest_utils:compute_pandas_digest": ("df",),
    "mlflow.data.digest_utils:compute_numpy_digest": ("features", "targets"),
    "mlflow.data.polars_dataset:hash_polars_df": ("df",),
    "mlflow.types.utils:_infer_schema": ("data",),
    "mlflow.sklearn.utils:_log_estimator_content": (
        *("autologging_client", "estimator", "run_id", "prefix", "X", "y_true", "sample_weight", "pos_label"),
        *("model_id", "dataset"),
    ),
}
"""Parameter names by ``module:name``."""


class UnknownSeamError(Exception):
    """mlflow is not what it was when a patch was written."""


class Patches:
    """What was replaced in mlflow, so that it can be put back."""

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any]] = []

    def replace(self, owners: tuple[Any, ...], name: str, new: Any) -> None:
        """Put ``new`` in the place of ``name`` in each owner that has the same object there."""
        old = getattr(owners[0], name)
        if inspect.ismethod(new):
            new = _function_of(new)
        functools.update_wrapper(new, old)
        for owner in owners:
            if vars(owner).get(name) is old:
                self._replaced.append((owner, name, old))
                setattr(owner, name, new)

    def replace_plainly(self, owner: Any, name: str, new: Any) -> None:
        """Put ``new`` in the place of ``name`` as it lies in the owner: for a class method."""
        self._replaced.append((owner, name, vars(owner)[name]))
        setattr(owner, name, new)

    def undo(self) -> None:
        """Put everything back, the last first."""
        while self._replaced:
            owner, name, old = self._replaced.pop()
            setattr(owner, name, old)


def _function_of(method: Any) -> Any:
    def function(*arguments: Any, **named: Any) -> Any:
        return method(*arguments, **named)

    return function


def check(*names: str) -> None:
    """Compare functions of imported modules with what is known of them.

    Args:
        names: Keys of :data:`SEAM`.

    Raises:
        UnknownSeamError: One is missing or has other parameters.
    """
    for name in names:
        if parameters_of(name) != SEAM[name]:
            raise UnknownSeamError(f"this version of mlflow has another {name.partition(':')[2]}")


def parameters_of(name: str) -> tuple[str, ...] | None:
    """Return the parameter names of a function of mlflow; None where there is none."""
    from importlib import import_module

    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        return tuple(inspect.signature(found).parameters)
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
