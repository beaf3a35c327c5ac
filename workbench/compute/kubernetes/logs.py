"""Follow what a pod says, line by line, for as long as it speaks.

One stream per running pod: it costs the API server less than asking again and again, and brings a line a few
milliseconds after it was written. A stream that breaks or falls silent is opened again from the last second that was
seen (the server knows no finer), so lines may come twice and never not at all; whoever takes them counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

from workbench.compute.kubernetes.cluster import Cluster
from workbench.foundation.errors import NotFoundError, WorkbenchError

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_PATIENCE_S = 15.0
"""How long the log of a pod that has ended is tried for; its node may have gone with it."""


class PodLog:
    """The log of one container, followed in a thread of its own.

    Attributes:
        pod: Name of the pod.
        is_whole: Whether nothing more will come.
        is_cut: Whether the log could not be read to its end.
    """

    def __init__(self, cluster: Cluster, pod: str, container: str, take: Callable[[bytes, bytes], None]) -> None:
        self.pod = pod
        self.is_whole = self.is_cut = False
        self._cluster, self._container, self._take = cluster, container, take
        self._since = b""
        self._finish_by = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"log-{pod}", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Read what is left and end: the pod has ended."""
        if not self._finish_by:
            self._finish_by = time.monotonic() + _PATIENCE_S

    def close(self) -> None:
        """Listen no more."""
        self._stop.set()

    def wait(self, timeout_s: float) -> None:
        """Wait until nothing more will come."""
        self._thread.join(timeout_s)

    def _follow(self) -> None:
        failures = 0
        while not self._stop.is_set():
            is_last = bool(self._finish_by)
            try:
                self._read(follow=not is_last)
                failures = 0
            except NotFoundError:  # the pod is gone, and its log with it
                self.is_cut = True
                break
            except WorkbenchError:
                failures += 1
                if is_last and time.monotonic() > self._finish_by:
                    self.is_cut = True
                    break
                is_last = False
            if is_last:
                break
            self._stop.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
        self.is_whole = True

    def _read(self, *, follow: bool) -> None:
        pieces = self._cluster.read_log(
            self.pod, self._container, self._since.decode("ascii", "replace"), follow=follow
        )
        for line in whole_lines(pieces):
            if self._stop.is_set():
                return
            stamp, _, text = line.partition(b" ")
            self._since = max(self._since, stamp) if stamp[:1].isdigit() else self._since
            self._take(stamp, text)


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream; what is left without an end of line was cut off and comes again."""
    kept = b""
    for piece in pieces:
        *lines, kept = (kept + piece).split(b"\n")
        yield from lines
