"""Which module of mlflow is patched with what, after its seam was compared with what we know."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from workbench.experiment.mlflow_calls import frames, packages, quiet_autolog, records
from workbench.experiment.mlflow_calls.active import FluentRuns, Keeper
from workbench.experiment.mlflow_calls.records import Records, Tell
from workbench.experiment.mlflow_calls.seam import SEAM, Patches, check
from workbench.foundation.project import Project

_SERVICE = "mlflow.tracking._tracking_service"
_PANDAS = ("mlflow.data.digest_utils:compute_pandas_digest", "mlflow.types.utils:_infer_schema")
_NUMPY = "mlflow.data.digest_utils:compute_numpy_digest"
_POLARS = "mlflow.data.polars_dataset:hash_polars_df"


class Patching:
    """The patches of one process.

    Args:
        project: Where runs go.
        keeper: Who looks after them.
        tell: Told each metric.

    Attributes:
        active: The fluent API's runs; None where mlflow is not what we know.
    """

    def __init__(self, project: Project, keeper: Keeper, tell: Tell) -> None:
        self._project, self._keeper = project, keeper
        self._records, self._patches = Records(project, tell), Patches()
        self._model_class: Any = None
        self.active: FluentRuns | None = None

    def patch(self, name: str, module: Any) -> None:
        """Patch a module.

        Raises:
            UnknownSeamError: It is not what we know; nothing of it is patched.
        """
        actions: dict[str, tuple[Callable[[Any], None], tuple[str, ...]]] = {
            "mlflow": (self._calls, tuple(name for name in SEAM if name.startswith(("mlflow.tracking", _SERVICE)))),
            "mlflow.models": (self._models, (packages.NAME, "mlflow.models.model:Model.log")),
            "mlflow.data.pandas_dataset": (lambda found: frames.name_pandas(found, self._patches), _PANDAS),
            "mlflow.data.numpy_dataset": (lambda found: frames.name_numpy(found, self._patches), (_NUMPY,)),
            "mlflow.data.polars_dataset": (lambda found: frames.name_polars(found, self._patches), (_POLARS,)),
            "mlflow.sklearn.utils": (
                lambda found: quiet_autolog.silence(found, self._patches),
                (quiet_autolog.NAME,),
            ),
        }
        action, seams = actions[name]
        check(*seams)
        action(module)

    def undo(self) -> None:
        """Put everything back."""
        self._patches.undo()
        quiet_autolog.unsilence()

    def _calls(self, mlflow: Any) -> None:
        fluent, uris = mlflow.tracking.fluent, sys.modules[f"{_SERVICE}.utils"]
        client = sys.modules[f"{_SERVICE}.client"].TrackingServiceClient
        self.active = FluentRuns((mlflow, fluent, uris), self._project, self._records, self._keeper)
        records.divert_client(client, self._project, self._records, self._patches)
        records.divert_fluent(mlflow, fluent, self._records, self.active, self._patches)
        self.active.patch(self._patches)
        self._join_models()

    def _models(self, models: Any) -> None:
        utils = sys.modules["mlflow.utils.environment"]
        packages.take_requirements_from_environment(utils, models, self._patches)
        self._model_class = models.Model
        self._join_models()

    def _join_models(self) -> None:
        """Patch the class of models once both it and the fluent API are there, whichever comes last."""
        if self.active and self._model_class:
            self.active.join_for_model(self._model_class, self._patches)
            self._model_class = None
