"""The digest of a dataset: every value, every type, every name, in one pass over the memory.

MLflow's own digest is eight hexadecimal digits over the first 10,000 rows, strings and numbers only; a change in row
15,000, in a date or in a boolean goes unseen, and it costs seconds. This one reads everything with xxh3 (about as fast
as memory) and means:

- *equal content, equal digest*: order in memory, chunks, slices, strides, byte order, the garbage below a missing
  value and the bits of a NaN do not matter; the same table in pandas (with a plain range as index), Arrow or polars has
  the same digest where the types and what stands for a missing value are the same;
- *another digest* for any changed value, type, name, order of rows or columns, index, category or time zone. ``0.0``
  and ``-0.0`` differ, as do NaN and missing.

xxh3 is no cryptographic hash: it finds accidents, not forgers. What a review rests on is named by SHA-256 elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workbench.experiment.datasets.arrow import arrow_columns
from workbench.experiment.datasets.blocks import Column
from workbench.experiment.datasets.columns import array_columns, pandas_columns
from workbench.foundation.errors import NotFoundError, UsageError

PREFIX = "xxh3"  # with 32 hexadecimal digits exactly the 36 characters that MLflow's table has room for
_FILE_CHUNK = 1 << 20


def digest_of(data: Any) -> str:
    """Return the digest of a frame, an array, a table, a mapping of arrays or a file.

    Args:
        data: pandas ``DataFrame`` or ``Series``, numpy array, polars ``DataFrame`` or ``Series``, pyarrow ``Table``, a
            mapping of names to arrays, or the path of a file or folder.

    Returns:
        ``xxh3`` and 32 hexadecimal digits.

    Raises:
        UsageError: ``dataset-kind-unknown`` or ``dataset-column-unreadable``.
        NotFoundError: ``dataset-missing``: there is no such file.
    """
    if isinstance(data, str | Path):
        return digest_of_path(Path(data))
    return digest_of_columns(columns_of(data))


def digest_of_columns(columns: Iterable[Column]) -> str:
    """Return the digest of columns that :mod:`~workbench.experiment.datasets.columns` has brought into one form."""
    from xxhash import xxh3_128

    parts = tuple(columns)
    head = [[column.name, column.kind, column.rows, len(column.streams)] for column in parts]
    whole = xxh3_128(json.dumps(head, ensure_ascii=True, separators=(",", ":")).encode())
    hashers: list[Any] = [[xxh3_128() for _ in column.streams] for column in parts]
    # Columns of a frame that lies row by row share their memory: reading all of them block by block takes each cache
    # line from memory once instead of once per column.
    longest = max((len(column.streams[0]) for column in parts if column.streams), default=0)
    for block in range(longest):
        for column, own in zip(parts, hashers, strict=True):
            for stream, hasher in zip(column.streams, own, strict=True):
                if block < len(stream):
                    hasher.update(stream[block])
    for own in hashers:
        for hasher in own:
            whole.update(hasher.digest())
    return PREFIX + str(whole.hexdigest())


def digest_of_path(path: Path) -> str:
    """Return the digest of a file's bytes, or of a folder's names and files.

    Raises:
        NotFoundError: ``dataset-missing``.
    """
    from xxhash import xxh3_128

    hasher = xxh3_128()
    if path.is_file():
        _feed(hasher, path)
    elif path.is_dir():
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            own = xxh3_128()
            _feed(own, file)
            hasher.update(file.relative_to(path).as_posix().encode() + b"\0" + own.digest())
    else:
        hint = f"name one that is there: ls '{path.parent}'"
        raise NotFoundError("dataset-missing", f"There is no file or folder {path}", hint)
    return PREFIX + str(hasher.hexdigest())


def columns_of(data: Any) -> tuple[Column, ...]:
    """Bring a dataset into columns.

    Raises:
        UsageError: ``dataset-kind-unknown`` or ``dataset-column-unreadable``.
    """
    family = type(data).__module__.partition(".")[0]
    if family == "polars" and hasattr(data, "to_frame" if type(data).__name__ == "Series" else "to_arrow"):
        frame = data.to_frame() if type(data).__name__ == "Series" else data
        return arrow_columns(frame.to_arrow())
    if family == "pandas" and hasattr(data, "index"):
        return pandas_columns(data)
    if family == "pyarrow" and hasattr(data, "column_names"):
        return arrow_columns(data)
    if isinstance(data, Mapping):
        return tuple(
            column for name, values in data.items() for column in array_columns(_as_array(values, str(name)), str(name))
        )
    if isinstance(data, list | tuple) or hasattr(data, "__array__"):
        return array_columns(_as_array(data, type(data).__name__))
    raise UsageError(
        "dataset-kind-unknown",
        f"Cannot read a dataset from {type(data).__module__}.{type(data).__qualname__}",
        "give a pandas or polars frame, a numpy array, an Arrow table or a path",
    )


def _as_array(values: Any, name: str) -> Any:
    import numpy as np

    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        hint = "give arrays of one type and length"
        raise UsageError("dataset-column-unreadable", f"'{name}' is no array: {error}", hint) from error


def _feed(hasher: Any, path: Path) -> None:
    with path.open("rb") as stream:
        while chunk := stream.read(_FILE_CHUNK):
            hasher.update(chunk)
