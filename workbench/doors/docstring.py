"""Read Google docstrings: what they say of a parameter or an attribute is its help through every door."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from typing import Any

_ENTRY = re.compile(r"^(\w+)(?: \([^)]*\))?: ?(.*)$")
_ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")


@dataclass(frozen=True)
class Documentation:
    """A docstring taken apart.

    Attributes:
        summary: Its first line.
        text: Everything before the first section, as one text.
        entries: The lines of ``Args`` or ``Attributes`` by name, as they were written.
    """

    summary: str = ""
    text: str = ""
    entries: dict[str, str] = field(default_factory=dict)


def documentation_of(documented: Any, section: str) -> Documentation:
    """Take the docstring of a function (``Args``) or a class (``Attributes``) apart."""
    text = inspect.getdoc(documented) or ""
    head = re.split(r"\n\n?(?=(?:Args|Attributes|Returns|Raises|Yields|Note|Example):\n)", text, maxsplit=1)[0]
    found = re.search(rf"^{section}:\n((?:[ \t]+.*\n?|\n)*)", text, re.MULTILINE)
    return Documentation(head.partition("\n")[0], head.strip(), _entries(found[1]) if found else {})


def plain(text: str) -> str:
    """Take the markup out, for readers without Sphinx."""
    return _ROLE.sub(r"\1", text).replace("``", "`")


def _entries(section: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + section).splitlines():
        if line[:1].isspace() and name:
            entries[name] += " " + line.strip()
        elif match := _ENTRY.match(line):
            name = match[1]
            entries[name] = match[2]
    return entries
