"""The journal under several writers, a killed writer and a tampering hand."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.foundation import journal as journal_module
from workbench.foundation.errors import ConflictError, IntegrityError, StorageError, UsageError
from workbench.foundation.journal import ERASED, GENESIS, Head, Journal

WRITER = """
import sys
from workbench.foundation.journal import Journal
journal = Journal(sys.argv[1], actor=sys.argv[2])
for number in range(int(sys.argv[3])):
    with journal.transaction() as change:
        event = change.append("job.started", f"job:{sys.argv[2]}-{number}", {"n": number})
        change.put("job", f"{sys.argv[2]}-{number}", "RUNNING", {"n": number}, expect=0)
    print(event.seq, flush=True)
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(f"sqlite:///{tmp_path / 'journal.db'}", actor="author@example.com")


def fill(journal: Journal, count: int) -> None:
    for number in range(count):
        with journal.transaction() as change:
            change.append("run.started", f"run:{number}", {"number": number})


def edit(tmp_path: Path, statement: str) -> None:
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        connection.execute(statement)


def test_empty_journal_verifies(journal: Journal) -> None:
    assert journal.verify() == Head(0, GENESIS)


def test_state_and_event_are_one(journal: Journal) -> None:
    with pytest.raises(RuntimeError, match="power cut"), journal.transaction() as change:
        change.append("job.started", "job:1", {})
        change.put("job", "1", "RUNNING", {})
        raise RuntimeError("power cut")
    assert journal.events() == []
    assert journal.record("job", "1") is None


def test_a_late_decision_is_refused(journal: Journal) -> None:
    with journal.transaction() as change:
        change.put("review", "1", "OPEN", {}, expect=0)
    with journal.transaction() as change:
        change.put("review", "1", "APPROVED", {}, expect=1)
    with pytest.raises(ConflictError, match="record-changed"), journal.transaction() as change:
        change.put("review", "1", "REJECTED", {}, expect=1)
    record = journal.record("review", "1")
    assert record is not None
    assert (record.state, record.revision) == ("APPROVED", 2)


@pytest.mark.checklist("S0-12", "S2-26")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = '{\"number\":99}' WHERE seq = 3",
        "UPDATE events SET data = 'no json' WHERE seq = 3",
        "UPDATE events SET actor = 'somebody@example.com' WHERE seq = 3",
        "UPDATE events SET at = '2020-01-01T00:00:00.000000+00:00' WHERE seq = 3",
        "DELETE FROM events WHERE seq = 3",
        "UPDATE events SET subject = 'run:1' WHERE seq = 3",
        "UPDATE events SET hash = (SELECT hash FROM events WHERE seq = 4) WHERE seq = 3",
    ],
)
def test_tampering_is_found_and_the_event_named(journal: Journal, tmp_path: Path, statement: str) -> None:
    fill(journal, 6)
    assert journal.verify().seq == 6
    edit(tmp_path, statement)
    with pytest.raises(IntegrityError) as caught:
        journal.verify()
    assert caught.value.code == "journal-broken"
    assert "Event 3" in caught.value.message


def test_truncation_is_found_given_a_checkpoint(journal: Journal, tmp_path: Path) -> None:
    fill(journal, 4)
    checkpoint = journal.head()
    fill(journal, 2)
    journal.verify(checkpoint)
    edit(tmp_path, "DELETE FROM events WHERE seq > 3")
    journal.verify()  # a shorter chain is a good chain: only the checkpoint knows
    with pytest.raises(IntegrityError, match="journal-truncated"):
        journal.verify(checkpoint)


def erase(journal: Journal, seq: int) -> None:
    with journal.transaction() as change:
        change.append(ERASED, f"event:{seq}", {"seq": seq})
        change.erase(seq)


def test_an_erased_payload_keeps_the_chain(journal: Journal) -> None:
    fill(journal, 3)
    erase(journal, 2)
    assert journal.verify(journal.head()).seq == 4
    assert journal.events()[1].data is None


