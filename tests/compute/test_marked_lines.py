"""Logs with marked lines, as they come from real machines: torn, stamped, mixed and twice."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import json
import os
import random
import tarfile
import zlib
from pathlib import Path

import pytest

from workbench.compute.kubernetes.store import unpack_results
from workbench.compute.marked_lines import MarkedLines, read_log
from workbench.execute import travelling


@pytest.fixture
def log(tmp_path) -> bytes:
    """A log that the runner's own code has written: forty events and two files."""
    spec = importlib.util.spec_from_file_location("wire", Path(travelling.__file__).with_name("wire.py"))
    wire = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wire)
    (tmp_path / "big.bin").write_bytes(random.Random(7).randbytes(50_000))
    (tmp_path / "empty.txt").write_bytes(b"")
    reading, writing = os.pipe2(0)
    channel = wire.Channel.__new__(wire.Channel)
    channel._handle, channel._lock = writing, __import__("threading").Lock()
    import threading

    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.extend(iter(lambda: os.read(reading, 65_536), b"")))
    reader.start()
    for number in range(1, 41):
        data = {"cell": 1, "text": f"行 {number}\n\x1b[31m"}
        channel.say_event(json.dumps({"seq": number, "at": "2026", "kind": "out", "data": data}, ensure_ascii=False))
    channel.say_file("artifacts/big.bin", tmp_path / "big.bin")
    channel.say_file("empty.txt", tmp_path / "empty.txt")
    channel.say_file("missing.txt", tmp_path / "missing.txt")
    os.close(writing)
    reader.join()
    return b"".join(got)


def seqs(found: MarkedLines, after: int = 0) -> list[int]:
    return [event.seq for event in found.events(after)]


def test_a_whole_log(log, tmp_path) -> None:
    found = read_log(log)
    assert seqs(found) == list(range(1, 41))
    assert found.events()[0].data["text"].startswith("行 1\n")
    assert seqs(found, after=38) == [39, 40]
    assert found.files == {"artifacts/big.bin": (tmp_path / "big.bin").read_bytes(), "empty.txt": b""}
    paths = found.write_files(tmp_path / "job")
    assert {path.relative_to(tmp_path / "job").as_posix() for path in paths} == {"artifacts/big.bin", "empty.txt"}


@pytest.mark.parametrize("seed", range(20))
def test_in_pieces_of_any_size_and_mixed_with_other_words(log, seed) -> None:
    dice = random.Random(seed)
    lines = []
    for line in log.splitlines():
        if dice.random() < 0.3:
            lines.append(dice.choice([b"Traceback: x", b"", b"\xff\xfe", b"{}", b"\x1ewb1 {broken", b"\x1ewb1 7"]))
        prefix = dice.choice([b"", b"2026-11-26T10:00:00.123456789Z ", b"stdout F ", b"progress 10%"])
        lines.append(prefix + line + dice.choice([b"", b"\r", b" trailing"]))
    mixed, found = b"\n".join(lines) + b"\n", MarkedLines()
    while mixed:
        size = dice.randint(1, 5_000)
        found.feed(mixed[:size])
        mixed = mixed[size:]
    assert seqs(found) == list(range(1, 41))
    assert set(found.files) == {"artifacts/big.bin", "empty.txt"}


def test_a_log_that_is_read_again_from_its_beginning(log) -> None:
    found = MarkedLines()
    found.feed(log)
    found.feed(log)
    assert seqs(found) == list(range(1, 41))
    assert len(found.files) == 2


def test_a_log_without_its_beginning_and_end(log) -> None:
    cut = log[30:]
    found = read_log(cut)
    assert seqs(found) == [], "the first is missing, and what comes after it waits"
    assert seqs(found, after=1) == list(range(2, 41))
    found = read_log(log[:-20])
    assert "empty.txt" not in found.files
    assert found.files["artifacts/big.bin"]


def test_a_lost_piece_is_no_file(log) -> None:
    lines = log.splitlines(keepends=True)
    piece = next(number for number, line in enumerate(lines) if b'"part": 2' in line)
    found = read_log(b"".join(lines[:piece] + lines[piece + 1 :]))
    assert "artifacts/big.bin" not in found.files
    assert found.incomplete == ("artifacts/big.bin",)


def test_a_changed_piece_is_no_file(log) -> None:
    lines = log.splitlines(keepends=True)
    piece = next(number for number, line in enumerate(lines) if b'"part": 2' in line)
    at = lines[piece].index(b'"data": "') + 20
    other = b"A" if lines[piece][at : at + 1] != b"A" else b"B"
    lines[piece] = lines[piece][:at] + other + lines[piece][at + 1 :]
    assert "artifacts/big.bin" not in read_log(b"".join(lines)).files


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "", "a\\b"])
def test_a_name_that_reaches_outside_is_none(name) -> None:
    said = {"file": name, "part": 0, "parts": 1, "digest": "sha256:0", "bytes": 0, "data": "eJwDAAAAAAE="}
    found = read_log(b"\x1ewb1 " + json.dumps(said).encode() + b"\n")
    assert found.files == {}
    assert found.incomplete == ()


@pytest.mark.parametrize("name", ["events.jsonl", "./events.jsonl", "run.json", "spec.json", "cancel.json", "pod.json"])
def test_what_is_written_here_alone_is_not_taken_from_a_log(name, tmp_path) -> None:
    """The notebook prints into the same log; which run its results go into is not its to say."""
    assert read_log(said_file(name, b"mine")).write_files(tmp_path) == ()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        for member in (name, "artifacts/events.jsonl"):
            info = tarfile.TarInfo(member)
            info.size = 4
            packed.addfile(info, io.BytesIO(b"mine"))
    assert unpack_results(archive.getvalue(), tmp_path) == (tmp_path / "artifacts" / "events.jsonl",)


def test_what_nothing_could_store_or_read_is_no_event() -> None:
    half = json.dumps({"seq": 1, "at": "2026", "kind": "out", "data": {"text": "\udcff"}})
    found = read_log(f"\x1ewb1 {half}\n\x1ewb1 {'[' * 200_000}\n".encode())
    assert [event.data for event in found.events()] == [{"text": "?"}]


def said_file(name: str, content: bytes) -> bytes:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    data = base64.b64encode(zlib.compress(content)).decode()
    said = {"file": name, "part": 0, "parts": 1, "digest": digest, "bytes": len(content), "data": data}
    return f"\x1ewb1 {json.dumps(said)}\n".encode()
