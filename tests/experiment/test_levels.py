"""Levels follow from evidence alone: what each needs, what takes it away, and that nobody can merely claim one."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
import subprocess

import pytest

from workbench.contract.reproduction import Evidence
from workbench.data.dvc import stages
from workbench.data.versions import snapshot, version_of
from workbench.execute.checkout import fresh_checkout
from workbench.execute.reproduce import prove, reproduce, verify
from workbench.experiment.capture.cells import chain_of
from workbench.experiment.capture.environment import environment, environment_lock
from workbench.experiment.levels.facts import read_facts
from workbench.experiment.levels.judgement import Judgement, level_from
from workbench.experiment.levels.record import conclude, recorded
from workbench.experiment.levels.replayed import judge_replays
from workbench.experiment.levels.restorable import judge_inputs
from workbench.experiment.levels.standing import fallen_levels
from workbench.experiment.store.tracking import finish_run, log_artifacts, log_metrics, set_tags, start_run
from workbench.foundation.canonical import digest_file
from workbench.foundation.errors import ConflictError, UnknownResultError, UsageError
from workbench.foundation.project import Project

CELLS = ("import pandas", "x = 2", "workbench.log(x=x)")


def git(project: Project, *arguments: str) -> str:
    command = ["git", "-C", str(project.root), "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def versioned(project) -> Project:
    """A project whose notebook and table are in a commit."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
        for n, cell in enumerate(CELLS)
    ]
    (project.root / "a.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    (project.root / ".gitignore").write_text(".workbench/\n")
    (project.root / "table.csv").write_text("a,b\n1,2\n")
    git(project, "init", "--quiet")
    snapshot(project, ("table.csv",))
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "as it is")
    return project


def make_run(project: Project, tmp_path, metrics=None, **changes: str) -> str:
    """A run that recorded everything a clean one does, except for what is changed."""
    (version,) = snapshot(project, ("table.csv",))
    digest, python, _ = environment()
    read = {"path": "table.csv", "digest": digest_file(project.root / "table.csv"), "dataset_version": version.id}
    tags = {
        "workbench.commit": git(project, "rev-parse", "HEAD"),
        "workbench.chain": chain_of(CELLS),
        "workbench.cells": json.dumps({"executed": 3, "findings": []}),
        "workbench.inputs": json.dumps([read]),
        "workbench.environment_digest": digest,
        "workbench.python": python,
    }
    tags |= {f"workbench.{name}": value for name, value in changes.items()}
    run = start_run(project, source="a.ipynb", tags=tags, params={"depth": "3"})
    folder = tmp_path / "files"
    folder.mkdir(exist_ok=True)
    (folder / "environment.json").write_bytes(environment_lock())
    log_artifacts(project, run, folder, "workbench")
    log_metrics(project, run, metrics or {"f1": 0.5, "training_s": 1.0})
    finish_run(project, run, "FINISHED")
    return run


def results(proof) -> dict[tuple[str, str], str]:
    return {(item.level, item.name): str(item.result) for item in proof.evidence}


@pytest.mark.parametrize(
    ("results", "level"),
    [
        ({}, "R0"),
        ({"R1": "pass"}, "R1"),
        ({"R1": "pass", "R2": "fail", "R3": "pass"}, "R1"),
        ({"R1": "unknown", "R2": "pass"}, "R0"),
        ({"R1": "pass", "R3": "pass"}, "R1"),
        ({"R1": "pass", "R2": "pass", "R3": "pass", "R4": "pass"}, "R4"),
    ],
)
def test_each_level_stands_on_the_one_below(results, level) -> None:
    assert level_from(Evidence(name, "x", result, "") for name, result in results.items()) == level


