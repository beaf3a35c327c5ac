"""The papermill door: ``papermill --engine mlops in.ipynb out.ipynb -p alpha 0.5`` tracks itself, in any CI.

The engine is papermill's own with a run around it: the run exists before the first cell, the kernel joins it, and its
end is taken from what really happened. (papermill's metadata says ``completed`` even after a kernel has died.)
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from papermill.engines import NBClientEngine

from workbench.contract.status import RunState
from workbench.foundation.canonical import digest_file
from workbench.foundation.project import Project


class WorkbenchEngine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """papermill's nbclient engine, tracked."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> Any:
        """Execute the notebook inside a run of the project it lies in.

        Args:
            nb_man: papermill's execution manager.
            kernel_name: Kernel to use.
            kwargs: papermill's own options; ``input_path`` names the source notebook.

        Raises:
            NotFoundError: ``project-missing``: neither the notebook nor the working directory is in a project.
        """
        source = Path(kwargs.get("input_path") or "")
        folder = source.resolve().parent if source.is_file() else Path.cwd()
        project = Project.open(folder)
        params = {k: str(v) for k, v in nb_man.nb.metadata.get("papermill", {}).get("parameters", {}).items()}
        with _tracked(project, source, params) as outcome:
            try:
                return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
            finally:
                outcome["error"] = _first_error(nb_man.nb)
                outcome["notebook"] = nb_man.nb


@contextmanager
def _tracked(project: Project, source: Path, params: dict[str, str]) -> Iterator[dict[str, Any]]:
    from workbench.experiment.capture.environment import environment
    from workbench.experiment.capture.git import git_state
    from workbench.experiment.store import tracking
    from workbench.foundation.lease import Lease

    tracking.ensure_store(project)
    relative = _relative(source, project.root)
    digest, python, _ = environment()
    tags = {
        "workbench.actor": project.actor,
        "workbench.source": relative,
        "workbench.target": "papermill",
        "workbench.commit": git_state(project),
        "workbench.notebook_digest": digest_file(source) if source.is_file() else "",
        "workbench.environment_digest": digest,
        "workbench.python": python,
    }
    run = tracking.start_run(project, name=source.stem, source=relative, params=params, tags=tags)
    lease = Lease(project.state_dir / "leases" / f"run-{run}")
    outcome: dict[str, Any] = {"error": ""}
    state = RunState.FAILED
    try:
        with tempfile.TemporaryDirectory(prefix="wb-") as folder, _environment(project, Path(folder), run):
            yield outcome
            state = RunState.FAILED if outcome["error"] else RunState.FINISHED
    except KeyboardInterrupt:
        state = RunState.KILLED
        raise
    except Exception as error:
        outcome["error"] = outcome["error"] or f"{type(error).__name__}: {error}"
        raise
    finally:
        _keep_notebook(project, run, outcome.get("notebook"))
        tracking.finish_run(project, run, state, error=str(outcome["error"]))
        lease.release()


@contextmanager
def _environment(project: Project, folder: Path, run: str) -> Iterator[None]:
    """Tell the kernel, through its environment, which run it belongs to."""
    run_file = folder / "run.json"
    run_file.write_text(json.dumps({"run": run}), encoding="utf-8")
    ours = {
        "MLFLOW_TRACKING_URI": project.tracking_uri,
        "WORKBENCH_PROJECT": str(project.root),
        "WORKBENCH_RUN_FILE": str(run_file),
    }
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _keep_notebook(project: Project, run: str, notebook: Any) -> None:
    if notebook is None:
        return
    import nbformat

    from workbench.experiment.store import tracking

    with tempfile.TemporaryDirectory(prefix="wb-") as folder:
        nbformat.write(notebook, Path(folder) / "output.ipynb")
        tracking.log_artifacts(project, run, Path(folder), "notebook")


def _first_error(notebook: Any) -> str:
    """Return ``ename: evalue`` of the first cell that failed, or nothing."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"{output.ename}: {output.evalue}"
    return ""


def _relative(path: Path, root: Path) -> str:
    resolved = path.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else str(resolved)
