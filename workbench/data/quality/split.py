"""Split a table into training, validation and test part, and prove that nothing leaks from one into another.

The choice follows from the seed and the rows' own content, not from a random generator: units (groups, or rows that are
equal in every column but identifiers) are put in the order of a keyed hash and dealt out until a part is full. So equal
rows always lie in one part, and the same bytes with the same seed are split the same way on every machine.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.contract.quality import SplitPart, SplitReport
from workbench.data.paths import relative_path
from workbench.data.quality.frames import content_md5, is_plain, read_frame, require_column, source_of, type_word
from workbench.data.quality.infer import is_identifier
from workbench.data.quality.leakage import find_leaks
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, UsageError, did_you_mean
from workbench.foundation.project import Project

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SUFFIX = ".split.csv"
TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
_HEADING = b"row,part"
_UNITS = {"random": "different rows", "group": "groups", "time": "times"}


@dataclass(frozen=True)
class Split:
    """A split file that has been read.

    Attributes:
        parts: Part of each row, in the order of the rows.
        by: ``random``, ``group`` or ``time``.
        column: Column of groups or times.
        seed: Seed of the choice.
    """

    parts: tuple[str, ...]
    by: str
    column: str
    seed: int


def split_data(
    project: Project,
    path: str,
    *,
    by: str = "random",
    column: str = "",
    test: float = 0.2,
    validation: float = 0.0,
    seed: int = 0,
    out: str = "",
    replace_file: bool = False,
) -> SplitReport:
    """Split a table into training and test part, and look for leaks between them.

    Args:
        project: The project.
        path: A table inside the project.
        by: ``random`` (equal rows stay together), ``group`` (all rows of a machine, say, stay together) or ``time``
            (the latest rows are the test).
        column: Column of the groups or of the time.
        test: Share of the test part, 0 to 1.
        validation: Share of the validation part, 0 to 1.
        seed: Another seed, another choice.
        out: Split file to write; by default ``<path>.split.csv``.
        replace_file: Write over another split that is there already.

    Raises:
        UsageError: ``split-way-unknown``, ``split-share-wrong``, ``split-column-missing``, ``split-too-few``,
            ``split-time-missing`` or ``data-not-a-table``.
        NotFoundError: ``data-missing`` or ``column-unknown``.
        ConflictError: ``split-exists``: a test part that was looked at must not be dealt out anew by accident, and
            what is no split is never written over.
    """
    if by not in _UNITS:
        raise UsageError("split-way-unknown", f"There is no split by '{by}'", did_you_mean(by, _UNITS))
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise UsageError("split-share-wrong", "Shares must leave something to train on", "--test 0.2 --validation 0.1")
    if by != "random" and not column:
        raise UsageError("split-column-missing", f"A split by {by} needs a column", f"--by {by} --column <name>")
    source = source_of(project, path)
    frame = read_frame(project, path)
    if by != "random":
        require_column(frame, column, source.name)
    if by == "time":
        parts = _by_time(frame[column], test, validation)
    else:
        units = frame[[column]] if by == "group" else without_identifiers(frame)
        parts = _by_units(hashed_rows(units, seed), test, validation)
    split = Split(tuple(parts), by, column if by != "random" else "", seed)
    if not {TRAIN, TEST} <= set(split.parts):
        message = f"{source.name} has too few {_UNITS[by]} to split"
        raise UsageError("split-too-few", message, "ask for another share, or split in another way")
    file = relative_path(project, out) if out else f"{source.name}{SUFFIX}"
    text = _written(split, content_md5(source.file))
    target = project.root / file
    before = target.read_bytes() if target.exists() else text
    if not before.startswith((b"# md5=", _HEADING)):
        raise ConflictError("split-exists", f"{file} is there, and no split", "choose another file with --out")
    if before != text and not replace_file:
        hint = f"choose another file with --out, or write over it: mlops data split '{path}' … --replace-file"
        raise ConflictError("split-exists", f"{file} holds another split", hint)
    write_atomic(target, text)
    return _report(source.name, file, split, frame)


def check_split(project: Project, path: str, split: str = "", column: str = "", by: str = "") -> SplitReport:
    """Look for leaks in a split, also one made elsewhere: rows or groups on both sides, a test before the training.

    Args:
        project: The project.
        path: The table that was split.
        split: Split file (``row,part``); by default ``<path>.split.csv``.
        column: Column of groups or times to look at, where the split file names none.
        by: ``group`` or ``time``, what the column is.

    Raises:
        NotFoundError: ``split-missing``, ``data-missing`` or ``column-unknown``.
        IntegrityError: ``split-stale`` or ``split-malformed``: it is of other data, or no split file.
        UsageError: ``split-way-unknown``, ``split-time-missing`` or ``data-not-a-table``.
    """
    source = source_of(project, path)
    file = relative_path(project, split) if split else f"{source.name}{SUFFIX}"
    frame = read_frame(project, path)
    found = read_split(project, path, file)
    if by and by not in _UNITS:
        raise UsageError("split-way-unknown", f"There is no split by '{by}'", did_you_mean(by, _UNITS))
    if column:
        require_column(frame, column, source.name)
        found = Split(found.parts, by or "group", column, found.seed)
    elif found.column and found.column not in frame.columns:
        again = f"split again: mlops data split '{source.name}' --replace-file"
        raise IntegrityError("split-malformed", f"{file} is of a column '{found.column}' that is not there", again)
    if found.by == "time":
        _require_time(frame[found.column])
    return _report(source.name, file, found, frame)


def read_split(project: Project, path: str, file: str = "") -> Split:
    """Read a split file and make sure that it is of just these bytes.

    Raises:
        NotFoundError: ``split-missing``.
        IntegrityError: ``split-stale`` or ``split-malformed``.
    """
    source = source_of(project, path)
    name = file or f"{source.name}{SUFFIX}"
    again = f"split again: mlops data split '{source.name}' --replace-file"
    try:
        text = (project.root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError("split-missing", f"There is no {name}", f"mlops data split '{source.name}'") from None
    except UnicodeDecodeError:
        raise IntegrityError("split-malformed", f"{name} is no split file", again) from None
    head: dict[str, str] = {}
    if text.startswith("# "):
        first, _, text = text.partition("\n")
        head = dict(word.partition("=")[::2] for word in next(csv.reader([first[2:]])))
    rows = list(csv.reader(io.StringIO(text)))
    if rows[:1] != [["row", "part"]] or any(
        row[:1] != [str(at)] or row[1:] not in [[part] for part in PARTS] for at, row in enumerate(rows[1:])
    ):
        raise IntegrityError("split-malformed", f"{name} is no split file", again)
    if "md5" in head and head["md5"] != content_md5(source.file):
        raise IntegrityError("split-stale", f"{name} is of other bytes than {path}", again)
    by, column, seed = head.get("by", "random"), head.get("column", ""), head.get("seed", "0")
    if by not in _UNITS or (by == "random") == bool(column) or not seed.lstrip("-").isdecimal():
        raise IntegrityError("split-malformed", f"{name} does not say how it was split", again)
    return Split(tuple(row[1] for row in rows[1:]), by, column, int(seed))


def carry_split(project: Project, path: str, file: str, rows: list[int], to: str) -> None:
    """Write the split of a table that was made from another, whose rows ``rows`` it has."""
    split = read_split(project, path, relative_path(project, file) if file else "")
    kept = replace(split, parts=tuple(split.parts[row] for row in rows))
    write_atomic(project.root / f"{to}{SUFFIX}", _written(kept, content_md5(project.root / to)))


def _by_units(keys: Any, test: float, validation: float) -> list[str]:
    """Deal out units, which are rows of one hash, in the order of the hashes."""
    import numpy as np

    units, of_row, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    total = len(keys)
    part_of_unit = np.full(len(units), TRAIN, dtype=object)
    dealt = 0
    for name, share in ((TEST, test), (VALIDATION, validation)):
        goal, taken = share * total, 0
        # A unit is taken as long as that brings the part nearer to its share; the last one always stays in training.
        while dealt < len(units) - 1 and goal - taken > sizes[dealt] / 2:
            part_of_unit[dealt] = name
            taken += int(sizes[dealt])
            dealt += 1
    return list(part_of_unit[of_row])


def hashed_rows(frame: pd.DataFrame, seed: int) -> np.ndarray[Any, Any]:
    """Return 64 bits for each row, equal for rows that are equal in every column; keyed by the seed."""
    import hashlib

    import pandas as pd

    plain = pd.DataFrame({str(at): _comparable(frame[name]) for at, name in enumerate(frame.columns)})
    key = hashlib.sha256(f"workbench.split.v1:{seed}".encode()).hexdigest()[:16]
    hashed: np.ndarray[Any, Any] = pd.util.hash_pandas_object(plain, index=False, hash_key=key).to_numpy()
    return hashed


def without_identifiers(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns that number the rows: with them, no row would ever equal another."""
    kept = [name for name in frame.columns if not is_identifier(str(name), frame[name])]
    return frame[kept] if kept else frame


