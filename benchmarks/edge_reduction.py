"""What reducing at the edge saves on real readings, and what it costs in accuracy.

Bytes: 71 batches of a dryer (``process-improve``, MIT), as recorded CSV against each recipe's Parquet, and against
the same rows as plain zstd Parquet, so that the codec is not mistaken for the reduction. Accuracy: river's Shuttle
(BSD-3, 49,097 readings with labelled faults), a tree trained on quantised readings and judged on untouched ones.

    python benchmarks/edge_reduction.py
"""

from __future__ import annotations

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from river.datasets import Shuttle
from sklearn.metrics import f1_score
from sklearn.tree import DecisionTreeClassifier

from workbench.data.reduction.reduce import reduce
from workbench.foundation.project import Project

RECIPES = {
    "plain Parquet, all rows": 'kind = "filter"\ncolumn = "batch_id"\nvalue = -1\ncomparison = "!="',
    "every 5th reading": 'kind = "downsample"\nevery = 5',
    "rounded to 0.5": 'kind = "quantise"\nstep = 0.5',
    "features of each batch": 'kind = "features"\nby = ["batch_id"]\nstatistics = ["mean", "max", "slope"]',
}
LEAST_SAVED = {"features of each batch": 0.95}
MOST_LOST = 0.02


def main() -> int:
    """Print bytes and accuracy; return 1 where a promise of the README is not kept."""
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder))
        is_good = _bytes(project)
        return 0 if _accuracy(project) and is_good else 1


def _project(root: Path) -> Project:
    (root / "workbench.toml").write_text('[project]\nname = "edge"\n')
    (root / "data").mkdir()
    return Project.open(root)


def _bytes(project: Project) -> bool:
    source = files("process_improve") / "datasets" / "batch" / "dryer.csv"
    (project.root / "data" / "dryer.csv").write_bytes(source.read_bytes())
    print("Dryer, 71 real batches, 9,220 readings of 10 sensors")
    is_good = True
    for name, recipe in RECIPES.items():
        report = _reduce(project, "data/dryer.csv", recipe)
        saved = report.saved_share
        print(f"  {name:26} {report.bytes_before:>9,} → {report.bytes_after:>8,} bytes   {saved:6.1%} saved")
        is_good &= saved >= LEAST_SAVED.get(name, 0.0)
    return is_good


def _accuracy(project: Project) -> bool:
    rows = [({**x}, y) for x, y in Shuttle()]
    frame = pd.DataFrame([x for x, _ in rows])
    fault = np.array([bool(y) for _, y in rows])
    cut = int(len(frame) * 0.7)
    frame.iloc[:cut].to_csv(project.root / "data" / "shuttle.csv", index=False)
    full = _score(frame.iloc[:cut], fault[:cut], frame.iloc[cut:], fault[cut:])
    print(f"Shuttle, {cut:,} readings to train on; F1 on {len(frame) - cut:,} untouched ones")
    print(f"  {'all digits':26} {'':32} F1 {full:.4f}")
    losses, columns = [], str(list(frame.columns)).replace("'", '"')
    for step in (2.0, 5.0, 20.0):
        report = _reduce(project, "data/shuttle.csv", f'kind = "quantise"\nstep = {step}\ncolumns = {columns}')
        small = pd.read_parquet(project.root / report.output)
        score = _score(small, fault[:cut], frame.iloc[cut:], fault[cut:])
        losses.append(full - score)
        error = report.steps[0].largest_error
        print(
            f"  {f'rounded to {step:g}':26} {report.bytes_before:>9,} → {report.bytes_after:>8,} bytes   "
            f"F1 {score:.4f} ({score - full:+.4f}, error at most {error:g})"
        )
    return losses[0] <= MOST_LOST


def _reduce(project: Project, path: str, recipe: str):
    file = project.root / "recipe.toml"
    file.write_text(f"[[step]]\n{recipe}\n")
    return reduce(project, path, str(file), "data/small.parquet")


def _score(train, train_fault, test, test_fault) -> float:
    model = DecisionTreeClassifier(max_depth=6, random_state=0).fit(train, train_fault)
    return float(f1_score(test_fault, model.predict(test)))


if __name__ == "__main__":
    sys.exit(main())
