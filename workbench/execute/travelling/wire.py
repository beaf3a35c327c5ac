r"""Marked lines on standard output, for a machine of which nothing but a log is to be had.

Travels with ``runner``. A line is the mark ``\x1ewb1 `` and one JSON object: an event as ``events.jsonl`` has it, or a
piece of a file ``{"file", "part", "parts", "digest", "bytes", "data"}``, ``data`` being base64 of a part of the zlib
stream of the whole file. ``workbench.compute.marked_lines`` reads them. Whatever else this process or the kernel
prints goes to standard error, so that no line is torn apart.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import zlib
from pathlib import Path

MARK = "\x1ewb1 "
PART_BYTES = 9_000  # base64 makes 12,000 of it: container logs split lines at 16,384
LARGEST_BYTES = 64 << 20
"""A larger file does not go through a log."""


class Channel:
    """Standard output, kept for marked lines alone."""

    def __init__(self) -> None:
        self._handle = os.dup(1)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def say_event(self, line: str) -> None:
        """Say one event."""
        self._say(line)

    def say_file(self, name: str, path: Path) -> None:
        """Say a file in pieces; one that is no file, or larger than a log can hold, is left out."""
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            return
        content = path.read_bytes()
        stream = zlib.compress(content, 6)
        parts = max(1, -(-len(stream) // PART_BYTES))
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        for part in range(parts):
            piece = base64.b64encode(stream[part * PART_BYTES : (part + 1) * PART_BYTES]).decode("ascii")
            said = {"file": name, "part": part, "parts": parts, "digest": digest, "bytes": len(content), "data": piece}
            self._say(json.dumps(said))

    def _say(self, line: str) -> None:
        with self._lock:
            data = f"{MARK}{line}\n".encode("utf-8", "replace")
            while data:
                data = data[os.write(self._handle, data) :]
