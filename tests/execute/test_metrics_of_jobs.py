"""What a job logs: in MLflow and among its events, each value once, however its kernel ends."""

from __future__ import annotations

import pytest

from workbench.execute.jobs import job_events, wait
from workbench.experiment.runs import show_run

PATIENCE_S = 240
LOG = """
import os, signal, workbench
from workbench.experiment.store import delivery
delivery.begin = lambda: None  # as if it died within the quarter of a second before the first delivery
for step in range(200):
    workbench.log(loss=step / 8)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_kernel_that_dies_leaves_every_value_once(job_project, start) -> None:
    job = start(LOG)
    card = wait(job_project, job, timeout_s=PATIENCE_S)
    assert (card.state, card.reason) == ("FAILED", "DeadKernelError")
    expected = [(step, step / 8) for step in range(200)]
    history = show_run(job_project, card.run).history["loss"]
    assert [(point.step, point.value) for point in history] == expected
    events = [event.data for event in job_events(job_project, job) if event.kind == "metric"]
    assert [(data["step"], data["value"]) for data in events] == expected
    assert not list((job_project.state_dir / "outbox").glob(f"{card.run}.*"))
