"""Erasing a person: gone from every version, every remote and the work tree, and nothing else is touched."""

import json
import subprocess
import sys
import textwrap

import pandas as pd
import pytest

from tests.files import files_below
from workbench.data.care.erasure import erase_rows
from workbench.data.care.erasure_record import erasure_findings, replacements
from workbench.data.care.rows import wanted_of, without_rows
from workbench.data.versions import list_versions, restore, snapshot, version_of
from workbench.foundation.errors import NotFoundError, UsageError, WorkbenchError

CSV = "data/customers.csv"
WHO = "C-0042-OHNO"
HEAD = "customer_id,amount,note\n"


def line(i, who=None):
    return f'{who or f"C-{i:04d}"},{i * 3},"bought ""{i}"", twice"\n'


def content(rows, who_at=()):
    return HEAD + "".join(line(i, WHO if i in who_at else None) for i in range(rows))


@pytest.fixture
def person(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PERSON", f"{WHO}\n")
    return {"column": "customer_id", "values_env": "PERSON"}


@pytest.fixture
def three_versions(any_project):
    """Three versions, two of which hold the person; the last is in the work tree."""
    (any_project.root / "data/readings.csv").unlink()
    for rows, who in ((50, (7, 30)), (60, ()), (80, (7, 79))):
        (any_project.root / CSV).write_text(content(rows, who))
        snapshot(any_project, (CSV,), f"{rows} rows")
    return any_project


def holds(root, value=WHO):
    """Search every byte below a folder, as nobody who is proud of a database would."""
    return [path.relative_to(root).as_posix() for path in files_below(root) if value.encode() in path.read_bytes()]


def contents(project):
    return {v.id: v for v in list_versions(project)}


@pytest.mark.checklist("S3-19", "S4-12")
def test_nothing_of_the_person_is_left_and_every_other_row_is_the_same(three_versions, person, dvc):
    project = three_versions
    before = {version.message: version for version in list_versions(project)}
    assert holds(project.root), "the harness must see the value before it is gone"

    preview = erase_rows(project, (CSV,), **person)
    assert (preview.state, preview.untouched, preview.objects) == ("preview", 1, 2)
    assert {v.version: (v.rows, v.kept_rows) for v in preview.versions} == {
        before["50 rows"].id: (2, 48),
        before["80 rows"].id: (2, 78),
    }
    assert {version.id for version in before.values()} == set(contents(project))

    report = erase_rows(project, (CSV,), **person, yes=True)
    assert (report.state, report.unreached, report.remains) == ("done", (), ())
    assert holds(project.root) == []
    after = {version.message: version for version in list_versions(project)}
    assert after["60 rows"].id == before["60 rows"].id
    assert {name: version.rows for name, version in after.items()} == {"50 rows": 48, "60 rows": 60, "80 rows": 78}
    assert replacements(project) == {
        before["50 rows"].id: after["50 rows"].id,
        before["80 rows"].id: after["80 rows"].id,
    }
    assert (project.root / CSV).read_text() == HEAD + "".join(line(i) for i in range(80) if i not in (7, 79))
    assert dvc("status").stdout.strip() == "Data and pipelines are up to date."
    restore(project, after["50 rows"].id)
    assert (project.root / CSV).read_text() == HEAD + "".join(line(i) for i in range(50) if i not in (7, 30))
    assert version_of(project, project.root / CSV).id == after["50 rows"].id
    with pytest.raises(NotFoundError):
        restore(project, before["50 rows"].id)
    again = erase_rows(project, (CSV,), **person, yes=True)
    assert (again.state, again.versions) == ("done", ())


def test_the_journal_tells_what_was_done_and_not_to_whom(three_versions, person):
    report = erase_rows(three_versions, (CSV,), **person, yes=True)
    events = [event for event in three_versions.journal.events() if event.subject == f"erasure:{report.id}"]
    assert [event.kind for event in events] == ["data.erasure-planned", "data.rewritten", "data.erased"]
    assert events[-1].actor == "ada@example.org"
    assert events[-1].data["rows"] == 4
    assert len(events[-1].data["versions"]) == 2
    assert events[-1].data["values"][0].startswith("scrypt:")
    assert WHO not in json.dumps([event.data for event in events])
    three_versions.journal.verify()


def test_a_remote_loses_the_old_bytes_and_gets_the_new_ones(three_versions, person, dvc, tmp_path_factory):
    remote = tmp_path_factory.mktemp("remote")
    assert dvc("remote", "add", "-d", "store", str(remote)).returncode == 0
    for version in list_versions(three_versions):
        restore(three_versions, version.id)
        assert dvc("push").returncode == 0
    assert len(holds(remote)) == 2
    report = erase_rows(three_versions, (CSV,), **person, yes=True)
    assert report.remotes == ("store",)
    assert holds(remote) == holds(three_versions.root) == []
    for path in (three_versions.root / ".dvc" / "cache").rglob("*"):
        if path.is_file():
            path.unlink()
    (three_versions.root / CSV).unlink()
    done = dvc("pull")
    assert done.returncode == 0, done.stderr
    assert (three_versions.root / CSV).read_text().startswith(HEAD)


def test_a_remote_that_does_not_answer_is_named_and_done_later_without_the_values(
    three_versions, person, dvc, tmp_path
):
    remote = tmp_path.parent / f"{tmp_path.name}-remote"
    assert dvc("remote", "add", "-d", "store", str(remote)).returncode == 0
    assert dvc("push").returncode == 0
    assert len(holds(remote)) == 1
    away = remote.with_name(f"{remote.name}-away")
    remote.rename(away)
    remote.write_text("in the way")
    report = erase_rows(three_versions, (CSV,), **person, yes=True)
    assert (report.state, report.unreached) == ("rewritten", ("store",))
    assert "--yes" in report.hint
    (finding,) = erasure_findings(three_versions)
    assert (finding.is_ok, finding.hint) == (False, f"mlops data erase {CSV} --yes")
    remote.unlink()
    away.rename(remote)
    report = erase_rows(three_versions, (CSV,), yes=True)
    assert (report.state, report.unreached) == ("done", ())
    assert holds(remote) == []
    with pytest.raises(UsageError, match="erase-values-missing"):
        erase_rows(three_versions, (CSV,), yes=True)


KILLED = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    from workbench.data.care import erasure, erasure_record, rewriting
    from workbench.foundation.project import Project
    at, count = int(sys.argv[2]), 0
    def counted(module, name):
        real = getattr(module, name)
        def call(*arguments, **words):
            global count
            count += 1
            if count == at:
                os._exit(9)
            try:
                return real(*arguments, **words)
            finally:
                count += 1
                if count == at:
                    os._exit(9)
        setattr(module, name, call)
    steps = "plan _rewritten _record _replace_in_tree put_back write_atomic replace_objects finished"
    for name in steps.split():
        counted(erasure, name)
    real_unlink = Path.unlink
    def unlink(path, *a, **k):
        global count
        count += 1
        if count == at:
            os._exit(9)
        return real_unlink(path, *a, **k)
    Path.unlink = unlink
    project = Project.open(Path(sys.argv[1]), actor="ada@example.org")
    erasure.erase_rows(project, ("data/customers.csv",), column="customer_id", values_env="PERSON", yes=True)
    print("steps", count)
    """
)


def test_a_process_killed_anywhere_is_continued_by_the_next_call(project, person, dvc, tmp_path):
    """Kill before and after every step in turn, each time on a fresh copy of the same project, and go on."""
    (project.root / "data/readings.csv").unlink()
    for rows, who in ((20, (3,)), (30, (3, 29))):
        (project.root / CSV).write_text(content(rows, who))
        snapshot(project, (CSV,))
    project.journal.close()
    import shutil

    from workbench.foundation.project import Project

    steps = at = 0
    while True:
        at += 1
        copy = tmp_path.parent / f"{tmp_path.name}-copy-{at}"
        shutil.copytree(project.root, copy)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(copy), str(at)], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            break
        assert done.returncode == 9, done.stderr
        steps += 1
        again = Project.open(copy, actor="ada@example.org")
        report = erase_rows(again, (CSV,), **person, yes=True)
        assert report.state == "done", at
        assert holds(copy) == [], at
        assert (copy / CSV).read_text() == HEAD + "".join(line(i) for i in range(30) if i not in (3, 29))
        assert sorted(version.rows for version in list_versions(again)) == [19, 28]
        again.journal.verify()
        shutil.rmtree(copy)
    assert steps >= 12


def test_a_folder_keeps_its_other_files_and_shared_objects(project, person):
    (project.root / "data/readings.csv").unlink()
    folder = project.root / "data"
    (folder / "a.csv").write_text(content(10, (1,)))
    (folder / "b.csv").write_text(content(10))
    (folder / "photo.bin").write_bytes(b"\0\1\2")
    pd.DataFrame({"customer_id": [WHO, "x"], "n": [1, 2]}).to_parquet(folder / "c.parquet")
    (old,) = snapshot(project, ("data",))
    report = erase_rows(project, ("data",), **person, yes=True)
    (changed,) = report.versions
    assert (changed.version, changed.rows, changed.kept_rows) == (old.id, 2, 20)
    assert (folder / "a.csv").read_text() == HEAD + "".join(line(i) for i in range(10) if i != 1)
    assert (folder / "b.csv").read_text() == content(10)
    assert pd.read_parquet(folder / "c.parquet")["customer_id"].tolist() == ["x"]
    assert holds(project.root) == []
    assert list_versions(project)[0].is_current


def test_what_plain_dvc_stored_and_nobody_recorded_goes_too(three_versions, person, dvc):
    (three_versions.root / "stray.csv").write_text(content(5, (1,)))
    assert dvc("add", "stray.csv").returncode == 0
    (three_versions.root / "stray.csv").unlink()
    (three_versions.root / "stray.csv.dvc").unlink()
    assert erase_rows(three_versions, (CSV,), **person, yes=True).state == "done"
    assert holds(three_versions.root / ".dvc") == []


def test_files_that_hold_the_value_elsewhere_are_named(three_versions, person):
    (three_versions.root / "notes.txt").write_text(f"call {WHO} back")
    (three_versions.root / "other.txt").write_text(f"{WHO}2 is somebody else")
    report = erase_rows(three_versions, (CSV,), **person, yes=True)
    assert report.remains == ("notes.txt",)
    assert report.hint


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("no values", "erase-values-missing"),
        ("no column", "erase-column-missing"),
        ("two sources", "erase-values-missing"),
        ("unknown data", "dataset-unknown"),
        ("unsaved", "data-unsaved"),
        ("shared", "erase-shared"),
        ("other column", "erase-unclear"),
        ("no bytes", "data-cache-missing"),
    ],
)
def test_what_cannot_be_done_wholly_is_refused_and_changes_nothing(three_versions, person, monkeypatch, case, code):
    project, paths = three_versions, (CSV,)
    if case == "no values":
        monkeypatch.setenv("PERSON", " \n")
    elif case == "no column":
        person["column"] = ""
    elif case == "two sources":
        person["value_file"] = "x"
    elif case == "unknown data":
        paths = ("data/nothing.csv",)
    elif case == "unsaved":
        (project.root / CSV).write_text(content(3))
    elif case == "shared":
        (project.root / "data/copy.csv").write_bytes((project.root / CSV).read_bytes())
        snapshot(project, ("data/copy.csv",))
    elif case == "other column":
        person["column"] = "client"
    elif case == "no bytes":
        for path in (project.root / ".dvc" / "cache").rglob("*"):
            if path.is_file():
                path.unlink()
    seq, versions = project.journal.head().seq, list_versions(project)
    with pytest.raises(WorkbenchError) as refusal:
        erase_rows(project, paths, **person, yes=True)
    assert refusal.value.code == code
    assert WHO not in str(refusal.value)
    assert project.journal.head().seq == seq
    assert list_versions(project) == versions
    if case == "shared":
        report = erase_rows(project, (CSV, "data/copy.csv"), **person, yes=True)
        assert report.state == "done"
        assert holds(project.root) == []


def test_values_come_from_a_file_too_and_width_and_blanks_do_not_matter(project, tmp_path):
    path = "data/顧客.csv"
    (project.root / path).write_bytes("番号,氏名\r\n１２,山田\r\n 12 ,佐藤\r\n112,鈴木\r\n".encode("cp932"))
    (old,) = snapshot(project, (path,))
    values = tmp_path.parent / f"{tmp_path.name}-values.txt"
    values.write_text("12\n")
    report = erase_rows(project, (path,), column="番号", value_file=str(values), yes=True)
    assert report.versions[0].rows == 2
    assert (project.root / path).read_bytes() == "番号,氏名\r\n112,鈴木\r\n".encode("cp932")
    assert old.id not in contents(project)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"id,t\n1,a\n2,b\n", b"id,t\n2,b\n"),
        (b"id,t\r\n2,b\r\n1,a", b"id,t\r\n2,b\r\n"),
        (b'id,t\n1,"a\nb"\n2,c\n', b"id,t\n2,c\n"),
        (b'id,t\n2,"1\n1,x"\n1,"q""\n"\n3,"5"""\n', b'id,t\n2,"1\n1,x"\n3,"5"""\n'),
        (b'id,t\n2,5" pipe\n1,6" pipe\n3,""\n', b'id,t\n2,5" pipe\n3,""\n'),
        (b'id,t\n2,x""\n1,y\n3,z\n', b'id,t\n2,x""\n3,z\n'),
        (b'"id","t"\n"1","a"\n"11","a"\n\n', b'"id","t"\n"11","a"\n\n'),
        ("\ufeffid,t\n1,温\n2,度\n".encode(), "\ufeffid,t\n2,度\n".encode()),
        ("id,t\n1,ソ表\n2,能\n".encode("cp932"), "id,t\n2,能\n".encode("cp932")),
        ("id,t\n1,a\n2,能\n".encode("utf-16"), "id,t\n2,能\n".encode("utf-16")),
        (b"t,id,id\na,9,1\nb,1,9\nc,9,9\n", b"t,id,id\nc,9,9\n"),
        (b"id,t\n3,a\n", None),
        (b"id\n", None),
    ],
)
def test_records_are_cut_where_they_end(before, after):
    left = without_rows(before, "a.csv", wanted_of("id", ["1"]))
    assert left.data == after


