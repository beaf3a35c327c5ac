"""Declared checks: proposed from data, edited by people, looked at in every row, enforced at a snapshot."""

import json

import pytest

from tests.data.conftest import READINGS
from workbench.data.care.card import describe_data
from workbench.data.quality.checks import check_data, infer_checks, refuse_failing, refuse_failing_inputs
from workbench.foundation.errors import ConflictError, DeniedError, UsageError

CSV = "data/readings.csv"


def declare(project, text, path=CSV):
    (project.root / f"{path}.checks.toml").write_text(text, encoding="utf-8")


def broken(report):
    return {(rule.column, rule.rule): rule.failing_rows for rule in report.rules if not rule.is_ok}


def test_what_is_inferred_holds_for_the_data_it_came_from_and_reads_plainly(project):
    (project.root / "data" / "parts.csv").write_text(
        "part_id,温度,state,note\n" + "".join(f"P{i},{20 + i % 7},{'OK' if i % 3 else 'NG'},\n" for i in range(60)),
        encoding="cp932",
    )
    report = infer_checks(project, "data/parts.csv")
    assert report.is_ok
    assert report.rows == 60
    text = (project.root / "data" / "parts.csv.checks.toml").read_text(encoding="utf-8")
    assert '[columns.part_id]\ntype = "text"\nmissing = false\nunique = true\n' in text
    assert 'one_of = ["NG", "OK"]' in text
    assert '[columns."温度"]\ntype = "integer"\nmissing = false\nmin = 17\nmax = 29\n' in text
    with pytest.raises(ConflictError, match="checks-exist"):
        infer_checks(project, "data/parts.csv")


@pytest.mark.parametrize(
    ("rules", "row", "expected"),
    [
        ('[columns.torque]\ntype = "number"', "x,oops", {("torque", "type is number"): 0}),
        ("[columns.torque]\nmissing = false", "900,", {("torque", "no missing values"): 1}),
        ("[columns.torque]\nmax_missing = 0.001", "900,", {("torque", "at most 0.1 % missing"): 0}),
        ("[columns.torque]\nmin = 0", "900,-1", {("torque", "at least 0"): 1}),
        ("[columns.torque]\nmax = 100.5", "900,101", {("torque", "at most 100.5"): 1}),
        ("[columns.time]\nunique = true", "7,1", {("time", "every value once"): 2}),
        ('[columns.time]\ntype = "integer"', "7.5,1", {("time", "type is integer"): 0}),
        ('[columns.time]\nmatches = "[0-9]{1,3}"', "1000,1", {("time", "matches [0-9]{1,3}"): 1}),
        ("[columns.humidity]", "900,1", {("humidity", "is there"): 0}),
        ("[table]\nother_columns = false\n[columns.time]", "900,1", {("", "no other columns"): 0}),
        ("[table]\nrows_max = 500", "900,1", {("", "at most 500 rows"): 0}),
        ("[table]\nrows_min = 502", "900,1", {("", "at least 502 rows"): 0}),
        ('[table]\nunique = ["time", "torque"]', "7,1.000", {("", "together unique: time, torque"): 2}),
        ('[table]\nunique = ["time", "nothing"]', "900,1", {("", "together unique: time, nothing"): 0}),
        ("[columns.time]\nmin = 2024-01-01", "900,1", {("time", "at least 2024-01-01"): 0}),
    ],
)
def test_each_kind_of_rule_finds_its_fault_and_nothing_else(project, rules, row, expected):
    declare(project, rules)
    before = check_data(project, CSV)
    (project.root / CSV).write_text(READINGS + row + "\n")
    assert broken(check_data(project, CSV)) == expected
    if "rows_min" not in rules and "humidity" not in rules and "nothing" not in rules and "2024" not in rules:
        assert before.is_ok or "other_columns" in rules, before


def test_dates_and_closed_lists(project):
    path = "data/log.csv"
    (project.root / path).write_text("day,state\n2024-01-02,run\n2023-12-31,halt\n2024-03-01,\n")
    declare(project, '[columns.day]\ntype = "date"\nmin = 2024-01-01\n[columns.state]\none_of = ["run"]\n', path)
    report = check_data(project, path)
    assert broken(report) == {("day", "at least 2024-01-01"): 1, ("state", "one of run"): 1}
    assert {rule.examples for rule in report.rules if not rule.is_ok} == {("2023-12-31",), ("halt",)}


def test_values_of_a_guarded_dataset_are_masked(project):
    path = "data/people.csv"
    (project.root / path).write_text("name,age\nTaro,200\n山田,30\n")
    describe_data(project, path, data_class="personal")
    declare(project, '[columns.name]\nmatches = "[a-z]+"\n', path)
    report = check_data(project, path)
    assert report.rules[0].examples == ("xxxx", "＊＊")
    (project.root / f"{path}.checks.toml").unlink()
    infer_checks(project, path)
    assert "Taro" not in (project.root / f"{path}.checks.toml").read_text()


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("[columns.torque]\nminimum = 3", "config-unknown-key", "readings.csv.checks.toml:2"),
        ('[columns.torque]\ntype = "numbr"', "checks-invalid", "number"),
        ('[columns.torque]\nmatches = "["', "checks-invalid", "regular expression"),
        ("[columns.torque]\nmax_missing = 3", "checks-invalid", "share"),
        ("[columns.torque]\nmin = true", "config-wrong-type", "torque.min"),
        ("[columns", "config-syntax", "checks.toml"),
    ],
)
def test_a_wrong_checks_file_is_named_and_never_taken_for_a_pass(project, text, code, where):
    declare(project, text)
    with pytest.raises(UsageError) as refusal:
        check_data(project, CSV)
    assert refusal.value.code == code
    assert where in str(refusal.value)
    with pytest.raises(UsageError):
        refuse_failing(project, [CSV])


