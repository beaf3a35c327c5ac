"""``mlflow.log_metric`` and its like: into the append log, where the run is one that this process captures.

Twice: in the fluent functions, because most of their cost (0.11 of 0.13 ms) is Python above the store, and in the
client below, for whoever calls that: autologging, ``MlflowClient().log_batch``, a ``log_metric`` that was imported
before us. What the log cannot hold (metrics of a logged model or of a dataset, asynchronous calls) and what MLflow
would refuse goes the old way, and so ends in MLflow's own words. Reading delivers first, so what was logged is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.experiment.mlflow_calls.seam import Patches
from workbench.experiment.store import append_log, delivery
from workbench.experiment.store.append_log import METRIC, PARAM, TAG, append
from workbench.experiment.store.client import is_our_client
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project

if TYPE_CHECKING:
    from workbench.experiment.mlflow_calls.active import FluentRuns

CLIENT = "mlflow.tracking._tracking_service.client:TrackingServiceClient."
WRITES = ("log_metric", "log_param", "set_tag", "log_batch")
READS = ("get_run", "get_metric_history", "search_runs", "delete_tag", "set_terminated", "delete_run")
FLUENT = ("log_metric", "log_metrics", "set_tag", "set_tags")
Tell = Callable[[str, float, int], None]


class Records:
    """What is logged by mlflow's calls, to runs that this process captures.

    Args:
        project: Where the runs are.
        tell: Called with name, value and step of each metric.

    Attributes:
        runs: Ids of the runs.
    """

    def __init__(self, project: Project, tell: Tell) -> None:
        self._project, self._tell = project, tell
        self._params: dict[str, dict[str, str]] = {}
        self.runs: set[str] = set()

    def is_ours(self, run: str) -> bool:
        """Tell whether what is logged to a run goes into its append log."""
        return run in self.runs or run in append_log.open_logs

    def metric(self, run: str, key: str, value: Any, step: int, at_ms: int | None) -> bool:
        """Log a value; false where MLflow has to say what is wrong with it."""
        try:
            if type(value) is not float:
                value = _plain(value)
            append(self._project, run, METRIC, key, value, step, at_ms)
        except (WorkbenchError, OSError, ValueError, TypeError):
            return False
        if run == os.environ.get("MLFLOW_RUN_ID"):  # not a child's: who watches a job reads the job's own
            self._tell(key, value, step)
        return True

    def tag(self, run: str, key: str, value: Any) -> bool:
        """Set a tag; false where MLflow has to say what is wrong with it."""
        return self._append(run, TAG, key, str(value))

    def param(self, run: str, key: str, value: Any, read: Callable[[], Mapping[str, str]]) -> bool:
        """Log a parameter; false where MLflow has to refuse it, for instance because it has another value.

        Args:
            run: The run.
            key: Its name.
            value: Its value.
            read: Reads the parameters that the store has; called once for each run.
        """
        known = self._params.get(run)
        if known is None:
            known = self._params[run] = dict(read())
        text = str(value)
        if known.get(key, text) != text:
            delivery.catch_up()
            return False
        if not self._append(run, PARAM, key, text):
            return False
        known[key] = text
        return True

    def forget(self, run: str) -> None:
        """Forget a run that has ended."""
        self.runs.discard(run)
        self._params.pop(run, None)

    def _append(self, run: str, kind: str, key: str, value: str) -> bool:
        try:
            append(self._project, run, kind, key, value)
        except (WorkbenchError, OSError):
            return False
        return True


def divert_client(client_class: Any, project: Project, records: Records, patches: Patches) -> None:
    """Let the client below all of MLflow's calls write to the log, and deliver before it reads."""
    original = {name: getattr(client_class, name) for name in (*WRITES, *READS)}

    def takes(self: Any, run_id: str, synchronous: bool) -> bool:
        is_ours = synchronous and records.is_ours(run_id) and self.tracking_uri == project.tracking_uri
        # Delivery itself writes through a client of ours where the store is not SQLite.
        return bool(is_ours) and not is_our_client(project, self)

    def reading(self: Any, run: str) -> Callable[[], Mapping[str, str]]:
        def read() -> Mapping[str, str]:
            delivery.catch_up()
            found: Mapping[str, str] = original["get_run"](self, run).data.params
            return found

        return read

    def log_metric(  # noqa: PLR0917 - MLflow's own signature
        self: Any,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool = True,
        *more: Any,
        **named: Any,
    ) -> Any:
        is_plain = not any(more) and not any(named.values())
        if is_plain and takes(self, run_id, synchronous) and records.metric(run_id, key, value, step or 0, timestamp):
            return None
        return original["log_metric"](self, run_id, key, value, timestamp, step, synchronous, *more, **named)

    def log_param(self: Any, run_id: str, key: str, value: Any, synchronous: bool = True) -> Any:
        if takes(self, run_id, synchronous) and records.param(run_id, key, value, reading(self, run_id)):
            return value
        return original["log_param"](self, run_id, key, value, synchronous)

    def set_tag(self: Any, run_id: str, key: str, value: Any, synchronous: bool = True) -> Any:
        if takes(self, run_id, synchronous) and records.tag(run_id, key, value):
            return None
        return original["set_tag"](self, run_id, key, value, synchronous)

    def log_batch(  # noqa: PLR0917
        self: Any,
        run_id: str,
        metrics: Iterable[Any] = (),
        params: Iterable[Any] = (),
        tags: Iterable[Any] = (),
        synchronous: bool = True,
    ) -> Any:
        if takes(self, run_id, synchronous) and not _has_active_model():
            read = reading(self, run_id)
            metrics = [
                item
                for item in metrics
                if item.model_id
                or item.dataset_name
                or not records.metric(run_id, item.key, item.value, item.step, item.timestamp)
            ]
            params = [item for item in params if not records.param(run_id, item.key, item.value, read)]
            tags = [item for item in tags if not records.tag(run_id, item.key, item.value)]
        return original["log_batch"](self, run_id, metrics, params, tags, synchronous)

    for function in (log_metric, log_param, set_tag, log_batch):
        patches.replace((client_class,), function.__name__, function)
    for name in READS:
        patches.replace((client_class,), name, _delivering(original[name]))


