"""Notices: who is told what happens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NoticeCard:
    """A receiver of notices.

    Attributes:
        name: Its name in ``workbench.toml``.
        kind: ``webhook``, ``slack`` or ``mail``.
        events: Patterns of the events it is told.
        told_seq: Event up to which it was told.
        waiting: Events that wait for it.
        tries: Times the next one failed.
        due_at: UTC time before which it is not tried again; empty where nothing failed.
        error: Why it failed last; empty where it did not.
    """

    name: str
    kind: str
    events: tuple[str, ...]
    told_seq: int
    waiting: int
    tries: int = 0
    due_at: str = ""
    error: str = ""
