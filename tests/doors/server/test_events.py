"""What the panel hears over Jupyter's own event socket after something really changed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import asynccontextmanager

import pytest

from workbench.contract.change import CHANGED_SCHEMA_ID


@pytest.fixture
def hearing(jp_serverapp, jp_ws_fetch):
    """``async with hearing() as hear``: our events that arrive within so many seconds, or the first so many of them."""

    @asynccontextmanager
    async def subscribed():
        socket = await jp_ws_fetch("api", "events", "subscribe")
        heard: list[dict] = []

        async def listen() -> None:
            while (message := await socket.read_message()) is not None:
                event = json.loads(message)
                if event["schema_id"] == CHANGED_SCHEMA_ID:
                    heard.append(event)

        async def hear(timeout_s: float, count: int = 0) -> list[dict]:
            end = time.monotonic() + timeout_s
            while time.monotonic() < end and not (count and len(heard) >= count):  # noqa: ASYNC110 - for time or number
                await asyncio.sleep(0.01)
            found = list(heard)
            heard.clear()
            return found

        listening = asyncio.ensure_future(listen())
        try:
            yield hear
        finally:
            socket.close()
            listening.cancel()

    return subscribed


@pytest.fixture
def change(project):
    def append(kind: str) -> None:
        with project.journal.transaction() as transaction:
            transaction.append(kind, "subject:x", {})

    return append


async def test_a_change_is_heard(ask, root, hearing, change, record_property):
    async with hearing() as hear:
        change("project.created")
        assert (await ask("runs")).status == 200
        await hear(0.6)  # opening the project is not what is tested
        started = time.perf_counter()
        change("review.approved")
        (event,) = await hear(5, count=1)
        record_property("latency_ms", round((time.perf_counter() - started) * 1e3))
        assert {key: event[key] for key in ("root", "nouns", "seq")} == {
            "root": str(root),
            "nouns": ["review"],
            "seq": 2,
        }
        assert time.perf_counter() - started < 2


async def test_many_changes_are_few_events(ask, root, hearing, change):
    async with hearing() as hear:
        change("project.created")
        await ask("runs")
        await hear(0.6)
        started = time.monotonic()
        kinds = ["run.started", "job.submitted", "alert.raised"]
        for index in range(30):
            await asyncio.to_thread(change, kinds[index % 3])
        spent = time.monotonic() - started
        events = await hear(1)
        assert 1 <= len(events) <= 2 + 4 * spent
        assert {noun for event in events for noun in event["nouns"]} == {"run", "job", "alert"}
        assert events[-1]["seq"] == 31


async def test_reading_is_no_change(ask, root, hearing, change):
    async with hearing() as hear:
        change("project.created")
        database = sqlite3.connect(root / ".workbench" / "mlflow.db")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (x)")
        database.close()
        await ask("reviewers")
        await hear(0.6)
        for _ in range(3):
            assert (await ask("reviewers")).status == 200
            reader = sqlite3.connect(root / ".workbench" / "mlflow.db")  # the last one to close it removes its WAL file
            reader.execute("SELECT * FROM t").fetchall()
            reader.close()
        assert await hear(1) == []


async def test_a_project_nobody_asked_about_is_silent(ask, root, hearing, change):
    async with hearing() as hear:
        change("review.approved")
        assert (await ask("hello", path="")).status == 200
        assert await hear(0.8) == []
