"""The ``mlops`` command: a thin shell over the table of verbs.

``mlops --help`` imports the table and nothing behind it, so it answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench import __version__
from workbench.foundation.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.contract.job import JobEvent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: Words after ``mlops``; by default the process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in ([], ["-h"], ["--help"], ["help"]):
        from workbench.doors.commandline import overview

        print(overview())
        return 0
    if words in (["-V"], ["--version"]):
        print(f"mlops-workbench {__version__}")
        return 0
    try:
        return _run(words)
    except WorkbenchError as error:
        print(_problem(error, as_json="--json" in words), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; what was started goes on: mlops jobs", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _run(words: Sequence[str]) -> int:
    from workbench.doors.call import carry_out
    from workbench.doors.commandline import parse
    from workbench.doors.terminal import LogLines, ProgressBar, render
    from workbench.verbs import Follows

    call = parse(words)
    if call.help:
        print(call.help, end="")
        return 0
    is_log = call.verb.follows is Follows.LOG and not call.is_detached
    progress: Callable[[JobEvent], None] | None = None
    if is_log:
        progress = LogLines(sys.stdout, as_json=call.as_json)
    elif not call.as_json:
        progress = ProgressBar(sys.stderr, str(call.arguments.get("notebook", "")))
    result = carry_out(call, progress=progress)
    if is_log:
        return 0
    if call.as_json:
        import json

        from workbench.doors.encoding import to_json

        print(json.dumps(to_json(result), ensure_ascii=False, indent=2))
    else:
        print(render(result, call.verb.said_of_nothing(call.arguments)))
    return 0


def _problem(error: WorkbenchError, *, as_json: bool) -> str:
    if not as_json:
        return f"mlops: {error}"
    import json

    return json.dumps({"code": error.code, "message": error.message, "hint": error.hint}, ensure_ascii=False)
