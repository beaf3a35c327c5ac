"""``workbench.table`` reads a recorded table and the run knows which version it was."""

import numpy as np
import pandas as pd
import pytest

import workbench
from workbench.data.tables.imports import import_table
from workbench.data.versions import snapshot
from workbench.experiment import session
from workbench.experiment.runs import show_run
from workbench.foundation.canonical import digest_file
from workbench.foundation.errors import NotFoundError, UsageError


@pytest.fixture
def frame(project, monkeypatch):
    monkeypatch.chdir(project.root)
    made = pd.DataFrame(
        {"id": range(200), "torque": np.arange(200) / 7, "day": pd.date_range("2024-04-01", periods=200)}
    )
    made.to_csv("line.csv", index=False)
    return made


@pytest.mark.checklist("S1-08", "S3-13")
def test_the_run_knows_the_version_of_the_table_it_read(project, frame):
    first = import_table(project, "line.csv").version
    with workbench.run("by name") as run_id:
        assert workbench.table("line").equals(frame.astype({"day": "datetime64[ms]"}))
    (item,) = show_run(project, run_id).inputs
    index = project.root / "data/line.table/table.json"
    assert (item.path, item.digest, item.dataset_version) == (
        "data/line.table/table.json",
        digest_file(index),
        first.id,
    )

    frame.assign(torque=1.0).to_csv("line.csv", index=False)
    second = import_table(project, "line.csv").version
    session._session.recorder.stop()
    session._session = None
    with workbench.run("an old version") as run_id:
        old = workbench.table(first.id, columns=["torque"])
        assert workbench.table("line", as_arrow=True)["torque"][0].as_py() == 1.0
    assert old["torque"].equals(frame["torque"])
    assert {found.dataset_version for found in show_run(project, run_id).inputs} == {first.id, second.id}
    assert item in [
        type(item)(f.path, f.digest, f.dataset_version, item.reader) for f in show_run(project, run_id).inputs
    ]


def test_a_plain_file_and_an_old_version_of_it(project, frame):
    (version,) = snapshot(project, ("line.csv",))
    with workbench.run() as run_id:
        assert len(workbench.table("line.csv")) == 200
    (item,) = show_run(project, run_id).inputs
    assert (item.path, item.dataset_version) == ("line.csv", version.id)


def test_what_is_not_there_is_named(project, frame):
    with pytest.raises(NotFoundError, match="data-missing"):
        workbench.table("nothing")
    (project.root / "notes.md").write_text("x")
    with pytest.raises(UsageError, match="not-a-table"):
        workbench.table("notes.md")
