"""What one single-row prediction costs in CPU time: the model runner against the same session elsewhere.

``python benchmarks/runner_latency.py [--rounds 5] [--requests 2000]``

Three contestants answer the same row with the same ONNX model: the bare session in a loop (no server can be
cheaper), the model runner with everything it does (checks, identity headers, figures, prediction log), and FastAPI
on uvicorn around the same session. CPU time is that of the serving process alone, read from the operating system
before and after; rounds alternate and the median counts, so what else runs on the machine falls out. Compare the
ratios, not the microseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from serving_site import CHANNEL, FEATURES, ROW, Site, make_site

PEER = """
import sys
import numpy as np, onnxruntime, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
app = FastAPI()

class Split(BaseModel):
    columns: list[str]
    data: list[list[float]]

class Body(BaseModel):
    dataframe_split: Split

@app.post("/invocations")
async def invocations(body: Body):
    rows = np.array(body.dataframe_split.data, dtype=np.float32)
    label, probabilities = session.run(["label", "probabilities"], {"rows": rows})
    return {"predictions": label.tolist(), "probabilities": probabilities.tolist()}

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
"""
BODY = json.dumps({"dataframe_split": {"columns": FEATURES, "data": [ROW]}}).encode()
REQUEST = (
    b"POST /invocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    % (len(BODY), BODY)
)
CALLERS = 8


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Caller:
    """Keep a few connections busy: send on all of them, then read from all of them."""

    def __init__(self, port: int) -> None:
        self._streams = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(CALLERS)]

    def ask(self, requests: int) -> None:
        """Send requests and check every answer."""
        for _ in range(requests // CALLERS):
            for stream in self._streams:
                stream.sendall(REQUEST)
            for stream in self._streams:
                _check(stream)

    def close(self) -> None:
        """Hang up."""
        for stream in self._streams:
            stream.close()


def _check(stream: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += stream.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += stream.recv(65536)
    if not head.startswith(b"HTTP/1.1 200") or b"predictions" not in body:
        raise RuntimeError(received)


def server(pid: int, port: int, requests: int) -> Callable[[], float]:
    """Return a measurement in microseconds of CPU per request."""

    def measure() -> float:
        caller = Caller(port)
        before = cpu_s(pid)
        caller.ask(requests)
        used_s = cpu_s(pid) - before
        caller.close()
        return used_s / requests * 1e6

    return measure


def session(model: Path) -> Callable[[], float]:
    """Return the measurement of the bare session."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    opened = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    row = np.array([ROW], dtype=np.float32)

    def measure() -> float:
        before = time.process_time()
        for _ in range(20_000):
            opened.run(["label", "probabilities"], {"rows": row})
        return (time.process_time() - before) / 20_000 * 1e6

    return measure


def start_peer(site: Site, port: int) -> subprocess.Popen[bytes]:
    """Start FastAPI on uvicorn with the same model and wait until it answers."""
    process = subprocess.Popen([sys.executable, "-c", PEER, str(site.folders["plain"] / "model.onnx"), str(port)])
    for _ in range(600):
        try:
            caller = Caller(port)
        except OSError:
            time.sleep(0.1)
        else:
            caller.close()
            return process
    process.kill()
    raise RuntimeError("the peer did not start")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=8000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = make_site(Path(folder))
        site.release("plain")
        card = site.start()
        peer = start_peer(site, port := site.free_port())
        try:
            contestants = {
                "onnxruntime session, no server": session(site.folders["plain"] / "model.onnx"),
                f"model runner ({CHANNEL})": server(card.pid, int(card.url.rpartition(":")[2]), given.requests),
                "FastAPI on uvicorn": server(peer.pid, port, given.requests),
            }
            for measure in contestants.values():
                measure()  # warm up
            found: dict[str, list[float]] = {name: [] for name in contestants}
            for _ in range(given.rounds):
                for name, measure in contestants.items():
                    found[name].append(measure())
        finally:
            peer.terminate()
            peer.wait()
            site.stop()
    medians = {name: statistics.median(values) for name, values in found.items()}
    ours = medians[f"model runner ({CHANNEL})"]
    print(f"{'one row, one answer':<34}{'CPU us':>10}{'of ours':>10}   spread")
    for name, value in medians.items():
        spread = f"{min(found[name]):.0f}-{max(found[name]):.0f}"
        print(f"{name:<34}{value:>10.1f}{value / ours:>9.2f}x   {spread}")


if __name__ == "__main__":
    main()
