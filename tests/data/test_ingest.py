"""Watched folders: new files become one version, half-written ones wait, another schema stops and asks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time

import pytest

from workbench.compute.consent import list_secrets, trust_secrets
from workbench.data.ingest import intake
from workbench.data.ingest.intake import add_watch, ingest, list_watches
from workbench.data.versions import list_versions, restore
from workbench.foundation.errors import ConflictError, DeniedError, NotFoundError, UnavailableError, UsageError


@pytest.fixture
def inbox(project):
    """A folder that a machine writes CSV files into; ``put`` leaves one there that is ten seconds old."""
    folder = project.root / "inbox"
    folder.mkdir()
    add_watch(project, "inbox", "line1", pattern="*.csv")

    def put(name: str, text: str = "time,torque\n1,0.5\n2,0.75\n", age_s: float = 10) -> None:
        path = folder / name
        path.write_text(text)
        moment = time.time() - age_s
        os.utime(path, (moment, moment))

    return put


def card(project):
    (only,) = list_watches(project)
    return only


@pytest.mark.checklist("S0-21", "S4-15")
def test_new_files_become_one_version_and_a_second_ingest_takes_nothing(project, inbox):
    inbox("a.csv")
    inbox("b.csv", "time,torque\n3,1.0\n")
    assert (card(project).waiting, card(project).files) == (2, 0)
    assert card(project).lag_s >= 10
    (report,) = ingest(project)
    assert report.taken == ("a.csv", "b.csv")
    assert (report.rows, report.changed) == (3, ())
    assert report.lag_s >= 10
    assert [version.id for version in list_versions(project)] == [report.version]
    assert (card(project).waiting, card(project).files, card(project).version) == (0, 2, report.version)
    (again,) = ingest(project)
    assert (again.taken, again.version) == ((), report.version)
    assert len(project.journal.events(kind="data.ingested")) == 1


def test_what_comes_later_makes_a_new_version_and_the_old_one_still_comes_back(project, inbox):
    inbox("a.csv")
    (first,) = ingest(project, "line1")
    inbox("b.csv")
    (second,) = ingest(project, "line1")
    assert second.taken == ("b.csv",)
    restore(project, first.version)
    assert sorted(p.name for p in (project.root / "data" / "line1").iterdir()) == ["a.csv"]


def test_files_that_are_still_being_written_wait(project, inbox):
    inbox("a.csv", age_s=0)
    inbox("b.csv.part")
    inbox(".hidden.csv")
    (report,) = ingest(project)
    assert (report.taken, report.settling) == ((), ("a.csv",))
    assert not (project.root / "data" / "line1").exists()


def test_a_file_with_other_bytes_under_the_same_name_replaces_the_old_one(project, inbox):
    inbox("a.csv")
    ingest(project)
    inbox("a.csv", "time,torque\n1,0.5\n2,0.75\n3,0.8\n", age_s=8)
    (report,) = ingest(project)
    assert report.changed == ("a.csv",)


@pytest.mark.parametrize(
    ("text", "difference"),
    [
        ("time,torque,load\n1,0.5,3\n", "'load' is new"),
        ("time\n1\n", "'torque' is missing"),
        ("time,torque\n1,high\n", "'torque' is string instead of double"),
        ("torque,time\n0.5,1\n", "another order"),
    ],
)
def test_another_schema_stops_changes_nothing_and_asks(project, inbox, text, difference):
    inbox("a.csv")
    (first,) = ingest(project)
    inbox("good.csv")
    inbox("other.csv", text)
    for _ in range(2):
        with pytest.raises(ConflictError) as caught:
            ingest(project)
    assert caught.value.code == "ingest-schema-changed"
    assert difference in caught.value.message
    assert "--accept-schema" in caught.value.hint
    assert len(project.journal.events(kind="data.ingest-stopped")) == 1
    assert difference in card(project).problem
    assert sorted(p.name for p in (project.root / "data" / "line1").iterdir()) == ["a.csv"]
    assert card(project).version == first.version


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ("測定表,,\n,,\n番号,値,x\n1,2,3\n2,3,4\n", "測定表,,\n,,\n番号,重さ,x\n1,2,3\n2,3,4\n", "'値' is missing"),
        ("測定表\n番号,値,x\n1,2,3\n2,3,4\n", "測定表\n番号,値,x\n1,b,3\n2,3,4\n", "'値' is string instead of int64"),
        ("番号;値\n1;2,5\n2;3,5\n", "番号;重さ\n1;2,5\n2;3,5\n", "'値' is missing"),
    ],
)
def test_columns_below_a_title_or_between_other_separators_are_watched_too(project, inbox, first, second, difference):
    inbox("a.csv", first)
    assert ingest(project)[0].rows == 2
    inbox("b.csv", second)
    with pytest.raises(ConflictError, match=difference):
        ingest(project)


def test_a_schema_that_is_accepted_is_the_one_expected_from_then_on(project, inbox):
    inbox("a.csv")
    ingest(project)
    inbox("wide.csv", "time,torque,load\n1,0.5,3\n")
    ingest(project, "line1", accept_schema=True)
    inbox("wide2.csv", "time,torque,load\n1,0.5,3\n")
    (report,) = ingest(project)
    assert report.taken == ("wide2.csv",)
    assert not card(project).problem


def test_whole_numbers_and_empty_columns_are_no_change_of_schema(project, inbox):
    inbox("a.csv", "time,torque\n1,0.5\n")
    ingest(project)
    inbox("b.csv", "time,torque\n1,1\n")
    inbox("c.csv", "time,torque\n1,\n")
    (report,) = ingest(project)
    assert report.taken == ("b.csv", "c.csv")
    inbox("d.csv", "time,torque\n1,0.25\n")
    assert ingest(project)[0].taken == ("d.csv",)


def test_killed_between_copy_and_record_the_next_ingest_ends_the_same(project, inbox):
    """Kill the process at each of the steps; whatever was done, ingesting again gives the one right version."""
    inbox("a.csv")
    inbox("b.csv")
    for step in ("snapshot", "_record", "_copy"):
        code = textwrap.dedent(f"""
            import os
            from pathlib import Path
            from workbench.foundation.project import Project
            from workbench.data.ingest import intake
            def die(*a, **k): os.kill(os.getpid(), 9)
            intake.{step} = die
            intake.ingest(Project.open(Path({str(project.root)!r}), actor="ada@example.org"))
        """)
        done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
        assert done.returncode == -9, done.stderr.decode()
        assert card(project).files == 0
    (report,) = ingest(project)
    assert report.taken == ("a.csv", "b.csv")
    assert len(list_versions(project)) == 1


def test_a_file_written_to_while_it_is_copied_is_not_taken(project, inbox, monkeypatch):
    inbox("a.csv")
    copy = intake.shutil.copyfile

    def slow_writer(source, target):
        copy(source, target)
        with open(source, "a") as stream:
            stream.write("3,0.1\n")

    monkeypatch.setattr(intake.shutil, "copyfile", slow_writer)
    with pytest.raises(ConflictError, match="was written to"):
        ingest(project)
    assert card(project).files == 0


def test_bad_input_is_refused(project, inbox):
    with pytest.raises(NotFoundError) as caught:
        ingest(project, "line2")
    assert "line1" in caught.value.hint
    with pytest.raises(UsageError):
        add_watch(project, "inbox", "../evil")
    with pytest.raises(UsageError):
        add_watch(project, "inbox", "x", into="inbox/inside")
    with pytest.raises(ConflictError):
        add_watch(project, "inbox", "line1", pattern="*.txt")
    add_watch(project, "/not/there", "share")
    with pytest.raises(UnavailableError, match="is not there"):
        ingest(project, "share")
    assert next(watch.problem for watch in list_watches(project) if watch.name == "share")


def test_a_folder_of_ones_own_is_watched_only_with_ones_agreement(project, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path_factory.mktemp("user")))
    home = tmp_path_factory.mktemp("home")
    (home / "id_ed25519").write_text("secret")
    (project.root / "data").mkdir(exist_ok=True)
    declared = f'folder = "{home}"\ninto = "data/taken"\nsettle_s = 0.0\n'
    (project.root / "data" / "theirs.watch.toml").write_text(declared)
    with pytest.raises(DeniedError) as caught:
        ingest(project)
    assert caught.value.code == "secrets-untrusted"
    assert str(home) in caught.value.message
    assert caught.value.hint.endswith("mlops secrets trust watches.theirs")
    assert card(project).waiting == 0
    assert not (project.root / "data" / "taken").exists()
    assert [use.section for use in list_secrets(project)] == ["watches.theirs"]

    trust_secrets(project, ("watches.theirs",))
    assert ingest(project)[0].taken == ("id_ed25519",)

    (project.root / "data" / "theirs.watch.toml").write_text(declared.replace('"data/taken"', '"data/elsewhere"'))
    with pytest.raises(DeniedError):
        ingest(project)


def test_whoever_adds_a_watch_of_a_share_has_agreed_to_it(project, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path_factory.mktemp("user")))
    share = tmp_path_factory.mktemp("share")
    (share / "a.csv").write_text("time,torque\n1,0.5\n")
    add_watch(project, str(share), "line1", pattern="*.csv", settle_s=0.0)
    assert ingest(project)[0].taken == ("a.csv",)


@pytest.mark.parametrize("pattern", ["*.csv", "*/*.csv", "**/*.csv"])
def test_no_link_leads_out_of_a_watched_folder(project, inbox, tmp_path_factory, pattern):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "a.csv").write_text("time,torque\n1,0.5\n")
    (project.root / "inbox" / "there").symlink_to(outside)
    (project.root / "inbox" / "b.csv").symlink_to(outside / "a.csv")
    (project.root / "data" / "line1.watch.toml").unlink()
    add_watch(project, "inbox", "line1", pattern=pattern, settle_s=0.0)
    assert ingest(project)[0].taken == ()


def test_a_folder_that_is_a_link_to_ones_own_is_asked_about_as_well(project, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path_factory.mktemp("user")))
    (project.root / "inbox").symlink_to(tmp_path_factory.mktemp("home"))
    (project.root / "data").mkdir(exist_ok=True)
    (project.root / "data" / "line1.watch.toml").write_text('folder = "inbox"\ninto = "data/line1"\n')
    with pytest.raises(DeniedError):
        ingest(project)
