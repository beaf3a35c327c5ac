"""HTTP/1.1 on an asyncio protocol: keep-alive, pipelining, chunked bodies, limits and deadlines; no framework.

A request is answered inside ``data_received``, so answers leave in the order of their requests and nothing waits in
a queue. What a caller does wrong ends in a problem answer and, where the stream can no longer be trusted, a closed
connection; what we do wrong ends in a 500 and a closed connection. The process goes on either way.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, cast

import httptools

from workbench.serving.runner.problems import Response, problem

_log = logging.getLogger("workbench.runner")

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: ".encode() for status in HTTPStatus
}
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_ID_PREFIX = os.urandom(6).hex().encode()
_ids = itertools.count(1)


@dataclass(frozen=True)
class Limits:
    """What a caller may take.

    Attributes:
        body_bytes: Largest body.
        header_bytes: Largest request line with headers.
        header_s: Seconds until the headers must be complete.
        body_s: Seconds until the body must be complete.
        idle_s: Seconds that a connection may be kept without a request.
        write_s: Seconds that a caller may leave an answer unread.
        linger_s: Seconds that a refused caller may go on sending.
        connections: Connections at once.
    """

    body_bytes: int = 16 << 20
    header_bytes: int = 32 << 10
    header_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 75.0
    write_s: float = 30.0
    linger_s: float = 2.0
    connections: int = 2048


@dataclass(slots=True)
class Request:
    """A request as the application sees it.

    Attributes:
        method: ``GET``, ``POST``, …
        path: Path without the query, still percent-encoded.
        content_type: As sent, lower case.
        authorization: As sent.
        body: All of it.
        is_from_page: Whether a browser sends it for a web page: only browsers say ``Origin`` or ``Sec-Fetch-Site``.
    """

    method: str
    path: str
    content_type: bytes
    authorization: bytes
    body: bytes
    is_from_page: bool = False


class Application(Protocol):
    """What answers requests."""

    is_draining: bool

    def answer(self, request: Request) -> Response:
        """Answer one request; must not raise for anything a caller can send."""

    def identify(self) -> bytes:
        """Return the identity headers of an answer that no model gave."""


class Connection(asyncio.Protocol):
    """One caller."""

    def __init__(self, application: Application, limits: Limits, open_connections: set[Connection]) -> None:
        self._application = application
        self._limits = limits
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._time = asyncio.get_running_loop().time
        self._transport: asyncio.Transport
        self._is_closing = False
        self._is_writable = True
        self._reset()
        self.is_idle = True
        self._deadline = self._time() + limits.header_s

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many callers already."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._open) >= self._limits.connections:
            self._fail(503, "too-many-connections", "Too many connections are open", "close some, then try again")
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the caller."""
        self._is_closing = True
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the ``on_…`` methods below."""
        if self._is_closing:
            return
        was_in_headers = self._is_in_headers
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.close()  # already answered in plain HTTP; the stream after it is not ours
        except httptools.HttpParserCallbackError as error:
            _log.exception("a request could not be answered", exc_info=error.__context__ or error)
            self._fail(500, "internal-error", "The request could not be answered", "see the runner's log")
        except httptools.HttpParserError as error:
            self._fail(400, "http-malformed", f"Not HTTP/1.1: {error}", "send a valid request")
        if was_in_headers and self._is_in_headers:
            self._unparsed_size += len(data)  # one endless header never reaches `on_header`
            self._check_headers(self._unparsed_size)

    def pause_writing(self) -> None:
        """Stop reading from a caller who does not read."""
        self._is_writable = False
        self._deadline = self._time() + self._limits.write_s
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again."""
        self._is_writable = True
        self._deadline = self._time() + self._limits.idle_s
        if not self._is_closing:
            self._transport.resume_reading()

    # httptools

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._reset()
        self.is_idle = False
        self._is_in_headers = True
        self._allow(self._limits.header_s)

    def on_url(self, url: bytes) -> None:
        """Collect the target, which may come in pieces."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the few headers that matter."""
        key = name.lower()
        if key in _KEPT:
            self._kept[key] = value
        self._header_size += len(name) + len(value)

    def on_headers_complete(self) -> None:
        """Refuse a body that is announced too large before it is sent."""
        self._is_in_headers = False
        length = self._kept.get(b"content-length", b"")
        self._check_headers(self._header_size)
        if length.isdigit() and int(length[:20]) > self._limits.body_bytes:
            self._refuse_body()
        elif self._kept.get(b"expect", b"").lower() == b"100-continue" and not self._is_closing:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._allow(self._limits.body_s)

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._size += len(body)
        if self._size > self._limits.body_bytes:
            self._refuse_body()
        elif not self._is_closing:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer."""
        if self._is_closing:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(
            self._parser.get_method().decode("ascii"),
            self._url.partition(b"?")[0].decode("latin-1"),
            self._kept.get(b"content-type", b"").lower(),
            self._kept.get(b"authorization", b""),
            body,
            b"origin" in self._kept or b"sec-fetch-site" in self._kept,
        )
        response = self._application.answer(request)
        is_last = self._application.is_draining or not self._parser.should_keep_alive() or self._parser.should_upgrade()
        self.is_idle = True
        self._allow(self._limits.idle_s)
        self._write(response, has_body=request.method != "HEAD", is_last=is_last)
        if is_last:
            self.close()

    # the server

    def expire(self, now: float) -> None:
        """Close where the caller took too long; called every second."""
        if now < self._deadline:
            return
        if self._is_closing or not self._is_writable:
            self._transport.abort()
        elif self.is_idle:
            self.close()
        else:
            self._fail(408, "request-too-slow", "The request did not arrive in time", "send it faster")

    def close(self) -> None:
        """Close after what was written has left."""
        if not self._is_closing:
            self._is_closing = True
            self._deadline = self._time() + self._limits.write_s
            self._transport.close()

    def _allow(self, seconds: float) -> None:
        if self._is_writable and not self._is_closing:
            self._deadline = self._time() + seconds

    def _reset(self) -> None:
        self._url = b""
        self._kept: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._header_size = 0
        self._unparsed_size = 0
        self._is_in_headers = False

    def _check_headers(self, size: int) -> None:
        limit = self._limits.header_bytes
        if size > limit:
            self._fail(431, "headers-too-large", f"The headers are larger than {limit} bytes", "send fewer headers")

    def _refuse_body(self) -> None:
        limit = self._limits.body_bytes
        self._fail(413, "body-too-large", f"The body is larger than {limit} bytes", "send fewer rows at once")

    def _fail(self, status: int, code: str, message: str, hint: str) -> None:
        """Answer and read no further: the stream means nothing any more.

        The caller may be sending still. Closing now would reset the connection and take the answer with it, so we only
        end our side and let what arrives fall to the ground for a while.
        """
        if self._is_closing:
            return
        response = problem(status, code, message, hint, self._application.identify())
        self._write(response, has_body=True, is_last=True)
        self._is_closing = True
        self._deadline = self._time() + self._limits.linger_s
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _write(self, response: Response, *, has_body: bool, is_last: bool) -> None:
        given = self._kept.get(b"x-request-id", b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else b"%s-%x" % (_ID_PREFIX, next(_ids))
        version = self._parser.get_http_version()
        connection = b"\r\nconnection: close" if is_last else b"\r\nconnection: keep-alive" if version == "1.0" else b""
        self._transport.write(
            b"%s%s\r\ncontent-length: %d%s\r\nx-request-id: %s%s\r\n\r\n%s"
            % (
                _STATUS_LINES[response.status],
                response.content_type,
                len(response.body),
                response.headers,
                request_id,
                connection,
                response.body if has_body else b"",
            )
        )


_KEPT = frozenset(
    (
        b"content-type",
        b"content-length",
        b"authorization",
        b"expect",
        b"x-request-id",
        b"origin",
        b"sec-fetch-site",
    )
)