def test_every_row_that_stays_is_byte_equal_whatever_it_holds():
    import csv
    import io
    import random

    rng = random.Random(3)
    for _ in range(200):
        rows = [
            [rng.choice(["1", "2", "11", "", " 1"]), "".join(rng.choice('a1,"\n\r表') for _ in range(rng.randrange(6)))]
            for _ in range(rng.randrange(1, 12))
        ]
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator=rng.choice(["\n", "\r\n"]), quoting=rng.choice([0, 1]))
        writer.writerow(["id", "t"])
        pieces = [stream.getvalue()]
        for row in rows:
            start = stream.tell()
            writer.writerow(row)
            pieces.append(stream.getvalue()[start:])
        kept = [piece for piece, row in zip(pieces[1:], rows, strict=True) if row[0].strip() != "1"]
        left = without_rows("".join(pieces).encode(), "a.csv", wanted_of("id", ["1"]))
        expected = "".join([pieces[0], *kept]).encode()
        assert (left.data if left.rows else expected) == expected
        assert left.kept + left.rows == len(rows)


def test_a_table_kept_by_the_block_loses_the_rows_and_exports_the_rest_byte_equal(project, person):
    from workbench.data.tables.exports import export_data
    from workbench.data.tables.imports import import_table

    (project.root / "data/readings.csv").unlink()
    source = project.root / "source.csv"
    for rows, who in ((400, (7,)), (500, (7, 480))):
        source.write_text(content(rows, who))
        import_table(project, str(source), name="customers")
    source.unlink()
    report = erase_rows(project, ("data/customers.table",), **person, yes=True)
    assert sorted((version.rows, version.kept_rows) for version in report.versions) == [(1, 399), (2, 498)]
    assert report.remains == ()
    assert holds(project.root) == []
    expected = {
        399: HEAD + "".join(line(i) for i in range(400) if i != 7),
        498: HEAD + "".join(line(i) for i in range(500) if i not in (7, 480)),
    }
    for done in report.versions:
        export_data(project, done.replaced_by, project.root / "out.csv", format="original", overwrite=True)
        assert (project.root / "out.csv").read_text() == expected[done.kept_rows]


@pytest.mark.parametrize("kind", ["xlsx", "gz", "broken"])
def test_a_value_inside_of_a_packed_file_is_not_passed_over(kind):
    import gzip
    import io

    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    book.active.append(["customer"])
    book.active.append(["山田太郎"])
    book.save(out)
    text = ("customer\n" + "".join(f"{i * 7919:x}\n" for i in range(999)) + "山田太郎\n").encode()
    packed = gzip.compress(text)
    data = {"xlsx": out.getvalue(), "gz": packed, "broken": packed[:-9]}[kind]
    with pytest.raises(UsageError, match="erase-unclear"):
        without_rows(data, f"people.{kind}", wanted_of("customer", ["山田太郎"]))
    if kind != "broken":
        assert without_rows(data, f"people.{kind}", wanted_of("customer", ["鈴木花子"])).data is None