def test_a_clean_run_is_restorable_and_says_so_once(versioned, tmp_path) -> None:
    run = make_run(versioned, tmp_path)
    proof = verify(versioned, run)
    said = {(item.level, item.name): item.summary for item in proof.evidence}
    assert said["R1", "reads"] == "The only file it read is versioned"
    assert said["R2", "inputs"] == "Its only input re-hashes to what was recorded"
    assert (proof.level, proof.recorded_level, proof.is_stale, proof.mismatches) == ("R2", "R0", False, ()), proof
    kept = json.loads(next((versioned.state_dir / "artifacts").rglob("evidence/R2.json")).read_bytes())
    assert (kept["level"], kept["result"], kept["run"]) == ("R2", "pass", run)
    assert read_facts(versioned, run).level == "R2"
    head = versioned.journal.head()
    assert verify(versioned, run).level == "R2"
    assert versioned.journal.head() == head, "nothing has changed, so nothing is written"
    assert list(fallen_levels(versioned)) == []


@pytest.mark.parametrize(
    ("changes", "name", "result"),
    [
        ({"cells": json.dumps({"findings": [{"kind": "edited", "cell": "c1", "detail": ""}]})}, "order", "fail"),
        ({"cells": ""}, "order", "unknown"),
        ({"cells": "no JSON"}, "order", "unknown"),
        ({"cells": '{"findings": "none"}'}, "order", "unknown"),
        ({"chain": chain_of(["x = 3"])}, "code", "fail"),
        ({"chain": ""}, "code", "unknown"),
        ({"commit": ""}, "code", "fail"),
        ({"commit": "0" * 40}, "code", "fail"),
        ({"inputs": '[{"path": "a.ipynb", "digest": "sha256:0", "dataset_version": ""}]'}, "reads", "fail"),
        ({"inputs": '[{"path": "table.csv", "digest": "", "dataset_version": ""}]'}, "reads", "fail"),
        ({"inputs_incomplete": "true"}, "reads", "unknown"),
    ],
)
def test_what_keeps_a_run_from_being_clean(versioned, tmp_path, changes, name, result) -> None:
    proof = reproduce(versioned, make_run(versioned, tmp_path, **changes), level="r1")
    assert proof.level == "R0"
    assert results(proof)["R1", name] == result
    assert [key for key, value in results(proof).items() if value != "pass"] == [("R1", name)]


def test_a_run_that_ends_before_its_notebook_does_is_of_its_commit(versioned, tmp_path) -> None:
    proof = reproduce(versioned, make_run(versioned, tmp_path, chain=chain_of(CELLS[:2])), level="R1")
    assert proof.level == "R1", proof


def test_a_file_of_the_commit_needs_no_dataset_version(versioned, tmp_path) -> None:
    read = {"path": ".gitignore", "digest": digest_file(versioned.root / ".gitignore"), "dataset_version": ""}
    assert verify(versioned, make_run(versioned, tmp_path, inputs=json.dumps([read]))).level == "R2"


def test_an_open_notebook_may_differ_from_its_commit_in_its_outputs_only(versioned, tmp_path) -> None:
    dirty = git(versioned, "rev-parse", "HEAD") + "+dirty"
    (tmp_path / "files").mkdir()
    patch = tmp_path / "files" / "changes.patch"
    patch.write_text("diff --git a/a.ipynb b/a.ipynb\n")
    assert reproduce(versioned, make_run(versioned, tmp_path, commit=dirty), level="R1").level == "R1"
    for text in (
        "diff --git a/a.ipynb b/a.ipynb\ndiff --git a/helper.py b/helper.py\n",
        "diff --git a/a.ipynb b/a.ipynb\n# left out: big.py: 9999999 bytes\n",
        "# left out: the patch itself: 9999999 bytes\n",
        "",
    ):
        patch.write_text(text)
        assert reproduce(versioned, make_run(versioned, tmp_path, commit=dirty), level="R1").level == "R0", text