def divert_fluent(mlflow: Any, fluent: Any, records: Records, active: FluentRuns, patches: Patches) -> None:
    """Let the fluent functions write to the log of the active run without building clients on the way."""
    original = {name: getattr(fluent, name) for name in FLUENT}
    stack = fluent._active_run_stack

    def current() -> str:
        """Return the active run, where logging to it is no more than a record in its log."""
        run = active.current()
        if not run or os.environ.get("MLFLOW_ENABLE_ASYNC_LOGGING") or fluent.get_active_model_id() is not None:
            return ""
        outputs = stack.get()[-1].outputs
        return "" if outputs and outputs.model_outputs else run  # after log_model, metrics belong to the model too

    def log_metric(  # noqa: PLR0917 - MLflow's own signature
        key: str,
        value: Any,
        step: int | None = None,
        synchronous: bool | None = None,
        timestamp: int | None = None,
        run_id: str | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> Any:
        is_plain = synchronous is not False and run_id is None and model_id is None and dataset is None
        if is_plain and (run := current()) and records.metric(run, key, value, step or 0, timestamp):
            return None
        return original["log_metric"](key, value, step, synchronous, timestamp, run_id, model_id, dataset)

    def log_metrics(  # noqa: PLR0917
        metrics: dict[str, Any],
        step: int | None = None,
        synchronous: bool | None = None,
        run_id: str | None = None,
        timestamp: int | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> Any:
        is_plain = synchronous is not False and run_id is None and model_id is None and dataset is None
        if is_plain and (run := current()) and isinstance(metrics, dict):
            metrics = {k: v for k, v in metrics.items() if not records.metric(run, k, v, step or 0, timestamp)}
            if not metrics:
                return None
        return original["log_metrics"](metrics, step, synchronous, run_id, timestamp, model_id, dataset)

    def set_tag(key: str, value: Any, synchronous: bool | None = None) -> Any:
        if synchronous is not False and (run := current()) and records.tag(run, key, value):
            return None
        return original["set_tag"](key, value, synchronous)

    def set_tags(tags: dict[str, Any], synchronous: bool | None = None) -> Any:
        if synchronous is not False and (run := current()) and isinstance(tags, dict):
            tags = {key: value for key, value in tags.items() if not records.tag(run, key, value)}
            if not tags:
                return None
        return original["set_tags"](tags, synchronous)

    for function in (log_metric, log_metrics, set_tag, set_tags):
        patches.replace((fluent, mlflow), function.__name__, function)


def _delivering(original: Any) -> Any:
    def reading(self: Any, *arguments: Any, **named: Any) -> Any:
        delivery.catch_up()
        return original(self, *arguments, **named)

    return reading


def _plain(value: Any) -> float:
    """Return a tensor's or an array's one number, as MLflow does."""
    if isinstance(value, int):
        return float(value)
    from mlflow.tracking.metric_value_conversion_utils import convert_metric_value_to_float_if_possible

    try:
        return float(convert_metric_value_to_float_if_possible(value))
    except Exception as error:  # MLflow's own exception, which is known only once mlflow is there
        raise ValueError(str(error)) from error


def _has_active_model() -> bool:
    from mlflow.tracking.fluent import get_active_model_id

    return get_active_model_id() is not None
