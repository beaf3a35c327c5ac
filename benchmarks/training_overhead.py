"""Training a small model with everything on, against the same lines without us and against MLflow's autologging.

Everything is capture, autologging, a dataset with its digest, 100 metrics, a parameter and system metrics, in a run
that begins and ends. CPU of the process, all its threads and children, alternating, medians. Budget: 1.1 times the bare
training. The first round of each is not counted: that is imports.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import statistics
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
warnings.simplefilter("ignore")

ROUNDS, THEIRS = 9, 2
BUDGET = 1.1


def cpu_s(action: object) -> float:
    """Return the CPU seconds of a call, with those of processes that it started."""

    def now() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in both)

    begun = now()
    action()
    return now() - begun


def main() -> int:
    """Print the figures; 1 where the budget is broken."""
    import mlflow
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import GradientBoostingClassifier

    import workbench
    from workbench.experiment import session
    from workbench.experiment.mlflow_calls import install

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(4_000, 16)), columns=[f"c{number}" for number in range(16)])
    target = (frame.c0 + frame.c1 * frame.c2 > 0).astype(int)

    def train(log: object = lambda **_: None) -> None:
        model = GradientBoostingClassifier(n_estimators=100, random_state=0).fit(frame, target)
        for value in model.train_score_:
            log(loss=float(value))

    def tracked() -> None:
        with workbench.run("bench"):
            workbench.log_dataset(frame, name="readings")
            workbench.log_params(seed=0)
            train(workbench.log)

    def by_mlflow() -> None:
        with contextlib.redirect_stderr(io.StringIO()), mlflow.start_run():
            train()

    bare: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("workbench.toml").write_text('[project]\nname = "bench"\n')
        workbench.autolog()
        tracked()
        train()
        for _ in range(ROUNDS):
            bare.append(cpu_s(train))
            ours.append(cpu_s(tracked))
        project = session._session.project
        workbench.autolog(disable=True)
        install.uninstall()
        mlflow.set_tracking_uri(project.tracking_uri)
        mlflow.sklearn.autolog(silent=True)
        theirs = [cpu_s(by_mlflow) for _ in range(THEIRS + 1)][1:]
        os.chdir("/")
    alone, mine, other = (statistics.median(found) for found in (bare, ours, theirs))
    print(f"training alone                 {alone:7.3f} s of CPU")
    print(f"with everything on             {mine:7.3f} s of CPU  {mine / alone:5.2f} x")
    print(f"with mlflow.sklearn.autolog()  {other:7.3f} s of CPU  {other / alone:5.2f} x")
    print(f"budget {BUDGET} x: {'kept' if mine <= BUDGET * alone else 'BROKEN'}")
    return int(mine > BUDGET * alone)


if __name__ == "__main__":
    sys.exit(main())
