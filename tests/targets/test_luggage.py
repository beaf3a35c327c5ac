"""A job with everything it may take along and bring back: data by reference, a secret, runs, a model, files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.files import files_below
from tests.targets.conftest import Bench
from workbench.compute.consent import trust_secrets
from workbench.data import remotes
from workbench.data.versions import snapshot
from workbench.execute import jobs
from workbench.experiment.runs import list_runs, show_run
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("world-ssh")]
SECRET = "hunter2-of-the-far-side"
CELLS = (
    "import os, pathlib, mlflow\nrows = open('../data/train.txt').read().split()\nprint('key', os.environ['API_KEY'])",
    "with mlflow.start_run():\n    mlflow.log_param('key', os.environ['API_KEY'])\n"
    "    mlflow.log_metric('rows', len(rows))\n    mlflow.log_text('t', 'notes/t.txt')\n"
    "    with mlflow.start_run(nested=True, run_name='fold'):\n        mlflow.log_metric('loss', 0.25)",
    "pathlib.Path(os.environ['WORKBENCH_ARTIFACTS'], 'model.bin').write_bytes(b'weights')",
)


@pytest.fixture
def packed(bench: Bench, tmp_path: Path) -> Bench:
    """A project with versioned data and a target that names a secret; the data is pushed nowhere yet."""
    root = bench.project.root
    (tmp_path / "key.txt").write_text(SECRET)
    with (root / "workbench.toml").open("a") as stream:
        stream.write(f'\n[targets.{bench.world.name}.env]\nAPI_KEY = "file:{tmp_path / "key.txt"}"\n')
    bench.project = Project.open(root, actor="ada@example.org")
    trust_secrets(bench.project, (f"targets.{bench.world.name}",))
    (root / "data").mkdir()
    (root / "data" / "train.txt").write_text("1\n2\n3\n")
    snapshot(bench.project, ("data/train.txt",))
    store = [str(Path(sys.executable).with_name("dvc")), "remote", "add", "-q", "-d", "store", str(tmp_path / "remote")]
    subprocess.run(store, cwd=root, check=True)
    return bench


def leaks(root: Path) -> list[str]:
    found = [str(path) for path in files_below(root) if SECRET.encode() in path.read_bytes()]
    for process in psutil.process_iter():
        try:
            found += [f"process {process.pid}"] if SECRET in " ".join(process.cmdline()) else []
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("world", ["ssh"], indirect=True, scope="session")
def test_a_job_with_all_its_luggage(packed: Bench) -> None:
    with pytest.raises(UsageError, match="data-not-pushed"):
        packed.submit(*CELLS)
    assert jobs.list_jobs(packed.project) == ()
    remotes.push(packed.project)
    (packed.project.root / "data" / "train.txt").unlink()  # it travels by reference, not from here

    ended = packed.end(packed.submit(*CELLS).id, timeout_s=240)

    assert (ended.state, ended.error) == ("SUCCEEDED", "")
    assert "key [secret API_KEY]" in packed.said(ended.id)
    run = show_run(packed.project, ended.run)
    assert run.card.params["key"] == "[secret API_KEY]"
    assert run.card.metrics["rows"] == 3
    assert {"notes/t.txt", "model.bin", "notebook/output.ipynb"} <= set(run.artifacts)
    assert [(each.path, bool(each.dataset_version)) for each in run.inputs] == [("data/train.txt", True)]
    (fold,) = [card for card in list_runs(packed.project) if card.parent == ended.run]
    assert (fold.name, fold.state, fold.metrics) == ("fold", "FINISHED", {"loss": 0.25})
    assert leaks(packed.project.root) == []
