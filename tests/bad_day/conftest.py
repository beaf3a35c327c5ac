"""One project with something in every room, made once; each bad day starts from its untouched copy."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.bad_day import situations
from workbench.data.versions import snapshot
from workbench.doors.cli import main
from workbench.experiment import session
from workbench.experiment.model.save import save_model
from workbench.experiment.store.client import _client
from workbench.foundation.identity import create_key
from workbench.foundation.project import Project
from workbench.project.template import create_project
from workbench.review.people import add_reviewer
from workbench.review.reviews import approve, request_review
from workbench.serving.releases import release

AUTHOR, REVIEWER = "author@example.com", "reviewer@example.com"
DATABASES = (".workbench/journal.db", ".workbench/mlflow.db")
POLICY = f"""
[stages.production]
required = ["format", "budget"]
approvals = 1
waivable = ["budget"]

[stages.production.budget]
size_bytes = 1_000_000_000

[stages.production.break_glass]
members = ["{AUTHOR}", "{REVIEWER}"]
"""


@dataclass(frozen=True)
class Said:
    """What a command left behind.

    Attributes:
        code: Exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str

    @property
    def problem(self) -> dict[str, str]:
        """The error, as ``--json`` prints it."""
        found: dict[str, str] = json.loads(self.err.strip().splitlines()[-1])
        return found


@dataclass(frozen=True)
class Place:
    """A project that may be damaged at will, and what is known to lie in it.

    Attributes:
        root: Its folder; the same for every test, since MLflow's store names it.
        keys: Folder of the signing keys.
        run: A finished run with a model called ``faults``.
        bare_run: A finished run without one.
        review: An approved review, released to ``production``.
        waiting_review: A review that nobody has decided.
        dataset: Name of a dataset version.
    """

    root: Path
    keys: Path
    run: str
    bare_run: str
    review: str
    waiting_review: str
    dataset: str

    def open(self, actor: str = AUTHOR) -> Project:
        """Return the project as one person sees it."""
        return Project.open(self.root, actor=actor, key_path=self.keys / actor.partition("@")[0])

    def mlops(self, *words: str) -> Said:
        """Give one command in this project; what it prints is caught, what it raises is not."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            where = [] if words[0] == "init" else ["--project", str(self.root)]
            code = main([*words, *where, "--json"])
        return Said(code, out.getvalue(), err.getvalue())

    @property
    def known(self) -> dict[str, str]:
        """What the table of cases may name."""
        return {
            **{k: v for k, v in vars(self).items() if isinstance(v, str)},
            "root": str(self.root),
            "run_start": self.run[:8],
            "key": str(self.keys / "spare.pub"),
        }

    def refused(self, before: dict[str, str], case: situations.Case) -> None:
        """Make sure that a refusal changed nothing, or told the journal of itself and changed nothing else."""
        after = self.state()
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        assert changed == ({DATABASES[0]} if case.recorded else set()), case.name
        if case.recorded:
            kinds = [event.kind for event in self.open().journal.events()]
            assert tuple(kinds[-len(case.recorded) :]) == case.recorded, case.name

    def state(self) -> dict[str, str]:
        """Return a digest of everything that a refused command must leave alone; a database counts as its rows.

        Its bytes are no measure: whoever closes a database last, a reader too, moves what was committed long ago from
        the write-ahead log into the file.
        """
        return {name: _rows(self.root / name) for name in DATABASES} | {
            path.relative_to(self.root).as_posix(): _digest_of(path, _is_new(path))
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not _is_transient(path.relative_to(self.root))
        }


def _is_transient(path: Path) -> bool:
    """Tell locks, and what SQLite and DVC keep for themselves, from what a person would miss.

    The store may gain blobs: it holds bytes by their digest, and what nobody names harms nobody.
    """
    own = ((".workbench", "leases"), (".workbench", "store"), (".dvc", "tmp"))
    is_transient = path.name.endswith((".lock", "-wal", "-shm")) or path.parts[:2] in own
    return is_transient or path.as_posix() in DATABASES


def _rows(path: Path) -> str:
    return _rows_of(path, _is_new(path), _is_new(path.with_name(path.name + "-wal")))


def _is_new(path: Path) -> tuple[int, int]:
    """Return what tells that a file was written again; one that is not there counts as empty."""
    if not path.is_file():
        return 0, 0
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@cache
def _digest_of(path: Path, _since: tuple[int, int]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _rows_of(path: Path, *_since: tuple[int, int]) -> str:
    if not path.is_file():
        return ""
    try:
        connection = sqlite3.connect(path)
        dump = "\n".join(connection.iterdump()).encode()
        connection.close()
    except sqlite3.DatabaseError:
        dump = path.read_bytes()
    return hashlib.sha256(dump).hexdigest()


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Path]:
    folder = tmp_path_factory.mktemp("bad-day")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_ACTOR", AUTHOR)
        patch.setenv("DVC_NO_ANALYTICS", "1")
        patch.setenv("WORKBENCH_PROJECT", str(folder / "project"))
        patch.setattr(session, "_session", None)
        place = make_place(folder)
    for name in DATABASES:
        _settle(place.root / name)
    shutil.copytree(place.root, folder / "untouched", symlinks=True)
    return place, folder / "untouched"


def _settle(path: Path) -> None:
    """Move what was committed into the file itself: a copy beside a log that somebody still writes may be torn."""
    connection = sqlite3.connect(path)
    is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.close()
    assert not is_busy, path


@pytest.fixture
def restore(_made: tuple[Place, Path]) -> Callable[[], None]:
    """Bring the project back to what it was before anything went wrong."""
    found, untouched = _made

    def bring_back() -> None:
        if _looks(found.root) == _looked.get(found.root):
            return  # most questions are wrong in themselves, and what they ask is still as it was
        rubbish = found.root.with_name("rubbish")
        rubbish.mkdir()
        for path in found.root.iterdir():  # the folder itself stays: kernels and servers stand in it
            path.rename(rubbish / path.name)  # at once, for a server that watches opens the journal anew where it can
        shutil.rmtree(rubbish)
        shutil.copytree(untouched, found.root, symlinks=True, dirs_exist_ok=True)
        _looked[found.root] = _looks(found.root)
        _forget_connections()

    return bring_back


_looked: dict[Path, dict[Path, tuple[int, int, int]]] = {}


def _looks(root: Path) -> dict[Path, tuple[int, int, int]]:
    """Return name, time, size and mode of everything that a damage or a command could have changed."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        is_passing = path.name.endswith(("-shm", ".lock")) or (path.name.endswith("-wal") and not status.st_size)
        if not is_passing and "leases" not in path.parts:
            written = (0, 0) if path.is_dir() else (status.st_mtime_ns, status.st_size)
            found[path] = (*written, status.st_mode)
    return found


