"""A project of plain MLflow opens here, and one of ours in MLflow's own server, asked over HTTP as its pages ask."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.interop.conftest import make_project
from workbench.experiment.runs import compare_runs, list_runs, show_run
from workbench.experiment.store import tracking
from workbench.foundation.project import Project


@contextmanager
def mlflow_server(database: Path) -> Iterator[str]:
    """Start ``mlflow server`` over a database; ``mlflow ui`` is the same program."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{database}"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    log = (database.parent / "server.log").open("w+")
    with subprocess.Popen(
        command, cwd=database.parent, stdout=log, stderr=log, env=environment, start_new_session=True
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 120
            while True:
                try:
                    urllib.request.urlopen(f"{url}/health", timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None, (database.parent / "server.log").read_text()
                    assert time.monotonic() < deadline, (database.parent / "server.log").read_text()
                    time.sleep(0.2)
            yield url
        finally:
            os.killpg(server.pid, 9)
            log.close()


def ask(url: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask MLflow's REST interface."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{url}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def test_mlflow_shows_what_we_wrote(tmp_path: Path) -> None:
    project = make_project(tmp_path / "ours", git=False)
    runs = []
    for number in range(3):
        run = tracking.start_run(project, name=f"try {number}", source="train.ipynb", params={"depth": number})
        tracking.log_metrics(project, run, {"f1": number / 10, "loss": 1.0}, step=1)
        tracking.log_metrics(project, run, {"f1": number / 5}, step=2)
        (tmp_path / "report").mkdir(exist_ok=True)
        (tmp_path / "report" / "said.txt").write_text("fine")
        tracking.log_artifacts(project, run, tmp_path / "report", "report")
        tracking.finish_run(project, run, "FINISHED" if number else "FAILED")
        runs.append(run)
    project.journal.close()
    with mlflow_server(project.state_dir / "mlflow.db") as url:
        experiments = ask(url, "experiments/search", {"max_results": 100})["experiments"]
        (own,) = [found for found in experiments if found["name"] == "interop"]
        body = {
            "experiment_ids": [own["experiment_id"]],
            "filter": "metrics.f1 > 0.1 and params.depth != '9'",
            "order_by": ["metrics.f1 DESC"],
        }
        found = ask(url, "runs/search", body)["runs"]
        assert [run["info"]["run_id"] for run in found] == [runs[2], runs[1]]
        one = ask(url, f"runs/get?run_id={runs[0]}")["run"]
        assert (one["info"]["run_name"], one["info"]["status"]) == ("try 0", "FAILED")
        tags = {tag["key"]: tag["value"] for tag in one["data"]["tags"]}
        assert tags["mlflow.user"] == "grace@example.org"
        history = ask(url, f"metrics/get-history?run_id={runs[2]}&metric_key=f1")["metrics"]
        assert [(point["step"], point["value"]) for point in history] == [(1, 0.2), (2, 0.4)]
        files = ask(url, f"artifacts/list?run_id={runs[1]}&path=report")["files"]
        assert [file["path"] for file in files] == ["report/said.txt"]
        with urllib.request.urlopen(url, timeout=30) as page:
            assert b"MLflow" in page.read()


def test_what_plain_mlflow_wrote_opens_here(tmp_path: Path) -> None:
    root = tmp_path / "theirs"
    make_project(root, git=False)
    code = textwrap.dedent(
        """
        import mlflow
        mlflow.set_tracking_uri("sqlite:///mlflow.db")
        mlflow.set_experiment("interop")
        for number in range(3):
            with mlflow.start_run(run_name=f"plain {number}"):
                mlflow.log_param("depth", number)
                mlflow.log_metric("f1", number / 10, step=1)
                mlflow.log_metric("f1", number / 5, step=2)
                mlflow.set_tag("machine", "line 4")
                mlflow.log_text("fine", "said.txt")
        """
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True)
    with (root / "workbench.toml").open("a") as stream:
        stream.write(f'[tracking]\nuri = "sqlite:///{root / "mlflow.db"}"\n')
    project = Project.open(root, actor="grace@example.org")
    cards = list_runs(project)
    assert {card.name for card in cards} == {"plain 0", "plain 1", "plain 2"}
    assert {card.state for card in cards} == {"FINISHED"}
    best, *_ = list_runs(project, "metrics.f1 > 0.1", sort="-metrics.f1")
    assert (best.name, best.metrics["f1"], best.params["depth"]) == ("plain 2", 0.4, "2")
    assert show_run(project, best.id).card.id == best.id
    assert len(compare_runs(project, tuple(card.id for card in cards)).runs) == 3
