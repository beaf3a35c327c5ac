"""What a result looks like as a table: the columns of each contract type, in plain words.

One description serves the terminal and the notebook. A type that is not listed shows all its fields, so a new verb is
readable before anybody has thought about its looks.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

Cell = Callable[[Any], str]

_COLUMNS: dict[str, tuple[str, ...]] = {
    "RunCard": ("id", "name", "state", "level", "started_at", "duration_s", "params", "metrics", "is_starred", "note"),
    "RunGroup": ("value", "runs", "best", "mean", "best_run"),
    "StorageReport": ("part", "items", "bytes", "is_freed", "why"),
    "JobCard": ("id", "state", "reason", "notebook", "target", "cells", "run", "error"),
    "SweepCard": (
        "id",
        "state",
        "notebook",
        "metric",
        "best_value",
        "best_params",
        "best_run",
        "complete",
        "pruned",
        "failed",
        "running",
        "trials",
    ),
    "TrialCard": ("number", "state", "value", "params", "job", "run", "duration_s", "reason"),
    "JobEvent": ("seq", "at", "kind", "data"),
    "DatasetVersion": ("id", "rows", "size", "created_at", "message", "is_current", "link"),
    "CachedVersion": ("version", "state", "message"),
    "DataTransfer": ("remote", "url", "versions", "objects"),
    "RuleResult": ("column", "rule", "is_ok", "failing_rows", "examples"),
    "CleanedColumn": ("step", "column", "changed", "statistics"),
    "PersonalFinding": ("file", "column", "kind", "count", "share", "confidence", "examples"),
    "ErasedVersion": ("version", "replaced_by", "rows", "kept_rows"),
    "WatchCard": ("name", "folder", "into", "files", "waiting", "settling", "lag_s", "last_at", "problem"),
    "ReductionStep": ("kind", "detail", "rows_before", "rows_after", "bytes_before", "bytes_after", "largest_error"),
    "SchemaChange": ("kind", "column", "before", "after"),
    "RowChange": ("kind", "key", "before", "after"),
    "ColumnShift": ("column", "cells_changed", "missing_after", "mean_before", "mean_after", "distance", "psi"),
    "ColumnProfile": ("name", "type", "missing", "distinct", "minimum", "maximum", "mean", "std", "outliers_mad"),
    "ReadingRecipe": ("format", "source", "encoding", "skip_rows", "sheet", "query", "url_env", "key"),
    "ColumnRule": ("name", "type", "style", "missing"),
    "TargetCard": (
        "name",
        "kind",
        "is_ready",
        "cpus",
        "memory_bytes",
        "free_disk_bytes",
        "price_per_hour",
        "what_is_wrong",
    ),
    "ReviewCard": ("id", "model", "stage", "state", "requester", "model_digest", "needed"),
    "Evidence": ("level", "name", "result", "summary", "hint"),
    "Mismatch": ("level", "part", "name", "recorded", "found", "detail"),
    "LineageNode": ("kind", "name", "label", "at", "actor"),
    "CheckReport": ("name", "result", "summary", "where", "duration_s"),
    "Decision": ("verdict", "check", "principal", "assurance", "at", "reason"),
    "Comment": ("principal", "on", "text", "at"),
    "PolicyTrial": ("review", "model", "stage", "before", "after", "reason"),
    "ReleaseCard": ("id", "channel", "version", "state", "model_digest", "approvers", "assurance", "released_at"),
    "ReleaseInterval": (
        "channel",
        "version",
        "state",
        "since",
        "until",
        "how",
        "model_digest",
        "approved_by",
        "overridden_by",
        "valid_until",
        "evidence",
    ),
    "RunnerCard": (
        "channel",
        "is_running",
        "url",
        "model_digest",
        "requests",
        "failures",
        "p50_ms",
        "p99_ms",
        "refusal",
    ),
    "MonitorCard": ("channel", "model_digest", "rows_seen", "windows", "alerts"),
    "AlertCard": ("id", "severity", "state", "title", "action", "raised_at", "last_seen_at", "count"),
}


_UNKNOWN_AT_0: dict[str, tuple[str, ...]] = {
    "TargetCard": ("cpus", "memory_bytes", "free_disk_bytes"),
    "JobCard": ("cells", "queue_position", "memory_bytes", "expected_s"),
}
"""Fields in which 0 means that nobody knows it, or not yet."""
_NUMBERS = ("pid", "seq", "port", "version", "number", "attempt", "index", "seed", "step", "status")
"""Whole numbers that are names: with a thousands separator nobody could copy them."""
_LINES = ("patch", "notebook", "outputs", "card", "commits", "notes")
"""Fields whose items are lines of a text: each stands on a line of its own."""
_UNUSUAL = ("where", "what_is_wrong")
"""Columns that are left out where they are empty in every row."""
_LONGEST = 72
"""A mapping longer than this is cut in a table; ``--json`` has it all."""


def is_card(value: Any) -> bool:
    """Whether the value is one contract dataclass."""
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def columns_of(card: Any) -> tuple[str, ...]:
    """Return the fields that a list of such cards shows."""
    return _COLUMNS.get(type(card).__name__, tuple(f.name for f in dataclasses.fields(card)))


def cell(name: str, value: Any) -> str:
    """Return one field in words: short digests, sizes with units, counts for lists."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if name.endswith("bytes") or name == "size":
            return _size(value)
        return str(value) if name.rpartition("_")[2] in _NUMBERS else f"{value:,}"
    if isinstance(value, Mapping):
        return _short(", ".join(f"{key}={cell(key, item)}" for key, item in value.items())) or "–"
    if isinstance(value, tuple):
        return (f"{len(value)}" if value and is_card(value[0]) else ", ".join(map(_item, value))) or "–"
    return str(value)


