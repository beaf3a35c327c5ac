"""Searching through the doors: command line and Python."""

import subprocess
import sys

import pytest

import workbench
from tests.experiment.search.conftest import T0
from workbench.doors.commandline import parse
from workbench.experiment.runs import list_runs
from workbench.foundation.errors import UsageError


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (["runs"], {}),
        (["runs", "metrics.f1 > 0.9"], {"query": "metrics.f1 > 0.9"}),
        (["runs", "--sort", "-metrics.f1", "-n", "20"], {"sort": "-metrics.f1", "limit": 20}),
        (["runs", "starred", "--sort=-started", "--offset", "100"],
         {"query": "starred", "sort": "-started", "offset": 100}),
        (["runs", "group", "params.depth", "--sort", "-metrics.f1"], {"field": "params.depth", "sort": "-metrics.f1"}),
        (["runs", "tag", "abc", "a=1", "b="], {"run": "abc", "tags": {"a": "1", "b": ""}}),
        (["runs", "delete", "a", "b"], {"runs": ("a", "b")}),
        (["gc", "--yes", "--older-than-days", "0.5"], {"yes": True, "older_than_days": 0.5}),
    ],
)  # fmt: skip
def test_the_command_line_reads(words, arguments):
    assert parse(words).arguments == arguments


def test_an_option_is_still_no_value():
    with pytest.raises(UsageError):
        parse(["runs", "--sort", "-n", "3"])
    with pytest.raises(UsageError):
        parse(["runs", "--sort", "--offset", "3"])


def test_python_gets_runs_and_a_table(filled, monkeypatch):
    monkeypatch.chdir(filled.root)
    found = workbench.runs("metrics.f1 > 0", sort="-metrics.f1")
    expected = list_runs(filled, "metrics.f1 > 0", sort="-metrics.f1", limit=1000)
    assert [card.id for card in found] == [card.id for card in expected]
    frame = found.to_df()
    assert list(frame["metrics.f1"]) == sorted((card.metrics["f1"] for card in found), reverse=True)
    assert list(frame["id"]) == [card.id for card in found]
    assert frame["started_at"].max().timestamp() <= T0 / 1000
    assert "params.odd name" in frame
    assert frame["params.depth"].isna().any()
    nothing = workbench.runs("name = nothing").to_df()
    assert len(nothing) == 0
    assert nothing.dtypes.equals(frame.dtypes[nothing.columns]), "no runs have the columns that some have"
    assert len(workbench.runs(deleted=True)) == len(list_runs(filled, deleted=True))


def test_searching_imports_neither_mlflow_nor_pandas(filled):
    code = (
        "import sys, workbench;"
        "assert len(workbench.runs('metrics.f1 > 0 OR data ~ csv', sort='-params.depth'));"
        "assert not {'mlflow', 'pandas', 'dvc', 'sklearn', 'nbdime'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=filled.root)
    assert done.returncode == 0, done.stderr
