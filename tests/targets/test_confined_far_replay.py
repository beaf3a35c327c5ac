"""The gate's replay on a machine that is somebody else's: confined there as it is here, over real ssh and real Slurm.

The same notebook is its author's own job first, takes everything it wants over there, and trains a model. As the gate's
replay it gets nothing, the model comes out again, and the evidence says where it ran and what held.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.review.test_reproduced import TRAIN
from tests.review.thief import laid_out, left_behind, taken, thief
from tests.targets.conftest import Bench
from tests.targets.test_far_replay import git
from workbench.compute.folder import JobFolder
from workbench.execute.jobs import show_job
from workbench.review import reviews

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's"),
]
POLICY = """\
[stages.production]
required = ["format", "reproduced"]
approvals = 1

[stages.production.reproduced]
target = "far"
"""
WORLDS = [pytest.param(name, marks=pytest.mark.xdist_group(f"world-{name}")) for name in ("ssh", "slurm")]


@pytest.mark.checklist("S1-08", "S1-17", "S3-02")
@pytest.mark.parametrize("world", WORLDS, indirect=True, scope="session")
def test_a_replay_elsewhere_proves_the_model_and_gives_nothing_away(bench: Bench, tmp_path: Path) -> None:
    project, root = bench.project, bench.project.root
    (root / "policy").mkdir()
    (root / "policy" / "gate.toml").write_text(POLICY)
    with laid_out(project, tmp_path / "home", tmp_path / "outside") as wanted:
        cells = (TRAIN.replace("SEED", "7").replace("NAME", "steady"), thief(wanted))
        bench.write(root / "notebooks" / "train.ipynb", *cells)
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "as it is")
        own = bench.end(bench.submit(*cells, name="train").id, timeout_s=300)
        assert own.state == "SUCCEEDED", own
        loot = taken(root / own.output)
        assert {name for name, value in loot.items() if value == "refused"} <= {"token"}, "it steals where it may"

        card = reviews.request_review(project, "steady", wait=True)

        assert card.run == own.run
        report = {check.name: check for check in card.checks}["reproduced"]
        evidence = json.loads(project.store.read(report.evidence_digest))
        bench.started.append(evidence["job"])
        assert report.result == "pass", report
        held = "limits, no network, own files only, own processes only"
        assert [evidence[name] for name in ("target", "isolation", "level")] == ["far", held, "R4"]
        assert f"({held})" in report.tool
        replay = show_job(project, evidence["job"])
        got = taken(JobFolder.of(project, replay.id).output)
        assert got.keys() == loot.keys()
        assert set(got.values()) == {"refused"}, got
        assert not left_behind()
        assert not list(JobFolder.of(project, replay.id).path.rglob("loot.txt"))
