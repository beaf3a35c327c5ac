"""A small, bounded load on the runner, over real HTTP on loopback."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np


@dataclass
class Tally:
    """What the callers saw.

    Attributes:
        answered: Good answers by the digest of the model that gave them.
        failed: Everything else.
        slowest_ms: The longest wait, in milliseconds.
    """

    answered: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    slowest_ms: float = 0.0


def invoke(url: str, names: list[str], rows: np.ndarray) -> tuple[list[float], str]:
    """Ask by MLflow's scoring protocol; return the predictions and the digest of the model that answered."""
    body = json.dumps({"dataframe_split": {"columns": names, "data": rows.tolist()}}).encode()
    status, answer, digest = _post(_connect(url), "/invocations", body)
    if status != 200:
        raise RuntimeError(f"the runner answered {status}: {answer!r}")
    return list(json.loads(answer)["predictions"]), digest


def infer(url: str, model: str, rows: np.ndarray) -> list[float]:
    """Ask by the Open Inference Protocol v2; return the labels."""
    tensor = {"name": "input", "shape": list(rows.shape), "datatype": "FP32", "data": rows.ravel().tolist()}
    status, answer, _ = _post(_connect(url), f"/v2/models/{model}/infer", json.dumps({"inputs": [tensor]}).encode())
    if status != 200:
        raise RuntimeError(f"the runner answered {status}: {answer!r}")
    return list(json.loads(answer)["outputs"][0]["data"])


class Load:
    """Callers that ask for one row after the other until told to stop, at most for a minute."""

    def __init__(self, url: str, names: list[str], rows: np.ndarray, *, callers: int = 2) -> None:
        self._url = url
        self._bodies = [
            json.dumps({"dataframe_split": {"columns": names, "data": [row]}}).encode() for row in rows.tolist()
        ]
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.tally = Tally()
        self._threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(callers)]

    def __enter__(self) -> Load:
        """Start asking."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking and wait for the last answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _ask(self, number: int) -> None:
        connection = _connect(self._url)
        until = time.monotonic() + 60
        position = number
        while not self._stop.is_set() and time.monotonic() < until:
            begun = time.perf_counter()
            try:
                status, _, digest = _post(connection, "/invocations", self._bodies[position % len(self._bodies)])
            except (OSError, http.client.HTTPException):
                status, digest, connection = 0, "", _connect(self._url)
            waited_ms = (time.perf_counter() - begun) * 1000
            with self._lock:
                if status == 200:
                    self.tally.answered[digest] = self.tally.answered.get(digest, 0) + 1
                else:
                    self.tally.failed += 1
                self.tally.slowest_ms = max(self.tally.slowest_ms, waited_ms)
            position += len(self._threads)
            time.sleep(0.002)  # a small load: the demo shares two cores with everything else


def _connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[int, bytes, str]:
    connection.request("POST", path, body, {"content-type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read(), response.headers.get("x-model-digest", "")
