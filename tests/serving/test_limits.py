"""Deadlines of the connection, without waiting for them: the same server in this process, with short ones."""

from __future__ import annotations

import asyncio

import pytest

from workbench.serving.runner.http import Connection, Limits, Request
from workbench.serving.runner.problems import Response


class Echo:
    """An application that answers with the path, or fails."""

    is_draining = False

    def answer(self, request: Request) -> Response:
        if request.path == "/fail":
            raise ZeroDivisionError
        return Response(200, b"x" * 4_000_000 if request.path == "/big" else request.path.encode())

    def identify(self) -> bytes:
        return b""


async def talk(limits: Limits, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    open_connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(Echo(), limits, open_connections), "127.0.0.1", 0)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(0.02)
            for connection in list(open_connections):
                connection.expire(loop.time())

    sweeper = asyncio.ensure_future(sweep())
    try:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause_s)
        received = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return received
    finally:
        sweeper.cancel()
        server.close()


@pytest.mark.parametrize("pieces", [(b"GET / HT",), (b"",)])
def test_slow_headers_are_refused(pieces):
    received = asyncio.run(talk(Limits(header_s=0.1), *pieces))
    assert received.startswith(b"HTTP/1.1 408 ") if pieces[0] else received == b""


def test_a_drip_of_headers_does_not_buy_time():
    pieces = [b"GET / HTTP/1.1\r\n"] + [b"a: b\r\n"] * 20
    assert asyncio.run(talk(Limits(header_s=0.2), *pieces, pause_s=0.05)).startswith(b"HTTP/1.1 408 ")


def test_slow_bodies_are_refused():
    received = asyncio.run(talk(Limits(body_s=0.1), b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc"))
    assert received.startswith(b"HTTP/1.1 408 ")


def test_idle_connections_are_closed_in_silence():
    received = asyncio.run(talk(Limits(idle_s=0.1), b"GET /a HTTP/1.1\r\n\r\n"))
    assert received.endswith(b"\r\n\r\n/a")


def test_callers_who_do_not_read_are_dropped():
    async def ask() -> None:
        open_connections: set[Connection] = set()
        loop = asyncio.get_running_loop()
        limits = Limits(write_s=0.2)
        server = await loop.create_server(lambda: Connection(Echo(), limits, open_connections), "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), limit=1)
        writer.write(b"GET /big HTTP/1.1\r\n\r\n" * 4)
        for _ in range(100):
            await asyncio.sleep(0.02)
            for connection in list(open_connections):
                connection.expire(loop.time())
            if not open_connections:
                break
        assert not open_connections
        writer.close()
        server.close()

    asyncio.run(ask())


def test_too_many_callers_are_told_so():
    assert asyncio.run(talk(Limits(connections=0))).startswith(b"HTTP/1.1 503 ")


def test_our_own_faults_are_answered_and_logged(caplog):
    received = asyncio.run(talk(Limits(), b"GET /fail HTTP/1.1\r\n\r\n"))
    assert received.startswith(b"HTTP/1.1 500 ")
    assert "ZeroDivisionError" in caplog.text
