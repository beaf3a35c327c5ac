"""What a new model costs callers: swapped in place, against stopping and starting the service (S2-14).

``python benchmarks/runner_swap.py [--rounds 5]``

One caller asks every few milliseconds. Each round releases a new model twice: once under the running runner, once
by stopping the runner and starting it on the same port with the new model in place, as a service without hot swap
is updated. Counted are failed requests and the longest time without an answer.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from serving_site import ROW, Site, make_site

BODY = json.dumps({"inputs": [ROW]}).encode()


class Caller:
    """Ask all the time; remember failures and the longest gap between two answers."""

    def __init__(self, port: int) -> None:
        self.failed = 0
        self.answered = 0
        self.longest_gap_ms = 0.0
        self.release = ""
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Caller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def await_release(self, release: str) -> None:
        """Wait until an answer comes from a release."""
        while self.release != release:
            time.sleep(0.002)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        last = time.perf_counter()
        while not self._stop.is_set():
            try:
                connection.request("POST", "/invocations", BODY)
                response = connection.getresponse()
                response.read()
                is_answer = response.status == 200
            except (OSError, http.client.HTTPException):
                connection.close()
                is_answer = False
            now = time.perf_counter()
            if is_answer:
                self.answered += 1
                self.longest_gap_ms = max(self.longest_gap_ms, (now - last) * 1000)
                self.release, last = response.headers["x-release"], now
            else:
                self.failed += 1
            time.sleep(0.003)


def watch(port: int, change: Callable[[], str] | None) -> Caller:
    """Let a caller ask while something changes."""
    with Caller(port) as caller:
        time.sleep(0.5)
        if change:
            caller.await_release(change())
        time.sleep(0.5)
    return caller


def restart(site: Site, model: str, port: int) -> str:
    """Update as a service without hot swap does it."""
    site.stop()
    release = site.release(model)
    site.start(port)
    return release


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    found: dict[str, list[Caller]] = {"nothing changes": [], "swap in place": [], "stop and start": []}
    with tempfile.TemporaryDirectory() as folder:
        site = make_site(Path(folder))
        site.release("plain")
        port = site.free_port()
        site.start(port)
        try:
            for _ in range(given.rounds):
                found["nothing changes"].append(watch(port, None))
                found["swap in place"].append(watch(port, lambda: site.release("turned")))
                found["stop and start"].append(watch(port, lambda: restart(site, "plain", port)))
        finally:
            site.stop()
    baseline = statistics.median(caller.longest_gap_ms for caller in found["nothing changes"])
    print(f"{given.rounds} rounds{'':<13}{'failed':>9}{'answered':>10}{'longest gap ms':>16}{'of none':>10}")
    for name, callers in found.items():
        gap = statistics.median(caller.longest_gap_ms for caller in callers)
        failed, answered = (sum(getattr(caller, key) for caller in callers) for key in ("failed", "answered"))
        print(f"{name:<21}{failed:>9}{answered:>10}{gap:>16.1f}{gap / baseline:>9.1f}x")


if __name__ == "__main__":
    main()
