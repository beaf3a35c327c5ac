"""What goes wrong, and what a person then asks for: one table for every door."""

from __future__ import annotations

import atexit
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl

from tests.targets.sshd import Sshd, make_key
from workbench.foundation.project import Project
from workbench.verbs import find_verb

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


def remove_all(pattern: str) -> Callable[[Path], None]:
    """Delete every file that fits a pattern."""

    def damage(root: Path) -> None:
        found = list(root.glob(pattern))
        assert found, pattern
        for path in found:
            path.unlink()

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


def after(*damages: Callable[[Path], None]) -> Callable[[Path], None]:
    """Let one thing happen after another."""

    def damage(root: Path) -> None:
        for one in damages:
            one(root)

    return damage


def folder(path: str) -> Callable[[Path], None]:
    """Make a folder."""
    return lambda root: (root / path).mkdir(parents=True)


def link(path: str, to: str) -> Callable[[Path], None]:
    """Put a symbolic link in a file's place."""
    return lambda root: (root / path).symlink_to(to)


def fifo(path: str) -> Callable[[Path], None]:
    """Put a pipe where a file should be."""
    return lambda root: os.mkfifo(root / path)


def emptied(path: str) -> Callable[[Path], None]:
    """Delete a folder and all that is in it."""
    return lambda root: shutil.rmtree(root / path)


def append(path: str, text: str) -> Callable[[Path], None]:
    """Write something more into a file."""

    def damage(root: Path) -> None:
        with (root / path).open("a", encoding="utf-8") as stream:
            stream.write(text)

    return damage


def remote(url: str = "../remote") -> Callable[[Path], None]:
    """Name a DVC remote that has nothing yet."""
    return write(".dvc/config", f"[core]\n    remote = here\n['remote \"here\"']\n    url = {url}\n")


def in_gate(old: str, new: str) -> Callable[[Path], None]:
    """Change a word of the policy."""

    def damage(root: Path) -> None:
        path = root / "policy" / "gate.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return damage


def record(noun: str, id: str, state: str, body: dict[str, Any]) -> Callable[[Path], None]:
    """Put a record into the journal."""
    values = "', '".join((noun, id, state, json.dumps(body)))
    return sql(f"INSERT INTO records (noun, id, state, body, revision, changed_seq) VALUES ('{values}', 1, 1)")


def sql(statement: str, database: str = "journal.db") -> Callable[[Path], None]:
    """Change the journal behind its back."""

    def damage(root: Path) -> None:
        connection = sqlite3.connect(root / ".workbench" / database)
        connection.executescript(statement)
        connection.close()

    return damage


def mlflow_sql(statement: str) -> Callable[[Path], None]:
    """Change MLflow's store behind its back."""
    return sql(statement, "mlflow.db")


def archive(path: str) -> Callable[[Path], None]:
    """Write a zip that holds nothing of ours."""

    def damage(root: Path) -> None:
        with zipfile.ZipFile(root / path, "w") as stream:
            stream.writestr("manifest.json", "[]")

    return damage


def workbook(path: str, *cells: int) -> Callable[[Path], None]:
    """Write an Excel file with one sheet."""

    def damage(root: Path) -> None:
        book = openpyxl.Workbook()
        for number, cell in enumerate(cells, start=1):
            book.active.cell(1, number, cell)
        book.save(root / path)

    return damage


def git_added(path: str) -> Callable[[Path], None]:
    """Let Git keep a file."""

    def damage(root: Path) -> None:
        subprocess.run(["git", "-C", str(root), "add", "-f", path], check=True, capture_output=True)

    return damage


ELSEWHERE = f"""INSERT INTO records VALUES ('job', 'jb-e15e', 'RUNNING', 1, 1, '{
    json.dumps(
        {
            "notebook": TRAIN,
            "notebook_digest": "",
            "target": "box",
            "name": "",
            "attempt": 1,
            "is_far": True,
            "params": {},
            "actor": "bob@example.org",
            "machine": "workshop-7",
            "submitted_at": "2026-11-01T00:00:00+00:00",
        }
    )
}')"""
"""A job of the team's journal that somebody submitted on another machine."""


