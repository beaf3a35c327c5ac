"""Where in a project a value still stands: every file is read, byte by byte, and only its name is told.

What is compressed or encrypted (Parquet, pictures, Git's own objects) does not show its values this way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1 << 22
_OVERLAP = 4096
_SKIPPED = frozenset({".git", ".venv", "node_modules", "__pycache__"})


def files_with(root: Path, patterns: list[re.Pattern[bytes]]) -> Iterator[str]:
    """Yield the path of each file below ``root`` in which one of the patterns stands."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(files):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink() and has_any(path, patterns):
                yield path.relative_to(root).as_posix()


def has_any(path: Path, patterns: list[re.Pattern[bytes]]) -> bool:
    """Tell whether one of the patterns stands in a file; one that cannot be read holds nothing we can tell."""
    try:
        with path.open("rb") as stream:
            tail = b""
            while chunk := stream.read(_CHUNK):
                window = tail + chunk
                if any(pattern.search(window) for pattern in patterns):
                    return True
                tail = window[-_OVERLAP:]
    except OSError:
        return False
    return False
