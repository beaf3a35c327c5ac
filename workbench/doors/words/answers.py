"""Answers in another language: which of their members hold sentences of ours."""

from __future__ import annotations

from typing import Any

from workbench.doors.encoding import encode, to_json
from workbench.foundation.words.translation import translated

FIELDS = frozenset(
    (
        *("message", "hint", "summary", "needed", "detail", "recorded", "found", "offer", "notes"),
        *("remarks", "problems", "refusal"),
    )
)
"""Members of answers that hold sentences of ours; everything else is somebody's own text, or a name."""
MAPPINGS = frozenset(("refusals",))
"""Members that hold one such sentence for each name."""


def encode_in(value: Any, language: str) -> bytes:
    """Return ``value`` as JSON text, with the sentences in :data:`FIELDS` in a language; English where it is empty."""
    return encode(_translated(to_json(value), language)) if language else encode(value)


def _translated(answer: Any, language: str) -> Any:
    if isinstance(answer, list):
        return [_translated(item, language) for item in answer]
    if isinstance(answer, dict):
        return {name: _member(name, value, language) for name, value in answer.items()}
    return answer


def _member(name: str, value: Any, language: str) -> Any:
    if name in FIELDS and isinstance(value, str):
        return translated(value, language)
    if name in FIELDS and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [translated(item, language) for item in value]
    if name in MAPPINGS and isinstance(value, dict):
        return {key: _member("message", item, language) for key, item in value.items()}
    return _translated(value, language)