def notebook(**changes: Any) -> Callable[[Path], None]:
    """Write the notebook with other members."""
    return write(TRAIN, json.dumps({**NOTEBOOK, **changes}))


def far(kind: str, *lines: str) -> Callable[[Path], None]:
    """Name a far target with these options."""

    def damage(root: Path) -> None:
        with (root / "workbench.toml").open("a", encoding="utf-8") as stream:
            stream.write("\n".join(["", "[targets.cluster]", f'kind = "{kind}"', *lines, ""]))

    return damage


@cache
def sshd() -> Sshd:
    """Start a machine that ssh reaches, once for a test process."""
    server = Sshd.start(Path(tempfile.mkdtemp(prefix="bad-day-sshd-")))
    atexit.register(server.stop)
    return server


def behind_ssh(how: str, *lines: str) -> Callable[[Path], None]:
    """Name a machine that sshd answers for, with what is wrong about it."""

    def damage(root: Path) -> None:
        server = sshd()
        other = server.folder / f"key-{how}"
        if not other.exists():
            make_key(other)
        (unknown := server.folder / "known-nobody").touch()
        known = {"unknown-key": unknown, "changed-key": server.known_hosts(server.port, other)}.get(how)
        config = server.config(how, known=known, key=other if how == "wrong-key" else None)
        far("ssh", f'host = "{how}"', f'ssh_config = "{config}"', f'python = "{sys.executable}"', *lines)(root)

    return damage


def nothing(_root: Path) -> None:
    """Leave the project as it is: the question itself is what is wrong."""


NOWHERE = ('image = "x"', 'kubeconfig = "/no/such/kubeconfig"')


@dataclass(frozen=True)
class Case:
    """A bad situation and a question asked in it.

    Attributes:
        name: Test id.
        damage: Brings the situation about.
        verb: The command.
        arguments: Its arguments; ``{run}`` and the like are filled in from the place.
        code: Code of the error that must come.
        recorded: Events that tell of the refusal; nothing else changes.
    """

    name: str
    damage: Callable[[Path], None]
    verb: str
    code: str
    arguments: dict[str, Any] = field(default_factory=dict)
    recorded: tuple[str, ...] = ()

    def filled(self, known: dict[str, str]) -> dict[str, Any]:
        """Return the arguments with what lies in the place filled in."""
        return {name: _filled(value, known) for name, value in self.arguments.items()}

    def call(self, project: Project, known: dict[str, str]) -> object:
        """Call the verb's function as Python code does."""
        verb = find_verb(self.verb)
        parameters = verb.signature().parameters
        given = {
            name: Path(value) if parameters[name].annotation is Path else value
            for name, value in self.filled(known).items()
        }
        return verb.load()(*((project,) if verb.needs_project else ()), **given)


def _filled(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**known)
    if isinstance(value, tuple):
        return tuple(_filled(part, known) for part in value)
    return value


def words(verb: str, arguments: dict[str, Any]) -> list[str]:
    """Return the command line that says the same as keyword arguments."""
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
        elif value is True:
            options.append("--" + name.replace("_", "-"))
        else:
            for part in parts:
                options += ["--" + name.replace("_", "-"), str(part)]
    return [*verb.split(), *plain, *options]


def line(verb: str, arguments: dict[str, Any]) -> str:
    """Return the same for a magic."""
    return shlex.join(words(verb, arguments))


RUN_IT = {"notebook": TRAIN}
ON_CLUSTER = {**RUN_IT, "target": "cluster"}
ADD = {"principal": "zed@example.com", "public_key": "{key}"}
SWEEP = {"notebook": TRAIN, "space": "space.toml", "trials": 2}


