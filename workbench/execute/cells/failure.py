"""An exception of the far side as one of this side: its type and arguments, with where it happened in its notes."""

from __future__ import annotations

import builtins
import contextlib
import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from workbench.compute.folder import JobFolder
from workbench.foundation.errors import FailedError

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def far_traceback(folder: JobFolder) -> tuple[str, str, list[str]]:
    """Return name, words and traceback of the error that the executed notebook holds; empty where it holds none."""
    try:
        notebook = json.loads(folder.output.read_bytes())
    except (FileNotFoundError, ValueError):
        return "", "", []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error":
                return output["ename"], output["evalue"], list(output["traceback"])
    return "", "", []


def named_error(ename: str, evalue: str) -> BaseException:
    """Return an exception of a builtin type with these words; one of another type is named by :class:`FailedError`."""
    kind = getattr(builtins, ename, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with contextlib.suppress(TypeError):  # UnicodeDecodeError and its like want more than words
            return kind(evalue)
    return FailedError("cell-failed", f"{ename}: {evalue}", "its type cannot be made here; its traceback is above")


def annotate(error: BaseException, where: str, traceback: list[str], hints: Iterable[str]) -> BaseException:
    """Add where it happened and how to an exception: to its notes, and to how IPython shows it."""
    plain = _COLOUR.sub("", "\n".join(traceback))
    notes = [where, *([plain] if plain else []), *hints]
    for note in notes:
        error.add_note(note)
    shown = [where, *traceback, *(f"→ {hint}" for hint in hints)]
    with contextlib.suppress(AttributeError, TypeError):  # an exception with __slots__ takes the notes alone
        error._render_traceback_ = lambda: shown  # type: ignore[attr-defined]
    return error


def name_hint(error: BaseException, unsent: Collection[str]) -> tuple[str, ...]:
    """Return what mends a NameError of something that is known here and was not sent."""
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        name = getattr(error, "name", None) or next(iter(re.findall(r"name '(\w+)'", str(error))), "")
        if name in unsent:
            return (f"'{name}' is defined here and was not sent: --in {','.join(sorted(unsent))}",)
    return ()


def read_refusal(path: Path) -> tuple[str, str]:
    """Return code and message of what the far end would not do; empty where it did everything."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return "", ""
    return str(found["code"]), str(found["message"])
