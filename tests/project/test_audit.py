"""Tampering with the journal: every kind is found, given a checkpoint, and the export verifies without us."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import (
    ConflictError,
    DeniedError,
    IntegrityError,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from workbench.foundation.identity import create_key, sign
from workbench.foundation.journal import Journal
from workbench.foundation.project import Project
from workbench.project.audit import verify_journal
from workbench.project.audit_erasure import erase_payload
from workbench.project.audit_export import GUIDE, export_journal
from workbench.project.checkpoints import make_checkpoint
from workbench.review.people import add_reviewer
from workbench.review.proof.statement import CHECKPOINT_NAMESPACE, Verdict

DOCUMENT = (Path(__file__).parents[2] / "docs" / "review.md").read_text(encoding="utf-8")


def happen(project: Project, count: int = 1) -> None:
    for number in range(count):
        with project.journal.transaction() as change:
            change.append("run.started", f"run:{number}", {"name": "負荷 \u2028", "value": 0.1 * number})


@pytest.fixture
def project(blank_project: Project) -> Project:
    add_reviewer(blank_project, blank_project.actor, f"{blank_project.key_path}.pub")
    happen(blank_project, 5)  # after project.created and reviewer.added
    return blank_project


def database(project: Project) -> Path:
    return project.state_dir / "journal.db"


def edit(project: Project) -> None:
    with sqlite3.connect(database(project)) as db:
        db.execute("update events set actor = 'somebody@else' where seq = 3")


def delete(project: Project) -> None:
    with sqlite3.connect(database(project)) as db:
        db.execute("delete from events where seq = 3")


def swap(project: Project) -> None:
    with sqlite3.connect(database(project)) as db:
        for before, after in ((3, 99), (4, 3), (99, 4)):
            db.execute("update events set seq = ? where seq = ?", (after, before))


def replay(project: Project) -> None:
    """Append an old event once more, as if it had happened again."""
    with sqlite3.connect(database(project)) as db:
        db.execute(
            "insert into events select max_seq + 1, at, actor, kind, subject, data_digest, data, prev, hash "
            "from events, (select max(seq) as max_seq from events) where seq = 2"
        )


def truncate(project: Project) -> None:
    with sqlite3.connect(database(project)) as db:
        db.execute("delete from events where seq > 4")


def rewrite(project: Project) -> None:
    """Make up another journal, as long and with a chain of its own that holds."""
    project.journal.close()
    for path in project.state_dir.glob("journal.db*"):
        path.unlink()
    other = Journal(f"sqlite:///{database(project)}", actor="somebody@else")
    with other.transaction() as change:
        for number in range(9):
            change.append("run.started", f"run:{number}", {})
    other.close()


@pytest.mark.checklist("S0-12", "S2-28")
@pytest.mark.parametrize("tamper", [edit, delete, swap, replay, truncate, rewrite])
def test_every_kind_of_tampering_is_found(project, tmp_path, tamper):
    archive = str(tmp_path / "archive")
    make_checkpoint(project, archive)
    happen(project)
    report = verify_journal(project, archive)
    assert (report.events, report.checkpoints, report.proved_events) == (8, 1, 7)
    tamper(project)
    fresh = Project.open(project.root, actor=project.actor, key_path=project.key_path)
    if tamper in (truncate, rewrite):
        verify_journal(fresh)  # the chain alone cannot see it: that is what checkpoints are for
    for look in (lambda: verify_journal(fresh, archive), lambda: make_checkpoint(fresh, archive)):
        with pytest.raises(IntegrityError) as caught:
            look()
        assert caught.value.code == ("journal-truncated" if tamper in (truncate, rewrite) else "journal-broken")


def test_checkpoints_in_git_touch_neither_branch_nor_work_tree(project):
    git = ["git", "-C", str(project.root)]
    state = [[*git, "status", "--porcelain"], [*git, "for-each-ref", "refs/heads"], [*git, "ls-files"]]
    before = [subprocess.run(command, capture_output=True, check=True).stdout for command in state]
    first = make_checkpoint(project)
    assert make_checkpoint(project) == first  # nothing happened meanwhile
    happen(project)
    assert make_checkpoint(project).events == first.events + 1
    count = subprocess.run([*git, "rev-list", "--count", first.place], capture_output=True, check=True).stdout
    assert count == b"2\n"
    assert [subprocess.run(command, capture_output=True, check=True).stdout for command in state] == before
    assert verify_journal(project, "git").checkpoints == 2
    truncate(project)
    with pytest.raises(IntegrityError):
        verify_journal(project, "git")
    shutil.rmtree(project.root / ".git")
    with pytest.raises(UsageError) as caught:
        make_checkpoint(project)
    assert caught.value.code == "git-missing"


def test_two_checkpoints_at_once_and_a_ref_that_cannot_be_written_are_told_apart(project, tmp_path, monkeypatch):
    git = ["git", "-C", str(project.root)]
    blocked = project.root / ".git" / "refs" / "workbench"
    blocked.write_text("a file in the way of the ref")
    with pytest.raises(UnavailableError) as failed:
        make_checkpoint(project)
    assert (failed.value.code, "refs/workbench" in failed.value.message) == ("git-failed", True)
    look = shlex.split(failed.value.hint.partition(": ")[2])
    assert look[-1] == "fsck"
    subprocess.run(look, check=False, capture_output=True)
    blocked.unlink()
    first = make_checkpoint(project)
    happen(project)
    # Another process writes between our reading the ref and our writing it: this git lets one do so.
    other = f"{shutil.which('git')} -C '{project.root}'"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(
        f'#!/bin/sh\nref={first.place}\ncase "$*" in *update-ref*)\n'
        f'  {other} update-ref $ref "$({other} commit-tree "$ref^{{tree}}" -p $ref -m other)";;\nesac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    (tmp_path / "bin" / "git").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        with pytest.raises(ConflictError) as raced:
            make_checkpoint(project)
    assert (raced.value.code, raced.value.hint) == ("checkpoint-raced", "make it again: mlops audit checkpoint")
    subject = subprocess.run([*git, "log", "-1", "--format=%s", first.place], check=True, capture_output=True).stdout
    assert subject == b"other\n", "what the other wrote stays"
    assert make_checkpoint(project).events == first.events + 1
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(UnavailableError) as gone:
        make_checkpoint(project)
    assert (gone.value.code, gone.value.hint) == ("git-failed", "install Git, then repeat")


@pytest.mark.checklist("S2-28")
def test_a_pushed_checkpoint_finds_what_was_made_up_behind_the_one_before(project, tmp_path):
    """Cut off behind the first checkpoint and told anew, as long and with a chain that holds; and the second taken away
    here as well: the ref that was pushed knows better.
    """
    git = ["git", "-C", str(project.root)]
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "remote.git")], check=True)
    subprocess.run([*git, "remote", "add", "origin", str(tmp_path / "remote.git")], check=True)
    first = make_checkpoint(project)
    happen(project, 2)
    second = make_checkpoint(project)
    push, fetch = (re.findall(rf"^git {verb} .*?(?=\s+#|$)", DOCUMENT, re.MULTILINE)[0] for verb in ("push", "fetch"))
    subprocess.run(shlex.split(push), cwd=project.root, check=True)
    with sqlite3.connect(database(project)) as db:
        db.execute("delete from events where seq > ?", (first.events,))
    fresh = Project.open(project.root, actor=project.actor, key_path=project.key_path)
    with fresh.journal.transaction() as change:
        for number in range(2):
            change.append("run.started", f"run:{number}", {"name": "made up"})
    subprocess.run([*git, "update-ref", second.place, f"{second.place}~1"], check=True)
    assert verify_journal(fresh, "git").checkpoints == 1  # what lies here alone has been made to fit
    subprocess.run(shlex.split(fetch), cwd=project.root, check=True)
    with pytest.raises(IntegrityError) as caught:
        verify_journal(fresh, "git")
    assert caught.value.code == "journal-truncated"


def test_a_url_keeps_checkpoints_too(project, tmp_path):
    url = f"file://{tmp_path}/bucket"
    make_checkpoint(project, url)
    assert verify_journal(project, url).proved_by == project.actor


def test_by_hand_with_ssh_keygen_and_one_file(project, tmp_path):
    card = make_checkpoint(project, str(tmp_path))
    path = tmp_path / card.name
    command = ["ssh-keygen", "-Y", "verify", "-f", str(project.root / "policy" / "reviewers"), "-I", project.actor]
    command += ["-n", CHECKPOINT_NAMESPACE, "-s", f"{path}.sig"]
    subprocess.run(command, input=path.read_bytes(), check=True, capture_output=True)
    assert subprocess.run(command, input=path.read_bytes() + b" ", check=False, capture_output=True).returncode
    assert verify_journal(project, str(path)).proved_events == card.events == 7


def test_a_forged_or_missing_checkpoint_is_told(project, tmp_path):
    """A bad hand on the archive: another signer, another purpose, other bytes, one taken out of the row."""
    archive = tmp_path / "archive"
    with pytest.raises(NotFoundError):
        verify_journal(project, str(archive))
    first = make_checkpoint(project, str(archive))
    happen(project)
    second = make_checkpoint(project, str(archive))
    signature = archive / f"{second.name}.sig"
    genuine, data = signature.read_bytes(), (archive / second.name).read_bytes()

    stranger = tmp_path / "stranger"
    create_key(stranger, comment="x")
    assert project.key_path
    for forged, error in (
        (sign(stranger, data, namespace=CHECKPOINT_NAMESPACE), DeniedError),
        (sign(project.key_path, data, namespace=Verdict.APPROVE.namespace), IntegrityError),
        ((archive / f"{first.name}.sig").read_text(), IntegrityError),
    ):
        signature.write_text(forged)
        with pytest.raises(error):
            verify_journal(project, str(archive))
    signature.write_bytes(genuine)
    (archive / second.name).write_bytes(data.replace(b'"events":8', b'"events":7'))
    with pytest.raises(IntegrityError):
        verify_journal(project, str(archive))
    (archive / second.name).write_bytes(canonical_json({"predicate": {}}))
    with pytest.raises(IntegrityError) as caught:
        verify_journal(project, str(archive))
    assert caught.value.code == "checkpoint-malformed"
    (archive / second.name).write_bytes(data)
    assert verify_journal(project, str(archive)).checkpoints == 2
    (archive / first.name).unlink()
    with pytest.raises(IntegrityError) as gone:
        verify_journal(project, str(archive))
    assert gone.value.code == "checkpoint-gone"


def test_two_checkpoints_of_one_moment_are_no_gap(project, tmp_path):
    """A cron job and CI look, both see the same newest one, and each writes its own: nothing was taken away."""
    archive, late = tmp_path / "archive", tmp_path / "late"
    make_checkpoint(project, str(archive))
    shutil.copytree(archive, late)
    for place in (archive, late):
        happen(project)
        newest = make_checkpoint(project, str(place))
    for name in (newest.name, f"{newest.name}.sig"):
        shutil.copy(late / name, archive / name)
    assert verify_journal(project, str(archive)).checkpoints == 3
    happen(project)
    make_checkpoint(project, str(archive))
    (archive / newest.name).unlink()
    with pytest.raises(IntegrityError, match="checkpoint-gone"):
        verify_journal(project, str(archive))


def test_a_key_nobody_listed_signs_but_proves_only_with_its_own_list(project, tmp_path):
    key = tmp_path / "auditor"
    public = create_key(key, comment="auditor")
    auditor = Project.open(project.root, actor="auditor@example.com", key_path=key)
    assert not make_checkpoint(auditor, str(tmp_path / "archive")).is_listed
    with pytest.raises(DeniedError):
        verify_journal(project, str(tmp_path / "archive"))
    (tmp_path / "signers").write_text(f"auditor@example.com {public.line}\n")
    report = verify_journal(project, str(tmp_path / "archive"), signers=str(tmp_path / "signers"))
    assert report.proved_by == "auditor@example.com"


def test_the_export_verifies_with_the_guide_alone(project, tmp_path):
    erase_payload(project, 2, "asked for by the person")
    checkpoint = tmp_path / make_checkpoint(project, str(tmp_path)).name
    exported = export_journal(project, str(tmp_path / "journal.jsonl"))
    with pytest.raises(ConflictError):
        export_journal(project, exported.path)
    assert Path(exported.guide).read_text(encoding="utf-8") == GUIDE
    script = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert script
    assert len(script[1].splitlines()) <= 20
    clean = tmp_path / "clean"
    clean.mkdir()
    (clean / "verify_journal.py").write_text(script[1], encoding="utf-8")
    shutil.copy(exported.path, clean / "journal.jsonl")
    command = [sys.executable, "-I", "verify_journal.py", "journal.jsonl", str(checkpoint)]

    def look(lines: list[str]) -> subprocess.CompletedProcess[str]:
        (clean / "journal.jsonl").write_bytes("".join(lines).encode())
        return subprocess.run(command, cwd=clean, capture_output=True, text=True, check=False)

    lines = _lines(exported.path)
    assert look(lines).stdout == f"{exported.events} {exported.head}\n"
    assert '"data":null' in lines[1]
    for bad in (
        [re.sub(r'"data":\{[^}]*\}', '"data":null', lines[0]), *lines[1:]],
        [lines[0].replace("author", "nobody"), *lines[1:]],
        [*lines[:2], *lines[3:]],
        [lines[1], lines[0], *lines[2:]],
        [*lines, lines[2]],
        lines[:-1],
    ):
        assert look(bad).returncode == 1


def _lines(path: str) -> list[str]:
    return [line.decode() + "\n" for line in Path(path).read_bytes().split(b"\n") if line]
