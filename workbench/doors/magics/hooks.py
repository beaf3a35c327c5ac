"""What IPython tells of each cell, passed on as plain text: rooms know no IPython.

Only cells of the history count. A magic that runs a cell inside a cell, the variable inspector and other tools of the
front end run theirs without; those are no cells of the notebook.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import find_root

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell


_VS_CODE = "__vsc_ipynb_file__"


def start_capture(shell: InteractiveShell) -> None:
    """Record what runs, where the kernel works in a project; outside of one there is nothing to record to."""
    from workbench.doors.magics import notebook_folder

    if shell.user_ns.get(_VS_CODE):  # VS Code tells the kernel the notebook's path here, where Jupyter sets a variable
        os.environ.setdefault("JPY_SESSION_NAME", str(shell.user_ns[_VS_CODE]))
    try:
        root = find_root(Path(os.environ.get("WORKBENCH_PROJECT") or notebook_folder()))
    except WorkbenchError:
        return
    from workbench.experiment import session

    session.begin_capture(root, _say)
    if _hear not in shell.events.callbacks["pre_run_cell"]:
        _tell_of_before(shell)
        shell.events.register("pre_run_cell", _hear)
        shell.events.register("post_run_cell", _hear_end)


def _tell_of_before(shell: InteractiveShell) -> None:
    """Tell of the cells that ran before the extension was loaded, and of the one that loads it."""
    from workbench.experiment import session

    earlier = list(shell.history_manager.input_hist_raw[1:]) if shell.history_manager else []
    for number, source in enumerate(earlier, start=1):
        session.before_cell(source)
        if number < len(earlier):
            session.after_cell()


def _hear(info: ExecutionInfo) -> None:
    from workbench.experiment import session

    if info.store_history:
        session.before_cell(info.raw_cell, info.cell_id or "")


def _hear_end(result: ExecutionResult) -> None:
    from workbench.experiment import session

    if result.info is None or result.info.store_history:
        error = result.error_before_exec or result.error_in_exec
        session.after_cell(f"{type(error).__name__}: {error}" if error else "")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