def test_a_level_falls_when_the_data_is_gone_and_comes_back_with_it(versioned, tmp_path) -> None:
    run = make_run(versioned, tmp_path)
    assert verify(versioned, run).level == "R2"
    (cached,) = [path for path in (versioned.root / ".dvc" / "cache").rglob("*/*/*") if path.is_file()]
    aside = tmp_path / "aside"
    cached.rename(aside)
    ((fallen, level, reason),) = fallen_levels(versioned)
    assert (fallen, level, "the cache no longer has table.csv@" in reason) == (run, "R2", True)
    proof = verify(versioned, run)
    assert (proof.level, proof.is_stale) == ("R1", True)
    assert results(proof)["R2", "inputs"] == "fail"
    aside.rename(cached)
    assert verify(versioned, run).level == "R2"


def test_a_level_that_somebody_claims_is_taken_back(versioned, tmp_path) -> None:
    run = make_run(versioned, tmp_path)
    set_tags(versioned, run, {"workbench.level": "R4"})
    assert [(found, level) for found, level, _ in fallen_levels(versioned)] == [(run, "R4")]
    proof = verify(versioned, run)
    assert (proof.level, proof.is_stale) == ("R2", True)
    assert read_facts(versioned, run).level == "R2"


def test_a_figure_that_is_changed_afterwards_makes_its_evidence_stale(versioned, tmp_path) -> None:
    run = make_run(versioned, tmp_path)
    verify(versioned, run)
    with sqlite3.connect(versioned.state_dir / "mlflow.db") as store:
        store.execute("UPDATE latest_metrics SET value = 0.9 WHERE key = 'f1'")
    store.close()
    ((_, _, reason),) = fallen_levels(versioned)
    assert "was changed" in reason


def test_the_hint_for_a_project_without_git_makes_a_repository(project, tmp_path) -> None:
    run = start_run(project, source="a.ipynb")
    finish_run(project, run, "FINISHED")
    proof = verify(project, run)
    hints = {(item.level, item.name): item.hint for item in proof.evidence}
    assert "mlops init" in hints["R1", "code"], "which tells Git what to leave out, too"
    assert "mlops init" in hints["R2", "inputs"]


def test_who_asks_for_less_takes_nothing_away(versioned, tmp_path) -> None:
    run = make_run(versioned, tmp_path)
    assert verify(versioned, run).level == "R2"
    proof = reproduce(versioned, run, level="R1")
    assert (proof.level, proof.is_stale, read_facts(versioned, run).level) == ("R2", False, "R2")
    assert results(proof)["R2", "inputs"] == "pass"
    assert list(fallen_levels(versioned)) == []


@pytest.mark.parametrize(("result", "level"), [("unknown", "R4"), ("fail", "R2")])
def test_a_replay_that_came_to_no_end_takes_nothing_away(versioned, tmp_path, result, level) -> None:
    run = make_run(versioned, tmp_path)

    def concluded(**last: str):
        judged = Judgement()
        for name in ("R1", "R2", "R3", "R4"):
            if name in last or "R3" not in last:
                judged.evidence.append(Evidence(name, "replay", last.get(name, "pass"), f"{name} {last.get(name)}"))
        return conclude(versioned, read_facts(versioned, run), judged, jobs=("jb-1",))

    assert concluded().level == "R4"
    proof = concluded(R1="pass", R2="pass", R3=result)
    assert proof.level == level
    assert f"R3 {result}" in [item.summary for item in proof.evidence], "it is said all the same"
    assert read_facts(versioned, run).level == level
    assert recorded(versioned, read_facts(versioned, run)).level == level


def test_replays_of_earlier_are_not_named_for_one_that_could_not_begin(versioned, tmp_path) -> None:
    """A review's check looks at the job that it has asked for, on its target and confined: never at an older one."""
    run = make_run(versioned, tmp_path)
    facts, judged = read_facts(versioned, run), Judgement()
    judged.evidence += [Evidence(name, "replay", "pass", "") for name in ("R1", "R2", "R3", "R4")]
    assert conclude(versioned, facts, judged, jobs=("jb-old",), replays=("old",)).level == "R4"
    shutil.rmtree(versioned.root / ".dvc" / "cache" / "files")
    proof = prove(versioned, facts, target="local", tolerance=0.0, timeout_s=60, isolation="required")
    assert (proof.jobs, proof.replays, results(proof)["R2", "inputs"]) == ((), (), "fail")


