"""Evidence while it is being gathered: what was looked at, what differs, and the level that follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from workbench.contract.reproduction import Evidence, Mismatch
from workbench.contract.status import CheckResult

LEVELS = ("R0", "R1", "R2", "R3", "R4")
"""Recorded, clean, restorable, replayed, verified."""


@dataclass
class Judgement:
    """What was found so far.

    Attributes:
        evidence: What was looked at.
        mismatches: What differs.
    """

    evidence: list[Evidence] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)

    def passed(self, level: str, name: str, summary: str) -> None:
        """Note something that is as it must be."""
        self._note(Evidence(level, name, CheckResult.PASS, summary))

    def failed(self, level: str, name: str, summary: str, hint: str = "") -> None:
        """Note something that is not as it must be."""
        self._note(Evidence(level, name, CheckResult.FAIL, summary, hint))

    def unknown(self, level: str, name: str, summary: str, hint: str = "") -> None:
        """Note something that could not be looked at; unknown is not pass."""
        self._note(Evidence(level, name, CheckResult.UNKNOWN, summary, hint))

    def differs(self, level: str, part: str, name: str, *, recorded: str, found: str, detail: str = "") -> None:
        """Note a part in which what was recorded and what was found differ; the same one is noted once."""
        known = {(m.level, m.part, m.name) for m in self.mismatches}
        if (level, part, name) not in known:
            self.mismatches.append(Mismatch(level, part, name, recorded, found, detail))

    def _note(self, item: Evidence) -> None:
        if item not in self.evidence:  # two replays that went alike say so once
            self.evidence.append(item)

    def of_level(self, level: str) -> tuple[Evidence, ...]:
        """Return the evidence that one level needs."""
        return tuple(item for item in self.evidence if item.level == level)


def level_from(evidence: Iterable[Evidence]) -> str:
    """Return the level that evidence carries: each level needs all its own to pass, and every level below it."""
    items = list(evidence)
    reached = LEVELS[0]
    for level in LEVELS[1:]:
        own = [item for item in items if item.level == level]
        if not own or any(item.result != CheckResult.PASS for item in own):
            break
        reached = level
    return reached


def bring_inside(paths: Iterable[str]) -> str:
    """Return the hint for a file outside of the project, which no version can have; empty where all are inside."""
    outside = next((path for path in paths if path.startswith("/")), "")
    return f"bring {outside} into the project, read it there and version it: mlops data snapshot" if outside else ""


def listed(names: Iterable[str], most: int = 3) -> str:
    """Return names as one phrase: ``a, b, c and 4 more``."""
    known = list(names)
    rest = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + rest
