"""Put the patches in, each when its module is imported, and take them out again.

This module is loaded with every kernel and so imports next to nothing; :mod:`patching` and what it needs follow mlflow.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from workbench.experiment.capture.imports import when_imported
from workbench.experiment.capture.quiet import quietly
from workbench.foundation.project import Project

if TYPE_CHECKING:
    from workbench.experiment.mlflow_calls.active import Keeper
    from workbench.experiment.mlflow_calls.patching import Patching

Tell = Callable[[str, float, int], None]
MODULES = (
    "mlflow",
    "mlflow.models",
    "mlflow.data.pandas_dataset",
    "mlflow.data.numpy_dataset",
    "mlflow.data.polars_dataset",
    "mlflow.sklearn.utils",
)


class _Installed:
    """What is in place in this process; ``patching`` comes with mlflow."""

    def __init__(self, project: Project, keeper: Keeper, tell: Tell) -> None:
        self.project, self.keeper, self.tell = project, keeper, tell
        self._patching: Patching | None = None

    def follow(self, name: str, module: Any) -> None:
        """Patch a module of mlflow that was just imported."""
        from workbench.experiment.mlflow_calls.patching import Patching
        from workbench.experiment.mlflow_calls.seam import UnknownSeamError

        if self._patching is None:
            self._patching = Patching(self.project, self.keeper, self.tell)
        try:
            self._patching.patch(name, module)
        except UnknownSeamError as unknown:
            sys.stderr.write(f"workbench: {unknown}; its calls work as without us\n")

    def leave(self, run: str) -> None:
        if self._patching and self._patching.active:
            self._patching.active.leave(run)

    def undo(self) -> None:
        if self._patching:
            self._patching.undo()


_installed: _Installed | None = None


def install(project: Project, keeper: Keeper, tell: Tell | None = None) -> None:
    """Let MLflow's calls in this process make runs of the project from now on; a second call replaces the first.

    Imports nothing: what is to be done is done when mlflow is imported.

    Args:
        project: Where runs go while the user has set no tracking URI of his own.
        keeper: Who looks after runs that MLflow's calls start.
        tell: Called with name, value and step of each metric.
    """
    global _installed  # noqa: PLW0603 - mlflow is one in a process
    uninstall()
    mine = _installed = _Installed(project, keeper, tell or _untold)

    def follow(name: str) -> Callable[[ModuleType], None]:
        return lambda module: mine.follow(name, module) if _installed is mine else None

    for name in MODULES:
        when_imported(name, follow(name))


def uninstall() -> None:
    """Make mlflow what it was."""
    global _installed  # noqa: PLW0603
    if _installed is not None:
        _installed.undo()
        _installed = None


def leave(run: str) -> None:
    """Let MLflow's fluent API forget a run of the session that ends; what was started inside and left open ends too.

    Args:
        run: The run.
    """
    if _installed:
        with quietly("the end of runs that mlflow started"):
            _installed.leave(run)


def _untold(name: str, value: float, step: int) -> None:
    """Nobody wants to know."""
