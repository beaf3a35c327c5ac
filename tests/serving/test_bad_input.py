"""Whatever a caller does wrong gets a problem with code, message and hint; the runner goes on."""

from __future__ import annotations

import json
import socket
import time

import psutil
import pytest

ROW = [0.9, -0.2, 0.4]
SPLIT = {"columns": ["speed", "torque", "heat"], "data": [ROW]}


def split(**changes):
    return {"dataframe_split": {**SPLIT, **changes}}


def tensor(**changes):
    return {"inputs": [{"name": "rows", "shape": [1, 3], "datatype": "FP32", "data": ROW, **changes}]}


SCORING = [
    (b"", 400, "json-malformed", "dataframe_split"),
    (b"{nonsense", 400, "json-malformed", ""),
    (b"\xff\xfe", 400, "json-malformed", ""),
    (b"[1, 2]", 400, "json-malformed", ""),
    (b'{"inputs": [[NaN, 1, 2]]}', 400, "json-malformed", "null"),
    (b"[" * 100_000, 400, "json-malformed", ""),
    ({}, 400, "input-malformed", ""),
    ({"dataframe_splt": SPLIT}, 400, "input-malformed", "did you mean 'dataframe_split'?"),
    ({"dataframe_split": 3}, 400, "input-malformed", ""),
    ({"dataframe_split": SPLIT, "inputs": [ROW]}, 400, "input-malformed", ""),
    (split(columns=["speed", "torqe", "heat"]), 400, "column-unknown", "did you mean 'torque'?"),
    (split(columns=["speed", "torque"], data=[[1, 2]]), 400, "column-missing", "speed, torque, heat"),
    (split(columns=["speed", "speed", "heat"]), 400, "column-twice", ""),
    (split(columns="speed"), 400, "columns-malformed", ""),
    (split(data=[[1, 2]]), 400, "rows-shape", "speed, torque, heat"),
    (split(data=[[1, 2, 3], [1, 2]]), 400, "rows-shape", ""),
    (split(data=[1, 2, 3]), 400, "rows-shape", ""),
    (split(data=[[[1, 2, 3]]]), 400, "rows-shape", ""),
    (split(data=[]), 400, "rows-missing", ""),
    (split(data="text"), 400, "rows-shape", ""),
    (split(data=[[1, "NaN", 3]]), 400, "value-not-a-number", "null"),
    (split(data=[[1, "2", 3]]), 400, "value-not-a-number", ""),
    (split(data=[[1, {"a": 1}, 3]]), 400, "value-not-a-number", ""),
    (split(data=[[1, 1e300, 3]]), 400, "value-out-of-range", ""),
    (split(data=[[1, 10**400, 3]]), 400, "", ""),
    (split(data=[[1, None, 3]]), 400, "answer-not-finite", "missing"),
    ({"dataframe_records": [{"speed": 1, "torque": 2}]}, 400, "column-missing", ""),
    ({"dataframe_records": [{"speed": 1, "torque": 2, "heat": 3, "x": 4}]}, 400, "column-unknown", ""),
    ({"dataframe_records": [3]}, 400, "input-malformed", ""),
    ({"inputs": {"speed": [1], "torque": [2], "heat": [3, 4]}}, 400, "rows-shape", ""),
    ({"inputs": [ROW], "params": {"t": 1}}, 400, "params-unknown", ""),
]
INFER = [
    ({"inputs": []}, "input-malformed"),
    ({"inputs": [3]}, "input-malformed"),
    ({"input": []}, "input-malformed"),
    (tensor(shape=[1, 4]), "rows-shape"),
    (tensor(shape=[2, 3]), "rows-shape"),
    (tensor(shape=[3], data=ROW), "rows-shape"),
    (tensor(shape=[-1, 3]), "input-malformed"),
    (tensor(shape="x"), "input-malformed"),
    (tensor(datatype="BYTES"), "datatype-unknown"),
    (tensor(datatype=["FP32"]), "datatype-unknown"),
    (tensor(name="row"), "input-unknown"),
    (tensor(data=[1, "a", 2]), "value-not-a-number"),
    (tensor(data=None), "input-malformed"),
    ({**tensor(), "outputs": [{"name": "lable"}]}, "output-unknown"),
    ({"inputs": tensor()["inputs"] * 2}, "input-malformed"),
]


def test_bad_scoring_requests(served):
    for body, status, code, hint in SCORING:
        found, headers, answer = served.ask("POST", "/invocations", body)
        problem = json.loads(answer)
        assert (found, headers["content-type"]) == (status, "application/problem+json"), body
        assert problem["code"] == (code or problem["code"]), (body, problem)
        assert hint in problem["message"] + problem["hint"], (body, problem)
        assert problem["message"]
        assert headers["x-model-digest"].startswith("sha256:")
    assert served.predict([ROW])[0] == ["broken"]
    assert served.figures()["failures"] == 0


def test_bad_infer_requests(served):
    for body, code in INFER:
        status, _, answer = served.ask("POST", "/v2/models/fault/infer", body)
        problem = json.loads(answer)
        assert (status, problem["code"]) == (400, code), (body, problem)
        assert problem["error"] == problem["message"]


