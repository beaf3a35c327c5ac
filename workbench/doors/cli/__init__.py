"""The ``mlops`` command: a thin shell over the table of verbs.

``mlops --help`` imports the table and nothing behind it, so it answers at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import __version__
from workbench.doors.encoding import is_utf8
from workbench.foundation.errors import StorageError, WorkbenchError, storage_errors

if TYPE_CHECKING:
    from workbench.contract.job import JobEvent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: Words after ``mlops``; by default the process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_streams()
    try:
        code = _run(words)
        sys.stdout.flush()  # here, not at the interpreter's end, where nobody could tell what went wrong
    except WorkbenchError as error:
        return _tell(error, words)
    except KeyboardInterrupt:
        print("interrupted; what was started goes on: mlops jobs", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()
        return 0
    except OSError as error:
        if error.filename is not None:
            raise
        _drop_output()
        return _tell(_unwritten(error), words)
    return code


def _prepare_streams() -> None:
    """Have a place for output where the caller closed it, and show as an escape what the encoding of one lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif isinstance(stream, io.TextIOWrapper) and not is_utf8(stream):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let what is left in the buffer go nowhere: the interpreter would try once more to write it, and complain."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unwritten(error: OSError) -> WorkbenchError:
    """Return what is said where the output cannot be written: ``mlops runs > /full/disk``."""
    try:
        with storage_errors(Path("the output")):
            raise error
    except StorageError as said:
        return said


def _tell(error: WorkbenchError, words: Sequence[str]) -> int:
    print(_problem(error, as_json="--json" in words), file=sys.stderr)
    return error.exit_code


def _run(words: Sequence[str]) -> int:
    if words in ([], ["-h"], ["--help"], ["help"]):
        from workbench.doors.commandline import overview

        print(overview())
        return 0
    if words in (["-V"], ["--version"]):
        print(f"mlops-workbench {__version__}")
        return 0
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

        print(json.dumps(to_json(result), ensure_ascii=not is_utf8(sys.stdout), indent=2))
    else:
        print(render(result, call.verb.said_of_nothing(call.arguments)))
    return 0


def _problem(error: WorkbenchError, *, as_json: bool) -> str:
    if not as_json:
        from workbench.doors.terminal import harmless

        return harmless(f"mlops: {error}")
    import json

    return json.dumps(
        {"code": error.code, "message": error.message, "hint": error.hint}, ensure_ascii=not is_utf8(sys.stderr)
    )