def test_another_package_is_named(versioned, tmp_path) -> None:
    run = make_run(versioned, tmp_path, environment_digest="sha256:1")
    (lock,) = (versioned.state_dir / "artifacts").rglob("environment.json")
    body = json.loads(lock.read_bytes())
    for package in body["packages"]:
        if package["name"] == "numpy":
            package["version"], now = "1.0", package["version"]
    lock.write_text(json.dumps(body))
    proof = verify(versioned, run)
    assert proof.level == "R1"
    assert [(m.part, m.name, m.recorded, m.found) for m in proof.mismatches] == [("package", "numpy", "1.0", now)]


@pytest.mark.parametrize(
    ("replayed", "result"),
    [
        ((0.5,), "pass"),
        ((0.5 + 1e-9,), "fail"),
        ((0.4, 0.6), "pass"),
        ((0.4, 0.45), "fail"),
        ((0.4,), "fail"),
        ((0.5, 0.5), "pass"),
    ],
)
def test_metrics_are_equal_or_within_the_spread_of_two_replays(versioned, tmp_path, replayed, result) -> None:
    run = read_facts(versioned, make_run(versioned, tmp_path))
    others = [
        read_facts(versioned, make_run(versioned, tmp_path, metrics={"f1": value, "training_s": 9.0}))
        for value in replayed
    ]
    judged = Judgement()
    judge_replays(run, others, 0.0, judged)
    (metrics,) = judged.of_level("R4")
    assert metrics.result == result
    assert {item.result for item in judged.of_level("R3")} == {"pass"}


@pytest.mark.parametrize(("replayed", "result"), [(float("nan"), "pass"), (0.5, "fail")])
def test_a_metric_that_is_no_number_has_to_come_out_so_again(versioned, tmp_path, replayed, result) -> None:
    run = read_facts(versioned, make_run(versioned, tmp_path, metrics={"f1": 0.5, "loss": float("nan")}))
    other = read_facts(versioned, make_run(versioned, tmp_path, metrics={"f1": 0.5, "loss": replayed}))
    judged = Judgement()
    judge_replays(run, [other], 0.0, judged)
    (metrics,) = judged.of_level("R4")
    assert metrics.result == result, metrics
    assert run.digest != dataclasses.replace(run, undefined=frozenset()).digest


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"level": "R9"}, "level-unknown"),
        ({"level": "R0"}, "level-unknown"),
        ({"replays": 0}, "replays-out-of-range"),
        ({"tolerance": -1.0}, "number-negative"),
        ({"tolerance": float("inf")}, "number-negative"),
        ({"tolerance": float("nan")}, "number-negative"),
        ({"timeout_s": float("nan")}, "number-negative"),
    ],
)
def test_wrong_numbers_are_named_before_anything_is_looked_at(project, options, code) -> None:
    with pytest.raises(UsageError) as caught:
        reproduce(project, "no-such-run", **options)
    assert caught.value.code == code


def test_of_somebody_elses_run_no_file_outside_of_the_checkout_is_hashed(versioned, tmp_path, tmp_path_factory):
    secret = tmp_path_factory.mktemp("home") / "token"
    secret.write_text("a token")
    read = json.dumps([{"path": str(secret), "digest": "sha256:0", "dataset_version": ""}])
    facts = read_facts(versioned, make_run(versioned, tmp_path, inputs=read))
    for is_own in (True, False):
        judged = Judgement()
        assert not judge_inputs(facts, versioned.root, judged, is_own=is_own)
        found = [item.found for item in judged.mismatches]
        assert found == ([digest_file(secret)] if is_own else ["missing"])


