"""One kind of run from every door: the same notebook tracked in a live kernel, as a job, and by papermill's engine."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from workbench.contract.run import RunDetail
from workbench.execute.jobs import submit, wait
from workbench.experiment.capture.cells import chain_of
from workbench.experiment.resuming import offer
from workbench.experiment.runs import list_runs, show_run
from workbench.experiment.store.artifacts import local_folder
from workbench.experiment.store.client import tracking_client
from workbench.foundation.project import Project

READ = "import pandas as pd\ntable = pd.read_parquet('table.parquet')"
SEED = "import random\nrandom.seed(7)"
LAST = "import workbench\nwith workbench.run('first'):\n    workbench.log(rows=len(table), draw=random.random())"


class Kernel:
    """A kernel as a front end drives it: each cell with its id."""

    def __init__(self, notebook: Path) -> None:
        environment = {**os.environ, "JPY_SESSION_NAME": str(notebook)}
        self.manager, self.client = start_new_kernel(cwd=str(notebook.parent), env=environment)
        self.notebook = notebook

    def execute(self, cell: Any, source: str = "") -> str:
        """Execute a cell and return what it printed; an error's name and value where it raised."""
        said: list[str] = []
        content = {"code": source or cell.source, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": True}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell.id})
        self.client.shell_channel.send(message)
        while True:
            reply = self.client.get_iopub_msg(timeout=120)
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, body = reply["msg_type"], reply["content"]
            if kind == "stream":
                said.append(body["text"])
            elif kind == "error":
                said.append(f"{body['ename']}: {body['evalue']}")
            elif kind == "status" and body["execution_state"] == "idle":
                return "".join(said)

    def save(self, *cells: Any) -> None:
        write(self.notebook, *cells)

    def stop(self) -> None:
        """End the kernel as a front end does; it ends what is open in it. Calling again is harmless."""
        if self.manager.has_kernel:
            self.client.stop_channels()
            self.manager.shutdown_kernel(now=False)


@pytest.fixture
def kernel(blank_project: Project):
    started = Kernel(blank_project.root / "work.ipynb")
    yield started
    started.stop()


def cell(source: str, number: int, *tags: str) -> Any:
    made = nbformat.v4.new_code_cell(source, id=f"cell-{number}")
    if tags:
        made.metadata["tags"] = list(tags)
    return made


def write(path: Path, *cells: Any) -> None:
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def captured(project: Project, run: RunDetail) -> Path:
    uri = tracking_client(project).get_run(run.card.id).info.artifact_uri
    folder = local_folder(uri)
    assert folder is not None
    return folder / "workbench"


def findings(run: RunDetail) -> list[tuple[str, str]]:
    return [(item["kind"], item["cell"]) for item in json.loads(run.tags["workbench.cells"])["findings"]]


def commit(project: Project) -> None:
    git = ["git", "-C", str(project.root), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    if not (project.root / ".git").exists():
        subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "all"], check=True)


@pytest.mark.checklist("S1-08", "S1-09", "S1-18")
def test_a_clean_session_a_job_and_papermill_leave_the_same_run(blank_project: Project, kernel: Kernel) -> None:
    import pandas as pd

    root = blank_project.root
    pd.DataFrame({"a": [1, 2, 3]}).to_parquet(root / "table.parquet")
    parameters = cell("depth = 3", 1, "parameters")
    cells = [cell("%load_ext workbench", 0), parameters, cell(READ, 2), cell(SEED, 3), cell(LAST, 4)]
    kernel.save(*cells)
    commit(blank_project)
    said = [kernel.execute(each) for each in cells]
    assert said == ["", "", "", "", ""], "table.parquet is in Git, so nothing is said of it"
    job = wait(blank_project, submit(blank_project, "work.ipynb", {"depth": "4"}).id, timeout_s=240)
    assert job.state == "SUCCEEDED", job.error
    plain = [parameters, cell(READ, 2), cell(SEED, 3), cell(LAST, 4)]
    write(root / "plain.ipynb", *plain)
    words = ["--engine", "mlops", "--no-progress-bar", "plain.ipynb", "out.ipynb", "-p", "depth", "5"]
    subprocess.run([sys.executable, "-m", "papermill", *words], cwd=root, check=True, capture_output=True, timeout=240)

    runs = {run.source if not run.job else "job": show_run(blank_project, run.id) for run in list_runs(blank_project)}
    assert set(runs) == {"work.ipynb", "job", "plain.ipynb"}
    expected = chain_of(each.source for each in plain)
    for name, run in runs.items():
        assert run.card.state == "FINISHED", name
        assert run.tags["workbench.chain"] == expected, name
        assert json.loads(run.tags["workbench.cells"]) == {"executed": 4, "findings": []}, name
        assert [(item.path, item.reader) for item in run.inputs] == [("table.parquet", "pyarrow.parquet.read_table")], (
            name
        )
        files = {path.name for path in captured(blank_project, run).iterdir()}
        assert {"cells.jsonl", "environment.json", "source.ipynb"} <= files, name
        assert json.loads(run.tags["workbench.hardware"])["cores"] >= 1, name
        assert run.environment_digest == runs["job"].environment_digest, name
        assert run.commit, name
    assert runs["work.ipynb"].notebook_digest == runs["job"].notebook_digest
    assert len({run.tags["workbench.seeds"] for run in runs.values()}) == 1, [
        r.tags["workbench.seeds"] for r in runs.values()
    ]
    assert len({run.card.metrics["draw"] for run in runs.values()}) == 1
    patch = (captured(blank_project, runs["plain.ipynb"]) / "changes.patch").read_text()
    assert "+++ b/plain.ipynb" in patch
    lines = [(captured(blank_project, run) / "cells.jsonl").read_text().splitlines() for run in runs.values()]
    links = [[json.loads(line)["link"] for line in each] for each in lines]
    assert links[0] == links[1] == links[2]


