"""Reading runs: two readers, one answer."""

import subprocess
import sys
import time

import pytest

from workbench.experiment.runs import compare_runs, list_runs, reader_of, show_run
from workbench.experiment.store import tracking
from workbench.experiment.store.rows import RunQuery
from workbench.experiment.store.rows_client import ClientRows
from workbench.experiment.store.tags import joined_tag, split_tag
from workbench.foundation.errors import NotFoundError, UsageError
from workbench.foundation.project import Project


@pytest.fixture
def runs(project):
    """Six runs of every kind, ids in the order they were made."""
    ids = []
    for number, state in enumerate(["FINISHED", "FAILED", "KILLED", "LOST", "RUNNING", "FINISHED"]):
        run = tracking.start_run(
            project,
            name=f"run {number}",
            source="a.ipynb" if number % 2 else "it's b.ipynb",
            params={"depth": number, "same": 1},
            tags={"workbench.job": "jb-1"} if state == "RUNNING" else {"workbench.commit": f"c{number}"},
        )
        tracking.log_metrics(project, run, {"f1": number / 10, "nan": float("nan")}, step=0)
        tracking.log_metrics(project, run, {"f1": number / 10 + 0.01}, step=1)
        if state != "RUNNING":
            tracking.finish_run(project, run, state, error="E: x" if state == "FAILED" else "")
        ids.append(run)
        time.sleep(0.002)
    return ids


QUERIES = [
    RunQuery(limit=100),
    RunQuery(limit=2),
    RunQuery(limit=100, source="a.ipynb"),
    RunQuery(limit=100, source="it's b.ipynb"),
    RunQuery(limit=1, state="FINISHED"),
    *(RunQuery(limit=100, state=state) for state in ("RUNNING", "FINISHED", "FAILED", "KILLED", "LOST")),
    RunQuery(limit=100, ids=()),
]


def test_sql_and_client_give_the_same_answers(project, runs):
    fast, official = reader_of(project), ClientRows(project)
    for query in [
        *QUERIES,
        RunQuery(limit=100, ids=tuple(runs[:3])),
        RunQuery(limit=9, state="KILLED", dead={runs[4]: "KILLED"}),
    ]:
        found = fast.search(query)
        assert found == official.search(query), query
        assert found or query.ids == ()
    for run in runs:
        assert fast.history(run) == official.history(run)
        assert fast.ids_with_prefix(run) == official.ids_with_prefix(run) == [run]
    assert sorted(fast.ids_with_prefix("")) == sorted(official.ids_with_prefix(""))


def test_the_newest_come_first_and_the_limit_holds(project, runs):
    assert [card.id for card in list_runs(project)] == runs[::-1]
    assert [card.id for card in list_runs(project, limit=2)] == runs[:-3:-1]
    assert [card.state for card in list_runs(project)] == [
        "FINISHED", "RUNNING", "LOST", "KILLED", "FAILED", "FINISHED",
    ]  # fmt: skip
    assert list_runs(project)[0].metrics == {"f1": 0.51}


def test_lists_can_be_narrowed(project, runs):
    assert [card.id for card in list_runs(project, state="lost")] == [runs[3]]
    assert [card.id for card in list_runs(project, source="./a.ipynb")] == [runs[5], runs[3], runs[1]]
    assert [card.id for card in list_runs(project, source=str(project.root / "a.ipynb"), state="FAILED")] == [runs[1]]


def test_no_store_means_no_runs(tmp_path):
    (tmp_path / "workbench.toml").write_text('[project]\nname = "demo"\n')
    project = Project.open(tmp_path)
    assert list_runs(project) == ()
    with pytest.raises(NotFoundError):
        show_run(project, "abc")
    assert not (tmp_path / ".workbench").exists()


def test_reading_imports_no_mlflow(project, runs):
    code = (
        "import sys; from pathlib import Path; from workbench.foundation.project import Project;"
        "from workbench.experiment.runs import list_runs, show_run;"
        "p = Project.open(Path(sys.argv[1])); show_run(p, list_runs(p)[0].id);"
        "assert not {'mlflow', 'pandas', 'dvc', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(project.root)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_is_found_by_the_beginning_of_its_id(project, runs):
    assert show_run(project, runs[0][:12]).card.id == runs[0]
    with pytest.raises(NotFoundError) as unknown:
        show_run(project, "zzz")
    assert unknown.value.code == "run-unknown"
    with pytest.raises(NotFoundError):
        show_run(project, "%")
    with pytest.raises(NotFoundError):
        show_run(project, "")


def test_an_ambiguous_beginning_is_refused(project, runs, monkeypatch):
    monkeypatch.setattr("workbench.experiment.store.rows_sql.SqlRows.ids_with_prefix", lambda *_, **__: runs[:2])
    with pytest.raises(UsageError) as refusal:
        show_run(project, "a")
    assert refusal.value.code == "run-ambiguous"


@pytest.mark.parametrize(
    ("arguments", "code"), [({"limit": 0}, "limit-out-of-range"), ({"state": "DONE"}, "state-unknown")]
)
def test_bad_arguments_are_refused(project, arguments, code):
    with pytest.raises(UsageError) as refusal:
        list_runs(project, **arguments)
    assert refusal.value.code == code


@pytest.mark.checklist("S4-16")
def test_comparing_shows_only_what_differs(project, runs):
    found = compare_runs(project, (runs[0], runs[1]))
    assert [card.id for card in found.runs] == runs[:2]
    named = {(difference.kind, difference.name): difference.values for difference in found.differences}
    assert named["param", "depth"] == ("0", "1")
    assert named["metric", "f1"] == ("0.01", "0.11")
    assert named["code", "commit"] == ("c0", "c1")
    assert ("param", "same") not in named
    assert compare_runs(project, (runs[0], runs[0])).differences == ()
    with pytest.raises(UsageError, match="too-few-runs"):
        compare_runs(project, (runs[0],))


def test_a_list_costs_a_handful_of_queries_whatever_its_length(project, runs, monkeypatch):
    import sqlalchemy as sa

    statements = []
    sa.event.listen(sa.engine.Engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    list_runs(project, limit=1)
    for_one = len(statements)
    list_runs(project, limit=100)
    assert len(statements) - for_one == for_one <= 12


def test_long_values_go_into_several_tags():
    value = "x" * 20_000
    tags = split_tag("workbench.inputs", value)
    assert len(tags) == 3
    assert max(map(len, tags.values())) <= 8000
    assert joined_tag(tags, "workbench.inputs") == value
    assert split_tag("k", "") == {"k": ""}
