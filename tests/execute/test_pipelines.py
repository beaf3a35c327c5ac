"""Pipelines: notebooks as DVC stages; only stale ones run, ``dvc repro`` does the same, results are shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.execute.jobs import show_job
from workbench.execute.parameters_file import read_parameters_file
from workbench.execute.pipelines.refresh import list_pipeline_runs, run_pipeline, wait_for_pipeline
from workbench.execute.pipelines.stages import add_stage, list_stages
from workbench.foundation.errors import ConflictError, FailedError, NotFoundError, UsageError
from workbench.foundation.project import Project

BIN = Path(sys.executable).parent
CLEAN = "from pathlib import Path\nrows = Path('../data/raw.csv').read_text().split()\n"
CLEAN_OUT = "Path('../data/clean.csv').write_text('\\n'.join(r for r in rows if int(r) >= lowest))"
TRAIN = "from pathlib import Path\ntotal = sum(map(int, Path('../data/clean.csv').read_text().split()))"
TRAIN_OUT = "Path('../total.txt').write_text(str(total))"


def git(root: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(root), *identity, *words], check=True, capture_output=True)


def dvc(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "true"}
    command = [str(BIN / "dvc"), *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def project(tmp_path: Path, write_notebook) -> Project:
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "workbench.toml").write_text('[project]\nname = "lines"\n')
    (root / ".gitignore").write_text(".workbench/\n")
    (root / "data" / "raw.csv").write_text("1\n2\n3\n4\n")
    write_notebook(root / "notebooks" / "clean.ipynb", CLEAN, CLEAN_OUT, parameters="lowest = 0")
    write_notebook(root / "notebooks" / "train.ipynb", TRAIN, TRAIN_OUT)
    git(root.parent, "init", "-q", str(root))
    return Project.open(root, actor="ada@example.org")


@pytest.fixture
def pipeline(project: Project) -> Project:
    (project.root / "params.yaml").write_text("# what people change\nother:\n  x: 1\n")
    add_stage(project, "notebooks/clean.ipynb", ("data/raw.csv",), ("data/clean.csv",), params={"lowest": "2"})
    add_stage(project, "notebooks/train.ipynb", ("data/clean.csv",), ("total.txt",))
    return project


def states(project: Project) -> dict[str, str]:
    return {stage.name: stage.state for stage in list_stages(project)}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.checklist("S1-13", "S3-13")
def test_only_stale_stages_run_dvc_agrees_and_a_clone_takes_the_results(pipeline: Project, tmp_path: Path):
    project, root = pipeline, pipeline.root
    assert states(project) == {"clean": "NEW", "train": "NEW"}
    first = run_pipeline(project, wait=True)
    assert (first.state, first.ran, first.cached) == ("SUCCEEDED", ("clean", "train"), ())
    assert (root / "total.txt").read_text() == "9"
    assert states(project) == {"clean": "FRESH", "train": "FRESH"}
    job = show_job(project, first.jobs["clean"])
    assert job.params == {"lowest": "2"}
    assert list_stages(project)[0].job == job.id
    assert dvc(root, "status").stdout.strip().endswith("up to date.")

    assert run_pipeline(project, wait=True).ran == ()  # nothing is stale

    (root / "params.yaml").write_text((root / "params.yaml").read_text().replace("lowest: 2", "lowest: 3"))
    (stale, _) = list_stages(project)
    assert (stale.state, stale.reasons) == ("STALE", ("clean.lowest modified",))
    done = dvc(root, "repro")  # DVC's own command does the same, by way of `mlops run`
    assert done.returncode == 0, done.stderr
    assert (root / "total.txt").read_text() == "7"
    assert states(project) == {"clean": "FRESH", "train": "FRESH"}

    (root / "params.yaml").write_text((root / "params.yaml").read_text().replace("lowest: 3", "lowest: 2"))
    back = run_pipeline(project, wait=True)
    assert (back.ran, set(back.cached)) == ((), {"clean", "train"})  # these results are known
    assert (root / "total.txt").read_text() == "9"

    (tmp_path / "remote").mkdir()
    assert dvc(root, "remote", "add", "-d", "store", str(tmp_path / "remote")).returncode == 0
    assert dvc(root, "push", "--run-cache").returncode == 0
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "all")
    git(tmp_path, "clone", "-q", str(root), str(tmp_path / "clone"))
    (tmp_path / "clone" / "data" / "raw.csv").write_text("1\n2\n3\n4\n")
    pulled = dvc(tmp_path / "clone", "repro", "--pull")
    assert pulled.returncode == 0, pulled.stderr
    assert (tmp_path / "clone" / "total.txt").read_text() == "9"
    assert not (tmp_path / "clone" / ".workbench" / "jobs").exists()  # nothing was run again


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stage_that_fails_says_so_and_leaves_the_rest_undone(project: Project, write_notebook):
    write_notebook(project.root / "notebooks" / "bad.ipynb", "1 / 0")
    add_stage(project, "notebooks/bad.ipynb", (), ("never.txt",))
    with pytest.raises(FailedError) as caught:
        run_pipeline(project, wait=True)
    assert (caught.value.code, caught.value.hint) == ("pipeline-failed", "mlops pipeline")
    assert "stage 'bad' failed; mlops logs jb-" in caught.value.message
    (run,) = list_pipeline_runs(project)
    assert (run.state, run.ran) == ("FAILED", ())
    assert show_job(project, run.jobs["bad"]).error.startswith("ZeroDivisionError")


def test_a_stage_is_written_as_dvc_has_it_and_params_keep_peoples_comments(pipeline: Project):
    text = (pipeline.root / "dvc.yaml").read_text()
    assert "mlops run notebooks/clean.ipynb --name clean --params-file params.yaml:clean" in text
    params = (pipeline.root / "params.yaml").read_text()
    assert params.startswith("# what people change\nother:\n  x: 1\n")
    assert "lowest: 2" in params
    clean = list_stages(pipeline)[0]
    assert (clean.notebook, clean.inputs, clean.outputs) == (
        "notebooks/clean.ipynb",
        ("data/raw.csv",),
        ("data/clean.csv",),
    )
    listed = dvc(pipeline.root, "stage", "list").stdout
    assert listed.index("clean") < listed.index("train")


def test_a_process_that_died_leaves_a_lost_run_and_the_next_one_starts(pipeline: Project, monkeypatch):
    from workbench.execute.pipelines import refresh

    monkeypatch.setattr(refresh, "spawn_detached", lambda *_, **__: 0)
    monkeypatch.setattr(refresh, "_START_S", 0.0)
    first = run_pipeline(pipeline)
    assert list_pipeline_runs(pipeline)[0].state == "LOST"
    monkeypatch.setattr(refresh, "_START_S", 60.0)
    second = run_pipeline(pipeline)
    assert second.id != first.id
    with pytest.raises(ConflictError) as caught:
        run_pipeline(pipeline)
    assert caught.value.code == "pipeline-busy"


def test_nobody_waits_for_a_run_that_there_is_not(pipeline: Project):
    with pytest.raises(NotFoundError) as caught:
        wait_for_pipeline(pipeline, "pl-none")
    assert (caught.value.code, caught.value.hint) == ("pipeline-unknown", "mlops pipeline runs")
    assert "'pl-none'" in caught.value.message


def test_bad_input_is_refused_and_changes_nothing(pipeline: Project):
    before = {name: (pipeline.root / name).read_bytes() for name in ("dvc.yaml", "params.yaml")}
    with pytest.raises(UsageError, match="names no output"):
        add_stage(pipeline, "notebooks/clean.ipynb")
    with pytest.raises(UsageError) as caught:
        add_stage(pipeline, "notebooks/clean.ipynb", (), ("x.csv",), params={"lowst": "2"})
    assert "lowest" in caught.value.hint
    with pytest.raises(ConflictError):
        add_stage(pipeline, "notebooks/clean.ipynb", (), ("total.txt",), params={"lowest": "9"}, name="other")
    with pytest.raises(NotFoundError):
        add_stage(pipeline, "notebooks/none.ipynb", (), ("x.csv",))
    with pytest.raises(UsageError):
        add_stage(pipeline, "notebooks/clean.ipynb", (), ("x.csv",), name="a b")
    (pipeline.root / "notebooks" / "学習.ipynb").write_bytes((pipeline.root / "notebooks" / "clean.ipynb").read_bytes())
    with pytest.raises(UsageError) as nameless:
        add_stage(pipeline, "notebooks/学習.ipynb", (), ("x.csv",))
    assert "--name" in nameless.value.hint
    with pytest.raises(NotFoundError) as missing:
        run_pipeline(pipeline, ("trian",))
    assert "train" in missing.value.hint
    assert before == {name: (pipeline.root / name).read_bytes() for name in before}


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("p.yaml", "train:\n  depth: 3\n  name: ab\n  fast: true\n", ":train"),
        ("p.json", json.dumps({"train": {"depth": 3, "name": "ab", "fast": True}}), ":train"),
        ("p.toml", 'depth = 3\nname = "ab"\nfast = true\n', ""),
    ],
)
def test_parameters_come_out_of_a_file_as_they_would_be_typed(project: Project, name, text, part):
    (project.root / name).write_text(text)
    assert read_parameters_file(project, name + part) == {"depth": "3", "name": "ab", "fast": "True"}


@pytest.mark.parametrize(("name", "text"), [("p.yaml", "a: 1"), ("p.json", '{"a": 1}'), ("p.toml", "a = 1")])
def test_the_mark_that_editors_of_windows_write_is_no_mistake(project: Project, name, text):
    (project.root / name).write_text(text, encoding="utf-8-sig")
    assert read_parameters_file(project, name) == {"a": "1"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.yaml", "since: 2026-01-01\nat: 2026-01-01 08:30:00\ndays: [2026-01-01, {last: 2026-01-02}]\n"),
        ("p.toml", "since = 2026-01-01\nat = 2026-01-01T08:30:00\ndays = [2026-01-01, {last = 2026-01-02}]\n"),
    ],
)
def test_dates_of_a_file_are_given_as_text(project: Project, name, text):
    (project.root / name).write_text(text)
    assert read_parameters_file(project, name) == {
        "since": "2026-01-01",
        "at": "2026-01-01T08:30:00",
        "days": "['2026-01-01', {'last': '2026-01-02'}]",
    }


@pytest.mark.parametrize(
    ("text", "named", "family", "code"),
    [
        ("a: 1\n", "p.yaml:b", NotFoundError, "parameters-missing"),
        ("a: 1\n", "p.yaml:a", UsageError, "parameters-unreadable"),
        ("a: [\n", "p.yaml", UsageError, "parameters-unreadable"),
        ("a: 1\n", "q.yaml", NotFoundError, "parameters-missing"),
        ("a: 1\n", "p.ini", UsageError, "parameters-unreadable"),
    ],
)
def test_a_file_without_parameters_is_named(project: Project, text, named, family, code):
    (project.root / "p.yaml").write_text(text)
    with pytest.raises(family) as caught:
        read_parameters_file(project, named)
    assert caught.value.code == code
