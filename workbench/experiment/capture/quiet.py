"""Capture never raises into the user's code: what fails is said once, and the cell goes on."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType

_said: set[str] = set()


class quietly:  # noqa: N801 - reads as what it does: with quietly("seeds"): …
    """Let the block fail without failing what goes on around it.

    wandb's ``pre_run_cell`` hook once blocked every later cell of a notebook by raising (wandb#3403), so everything
    that capture does between the user's own statements stands in such a block.

    Args:
        what: What is lost if the block fails; said on stderr, once in a process.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False  # nothing, or KeyboardInterrupt, which is the user's
        if self._what not in _said:
            _said.add(self._what)
            with contextlib.suppress(OSError, ValueError, AttributeError):  # a closed or missing stderr
                sys.stderr.write(f"workbench: {self._what} could not be recorded: {type(error).__name__}: {error}\n")
        return True
