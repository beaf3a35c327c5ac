r"""The magics: ``%mlops VERB …`` is the ``mlops`` command inside a notebook; ``%%mlops track`` records a cell.

``%load_ext workbench`` registers them, starts capture and adds completion. It imports no tracker and no frame library:
a kernel must start as fast with us as without. An error is raised with two readable lines, so that papermill and
"Run all" stop as they would on any other. In a job the runner loads it, and a notebook that does so again changes
nothing.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import UsageError
from workbench.foundation.project import working_folder

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load(shell: InteractiveShell) -> None:
    """Register magics, completion and rich display, and start recording in a project."""
    from workbench.doors.magics.cell import cell_magic, let_await
    from workbench.doors.magics.completion import match
    from workbench.doors.magics.display import register
    from workbench.doors.magics.hooks import start_capture

    shell.register_magic_function(mlops_line, "line", "mlops")
    shell.register_magic_function(cell_magic(shell), "cell", "mlops")
    if let_await not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(let_await)
    register(shell)
    matchers = shell.Completer.custom_matchers
    if match not in matchers:
        matchers.append(match)
    start_capture(shell)


def mlops_line(line: str) -> Any:
    """Carry out one command: ``%mlops runs --limit 5``; ``%mlops`` alone lists them."""
    from workbench.doors.call import carry_out
    from workbench.doors.commandline import overview, parse
    from workbench.doors.magics.display import Cards
    from workbench.doors.terminal import LogLines, ProgressBar
    from workbench.verbs import Follows

    words = split(line)
    if words in ([], ["--help"], ["-h"]):
        sys.stdout.write(overview().replace("mlops COMMAND", "%mlops COMMAND") + "\n")
        return None
    call = parse(words)
    if call.help:
        sys.stdout.write(call.help)
        return None
    folder = None if call.project else notebook_folder()
    is_log = call.verb.follows is Follows.LOG
    progress = LogLines(sys.stdout) if is_log else ProgressBar(sys.stdout, "")
    result = carry_out(call, folder=folder, progress=progress)
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
        hint = "close every quote, or write \\' for one that is meant itself"
        raise UsageError("quotes-unbalanced", f"Cannot read the line: {error}", hint) from error


def notebook_folder() -> Path:
    """Return the folder of the notebook that runs in this kernel, as far as Jupyter tells."""
    session = os.environ.get("JPY_SESSION_NAME", "")
    folder = Path(session).parent
    return folder if session and folder.is_dir() else working_folder()
