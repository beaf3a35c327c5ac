"""Say how jobs stand: ``look.py <folder of jobs> <notes> <job> <events known> <bytes known> …``.

For each job: ``is`` (``gone``, ``waiting``, ``alive``, ``dead`` or ``cancelled``), ``exit`` (its last word),
``reason`` (why it has not begun), ``log`` (the end of ``log.txt`` of one that died) and its new events as they lie in
the file, with ``offset``, where the next look may go on reading, and ``more``, where not all of them went into this
answer. With ``bytes known`` -1, no events. ``said`` tells whether there are any at all, ``notes`` has the end of small
files whose names, parted by ``/``, were asked for.

The job's notebook may write into its directory and may be somebody else's, while this reads what its reader may read:
so no link is followed, nothing but plain files is opened, and no file is read without a bound.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import sys
from pathlib import Path
from typing import IO, Any, Optional

BUDGET = 4_000_000
"""Bytes of events in one answer, for all jobs together: after a long silence they come in several."""
LONGEST_LINE = 4 * BUDGET
LONGEST_TEXT = 1 << 16


def look(base: Path, notes: list[str], jobs: list[tuple[str, int, int]]) -> dict[str, Any]:
    """Look at all jobs."""
    found, budget = {}, BUDGET
    for job, known, offset in jobs:
        folder = base.expanduser() / job
        # Whether it lives comes first: what ends between this and the next line has written its last word.
        seen: dict[str, Any] = {"is": state_of(folder)}
        seen["exit"] = read(folder / "exit.json")
        seen["reason"] = read(folder / "starting.txt")[:500]
        seen["log"] = read_end(folder / "log.txt") if seen["is"] == "dead" and not seen["exit"] else ""
        seen["notes"] = {name: read_end(folder / name) for name in notes}
        seen["said"] = (folder / "events.jsonl").exists()
        lines, seen["offset"], seen["more"] = read_events(folder / "events.jsonl", known, offset, budget)
        seen["events"] = lines.decode("utf-8", "replace")
        budget -= len(lines)
        found[job] = seen
    return found


def state_of(folder: Path) -> str:
    """Tell whether a job's process lives, from the lock that it holds."""
    if not folder.is_dir():
        return "gone"
    if not (folder / "started").exists():
        return "cancelled" if (folder / "cancelled").exists() else "waiting"
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "alive"
    return "cancelled" if (folder / "cancelled").exists() else "dead"


def opened(path: Path) -> Optional[IO[bytes]]:  # noqa: UP045 - Python 3.9
    """Open a plain file; None where there is none, or something else in its place."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            return None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    return os.fdopen(handle, "rb")


def read(path: Path) -> str:
    """Return a text, empty where there is none."""
    if (stream := opened(path)) is None:
        return ""
    with stream:
        return stream.read(LONGEST_TEXT).decode("utf-8", "replace")


def read_end(path: Path, limit: int = 2000) -> str:
    """Return the end of a text, which may be a large one."""
    if (stream := opened(path)) is None:
        return ""
    with stream:
        stream.seek(max(0, stream.seek(0, 2) - limit))
        return stream.read(limit).decode("utf-8", "replace")


def read_events(path: Path, known: int, offset: int, budget: int) -> tuple[bytes, int, bool]:
    """Return whole new lines, where they end, and whether there are more."""
    stream = opened(path) if offset >= 0 else None
    if stream is None:
        return b"", offset, False
    taken: list[bytes] = []
    with stream:
        if offset:
            stream.seek(offset)
        else:
            for _ in range(known):
                stream.readline(LONGEST_LINE)
            offset = stream.tell()
        while line := stream.readline(LONGEST_LINE):
            if not line.endswith(b"\n"):  # it is being written
                break
            if budget <= 0:
                return b"".join(taken), offset, True
            taken.append(line)
            budget -= len(line)
            offset += len(line)
    return b"".join(taken), offset, False


if __name__ == "__main__":
    names, words = [name for name in sys.argv[2].split("/") if name], sys.argv[3:]
    wanted = [(words[at], int(words[at + 1]), int(words[at + 2])) for at in range(0, len(words), 3)]
    sys.stdout.write(json.dumps(look(Path(sys.argv[1]), names, wanted)))