def test_what_the_notebook_hides_is_found(blank_project: Project, kernel: Kernel) -> None:
    first, second, third = cell("a = 1", 1), cell("b = a", 2), cell("c = b", 3)
    gone = cell("d = 4", 4)
    last = cell("%%mlops track\nimport workbench\nworkbench.log(c=c)", 5)
    load = cell("%load_ext workbench", 0)
    for each in (load, first, third.copy() | {"source": "c = 0"}, second, second, gone):
        kernel.execute(nbformat.from_dict(each))
    kernel.save(load, first, second, third, last)
    assert kernel.execute(last) == ""
    run = show_run(blank_project, list_runs(blank_project)[0].id)
    assert findings(run) == [
        ("deleted", "cell-4"),
        ("edited", "cell-3"),
        ("out-of-order", "cell-2"),
        ("re-executed", "cell-2"),
    ]


@pytest.mark.checklist("S1-20")
def test_a_cell_may_ask_not_to_be_recorded(blank_project: Project, kernel: Kernel) -> None:
    (blank_project.root / "secret.csv").write_text("a\n1\n")
    cells = [
        cell("%load_ext workbench", 0),
        cell("%%mlops untracked\nsecret = open('secret.csv').read()", 1),
        cell("%%mlops track\nprint(len(secret))", 2),
    ]
    kernel.save(*cells)
    assert [kernel.execute(each) for each in cells] == ["", "", "4\n"]
    run = show_run(blank_project, list_runs(blank_project)[0].id)
    assert run.inputs == ()
    assert findings(run) == [("untracked", "cell-1")]
    assert "secret.csv" not in (captured(blank_project, run) / "cells.jsonl").read_text()


def test_files_that_nobody_could_bring_back_are_named_at_the_end(blank_project: Project, kernel: Kernel) -> None:
    for name in ("one.csv", "two.csv"):
        (blank_project.root / name).write_text("a\n1\n")
    cells = [cell("%load_ext workbench", 0), cell("%%mlops track\nopen('one.csv').read(); open('two.csv').read()", 1)]
    kernel.save(*cells)
    kernel.execute(cells[0])
    said = kernel.execute(cells[1])
    assert said == (
        "2 files that were read are not versioned: one.csv, two.csv → %mlops data snapshot one.csv two.csv\n"
    )


def test_a_tracked_cell_goes_on_on_request_and_else_begins_anew(blank_project: Project, kernel: Kernel) -> None:
    load = cell("%load_ext workbench\nimport workbench", 0)
    track = cell("%%mlops track steps\nworkbench.log_params(depth=3)\nfor _ in range(3): workbench.log(loss=1.0)", 1)
    again = cell("%%mlops track --continue\nworkbench.log(loss=0.5)", 2)
    kernel.save(load, track, again)
    assert [kernel.execute(each) for each in (load, track, track, again)] == ["", "", "", ""]
    third, second, first = (show_run(blank_project, run.id) for run in list_runs(blank_project))
    assert third.tags["workbench.resumes"] == second.card.id
    assert "workbench.resumes" not in second.tags
    assert [run.card.name for run in (first, second, third)] == ["steps"] * 3
    assert third.card.params == {"depth": "3"}
    assert [point.step for point in third.history["loss"]] == [3]


