"""What a trial of a sweep costs: a search over a small notebook, against Optuna and papermill by themselves.

Both try the same number of points one after the other; each trial of the bare loop is a papermill process, each trial
of the sweep a tracked job. Besides a job's own overhead (``job_overhead.py``) a trial costs what it takes to ask, to
notice the end, to tell and to write that down; ``bookkeeping`` is that alone, measured without any notebook.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workbench.execute.sweeps.space import Dimension, Space
from workbench.execute.sweeps.study import Study, open_file
from workbench.execute.sweeps.sweeps import sweep, wait_for_sweep
from workbench.foundation.project import Project

SOURCES = (("x = 0.0", ["parameters"]), ("import workbench\nworkbench.log(f1=-(x - 1) ** 2)", []))
BARE = SOURCES[0], ("print(-(x - 1) ** 2)", [])


def write(path: Path, sources: tuple[tuple[str, list[str]], ...]) -> None:
    """Write a notebook."""
    cells = [
        {
            "cell_type": "code",
            "id": f"c{at}",
            "metadata": {"tags": tags},
            "source": text,
            "outputs": [],
            "execution_count": None,
        }
        for at, (text, tags) in enumerate(sources)
    ]
    spec = {"name": "python3", "language": "python", "display_name": "Python 3"}
    path.write_text(json.dumps({"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}))


def bare_s(folder: Path, trials: int) -> float:
    """Return the seconds that a trial takes in a loop of Optuna and papermill."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study, begun = optuna.create_study(direction="maximize"), time.perf_counter()
    for _ in range(trials):
        trial = study.ask()
        x = trial.suggest_float("x", -2, 2)
        command = [sys.executable, "-m", "papermill", "--no-progress-bar", "bare.ipynb", "out.ipynb", "-p", "x", str(x)]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        study.tell(trial, -((x - 1) ** 2))
    return (time.perf_counter() - begun) / trials


def sweep_s(project: Project, trials: int, name: str) -> float:
    """Return the seconds that a trial takes in a sweep, until its end is recorded everywhere."""
    begun = time.perf_counter()
    wait_for_sweep(project, sweep(project, "bench.ipynb", "space.toml", trials, name=name).id)
    return (time.perf_counter() - begun) / trials


def bookkeeping_ms(folder: Path, trials: int = 200) -> float:
    """Return the milliseconds that asking and telling take, with the study's file synced each time."""
    space = Space({"x": Dimension("float", -2, 2)})
    settings = {"id": "sw", "direction": "maximize", "sampler": "random", "pruner": "none", "seed": 0}
    study, begun = Study(settings, space, open_file(folder / "study.log")), time.perf_counter()
    for number in range(trials):
        study.tell(study.ask().number, "COMPLETE", float(number))
    return (time.perf_counter() - begun) / trials * 1000


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as named:
        folder = Path(named).resolve()
        (folder / "workbench.toml").write_text('[project]\nname = "bench"\n')
        (folder / "space.toml").write_text('x = {type = "float", low = -2, high = 2}\n')
        write(folder / "bench.ipynb", SOURCES)
        write(folder / "bare.ipynb", BARE)
        project = Project.open(folder)
        sweep_s(project, 1, "warm-up")  # makes the MLflow store
        bare, tracked = [], []
        for number in range(given.rounds):
            bare.append(bare_s(folder, given.trials))
            tracked.append(sweep_s(project, given.trials, f"round {number}"))
        base, value = statistics.median(bare), statistics.median(tracked)
        print(f"{given.trials} trials one after the other, {given.rounds} rounds, medians")
        print(f"{'optuna + papermill':<20} {base:6.2f} s a trial")
        print(f"{'sweep':<20} {value:6.2f} s a trial   {value / base:.3f} x")
        print(f"{'bookkeeping':<20} {bookkeeping_ms(folder):6.2f} ms a trial")
    return 0


if __name__ == "__main__":
    sys.exit(main())
