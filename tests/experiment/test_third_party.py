"""Other people's notebooks do the same with us as without: papermill's own, and scikit-learn's documented examples.

Each runs twice in real kernels, once with the extension loaded and inside a run, and every output is compared.
"""

from __future__ import annotations

import doctest
import importlib
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
import sklearn
from jupyter_core.utils import run_sync
from nbclient import NotebookClient

from workbench.experiment.runs import list_runs, show_run

PAPERMILL = Path(papermill.__file__).parent / "tests" / "notebooks"
NOTEBOOKS = (
    *("simple_execute", "binder", "complex_parameters", "report_mode_test", "sysexit", "sysexit0", "sysexit1"),
    *("broken1", "broken2", "line_magic_error", "result_no_exec", "test_autosave", "test_logging", "nb_version_4.4"),
)
ESTIMATORS = (
    *("ensemble.RandomForestClassifier", "ensemble.GradientBoostingRegressor", "linear_model.LogisticRegression"),
    *("linear_model.LassoCV", "cluster.KMeans", "cluster.DBSCAN", "decomposition.PCA", "preprocessing.StandardScaler"),
    *("preprocessing.OneHotEncoder", "model_selection.KFold", "model_selection.StratifiedKFold", "svm.SVC"),
    *("neighbors.KNeighborsClassifier", "naive_bayes.GaussianNB", "tree.DecisionTreeClassifier", "pipeline.Pipeline"),
    *("feature_extraction.text.TfidfVectorizer", "impute.SimpleImputer", "compose.ColumnTransformer"),
    *("gaussian_process.GaussianProcessRegressor", "neural_network.MLPClassifier", "manifold.MDS"),
)
BEGIN = """
__import__("workbench").load_ipython_extension(get_ipython())
get_ipython().user_ns_hidden["the run"] = __import__("workbench").run("third party", source="")
get_ipython().user_ns_hidden["the run"].__enter__()
"""
END = 'get_ipython().user_ns_hidden.pop("the run").__exit__(None, None, None)'
# GridSearchCV is not among them: it shows how long each fit took.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+|ipykernel_\d+|\x1b\[[0-9;]*m")


def execute(notebook: Any, folder: Path, *, is_tracked: bool) -> list[Any]:
    """Return the outputs of each cell; what differs from one kernel to the next is taken out."""
    client = NotebookClient(notebook, allow_errors=True, resources={"metadata": {"path": str(folder)}}, timeout=240)
    with client.setup_kernel():
        if is_tracked:
            run_sync(client.kc.execute_interactive)(BEGIN, silent=True, store_history=False, timeout=60)
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        if is_tracked:
            run_sync(client.kc.execute_interactive)(END, silent=True, store_history=False, timeout=120)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(cell.source, _ADDRESS.sub("", json.dumps(joined(cell.outputs)))) for cell in cells]


def joined(outputs: list[Any]) -> list[Any]:
    """Return outputs with pieces of one stream put together: where they are cut is a matter of time."""
    found: list[Any] = []
    for output in outputs:
        if found and output.output_type == "stream" == found[-1]["output_type"] and output.name == found[-1]["name"]:
            found[-1] = {**found[-1], "text": found[-1]["text"] + output.text}
        else:
            found.append(output)
    return found


def with_kernel(notebook: Any) -> Any:
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.from_dict(notebook)


def compared(project: Any, notebook: Any) -> list[str]:
    """Return where the outputs differ, having run a notebook both ways."""
    text = nbformat.writes(with_kernel(notebook))
    sides = [execute(nbformat.reads(text, as_version=4), project.root, is_tracked=on) for on in (False, True)]
    assert any(outputs != "[]" for _, outputs in sides[0]) or len(sides[0]) < 3, "nothing was compared"
    return [f"{source}\n{_apart(bare, ours)}" for (source, bare), (_, ours) in zip(*sides, strict=True) if bare != ours]


def _apart(bare: str, ours: str) -> str:
    """Return where two texts part."""
    at = next((n for n, (one, other) in enumerate(zip(bare, ours, strict=False)) if one != other), 0)
    return f"{bare[max(0, at - 60) : at + 60]}\n{ours[max(0, at - 60) : at + 60]}"


@pytest.mark.slow
@pytest.mark.checklist("S1-20")
def test_papermills_own_notebooks_have_the_same_outputs(project) -> None:
    for name in NOTEBOOKS:
        notebook = nbformat.read(PAPERMILL / f"{name}.ipynb", as_version=4)
        assert compared(project, notebook) == [], name
    runs = list_runs(project)
    assert len(runs) == len(NOTEBOOKS)
    assert {run.state for run in runs} == {"FINISHED"}


@pytest.mark.slow
@pytest.mark.checklist("S1-20")
def test_scikit_learns_examples_have_the_same_outputs(project) -> None:
    data = Path(sklearn.__file__).parent / "datasets" / "data"
    for name in ("iris.csv", "wine_data.csv"):
        (project.root / name).write_bytes((data / name).read_bytes())
    sources = [
        "import pandas as pd, polars as pl\npd.read_csv('iris.csv').describe()",
        "pl.read_csv('wine_data.csv', truncate_ragged_lines=True)",
    ]
    sources += ["import random\nrandom.seed(3)\nimport numpy as np\nnp.random.seed(3)"]
    for path in ESTIMATORS:
        module, _, name = path.rpartition(".")
        estimator = getattr(importlib.import_module(f"sklearn.{module}"), name)
        sources += [example.source for example in doctest.DocTestParser().get_examples(estimator.__doc__)]
    sources += ["random.random(), np.random.rand()"]
    assert len(sources) > 100
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    assert compared(project, notebook) == []
    run = show_run(project, list_runs(project)[0].id)
    assert [item.path for item in run.inputs] == ["iris.csv", "wine_data.csv"]
    assert json.loads(run.tags["workbench.seeds"])["random"].startswith("sha256:")


def test_the_comparison_catches_a_planted_difference(project) -> None:
    source = "import sys\n'workbench' in sys.modules"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    assert len(compared(project, notebook)) == 1
