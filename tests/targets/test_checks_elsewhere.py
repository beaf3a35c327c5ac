"""The checks of a review run on another machine, and a model that fails here fails there with the same words."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.review.conftest import build_model
from tests.targets.conftest import Bench
from workbench.contract.review import CheckReport, ReviewCard
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
CHECKS = '\n[stages.away.checks]\ntarget = "{target}"\ntimeout_s = {timeout_s}\n'


def found(card: ReviewCard) -> dict[str, CheckReport]:
    return {report.name: report for report in card.checks}


def prepare(bench: Bench, tmp_path: Path, timeout_s: float = 400.0) -> Project:
    """Log a model that is worse than policy asks, and send the checks of one stage away."""
    project, root = bench.project, bench.project.root
    (root / "policy").mkdir(exist_ok=True)
    stages = "\n".join(STAGE.format(stage=stage) for stage in ("here", "away"))
    (root / "policy" / "gate.toml").write_text(stages + CHECKS.format(target=bench.world.name, timeout_s=timeout_s))
    ensure_store(project)
    folder = build_model(tmp_path / "worse", columns=1)
    run = tracking.start_run(project, name="try", source="train.ipynb", tags={"workbench.models": '["faults"]'})
    tracking.log_artifacts(project, run, folder, "models/faults")
    tracking.finish_run(project, run, "FINISHED")
    return project


@pytest.mark.parametrize("world", ["neighbour", "ssh"], indirect=True, scope="session")
def test_a_model_that_fails_here_fails_there(bench: Bench, tmp_path: Path) -> None:
    project = prepare(bench, tmp_path)
    here = found(reviews.request_review(project, "faults", to="here", wait=True))
    there = found(reviews.request_review(project, "faults", to="away", wait=True))
    bench.started += [record.id for record in project.journal.records("job")]
    assert {name: report.result for name, report in there.items()} == {
        **{"format": "pass", "schema": "pass", "metric": "fail"}
    }, bench._report()
    machine = os.uname().nodename
    for name, report in there.items():
        before = here[name]
        assert (report.result, report.summary, report.evidence_digest) == (
            *(before.result, before.summary, before.evidence_digest),
        )
        assert report.where.startswith(f"{bench.world.name}: {machine}, job jb-")
        assert "no network, own files only, own processes only" in report.where


@pytest.mark.parametrize("world", ["neighbour"], indirect=True, scope="session")
def test_a_machine_that_falls_silent_gives_no_result_in_time(bench: Bench, tmp_path: Path) -> None:
    project = prepare(bench, tmp_path, timeout_s=240.0)
    bench.world.cut_link()
    began = time.monotonic()
    there = found(reviews.request_review(project, "faults", to="away", wait=True))
    assert {report.result for report in there.values()} == {"unknown"}
    assert time.monotonic() - began < 120
    assert "does not answer" in there["metric"].summary
    bench.world.mend_link()
    again = found(reviews.request_review(project, "faults", to="away", wait=True))
    bench.started += [record.id for record in project.journal.records("job")]
    assert again["metric"].result == "fail", bench._report()
