"""From what a verb returns to JSON, the same through every door.

orjson knows dataclasses, tuples and enums by itself. NaN and the infinities become ``null``: JSON has no word for
them, and a reader that meets a bare ``NaN`` fails on the whole answer.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, TextIO


def is_utf8(stream: TextIO) -> bool:
    """Tell whether whatever is written to a stream can be; where not, JSON is written with escapes of its own."""
    return (getattr(stream, "encoding", "") or "utf-8").lower().replace("-", "") == "utf8"


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON text."""
    import orjson

    return orjson.dumps(value, default=_other)


def to_json(value: Any) -> Any:
    """Return ``value`` as dicts, lists, strings, numbers, booleans and None."""
    import orjson

    return orjson.loads(encode(value))


def _other(value: Any) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
