"""Splits: the same on every machine, and a leak of each kind is found where it was planted."""

import pytest

from workbench.data.quality.split import check_split, read_split, split_data
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, UsageError

CSV = "data/machines.csv"


@pytest.fixture
def table(project):
    rows = [f"{i},m{i % 13},2024-01-{1 + i // 40:02d}T{i % 24:02d}:00:00,{(i // 2) * 3}" for i in range(400)]
    (project.root / CSV).write_text("row_id,machine,at,torque\n" + "\n".join(rows) + "\n")
    return project


def shares(report):
    return {part.name: part.share for part in report.parts}


@pytest.mark.checklist("S4-14")
@pytest.mark.parametrize(("by", "column"), [("random", ""), ("group", "machine"), ("time", "at")])
def test_nothing_leaks_and_the_shares_are_what_was_asked_for(table, by, column):
    report = split_data(table, CSV, by=by, column=column, test=0.2, validation=0.1, seed=7)
    assert report.is_ok, report.leaks
    assert report.leaks == ()
    assert shares(report)["test"] == pytest.approx(0.2, abs=0.05)
    assert shares(report)["validation"] == pytest.approx(0.1, abs=0.05)
    assert sum(part.rows for part in report.parts) == 400
    assert check_split(table, CSV) == report
    if by == "time":
        assert report.parts[0].last < report.parts[1].first
        assert report.parts[1].last < report.parts[2].first
    if by == "group":
        assert sum(part.groups for part in report.parts) == 13


def test_equal_rows_stay_together_whatever_their_number_says(project):
    (project.root / CSV).write_text("row_id,torque\n" + "".join(f"{i},{i % 50}\n" for i in range(200)))
    report = split_data(project, CSV)
    parts = read_split(project, CSV).parts
    assert report.is_ok
    assert shares(report)["test"] == 0.2
    assert all(parts[i] == parts[i + 50] for i in range(150))


def test_the_same_bytes_and_seed_are_split_the_same_way_everywhere(table):
    split_data(table, CSV, seed=3)
    first = (table.root / f"{CSV}.split.csv").read_bytes()
    split_data(table, CSV, seed=3)
    assert (table.root / f"{CSV}.split.csv").read_bytes() == first
    with pytest.raises(ConflictError, match="split-exists"):
        split_data(table, CSV, seed=4)
    split_data(table, CSV, seed=4, replace_file=True)
    assert (table.root / f"{CSV}.split.csv").read_bytes() != first
    # Held fast: another pandas that hashed otherwise would deal out a test part that was looked at already.
    assert [at for at, part in enumerate(read_split(table, CSV).parts) if part == "test"][:6] == GOLDEN


GOLDEN = [1, 26, 29, 35, 36, 39]


@pytest.mark.parametrize(
    ("parts", "by", "column", "leaks"),
    [
        (lambda i: "test" if i % 2 else "train", "random", "", {"duplicate-rows": 100}),
        (lambda i: "test" if i >= 300 else "train", "group", "machine", {"shared-group": 100}),
        (lambda i: "test" if i < 100 else "train", "time", "at", {"time-order": 100}),
        (lambda i: "test" if i >= 200 else "train", "time", "at", {}),
    ],
)
def test_a_planted_leak_of_each_kind_is_found_in_somebody_elses_split(project, parts, by, column, leaks):
    rows = [f"m{i % 4},2024-01-01T{i // 60:02d}:{i % 60:02d}:00,{i // 2 if by == 'random' else i}" for i in range(400)]
    if by == "random":
        rows = [f"m{i % 4 // 2 if i < 200 else 9},x,{i // 2 if i < 200 else i}" for i in range(400)]
    (project.root / CSV).write_text("machine,at,torque\n" + "\n".join(rows) + "\n")
    (project.root / "mine.csv").write_text("row,part\n" + "".join(f"{i},{parts(i)}\n" for i in range(400)))
    report = check_split(project, CSV, "mine.csv", column=column, by=by if column else "")
    assert {leak.kind: leak.rows for leak in report.leaks} == leaks
    assert report.is_ok is not leaks or not leaks


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"by": "luck"}, "split-way-unknown"),
        ({"test": 0.0}, "split-share-wrong"),
        ({"test": 0.6, "validation": 0.4}, "split-share-wrong"),
        ({"by": "group"}, "split-column-missing"),
        ({"by": "time", "column": "machine"}, "split-time-missing"),
        ({"by": "group", "column": "machin"}, "column-unknown"),
        ({"by": "group", "column": "plant"}, "split-too-few"),
    ],
)
def test_bad_orders_are_refused_and_nothing_is_written(table, arguments, code):
    text = (table.root / CSV).read_text().splitlines()
    (table.root / CSV).write_text("\n".join([f"{text[0]},plant", *(f"{line},A" for line in text[1:])]))
    with pytest.raises((UsageError, NotFoundError)) as refusal:
        split_data(table, CSV, **arguments)
    assert refusal.value.code == code
    assert not (table.root / f"{CSV}.split.csv").exists()


