"""Logging a dataset of 1,000,000 x 20: ``workbench.log_dataset`` and ``mlflow.log_input`` with and without us.

CPU of the process, ours before and after MLflow's (which loops over each value in Python and takes half a minute, so
it is measured once), medians. Budgets: at most 0.3 s and a fiftieth of MLflow's. What each digest notices is counted
too: a number and a truth value in row 15,000, a type, a name.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
warnings.simplefilter("ignore")

ROWS, COLUMNS, ROUNDS = 1_000_000, 20, 5
BUDGET_S, BUDGET_RATIO = 0.3, 50


def cpu_s(action: object) -> float:
    """Return the CPU seconds of a call."""
    begun = time.process_time()
    action()
    return time.process_time() - begun


def noticed(frame: object, digest: object) -> str:
    """Return how many of four changes a digest notices."""
    before = digest(frame)
    value, boolean = frame.head(20_000).copy(), frame.head(20_000).copy()
    base, flagged = digest(value), digest(boolean.assign(flag=True))
    value.iloc[15_000, 3] += 1
    boolean["flag"] = True
    boolean.loc[15_000, "flag"] = False
    changes = (
        digest(value) != base,
        digest(boolean) != flagged,
        digest(frame.astype({"c0": "float32"})) != before,
        digest(frame.rename(columns={"c0": "C0"})) != before,
    )
    return f"{sum(changes)} of {len(changes)}"


def main() -> int:
    """Print the figures; 1 where a budget is broken."""
    import mlflow
    import mlflow.data.pandas_dataset as theirs_module
    import numpy as np
    import pandas as pd

    import workbench
    from workbench.experiment import session
    from workbench.experiment.datasets.digest import digest_of
    from workbench.experiment.mlflow_calls import install

    values = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
    frame = pd.DataFrame(values, columns=[f"c{number}" for number in range(COLUMNS)])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("workbench.toml").write_text('[project]\nname = "bench"\n')

        def plain() -> None:
            mlflow.log_input(mlflow.data.from_pandas(frame, name="plain"), context="training")

        ours: list[float] = []
        patched: list[float] = []

        def measure() -> None:
            with workbench.run():
                workbench.log_dataset(frame.head(9))
                mlflow.log_input(mlflow.data.from_pandas(frame.head(9)))
                for _ in range(ROUNDS):
                    ours.append(cpu_s(lambda: workbench.log_dataset(frame)))
                    patched.append(cpu_s(plain))

        measure()
        project = session._session.project
        install.uninstall()
        mlflow.set_tracking_uri(project.tracking_uri)
        with mlflow.start_run():
            theirs = cpu_s(plain)
            seen_by_mlflow = noticed(frame, theirs_module.compute_pandas_digest)
        install.install(project, session)
        measure()
        os.chdir("/")
    mine, through = statistics.median(ours), statistics.median(patched)
    print(f"mlflow.log_input alone        {theirs:8.3f} s of CPU   its digest notices {seen_by_mlflow} changes")
    print(f"mlflow.log_input with us      {through:8.3f} s of CPU   1/{theirs / through:.0f}")
    seen = noticed(frame, digest_of)
    print(f"workbench.log_dataset         {mine:8.3f} s of CPU   1/{theirs / mine:.0f}   its digest notices {seen}")
    is_kept = all(value <= BUDGET_S and theirs / value >= BUDGET_RATIO for value in (mine, through))
    print(f"budget {BUDGET_S} s and 1/{BUDGET_RATIO}: {'kept' if is_kept else 'BROKEN'}")
    return int(not is_kept)


if __name__ == "__main__":
    sys.exit(main())
