"""Errands: small programs that another machine's Python gets as its standard input; they leave no file there.

Each is the standard library alone and Python 3.9, says one JSON value and ends. ``begin`` starts a job once, ``look``
says how many jobs stand, ``end`` ends one, ``describe`` says what the machine has. A job that runs holds a lock on
the file ``lock`` of its directory, which the system gives back however it ends: no process id has to be believed, and
no reboot is mistaken.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from workbench.compute.hosts.posix import PosixHost, last_line
from workbench.foundation.errors import UnavailableError

Errand = Literal["begin", "describe", "end", "look"]

_NOT_FOUND = (126, 127)


def run_errand(host: PosixHost, python: str, errand: Errand, words: Sequence[str], *, timeout_s: float = 30.0) -> Any:
    """Have an errand done on a machine and return what it says.

    Args:
        host: The machine.
        python: Its Python.
        errand: Which.
        words: What the errand takes.
        timeout_s: Seconds after which the machine counts as unreachable.

    Raises:
        UnavailableError: The machine does not answer; ``far-python-missing``; ``far-python-failed``;
            ``far-shell-speaks``: its login shell writes into every answer, also into archives.
        StorageError: ``far-disk-full`` or ``far-folder-refused``.
    """
    source = (Path(__file__).parent / f"{errand}.py").read_bytes()
    # -I -S: nothing of anybody's own is imported, which also makes the start three times as fast.
    flags = [] if errand == "describe" else ["-IS"]
    answer = host.run([python, *flags, "-", *words], stdin=source, timeout_s=timeout_s)
    if answer.code in _NOT_FOUND:
        hint = f'say which Python it has: python = "…"; look: {host.typed("ls /usr/bin/python3* ~/*/bin/python")}'
        raise UnavailableError("far-python-missing", f"{host.name} has no command '{python}'", hint)
    if answer.code == 0:
        return _value(host, answer.out)
    if "OSError" in answer.err or "Error: [Errno" in answer.err:
        raise host.storage_error(words[0], answer)
    said = last_line(answer.err) or f"exit code {answer.code}"
    raise UnavailableError("far-python-failed", f"{python} on {host.name} failed: {said}", host.typed(f"{python} -V"))


def _value(host: PosixHost, out: bytes) -> Any:
    try:
        return json.loads(out)
    except ValueError:
        said = out.decode(errors="replace").strip().partition("\n")[0].strip()[:80]
        message = f"The login shell on {host.name} says '{said}' where only an answer should be"
        hint = "let ~/.bashrc there be silent where nobody types; its first line: case $- in *i*) ;; *) return ;; esac"
        raise UnavailableError("far-shell-speaks", message, hint) from None
