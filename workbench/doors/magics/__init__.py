r"""The magics: ``%mlops VERB …`` is the ``mlops`` command inside a notebook; ``%%mlops track`` records a cell.

``%load_ext workbench`` registers them, starts capture and adds completion. It imports no tracker and no frame library:
a kernel must start as fast with us as without. An error is raised with two readable lines, so that papermill and
"Run all" stop as they would on any other.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import UsageError, WorkbenchError
from workbench.foundation.project import find_root, working_folder

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load(shell: InteractiveShell) -> None:
    """Register magics, completion and rich display, and start recording in a project."""
    from workbench.doors.magics.completion import match
    from workbench.doors.magics.display import register

    shell.register_magic_function(mlops_line, "line", "mlops")
    shell.register_magic_function(_cell_magic(shell), "cell", "mlops")
    register(shell)
    matchers = shell.Completer.custom_matchers
    if match not in matchers:
        matchers.append(match)
    _start_capture(shell)


def mlops_line(line: str) -> Any:
    """Carry out one command: ``%mlops runs --limit 5``; ``%mlops`` alone lists them."""
    from workbench.doors.call import carry_out
    from workbench.doors.commandline import overview, parse
    from workbench.doors.magics.display import Cards
    from workbench.doors.terminal import ProgressBar

    words = split(line)
    if words in ([], ["--help"], ["-h"]):
        sys.stdout.write(overview().replace("mlops COMMAND", "%mlops COMMAND") + "\n")
        return None
    call = parse(words)
    if call.help:
        sys.stdout.write(call.help)
        return None
    folder = None if call.project else notebook_folder()
    result = carry_out(call, folder=folder, progress=ProgressBar(sys.stdout, ""))
    if call.as_json:
        from workbench.doors.encoding import to_json

        return to_json(result)
    return Cards(result) if isinstance(result, tuple) else result


def split(line: str) -> list[str]:
    """Split a magic's line as a shell would.

    Raises:
        UsageError: ``quotes-unbalanced``.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError("quotes-unbalanced", f"Cannot read the line: {error}", "close every quote") from error


def notebook_folder() -> Path:
    """Return the folder of the notebook that runs in this kernel, as far as Jupyter tells."""
    session = os.environ.get("JPY_SESSION_NAME", "")
    folder = Path(session).parent
    return folder if session and folder.is_dir() else working_folder()


def _cell_magic(shell: InteractiveShell) -> Any:
    def mlops_cell(line: str, cell: str) -> None:
        """Record a cell as a run: ``%%mlops track "first try"``."""
        words = split(line)
        if not words or words[0] != "track" or len(words) > 2:
            raise UsageError("cell-magic-unknown", f"There is no cell magic '%%mlops {line}'", "%%mlops track [name]")
        from workbench.experiment.session import run

        with run(words[1] if len(words) > 1 else "", source=os.environ.get("JPY_SESSION_NAME", "")):
            # raise_error: the run must see the exception to end FAILED, and papermill must stop.
            shell.run_cell(cell, store_history=False).raise_error()

    return mlops_cell


def _start_capture(shell: InteractiveShell) -> None:
    """Record inputs and code, where the kernel works in a project; outside of one there is nothing to record to."""
    try:
        root = find_root(Path(os.environ.get("WORKBENCH_PROJECT") or notebook_folder()))
    except WorkbenchError:
        return
    from workbench.experiment import session

    session.begin_capture(root)

    def after_cell(_result: object) -> None:
        session.after_cell()

    shell.events.register("post_run_cell", after_cell)
