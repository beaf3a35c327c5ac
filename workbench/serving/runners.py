"""Start, stop and look at model runners.

A runner is a detached process that holds its lease as long as it lives; whether it lives is asked of the operating
system, what it serves is asked of itself over loopback.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workbench.contract.release import RunnerCard
from workbench.foundation.background import spawn_detached
from workbench.foundation.errors import DeniedError, NotFoundError, UnavailableError, UsageError, did_you_mean
from workbench.foundation.lease import inspect_lease
from workbench.foundation.project import Project
from workbench.review.policies.policy import read_policy
from workbench.review.policies.rules import POLICY_PATH
from workbench.serving.channel import ChannelName, address_path, lease_path, runner_log_path
from workbench.serving.ledger import current_releases, sync_channels

TOKEN_VARIABLE = "WORKBENCH_RUNNER_TOKEN"  # noqa: S105 - the name of a variable, not a token
_START_S = 20.0
_STOP_S = 10.0
_ASK_S = 1.0


@dataclass(frozen=True)
class Outcome:
    """What became of a release at a running runner.

    Attributes:
        after_ms: Milliseconds until it answered; 0 where it does not.
        note: Why it does not; empty where it does, or where no runner runs.
    """

    after_ms: float = 0.0
    note: str = ""


def start_runner(project: Project, channel: str, port: int = 0) -> RunnerCard:
    """Start the model runner of a channel; one that runs already is returned as it is.

    It outlives the caller, serves the channel's release and follows every later one. Before the first release it
    answers 503.

    Args:
        project: The project.
        channel: Channel to follow: ``<model>@<stage>``.
        port: TCP port; 0 takes the one in ``workbench.toml``, or a free one.

    Raises:
        UsageError: ``channel-malformed`` or ``port-malformed``.
        NotFoundError: ``stage-unknown``: nothing was released on the channel, and the policy lets nothing be.
        UnavailableError: ``runner-failed`` or ``runner-slow``.
    """
    stage = ChannelName.parse(channel).stage
    if not 0 <= port < 65536:
        raise UsageError("port-malformed", f"{port} is no TCP port", "choose 1024 to 65535, or 0 for a free one")
    sync_channels(project)
    if (card := _card(project, channel)).is_running:
        return card
    if channel not in current_releases(project):
        _check_stage(project, stage)
    arguments = [str(project.root), channel, *(["--port", str(port)] if port else [])]
    log = runner_log_path(project, channel)
    pid = spawn_detached("workbench.serving.runner", arguments, log=log, cwd=project.root)
    card = _await_start(project, channel, pid)
    if card.pid == pid:
        with project.journal.transaction() as change:
            change.append("runner.started", f"runner:{channel}", {"url": card.url, "release": card.release})
    return card


def _check_stage(project: Project, stage: str) -> None:
    """Refuse a stage that the policy does not have: a runner of a misspelt one would answer 503 for ever.

    Without a policy that can be read nothing is said of stages: the release will tell what is wrong with it.
    """
    try:
        policy, _ = read_policy(project.root / POLICY_PATH)
    except DeniedError:
        return
    policy.rule(stage)


def stop_runner(project: Project, channel: str) -> RunnerCard:
    """Stop the model runner of a channel; requests that are being answered are finished first.

    Args:
        project: The project.
        channel: Channel it follows.

    Raises:
        UsageError: ``channel-malformed``.
        NotFoundError: ``channel-unknown``: nothing was ever released or served on it.
        UnavailableError: ``runner-elsewhere``: it runs on another machine.
    """
    ChannelName.parse(channel)
    lease = lease_path(project, channel)
    state = inspect_lease(lease)
    if not state.is_alive and not runner_log_path(project, channel).exists():
        known = {card.channel for card in list_runners(project)}
        if channel not in known:
            hint = did_you_mean(channel, known)
            raise NotFoundError("channel-unknown", f"Nothing was ever served on '{channel}'", hint)
    if state.is_alive and not state.is_certain:
        host = _holder(lease).get("host") or "another machine"
        raise UnavailableError(
            "runner-elsewhere", f"The runner of {channel} runs on {host}", f"stop it there: mlops stop {channel}"
        )
    if state.is_alive:
        is_clean = _end(lease)
        with project.journal.transaction() as change:
            change.append("runner.stopped", f"runner:{channel}", {"is_clean": is_clean})
    address_path(project, channel).unlink(missing_ok=True)
    return _card(project, channel)


def list_runners(project: Project) -> tuple[RunnerCard, ...]:
    """List the model runners, and the channels with a release that have none."""
    sync_channels(project)
    folder = address_path(project, "any@any").parent
    names = {path.stem for path in folder.glob("*@*.json")} | set(current_releases(project))
    return tuple(_card(project, name) for name in sorted(names))


def await_release(project: Project, channel: str, release: str, started: float) -> Outcome:
    """Wait until a running runner answers with a release, or says why it does not.

    Args:
        project: Project.
        channel: Channel that the release is on.
        release: Its id.
        started: ``time.perf_counter()`` of the command.
    """
    deadline = time.monotonic() + _START_S
    while inspect_lease(lease_path(project, channel)).is_alive and time.monotonic() < deadline:
        figures = _ask(_address(project, channel).get("url", ""))
        if figures is None or figures is _UNSEEN:
            return Outcome()
        if figures["release"] == release:
            return Outcome(after_ms=round((time.perf_counter() - started) * 1000, 1))
        if figures["refused"] == release and figures["refusal"]:
            return Outcome(note=f"the runner refuses it: {figures['refusal']}")
        time.sleep(0.02)
    return Outcome()


def _await_start(project: Project, channel: str, pid: int) -> RunnerCard:
    deadline = time.monotonic() + _START_S
    log = runner_log_path(project, channel)
    while time.monotonic() < deadline:
        if (card := _card(project, channel)).is_running:
            return card
        if not _is_process(pid) and not inspect_lease(lease_path(project, channel)).is_alive:
            raise UnavailableError(
                "runner-failed",
                f"The runner of {channel} ended: {_last_line(log)}",
                f"read all that it said: cat '{log}'",
            )
        time.sleep(0.05)
    raise UnavailableError(
        "runner-slow", f"The runner of {channel} does not answer after {_START_S:g} s", "look again: mlops runners"
    )


def _card(project: Project, channel: str) -> RunnerCard:
    address = _address(project, channel)
    figures = _ask(address.get("url", "")) if inspect_lease(lease_path(project, channel)).is_alive else None
    if figures is None:
        return RunnerCard(channel, "", 0, False, "", "", 0, 0, 0, 0.0, 0.0)
    return RunnerCard(
        channel=channel,
        url=str(address["url"]),
        pid=int(address["pid"]),
        is_running=True,
        model_digest=figures["model_digest"],
        release=figures["release"],
        swaps=figures["swaps"],
        requests=figures["requests"],
        failures=figures["failures"],
        p50_ms=figures["p50_ms"],
        p99_ms=figures["p99_ms"],
        refusal=figures["refusal"],
    )


def _address(project: Project, channel: str) -> dict[str, Any]:
    try:
        found = json.loads(address_path(project, channel).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


_UNSEEN = {
    "model_digest": "",
    "release": "",
    "swaps": 0,
    "requests": 0,
    "failures": 0,
    "p50_ms": 0.0,
    "p99_ms": 0.0,
    "refusal": f"it was started with a token, without which it shows nothing: set {TOKEN_VARIABLE}",
}


def _ask(url: str) -> dict[str, Any] | None:
    """Return a runner's figures, without any where it wants a token; None where it does not answer."""
    if not url:
        return None
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ASK_S)
    token = os.environ.get(TOKEN_VARIABLE, "")
    try:
        connection.request("GET", "/workbench/figures", headers={"authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        if response.status == HTTPStatus.UNAUTHORIZED:
            return _UNSEEN
        found = json.loads(response.read()) if response.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found if isinstance(found, dict) else None


def _holder(lease: Path) -> dict[str, Any]:
    """Return process and host of who holds a lease, as far as it says so."""
    try:
        found = json.loads(lease.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _end(lease: Path) -> bool:
    """End the process that holds a lease and tell whether it went by itself."""
    pid = _holder(lease).get("pid")
    if not isinstance(pid, int):
        return True
    for number, patience_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, 2.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if not inspect_lease(lease).is_alive:
                return number is signal.SIGTERM
            time.sleep(0.02)
    return False


def _is_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    said = [line for line in lines if not line.startswith("→")]
    return said[-1] if said else "it said nothing"
