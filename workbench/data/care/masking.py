"""Show that a value is there without showing it."""

from __future__ import annotations

import unicodedata


def mask(value: str) -> str:
    """Return the shape of a value: letters as ``x``, other scripts as ``＊``, digits as ``9``, length cut at 40.

    Nothing of the value itself is kept: the first letter of a name is often enough to know whose it is.
    """
    return "".join(_shape(character) for character in value[:40]) + ("…" if len(value) > 40 else "")


def _shape(character: str) -> str:
    if unicodedata.category(character) == "Nd":
        return "9"
    if character.isalpha():
        return "x" if character.isascii() else "＊"
    return character if character.isascii() and character.isprintable() else "＊"