def rows_of(cards: tuple[Any, ...]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and cells of a list of cards of one type."""
    columns = [n for n in columns_of(cards[0]) if n not in _UNUSUAL or any(_value(card, n) for card in cards)]
    return tuple(columns), [tuple(_cell_of(card, name) for name in columns) for card in cards]


def fields_of(card: Any) -> list[tuple[str, str]]:
    """Return every plain field of one card, without those that :func:`nested_of` and :func:`lines_of` return."""
    nested = {name for name, _ in (*nested_of(card), *lines_of(card))}
    return [(field.name, _cell_of(card, field.name)) for field in dataclasses.fields(card) if field.name not in nested]


def nested_of(card: Any) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the fields that are themselves cards or lists of cards."""
    found = []
    for field in dataclasses.fields(card):
        value = getattr(card, field.name)
        if is_card(value):
            found.append((field.name, (value,)))
        elif isinstance(value, tuple) and value and is_card(value[0]):
            found.append((field.name, value))
    return found


def lines_of(card: Any) -> list[tuple[str, tuple[str, ...]]]:
    """Return the fields that are texts of several lines: a patch, what differs between notebooks."""
    found = ((field.name, getattr(card, field.name)) for field in dataclasses.fields(card) if field.name in _LINES)
    return [(name, value) for name, value in found if isinstance(value, tuple) and value and not is_card(value[0])]


def heading(name: str) -> str:
    """Return a field's name as a heading: ``started_at`` → ``started``."""
    plain = re.sub(r"_(at|bytes)$", "", name)
    return re.sub(r"^is_", "", plain).replace("_s", " (s)" if plain.endswith("_s") else "_s").replace("_", " ")


def what_is_wrong(findings: Iterable[Any]) -> str:
    """Return the first finding that is not well, with what mends it; empty where all is well."""
    fault = next((finding for finding in findings if not finding.is_ok), None)
    return "" if fault is None else fault.message + (f" → {fault.hint}" if fault.hint else "")


def _value(card: Any, name: str) -> Any:
    """Return a field, or what a column says that is none."""
    return what_is_wrong(card.checks) if name == "what_is_wrong" else getattr(card, name)


def _cell_of(card: Any, name: str) -> str:
    value = _value(card, name)
    is_unknown = value in (0, -1) and name in _UNKNOWN_AT_0.get(type(card).__name__, ())
    return "–" if is_unknown else cell(name, value)


def first_line(text: str) -> str:
    """Return the first line of a text, and a mark where there are more."""
    first, *others = text.splitlines() or [""]
    return f"{first}…" if others else first


def _item(value: Any) -> str:
    """Return one item of a list: of two texts both beginnings are seen, and that one of them is empty."""
    return first_line(str(value)) or "–"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _text(value: str) -> str:
    if re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        return value[7:19]
    if re.fullmatch(r"[0-9a-f]{32}", value):
        return value[:12]
    return local_time(value) if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*", value) else value


def local_time(text: str) -> str:
    """Return a UTC time as this machine's clock shows it, with the offset; what names no zone stays as it is."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    if time.tzinfo is None:
        return text[:19].replace("T", " ")
    return f"{(local := time.astimezone()):%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
