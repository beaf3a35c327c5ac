"""The cluster that the tests of the Slurm target stand on, by itself."""

from __future__ import annotations

import tempfile
from pathlib import Path

import psutil
import pytest

from tests.targets.slurm_cluster import SlurmCluster, processes_of, running_cluster

pytestmark = pytest.mark.xdist_group("slurm")


def test_a_plain_batch_job_runs(slurm_cluster: SlurmCluster, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    slurm_cluster.run("sbatch", "--wait", f"--output={out}", "--wrap=hostname; echo done")
    assert out.read_text().endswith("done\n")


def test_a_batch_job_that_fails_is_noticed(slurm_cluster: SlurmCluster) -> None:
    with pytest.raises(AssertionError, match="sbatch"):
        slurm_cluster.run("sbatch", "--wait", "--output=/dev/null", "--wrap=exit 3")


def test_the_controller_goes_and_comes_back_with_what_it_knew(slurm_cluster: SlurmCluster) -> None:
    number = slurm_cluster.run("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 60").strip()
    slurm_cluster.stop_controller()
    with pytest.raises(AssertionError, match="squeue"):
        slurm_cluster.run("squeue")
    slurm_cluster.start_controller()
    assert number in slurm_cluster.run("squeue", "--noheader", "--format=%i").split()
    slurm_cluster.run("scancel", number)


def test_nothing_is_left_and_nobody_else_is_listened_to() -> None:
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    with running_cluster(folder) as cluster:
        cluster.run("sbatch", "--output=/dev/null", "--wrap=sleep 600")
        found = psutil.process_iter(["pid", "cmdline"])
        daemons = [each.info["pid"] for each in found if str(folder) in " ".join(each.info["cmdline"] or ())]
        listening = {
            connection.laddr.ip
            for connection in psutil.net_connections("inet")
            if connection.pid in daemons and connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
    assert not folder.exists()
    assert not list(processes_of(folder))
    assert not [pid for pid in daemons if psutil.pid_exists(pid)]
