"""What goes wrong, and what a person then asks for: one table for every door."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOISE = b"\x00\x01 no file of any kind \xff" * 400
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": "c0",
            "metadata": {"tags": ["parameters"]},
            "source": "alpha = 0.5",
            "outputs": [],
            "execution_count": None,
        }
    ],
    "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
TRAIN = "notebooks/train.ipynb"


def write(path: str, data: bytes | str) -> Callable[[Path], None]:
    """Replace a file by something else, and its SQLite companions by nothing."""

    def damage(root: Path) -> None:
        for suffix in ("-wal", "-shm"):
            (root / (path + suffix)).unlink(missing_ok=True)
        (root / path).write_bytes(data if isinstance(data, bytes) else data.encode())

    return damage


def everywhere(pattern: str, data: bytes) -> Callable[[Path], None]:
    """Replace every file that fits a pattern."""

    def damage(root: Path) -> None:
        found = [path for path in root.glob(pattern) if path.is_file()]
        assert found, pattern
        for path in found:
            path.chmod(0o644)
            path.write_bytes(data)

    return damage


def remove(path: str) -> Callable[[Path], None]:
    """Delete a file."""
    return lambda root: (root / path).unlink()


def folder_instead(path: str) -> Callable[[Path], None]:
    """Put a folder where a file should be."""

    def damage(root: Path) -> None:
        (root / path).unlink()
        (root / path).mkdir()

    return damage


def sql(statement: str) -> Callable[[Path], None]:
    """Change the journal behind its back."""

    def damage(root: Path) -> None:
        connection = sqlite3.connect(root / ".workbench" / "journal.db")
        with connection:
            connection.execute(statement)
        connection.close()

    return damage


def notebook(**changes: Any) -> Callable[[Path], None]:
    """Write the notebook with other members."""
    return write(TRAIN, json.dumps({**NOTEBOOK, **changes}))


def nothing(_root: Path) -> None:
    """Leave the project as it is: the question itself is what is wrong."""


@dataclass(frozen=True)
class Case:
    """A bad situation and a question asked in it.

    Attributes:
        name: Test id.
        damage: Brings the situation about.
        verb: The command.
        arguments: Its arguments; ``{run}`` and the like are filled in from the place.
        code: Code of the error that must come.
    """

    name: str
    damage: Callable[[Path], None]
    verb: str
    code: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def filled(self, known: dict[str, str]) -> dict[str, Any]:
        """Return the arguments with what lies in the place filled in."""
        return {name: _filled(value, known) for name, value in self.arguments.items()}


def _filled(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**known)
    if isinstance(value, tuple):
        return tuple(_filled(part, known) for part in value)
    return value


def words(verb: str, arguments: dict[str, Any]) -> list[str]:
    """Return the command line that says the same as keyword arguments."""
    from workbench.verbs import find_verb

    plain, options = [], []
    for name, value in arguments.items():
        parts = (
            value
            if isinstance(value, tuple)
            else [f"{k}={v}" for k, v in value.items()]
            if isinstance(value, dict)
            else [value]
        )
        if name in find_verb(verb).positional:
            plain += [str(part) for part in parts]
        else:
            for part in parts:
                options += ["--" + name.replace("_", "-"), str(part)]
    return [*verb.split(), *plain, *options]


def line(verb: str, arguments: dict[str, Any]) -> str:
    """Return the same for a magic."""
    return shlex.join(words(verb, arguments))


RUN_IT = {"notebook": TRAIN}
ADD = {"principal": "zed@example.com", "public_key": "{key}"}
CASES = (
    Case("config-no-toml", write("workbench.toml", "[project\nname = 3"), "status", "config-syntax"),
    Case("config-no-text", write("workbench.toml", NOISE), "status", "config-syntax"),
    Case("config-empty", write("workbench.toml", ""), "runs", "config-missing-key"),
    Case("config-unknown-key", write("workbench.toml", '[project]\nnam = "x"'), "runs", "config-unknown-key"),
    Case("journal-noise", write(".workbench/journal.db", NOISE), "reviews", "journal-unreadable"),
    Case(
        "journal-noise-while-writing", write(".workbench/journal.db", NOISE), "reviewers add", "journal-unreadable", ADD
    ),
    Case("journal-folder", folder_instead(".workbench/journal.db"), "jobs", "folder-not-writable"),
    Case("record-no-json", sql("UPDATE records SET body = '{'"), "releases", "record-damaged"),
    Case("record-without-fields", sql("UPDATE records SET body = '{}'"), "reviews", "record-damaged"),
    Case("record-without-fields-data", sql("UPDATE records SET body = '{}'"), "data", "record-damaged"),
    Case("event-changed", sql("UPDATE events SET data = '{}' WHERE seq = 2"), "audit verify", "journal-broken"),
    Case("tracking-noise", write(".workbench/mlflow.db", NOISE), "runs", "tracking-unreadable"),
    Case("tracking-empty", write(".workbench/mlflow.db", b""), "runs show", "tracking-unreadable", {"run": "{run}"}),
    Case("gate-no-toml", write("policy/gate.toml", "[stages"), "review request", "policy-invalid", {"model": "{run}"}),
    Case("gate-noise", write("policy/gate.toml", NOISE), "release", "policy-invalid", {"review": "{review}"}),
    Case("gate-gone", remove("policy/gate.toml"), "release", "policy-missing", {"review": "{review}"}),
    Case("reviewers-no-text", write("policy/reviewers", NOISE), "reviewers", "reviewers-malformed"),
    Case("reviewers-no-line", write("policy/reviewers", "a b c\n"), "reviewers add", "reviewers-malformed", ADD),
    Case("reviewers-folder", folder_instead("policy/reviewers"), "reviewers", "file-not-readable"),
    Case("dataset-unknown", nothing, "data restore", "version-unknown", {"version": "nope@1"}),
    Case("home-of-nobody", nothing, "data snapshot", "data-missing", {"paths": ("~nobody-here/no.csv",)}),
    Case("data-missing", nothing, "data snapshot", "data-missing", {"paths": ("no.csv",)}),
    Case("database-missing", nothing, "store tune", "store-missing", {"path": "no.db"}),
    Case("database-noise", write("data/x.db", NOISE), "store tune", "tracking-unreadable", {"path": "data/x.db"}),
    Case("notebook-missing", nothing, "run", "notebook-missing", {"notebook": "notebooks/trian.ipynb"}),
    Case("notebook-no-json", write(TRAIN, "print(1)"), "run", "notebook-invalid", RUN_IT),
    Case("notebook-no-text", write(TRAIN, NOISE), "run", "notebook-invalid", RUN_IT),
    Case("notebook-empty", write(TRAIN, ""), "run", "notebook-invalid", RUN_IT),
    Case("notebook-list", write(TRAIN, "[]"), "run", "notebook-invalid", RUN_IT),
    Case("notebook-version", notebook(nbformat="4"), "run", "notebook-invalid", RUN_IT),
    Case("notebook-source", notebook(cells=[{"cell_type": "code", "source": [1]}]), "run", "notebook-invalid", RUN_IT),
    Case("notebook-folder", folder_instead(TRAIN), "run", "notebook-missing", RUN_IT),
    Case("kernel-unknown", notebook(metadata={"kernelspec": {"name": "pyton3"}}), "run", "kernel-missing", RUN_IT),
    Case("parameter-unknown", nothing, "run", "parameter-unknown", {**RUN_IT, "params": {"alhpa": "1"}}),
    Case("parameter-no-number", nothing, "run", "parameter-wrong-type", {**RUN_IT, "params": {"alpha": "much"}}),
    Case("target-unknown", nothing, "run", "target-unknown", {**RUN_IT, "target": "lokal"}),
    Case("run-unknown", nothing, "runs show", "run-unknown", {"run": "nope"}),
    Case("job-unknown", nothing, "logs", "job-unknown", {"job": "jb-none"}),
    Case("run-without-model", nothing, "review request", "run-without-model", {"model": "{bare_run}"}),
    Case(
        "manifest-no-json",
        everywhere(".workbench/artifacts/**/workbench.json", b"{"),
        "review request",
        "manifest-malformed",
        {"model": "{run}"},
    ),
    Case("stage-unknown", nothing, "review request", "stage-unknown", {"model": "{run}", "to": "prodution"}),
    Case("review-unknown", nothing, "review show", "review-unknown", {"review": "rv-none"}),
    Case("waiting-review", nothing, "release", "approvals-missing", {"review": "{waiting_review}"}),
    Case(
        "frozen-bytes-changed",
        everywhere(".workbench/store/blobs/**/*", NOISE),
        "release",
        "bytes-changed",
        {"review": "{review}"},
    ),
    Case(
        "model-bytes-changed",
        everywhere(".workbench/artifacts/**/model.onnx", b"\x08\x07\x12"),
        "release",
        "run-changed",
        {"review": "{review}"},
    ),
    Case("channel-malformed", nothing, "rollback", "channel-malformed", {"channel": "production"}),
    Case("channel-unknown", nothing, "rollback", "channel-unknown", {"channel": "faluts@production"}),
    Case("channel-unwatched", nothing, "monitor check", "channel-unknown", {"channel": "none@production"}),
    Case("runner-of-nothing", nothing, "serve", "channel-malformed", {"channel": "production"}),
    Case("run-to-reproduce-unknown", nothing, "reproduce", "run-unknown", {"run": "nope"}),
    Case("query-no-query", nothing, "runs", "query-invalid", {"query": "metrics.f1 >"}),
    Case("lineage-of-nothing", nothing, "lineage", "lineage-unknown", {"id": "no/such/thing"}),
    Case("pipeline-missing", nothing, "pipeline run", "stage-unknown"),
    Case("watch-unknown", nothing, "ingest", "watch-unknown", {"name": "line9"}),
    Case("watch-no-toml", write("data/line1.watch.toml", "folder ="), "ingest", "config-syntax", {"name": "line1"}),
    Case("watch-name-evil", nothing, "watch add", "watch-name-invalid", {"folder": "inbox", "name": "../x"}),
    Case("garbage-of-tomorrow", nothing, "gc", "age-wrong", {"older_than_days": -1.0}),
    Case("history-of-nothing", nothing, "history", "model-unreleased", {"model": "nope"}),
    Case("gate-to-explain-no-toml", write("policy/gate.toml", "[stages"), "policy explain", "policy-invalid"),
    Case("alert-unknown", nothing, "alerts resolve", "alert-unknown", {"alert": "al-none"}),
)
