"""The papermill door: ``papermill --engine mlops in.ipynb out.ipynb -p alpha 0.5`` tracks itself, in any CI.

The engine is papermill's own with a run around it: the run exists before the first cell, the kernel joins it and
captures as any other, and its end is taken from what really happened. (papermill's metadata says ``completed`` even
after a kernel has died.)
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
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project

_LOAD = "try: __import__('workbench').load_ipython_extension(get_ipython())\nexcept Exception: pass"
"""Run by the kernel before the first cell; its environment may lack the package, and is then not captured."""
_PYTHON_KERNELS = ("python", "")


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
        if nb_man.nb.metadata.get("kernelspec", {}).get("language", "").lower() in _PYTHON_KERNELS:
            kwargs["extra_arguments"] = [*kwargs.get("extra_arguments", ()), f"--IPKernelApp.exec_lines={_LOAD}"]
        with _tracked(project, source, params) as outcome:
            try:
                return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
            finally:
                outcome["error"] = _first_error(nb_man.nb)
                outcome["notebook"] = nb_man.nb


@contextmanager
def _tracked(project: Project, source: Path, params: dict[str, str]) -> Iterator[dict[str, Any]]:
    from workbench.execute.recording import captured_facts
    from workbench.experiment.capture import facts
    from workbench.experiment.capture.document import notebook_bytes
    from workbench.experiment.capture.quiet import quietly
    from workbench.experiment.lifecycle import Origin, add_facts, begin_run, end_run

    notebook, code = notebook_bytes(source), facts.code_facts(project)
    origin = Origin(
        source=_relative(source, project.root),
        notebook_digest=digest_bytes(notebook) if notebook else "",
        commit=code.tags.get("workbench.commit", ""),
        target="papermill",
    )
    run = begin_run(project, origin, name=source.stem, params=params)
    lease = Lease(project.state_dir / "leases" / f"run-{run}")
    outcome: dict[str, Any] = {"error": ""}
    state = RunState.FAILED
    try:
        with tempfile.TemporaryDirectory(prefix="wb-") as folder:
            with quietly("what the run rests on"):
                add_facts(project, run, code | facts.machine_facts() | facts.notebook_facts(notebook))
            try:
                with _environment(project, Path(folder), run):
                    yield outcome
                state = RunState.FAILED if outcome["error"] else RunState.FINISHED
            finally:
                executed = _keep_notebook(project, run, outcome.get("notebook"))
                with quietly("what the kernel saw"):
                    add_facts(project, run, captured_facts(Path(folder), executed))
    except KeyboardInterrupt:
        state = RunState.KILLED
        raise
    except Exception as error:
        outcome["error"] = outcome["error"] or f"{type(error).__name__}: {error}"
        raise
    finally:
        end_run(project, run, state, error=str(outcome["error"]))
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


def _keep_notebook(project: Project, run: str, notebook: Any) -> bytes:
    """Keep the executed notebook with the run and return its bytes."""
    if notebook is None:
        return b""
    import nbformat

    from workbench.experiment.store import tracking

    with tempfile.TemporaryDirectory(prefix="wb-") as folder:
        path = Path(folder) / "output.ipynb"
        nbformat.write(notebook, path)
        tracking.log_artifacts(project, run, Path(folder), "notebook")
        return path.read_bytes()


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