def test_a_split_of_other_bytes_or_no_split_at_all_is_named(table):
    with pytest.raises(NotFoundError, match="split-missing"):
        check_split(table, CSV)
    split_data(table, CSV)
    (table.root / CSV).write_text((table.root / CSV).read_text() + "400,m1,2024-02-01T00:00:00,1\n")
    with pytest.raises(IntegrityError, match="split-stale"):
        check_split(table, CSV)
    for text in ("", "row,part\n0,trian\n", "row,part\n1,train\n", "row;part\n"):
        (table.root / "mine.csv").write_text(text)
        with pytest.raises(IntegrityError, match="split-"):
            check_split(table, CSV, "mine.csv")


@pytest.mark.parametrize(
    "head",
    [
        "by=luck,column=,seed=0",
        "by=group,column=machin,seed=0",
        "by=group,column=,seed=0",
        "by=time,column=nothing,seed=0",
        "by=random,column=,seed=many",
    ],
)
def test_a_head_that_somebody_has_edited_is_named(table, head):
    split_data(table, CSV)
    file = table.root / f"{CSV}.split.csv"
    first, _, rows = file.read_text().partition("\n")
    file.write_text(f"{first.partition(',')[0]},{head}\n{rows}")
    with pytest.raises(IntegrityError, match="split-malformed"):
        check_split(table, CSV)


def test_times_that_are_text_are_not_compared_by_their_letters(project):
    days = [f"{day}.{month}.2024" for month in (1, 2, 10) for day in range(1, 11)]
    (project.root / CSV).write_text("day,v\n" + "".join(f"{day},{i}\n" for i, day in enumerate(days)))
    parts = "".join(f"{i},{'test' if i < 6 else 'train'}\n" for i in range(len(days)))
    (project.root / "mine.csv").write_text(f"row,part\n{parts}")
    with pytest.raises(UsageError, match="split-time-missing"):
        check_split(project, CSV, "mine.csv", column="day", by="time")


@pytest.mark.parametrize("name", [CSV, "notes.txt"])
def test_a_split_is_never_written_over_what_is_no_split(table, name):
    (table.root / "notes.txt").write_text("mine\n")
    before = (table.root / name).read_bytes()
    for may_replace in (False, True):
        with pytest.raises(ConflictError, match="split-exists"):
            split_data(table, CSV, out=name, replace_file=may_replace)
    assert (table.root / name).read_bytes() == before
    split_data(table, CSV, out="mine.csv")
    assert split_data(table, CSV, seed=3, out="mine.csv", replace_file=True).seed == 3


def test_bytes_and_lists_are_split_and_their_checks_inferred(project):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from workbench.data.quality.checks import infer_checks

    rows = 60
    table = pa.table({"row_id": [[i] for i in range(rows)], "raw": [bytes([255, i % 30]) for i in range(rows)]})
    pq.write_table(table, project.root / "data/odd.parquet")
    assert split_data(project, "data/odd.parquet").is_ok
    assert infer_checks(project, "data/odd.parquet").is_ok
