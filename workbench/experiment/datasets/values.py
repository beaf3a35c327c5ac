"""A Python value as text that is the same in every process: for categories, and for columns of mixed objects."""

from __future__ import annotations

import json
import math
from typing import Any

from workbench.foundation.errors import UsageError

# Modules whose values write themselves in full and without an address.
_SPEAKING = frozenset(
    ("datetime", "decimal", "fractions", "uuid", "pathlib", "pandas._libs.tslibs.timestamps",
     "pandas._libs.tslibs.timedeltas", "pandas._libs.tslibs.period", "pandas._libs.interval")
)  # fmt: skip


def text_of(value: Any, name: str) -> str:
    """Return a value as type and text, the same in every process.

    Raises:
        UsageError: ``dataset-column-unreadable``: its text would hold an address or cut the value short.
    """
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return "null"
    if isinstance(value, bool | int | str | bytes):
        return f"{type(value).__name__}:{json.dumps(value) if isinstance(value, str) else repr(value)}"
    if isinstance(value, float):
        return "null" if math.isnan(value) else f"float:{float(value).hex()}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{text_of(k, name)}={text_of(v, name)}" for k, v in value.items()) + "}"
    if isinstance(value, set | frozenset):
        return "<" + ",".join(sorted(text_of(item, name) for item in value)) + ">"
    if isinstance(value, list | tuple):
        return "[" + ",".join(text_of(item, name) for item in value) + "]"
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return f"{value.dtype}:{text_of(value.tolist(), name)}"
    if type(value).__module__ in _SPEAKING or isinstance(value, complex | range | bytearray):
        return f"{type(value).__name__}:{value!r}"
    message = f"Column {name} holds {type(value).__qualname__}, which has no text that is the same everywhere"
    raise UsageError("dataset-column-unreadable", message, "convert the column to numbers, strings or dates")
