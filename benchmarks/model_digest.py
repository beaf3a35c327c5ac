"""Digesting a model of 2 GB, against plain ``hashlib.sha256`` over the same file.

Budget: at least 80 % of the plain speed, for the digest alone. Freezing (digest, copy, fsync, rename) is printed
beside it, against ``shutil.copyfile`` and the same fsync: keeping the bytes costs the disk's time. The file is made up
here and deleted afterwards; where less than 6 GB are free a smaller one is taken, and it says so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workbench.foundation.store import Store, digest_tree

SIZE_B, SMALL_B = 2 << 30, 256 << 20
ROUNDS = 3
BUDGET = 0.80


def make_model(path: Path, size: int) -> None:
    """Write bytes that no file system stores as holes."""
    block = os.urandom(1 << 20)
    with path.open("wb") as stream:
        for number in range(size >> 20):
            stream.write(number.to_bytes(8, "big") + block[8:])


def plain(path: Path) -> str:
    """Return the digest as a few lines of anybody's code would find it."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


def copy_and_sync(source: Path, target: Path) -> None:
    """Copy a file so that a power cut does not take it."""
    shutil.copyfile(source, target)
    with target.open("rb") as stream:
        os.fsync(stream.fileno())
    target.unlink()


def took(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds of the clock and of the processor."""
    begun, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - busy


def main() -> int:
    """Print the figures; 1 where the budget is broken."""
    with tempfile.TemporaryDirectory(prefix="wb-digest-") as name:
        folder = Path(name)
        size = SIZE_B if shutil.disk_usage(folder).free > 3 * SIZE_B else SMALL_B
        model = folder / "model"
        model.mkdir()
        make_model(model / "model.onnx", size)
        rounds = [
            (took(lambda: plain(model / "model.onnx")), took(lambda: digest_tree(model))) for _ in range(ROUNDS)
        ]  # in turn, so that both meet the same machine
        bare, ours = (statistics.median(pair[i][1] for pair in rounds) for i in (0, 1))
        frozen = took(lambda: Store(folder / "store").put_tree(model))
        copied = took(lambda: copy_and_sync(model / "model.onnx", folder / "copy"))
    share = bare / ours
    verdict = "kept" if share >= BUDGET else "BROKEN"
    note = "" if size == SIZE_B else "   (smaller than 2 GB: the disk is tight)"
    print(f"model of {size / (1 << 30):.2f} GB{note}")
    print(f"plain sha256      {size / bare / 1e6:8.0f} MB/s of processor time")
    print(f"digest of a model {size / ours / 1e6:8.0f} MB/s   {share:.0%} of plain; budget {BUDGET:.0%}: {verdict}")
    print(
        f"freeze            {frozen[0]:8.1f} s, of which {frozen[1]:.1f} s processor; copy and fsync {copied[0]:.1f} s"
    )
    return int(verdict == "BROKEN")


if __name__ == "__main__":
    sys.exit(main())
