"""Cells on a target, as real jobs: what goes, what comes, what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.compute.folder import JobFolder
from workbench.execute.cells import parcel, remote
from workbench.execute.cells.remote import Landed, RemoteCell, run_remote_cell
from workbench.execute.jobs import list_jobs, show_job
from workbench.experiment.runs import show_run
from workbench.foundation.errors import FailedError, IntegrityError, NotFoundError, UsageError
from workbench.foundation.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def on_local(job_project: Project) -> Callable[..., Landed]:
    """Run a cell on the local target."""

    def run(source: str, say: Callable[[str], None] = lambda _: None, **options: Any) -> Landed:
        namespace = options.pop("namespace", {})
        inputs = options.pop("inputs", tuple(namespace))
        cell = RemoteCell(source, source, "local", inputs, **options)
        return run_remote_cell(job_project, cell, namespace, say)

    return run


def test_values_go_there_and_come_back_and_the_cell_is_a_job_like_any_other(job_project: Project, on_local) -> None:
    class Odd:
        def __init__(self, size: int) -> None:
            self.size = size

    said: list[str] = []
    frame = pd.DataFrame({"a": [1, 2, 3]})
    landed = on_local(
        "print('hello')\nc = df.assign(z=k)\nodd.size += 1\ngrow = lambda x: x + odd.size",
        said.append,
        namespace={"df": frame, "k": np.arange(3), "odd": Odd(1)},
        outputs=("c", "odd", "grow"),
    )
    pd.testing.assert_frame_equal(landed.values["c"], frame.assign(z=[0, 1, 2]))
    assert (landed.values["odd"].size, landed.values["grow"](1)) == (2, 3)
    assert said[0].startswith("→ local: df ")
    assert "k 152 B (npy)" in said[0]
    assert "hello\n" in said
    job = show_job(job_project, landed.job.id)
    assert (job.state, job.target, job.notebook) == ("SUCCEEDED", "local", "cell.ipynb")
    assert show_run(job_project, job.run).card.name == "cell on local"


def test_what_it_raises_there_is_raised_here_with_the_place(on_local) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        on_local("def inner(n):\n    return 1 / n\ninner(0)")
    assert caught.value.args == ("division by zero",)
    notes = "\n".join(caught.value.__notes__)
    assert notes.startswith("Raised on local, in job jb-")
    assert "return 1 / n" in notes
    assert "inner(0)" in notes
    shown = caught.value._render_traceback_()
    assert shown[0].startswith("Raised on local")
    assert "\x1b[" in "".join(shown)


def test_an_exception_of_one_s_own_keeps_its_type_and_what_it_carries(on_local) -> None:
    class OddError(Exception):
        def __init__(self, part: str, size: int) -> None:
            super().__init__(f"{part} is odd")
            self.part, self.size = part, size

        def __reduce__(self) -> tuple[Any, ...]:
            return (type(self), (self.part, self.size))

    with pytest.raises(OddError) as caught:
        on_local("raise OddError('bolt', 3)", namespace={"OddError": OddError})
    assert (caught.value.part, caught.value.size) == ("bolt", 3)


def test_a_name_that_was_not_sent_is_named(on_local) -> None:
    with pytest.raises(NameError) as caught:
        on_local("df.sum()", namespace={"df": 1, "k": 2}, inputs=("k",))
    assert caught.value.__notes__[-1] == "'df' is defined here and was not sent: --in df"


def test_an_error_that_cannot_be_pickled_is_told_in_words(on_local) -> None:
    cell = "import threading\nclass Held(Exception): pass\nraise Held(threading.Lock())"
    with pytest.raises(FailedError) as caught:
        on_local(cell)
    assert caught.value.code == "cell-failed"
    assert caught.value.message.startswith("Held: <unlocked _thread.lock")
    with pytest.raises(ValueError, match="lock"):
        on_local("import threading\nraise ValueError(threading.Lock())")


def test_what_was_asked_for_and_not_made_is_an_error(on_local) -> None:
    with pytest.raises(FailedError) as caught:
        on_local("c = 1\nif c > 1: d = 2", outputs=("c", "d"))
    assert (caught.value.code, "did not define 'd'" in caught.value.message) == ("cell-output-undefined", True)
    with pytest.raises(FailedError) as caught:
        on_local("raise SystemExit\nc = 1", outputs=("c",))
    assert (caught.value.code, "ended itself" in caught.value.message) == ("cell-output-undefined", True)
    with pytest.raises(FailedError) as caught:
        on_local("import threading\nc = threading.Lock()", outputs=("c",))
    assert (caught.value.code, "'c' (lock)" in caught.value.message) == ("cell-value-unpicklable", True)
    with pytest.raises(FailedError) as caught:
        on_local("c = b'x' * 5000", outputs=("c",), limit_bytes=4000)
    assert caught.value.code == "cell-values-too-large"


def test_what_the_cell_cannot_define_is_refused_before_anything_is_sent(job_project: Project, on_local) -> None:
    before = len(list_jobs(job_project))
    with pytest.raises(UsageError, match="does not define 'modle'") as caught:
        on_local("model = 1", outputs=("modle",))
    assert (caught.value.code, caught.value.hint) == ("cell-output-undefined", "did you mean 'model'?")
    assert len(list_jobs(job_project)) == before
    assert on_local("k.append(1)", namespace={"k": []}, outputs=("k",)).values == {"k": [1]}
    assert on_local("exec('c = 1')", outputs=("c",)).values == {"c": 1}


def test_what_the_cell_reads_and_does_not_get_is_said_before_it_goes(on_local) -> None:
    said: list[str] = []
    on_local("c = k\nif c > 1: df", said.append, namespace={"df": 1, "k": 1, "other": 2}, inputs=("k",))
    assert said[1] == "the cell reads df, which stays here: --in k,df\n"


def test_another_version_is_refused_before_the_cell_runs(on_local, monkeypatch, tmp_path: Path) -> None:
    own = parcel.python_version()
    monkeypatch.setattr(parcel, "python_version", lambda: "3.9.1")
    with pytest.raises(FailedError) as caught:
        on_local(f"open({str(tmp_path / 'ran')!r}, 'w')", namespace={"m": {1}})
    assert caught.value.code == "versions-differ"
    assert "'m' was pickled by Python 3.9.1" in caught.value.message
    assert f"local has Python {own}" in caught.value.message
    assert not (tmp_path / "ran").exists()


def test_what_comes_back_from_another_version_is_refused(on_local, monkeypatch) -> None:
    monkeypatch.setattr(parcel, "installed", lambda _: "0.0.1")
    with pytest.raises(FailedError) as caught:
        on_local("import numpy as np\nc = {1: np.float64(2)}", outputs=("c",))
    assert caught.value.code == "versions-differ"
    assert f"numpy {np.__version__} on local, and this kernel has numpy 0.0.1" in caught.value.message


def test_an_interrupt_cancels_the_job(job_project: Project, on_local) -> None:
    def interrupt(text: str) -> None:
        if "going" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_local("import time\nprint('going', flush=True)\ntime.sleep(600)", interrupt)
    job = list_jobs(job_project, 1)[0]
    assert (job.state, job.reason) == ("CANCELLED", "cancelled")


def test_too_long_a_time_cancels_the_job(job_project: Project, on_local) -> None:
    with pytest.raises(FailedError) as caught:
        on_local("import time\ntime.sleep(600)", timeout_s=8.0)
    assert caught.value.code == "cell-timeout"
    assert list_jobs(job_project, 1)[0].state == "CANCELLED"


def test_a_job_that_died_is_told_as_that(on_local) -> None:
    with pytest.raises(FailedError) as caught:
        on_local("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nc = 1", outputs=("c",))
    assert (caught.value.code, "DeadKernelError" in caught.value.message) == ("job-failed", True)


def test_a_changed_file_is_not_opened(job_project: Project, on_local, monkeypatch) -> None:
    """A pickle that somebody put in place of the one that was announced would run whatever it says."""
    follow = remote._follow

    def tamper(project: Project, cell: RemoteCell, job: str, say: Callable[[str], None]) -> Any:
        ended = follow(project, cell, job, say)
        for path in (JobFolder.of(project, job).path / "outputs").glob(pattern):
            path.write_bytes(evil)
        return ended

    monkeypatch.setattr(remote, "_follow", tamper)
    pattern, evil = "*.pickle", b"cos\nabort\n(tR."
    with pytest.raises(IntegrityError) as caught:
        on_local("c = {1, 2}", outputs=("c",))
    assert caught.value.code == "result-damaged"
    manifest = {"python": parcel.python_version(), "entries": [{"name": "c", "kind": "pickle", "file": "../x"}]}
    pattern, evil = parcel.MANIFEST, json.dumps(manifest).encode()
    with pytest.raises(IntegrityError):
        on_local("c = {1, 2}", outputs=("c",))


def test_a_value_that_was_too_large_for_the_way_back(on_local, job_project: Project, monkeypatch) -> None:
    follow = remote._follow

    def lose(project: Project, cell: RemoteCell, job: str, say: Callable[[str], None]) -> Any:
        ended = follow(project, cell, job, say)
        folder = JobFolder.of(project, job)
        (name,) = (path.name for path in (folder.path / "outputs").glob("*.pickle"))
        data = {"path": f"outputs/{name}", "bytes": 1 << 30, "hint": "name an object store"}
        with folder.events.open("a") as stream:
            stream.write(json.dumps({"seq": 10_000, "at": "", "kind": "lost", "data": data}) + "\n")
        return ended

    monkeypatch.setattr(remote, "_follow", lose)
    with pytest.raises(FailedError) as caught:
        on_local("c = {1, 2}", outputs=("c",))
    assert (caught.value.code, caught.value.hint) == ("result-too-large", "name an object store")


def test_bad_input_starts_nothing(job_project: Project, on_local) -> None:
    import threading

    before = job_project.journal.head()
    for options, code in (
        ({"namespace": {"frame": 1}, "inputs": ("fram",)}, "cell-input-undefined"),
        ({"outputs": ("c d",)}, "cell-option-wrong"),
        ({"namespace": {"x": b"0" * 5000}, "limit_bytes": 100}, "cell-values-too-large"),
        ({"namespace": {"x": threading.Lock()}}, "cell-value-unpicklable"),
    ):
        with pytest.raises(UsageError) as caught:
            on_local("1", **options)
        assert caught.value.code == code
        assert caught.value.hint
    with pytest.raises(NotFoundError) as missing:
        run_remote_cell(job_project, RemoteCell("1", "1", "lcal"), {}, print)
    assert missing.value.hint == "did you mean 'local'?"
    assert job_project.journal.head() == before