def space(text: str) -> Callable[[Path], None]:
    """Write a space for the sweep."""
    return write("space.toml", text)


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
    Case("purpose-unknown", nothing, "reviewers add", "purpose-unknown", {**ADD, "only": ("aprove",)}),
    Case("check-unknown-review", nothing, "review check", "review-unknown", {"review": "rv-none"}),
    Case(
        "check-unlisted",
        write("policy/reviewers", "# nobody any more\n"),
        "review check",
        "purpose-missing",
        {"review": "{waiting_review}"},
    ),
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
    Case("space-missing", nothing, "sweep", "space-missing", SWEEP),
    Case("space-noise", write("space.toml", NOISE), "sweep", "config-syntax", SWEEP),
    Case("space-empty", space(""), "sweep", "space-invalid", SWEEP),
    Case("space-unknown", space('alhpa = {type = "float", low = 0, high = 1}'), "sweep", "parameter-unknown", SWEEP),
    Case("space-swapped", space('alpha = {type = "float", low = 1, high = 0}'), "sweep", "space-invalid", SWEEP),
    Case("space-no-type", space("alpha = {low = 1, high = 0}"), "sweep", "space-invalid", SWEEP),
    Case("space-key", space('alpha = {type = "int", lo = 1, high = 2}'), "sweep", "config-unknown-key", SWEEP),
    Case(
        "sweep-without-budget",
        space('alpha = {type = "float", low = 0, high = 1}'),
        "sweep",
        "trials-missing",
        {"notebook": TRAIN, "space": "space.toml"},
    ),
    Case(
        "sampler-unknown",
        space('alpha = {type = "float", low = 0, high = 1}'),
        "sweep",
        "sweep-option-wrong",
        {**SWEEP, "sampler": "tpee"},
    ),
    Case("sweep-unknown", nothing, "sweep show", "sweep-unknown", {"sweep": "sw-none"}),
    Case("best-of-nothing", nothing, "sweep request", "sweep-unknown", {"sweep": "sw-none"}),
    Case("memory-without-unit", nothing, "run", "resources-unreadable", {**RUN_IT, "memory": "8G"}),
    Case("time-without-unit", nothing, "run", "resources-unreadable", {**RUN_IT, "time_limit": "90"}),
    Case("processors-too-many", nothing, "run", "target-too-small", {**RUN_IT, "cpus": 4_000}),
    Case("slurm-folder-relative", far("slurm", 'folder = "jobs"'), "run", "target-option-wrong", ON_CLUSTER),
    Case("slurm-option-unknown", far("slurm", 'partion = "gpu"'), "run", "target-option-unknown", ON_CLUSTER),
    Case("slurm-python-missing", far("slurm", 'python = "/no/such/python3"'), "run", "target-not-ready", ON_CLUSTER),
    Case("kubernetes-as-root", far("kubernetes", "uid = 0"), "run", "target-uid-root", ON_CLUSTER),
    Case("kubernetes-no-such-kind", far("kubernetes", 'workload = "rayjobs"'), "run", "workload-unknown", ON_CLUSTER),
    Case("kubernetes-option-unknown", far("kubernetes", 'imag = "x"'), "run", "target-option-unknown", ON_CLUSTER),
    Case(
        "kubernetes-taint-alone", far("kubernetes", 'tolerations = "x"'), "run", "target-option-wrong-type", ON_CLUSTER
    ),
    Case("kubernetes-no-image", far("kubernetes", 'kubeconfig = "/no"'), "run", "target-not-ready", ON_CLUSTER),
    Case("kubernetes-no-config", far("kubernetes", *NOWHERE), "run", "target-not-ready", ON_CLUSTER),
    Case("ssh-host-missing", far("ssh"), "run", "target-option-missing", ON_CLUSTER),
    Case("ssh-host-an-option", far("ssh", 'host = "-oProxyCommand=id"'), "run", "target-option-wrong", ON_CLUSTER),
    Case("ssh-folder-relative", far("ssh", 'host = "h"', 'folder = "x"'), "run", "target-option-wrong", ON_CLUSTER),
    Case("ssh-wrong-key", behind_ssh("wrong-key"), "run", "target-not-ready", ON_CLUSTER),
    Case("ssh-changed-host-key", behind_ssh("changed-key"), "run", "target-not-ready", ON_CLUSTER),
    Case("ssh-unknown-host-key", behind_ssh("unknown-key"), "run", "target-not-ready", ON_CLUSTER),
    Case("ssh-no-room", behind_ssh("no-room", "min_free_disk_gb = 1e6"), "run", "target-not-ready", ON_CLUSTER),
    Case("ssh-closed-port", far("ssh", 'host = "127.0.0.1"', "port = 1"), "run", "target-not-ready", ON_CLUSTER),
    Case("bundle-notebook-missing", nothing, "bundle", "notebook-missing", {"notebook": "notebooks/trian.ipynb"}),
    Case("bundle-no-notebook", write(TRAIN, NOISE), "bundle", "notebook-invalid", RUN_IT),
    Case("bundle-too-large", nothing, "bundle", "bundle-too-large", {**RUN_IT, "limit_mb": 0.00001}),
    Case("secret-itself", far("local", 'env = {A = "hunter2"}'), "run", "secret-source-unknown", ON_CLUSTER),
    Case("secret-no-place", far("local", 'env = {A = "vault:x"}'), "run", "secret-source-unknown", ON_CLUSTER),
    Case("secret-no-name", far("local", 'env = {"A B" = "env:X"}'), "run", "secret-source-unknown", ON_CLUSTER),
    Case(
        "secret-of-a-cluster", far("local", 'env = {A = "k8s-secret:a/b"}'), "run", "secret-source-refused", ON_CLUSTER
    ),
    Case("secrets-no-table", far("local", 'env = "A"'), "run", "target-option-wrong-type", ON_CLUSTER),
    Case("run-unknown", nothing, "runs show", "run-unknown", {"run": "nope"}),
    Case("job-unknown", nothing, "logs", "job-unknown", {"job": "jb-none"}),
    Case(
        "notice-malformed",
        write("workbench.toml", '[project]\nname = "x"\n[notices.team]\nkind = "pigeon"\nurl = "https://x.example"'),
        "notices",
        "notice-malformed",
    ),
    *(
        Case(f"{verb}-elsewhere", sql(ELSEWHERE), verb, "job-elsewhere", {"job": "jb-e15e", **more})
        for verb, more in (("cancel", {}), ("fetch", {"patterns": ["*.ipynb"]}))
    ),
    Case("retry-elsewhere", sql(ELSEWHERE.replace("RUNNING", "FAILED")), "retry", "job-elsewhere", {"job": "jb-e15e"}),
    Case(
        "notice-untrusted",
        write("workbench.toml", '[project]\nname = "x"\n[notices.team]\nkind = "webhook"\nurl = "file:/etc/hostname"'),
        "notices send",
        "secrets-untrusted",
    ),
    Case("secrets-untrusted", far("local", 'env = {A = "env:HOME"}'), "run", "secrets-untrusted", ON_CLUSTER),
    Case("secrets-section", nothing, "secrets trust", "section-unknown", {"sections": ("notices.nobody",)}),
    Case(
        "reviewers-lost",
        sql("UPDATE events SET data = '{}' WHERE kind = 'reviewers.adopted'"),
        "reviewers",
        "reviewers-lost",
    ),
    Case("retry-unknown", nothing, "retry", "job-unknown", {"job": "jb-none"}),
    Case("fetch-unknown", nothing, "fetch", "job-unknown", {"job": "jb-none", "patterns": ["*.ipynb"]}),
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
    Case("compare-unknown", nothing, "review compare", "review-unknown", {"review": "rv-none"}),
    Case(
        "draft-of-nothing",
        nothing,
        "review draft",
        "verdict-unknown",
        {"review": "{waiting_review}", "verdict": "aprove"},
    ),
    Case(
        "draft-without-override",
        nothing,
        "review draft",
        "override-none",
        {"review": "{waiting_review}", "verdict": "post-review"},
    ),
    Case("status-waiting", nothing, "review status", "approvals-missing", {"review": "{waiting_review}"}),
    Case("verify-nothing", nothing, "verify", "release-none", {"what": "nothing@production"}),
    Case("policy-unproposed", nothing, "policy sign", "policy-not-proposed"),
    Case("gate-local", nothing, "gate server-setup", "server-local", {"models": ("churn",)}),
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