def test_submodules_are_in_a_checkout_too(versioned, tmp_path_factory) -> None:
    inner, outer = tmp_path_factory.mktemp("inner"), tmp_path_factory.mktemp("outer")
    for root in (inner, outer):
        other = dataclasses.replace(versioned, root=root)
        git(other, "init", "--quiet")
        (root / "helper.py").write_text(f"NAME = '{root.name}'\n")
        if root == outer:
            git(other, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "deep 深")
        git(other, "add", "--all")
        git(other, "commit", "--quiet", "-m", "x")
    allow = ("-c", "protocol.file.allow=always", "submodule", "--quiet")
    git(versioned, *allow, "add", str(outer), "lib")
    git(versioned, *allow, "update", "--init", "--recursive")
    git(versioned, "commit", "--quiet", "-m", "with a submodule")
    commit = git(versioned, "rev-parse", "HEAD")
    (versioned.root / "lib" / "helper.py").write_text("NAME = 'changed'\n")
    with fresh_checkout(versioned, commit, (), is_whole=False) as checkout:
        assert (checkout / "lib" / "helper.py").read_text() == f"NAME = '{outer.name}'\n"
        assert (checkout / "lib" / "deep 深" / "helper.py").read_text() == f"NAME = '{inner.name}'\n"
    git(versioned, "submodule", "--quiet", "deinit", "--force", "lib")
    with pytest.raises(UnknownResultError, match="submodule lib"), fresh_checkout(versioned, commit, (), is_whole=True):
        pass
    assert not list((versioned.state_dir / "replays").iterdir())


def test_data_is_not_laid_out_through_a_link_that_leads_out_of_the_checkout(versioned, tmp_path_factory):
    outside, moved = tmp_path_factory.mktemp("outside"), tmp_path_factory.mktemp("moved")
    (versioned.root / "data").mkdir()
    (versioned.root / "data" / "keys.csv").write_text("a\n1\n")
    (version,) = snapshot(versioned, ("data/keys.csv",))
    (versioned.root / "data").rename(moved / "data")
    (versioned.root / "data").symlink_to(outside)
    git(versioned, "add", "--all")
    git(versioned, "commit", "--quiet", "-m", "a link in its place")
    with (
        pytest.raises(UnknownResultError, match=r"leads data/keys\.csv out of the project"),
        fresh_checkout(versioned, git(versioned, "rev-parse", "HEAD"), (version.id,), is_whole=True),
    ):
        pass
    assert not list(outside.iterdir())


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("my table.csv", "mlops data snapshot 'my table.csv', commit"),
        ("/mnt/a.csv", "bring /mnt/a.csv into the project"),
    ],
)
def test_a_hint_can_be_typed_as_it_stands(versioned, tmp_path, path, hint) -> None:
    read = json.dumps([{"path": path, "digest": "sha256:0", "dataset_version": ""}])
    proof = reproduce(versioned, make_run(versioned, tmp_path, inputs=read), level="R2")
    said = {(item.level, item.name): item.hint for item in proof.evidence}
    assert hint in said["R1", "reads"]
    assert hint.partition(", commit")[0] in said["R2", "inputs"]


def test_what_a_stage_has_made_is_versioned_by_the_pipelines_own_file(versioned, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(versioned.root)  # where DVC carries stages out
    name = "清 表.csv"
    command = f"cp table.csv '{name}'"
    stages.add(versioned, name="made", command=command, inputs=["table.csv"], outputs=[name], params=[])
    stages.reproduce(versioned, [])
    with pytest.raises(ConflictError) as caught:
        snapshot(versioned, (name,))
    assert caught.value.code == "data-overlaps"
    git(versioned, "add", "--all")
    git(versioned, "commit", "--quiet", "-m", "made")
    version = version_of(versioned, versioned.root / name)
    assert version is not None
    read = {"path": name, "digest": digest_file(versioned.root / name), "dataset_version": version.id}
    run = make_run(versioned, tmp_path, inputs=json.dumps([read]))
    (versioned.root / name).unlink()
    assert verify(versioned, run).level == "R2"
    assert list(fallen_levels(versioned)) == []
    (versioned.root / name).write_text("other bytes\n")
    assert version_of(versioned, versioned.root / name) is None
