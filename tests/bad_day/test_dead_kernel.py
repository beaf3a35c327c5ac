"""Real kernels: errors of magics stay errors, and a kernel that is killed does not leave a run RUNNING."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import mlflow
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from tests.bad_day.cases import CASES
from tests.bad_day.conftest import Place
from tests.bad_day.situations import Case, line
from workbench.experiment import session
from workbench.experiment.reap import reap_dead_runs
from workbench.experiment.runs import list_runs
from workbench.foundation.lease import HEARTBEAT_S
from workbench.verbs import find_verb

PATIENCE_S = 120


@pytest.fixture
def kernel(place: Place) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """A kernel as JupyterLab starts one, in the project's folder."""
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(place.root), startup_timeout=PATIENCE_S)
    yield manager, client
    client.stop_channels()
    if manager.is_alive():
        manager.shutdown_kernel(now=True)


def run_cell(client: BlockingKernelClient, code: str) -> dict[str, Any]:
    """Run a cell and return its error, or nothing."""
    found: dict[str, Any] = {}

    def keep(message: dict[str, Any]) -> None:
        if message["msg_type"] == "error":
            found.update(message["content"])

    client.execute_interactive(code, timeout=PATIENCE_S, output_hook=keep, allow_stdin=False)
    return found


@pytest.mark.timeout(900)  # the whole table
def test_a_magic_raises_every_error(
    place: Place, restore: Callable[[], None], kernel: tuple[KernelManager, BlockingKernelClient]
) -> None:
    _, client = kernel
    assert not run_cell(client, "%load_ext workbench")
    wrong = {}
    for case in CASES:
        restore()
        try:
            check(place, client, case)
        except AssertionError as error:
            wrong[case.name] = str(error)
    assert not wrong


def check(place: Place, client: BlockingKernelClient, case: Case) -> None:
    case.damage(place.root)
    before = place.state()
    said = line(case.verb, case.filled(place.known))
    where = f" --project {place.root}" if find_verb(case.verb).needs_project else ""
    error = run_cell(client, f"%mlops {said}{where}")
    assert f"[{case.code}]" in error.get("evalue", ""), error
    message, hint = error["evalue"].rpartition("\n")[::2]
    assert message, error
    assert hint.startswith("→ "), error
    assert error["traceback"] == error["evalue"].splitlines() or len(error["traceback"]) == 2, error["traceback"]
    place.refused(before, case)


@pytest.mark.checklist("S1-08")
def test_a_killed_kernel_leaves_no_running_run(
    place: Place, kernel: tuple[KernelManager, BlockingKernelClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, client = kernel
    client.execute(
        "%load_ext workbench\nimport time, workbench\n"
        "with workbench.run('training') as run:\n    workbench.log(loss=1.0)\n    time.sleep(600)"
    )
    project = place.open()
    wait_for(lambda: any(card.name == "training" and card.metrics for card in list_runs(project)))
    (card,) = [card for card in list_runs(project) if card.name == "training"]
    assert card.state == "RUNNING"
    os.kill(manager.provisioner.process.pid, signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: state_of(place, card.id) != "RUNNING")
    assert time.monotonic() - killed < 2 * HEARTBEAT_S
    assert state_of(place, card.id) == "KILLED"
    plain = mlflow.MlflowClient(tracking_uri=project.tracking_uri)
    assert plain.get_run(card.id).info.status == "RUNNING"  # nobody has written the end yet

    # Where no Jupyter server watches, whoever starts the next run writes it.
    monkeypatch.setattr(session, "_session", None)
    monkeypatch.setenv("WORKBENCH_PROJECT", str(place.root))
    with session.run("the next day"):
        wait_for(lambda: plain.get_run(card.id).info.status == "KILLED")
    assert reap_dead_runs(project) == ()
    assert state_of(place, card.id) == "KILLED"
    ends = project.journal.events(kind="run.ended", subject=f"run:{card.id}")
    assert [event.data and event.data["state"] for event in ends] == ["KILLED"]


def state_of(place: Place, run: str) -> str:
    return next(card.state for card in list_runs(place.open()) if card.id == run)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)
