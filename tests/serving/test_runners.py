"""Start, stop and list runners through the verbs."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time

import pytest

from workbench.foundation.errors import NotFoundError, UnavailableError, UsageError
from workbench.serving import runners
from workbench.serving.runners import list_runners, start_runner, stop_runner

CHANNEL = "fault@production"


@pytest.fixture
def stopped_afterwards(site):
    yield site
    stop_runner(site.project, CHANNEL)


def test_start_is_idempotent_and_stop_too(stopped_afterwards, kit):
    project = stopped_afterwards.project
    record = stopped_afterwards.release(stopped_afterwards.grant(kit.plain))
    (idle,) = list_runners(project)
    assert (idle.channel, idle.is_running, idle.pid, idle.url) == (CHANNEL, False, 0, "")
    card = start_runner(project, CHANNEL)
    assert card.is_running
    assert card.release == record.id
    assert start_runner(project, CHANNEL).pid == card.pid
    (listed,) = list_runners(project)
    assert (listed.pid, listed.url, listed.model_digest) == (card.pid, card.url, record.body["model_digest"])
    assert not stop_runner(project, CHANNEL).is_running
    assert not stop_runner(project, CHANNEL).is_running
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(card.pid, 0)
            time.sleep(0.05)
    assert [event.kind for event in project.journal.events(kind="runner.*")] == ["runner.started", "runner.stopped"]


def test_a_runner_that_wants_a_token_is_seen_by_a_shell_without_it(stopped_afterwards, kit, monkeypatch):
    project = stopped_afterwards.project
    stopped_afterwards.release(stopped_afterwards.grant(kit.plain))
    monkeypatch.setenv("WORKBENCH_RUNNER_TOKEN", "s3cret")
    card = start_runner(project, CHANNEL)
    monkeypatch.delenv("WORKBENCH_RUNNER_TOKEN")
    (seen,) = list_runners(project)
    assert (seen.is_running, seen.pid, seen.release) == (True, card.pid, "")
    assert "WORKBENCH_RUNNER_TOKEN" in seen.refusal
    assert start_runner(project, CHANNEL).pid == card.pid


def test_a_killed_runner_is_seen_and_started_again(stopped_afterwards):
    project = stopped_afterwards.project
    card = start_runner(project, CHANNEL)
    os.kill(card.pid, signal.SIGKILL)
    time.sleep(0.2)
    (dead,) = list_runners(project)
    assert not dead.is_running
    again = start_runner(project, CHANNEL)
    assert again.is_running
    assert again.pid != card.pid


def test_a_runner_that_hangs_is_killed(stopped_afterwards, monkeypatch):
    monkeypatch.setattr("workbench.serving.runners._STOP_S", 0.3)
    project = stopped_afterwards.project
    card = start_runner(project, CHANNEL)
    os.kill(card.pid, signal.SIGSTOP)
    assert not stop_runner(project, CHANNEL).is_running
    (event,) = project.journal.events(kind="runner.stopped")
    assert event.data == {"is_clean": False}


def test_what_cannot_start_says_why(site):
    (site.project.root / "workbench.toml").write_text('[project]\nname = "x"\n[runner]\nhost = "0.0.0.0"\n')
    with pytest.raises(UnavailableError) as caught:
        start_runner(site.project, CHANNEL)
    assert caught.value.code == "runner-failed"
    assert "token-needed" in caught.value.message
    look = shlex.split(caught.value.hint.partition("said: ")[2])
    assert "token-needed" in subprocess.run(look, check=True, capture_output=True, text=True).stdout
    assert site.project.journal.events(kind="runner.*") == []
    for channel, port in [("nothing", 0), (CHANNEL, -1), (CHANNEL, 70000)]:
        with pytest.raises(UsageError):
            start_runner(site.project, channel, port)


def test_a_misspelt_stage_is_refused(site):
    with pytest.raises(NotFoundError) as caught:
        start_runner(site.project, "fault@prodution")
    assert (caught.value.code, caught.value.hint) == ("stage-unknown", "did you mean 'production'?")
    assert list_runners(site.project) == ()


@pytest.mark.parametrize("policy", ["", "[stages."], ids=["missing", "broken"])
def test_without_a_policy_any_stage_may_be_served(stopped_afterwards, policy):
    path = stopped_afterwards.project.root / "policy" / "gate.toml"
    path.unlink(missing_ok=True)
    if policy:
        path.write_text(policy)
    assert start_runner(stopped_afterwards.project, CHANNEL).is_running


def test_a_runner_that_takes_longer_is_not_called_dead(stopped_afterwards, kit, monkeypatch):
    project = stopped_afterwards.project
    stopped_afterwards.release(stopped_afterwards.grant(kit.plain))
    with monkeypatch.context() as patch:
        patch.setattr(runners, "_START_S", 0.0)
        with pytest.raises(UnavailableError) as caught:
            start_runner(project, CHANNEL)
    assert (caught.value.code, caught.value.hint) == ("runner-slow", "look again: mlops runners")
    deadline = time.monotonic() + 60
    while not (card := list_runners(project)[0]).is_running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert card.is_running, "what the hint asks for shows it"
    assert start_runner(project, CHANNEL).pid == card.pid
