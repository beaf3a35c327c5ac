"""The cell magics: ``%%mlops track`` records a cell as a run, ``untracked`` none of it, ``on`` runs it elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import UsageError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

CELL_WORDS = ("on", "track", "untracked")
CONTINUE = "--continue"
_RECORDING = re.compile(r"%%mlops\s+((?:track|untracked)\b.*)\n?")
_HELP = "%%mlops track [name] [--continue], %%mlops untracked, or %%mlops on TARGET --in a,b --out c"


def cell_magic(shell: InteractiveShell) -> Callable[[str, str], None]:
    """Return the function behind ``%%mlops``."""

    def mlops_cell(line: str, cell: str) -> None:
        """Record a cell as a run, ``%%mlops track "try"``, or run it elsewhere: ``%%mlops on gpu-box --in df``."""
        from workbench.doors.magics import split

        words = split(line)
        if words[:1] == ["on"]:
            from workbench.doors.magics.on import run_on

            run_on(shell, words[1:], cell)
            return
        with _recording(line, words):
            with _tracebacks_kept(shell) as kept:
                done = shell.run_cell(cell, store_history=False)
            _raise(done, kept)

    return mlops_cell


def let_await(lines: list[str]) -> list[str]:
    """Make a recorded cell that awaits something one that is awaited itself.

    IPython calls a cell magic while the kernel's loop is running, which then can run nothing for the cell inside.
    """
    from IPython import get_ipython

    shell = get_ipython()
    match = _RECORDING.fullmatch(lines[0]) if lines else None
    body = "".join(lines[1:])
    if shell is None or match is None or not _is_async(shell, body):
        return lines
    return [f"await __import__({__name__!r}, fromlist=['']).run_awaiting(get_ipython(), {match[1]!r}, {body!r})\n"]


async def run_awaiting(shell: InteractiveShell, line: str, cell: str) -> None:
    """Do what the magic does for a cell that awaits something."""
    from workbench.doors.magics import split

    line = shell.var_expand(line)
    with _recording(line, split(line)):
        with _tracebacks_kept(shell) as kept:
            done = await shell.run_cell_async(cell, store_history=False, transformed_cell=shell.transform_cell(cell))
        _raise(done, kept)


@contextmanager
def _tracebacks_kept(shell: InteractiveShell) -> Iterator[list[list[str]]]:
    """Keep what the shell would show of errors inside the block: the cell around it shows them, and once is enough."""
    kept: list[list[str]] = []
    shell._showtraceback = lambda _type, _value, lines: kept.append(lines)
    try:
        yield kept
    finally:
        del shell._showtraceback


def _raise(done: ExecutionResult, kept: list[list[str]]) -> None:
    """Raise what a cell raised: its run must see it to end FAILED, and papermill must stop."""
    error = done.error_before_exec or done.error_in_exec
    if error is None:
        return
    if kept:
        with suppress(AttributeError):
            # IPython shows what this returns: the cell's own frames, without those of the magic around it.
            error._render_traceback_ = lambda: kept[-1]
    raise error


def _is_async(shell: InteractiveShell, cell: str) -> bool:
    try:
        return bool(shell.should_run_async(cell, transformed_cell=shell.transform_cell(cell)))
    except SyntaxError:
        return False  # which the magic then says


def _recording(line: str, words: list[str]) -> AbstractContextManager[Any]:
    """Return what a cell is run in.

    Raises:
        UsageError: ``cell-magic-unknown``.
    """
    from workbench.experiment import session

    word, rest = (words[0], words[1:]) if words else ("", [])
    names = [name for name in rest if name != CONTINUE]
    if word == "track" and len(names) < 2 and not any(name.startswith("-") for name in names):
        name = names[0] if names else ""
        return session.run(name, source=os.environ.get("JPY_SESSION_NAME", ""), resume=CONTINUE in rest)
    if word == "untracked" and not rest:
        return session.untracked()
    raise UsageError("cell-magic-unknown", f"There is no cell magic '%%mlops {line}'", _HELP)
