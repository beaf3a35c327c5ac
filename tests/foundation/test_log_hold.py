"""A process that reads its own database's file, as any notebook may, goes on seeing and being seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.experiment.store import connections
from workbench.foundation import log_hold, open_file_lock
from workbench.foundation.errors import StorageError
from workbench.foundation.journal import Journal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="locks of open file descriptions")
OTHER = """
import sys
from workbench.foundation.journal import Journal
journal = Journal(sys.argv[1])
with journal.transaction() as change:
    change.append("run.started", f"run:{sys.argv[2]}", {})
print(*(event.subject for event in journal.events()))
"""

READER = """
import subprocess, sys, threading
from pathlib import Path
from workbench.foundation import log_hold
from workbench.foundation.journal import Journal
path, other = Path(sys.argv[1]), sys.argv[2]
if sys.argv[3] == "planted":
    log_hold._IN_USE = 4096  # a byte that says nothing
journal = Journal(f"sqlite:///{path}")
with journal.transaction() as change:
    change.append("run.started", "run:here", {})
visitor = subprocess.Popen([sys.executable, "-c", other, f"sqlite:///{path}"])
def read_files():
    while visitor.poll() is None:
        for each in path.parent.iterdir():
            each.read_bytes()  # its closing takes SQLite's locks from this process
threading.Thread(target=read_files, daemon=True).start()
while visitor.poll() is None:
    journal.head()
sys.exit(visitor.returncode)
"""
VISITOR = """
import sys, time
from workbench.foundation.journal import Journal
until = time.monotonic() + 3
while time.monotonic() < until:
    journal = Journal(sys.argv[1])
    journal.head()
    journal.close()
"""

OPENER = """
import os, sys
from workbench.foundation.journal import Journal
for _ in range(4):
    journals = [Journal(sys.argv[1]) for _ in range(3)]
    for journal in journals:
        journal.head()
    for journal in journals:
        journal.close()
    print(len(os.listdir("/proc/self/fd")))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def elsewhere(path: Path, name: str) -> list[str]:
    """Write an event in a process of its own, which is the last to close, and return what it saw."""
    command = [sys.executable, "-c", OTHER, f"sqlite:///{path}", name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def note(journal: Journal, name: str) -> None:
    with journal.transaction() as change:
        change.append("run.started", f"run:{name}", {})


def seen(journal: Journal) -> list[str]:
    return [event.subject for event in journal.events()]


def converse(path: Path) -> None:
    """Write here and elsewhere in turn, with a look at the file's bytes between, and lose nothing."""
    journal = Journal(f"sqlite:///{path}")
    note(journal, "here-1")
    path.read_bytes()  # its closing takes SQLite's locks from this process
    elsewhere(path, "there-1")
    assert seen(journal) == ["run:here-1", "run:there-1"]
    note(journal, "here-2")
    assert elsewhere(path, "there-2") == ["run:here-1", "run:there-1", "run:here-2", "run:there-2"]
    journal.verify()
    journal.close()


def test_reading_the_file_itself_parts_nobody_from_the_journal(path: Path) -> None:
    converse(path)
    assert sorted(each.name for each in path.parent.iterdir()) == ["journal.db"], "closed, it is one file"


def test_without_a_hold_the_test_above_sees_what_is_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_file_lock, "_SET_LOCK", None)
    with pytest.raises((AssertionError, StorageError)):
        converse(path)


@pytest.mark.parametrize(("how", "code"), [("held", 0), ("planted", -signal.SIGBUS)])
def test_reading_the_files_takes_the_index_from_under_nobody(path: Path, how: str, code: int) -> None:
    """Another process that came cut the index that this one had mapped: the kernel died, of a backup in a cell."""
    command = [sys.executable, "-c", READER, str(path), VISITOR, how]
    assert subprocess.run(command, check=False, timeout=60).returncode == code


def test_holds_that_have_ended_leave_no_handle(path: Path) -> None:
    """In a process of its own, where nobody else opens files."""
    command = [sys.executable, "-c", OPENER, f"sqlite:///{path}"]
    counted = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert len(set(counted)) == 1
    assert len(counted) == 4
    assert sorted(each.name for each in path.parent.iterdir()) == ["journal.db"]


def test_one_journal_that_is_closed_leaves_another_its_hold(path: Path) -> None:
    first, second = Journal(f"sqlite:///{path}"), Journal(f"sqlite:///{path}")
    note(first, "here-1")
    note(second, "here-2")
    first.close()
    path.read_bytes()
    elsewhere(path, "there-1")
    assert seen(second) == ["run:here-1", "run:here-2", "run:there-1"]
    assert seen(first) == seen(second), "a closed one opens anew"


@pytest.mark.timeout(20)
def test_a_hold_may_end_while_its_own_thread_changes_the_table(path: Path) -> None:
    """As when memory is collected in there; the next hold finds everything in order."""
    note(Journal(f"sqlite:///{path}"), "first")
    hold = log_hold.LogHold(path)
    before = {key: held.users for key, held in log_hold._held.items()}
    with log_hold._changing:
        del hold
        assert {key: held.users for key, held in log_hold._held.items()} == before
    log_hold.LogHold(path).release()
    assert sum(held.users for held in log_hold._held.values()) == sum(before.values()) - 1


def test_a_forked_child_takes_nothing_along(path: Path) -> None:
    journal = Journal(f"sqlite:///{path}")
    note(journal, "here-1")
    if not (child := os.fork()):
        journal.close()
        os._exit(0)
    os.waitpid(child, 0)
    path.read_bytes()
    elsewhere(path, "there-1")
    assert seen(journal) == ["run:here-1", "run:there-1"]


def test_a_tracking_store_is_held_too(path: Path) -> None:
    note(Journal(f"sqlite:///{path}"), "first")  # any database in WAL mode
    with connections.writing(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    path.read_bytes()
    elsewhere(path, "there-1")
    with connections.writing(path) as connection:
        connection.execute("INSERT INTO mine VALUES (1)")
    assert "run:there-1" in elsewhere(path, "there-2")
    with connections.reading(path) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (3,)
