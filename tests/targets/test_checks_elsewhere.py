"""The checks of a review run on another machine, and a model that fails here fails there with the same words."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.review.conftest import build_model
from tests.targets.conftest import Bench
from workbench.contract.review import CheckReport
from workbench.experiment.store import tracking
from workbench.experiment.store.creation import ensure_store
from workbench.foundation.project import Project
from workbench.review import reviews

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
STAGE = """\
[stages.{stage}]
required = ["format", "schema", "metric"]
approvals = 1

[stages.{stage}.metric]
minimum = 0.72
"""
CHECKS = """
[stages.{stage}.checks]
target = "{target}"
timeout_s = {timeout_s}
isolation = "{isolation}"
"""
ISOLATION = {"away": "required", "away-with-less": "if-possible"}


def prepare(bench: Bench, tmp_path: Path, timeout_s: float = 400.0) -> Project:
    """Log a model that is worse than policy asks, and send the checks of two stages away."""
    project, root = bench.project, bench.project.root
    (root / "policy").mkdir(exist_ok=True)
    stages = [STAGE.format(stage=stage) for stage in ("here", *ISOLATION)]
    stages += [
        CHECKS.format(stage=stage, target=bench.world.name, timeout_s=timeout_s, isolation=isolation)
        for stage, isolation in ISOLATION.items()
    ]
    (root / "policy" / "gate.toml").write_text("\n".join(stages))
    ensure_store(project)
    folder = build_model(tmp_path / "worse", columns=1)
    run = tracking.start_run(project, name="try", source="train.ipynb", tags={"workbench.models": '["faults"]'})
    tracking.log_artifacts(project, run, folder, "models/faults")
    tracking.finish_run(project, run, "FINISHED")
    return project


def ask(bench: Bench, project: Project, stage: str) -> dict[str, CheckReport]:
    card = reviews.request_review(project, "faults", to=stage, wait=True)
    bench.started += [record.id for record in project.journal.records("job") if record.id not in bench.started]
    return {report.name: report for report in card.checks}


def assert_alike(here: dict[str, CheckReport], there: dict[str, CheckReport], bench: Bench) -> None:
    results = {name: report.result for name, report in there.items()}
    assert results == {"format": "pass", "schema": "pass", "metric": "fail"}, (there, bench._report())
    for name, report in there.items():
        before = here[name]
        assert (report.result, report.summary, report.evidence_digest) == (
            *(before.result, before.summary, before.evidence_digest),
        )
        assert report.where.startswith(f"{bench.world.name}: ")
        assert ", job jb-" in report.where


# Each in the one worker that has this world: a second one in a process would find the first one's adapter.
NEIGHBOUR, SSH, SLURM, PODS = (
    pytest.param(name, marks=pytest.mark.xdist_group(f"world-{name}"))
    for name in ("neighbour", "ssh", "slurm", "kubernetes")
)


@pytest.mark.parametrize("world", [NEIGHBOUR, SSH, SLURM], indirect=True, scope="session")
def test_a_model_that_fails_here_fails_there(bench: Bench, tmp_path: Path) -> None:
    project = prepare(bench, tmp_path)
    there = ask(bench, project, "away")
    assert_alike(ask(bench, project, "here"), there, bench)
    for report in there.values():
        assert report.where.startswith(f"{bench.world.name}: {os.uname().nodename}, job jb-")
        assert "no network, own files only, own processes only" in report.where


@pytest.mark.parametrize("world", [PODS], indirect=True, scope="session")
def test_a_pod_that_may_confine_nothing_is_asked_only_where_policy_accepts_less(bench: Bench, tmp_path: Path) -> None:
    """A restricted pod gives no process namespaces of its own; the luggage has to fit into a ConfigMap."""
    project = prepare(bench, tmp_path)
    there = ask(bench, project, "away")
    assert {report.result for report in there.values()} == {"unknown"}
    assert "The model was not opened on far" in there["format"].summary
    assert_alike(ask(bench, project, "here"), ask(bench, project, "away-with-less"), bench)


@pytest.mark.parametrize("world", [NEIGHBOUR], indirect=True, scope="session")
def test_a_machine_that_falls_silent_gives_no_result_in_time(bench: Bench, tmp_path: Path) -> None:
    project = prepare(bench, tmp_path, timeout_s=240.0)
    bench.world.cut_link()
    began = time.monotonic()
    there = ask(bench, project, "away")
    assert {report.result for report in there.values()} == {"unknown"}
    assert time.monotonic() - began < 120
    assert "does not answer" in there["metric"].summary
    bench.world.mend_link()
    again = ask(bench, project, "away")
    assert again["metric"].result == "fail", bench._report()
