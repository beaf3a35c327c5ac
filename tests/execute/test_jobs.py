"""Jobs with real kernels: how they go, how they fail, how they are ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workbench.compute.consent import trust_secrets
from workbench.compute.folder import JobFolder, read_json
from workbench.compute.processes import job_processes
from workbench.execute.jobs import cancel, job_events, list_jobs, show_job, submit, wait
from workbench.execute.reconcile import reconcile_jobs
from workbench.experiment.runs import show_run
from workbench.foundation.errors import DeniedError, NotFoundError, PendingError
from workbench.foundation.lease import HEARTBEAT_S
from workbench.foundation.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 240
SLEEP = "import time\nprint('asleep', flush=True)\ntime.sleep(600)"


def said(project, job, text) -> bool:
    return any(event.kind == "out" and text in event.data["text"] for event in job_events(project, job))


def kernel_of(project, job) -> psutil.Process:
    processes = job_processes(project.root, job)
    return next(process for process in processes if "ipykernel_launcher" in " ".join(process.cmdline()))


@pytest.mark.checklist("S1-08", "S1-18")
def test_a_job_runs_with_its_parameters_and_is_recorded(job_project, start, wait_until) -> None:
    before = len(job_project.journal.events())
    job = start(
        "print('depth is', depth)",
        "import os\nopen('made_here.txt', 'w').write(os.environ['WORKBENCH_JOB'])",
        "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('f1', 0.5)",
        parameters="depth = 6  # of each tree\nname = 'x'",
        params={"depth": "2"},
        name="shallow",
    )
    seen = []
    card = wait(job_project, job, on_event=seen.append, timeout_s=PATIENCE_S)

    assert (card.state, card.reason, card.error) == ("SUCCEEDED", "", "")
    assert (card.cell, card.cells) == (5, 5)  # papermill adds one cell with what was given
    assert card.params == {"depth": "2"}
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert tuple(seen) == job_events(job_project, job)
    assert job_events(job_project, job, after=3) == tuple(seen[3:])
    kinds = [event.kind for event in seen if event.kind not in ("heartbeat", "out", "metric")]
    assert kinds == ["start", *["cell_start", "cell_end"] * 5, "exit"]
    told = [event.data for event in seen if event.kind == "metric"]
    assert told == [{"name": "f1", "value": 0.5, "step": 0}], "plain mlflow's metrics are told as they come, once"
    assert said(job_project, job, "depth is 2")
    first = next(event.seq for event in seen if event.kind == "cell_start")  # before, there may be no kernel to measure
    assert all(event.data["memory_bytes"] > 0 for event in seen if event.kind == "heartbeat" and event.seq > first)

    detail = show_run(job_project, card.run)
    assert (detail.card.state, detail.card.job, detail.card.name) == ("FINISHED", job, "shallow")
    assert detail.card.params == {"depth": "2", "name": "x"}
    logged = {name: value for name, value in detail.card.metrics.items() if not name.startswith("system/")}
    assert logged == {"f1": 0.5}, "plain mlflow in the notebook continues the job's own run"
    assert "notebook/output.ipynb" in detail.artifacts
    # The kernel stands where the notebook lies, as it does in JupyterLab.
    assert (job_project.root / "notebooks" / "made_here.txt").read_text() == job
    kinds = [event.kind for event in job_project.journal.events(after=before)]
    assert kinds == ["job.submitted", "run.started", "job.started", "run.ended", "job.ended"]
    wait_until(lambda: job_processes(job_project.root, job) == [])  # the supervisor's own last moment


def test_an_error_in_a_cell_fails_job_and_run(job_project, start) -> None:
    """Also where the notebook had told MLflow that all was well, before it failed."""
    first = "import mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('tried', 1)"
    job = start(first, "raise ValueError('no such column')", "print('never')")
    card = wait(job_project, job, timeout_s=PATIENCE_S)
    assert (card.state, card.reason, card.error) == ("FAILED", "cell_error", "ValueError: no such column")
    assert (card.cell, card.cells) == (1, 3)
    assert not said(job_project, job, "never")
    detail = show_run(job_project, card.run)
    assert (detail.card.state, detail.error) == ("FAILED", "ValueError: no such column")
    assert detail.card.metrics == {"tried": 1.0}
    # The notebook is kept as far as it came, with the error in it.
    output = json.loads((job_project.root / card.output).read_text())
    errors = [out["ename"] for cell in output["cells"] for out in cell.get("outputs", []) if "ename" in out]
    assert errors == ["ValueError"]


def test_a_killed_kernel_is_told_as_such(job_project, start, wait_until) -> None:
    """papermill says nothing of it and marks the cell as completed."""
    job = start(SLEEP, "print('never')")
    wait_until(lambda: said(job_project, job, "asleep"))
    kernel_of(job_project, job).kill()
    card = wait(job_project, job, timeout_s=PATIENCE_S)
    assert (card.state, card.reason) == ("FAILED", "DeadKernelError")
    assert show_run(job_project, card.run).card.state == "FAILED"
    output = json.loads((job_project.root / card.output).read_text())
    assert output["cells"][0]["metadata"]["papermill"]["status"] == "failed"


def test_a_job_whose_supervisor_and_runner_were_killed_is_lost_and_its_run_ends(job_project, start, wait_until) -> None:
    job = start(SLEEP)
    wait_until(lambda: show_job(job_project, job).run and said(job_project, job, "asleep"))
    run = show_job(job_project, job).run
    supervisor = read_json(JobFolder.of(job_project, job).path / "process.json")["pid"]
    for process in (psutil.Process(supervisor), *psutil.Process(supervisor).children()):
        process.kill()
    began = time.monotonic()
    wait_until(lambda: show_job(job_project, job).state == "LOST", timeout_s=2 * HEARTBEAT_S)
    assert time.monotonic() - began < 2 * HEARTBEAT_S
    card = show_job(job_project, job)
    assert card.reason == "supervisor died"
    assert card.run == run
    assert job_processes(job_project.root, job) == []
    wait_until(lambda: show_run(job_project, run).card.state == "KILLED")
    wait_until(lambda: not job_project.journal.record("job", job).body["is_run_open"])
    before = job_project.journal.head()
    assert reconcile_jobs(job_project) == ()
    assert job_project.journal.head() == before, "a second reading changes nothing"


def test_an_end_that_nobody_wrote_down_is_found_and_written(job_project, start, wait_until) -> None:
    job = start(SLEEP)
    wait_until(lambda: show_job(job_project, job).run and said(job_project, job, "asleep"))
    folder = JobFolder.of(job_project, job)
    supervisor = psutil.Process(read_json(folder.path / "process.json")["pid"])
    supervisor.suspend()  # as good as hung: it will not see the runner end
    kernel_of(job_project, job).kill()
    wait_until(lambda: folder.read_exit() is not None)
    assert show_job(job_project, job).state == "RUNNING"
    supervisor.kill()
    wait_until(lambda: show_job(job_project, job).state == "FAILED")
    card = show_job(job_project, job)
    assert card.reason == "DeadKernelError"
    wait_until(lambda: show_run(job_project, card.run).card.state == "FAILED")
    assert "notebook/output.ipynb" in show_run(job_project, card.run).artifacts


def test_cancel_ends_every_process_of_the_job(job_project, start, wait_until) -> None:
    job = start(
        "import os, subprocess, time\n"
        "quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "subprocess.Popen(['sh', '-c', 'sleep 601 & sleep 602'], **quiet)\n"
        "subprocess.Popen(['sleep', '603'], start_new_session=True, **quiet)\n"
        "subprocess.Popen(['sh', '-c', 'trap \"\" TERM; sleep 604; sleep 604'], start_new_session=True, **quiet)\n"
        "subprocess.Popen(['sh', '-c', 'sleep 605 &'], env={'PATH': os.environ['PATH']}, **quiet).wait()\n" + SLEEP,
        target="slow",
    )
    wait_until(lambda: said(job_project, job, "asleep"))
    processes = job_processes(job_project.root, job)
    sleeps = [process for process in processes if process.name() == "sleep"]
    assert {process.cmdline()[-1] for process in sleeps} == {"601", "602", "603", "604", "605"}
    card = cancel(job_project, job)
    assert (card.state, card.reason) == ("CANCELLED", "cancelled")
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)
    assert show_run(job_project, card.run).card.state == "KILLED"
    assert (job_project.root / card.output).is_file()
    assert cancel(job_project, job) == card, "what has ended stays as it is"


def test_a_job_that_is_cancelled_before_it_began_is_cancelled(job_project, start) -> None:
    job = start(SLEEP)
    card = cancel(job_project, job)
    assert (card.state, card.reason, card.cell) == ("CANCELLED", "cancelled", 0)
    assert job_processes(job_project.root, job) == []


def test_a_job_outlives_whoever_asked_for_it(job_project, write_notebook) -> None:
    write_notebook(job_project.root / "notebooks" / "outlives.ipynb", "import time; time.sleep(1)", "print('done')")
    code = (
        "from pathlib import Path; from workbench.execute.jobs import submit; import sys\n"
        "from workbench.foundation.project import Project\n"
        f"print(submit(Project.open(Path({str(job_project.root)!r})), 'notebooks/outlives.ipynb').id)\n"
        "assert not {'mlflow', 'papermill', 'nbformat', 'pandas'} & set(sys.modules), 'submit must stay fast'\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    job = caller.stdout.readline().strip()
    caller.stdout.close()
    assert caller.wait(60) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(caller.pid, signal.SIGKILL)  # the caller's whole group is gone
    with pytest.raises(PendingError, match="job-running"):
        wait(job_project, job, timeout_s=0)
    assert wait(job_project, job, timeout_s=PATIENCE_S).state == "SUCCEEDED"
    assert job in {card.id for card in list_jobs(job_project)}
    assert show_job(job_project, job[:7]).id == job


def test_a_job_that_is_not_there_is_named(job_project) -> None:
    with pytest.raises(NotFoundError) as caught:
        show_job(job_project, "jb-nothing")
    assert caught.value.code == "job-unknown"


@pytest.mark.checklist("S0-13")
def test_no_value_of_the_environment_is_written_down(job_project, start, monkeypatch) -> None:
    monkeypatch.setenv("API_TOKEN", "s3cr3t-of-the-caller")
    job = start("import os\nassert os.environ['API_TOKEN'].startswith('s3cr3t')")
    assert wait(job_project, job, timeout_s=PATIENCE_S).state == "SUCCEEDED"
    folder = JobFolder.of(job_project, job).path
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert len(written) > 5
    assert not [path for path in written if b"s3cr3t-of-the-caller" in path.read_bytes()]
    assert b"s3cr3t-of-the-caller" not in Path(job_project.state_dir / "journal.db").read_bytes()


def test_a_target_of_this_machine_gives_secrets_by_their_source(job_project, write_notebook, monkeypatch) -> None:
    """The value is in no file of the job; the kernel has it all the same."""
    toml = job_project.root / "workbench.toml"
    before = toml.read_text()
    toml.write_text(
        before + '\n[targets.vaulted]\nkind = "local"\n[targets.vaulted.env]\nDB_PASSWORD = "env:HOME_DB"\n'
    )
    monkeypatch.setenv("HOME_DB", "hunter2-hunter2")
    try:
        project = Project.open(job_project.root, actor="ada@example.org")
        cell = "import os\nprint('length', len(os.environ['DB_PASSWORD']), os.environ['DB_PASSWORD'])"
        write_notebook(project.root / "notebooks" / "vaulted.ipynb", cell)
        with pytest.raises(DeniedError, match="secrets-untrusted"):
            submit(project, "notebooks/vaulted.ipynb", target="vaulted")
        trust_secrets(project, ("targets.vaulted",))
        job = submit(project, "notebooks/vaulted.ipynb", target="vaulted").id
        assert wait(project, job, timeout_s=PATIENCE_S).state == "SUCCEEDED"
    finally:
        toml.write_text(before)
    assert said(project, job, "length 15 [secret DB_PASSWORD]")
    folder = JobFolder.of(project, job).path
    assert not [path for path in folder.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]
