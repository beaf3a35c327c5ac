"""A sweep on every target: live metrics of far trials, and one order where the target takes arrays."""

from __future__ import annotations

import pytest

from workbench.compute.targets import Capability, find_target
from workbench.execute.jobs import show_job
from workbench.execute.sweeps.sweeps import cancel_sweep, show_sweep, sweep, wait_for_sweep

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CELL = "import mlflow\nmlflow.log_metric('f1', -float(x - 1) ** 2)"


def test_a_sweep_runs_elsewhere_as_it_does_here(bench) -> None:
    bench.write(bench.project.root / "notebooks" / "try.ipynb", CELL, parameters="x = 0")
    (bench.project.root / "space.toml").write_text('x = {type = "int", low = 0, high = 3}\n')
    options = {"sampler": "grid", "parallel": 2, "target": bench.world.name}
    started = sweep(bench.project, "notebooks/try.ipynb", "space.toml", **options)
    try:
        card = wait_for_sweep(bench.project, started.id, timeout_s=400)
    finally:
        if show_sweep(bench.project, started.id).state == "RUNNING":
            cancel_sweep(bench.project, started.id)
    assert (card.state, card.complete, card.best_value, card.best_params) == ("SUCCEEDED", 4, 0.0, {"x": "1"})
    assert {show_job(bench.project, trial.job).target for trial in card.history} == {bench.world.name}
    if Capability.ARRAY not in find_target(bench.project, bench.world.name).capabilities:
        return
    queued = bench.world.cluster.run("squeue", "--noheader", "--states=all", "--array", "--format=%F %j").splitlines()
    orders = [line.split()[0] for line in queued if " wb-" in line]
    assert len(set(orders)) < len(orders), "those that start together are one order"
