"""Numbers with their noun, as English says them: ``1 key``, ``2 keys``."""

from __future__ import annotations


def counted(count: float, noun: str, plural: str = "") -> str:
    """Return a number and what it counts.

    Args:
        count: How many; 1 alone is one.
        noun: What one is called, with all that depends on it: ``file differs``.
        plural: What several are called; the noun with an ``s`` by default.
    """
    number = f"{count:,}" if isinstance(count, int) else f"{count:g}"
    return f"{number} {noun if count == 1 else plural or noun + 's'}"


def by_count(count: int, none: str, one: str, many: str) -> str:
    """Return the sentence that fits a number. What is translated is written whole: languages bend other words."""
    return none if count == 0 else one if count == 1 else many
