"""Render results for a terminal: aligned tables, one card as a list of fields, a progress bar per cell.

Width counts Japanese characters as two columns, as terminals do.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict
from typing import Any, TextIO

from workbench.contract.job import JobCard, JobEvent
from workbench.contract.sweep import TrialCard
from workbench.doors.encoding import is_utf8
from workbench.doors.table import fields_of, first_line, heading, is_card, lines_of, local_time, nested_of, rows_of

_ACTING = (*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Characters that do something to a terminal instead of being seen: controls, and what turns the order of others."""
_AS_ESCAPES = {code: ascii(chr(code))[1:-1] for code in _ACTING if chr(code) not in "\n\t"}


def harmless(text: str) -> str:
    """Return a text with what would act on a terminal shown as escapes.

    Names, notes and reasons are written by others: what a reviewer reads must not be coloured or overwritten by them.
    """
    return text.replace("\r\n", "\n").translate(_AS_ESCAPES)


def render(value: Any, nothing: str = "There is nothing to show.") -> str:
    """Return a verb's result as text; ``nothing`` is said where it is an empty list."""
    return harmless(_rendered(value, nothing))


def _rendered(value: Any, nothing: str = "There is nothing to show.") -> str:
    if isinstance(value, tuple):
        return render_table(value) if value else nothing
    if not is_card(value):
        return str(value)
    fields = fields_of(value)
    width = max((len(heading(name)) for name, _ in fields), default=0)
    blocks = ["\n".join(f"{heading(name):<{width}}  {text}" for name, text in fields)] if fields else []
    blocks += [f"{heading(name)}\n{_indent(_rendered(cards))}" for name, cards in nested_of(value)]
    blocks += [f"{heading(name)}\n{_indent(chr(10).join(lines))}" for name, lines in lines_of(value)]
    return "\n\n".join(blocks)


def render_table(cards: tuple[Any, ...]) -> str:
    """Return cards of one type as an aligned table."""
    if not is_card(cards[0]):
        return "\n".join(map(str, cards))
    names, rows = rows_of(cards)
    return align((tuple(heading(name) for name in names), *rows))


def align(rows: tuple[tuple[str, ...], ...]) -> str:
    """Return rows in columns; a long line is left to the terminal to wrap, so that no hint is ever cut off.

    Of a cell with several lines the first is shown: the others would stand in the wrong columns.
    """
    rows = tuple(tuple(map(first_line, row)) for row in rows)
    widths = [max(width_of(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        padded = [text + " " * (width - width_of(text)) for text, width in zip(row, widths, strict=True)]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def width_of(text: str) -> int:
    """Return how many terminal columns a text takes."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


class LogLines:
    """What a job says, as it comes: the text of its cells as it is, all else as one line an event."""

    def __init__(self, stream: TextIO, *, as_json: bool = False) -> None:
        self._stream = stream
        self._as_json = as_json
        # What another encoding lacks would be written as an escape that JSON does not know.
        self._is_ascii = not is_utf8(stream)

    def __call__(self, event: JobEvent) -> None:
        """Write one event."""
        if self._as_json:
            self._stream.write(json.dumps(asdict(event), ensure_ascii=self._is_ascii) + "\n")
        elif event.kind == "out":
            self._stream.write(str(event.data.get("text", "")))
        elif event.kind != "heartbeat":
            facts = " ".join(f"{key}={value}" for key, value in event.data.items() if value != "")
            self._stream.write(harmless(f"[{local_time(event.at)[11:19]}] {event.kind} {facts}") + "\n")
        self._stream.flush()


class ProgressBar:
    """One line a job, redrawn as its cells end; plain lines where the output is no terminal."""

    def __init__(self, stream: TextIO, label: str) -> None:
        self._stream = stream
        self._label = label
        self._cells = 0
        self._done = 0

    def __call__(self, event: JobEvent) -> None:
        """Take one event of the job."""
        if event.kind == "start":
            cells = event.data.get("cells")
            self._cells = cells if isinstance(cells, int) else 0
            self._draw()
        elif event.kind == "cell_end":
            self._done += 1
            self._draw()

    def close(self, job: JobCard) -> None:
        """Draw the end: how it ended and why."""
        words = " ".join(filter(None, [job.state, job.reason]))
        self._draw(words)
        self._stream.write("\n" if self._stream.isatty() else "")
        self._stream.flush()

    def tell_trial(self, trial: TrialCard) -> None:
        """Write one line of a sweep: what a trial tried and came to."""
        value = trial.reason if trial.value is None else f"{trial.value:.6g}"
        params = ", ".join(f"{name}={text}" for name, text in trial.params.items())
        self._stream.write(harmless(f"trial {trial.number:<4} {trial.state:<9} {value:<12} {params}") + "\n")
        self._stream.flush()

    def _draw(self, words: str = "") -> None:
        filled = round(20 * self._done / self._cells) if self._cells else 0
        bar = "█" * filled + "░" * (20 - filled)
        line = harmless(f"{self._label:<34} {bar} {self._done}/{self._cells} cells {words}".rstrip())
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[2K{line}")
        elif words or self._done == self._cells:
            self._stream.write(line + "\n" if words else "")
        self._stream.flush()


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())
