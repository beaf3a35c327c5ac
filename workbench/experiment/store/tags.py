"""Long values in MLflow tags: MLflow cuts a value at 8,000 characters, so a longer one goes into numbered tags.

``workbench.inputs`` holds the beginning, ``workbench.inputs.1``, ``.2``, … the rest; nearly always there is only the
first.
"""

from __future__ import annotations

from collections.abc import Mapping

_PIECE = 7_500


def split_tag(key: str, value: str) -> dict[str, str]:
    """Return the tags that together hold ``value``."""
    pieces = [value[start : start + _PIECE] for start in range(0, max(1, len(value)), _PIECE)]
    return {f"{key}.{number}" if number else key: piece for number, piece in enumerate(pieces)}


def joined_tag(tags: Mapping[str, str], key: str) -> str:
    """Return the value that :func:`split_tag` laid out; empty where there is none."""
    value, number = tags.get(key, ""), 1
    while piece := tags.get(f"{key}.{number}"):
        value, number = value + piece, number + 1
    return value