@pytest.fixture
def place(_made: tuple[Place, Path], restore: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Place:
    """The project as it was before anything went wrong."""
    restore()
    monkeypatch.setenv("WORKBENCH_SIGNING_KEY", str(_made[0].keys / "author"))
    monkeypatch.setenv("WORKBENCH_ACTOR", AUTHOR)
    return _made[0]


def _forget_connections() -> None:
    """MLflow keeps its connections for good; they would go on reading the file that was removed."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    _client.cache_clear()
    for engine in SqlAlchemyStore._engine_map.values():
        engine.dispose()
    SqlAlchemyStore._engine_map.clear()


def make_place(folder: Path) -> Place:
    """Make the project: data, runs with and without a model, one review released and one waiting."""
    root, keys = folder / "project", folder / "keys"
    create_project(root, template="blank", name="line")
    create_key(keys / "spare", comment="nobody's yet")
    (root / "policy" / "gate.toml").write_text(POLICY)
    for person in (AUTHOR, REVIEWER):
        name = person.partition("@")[0]
        create_key(keys / name, comment=person)
        add_reviewer(Project.open(root, actor=AUTHOR), person, str(keys / f"{name}.pub"))
    (root / "notebooks").mkdir()
    (root / "notebooks" / "train.ipynb").write_text(json.dumps(situations.NOTEBOOK))
    (root / "data").mkdir()
    (root / "data" / "rows.csv").write_text("a,b\n" + "1,2\n" * 50)
    author = Project.open(root, actor=AUTHOR, key_path=keys / "author")
    (version,) = snapshot(author, ("data/rows.csv",), message="first")
    run, other, bare = (_finished_run(with_model=with_model) for with_model in (True, True, False))
    card = request_review(author, run, wait=True)
    reviewer = Project.open(root, actor=REVIEWER, key_path=keys / "reviewer")
    approve(reviewer, card.id, reason="fine")
    release(author, card.id)
    waiting = request_review(author, other, wait=True)
    for project in (author, reviewer):
        project.journal.close()
    return Place(root, keys, run, bare, card.id, waiting.id, version.id)


def _finished_run(*, with_model: bool) -> str:
    from sklearn.linear_model import LogisticRegression

    with session.run("try", source="notebooks/train.ipynb") as run:
        session.log(f1=0.8)
        if with_model:
            random = np.random.default_rng(int(run[:6], 16))
            rows = random.normal(size=(300, 2))
            truth = (rows[:, 0] > 0).astype(int)
            model = LogisticRegression(C=random.uniform()).fit(rows[:200], truth[:200])
            save_model(model, name="faults", train=rows[:200], holdout=(rows[200:], truth[200:]))
    return run
