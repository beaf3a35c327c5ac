"""Follow a channel: notice another release, verify it beside the one that answers, then swap one reference.

The file is looked at every 100 ms (a ``stat``, some microseconds; works on every file system, network ones too).
What does not verify is never served: the model before keeps answering, the reason is shown and journalled, and the
file is tried again every few seconds, so that restored bytes heal it without anybody's help. A model whose approvals
end (an override after 24 hours, an approval by its expiry) is verified again at that moment and stops to answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from workbench.foundation.errors import IntegrityError, WorkbenchError
from workbench.foundation.project import Project
from workbench.serving.channel import ChannelFile, channel_path
from workbench.serving.runner.loading import load_served
from workbench.serving.runner.served import NO_MODEL_HEADERS, Served

POLL_S = 0.1
RETRY_S = 5.0

_ENDED = IntegrityError(
    "approvals-ended",
    "The approvals ended, and the channel's file is gone",
    "write it anew: mlops release <review>",
)

_log = logging.getLogger("workbench.runner")


class Follower:
    """Hold the served model of one channel and keep it in step with the channel file.

    Attributes:
        served: What answers; read it once per request. None before the first release.
        refusal: Why the newest release does not answer; empty where it does.
        refused: Release that the refusal is about.
        exit_code: Exit code of the refusal's family; 0 where there is none.
        swaps: How often a model was replaced by another.
        refusals: How often a release was refused.
        swap_ms: Milliseconds that the last release took from being noticed to answering.
    """

    def __init__(self, project: Project, channel: str) -> None:
        self.served: Served | None = None
        self.refusal = ""
        self.refused = ""
        self.exit_code = 0
        self.swaps = 0
        self.refusals = 0
        self.swap_ms = 0.0
        self._project = project
        self._channel = channel
        self._path = channel_path(project, channel)
        self._seen: tuple[int, int, int] | None = None
        self._retry_at = float("inf")
        self._journalled: set[tuple[str, str]] = set()

    @property
    def headers(self) -> bytes:
        """Identity headers of an answer that no model gave."""
        return self.served.headers if self.served else NO_MODEL_HEADERS

    async def follow(self) -> None:
        """Look for ever; ends by cancellation."""
        while True:
            await asyncio.sleep(POLL_S)
            await self.look()

    async def look(self) -> None:
        """Take over what the channel names now, if that is new."""
        mark = _mark(self._path)
        ended = self.served if self.served and self.served.has_ended(datetime.now(UTC)) else None
        if mark is None:
            if ended:  # what let it answer is over, and nothing is left that could say otherwise
                self.served = self._seen = None
                await self._refuse(ended.release, _ENDED)
            return
        if mark == self._seen and time.monotonic() < self._retry_at and not ended:
            return
        started = time.perf_counter()
        outcome = await asyncio.to_thread(self._load)  # requests go on meanwhile
        self._seen = mark
        if isinstance(outcome, Served):
            self._swap(outcome, (time.perf_counter() - started) * 1000)
        else:
            if ended:  # what let it answer is over, and nothing else is approved: it stops
                self.served = None
            await self._refuse(*outcome)

    def _load(self) -> Served | tuple[str, WorkbenchError]:
        release = ""
        try:
            file = ChannelFile.parse(self._path.read_bytes())
            release = file.release
            return load_served(self._project, file, self._channel)
        except WorkbenchError as error:
            return release, error
        except OSError as error:
            return release, WorkbenchError("channel-unreadable", f"Cannot read {self._path.name}: {error}")

    def _swap(self, served: Served, elapsed_ms: float) -> None:
        is_other = self.served is not None and self.served.release != served.release
        self.served = served  # the swap: requests that began before have their own reference
        self.swaps += is_other
        self.swap_ms = elapsed_ms
        self.refusal, self.refused, self.exit_code = "", "", 0
        self._retry_at = float("inf")
        _log.info(
            "serving %s version %d (%s) after %.1f ms", served.release, served.version, served.model_digest, elapsed_ms
        )

    async def _refuse(self, release: str, error: WorkbenchError) -> None:
        self.refusal = f"{error.message} [{error.code}]"
        self.refused = release
        self.exit_code = error.exit_code
        self._retry_at = time.monotonic() + RETRY_S
        if (release, error.code) in self._journalled:
            return
        self._journalled.add((release, error.code))
        self.refusals += 1
        _log.error("refused %s: %s", release or "the channel file", self.refusal)
        await asyncio.to_thread(self._journal, release, error.code)

    def _journal(self, release: str, code: str) -> None:
        """Record the refusal; a journal that cannot be written to must not stop a runner that answers."""
        try:
            with self._project.journal.transaction() as change:
                payload = {"channel": self._channel, "code": code}
                change.append("release.refused", f"release:{release or 'unknown'}", payload)
        except (WorkbenchError, OSError) as error:
            _log.error("the refusal could not be journalled: %s", error)


def _mark(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