def _comparable(column: Any) -> Any:
    """Return values in a form that can be hashed; missing ones are all alike."""
    if type_word(column) == "integer" and not column.isna().any():
        return column.to_numpy()
    if type_word(column) in ("integer", "number", "boolean"):
        return column.to_numpy(dtype="float64", na_value=float("nan"))
    if not is_plain(column):
        return column.map(repr, na_action="ignore").astype(object).fillna("\0").to_numpy(dtype=object)
    return column.astype(str).fillna("\0").to_numpy(dtype=object)


def _by_time(column: Any, test: float, validation: float) -> list[str]:
    """Cut at two moments; rows of one moment stay together."""
    import numpy as np

    _require_time(column)
    if column.isna().any():
        message = f"'{column.name}' is missing in {int(column.isna().sum())} rows"
        raise UsageError("split-time-missing", message, "fill it first: mlops data clean --help")
    ranks = column.rank(method="dense").to_numpy(dtype="int64")
    order = np.sort(ranks)
    cuts = [order[min(len(order) - 1, max(0, round(len(order) * (1 - share))))] for share in (test, test + validation)]
    return [TEST if rank >= cuts[0] else VALIDATION if rank >= cuts[1] and validation else TRAIN for rank in ranks]


def _require_time(column: Any) -> None:
    if type_word(column) == "text":  # 2024/4/1 would be put in the order of its letters
        raise UsageError("split-time-missing", f"'{column.name}' is text, no time", "import it as a time first")


