"""Data cards: plain files that say whose data it is, and a doctor that misses them."""

import subprocess

import pytest

from workbench.data.care.card import (
    card_findings,
    data_class_in_commit,
    data_class_of,
    describe_data,
    is_guarded,
    show_card,
)
from workbench.data.versions import snapshot
from workbench.foundation.errors import NotFoundError, UsageError

CSV = "data/readings.csv"
WHOLE = {
    "owner": "line lead",
    "purpose": "wear of the spindle",
    "data_class": "internal",
    "retention": "2 years",
    "sharing": "plant staff",
    "contact": "lead@example.com",
}


def test_a_card_is_written_once_changed_in_part_and_shown_for_every_version(project):
    with pytest.raises(NotFoundError, match="card-missing"):
        show_card(project, CSV)
    first = describe_data(project, CSV, owner="line lead", data_class="internal")
    assert first.problems == (
        "purpose is missing",
        "retention is missing",
        "sharing is missing",
        "contact is missing",
    )
    describe_data(project, CSV, **WHOLE)
    (version,) = snapshot(project, (CSV,))
    card = show_card(project, version.id)
    assert card.is_complete
    assert {key: getattr(card, key) for key in WHOLE} == WHOLE
    describe_data(project, CSV, retention="forever")
    assert show_card(project, CSV).owner == "line lead"


def test_the_template_is_japanese_where_that_is_wanted(project):
    describe_data(project, CSV, **WHOLE, language="ja")
    text = (project.root / f"{CSV}.card.toml").read_text(encoding="utf-8")
    assert "# 収集の目的\npurpose = " in text
    with pytest.raises(UsageError, match="language-unknown"):
        describe_data(project, CSV, language="fr")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"data_class": "secret"}, "none of public"),
        ({"retention": "a while"}, "neither '2 years'"),
        ({"retention": "2024-02-30"}, "no date"),
        ({"retention": "2020-01-01"}, "kept beyond 2020-01-01"),
        ({"data_class": "personal", "retention": "forever"}, "kept forever"),
    ],
)
def test_what_cannot_be_is_refused_and_found_where_people_wrote_it(project, values, problem):
    with pytest.raises(UsageError) as refusal:
        describe_data(project, CSV, **values)
    assert (refusal.value.code, problem in refusal.value.message) == ("card-invalid", True)
    assert not (project.root / f"{CSV}.card.toml").exists()
    text = "".join(f'{key} = "{value}"\n' for key, value in {**WHOLE, **values}.items())
    (project.root / f"{CSV}.card.toml").write_text(text)
    (found,) = show_card(project, CSV).problems
    assert problem in found


def test_the_doctor_misses_cards_and_names_broken_ones(project):
    snapshot(project, (CSV,))
    (finding,) = card_findings(project)
    assert (finding.is_ok, "describe" in finding.hint) == (False, True)
    (project.root / f"{CSV}.card.toml").write_text("ownr = 1\n")
    (finding,) = card_findings(project)
    assert "unknown key 'ownr'" in finding.message
    assert is_guarded(project, CSV), "a card that cannot be read may say 'personal'"
    (project.root / f"{CSV}.card.toml").unlink()
    describe_data(project, CSV, **WHOLE)
    assert [finding.is_ok for finding in card_findings(project)] == [True]


def test_a_folders_card_guards_what_lies_in_it(project):
    assert not is_guarded(project, CSV)
    describe_data(project, "data", data_class="personal")
    assert is_guarded(project, CSV)
    assert not is_guarded(project, "other/readings.csv")


@pytest.mark.parametrize("word", ["", "public", "no class at all"])
def test_a_files_own_card_does_not_hide_the_folders(project, word):
    describe_data(project, "data", data_class="personal")
    (project.root / f"{CSV}.card.toml").write_text(f'data_class = "{word}"\n')
    assert data_class_of(project, CSV) == "personal"
    assert is_guarded(project, CSV)


def test_the_class_is_recorded_with_the_version_and_lowering_it_with_the_chain(project):
    describe_data(project, "data", data_class="personal")
    (version,) = snapshot(project, (CSV,))
    assert version.data_class == "personal"
    assert project.journal.events(kind="data.snapshot")[-1].data["data_class"] == "personal"
    describe_data(project, "data", data_class="internal", owner="line lead")
    told = project.journal.events(kind="data.described")[-1]
    assert (told.subject, told.data["before"], told.data["data_class"]) == ("data:data", "personal", "internal")
    before = project.journal.head()
    describe_data(project, "data", owner="somebody else")
    assert project.journal.head() == before  # only the class is the journal's business


def test_a_folders_version_has_the_strictest_class_of_what_is_in_it(project):
    describe_data(project, "data", data_class="internal")
    (project.root / f"{CSV}.card.toml").write_text('data_class = "personal"\n')
    (version,) = snapshot(project, ("data",))
    assert version.data_class == "personal"


def test_a_commit_tells_what_the_cards_said_in_it(project):
    def git(*words: str) -> str:
        command = ["git", "-C", str(project.root), "-c", "user.name=a", "-c", "user.email=a@b", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (project.root / "data.card.toml").write_text('data_class = "personal"\n')
    (project.root / f"{CSV}.card.toml").write_text('data_class = ""\n')
    git("add", "-f", "data.card.toml", f"{CSV}.card.toml")
    git("commit", "-qm", "cards")
    commit = git("rev-parse", "HEAD")
    (project.root / "data.card.toml").unlink()
    assert data_class_of(project, CSV) == ""
    assert data_class_in_commit(project, CSV, commit) == "personal"
    assert data_class_in_commit(project, CSV, "0" * 40) == ""
    assert data_class_in_commit(project, CSV, "--help") == ""
