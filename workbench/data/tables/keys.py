"""Which columns name a row: declared by a person, or found where one column plainly does."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.data.tables.hashing import row_hashes
from workbench.foundation.errors import UsageError, did_you_mean

_NAMES = ("id", "key", "uuid", "no", "serial", "code", "番号", "コード", "伝票", "ロット")


def check_key(table: Any, key: tuple[str, ...]) -> None:
    """Make sure that columns name each row once.

    Raises:
        UsageError: ``key-unknown``, ``key-missing-values`` or ``key-not-unique``.
    """
    for name in key:
        if name not in table.column_names:
            raise UsageError("key-unknown", f"There is no column '{name}'", did_you_mean(name, table.column_names))
        if table[name].null_count:
            message = f"The key column '{name}' is empty in {table[name].null_count:,} of {table.num_rows:,} rows"
            raise UsageError("key-missing-values", message, "declare other columns: --key COLUMN")
    hashes = row_hashes([table[name] for name in key])
    order = np.argsort(hashes, kind="stable")
    again = np.flatnonzero(np.diff(hashes[order]) == 0)
    if len(again):
        row = int(order[again[0] + 1])
        values = ", ".join(f"{name}={table[name][row].as_py()}" for name in key)
        message = f"The key {', '.join(key)} names {len(again):,} rows again, first row {row + 1} ({values})"
        raise UsageError("key-not-unique", message, "declare more columns: --key A --key B")


def detect_key(table: Any, before: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return one column that names every row; nothing where none plainly does.

    What was found ``before`` stays as long as it holds, so that versions are compared by the same key.

    Plainly: unique and never missing, no measured real number, and either called like an identifier (``id``,
    ``lot_no``, ``番号``) or standing first. The name decides before the place. A table of fewer
    than two rows has none to find.
    """
    if table.num_rows < 2:
        return ()
    candidates = [field.name for field in table.schema if _may_be_key(str(field.type))]
    named = [name for name in candidates if _is_called_key(name)]
    first = [name for name in candidates if name == table.column_names[0]]
    for name in dict.fromkeys([*(name for name in before if name in candidates), *named, *first]):
        column = table[name]
        if not column.null_count and len(np.unique(row_hashes([column]))) == table.num_rows:
            return (name,)
    return ()


def _may_be_key(kind: str) -> bool:
    return kind.startswith(("int", "uint", "timestamp", "string", "large_string"))


def _is_called_key(name: str) -> bool:
    words = name.lower().replace("-", "_").split("_")
    return any(word in words for word in _NAMES[:6]) or any(word in name for word in _NAMES[6:])
