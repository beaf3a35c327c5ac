"""The README's first command, end to end, and what it leaves behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import WalkedRoad, walk_road
from tests.files import files_below
from workbench.experiment.runs import list_runs
from workbench.monitor.alerts import list_alerts
from workbench.project.lineage.walk import show_lineage
from workbench.review.reviews import list_reviews
from workbench.serving.releases import list_releases
from workbench.serving.runners import list_runners

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("road"), pytest.mark.timeout(900)]


@pytest.mark.checklist("S1-01", "S1-02", "S4-01", "S4-32")
def test_the_whole_road_is_walked(walked_road: WalkedRoad) -> None:
    project = walked_road.project
    assert {run.state for run in list_runs(project)} == {"FINISHED"}
    reviews = [review for review in list_reviews(project) if review.stage == "production"]
    assert [review.state for review in reviews] == ["APPROVED", "APPROVED"]
    current = [release for release in list_releases(project) if release.state == "CURRENT"]
    assert len(current) == 1
    assert current[0].approvers == ("reviewer@example.com",)
    assert [alert.state for alert in list_alerts(project)] == ["OPEN"]
    assert project.journal.verify().seq > 20


@pytest.mark.checklist("S0-11", "S1-10", "S1-16")
def test_both_tricks_are_refused(walked_road: WalkedRoad) -> None:
    assert "[self-approval]" in walked_road.output
    assert "[bytes-changed]" in walked_road.output


@pytest.mark.checklist("S2-01", "S2-02", "S1-19")
def test_the_swap_failed_no_request(walked_road: WalkedRoad) -> None:
    found = re.search(r"(\d+) answers, (\d+) failed", walked_road.output)
    assert found is not None
    assert int(found[1]) > 100
    assert int(found[2]) == 0


@pytest.mark.checklist("S1-08", "S1-20", "S1-32")
def test_the_served_run_is_proved_and_its_road_is_known(walked_road: WalkedRoad) -> None:
    (served,) = [release for release in list_releases(walked_road.project) if release.state == "CURRENT"]
    (window, *_) = walked_road.project.journal.records("window")
    nodes = {node.kind for node in show_lineage(walked_road.project, window.id).nodes}
    assert {"dataset", "notebook", "run", "model", "review", "release", "window"} <= nodes
    assert any(run.level == "R4" for run in list_runs(walked_road.project))
    assert served.channel == "shuttle@production"


def test_nothing_is_left_running(walked_road: WalkedRoad) -> None:
    assert not any(runner.is_running for runner in list_runners(walked_road.project))
    listed = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
    assert str(walked_road.project.root) not in listed


@pytest.mark.checklist("S0-17", "S0-47", "S2-29")
def test_the_report_is_one_page_in_both_languages(walked_road: WalkedRoad) -> None:
    for language, word in (("en", "drift"), ("ja", "ドリフト")):
        text = (walked_road.project.root / "reports" / f"shuttle-{language}.html").read_text(encoding="utf-8")
        assert word in text


@pytest.mark.checklist("S0-13")
def test_no_secret_is_left_in_sight(walked_road: WalkedRoad) -> None:
    root = walked_road.project.root
    for path in files_below(root):
        if "keys" not in path.parts:
            assert b"PRIVATE KEY" not in path.read_bytes(), path
    tracked = subprocess.run(["git", "-C", str(root), "ls-files"], check=True, capture_output=True, text=True).stdout
    assert ".workbench" not in tracked
    assert "data/train.csv.dvc" in tracked.split()
    assert "data/train.csv" not in tracked.split()


@pytest.mark.checklist("S1-37")
def test_mlflow_and_dvc_read_what_was_written(walked_road: WalkedRoad) -> None:
    root = walked_road.project.root
    status = subprocess.run(
        [sys.executable, "-m", "dvc", "status"], cwd=root, check=True, capture_output=True, text=True
    )
    assert "up to date" in status.stdout
    code = (
        "import mlflow, sys; import numpy as np; mlflow.set_tracking_uri(sys.argv[1]);"
        "print(len(mlflow.search_runs(search_all_experiments=True)));"
        "model = mlflow.pyfunc.load_model(f'runs:/{sys.argv[2]}/models/shuttle');"
        "print(sorted(model.predict(np.zeros((1, 9)))))"
    )
    runs = [run for run in list_runs(walked_road.project) if run.models]
    command = [sys.executable, "-c", code, walked_road.project.tracking_uri, runs[0].id]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines()
    assert int(lines[-2]) == len(list_runs(walked_road.project))
    assert "label" in lines[-1]


def test_walking_twice_is_harmless(walked_road: WalkedRoad) -> None:
    before = {review.id for review in list_reviews(walked_road.project)}
    walk_road(Path(walked_road.project.root))
    assert {review.id for review in list_reviews(walked_road.project)} == before
    assert walked_road.project.journal.verify().seq > 0
