"""Replays: the same commit, data and parameters in a fresh checkout, or a reason why not."""

from __future__ import annotations

import json
import subprocess

import pytest

from workbench.compute.folder import JobFolder
from workbench.data.versions import snapshot
from workbench.execute.jobs import job_events, show_job, submit, wait
from workbench.execute.reproduce import reproduce, show_evidence
from workbench.experiment.runs import show_run
from workbench.experiment.store.tracking import finish_run, start_run
from workbench.foundation.errors import PendingError
from workbench.foundation.project import Project

PATIENCE_S = 240
TRAIN = """\
import helper
size = sum(int(line) for line in open('../data/train.txt')) * helper.factor() * scale
workbench.log(size=size)
"""


def git(project: Project, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    command = ["git", "-C", str(project.root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(project: Project) -> None:
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "as it is")


@pytest.fixture(scope="module")
def project(tmp_path_factory, write_notebook) -> Project:
    root = tmp_path_factory.mktemp("replay") / "project"
    write_notebook(
        root / "notebooks" / "train.ipynb", "%load_ext workbench\nimport workbench", TRAIN, parameters="scale = 1"
    )
    (root / "workbench.toml").write_text('[project]\nname = "replay"\n\n[targets.bench]\nkind = "local"\n')
    (root / ".gitignore").write_text(".workbench/\n__pycache__/\n")
    (root / "notebooks" / "helper.py").write_text("def factor():\n    return 1\n")
    (root / "data").mkdir()
    (root / "data" / "train.txt").write_text("1\n2\n3\n")
    project = Project.open(root, actor="ada@example.org")
    git(project, "init", "--quiet")
    snapshot(project, ("data/train.txt",))
    commit(project)
    return project


def run(project: Project, **params: str) -> str:
    card = wait(project, submit(project, "notebooks/train.ipynb", params).id, timeout_s=PATIENCE_S)
    assert card.state == "SUCCEEDED", (card.error, JobFolder.of(project, card.id).log.read_text())
    return card.run


def refusal(project: Project, run_id: str) -> str:
    """Return what the evidence says of a run that was not replayed."""
    jobs = project.journal.count("job")
    proof = reproduce(project, run_id, wait=True)
    assert proof.jobs == ()
    assert project.journal.count("job") == jobs
    assert proof.level in ("R0", "R1")
    assert not list((project.state_dir / "replays").glob("*"))
    return "; ".join(item.summary for item in proof.evidence if item.result != "pass")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.checklist("S1-08", "S1-13")
def test_a_replay_comes_to_the_same_figure_after_everything_has_changed(project) -> None:
    original = show_run(project, run(project, scale="2"))
    assert original.card.metrics == {"size": 12.0}
    events = job_events(project, original.card.job)
    assert [e.data for e in events if e.kind == "metric"] == [{"name": "size", "value": 12.0, "step": 0}]
    assert original.commit == git(project, "rev-parse", "HEAD")
    assert [(item.path, bool(item.dataset_version)) for item in original.inputs] == [("data/train.txt", True)]

    # New data, new code, and on top of it something nobody has committed.
    (project.root / "data" / "train.txt").write_text("100\n")
    (project.root / "notebooks" / "helper.py").write_text("def factor():\n    return 10\n")
    snapshot(project, ("data/train.txt",))
    commit(project)
    (project.root / "notebooks" / "helper.py").write_text("def factor():\n    return 100\n")

    proof = reproduce(project, original.card.id, target="bench", timeout_s=2 * PATIENCE_S, wait=True)
    assert proof.level == "R4", proof
    assert [show_job(project, job).target for job in proof.jobs] == ["bench"]
    assert proof.mismatches == ()
    assert show_evidence(project, original.card.id).evidence == proof.evidence
    again = show_run(project, proof.replays[0])
    assert (original.card.target, again.card.target) == ("local", "bench")
    assert again.card.id != original.card.id
    assert again.card.metrics == original.card.metrics
    assert again.tags["workbench.replay_of"] == original.card.id
    assert again.inputs == original.inputs
    assert (again.commit, again.notebook_digest) == (original.commit, original.notebook_digest)
    assert (project.root / "data" / "train.txt").read_text() == "100\n", "the project itself is left alone"
    assert git(project, "status", "--porcelain") == "M notebooks/helper.py"
    assert git(project, "worktree", "list").count("\n") == 0
    assert not list((project.state_dir / "replays").iterdir())


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({}, "no Git commit"),
        ({"workbench.commit": "HEAD+dirty"}, "differed from its commit"),
        ({"workbench.commit": "0" * 40}, "commit 000000000000"),
        ({"workbench.inputs": [("data/train.txt", "")]}, "changed while it was read"),
        ({"workbench.inputs": [("data/train.txt", "sha256:0")]}, "is not what the run read"),
        ({"workbench.inputs": [("data/loose.txt", "sha256:0")]}, "neither in its commit nor in a dataset version"),
        ({"workbench.notebook_digest": "sha256:0"}, "was not the one of its commit"),
    ],
)
def test_what_cannot_be_proved_equal_is_not_replayed(project, tags, reason) -> None:
    head = git(project, "rev-parse", "HEAD")
    tags = {"workbench.commit": head, **tags} if tags else {}
    inputs = tags.pop("workbench.inputs", [])
    written = [{"path": path, "digest": digest, "dataset_version": ""} for path, digest in inputs]
    tags = {**tags, "workbench.inputs": json.dumps(written)}
    run_id = start_run(project, source="notebooks/train.ipynb", tags=tags)
    finish_run(project, run_id, "FINISHED")
    assert reason in refusal(project, run_id)


def test_a_run_that_still_runs_is_not_replayed(project) -> None:
    run_id = start_run(project, source="notebooks/train.ipynb", tags={"workbench.job": "jb-0"})
    with pytest.raises(PendingError) as caught:
        reproduce(project, run_id)
    assert caught.value.code == "run-not-finished"
    finish_run(project, run_id, "FINISHED")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_who_does_not_wait_is_answered_at_once_and_finds_the_evidence_later(project, wait_until) -> None:
    commit(project)
    original = run(project, scale="3")
    begun = reproduce(project, original)
    assert (begun.level, begun.jobs) == ("R0", ())
    wait_until(lambda: show_evidence(project, original).level == "R4")
