"""What MLflow refuses, in our words: its own checks of names and values, and whatever a store can answer with.

The checks repeat MLflow 3's ``utils/validation.py``, so that a value written by SQL or through the append log is
refused at once and for the same reason as through the client; a contract test puts the same bad input to both.
"""

from __future__ import annotations

import logging
import os
import posixpath
import re
from functools import lru_cache
from typing import Any

from workbench.foundation.agreement import shown_uri
from workbench.foundation.errors import (
    ConflictError,
    NotFoundError,
    StorageError,
    UnavailableError,
    UsageError,
    WorkbenchError,
)
from workbench.foundation.project import Project

MAX_KEY_LENGTH = 250
MAX_PARAM_LENGTH = 6_000
MAX_TAG_LENGTH = 8_000
MAX_FLOAT = 1.7976931348623157e308
_NAME = re.compile(r"^[/\w.\- :]*$")
_INT64 = 1 << 63
_log = logging.getLogger(__name__)


@lru_cache(maxsize=4096)
def check_key(key: str) -> None:
    """Refuse a name that MLflow takes for no metric, parameter or tag; a name that passed costs nothing again.

    Raises:
        UsageError: ``tracking-refused``.
    """
    if not isinstance(key, str) or not _NAME.match(key):
        raise _refused(f"the name {key!r} may only hold letters, digits and _ - . / : and spaces")
    plain = posixpath.normpath(key)
    if plain != key or plain == "." or plain.startswith(("..", "/")):
        raise _refused(f"the name {key!r} would be the file {plain!r}")
    if len(key) > MAX_KEY_LENGTH:
        raise _refused(f"the name {key[:40]!r}… has more than {MAX_KEY_LENGTH} characters")
    check_text(key)


def check_text(value: str) -> None:
    """Refuse text that no database takes: half a surrogate pair.

    Raises:
        UsageError: ``tracking-refused``.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _refused(f"{value[:40]!r} is no text that can be stored") from None


def check_step(step: Any) -> int:
    """Return a step as MLflow stores it.

    Raises:
        UsageError: ``tracking-refused``: no whole number of at most 64 bits.
    """
    try:
        whole = int(step)
    except (TypeError, ValueError, OverflowError):
        raise _refused(f"the step {step!r} is no whole number") from None
    if whole != step or not -_INT64 <= whole < _INT64:
        raise _refused(f"the step {step!r} is no whole number of 64 bits")
    return whole


def number(key: str, value: Any) -> float:
    """Return a metric's value as a float.

    Raises:
        UsageError: ``metric-not-a-number``.
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        hint = f"log it as a parameter: workbench.log_params({key}=…)"
        raise UsageError("metric-not-a-number", f"Metric '{key}' is {value!r}, not a number", hint) from None


def cut(what: str, value: str, limit: int) -> str:
    """Cut a long value as MLflow does, with a word in the log, or refuse it where MLflow is told not to cut.

    Raises:
        UsageError: ``tracking-refused``: too long, and ``MLFLOW_TRUNCATE_LONG_VALUES`` is false.
    """
    check_text(value)
    if len(value) <= limit:
        return value
    if os.environ.get("MLFLOW_TRUNCATE_LONG_VALUES", "true").lower() not in ("true", "1"):
        raise _refused(f"the {what} {value[:40]!r}… has more than {limit} characters")
    _log.warning("%s %r… (%d characters) is cut at %d", what, value[:100], len(value), limit)
    return value[:limit]


def param_changed(key: str, old: str, new: str, run: str) -> UsageError:
    """Return the refusal of a parameter's second value."""
    message = f"Run {run} has parameter '{key}' = {old[:100]!r} already; {new[:100]!r} would change it"
    return UsageError("param-changed", message, "start another run for other parameters: with workbench.run(): …")


def run_unknown(run: str) -> NotFoundError:
    """Return the refusal of a run that the store does not have."""
    return NotFoundError("run-unknown", f"Run with id={run} not found", "see which there are: mlops runs")


def run_deleted(message: str) -> ConflictError:
    """Return the refusal to write to a run that was deleted."""
    return ConflictError("run-deleted", message, "restore it first: mlflow runs restore --run-id <run>")


def translated(project: Project, message: str, code: str = "") -> WorkbenchError:
    """Turn what MLflow, SQLAlchemy or SQLite said into the family that says what to do.

    Args:
        project: The project whose store said it.
        message: What it said.
        code: MLflow's error code; empty where it is not MLflow that speaks.
    """
    uri, first = shown_uri(project.tracking_uri), shown_uri(message.strip().split("\n", 1)[0])
    if "database is locked" in message:
        file = uri.removeprefix("sqlite:///")
        look = "mlops doctor" if file == uri else f"lsof '{file}'"  # a server's own database may be locked too
        hint = f"see who writes to it, wait for its end, then repeat: {look}"
        return StorageError("tracking-locked", f"{uri} stayed locked", hint)
    if "disk is full" in message or "disk full" in message:
        return StorageError("disk-full", f"No space left to write {uri}", "free some space, then repeat")
    if "readonly database" in message or "unable to open database" in message:
        return StorageError("folder-not-writable", f"Cannot write {uri}", f"ls -ld '{project.state_dir}'")
    if "out-of-date database schema" in message or "Can't locate revision" in message:
        hint = f"copy the file, then: mlflow db upgrade '{uri}'"
        return StorageError("tracking-outdated", f"{uri} was written by another version of MLflow", hint)
    if "is not a database" in message or "malformed" in message:
        return StorageError("tracking-unreadable", f"{uri} is damaged or no database", "restore it from a backup")
    if "Changing param values is not allowed" in message:
        return UsageError("param-changed", first, "start another run for other parameters: with workbench.run(): …")
    if "must be in the 'active' state" in message:
        return run_deleted(first)
    if message.startswith("Registered Model"):
        return NotFoundError("model-unknown", first, "register it first: mlops review request <model>")
    if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
        return NotFoundError("run-unknown", first, "see which there are: mlops runs")
    if code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE"):
        return UsageError("tracking-refused", f"MLflow refused it: {first}", "change the name or the value")
    return UnavailableError("tracking-unavailable", f"MLflow at {uri} failed: {first}", "mlops doctor")


def _refused(why: str) -> UsageError:
    return UsageError("tracking-refused", f"MLflow refuses it: {why}", "change the name or the value")
