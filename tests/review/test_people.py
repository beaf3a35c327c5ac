"""People: keys are made once, reviewers are listed once, one key is one person."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from workbench.experiment.store import tracking
from workbench.foundation.errors import ConflictError, DeniedError, NotFoundError, UsageError
from workbench.foundation.identity import AllowedSigners, create_key, read_public_key
from workbench.foundation.project import default_actor
from workbench.review.people import add_reviewer, create_identity, list_reviewers
from workbench.review.proof.persons import person_of
from workbench.review.record import find_review
from workbench.review.reviews import approve, request_review


def test_an_identity_is_made_once_and_openssh_reads_it(world, tmp_path):
    path = tmp_path / "ssh" / "id_ed25519"
    made = create_identity(world.as_("dan"), str(path), "dan@example.com")
    shown = subprocess.run(["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=True).stdout
    assert made.principal == "dan@example.com"
    assert made.fingerprint in shown
    assert not made.is_in_force
    assert made.offer == f"mlops reviewers add dan@example.com {path}.pub"
    assert path.stat().st_mode & 0o077 == 0
    before = path.read_bytes()
    with pytest.raises(ConflictError, match="key-exists"):
        create_identity(world.as_("dan"), str(path))
    assert path.read_bytes() == before


def test_the_usual_place_is_in_the_home_folder(world, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    made = create_identity(world.as_("dan"))
    assert made.principal == "dan@example.com"
    assert (tmp_path / "home" / ".ssh" / "id_ed25519.pub").is_file()


def test_adding_twice_changes_nothing(world):
    path = world.root / "policy" / "reviewers"
    key = world.keys / "dan.pub"
    added = add_reviewer(world.as_("carol"), "dan@example.com", str(key))
    before, events = path.read_bytes(), world.as_("carol").journal.head()
    assert add_reviewer(world.as_("carol"), "dan@example.com", key.read_text()) == added
    assert (path.read_bytes(), world.as_("carol").journal.head()) == (before, events)
    assert added in list_reviewers(world.as_("carol"))


def test_the_event_names_a_fingerprint_and_nobody(world):
    added = add_reviewer(world.as_("carol"), "dan@example.com", str(world.keys / "dan.pub"))
    event = world.as_("carol").journal.events(kind="reviewer.added")[-1]
    assert event.data == {"fingerprint": added.fingerprint}
    assert "dan" not in event.subject


def test_the_file_keeps_what_people_wrote_into_it(world):
    path = world.root / "policy" / "reviewers"
    path.write_text("# our reviewers\n" + path.read_text().rstrip("\n"))
    add_reviewer(world.as_("carol"), "dan@example.com", str(world.keys / "dan.pub"))
    lines = path.read_text().splitlines()
    assert lines[0] == "# our reviewers"
    assert len(AllowedSigners.parse(path.read_text()).entries) == 4
    assert lines[-1].startswith('dan@example.com namespaces="mlops-workbench.approve,mlops-workbench.reject,')


def test_one_key_is_not_given_to_a_second_name(world):
    with pytest.raises(ConflictError, match="key-listed"):
        add_reviewer(world.as_("carol"), "robert@example.com", str(world.keys / "bob.pub"))


@pytest.mark.parametrize("name", ["", "two words", "a,,b", "*@example.com", "!bob", 'b"b', "#bob", "bob\nmallory"])
def test_a_name_that_openssh_would_read_otherwise_is_refused(world, name):
    before = (world.root / "policy" / "reviewers").read_bytes()
    with pytest.raises(UsageError, match="principal-malformed"):
        add_reviewer(world.as_("carol"), name, str(world.keys / "dan.pub"))
    assert (world.root / "policy" / "reviewers").read_bytes() == before


def test_something_else_is_no_key(world, tmp_path):
    with pytest.raises(NotFoundError, match="key-missing"):
        add_reviewer(world.as_("carol"), "dan@example.com", str(tmp_path / "none.pub"))
    with pytest.raises(UsageError, match="key-malformed"):
        add_reviewer(world.as_("carol"), "dan@example.com", "ssh-ed25519 AAAA")


def test_many_at_once_lose_nobody(world):
    """Five processes add five people; a read-modify-write without a lock loses some."""
    script = (
        "import sys; from pathlib import Path; from workbench.foundation.project import Project;"
        "from workbench.review.people import add_reviewer;"
        "add_reviewer(Project.open(Path(sys.argv[1])), sys.argv[2] + '@example.com', sys.argv[3])"
    )
    names = [f"person{i}" for i in range(5)]
    for name in names:
        create_key(world.keys / name, comment=name)
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(world.root), name, str(world.keys / f"{name}.pub")])
        for name in names
    ]
    assert [process.wait() for process in started] == [0] * 5
    assert {f"{name}@example.com" for name in names} <= {r.principal for r in list_reviewers(world.as_("bob"))}


def test_a_person_is_all_names_and_keys_that_hang_together(world):
    def line(name, key):
        return f"{name} {read_public_key(world.keys / key).line}\n"

    text = line("a@x", "alice") + line("b@x", "alice") + line("b@x", "bob") + line("c@x", "carol")
    allowed = AllowedSigners.parse(text)
    assert person_of(allowed, name="a@x").names == {"a@x", "b@x"}
    assert person_of(allowed, name="A@X ").is_same(person_of(allowed, key=read_public_key(world.keys / "bob").blob))
    assert not person_of(allowed, name="a@x").is_same(person_of(allowed, name="c@x"))
    assert not person_of(allowed, name="").is_same(person_of(allowed, name=""))


def test_a_handle_is_recorded_and_its_mail_address_nowhere(world, models, monkeypatch):
    """Ada commits under her mail address and acts under a handle; she is one person, and her address stays out."""
    monkeypatch.delenv("WORKBENCH_ACTOR", raising=False)
    git = ["git", "-C", str(world.root), "-c", "user.name=A", "-c", "user.email=ada@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "config", "user.email", "ada@example.org"], check=True)
    assert default_actor(world.root) == "ada@example.org"
    subprocess.run([*git, "config", "workbench.actor", "r7"], check=True)
    assert default_actor(world.root) == "r7"
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "notebook"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    add_reviewer(world.as_("carol"), "r7,ada@example.org", str(world.keys / "dan.pub"))
    run = world.log_model(models.good)
    tracking.set_tags(world.as_("alice"), run, {"workbench.commit": commit})
    card = request_review(world.as_("alice"), run, wait=True)
    assert find_review(world.as_("alice"), card.id).commit_author == "r7"
    ada = replace(world.as_("dan"), actor="r7")
    with pytest.raises(DeniedError, match="self-approval"):
        approve(ada, card.id)
    kept = b"".join(path.read_bytes() for path in (world.root / ".workbench").glob("journal.db*"))
    assert b"r7" in kept
    assert b"ada@example.org" not in kept
