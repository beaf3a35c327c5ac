"""The narrator: says which command is carried out, shows what came of it, and keeps the closing table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from workbench.contract.job import JobCard
from workbench.doors.call import follow_job
from workbench.doors.terminal import ProgressBar, align
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.project import Project
from workbench.verbs import find_verb


@dataclass
class Narrator:
    """Tells the story on one stream.

    Attributes:
        rows: Closing table: step, seconds, what came of it.
    """

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def say(self, text: str) -> None:
        """Write a line."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Open a step; call what is yielded with its outcome."""
        number = len(self.rows) + 1
        self.say(f"\n{number}. {title}")
        begun = time.monotonic()
        outcome = [""]

        def conclude(text: str) -> None:
            outcome[0] = text

        yield conclude
        self.rows.append((f"{number}. {title}", f"{time.monotonic() - begun:.1f} s", outcome[0]))

    def do(self, project: Project, words: str, shown: str = "", **arguments: Any) -> Any:
        """Call a verb and show the command that anyone would type for it."""
        self.say(f"   $ mlops {words} {shown}".rstrip())
        return find_verb(words).load()(project, **arguments)

    def follow(self, project: Project, job: JobCard) -> JobCard:
        """Show a job's progress to its end."""
        return follow_job(project, job, ProgressBar(sys.stdout, f"     {job.id}"))

    def refused(self, action: Callable[[], Any], code: str) -> str:
        """Carry out what must be refused, show the refusal and return its code.

        Raises:
            AssertionError: It was let through, or refused for another reason: the demo's claim would be false.
        """
        try:
            action()
        except WorkbenchError as error:
            if error.code != code:
                raise
            self.say(f"     refused: {error.message} [{error.code}]")
            return error.code
        raise AssertionError(f"this must be refused with {code}, and was not")

    def table(self) -> str:
        """Return the closing table."""
        return align((("step", "took", "what came of it"), *self.rows))
