"""A link that can be cut: a small TCP proxy on loopback between a client and a server.

``silence`` is a cable that was pulled: connections stay, no byte passes. ``break_off`` is a router that was restarted:
connections end and new ones are refused. ``mend`` puts it right again.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Link:
    """Pass bytes between a port of loopback and another one.

    Attributes:
        port: Where to connect.
    """

    def __init__(self, to_port: int, to_host: str = "127.0.0.1") -> None:
        self._to = (to_host, to_port)
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._flows = threading.Event()
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Let bytes pass and take new connections."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()
        self._flows.set()

    def silence(self) -> None:
        """Let no byte pass; nobody is told."""
        self._flows.clear()

    def break_off(self) -> None:
        """End all connections and refuse new ones."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for end in list(self._open):
            _end(end)
        self._flows.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._to, timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=[source, sink], daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            _end(end)
        self._open -= {source, sink}


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextlib.contextmanager
def link_to(port: int) -> Iterator[Link]:
    """Give a link to a port, and break it off at the end."""
    link = Link(port)
    try:
        yield link
    finally:
        link.break_off()