@pytest.mark.checklist("S2-19")
def test_data_that_breaks_its_checks_is_refused_unless_somebody_says_why_not(project):
    declare(project, "[columns.torque]\nmax = 10\n")
    with pytest.raises(DeniedError) as refusal:
        refuse_failing(project, [CSV])
    assert refusal.value.code == "data-checks-failed"
    assert "torque: at most 10 (429 rows)" in refusal.value.message
    assert project.journal.head().seq == 0

    refuse_failing(project, [CSV], accept="the new sensor counts in N·cm")
    (event,) = project.journal.events()
    assert event.kind == "data.checked"
    assert event.data["accepted"] == "the new sensor counts in N·cm"
    assert (event.data["failed"], event.data["rules"]) == (1, 2)
    with pytest.raises(DeniedError):
        refuse_failing(project, ["data"])


def test_a_job_does_not_start_on_data_that_breaks_its_checks(project):
    declare(project, "[columns.torque]\nmax = 10\n")
    refuse_failing_inputs(project, ["3", "", "shuttle", "../elsewhere.csv", "data/none.csv", "x" * 9000])
    for value, folder in ((CSV, None), ("../data/readings.csv", project.root / "notebooks"), ("data", None)):
        (project.root / "notebooks").mkdir(exist_ok=True)
        with pytest.raises(DeniedError, match="data-checks-failed"):
            refuse_failing_inputs(project, [value], folder)


def test_a_clean_outcome_is_remembered_without_values_and_a_changed_file_is_looked_at_again(project, monkeypatch):
    declare(project, "[columns.torque]\nmin = 0\n")
    first = check_data(project, CSV)
    (memory,) = (project.state_dir / "checks").iterdir()
    assert json.loads(memory.read_text())["rules"][0]["examples"] == []
    monkeypatch.setattr("workbench.data.quality.checks.read_frame", None)
    assert check_data(project, CSV) == first
    monkeypatch.undo()
    (project.root / CSV).write_text(READINGS + "1,-1\n")
    assert not check_data(project, CSV).is_ok
    declare(project, "[columns.torque]\nmin = -2\n")
    assert check_data(project, CSV).is_ok


def test_what_is_no_table_is_said_so(project):
    (project.root / "data" / "photo.png").write_bytes(b"\x89PNG")
    (project.root / "data" / "broken.parquet").write_bytes(b"PAR1")
    declare(project, "[table]\nrows_min = 1\n", "data/photo.png")
    for name in ("data/photo.png", "data/broken.parquet"):
        with pytest.raises(UsageError, match="data-not-a-table"):
            check_data(project, name)


def test_a_snapshot_enforces_the_checks_and_records_why_it_did_not(project):
    from workbench.data.versions import list_versions, snapshot

    declare(project, "[columns.torque]\nmax = 10\n")
    with pytest.raises(DeniedError, match="data-checks-failed"):
        snapshot(project, (CSV,))
    assert list_versions(project) == ()
    assert not (project.root / f"{CSV}.dvc").exists()
    (version,) = snapshot(project, (CSV,), accept="a test of the rig")
    assert version.rows == 500
    assert [event.kind for event in project.journal.events()] == ["data.checked", "data.snapshot"]
    assert project.journal.events()[0].data["accepted"] == "a test of the rig"


def test_a_job_whose_parameter_names_broken_data_is_not_submitted(blank_project):
    import nbformat

    from workbench.execute.jobs import submit

    (blank_project.root / "data").mkdir(exist_ok=True)
    (blank_project.root / CSV).write_text(READINGS)
    declare(blank_project, "[columns.torque]\nmax = 10\n")
    cell = nbformat.v4.new_code_cell(f'source = "../{CSV}"', metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (blank_project.root / "notebooks").mkdir(exist_ok=True)
    nbformat.write(notebook, blank_project.root / "notebooks" / "train.ipynb")
    with pytest.raises(DeniedError, match="data-checks-failed"):
        submit(blank_project, "notebooks/train.ipynb")
    assert blank_project.journal.records("job") == []


def test_a_table_kept_by_the_block_is_checked_and_split_too(project):
    from workbench.data.quality.split import check_split, split_data
    from workbench.data.tables.imports import import_table

    import_table(project, str(project.root / CSV), name="line")
    path = "data/line.table"
    declare(project, "[columns.torque]\nmax = 10\n", path)
    assert broken(check_data(project, path)) == {("torque", "at most 10"): 429}
    assert split_data(project, path).is_ok
    assert check_split(project, path).is_ok
    with pytest.raises(DeniedError, match="data-checks-failed"):
        refuse_failing(project, [path])
    assert refuse_failing(project, [path], accept="known")[path].endswith(".dir")