@pytest.mark.parametrize("kind", ["run.started", "policy.adopted", ERASED])
def test_a_payload_that_nobody_erased_is_missed(journal: Journal, tmp_path: Path, kind: str) -> None:
    fill(journal, 2)
    erase(journal, 2)
    with journal.transaction() as change:
        change.append(kind, "policy:gate", {"number": 4})
    checkpoint = journal.head()
    edit(tmp_path, "UPDATE events SET data = NULL WHERE seq = 4")
    for ask in (journal.verify, lambda: journal.verify(checkpoint)):
        with pytest.raises(IntegrityError, match="journal-broken") as caught:
            ask()
        assert "Event 4" in caught.value.message


def test_saying_so_beforehand_or_of_what_decisions_rest_on_explains_nothing(journal: Journal, tmp_path: Path) -> None:
    with journal.transaction() as change:
        change.append(ERASED, "event:2", {"seq": 2})
        change.append("run.started", "run:1", {})
        change.append("policy.adopted", "policy:gate", {"policy_digest": "sha256:1"})
    edit(tmp_path, "UPDATE events SET data = NULL WHERE seq = 2")
    with pytest.raises(IntegrityError, match="journal-broken"):
        journal.verify()
    erase(journal, 2)
    journal.verify()
    erase(journal, 3)
    with pytest.raises(IntegrityError, match="journal-broken"):
        journal.verify()


def test_several_processes_write_one_chain(journal: Journal, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, url, f"w{n}", "25"], stdout=subprocess.DEVNULL)
        for n in range(4)
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0, 0]
    assert journal.verify().seq == 100
    assert len(journal.records("job")) == 100


def test_a_killed_writer_loses_nothing_acknowledged(journal: Journal, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, url, f"k{os.urandom(4).hex()}", "100000"], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(10)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
        writer.wait()
        writer.stdout.close()
        assert journal.verify().seq >= acknowledged[-1]
    assert len(journal.records("job")) == journal.head().seq


def test_synchronous_is_full(journal: Journal) -> None:
    # NORMAL lost acknowledged commits in simulated power cuts; 2 is FULL.
    with journal._reading() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_journal_that_stays_locked_names_who_holds_it(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(journal, 1)
    before = journal.head()
    path = tmp_path / "journal.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        monkeypatch.setattr(journal_module, "_BUSY_TIMEOUT_S", 0.2)
        second = Journal(f"sqlite:///{path}", actor="author@example.com")
        with pytest.raises(StorageError) as caught:
            fill(second, 1)
        assert (caught.value.code, str(path) in caught.value.message) == ("journal-locked", True)
        lsof, named = shlex.split(caught.value.hint.partition("repeat: ")[2])
        if shutil.which(lsof):
            pids = subprocess.run([lsof, "-t", named], check=False, capture_output=True, text=True).stdout
            assert str(holder.pid) in pids.split()
        holder.communicate("")
    assert journal.head() == before
    fill(second, 1)  # what the hint asks to wait for has come
    second.close()


def test_a_damaged_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database, this is a text" * 100)
    with pytest.raises(StorageError) as caught:
        Journal(f"sqlite:///{tmp_path / 'journal.db'}").events()
    assert caught.value.code == "journal-unreadable"


def test_events_are_filtered(journal: Journal) -> None:
    with journal.transaction() as change:
        change.append("review.requested", "review:1", {})
        change.append("review.approved", "review:1", {})
        change.append("reviewer.added", "reviewer:1", {})
    assert [event.kind for event in journal.events(kind="review.*")] == ["review.requested", "review.approved"]
    assert [event.seq for event in journal.events(after=1, limit=1)] == [2]
    assert len(journal.events(subject="review:1")) == 2


@pytest.mark.parametrize(
    "url",
    ["zz", "zz://h/x", "mysql+nosuch://u:secret@h/x", "postgresql://h:noport/x", "postgresql+nosuch://u:secret@h/x"],
)
def test_an_address_of_no_database_is_said_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Journal(url)
    assert caught.value.code == "journal-url-invalid"
    assert "[journal]" in caught.value.hint
    assert "secret" not in str(caught.value)