def test_a_cell_goes_on_from_its_own_run_or_from_the_one_it_names(blank_project: Project, kernel: Kernel) -> None:
    load = cell("%load_ext workbench\nimport workbench, mlflow", 0)
    with_parts = "workbench.log(a=1.0)\nwith mlflow.start_run(): pass\nwith mlflow.start_run(run_name='part'): pass"
    first = cell(f"%%mlops track\n{with_parts}", 1)
    named = cell("%%mlops track named\nworkbench.log(b=1.0)", 2)
    last = cell("%%mlops track\nworkbench.log(c=1.0)", 3)
    kernel.save(load, first, named, last)
    for each in (load, first, named, last):
        assert kernel.execute(each) == ""
    assert kernel.execute(cell("%%mlops track --continue\nworkbench.log(a=2.0)", 1)) == ""
    assert kernel.execute(cell("%%mlops track named --continue\nworkbench.log(b=2.0)", 4)) == ""
    refused = kernel.execute(cell("%%mlops track naned --continue\nworkbench.log(b=3.0)", 4))
    assert "[nothing-to-resume]" in refused
    runs = [show_run(blank_project, run.id) for run in list_runs(blank_project) if not run.parent]
    b_again, a_again, _, b, a = runs
    assert (a_again.tags["workbench.resumes"], b_again.tags["workbench.resumes"]) == (a.card.id, b.card.id)
    assert [point.step for point in a_again.history["a"] + b_again.history["b"]] == [1, 1]


def test_run_is_already_active_never_comes(blank_project: Project, kernel: Kernel) -> None:
    begin = "mlflow.start_run(run_name='{0}'); mlflow.log_metric('n', {1})"
    kernel.save(cell("", 0))
    kernel.execute(cell("%load_ext workbench\nimport mlflow, workbench, threading", 0))
    ways = [
        begin.format("one cell", 1),
        begin.format("one cell", 2),
        f"{begin.format('twice', 3)}\n{begin.format('in one', 4)}",
        f"with mlflow.start_run(run_name='around'):\n  {begin.format('inside', 5)}",
        f"%%mlops track tracked\nmlflow.log_metric('n', 6)\n{begin.format('joined', 7)}\n{begin.format('part', 8)}",
        f"with workbench.run('block'):\n  {begin.format('its own', 9)}\n  with workbench.run('inner'): pass",
        "mlflow.log_metric('n', 10)",
        "run = mlflow.active_run().info.run_id\nmlflow.end_run()\nmlflow.start_run(run_id=run)",
        "mlflow.start_run(run_id=run)\nmlflow.log_metric('n', 11)",
        f"def work():\n  {begin.format('thread', 12)}; mlflow.end_run()\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()",
        f"import asyncio\nasync def work():\n  {begin.format('task', 13)}\nawait work()",
        begin.format("last", 14),
    ]
    assert [kernel.execute(cell(way, number)) for number, way in enumerate(ways, start=1)] == [""] * len(ways)
    kernel.stop()
    assert {run.state for run in list_runs(blank_project)} == {"FINISHED"}


def test_a_notebook_whose_kernel_was_killed_is_offered_to_go_on(blank_project: Project, kernel: Kernel) -> None:
    load, train = cell("%load_ext workbench", 0), cell("%%mlops track long\nimport workbench; workbench.log(a=1.0)", 1)
    doomed = cell("%%mlops track long\nimport os, workbench\nworkbench.log(loss=1.0)\nos.kill(os.getpid(), 9)", 1)
    kernel.save(load, doomed)
    assert kernel.execute(load) == ""
    kernel.client.execute(doomed.source)
    while kernel.manager.is_alive():
        time.sleep(0.1)
    (killed,) = list_runs(blank_project)
    again = Kernel(blank_project.root / "work.ipynb")
    try:
        said = again.execute(load)
        assert said.startswith(f"Run {killed.id[:8]} 'long' of this notebook was killed")
        assert f'workbench.run(resume="{killed.id[:12]}")' in said
        assert "%%mlops track --continue" in said
        assert again.execute(cell("%%mlops track --continue\nimport workbench; workbench.log(loss=0.5)", 1)) == ""
        assert offer(blank_project, "work.ipynb") == "", "it went on"
        assert again.execute(train) == ""
    finally:
        again.stop()
    _, resumed, old = (show_run(blank_project, run.id) for run in list_runs(blank_project))
    assert resumed.tags["workbench.resumes"] == old.card.id == killed.id
    assert [point.step for point in resumed.history["loss"]] == [1]


def test_plain_mlflow_is_the_same_kind_of_run(blank_project: Project, kernel: Kernel) -> None:
    (blank_project.root / "table.csv").write_text("a\n1\n")
    load = cell("%load_ext workbench", 0)
    good = cell(
        "import mlflow\nwith mlflow.start_run():\n    open('table.csv').read()\n    mlflow.log_metric('f1', 0.9)", 1
    )
    left_open = cell("mlflow.start_run()\nmlflow.log_metric('f1', 0.1)\nraise ValueError('no luck')", 2)
    kernel.save(load, good, left_open)
    kernel.execute(load)
    assert "not versioned: table.csv" in kernel.execute(good)
    assert "ValueError: no luck" in kernel.execute(left_open)
    assert "ValueError: no luck" in kernel.execute(left_open), "and not: a run is already active"
    runs = [show_run(blank_project, run.id) for run in list_runs(blank_project)]
    assert [(run.card.state, run.card.metrics["f1"], run.error) for run in runs] == [
        ("FAILED", 0.1, "ValueError: no luck"),
        ("FAILED", 0.1, "ValueError: no luck"),
        ("FINISHED", 0.9, ""),
    ]
    for run in runs:
        assert run.card.source == "work.ipynb"
        assert run.card.actor == blank_project.actor
        assert run.tags["workbench.chain"].startswith("sha256:")
        assert [item.path for item in run.inputs] == ["table.csv"]
    assert not list((blank_project.state_dir / "leases").glob("run-*"))