def _written(split: Split, md5: str) -> bytes:
    buffer = io.StringIO()
    head = csv.writer(buffer, lineterminator="\n")
    buffer.write("# ")
    head.writerow([f"md5={md5}", f"by={split.by}", f"column={split.column}", f"seed={split.seed}"])
    buffer.write(_HEADING.decode() + "\n")
    buffer.writelines(f"{at},{part}\n" for at, part in enumerate(split.parts))
    return buffer.getvalue().encode()


def _report(path: str, file: str, split: Split, frame: pd.DataFrame) -> SplitReport:
    import pandas as pd

    if len(split.parts) != len(frame):
        again = f"split again: mlops data split '{path}' --replace-file"
        raise IntegrityError("split-stale", f"{file} has {len(split.parts)} rows, {path} has {len(frame)}", again)
    parts = pd.Series(split.parts, dtype=object)
    leaks = find_leaks(frame, parts, split.by, split.column)
    found = []
    for name in PARTS:
        rows = frame[(parts == name).to_numpy()]
        if not len(rows):
            continue
        groups = int(rows[split.column].nunique(dropna=False)) if split.by == "group" else None
        first, last = (str(rows[split.column].min()), str(rows[split.column].max())) if split.by == "time" else ("", "")
        found.append(SplitPart(name, len(rows), round(len(rows) / len(frame), 6), groups, first, last))
    return SplitReport(path, file, split.by, split.column, split.seed, not leaks, tuple(found), leaks)
