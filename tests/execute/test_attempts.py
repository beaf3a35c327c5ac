"""A job that did not succeed is tried again as its next attempt; files come when asked for; a log can be followed."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from workbench.compute.folder import JobFolder, attempt_of, execution_of
from workbench.compute.targets import TargetStatus
from workbench.contract.status import JobState
from workbench.doors.terminal import LogLines
from workbench.execute import jobs, ledger, submission
from workbench.execute.jobs import fetch, job_events, retry, show_job, wait
from workbench.foundation.errors import ConflictError, NotFoundError, UsageError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FLAKY = (
    "from pathlib import Path\nmark = Path('been_here.txt')\nok = mark.exists()\nmark.touch()\nassert ok, 'the first'"
)


def test_executions_name_their_job() -> None:
    assert [execution_of("jb-1", n) for n in (1, 2, 10)] == ["jb-1", "jb-1.2", "jb-1.10"]
    assert [attempt_of(text) for text in ("jb-1", "jb-1.2", "jb-1.10")] == [("jb-1", 1), ("jb-1", 2), ("jb-1", 10)]


def test_a_failed_job_is_tried_again(job_project, start) -> None:
    (job_project.root / "notebooks" / "been_here.txt").unlink(missing_ok=True)
    job = start("print('begun')", FLAKY, parameters="depth = 1", params={"depth": "5"})
    first = wait(job_project, job)
    assert (first.state, first.attempt) == (JobState.FAILED, 1)
    assert retry(job_project, job).attempt == 2
    second = wait(job_project, job)
    assert (second.state, second.attempt, second.error, second.params) == (JobState.SUCCEEDED, 2, "", {"depth": "5"})
    assert second.run != first.run
    assert second.output.startswith(f".workbench/jobs/{job}.2/")
    events = job_events(job_project, job)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    record = job_project.journal.record("job", job)
    assert [attempt["run"] for attempt in record.body["attempts"]] == [first.run]

    late = TargetStatus(JobState.SUCCEEDED)
    progress = JobFolder.of(job_project, job).read_progress()
    before = show_job(job_project, job)
    assert not ledger.record_ended(job_project, job, late, progress, is_run_open=False)
    assert show_job(job_project, job) == before, "what the first attempt brings late changes nothing"
    refused = [
        event for event in job_project.journal.events(subject=f"job:{job}") if event.kind == "job.result-refused"
    ]
    assert [event.data["attempt"] for event in refused] == [1]
    with pytest.raises(ConflictError, match="job-succeeded"):
        retry(job_project, job)


@pytest.mark.parametrize("place", ["before the files are copied", "before the journal is written"])
def test_what_a_follower_notes_meanwhile_refuses_no_new_attempt(job_project, start, monkeypatch, place) -> None:
    job = start("1 / 0")
    wait(job_project, job)
    name = "write_next_attempt" if place.endswith("copied") else "record_retried"
    module = jobs if place.endswith("copied") else submission
    plain, notes = getattr(module, name), []

    def noted(project, record):
        if not notes:
            notes.append(record.revision)
            with project.journal.transaction() as transaction:
                transaction.append("job.seen", f"job:{job}", {})
                transaction.put("job", job, record.state, {**record.body, "is_reachable": False})
        return plain(project, record)

    monkeypatch.setattr(module, name, noted)
    assert retry(job_project, job).attempt == 2
    assert notes
    assert wait(job_project, job).state == JobState.FAILED


def test_of_two_that_try_again_at_once_one_is_refused(job_project, start) -> None:
    job = start("1 / 0")
    wait(job_project, job)
    code = "import sys; from workbench.execute.jobs import retry; from workbench.foundation.project import Project\n"
    code += f"retry(Project.open(), {job!r})"
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=job_project.root, stderr=-1, text=True) for _ in "ab"]
    errors = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], errors
    assert any("ConflictError" in error for error in errors)
    assert wait(job_project, job).attempt == 2


def test_files_of_a_job_come_when_asked_for(job_project, start) -> None:
    job = start("print('x')")
    wait(job_project, job)
    files = fetch(job_project, job, ("*.ipynb",))
    assert [name.rpartition("/")[2] for name in files.files] == ["input.ipynb", "output.ipynb"]
    assert files.bytes > 0
    with pytest.raises(NotFoundError, match="job-files-missing"):
        fetch(job_project, job, ("nothing*",))
    for pattern in ("../../journal.db", "/etc/passwd"):
        with pytest.raises(UsageError, match="pattern-outside-job"):
            fetch(job_project, job, (pattern,))


def test_a_log_is_followed_to_the_end(job_project, start) -> None:
    job = start("import time\nfor n in range(4):\n    print('line', n, flush=True)\n    time.sleep(0.4)")
    command = [sys.executable, "-m", "workbench.doors.cli", "logs", job, "-f"]
    followed = subprocess.run(command, cwd=job_project.root, capture_output=True, text=True, timeout=240, check=False)
    assert followed.returncode == 0, followed.stderr
    assert [line for line in followed.stdout.splitlines() if line.startswith("line")] == [f"line {n}" for n in range(4)]
    assert followed.stdout.rstrip().splitlines()[-1].endswith("exit code=0")
    stream = io.StringIO()
    for event in job_events(job_project, job):
        LogLines(stream, as_json=True)(event)
    assert [json.loads(line)["seq"] for line in stream.getvalue().splitlines()][:2] == [1, 2]
