"""Start a process that outlives its caller: the kernel, the terminal and the browser may all go away.

The child leads a session of its own, inherits no pipe and no terminal, and writes to a log file. It is started as
``python -m module args``; nothing is ever passed through a shell.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench.foundation.errors import storage_errors

_OF_A_JOB = {"WORKBENCH_JOB": "", "WORKBENCH_RUN_FILE": "", "WORKBENCH_CHECKOUT": ""}
"""What is started for keeps is no part of the job that started it: it must not end, or record, with it."""


def spawn_detached(
    module: str, arguments: Sequence[str], *, log: Path, cwd: Path, env: Mapping[str, str] | None = None
) -> int:
    """Start ``python -m module arguments`` detached and return its process id, which is also its group's.

    Args:
        module: Module to run with this very interpreter.
        arguments: Its arguments; never a secret, since other users can read them.
        log: File that takes stdout and stderr; appended to.
        cwd: Working directory.
        env: Variables to add to, or override in, the caller's environment.
    """
    with storage_errors(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=cwd,
                env={**os.environ, **_OF_A_JOB, **(env or {})},
                start_new_session=True,
                close_fds=True,
            )
    # Reaped when it ends, so that a caller who lives on (a Jupyter server) keeps no zombie.
    threading.Thread(target=process.wait, name=f"wb-reap-{process.pid}", daemon=True).start()
    return process.pid
