"""How far a run's result can be proved: the level, what a machine saw for it, and what differed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """One thing that was looked at for a level.

    Attributes:
        level: Level that needs it: ``R1`` to ``R4``.
        name: ``cells``, ``order``, ``reads``, ``commit``, ``parameters``, ``inputs``, ``environment``, ``replay``,
            ``chain``, ``packages``, ``metrics``, …
        result: A :class:`~workbench.contract.status.CheckResult`; a level needs ``pass`` of everything it names.
        summary: What was found, in one sentence.
        hint: The command that mends it; empty where nothing needs mending or nothing can.
    """

    level: str
    name: str
    result: str
    summary: str
    hint: str = ""


@dataclass(frozen=True)
class Mismatch:
    """One part in which what was recorded and what was found differ.

    Attributes:
        level: Level at which it was found.
        part: ``input``, ``package``, ``param``, ``cell``, ``metric``, ``code``, ``randomness`` or ``clock``; the last
            two name a suspected cause of a metric that differs.
        name: Which one: a path, a package, a parameter, ``cell 3``, a metric.
        recorded: What the run recorded.
        found: What was found now, or in a replay.
        detail: What is known beyond that; may be empty.
    """

    level: str
    part: str
    name: str
    recorded: str
    found: str
    detail: str = ""


@dataclass(frozen=True)
class Reproduction:
    """The reproducibility of a run as far as machines have checked it.

    Attributes:
        run: MLflow run id.
        level: ``R0`` recorded, ``R1`` clean, ``R2`` restorable, ``R3`` replayed, ``R4`` verified; it follows from the
            evidence alone.
        recorded_level: Level that the run carried before.
        is_stale: Whether evidence that was there before no longer holds, because something it rests on has changed.
        evidence: What was looked at, in the order of the levels.
        mismatches: What differs.
        jobs: Ids of the replays.
        replays: MLflow runs of the replays.
        checked_at: UTC time.
    """

    run: str
    level: str
    recorded_level: str
    is_stale: bool
    evidence: tuple[Evidence, ...]
    mismatches: tuple[Mismatch, ...] = ()
    jobs: tuple[str, ...] = ()
    replays: tuple[str, ...] = ()
    checked_at: str = ""
