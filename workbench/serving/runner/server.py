"""The life of a runner: take the lease, listen, follow the channel, and leave without dropping anybody."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from workbench.foundation.canonical import canonical_json
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import DeniedError, UnavailableError
from workbench.foundation.lease import Lease
from workbench.foundation.project import Project
from workbench.serving.channel import ChannelName, address_path, lease_path
from workbench.serving.runner.figures import Figures
from workbench.serving.runner.follower import Follower
from workbench.serving.runner.http import Connection, Limits
from workbench.serving.runner.prediction_log import FLUSH_S, PredictionLog
from workbench.serving.runner.routes import Application

TOKEN_VARIABLE = "WORKBENCH_RUNNER_TOKEN"  # noqa: S105 - the name of a variable, not a token

_log = logging.getLogger("workbench.runner")


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        channel: Channel to follow.
        host: Address to listen on.
        port: TCP port; 0 lets the system choose.
        is_strict: Whether to give up where the release at the start does not verify.
        token: Bearer token that callers must send; empty for none.
        drain_s: Seconds that callers get to finish when the runner is stopped.
        limits: What a caller may take.
    """

    channel: ChannelName
    host: str = "127.0.0.1"
    port: int = 0
    is_strict: bool = False
    token: str = ""
    drain_s: float = 5.0
    limits: Limits = field(default_factory=Limits)


def run(project: Project, options: Options) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code.

    Raises:
        DeniedError: ``token-needed``: listening beyond this machine without a token.
        ConflictError: ``lease-held``: another runner follows this channel.
        UnavailableError: ``address-taken``.
    """
    check_host(options.host, options.token)
    lease = Lease(lease_path(project, str(options.channel)))
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_Server(project, options).serve())
    finally:
        lease.release()


def check_host(host: str, token: str) -> None:
    """Refuse to listen beyond this machine without a token.

    Raises:
        DeniedError: ``token-needed``.
    """
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost"
    if not is_local and not token:
        raise DeniedError(
            "token-needed",
            f"Anybody who reaches {host} could call the model",
            f"set {TOKEN_VARIABLE}, or listen on 127.0.0.1",
        )


class _Server:
    """Everything that lives as long as the process."""

    def __init__(self, project: Project, options: Options) -> None:
        channel = str(options.channel)
        self._project = project
        self._options = options
        self._follower = Follower(project, channel)
        self._log = PredictionLog(project.state_dir / "predictions" / channel)
        self._application = Application(options.channel, self._follower, Figures(), self._log, options.token)
        self._connections: set[Connection] = set()
        self._address = address_path(project, channel)

    async def serve(self) -> int:
        """Serve until told to stop."""
        await self._follower.look()
        if self._options.is_strict and self._follower.exit_code:
            return self._follower.exit_code
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        server = await self._listen(loop)
        parts: tuple[Coroutine[Any, Any, object], ...] = (self._follower.follow(), self._flush(), self._sweep())
        tasks = [asyncio.ensure_future(part) for part in (*parts, stopping.wait())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await self._drain(server)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._log.close()
        return 0 if tasks[-1] in done else self._report(done)

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
        def connect() -> Connection:
            return Connection(self._application, self._options.limits, self._connections)

        host, port = self._options.host, self._options.port
        try:
            server = await loop.create_server(connect, host, port, backlog=1024)
        except OSError as error:
            hint = "choose another port: --port 0 takes a free one"
            raise UnavailableError(
                "address-taken", f"Cannot listen on {host}:{port}: {error.strerror}", hint
            ) from error
        bound = server.sockets[0].getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        address = {
            "url": f"http://{shown}:{bound}",
            "pid": os.getpid(),
            "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        write_atomic(self._address, canonical_json(address))
        _log.info("%s listens on %s", self._options.channel, address["url"])
        return server

    async def _drain(self, server: asyncio.Server) -> None:
        """Stop listening, let open requests end, then close."""
        self._application.is_draining = True
        server.close()
        self._forget_address()
        deadline = time.monotonic() + self._options.drain_s
        while self._connections and time.monotonic() < deadline:
            for connection in list(self._connections):
                if connection.is_idle:
                    connection.close()
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.close()
        await asyncio.sleep(0)
        _log.info("%s stopped", self._options.channel)

    def _forget_address(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if json.loads(self._address.read_bytes()).get("pid") == os.getpid():
                self._address.unlink()

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            if entries := self._log.take():
                self._log.settle(entries, await asyncio.to_thread(self._log.write, entries))

    async def _sweep(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(1.0)
            for connection in list(self._connections):
                connection.expire(now())

    def _report(self, done: set[asyncio.Task[object]]) -> int:
        """Log why a part of the server ended that should not have."""
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                _log.error("the runner failed", exc_info=error)
        return 3


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed; plain asyncio answers the same, some times slower."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    factory: type[asyncio.AbstractEventLoop] = uvloop.Loop
    return factory
