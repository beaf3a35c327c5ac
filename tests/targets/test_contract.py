"""The contract of targets, the same for all of them: what a scientist may rely on, wherever her notebook runs.

A test names a situation, makes it happen for real over there, and looks at what is left here: the job's state and
reason, its events (none missing, none doubled), its MLflow run and its notebook.
"""

from __future__ import annotations

import json
import time

import pytest

from workbench.compute.cards import list_targets
from workbench.compute.needs import require_capabilities
from workbench.compute.targets import Capability, find_target
from workbench.contract.job import Resources
from workbench.contract.status import JobState
from workbench.execute import jobs
from workbench.experiment.runs import show_run
from workbench.foundation.errors import ConflictError, StorageError, UnavailableError, UsageError, WorkbenchError

pytestmark = pytest.mark.slow

COUNT = """
import time
for number in range(40):
    print("tick", number, flush=True)
    time.sleep(0.25)
"""

COUNT_A_LITTLE = COUNT.replace("range(40)", "range(12)")

GREEDY = """
import time
kept = []
while True:
    kept.append(bytearray(b"x") * (32 << 20))
    time.sleep(0.02)
"""


@pytest.mark.checklist("S0-07")
def test_a_notebook_runs_there_as_it_would_here(bench) -> None:
    (bench.project.root / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    job = bench.submit(
        "import sys; sys.path.insert(0, '..'); from helper import double; print('doubled', double(depth))",
        "from pathlib import Path; Path('made.txt').write_text('made there')",
        parameters="depth = 1\nname = 'x'",
        params={"depth": "21"},
    )
    assert job.state in (JobState.PENDING, JobState.QUEUED, JobState.STARTING)
    ended = bench.end(job.id)
    assert (ended.state, ended.reason, ended.error, ended.cell, ended.cells) == (JobState.SUCCEEDED, "", "", 4, 4)
    assert "doubled 42" in bench.said(job.id)
    kinds = [event.kind for event in bench.events(job.id) if event.kind != "heartbeat"]
    assert (kinds[0], kinds[-1], kinds.count("cell_start")) == ("start", "exit", 4)  # papermill adds one of parameters
    run = show_run(bench.project, ended.run)
    assert (run.card.state, run.card.params["depth"], run.card.target) == ("FINISHED", "21", bench.world.name)
    assert "notebook/output.ipynb" in run.artifacts
    notebook = json.loads((bench.project.root / ended.output).read_bytes())
    assert any("doubled 42" in "".join(out.get("text", "")) for cell in notebook["cells"] for out in cell["outputs"])
    assert not (bench.project.root / "notebooks" / "made.txt").exists(), "nothing is written into the project's folder"
    assert bench.world.processes(job.id) == []


def test_the_wrong_cell_is_named(bench) -> None:
    job = bench.submit("print('fine')", "1 / 0", "print('never')")
    ended = bench.end(job.id)
    assert (ended.state, ended.reason) == (JobState.FAILED, "cell_error")
    assert ended.error.startswith("ZeroDivisionError")
    assert (ended.cell, ended.cells) == (1, 3)
    assert "never" not in bench.said(job.id)
    assert show_run(bench.project, ended.run).card.state == "FAILED"
    assert "ZeroDivisionError" in (bench.project.root / ended.output).read_text()


def test_a_killed_kernel_is_reported_as_what_it_is(bench) -> None:
    job = bench.submit("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "print('never')")
    ended = bench.end(job.id)
    assert (ended.state, ended.reason) == (JobState.FAILED, "DeadKernelError")


def test_memory_over_the_limit_is_out_of_memory(bench, possible) -> None:
    possible("memory-limit")
    job = bench.submit(GREEDY, memory="600MiB")
    ended = bench.end(job.id)
    assert (ended.state, ended.reason) == (JobState.FAILED, "OOMKilled")


def test_a_job_that_takes_too_long_is_interrupted_and_saved(bench, possible) -> None:
    possible("time-limit")
    job = bench.submit("print('begun', flush=True)", COUNT * 20, time_limit="5s")
    ended = bench.end(job.id)
    assert (ended.state, ended.reason) == (JobState.FAILED, "timeout")
    assert ended.output, "what it had done is kept"


def test_cancel_saves_the_notebook_and_leaves_no_process(bench) -> None:
    helper = "import subprocess; subprocess.Popen(['sleep', '300'])"
    job = bench.submit("print('first cell', flush=True)", helper, "import time; time.sleep(300)")
    bench.until_cell(job.id, 3)
    ended = jobs.cancel(bench.project, job.id)
    ended = bench.end(ended.id)
    assert (ended.state, ended.reason, ended.cell) == (JobState.CANCELLED, "cancelled", 2)
    assert "first cell" in (bench.project.root / ended.output).read_text()
    bench.until(lambda: bench.world.processes(job.id) == [], "every process is gone", timeout_s=20)
    assert show_run(bench.project, ended.run).card.state == "KILLED"


def test_a_full_disk_there_is_said_and_loses_nothing_here(bench, possible) -> None:
    possible("disk-full")
    job = bench.submit("import time; time.sleep(4)", "print('x' * 3_000_000)", COUNT_A_LITTLE)
    bench.until_cell(job.id, 1)
    bench.world.fill_disk()
    ended = bench.end(job.id)
    assert ended.state == JobState.FAILED
    assert "disk" in ended.reason.lower()
    bench.world.free_disk()
    again = bench.end(jobs.retry(bench.project, job.id).id)
    assert (again.state, again.attempt) == (JobState.SUCCEEDED, 2)


def test_a_disk_that_is_full_before_a_job_is_sent_refuses_it(bench, possible) -> None:
    possible("disk-full")
    bench.world.fill_disk()
    try:
        job = bench.submit("print('room')")
    except UnavailableError as error:
        assert "free" in error.message  # the target looked before anything was written
        return
    ended = bench.end(job.id)
    assert (ended.state, "disk" in ended.reason) == (JobState.FAILED, True), ended
    bench.world.free_disk()
    again = bench.end(jobs.retry(bench.project, job.id).id)
    assert (again.state, again.attempt) == (JobState.SUCCEEDED, 2)


def test_a_link_that_is_cut_for_ten_seconds_loses_and_doubles_nothing(bench) -> None:
    job = bench.submit(COUNT, "print('after')")
    bench.until_cell(job.id, 1)
    bench.world.cut_link()
    bench.until(lambda: not jobs.show_job(bench.project, job.id).is_reachable, "the cut is shown", timeout_s=30)
    assert jobs.show_job(bench.project, job.id).state == JobState.RUNNING, "nothing is concluded from silence"
    time.sleep(6)
    bench.world.mend_link()
    ended = bench.end(job.id)
    assert ended.state == JobState.SUCCEEDED
    assert ended.is_reachable
    said = [line for line in bench.said(job.id).splitlines() if line.startswith("tick")]
    assert said == [f"tick {number}" for number in range(40)]


def test_the_follower_may_be_killed_at_any_moment(bench) -> None:
    job = bench.submit(COUNT_A_LITTLE, "print('after')")
    for cell in (1, 2):
        bench.until_cell(job.id, cell)
        assert bench.kill_follower()
    jobs.list_jobs(bench.project)  # whoever reads next starts it again
    ended = bench.end(job.id)
    assert ended.state == JobState.SUCCEEDED
    assert bench.said(job.id).count("tick") == 12
    assert bench.world.processes(job.id) == []


def test_sending_twice_starts_once(bench) -> None:
    job = bench.submit("import time; time.sleep(3)")
    bench.until_cell(job.id, 1)
    find_target(bench.project, bench.world.name).submit(job.id)
    assert bench.end(job.id).state == JobState.SUCCEEDED
    assert bench.world.starts(job.id) in (0, 1)  # 0: cleaned up already


def test_a_late_result_of_an_earlier_attempt_is_refused(bench) -> None:
    # The first attempt runs on while it is given up; the second has nothing to wait for.
    asleep = f"time.sleep(max(0, {time.time() + 25} - time.time()))"
    job = bench.submit(f"import os, time\nprint('mine is', os.getpid(), flush=True)\n{asleep}")
    bench.until_cell(job.id, 1)
    bench.world.cut_link()
    bench.until(lambda: jobs.show_job(bench.project, job.id).state == JobState.LOST, "LOST", timeout_s=60)
    lost = jobs.show_job(bench.project, job.id)
    assert (lost.reason, lost.is_reachable) == ("unreachable", False)
    bench.world.mend_link()
    second = jobs.retry(bench.project, job.id)
    assert second.attempt == 2
    ended = bench.end(job.id)
    assert (ended.state, ended.attempt) == (JobState.SUCCEEDED, 2)
    assert ended.run != lost.run
    assert bench.project.journal.record("job", job.id).body["attempts"][0]["state"] == JobState.LOST
    events = [event.kind for event in bench.project.journal.events(subject=f"job:{job.id}")]
    assert events.count("job.result-refused") == 1, "what came of the first attempt was seen, and does not count"
    assert bench.world.processes(job.id) == [], "and it does not go on beside the second"


def test_a_lost_job_comes_back_with_its_machine(bench) -> None:
    job = bench.submit("import time; time.sleep(12)", "print('still here')")
    bench.until_cell(job.id, 1)
    bench.world.cut_link()
    bench.until(lambda: jobs.show_job(bench.project, job.id).state == JobState.LOST, "LOST", timeout_s=60)
    bench.world.mend_link()
    bench.until(lambda: jobs.show_job(bench.project, job.id).state == JobState.SUCCEEDED, "found again", timeout_s=90)
    ended = jobs.show_job(bench.project, job.id)
    assert "still here" in bench.said(job.id)
    assert show_run(bench.project, ended.run).card.state == "FINISHED"


def test_a_runner_that_is_killed_is_no_riddle(bench, possible) -> None:
    possible("killed-runner")
    job = bench.submit("import time; time.sleep(300)")
    bench.until_cell(job.id, 1)
    bench.world.kill_runner(job.id)
    ended = bench.end(job.id)
    assert ended.state == JobState.FAILED
    assert ended.reason in ("RunnerDied", "Error")
    bench.until(lambda: bench.world.processes(job.id) == [], "its kernel is gone, too", timeout_s=30)


def test_metrics_are_here_while_the_job_runs(bench, possible) -> None:
    possible("far-mlflow")
    job = bench.submit(
        "import mlflow\nmlflow.log_metric('loss', 0.5, step=1)\nmlflow.log_param('kind', 'far')",
        COUNT,
        "mlflow.log_metric('loss', 0.25, step=2)\nmlflow.set_tag('colour', 'blue')\n"
        "mlflow.log_text('hello', 'note.txt')\nwith mlflow.start_run(nested=True, run_name='fold'):\n"
        "    mlflow.log_metric('fold_loss', 1.5)",
    )

    def metrics() -> dict[str, float]:
        run = jobs.show_job(bench.project, job.id).run
        return show_run(bench.project, run).card.metrics if run else {}

    bench.until(lambda: metrics().get("loss") == 0.5, "the first metric", timeout_s=90)
    assert not jobs.show_job(bench.project, job.id).ended_at, "it is here before the end"
    ended = bench.end(job.id)
    run = show_run(bench.project, ended.run)
    assert ended.state == JobState.SUCCEEDED, ended
    assert run.card.metrics["loss"] == 0.25
    assert [point.value for point in run.history["loss"]] == [0.5, 0.25]
    assert (run.card.params["kind"], run.tags["colour"]) == ("far", "blue")
    assert "note.txt" in run.artifacts


def test_a_target_that_does_not_answer_refuses_before_anything_is_written(bench) -> None:
    bench.world.cut_link()
    with pytest.raises(UnavailableError) as caught:
        bench.submit("print('x')")
    assert caught.value.code == "target-not-ready"
    assert caught.value.hint
    assert jobs.list_jobs(bench.project) == ()
    assert not list((bench.project.state_dir).glob("jobs/*"))


def test_its_card_says_what_it_offers_and_why_not(bench) -> None:
    card = next(card for card in list_targets(bench.project) if card.name == bench.world.name)
    assert card.is_ready, card.checks
    assert card.cpus > 0
    assert card.memory_bytes > 0
    target = find_target(bench.project, bench.world.name)
    assert all(len(reason) > 10 for reason in target.refusals.values())


def test_what_it_cannot_do_is_refused_with_its_reason_before_anything_is_sent(bench, monkeypatch) -> None:
    target = find_target(bench.project, bench.world.name)
    assert set(Capability) == {*target.capabilities, *target.refusals}, "it does it, or says why not"
    assert not set(target.capabilities) & set(target.refusals)
    bench.world.cut_link()  # whatever is sent, or only asked, would fail in another way
    for capability, reason in target.refusals.items():
        with pytest.raises(UsageError, match="target-cannot") as caught:
            require_capabilities(target, Resources(), capability)
        assert reason in caught.value.message
    poor = type(target)
    monkeypatch.setattr(poor, "capabilities", poor.capabilities - {Capability.LIMITS})
    monkeypatch.setattr(poor, "refusals", {**poor.refusals, Capability.LIMITS: "nobody counts here"})
    with pytest.raises(UsageError, match="nobody counts here"):
        bench.submit("print('x')", memory="1GiB")
    assert jobs.list_jobs(bench.project) == ()
    assert not list(bench.project.state_dir.glob("jobs/*"))


@pytest.mark.parametrize(
    ("options", "code"),
    [({"params": {"dept": "3"}}, "parameter-unknown"), ({"memory": "8"}, "resources-unreadable")],
)
def test_bad_input_changes_nothing(bench, options, code) -> None:
    with pytest.raises(WorkbenchError) as caught:
        bench.submit("print(depth)", parameters="depth = 1", **options)
    assert caught.value.code == code
    assert jobs.list_jobs(bench.project) == ()


def test_a_bundle_over_the_limit_names_what_is_large(bench) -> None:
    (bench.project.root / "large.bin").write_bytes(bytes(range(256)) * 400_000)
    with pytest.raises(UsageError) as caught:
        bench.submit("print('x')")
    assert caught.value.code == "bundle-too-large"
    assert "large.bin" in caught.value.message
    assert jobs.list_jobs(bench.project) == ()


def test_only_what_has_ended_badly_is_tried_again(bench) -> None:
    job = bench.submit("print('fine')")
    with pytest.raises(ConflictError, match="job-not-ended"):
        jobs.retry(bench.project, job.id)
    bench.end(job.id)
    with pytest.raises(ConflictError, match="job-succeeded"):
        jobs.retry(bench.project, job.id)


def test_files_come_here_when_asked_for(bench, possible) -> None:
    possible("files-while-running")
    job = bench.submit("from pathlib import Path\nPath('mine.txt').write_text('mine')", "import time; time.sleep(300)")
    bench.until_cell(job.id, 2)
    try:
        files = jobs.fetch(bench.project, job.id, ("work/notebooks/mine.txt",))
    except (UnavailableError, StorageError) as error:
        pytest.fail(str(error))
    assert files.files == (f".workbench/jobs/{job.id}/work/notebooks/mine.txt",)
    assert (bench.project.root / files.files[0]).read_text() == "mine"
    jobs.cancel(bench.project, job.id)


def test_our_own_words_record_there_too(bench) -> None:
    job = bench.submit(
        "%load_ext workbench\nimport workbench\nworkbench.log_params(kind='ours')\nworkbench.log(f1=0.5)",
        "workbench.log(f1=0.75)",
    )
    ended = bench.end(job.id)
    assert ended.state == JobState.SUCCEEDED, ended
    run = show_run(bench.project, ended.run)
    assert (run.card.state, run.card.params["kind"]) == ("FINISHED", "ours")
    assert [(point.step, point.value) for point in run.history["f1"]] == [(0, 0.5), (1, 0.75)]
