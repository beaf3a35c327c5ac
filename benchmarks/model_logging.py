"""``mlflow.sklearn.log_model`` in a tracked run, against MLflow alone, whose child process looks for requirements.

CPU of the process and its children, alternating, medians. Budget: 0.2 s. The first call of each, which imports, is not
counted.
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

OURS, THEIRS, ROUNDS = 7, 1, 3
BUDGET_S = 0.2


def cpu_s(action: object) -> float:
    """Return the CPU seconds of a call, with those of processes that it started."""

    def now() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in both)

    begun = now()
    with contextlib.redirect_stderr(io.StringIO()):
        action()
    return now() - begun


def main() -> int:
    """Print the figures; 1 where a budget is broken."""
    import mlflow
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    import workbench
    from workbench.experiment import session
    from workbench.experiment.mlflow_calls import install

    data = np.random.default_rng(0).normal(size=(500, 8))
    model = LogisticRegression().fit(data, data[:, 0] > 0)
    ours: list[float] = []
    theirs: list[float] = []

    def log() -> None:
        mlflow.sklearn.log_model(model, name="model")

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("workbench.toml").write_text('[project]\nname = "bench"\n')
        with workbench.run():
            log()
        project = session._session.project
        for _ in range(ROUNDS):
            install.install(project, session)
            with workbench.run():
                ours += [cpu_s(log) for _ in range(OURS)]
            install.uninstall()
            mlflow.set_tracking_uri(project.tracking_uri)
            with mlflow.start_run():
                theirs += [cpu_s(log) for _ in range(THEIRS)]
        os.chdir("/")
    mine, alone = statistics.median(ours), statistics.median(theirs)
    print(f"log_model, MLflow alone   {alone:7.3f} s of CPU")
    print(f"log_model in a run        {mine:7.3f} s of CPU   1/{alone / mine:.0f}")
    print(f"budget {BUDGET_S} s: {'kept' if mine <= BUDGET_S else 'BROKEN'}")
    return int(mine > BUDGET_S)


if __name__ == "__main__":
    sys.exit(main())
