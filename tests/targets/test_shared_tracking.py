"""With a tracking server that both sides reach, a far kernel logs there by itself, into the job's own run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.test_mlflow import ask, mlflow_server
from tests.targets.conftest import Bench
from workbench.compute.consent import trust_secrets
from workbench.foundation.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("world-neighbour")]
CELL = """\
import mlflow
mlflow.log_metric('loss', 0.5, step=1)
mlflow.log_param('kind', 'shared')
with mlflow.start_run(nested=True, run_name='fold'):
    mlflow.log_metric('fold_loss', 1.5)
mlflow.log_metric('loss', 0.25, step=2)
print('logged to', mlflow.get_tracking_uri())
"""


@pytest.mark.checklist("S0-41")
@pytest.mark.parametrize("world", ["neighbour"], indirect=True, scope="session")
def test_a_far_kernel_logs_to_the_shared_server(bench: Bench, tmp_path: Path) -> None:
    with mlflow_server(tmp_path / "team.db") as url:
        file = bench.project.root / "workbench.toml"
        file.write_text(file.read_text() + f'\n[tracking]\nuri = "{url}"\n')
        bench.project = Project.open(bench.project.root, actor="ada@example.org")
        trust_secrets(bench.project, ("tracking",))
        job = bench.submit(CELL)
        ended = bench.end(job.id, timeout_s=300)
        log = (bench.project.state_dir / "follower.log").read_text()
        assert ended.state == "SUCCEEDED", (ended, log[-2000:])
        assert f"logged to {url}" in bench.said(job.id)
        run = ask(url, f"runs/get?run_id={ended.run}")["run"]
        assert run["info"]["status"] == "FINISHED"
        assert [(item["key"], item["value"]) for item in run["data"]["metrics"]] == [("loss", 0.25)]
        assert {"key": "kind", "value": "shared"} in run["data"]["params"]
        history = ask(url, f"metrics/get-history?run_id={ended.run}&metric_key=loss")["metrics"]
        assert sorted(point["value"] for point in history) == [0.25, 0.5], "logged once, by the far kernel alone"
        found = ask(url, "runs/search", {"experiment_ids": [run["info"]["experiment_id"]]})["runs"]
        children = [one for one in found if one["info"]["run_id"] != ended.run]
        assert [one["info"]["run_name"] for one in children] == ["fold"]
        assert not (bench.project.state_dir / "mlflow.db").exists(), "nothing is kept beside the team's server"
