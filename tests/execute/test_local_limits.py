"""What a job on this machine may use at most: processors, memory of all its processes, time."""

from __future__ import annotations

import pytest

from workbench.compute.targets import Capability, find_target
from workbench.execute.jobs import job_events, list_jobs, wait
from workbench.foundation.errors import UsageError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 240
GREEDY = "import time\nkept = bytearray(b'x') * (700 << 20)\ntime.sleep(60)"
CHILD = (
    "import subprocess, sys\n"
    "subprocess.run([sys.executable, '-c', \"import time; kept = bytearray(b'x') * (700 << 20); time.sleep(60)\"])"
)


def said(project, job) -> str:
    return "".join(event.data["text"] for event in job_events(project, job) if event.kind == "out")


@pytest.mark.parametrize("cell", [GREEDY, CHILD], ids=["kernel", "child"])
def test_memory_of_all_its_processes_is_limited(job_project, start, cell) -> None:
    job = start("print('begun')", cell, memory="500MiB")
    card = wait(job_project, job, timeout_s=PATIENCE_S)
    assert (card.state, card.reason, card.cell) == ("FAILED", "OOMKilled", 1)
    assert "500 MiB were allowed" in card.error


def test_time_is_limited_and_the_work_is_saved(job_project, start) -> None:
    job = start("print('begun', flush=True)", "import time; time.sleep(600)", time_limit="4s")
    card = wait(job_project, job, timeout_s=PATIENCE_S)
    assert (card.state, card.reason) == ("FAILED", "timeout")
    assert "begun" in (job_project.root / card.output).read_text()


def test_processors_are_limited(job_project, start) -> None:
    job = start("import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])", cpus=1)
    assert wait(job_project, job, timeout_s=PATIENCE_S).state == "SUCCEEDED"
    assert said(job_project, job) == "1 1\n"


def test_what_this_machine_does_not_have_is_refused_before_anything_is_written(job_project, start) -> None:
    assert Capability.LIMITS in find_target(job_project, "local").capabilities
    before = list_jobs(job_project), sorted((job_project.state_dir / "jobs").glob("*"))
    for asked in ({"cpus": 4000}, {"memory": "900TiB"}, {"gpus": 64}):
        with pytest.raises(UsageError, match="target-too-small"):
            start("1", **asked)
    with pytest.raises(UsageError, match="resources-unreadable"):
        start("1", memory="8G")
    assert (list_jobs(job_project), sorted((job_project.state_dir / "jobs").glob("*"))) == before