def test_a_killed_kernels_run_is_killed_and_can_be_gone_on_from(blank_project: Project, kernel: Kernel) -> None:
    doomed = cell(
        "import workbench, os\nwith workbench.run('long') as run:\n    workbench.log(loss=1.0)\n    os._exit(9)", 1
    )
    kernel.save(doomed)
    kernel.client.execute(doomed.source)
    for _ in range(600):
        cards = list_runs(blank_project)
        if cards and cards[0].state == "KILLED":
            break
        time.sleep(0.1)
    code = f"import workbench\nwith workbench.run(resume='{cards[0].id[:8]}'):\n    workbench.log(loss=0.5)"
    subprocess.run([sys.executable, "-c", code], cwd=blank_project.root, check=True, timeout=120)
    resumed, killed = (show_run(blank_project, run.id) for run in list_runs(blank_project))
    assert (killed.card.state, killed.card.metrics["loss"]) == ("KILLED", 1.0)
    assert (resumed.card.state, resumed.card.name) == ("FINISHED", "long")
    assert resumed.tags["workbench.resumes"] == killed.card.id
    assert [point.step for point in resumed.history["loss"]] == [1]


FAULTS = """
import workbench.experiment.capture.cells as cells, workbench.experiment.capture.inputs as inputs
import workbench.experiment.capture.seeds as seeds, workbench.experiment.capture.facts as facts
import workbench.experiment.capture.readers as readers, workbench.experiment.kernel as kernel
def fail(*_, **__):
    raise RuntimeError("planted")
for owner in (cells.CellLog, inputs.InputRecorder):
    for name in [n for n, v in vars(owner).items() if callable(v) and not n.startswith("__")]:
        setattr(owner, name, fail)
for module in (seeds, facts, readers):
    for name in [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]:
        if not isinstance(getattr(module, name), type):
            setattr(module, name, fail)
for name in ("seeds", "states", "unchanged_in_git", "notebook_bytes", "watch_readers", "watch_seeds"):
    setattr(kernel, name, fail)
"""


@pytest.mark.checklist("S1-20")
def test_capture_that_breaks_everywhere_breaks_no_cell_and_loses_no_run(blank_project: Project, kernel: Kernel) -> None:
    (blank_project.root / "table.csv").write_text("a\n1\n")
    plant = cell(f"%load_ext workbench\nexec({FAULTS!r})", 0)
    work = cell("import pandas as pd, numpy as np\nnp.random.seed(1)\nprint(len(pd.read_csv('table.csv')))", 1)
    track = cell("%%mlops track\nimport workbench\nworkbench.log(f1=1.0)\nprint(open('table.csv').read()[0])", 2)
    kernel.save(plant, work, track)
    kernel.execute(plant)
    assert "1\n" in kernel.execute(work)
    assert "a\n" in kernel.execute(track)
    noise = kernel.execute(cell("1 / 0", 3))
    assert noise.endswith("ZeroDivisionError: division by zero")
    (run,) = list_runs(blank_project)
    assert (run.state, run.metrics["f1"]) == ("FINISHED", 1.0)


def test_who_asks_what_kernel_it_is_draws_no_number_of_the_user(blank_project: Project, kernel: Kernel) -> None:
    """IPython picks a tip for that, from the generator that the notebook seeded; nbclient asks after the last cell."""
    seed, draw = cell("%load_ext workbench\nimport random\nrandom.seed(7)", 1), cell("print(random.random())", 2)
    drawn = []
    for tips in ("", "get_ipython().enable_tip = True"):
        kernel.execute(seed)
        kernel.execute(cell(tips, 3))
        kernel.client.kernel_info(reply=True, timeout=60)
        drawn.append(float(kernel.execute(draw)))
    expected = random.Random(7).random()
    assert drawn[0] == expected
    assert drawn[1] != expected, "with tips it would be another number"
    write(blank_project.root / "idle.ipynb", cell("print(1)", 1))
    job = wait(blank_project, submit(blank_project, "idle.ipynb").id)
    assert json.loads(show_run(blank_project, job.run).tags["workbench.seeds"]) == {"random": "unused"}
