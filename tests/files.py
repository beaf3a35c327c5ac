"""Files that tests search for what must not be there."""

from __future__ import annotations

from pathlib import Path


def files_below(folder: Path) -> list[Path]:
    """Return every file below a folder but SQLite's indices of its logs.

    They hold no content. Whoever closes one takes SQLite's locks from the whole process, and where another process
    opens the database at that moment, it cuts the index that this one has mapped: SIGBUS, without a word.
    """
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith("-shm")]
