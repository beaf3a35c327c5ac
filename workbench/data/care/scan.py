"""Scan data for what may be about people; every value is looked at, none is shown."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from workbench.contract.quality import PersonalFinding, PersonalScan
from workbench.data.care.personal.columns import look_at
from workbench.data.quality.frames import TABLES, frame_of, in_words, is_plain, source_of, type_word
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project

_TEXT = frozenset(
    {".txt", ".log", ".json", ".jsonl", ".md", ".yaml", ".yml", ".toml", ".xml", ".html", ".ipynb", ".ndjson"}
)
_ENCODINGS = ("utf-8-sig", "cp932")


def scan_data(project: Project, path: str) -> PersonalScan:
    """Look for personal data in every value of a file, a folder or a version; examples are masked.

    Kinds: name, e-mail, phone, address, postal code, birth date, My Number, credit card, IBAN, social security number,
    passport, IP address. Nothing found is no proof that there is nothing.

    Args:
        project: The project.
        path: A file or folder inside the project, or the id of a version of a file.

    Raises:
        NotFoundError: ``data-missing`` or ``version-unknown``.
        UsageError: ``path-outside-project`` or ``path-not-data``.
        IntegrityError: ``data-cache-missing``.
    """
    source = source_of(project, path)
    findings: list[PersonalFinding] = []
    unread: list[str] = []
    rows = files = 0
    for name, file in _files(source.name, source.file):
        files += 1
        try:
            count, found = _looked_into(name, file)
        except (UsageError, UnicodeDecodeError):
            unread.append(name)
            continue
        rows += count
        findings += found
    is_clean = not findings and not unread
    return PersonalScan(path, rows, files, tuple(unread), is_clean, tuple(findings))


def _looked_into(name: str, file: Path) -> tuple[int, list[PersonalFinding]]:
    suffix = Path(name).suffix.lower()
    if suffix in TABLES:
        return _table(name, file)
    if suffix in _TEXT:
        return _text(name, file)
    raise UsageError("data-not-a-table", f"{name} is neither a table nor text")


def _table(name: str, file: Path) -> tuple[int, list[PersonalFinding]]:
    frame = frame_of(file, name)
    found = []
    for column in frame.columns:
        word = type_word(frame[column])
        if word == "boolean":
            continue
        if word == "number" and not _is_whole(frame[column]):
            continue  # a measured value is nobody's number
        present = frame[column].dropna()
        if is_plain(present):
            counts = present.astype("int64[pyarrow]" if word == "number" else present.dtype).value_counts()
            values = {str(value): int(count) for value, count in counts.items()}
        else:
            values = Counter(map(in_words, present))
        suspicions = look_at(str(column), values, is_numeric=word in ("integer", "number"))
        found += [PersonalFinding(name, str(column), **vars(suspicion)) for suspicion in suspicions]
    return len(frame), found


def _is_whole(column: object) -> bool:
    """Tell whether numbers are whole ones that gaps turned into floats."""
    import numpy as np

    values = column.dropna().to_numpy(dtype="float64")  # type: ignore[attr-defined]
    return bool(len(values)) and bool(np.all((np.abs(values) < 2**53) & (values == np.floor(values))))


def _text(name: str, file: Path) -> tuple[int, list[PersonalFinding]]:
    data = file.read_bytes()
    try:
        text = data.decode(_ENCODINGS[0])
    except UnicodeDecodeError:
        text = data.decode(_ENCODINGS[1])
    lines = Counter(line.strip() for line in text.splitlines() if line.strip())
    found = [PersonalFinding(name, "", **vars(suspicion)) for suspicion in look_at("", lines)]
    return sum(lines.values()), found


def _files(name: str, file: Path) -> Iterator[tuple[str, Path]]:
    if not file.is_dir():
        yield name, file
        return
    for folder, folders, files in os.walk(file):
        folders[:] = sorted(folders)
        for member in sorted(files):
            full = Path(folder) / member
            if not full.is_symlink() and full.is_file():
                yield f"{name}/{full.relative_to(file).as_posix()}", full
