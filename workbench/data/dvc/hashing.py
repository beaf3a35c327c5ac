"""md5, as DVC names bytes by it, at the speed of OpenSSL: big buffers, two threads where there are many big files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

BUFFER_BYTES = 1 << 20
"""Large enough that reading costs nothing beside hashing, small enough for the processor's cache."""
BIG_BYTES = 4 << 20
_THREADS = 2

Item = TypeVar("Item")
Result = TypeVar("Result")


def new_md5(data: bytes = b"") -> hashlib._Hash:
    """Return md5 as a name for bytes; it protects nothing here."""
    return hashlib.md5(data, usedforsecurity=False)


def md5_of(handle: int, copy_to: int | None = None) -> str:
    """Return the md5 of an open file, from where it stands to its end, and copy it on the way.

    Args:
        handle: File descriptor to read.
        copy_to: File descriptor to write what was read to.
    """
    digest = new_md5()
    buffer = memoryview(bytearray(BUFFER_BYTES))
    with os.fdopen(os.dup(handle), "rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
            if copy_to is not None:
                write_all(copy_to, buffer[:count])
    return digest.hexdigest()


def write_all(handle: int, data: memoryview) -> None:
    """Write all of it: a disk that is nearly full takes a part first."""
    while data:
        data = data[os.write(handle, data) :]


def spread(work: Callable[[Item], Result], items: Iterable[tuple[Item, int]]) -> list[tuple[Item, Result]]:
    """Do work on each item, the big ones on two threads (hashing releases the interpreter lock).

    Args:
        work: What to do.
        items: Each with its size in bytes.
    """
    sized = list(items)
    small = [item for item, size in sized if size < BIG_BYTES]
    big = [item for item, size in sized if size >= BIG_BYTES]
    done = [(item, work(item)) for item in small]
    if len(big) < 2:
        return done + [(item, work(item)) for item in big]
    with ThreadPoolExecutor(_THREADS) as pool:
        return done + list(zip(big, pool.map(work, big), strict=True))
