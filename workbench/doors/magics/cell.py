"""The cell magics: ``%%mlops track`` records a cell as a run, ``untracked`` none of it, ``on`` runs it elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.foundation.errors import UsageError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

CELL_WORDS = ("on", "track", "untracked")
CONTINUE = "--continue"
_HELP = "%%mlops track [name] [--continue], %%mlops untracked, or %%mlops on TARGET --in a,b --out c"


def cell_magic(shell: InteractiveShell) -> Callable[[str, str], None]:
    """Return the function behind ``%%mlops``."""

    def mlops_cell(line: str, cell: str) -> None:
        """Record a cell as a run, ``%%mlops track "try"``, or run it elsewhere: ``%%mlops on gpu-box --in df``."""
        from workbench.doors.magics import split
        from workbench.experiment import session

        words = split(line)
        word, rest = (words[0], words[1:]) if words else ("", [])
        names = [name for name in rest if name != CONTINUE]
        if word == "track" and len(names) < 2 and not any(name.startswith("-") for name in names):
            name = names[0] if names else ""
            with session.run(name, source=os.environ.get("JPY_SESSION_NAME", ""), resume=CONTINUE in rest):
                _execute(shell, cell)
        elif word == "untracked" and not rest:
            with session.untracked():
                _execute(shell, cell)
        elif word == "on":
            from workbench.doors.magics.on import run_on

            run_on(shell, rest, cell)
        else:
            raise UsageError("cell-magic-unknown", f"There is no cell magic '%%mlops {line}'", _HELP)

    return mlops_cell


def _execute(shell: InteractiveShell, cell: str) -> None:
    # raise_error: the run must see the exception to end FAILED, and papermill must stop.
    shell.run_cell(cell, store_history=False).raise_error()