def test_paths_methods_and_types(served):
    for method, path, status, code, hint in [
        ("GET", "/invocation", 404, "path-unknown", "did you mean '/invocations'?"),
        ("GET", "/invocations", 405, "method-not-allowed", "use POST"),
        ("POST", "/ping", 405, "method-not-allowed", "use GET"),
        ("DELETE", "/v2/models/fault/infer", 405, "method-not-allowed", "use POST"),
        ("POST", "/v2/models/fautl/infer", 404, "model-unknown", "it is 'fault'"),
        ("POST", "/v2/models/fault/versions/9/infer", 404, "version-unknown", "it is 1"),
        ("GET", "/%00%ff/../../etc/passwd", 404, "path-unknown", "known: "),
    ]:
        found, _, answer = served.ask(method, path)
        problem = json.loads(answer)
        assert (found, problem["code"]) == (status, code), path
        assert hint in problem["hint"]
        assert problem["message"]
    status, _, answer = served.ask("POST", "/invocations", b"a,b", **{"content-type": "text/csv"})
    assert (status, json.loads(answer)["code"]) == (415, "media-type-unknown")


@pytest.mark.parametrize("path", ["/invocations", "/v2/models/fault/infer"])
@pytest.mark.parametrize("header", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_web_page_must_declare_json_which_it_cannot_do_unasked(served, path, header):
    body = {"inputs": [ROW]} if path == "/invocations" else tensor()
    status, _, answer = served.ask("POST", path, body, **header)
    assert (status, json.loads(answer)["code"]) == (415, "media-type-unknown")
    assert served.ask("POST", path, body, **header, **{"content-type": "application/json"})[0] == 200
    assert served.ask("POST", path, body)[0] == 200  # curl and clients: no browser


@pytest.mark.parametrize(
    "shape",
    [[2**63 - 1] * 100_000, [2**63 - 1, 2**63 - 1], [1, 1, 3], [1] * 50_000],
    ids=["deep", "wide", "3d", "ones"],
)
def test_a_shape_that_is_larger_than_its_data_is_refused_before_it_is_multiplied(served, shape):
    runner = psutil.Process(served.process.pid)
    before = sum(runner.cpu_times()[:2])
    status, _, answer = served.ask("POST", "/v2/models/fault/infer", tensor(shape=shape))
    assert (status, json.loads(answer)["code"]) == (400, "rows-shape")
    assert sum(runner.cpu_times()[:2]) - before < 1.0
    assert len(answer) < 1000


def exchange(running, *pieces, pause_s=0.0, timeout_s=5.0):
    """Send raw bytes in pieces and return everything that comes back until the runner closes or goes quiet."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=timeout_s) as stream:
        for piece in pieces:
            stream.sendall(piece)
            time.sleep(pause_s)
        received = b""
        while True:
            try:
                data = stream.recv(65536)
            except TimeoutError:
                return received
            if not data:
                return received
            received += data


BODY = json.dumps({"inputs": [ROW]}).encode()
REQUEST = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
LAST = b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def test_pipelined_requests_are_answered_in_order(served):
    marked = [b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nx-request-id: n%d\r\n\r\n" % number for number in range(200)]
    received = exchange(served, b"".join(marked) + REQUEST + LAST)
    ids = [line for line in received.split(b"\r\n") if line.startswith(b"x-request-id: n")]
    assert ids == [b"x-request-id: n%d" % number for number in range(200)]
    assert received.count(b"HTTP/1.1 200 OK") == 202


def test_a_request_split_into_single_bytes(served):
    received = exchange(served, *[bytes([byte]) for byte in REQUEST], LAST)
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert b'"broken"' in received


def test_chunked_body(served):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:9], BODY[9:])) + b"0\r\n\r\n"
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    received = exchange(served, head, chunks, LAST, pause_s=0.05)
    assert b'"broken"' in received
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_expect_continue(served):
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY)
    received = exchange(served, head, BODY, LAST, pause_s=0.1)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_upgrades_are_declined_politely(served):
    received = exchange(served, b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / FTP/9\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: -4\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n", 413),
        (b"POST /invocations HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /ping HTTP/1.1\r\nx: " + b"a" * 40_000 + b"\r\n\r\n", 431),
        (b"GET /ping HTTP/1.1\r\nx: " + b"a" * 800_000, 431),
    ],
)
def test_broken_streams_are_answered_and_closed(served, raw, status):
    received = exchange(served, raw)
    assert received.startswith(b"HTTP/1.1 %d " % status), received[:200]
    assert b"connection: close" in received
    assert served.predict([ROW])[0] == ["broken"]


def test_a_body_that_grows_too_large_in_chunks(served):
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as stream:
        stream.sendall(head)
        try:
            for _ in range(20):
                stream.sendall(chunk)
            received = stream.recv(4096)
        except ConnectionError:
            received = b""  # closed while we were still sending: refused all the same
    assert received.startswith(b"HTTP/1.1 413 ") or not received
    assert served.predict([ROW])[0] == ["broken"]


def test_many_callers_who_hang_up(served):
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", served.port)) as stream:
            stream.sendall(REQUEST[:40])
    assert served.predict([ROW])[0] == ["broken"]
