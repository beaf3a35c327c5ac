"""Defects of reproducibility, planted one by one into a small real project, and who notices them.

The same code serves the tests and ``benchmarks/planted_defects.py``. A case is a project with Git, a versioned table of
20,000 rows and one notebook that ran in a real kernel: as a job, or cell by cell as a person does. Its defect is
planted by the function of its name. Four witnesses look at it:

* the workbench: ``mlops reproduce``, which has to name the part that differs;
* restart-and-run-all: the notebook as it is, run again from top to bottom in a fresh kernel, compared by its output;
* MLflow's digest of the table (``mlflow.data.from_pandas``), before and at the run;
* DVC's hash: ``dvc status`` at the run.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROWS = 20_000
PATIENCE_S = 280
LOAD = "%load_ext workbench\nimport workbench"
READ = "import pandas as pd\ntable = pd.read_csv('../data/readings.csv')"
RECORD = "with workbench.run('trial'):\n    workbench.log(result=float(result))\nprint('RESULT', repr(float(result)))"
CLEAN_CELLS = (LOAD, READ, "scale = 2", "offset = scale + 1", "scale = 10")
RESULT = "result = table.load.mean() * scale + offset"


@dataclass
class Bench:
    """A project that a defect is planted in.

    Attributes:
        root: Its folder.
        environment: Variables of every process of it.
        run: The run that is to be reproduced.
        output: What its notebook printed as its result.
        digests: MLflow's digest of the table before the defect and at the run.
        is_dvc_changed: Whether ``dvc status`` saw a change at the run.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    run: str = ""
    output: str = ""
    digests: tuple[str, str] = ("", "")
    is_dvc_changed: bool = False

    @property
    def notebook(self) -> Path:
        """Its one notebook."""
        return self.root / "notebooks" / "trial.ipynb"

    @property
    def table(self) -> Path:
        """Its versioned table."""
        return self.root / "data" / "readings.csv"

    def command(self, *arguments: str) -> Any:
        """Run an ``mlops`` command and return its JSON."""
        line = [sys.executable, "-m", "workbench.doors.cli", *arguments, "--json", "--project", str(self.root)]
        done = subprocess.run(
            line,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            env={**os.environ, **self.environment},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def git(self, *arguments: str) -> None:
        """Run Git in the project."""
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        subprocess.run(["git", "-C", str(self.root), *identity, *arguments], check=True, capture_output=True)

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "as it is")

    def run_job(self) -> None:
        """Run the notebook as a job."""
        self._look_at_data()
        card = self.command("run", "notebooks/trial.ipynb")
        self.run = card["run"]
        executed = json.loads((self.root / card["output"]).read_text())
        self.output = _result(out for cell in executed["cells"] for out in cell.get("outputs", ()))

    def run_cells(self, *steps: str | Callable[[], None]) -> None:
        """Run cells one by one in a kernel, in the order given, and do what is no cell's id in between."""
        self._look_at_data()
        with Kernel(self) as kernel:
            for step in steps:
                if callable(step):
                    step()
                else:
                    kernel.execute(step)
            self.output = _result(kernel.outputs)
        (newest,) = self.command("runs", "--limit", "1")
        self.run = newest["id"]

    def write(self, *cells: str, parameters: str = "") -> None:
        """Write the notebook, cells named c0, c1, …"""
        sources = [(parameters, ["parameters"])] if parameters else []
        sources += [(cell, []) for cell in cells]
        written = [
            {
                "cell_type": "code", "id": f"c{n}", "metadata": {"tags": tags}, "source": source, "outputs": [],
                "execution_count": None,
            }
            for n, (source, tags) in enumerate(sources)
        ]  # fmt: skip
        kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "python3"}}
        notebook = {"cells": written, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        self.notebook.write_text(json.dumps(notebook))

    def source(self, cell: str) -> str:
        """Return a cell's text as it lies on disk."""
        cells = json.loads(self.notebook.read_text())["cells"]
        return next(str(found["source"]) for found in cells if found["id"] == cell)

    def edit(self, change: Callable[[list[str]], None]) -> None:
        """Change the lines of the table and leave its version as it was."""
        lines = self.table.read_text().splitlines()
        change(lines)
        self.table.unlink()  # DVC may have linked it into its cache
        self.table.write_text("\n".join(lines) + "\n")

    def _look_at_data(self) -> None:
        command = [sys.executable, "-m", "dvc", "status", "--quiet"]
        done = subprocess.run(command, cwd=self.root, check=False, capture_output=True, timeout=PATIENCE_S)
        self.is_dvc_changed = done.returncode != 0
        self.digests = (self.digests[0], mlflow_digest(self.table))


class Kernel:
    """A kernel as JupyterLab starts one: it knows its notebook and each request names its cell."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.outputs: list[dict[str, Any]] = []

    def __enter__(self) -> Kernel:
        from jupyter_client.manager import KernelManager

        self._manager = KernelManager(kernel_name="python3")
        session = {"JPY_SESSION_NAME": str(self._bench.notebook)}
        environment = {**os.environ, **self._bench.environment, **session}
        self._manager.start_kernel(cwd=str(self._bench.notebook.parent), env=environment, stderr=subprocess.DEVNULL)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel()

    def execute(self, cell: str) -> None:
        """Execute a cell of the notebook as it lies on disk and wait for its end."""
        content = {
            "code": self._bench.source(cell), "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": True,
        }  # fmt: skip
        message = self._client.session.msg("execute_request", content, metadata={"cellId": cell})
        self._client.shell_channel.send(message)
        while True:
            found = self._client.get_iopub_msg(timeout=PATIENCE_S)
            if found["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            body, kind = found["content"], found["msg_type"]
            assert kind != "error", "\n".join(body["traceback"])
            if kind == "stream":
                self.outputs.append({"output_type": "stream", "text": body["text"]})
            if kind == "status" and body["execution_state"] == "idle":
                return


@dataclass(frozen=True)
class Defect:
    """One kind of defect.

    Attributes:
        name: What it is called.
        part: Part that the workbench has to name; empty for a notebook without any defect.
        named: What has to stand in the name of that part.
        plant: Makes it.
    """

    name: str
    part: str
    named: str
    plant: Callable[[Bench], None]


def make_bench(root: Path) -> Bench:
    """Make a project with a versioned table of 20,000 rows."""
    (root / "notebooks").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "workbench.toml").write_text('[project]\nname = "planted"\n')
    (root / ".gitignore").write_text(".workbench/\n__pycache__/\n/data/extra.csv\n")
    bench = Bench(root)
    rows = (f"{n},{n % 97},{n * 37 % 1009 / 10}" for n in range(ROWS))
    bench.table.write_text("\n".join(["id,count,load", *rows]) + "\n")
    bench.git("init", "--quiet")
    bench.command("data", "snapshot", "data/readings.csv")
    bench.digests = (mlflow_digest(bench.table), "")
    return bench


# --- the defects -----------------------------------------------------------------------------------------------------


def clean_job(bench: Bench) -> None:
    """Nothing is wrong: a seeded draw, a time that is only printed, a duration that is measured."""
    noise = "import time\nimport numpy as np\nprint(time.time())\nnoise = np.random.default_rng(7).normal()"
    bench.write(*CLEAN_CELLS, noise, f"{RESULT} + noise", RECORD)
    bench.commit()
    bench.run_job()


def clean_session(bench: Bench) -> None:
    """Nothing is wrong: a person runs every cell once, from top to bottom."""
    bench.write(*CLEAN_CELLS, RESULT, RECORD)
    bench.commit()
    bench.run_cells(*(f"c{n}" for n in range(7)))


def out_of_order(bench: Bench) -> None:
    """The offset is computed after the scale was changed, although it stands before."""
    bench.write(*CLEAN_CELLS, RESULT, RECORD)
    bench.commit()
    bench.run_cells("c0", "c1", "c2", "c4", "c3", "c5", "c6")


def edited_cell(bench: Bench) -> None:
    """A cell is changed and saved after it ran."""
    bench.write(*CLEAN_CELLS, RESULT, RECORD)
    bench.commit()

    def edit() -> None:
        bench.write(LOAD, READ, "scale = 3", *CLEAN_CELLS[3:], RESULT, RECORD)

    bench.run_cells("c0", "c1", "c2", "c3", "c4", edit, "c5", "c6")


def deleted_cell(bench: Bench) -> None:
    """A cell that ran is taken out of the notebook."""
    bench.write(*CLEAN_CELLS, RESULT, RECORD, "offset = 100")
    bench.commit()
    bench.run_cells("c0", "c1", "c2", "c3", "c4", "c7", lambda: bench.write(*CLEAN_CELLS, RESULT, RECORD), "c5", "c6")


def repeated_cell(bench: Bench) -> None:
    """A cell that counts up runs twice."""
    bench.write(*CLEAN_CELLS, "offset = offset + 1", RESULT, RECORD)
    bench.commit()
    bench.run_cells("c0", "c1", "c2", "c3", "c4", "c5", "c5", "c6", "c7")


def undeclared_file(bench: Bench) -> None:
    """A file that nobody versioned, and that Git ignores, goes into the result."""
    (bench.root / "data" / "extra.csv").write_text("bonus\n5\n")
    bonus = "bonus = pd.read_csv('../data/extra.csv').bonus.sum()"
    bench.write(*CLEAN_CELLS, bonus, f"{RESULT} + bonus", RECORD)
    bench.commit()
    bench.run_job()


def changed_row(bench: Bench) -> None:
    """Row 15,000 is changed by hand after the table was versioned."""
    bench.write(*CLEAN_CELLS, RESULT, RECORD)
    bench.commit()

    def change(lines: list[str]) -> None:
        lines[15_000] = lines[15_000].rpartition(",")[0] + ",999.5"

    bench.edit(change)
    bench.run_job()


def changed_dtype(bench: Bench) -> None:
    """A column of whole numbers becomes one of floats; every value stays what it is."""
    bench.write(*CLEAN_CELLS, RESULT, RECORD)
    bench.commit()

    def change(lines: list[str]) -> None:
        for number, line in enumerate(lines[1:], start=1):
            key, count, load = line.split(",")
            lines[number] = f"{key},{count}.0,{load}"

    bench.edit(change)
    bench.run_job()


def other_package(bench: Bench) -> None:
    """A package is upgraded after the run and computes something else."""
    site = bench.root.parent / "site"
    bench.environment["PYTHONPATH"] = str(site)
    _install(site, "1.0", 3)
    bench.write(*CLEAN_CELLS, "import toyscale", f"{RESULT} * toyscale.FACTOR", RECORD)
    bench.commit()
    bench.run_job()
    _install(site, "2.0", 4)


def unseeded(bench: Bench) -> None:
    """The result holds a draw without a seed."""
    noise = "import numpy as np\nnoise = np.random.default_rng().normal()"
    bench.write(*CLEAN_CELLS, noise, f"{RESULT} + noise", RECORD)
    bench.commit()
    bench.run_job()


def clock(bench: Bench) -> None:
    """The result depends on when it is computed."""
    age = "import time\nage = time.time() - 1_700_000_000"
    bench.write(*CLEAN_CELLS, age, f"{RESULT} + age", RECORD)
    bench.commit()
    bench.run_job()


def changed_parameter(bench: Bench) -> None:
    """The record says another parameter than the one that was used."""
    bench.write(*CLEAN_CELLS, f"{RESULT} * factor", RECORD, parameters="factor = 2")
    bench.commit()
    bench.run_job()
    with sqlite3.connect(bench.root / ".workbench" / "mlflow.db") as store:
        store.execute("UPDATE params SET value = '3' WHERE key = 'factor' AND run_uuid = ?", (bench.run,))
    store.close()


DEFECTS = (
    Defect("out-of-order cells", "cell", "c3", out_of_order),
    Defect("edited cell", "cell", "c2", edited_cell),
    Defect("deleted cell", "cell", "c7", deleted_cell),
    Defect("cell run twice", "cell", "c5", repeated_cell),
    Defect("undeclared file", "input", "data/extra.csv", undeclared_file),
    Defect("changed row 15,000", "input", "data/readings.csv", changed_row),
    Defect("changed dtype", "input", "data/readings.csv", changed_dtype),
    Defect("other package version", "package", "toyscale", other_package),
    Defect("unseeded randomness", "randomness", "cell", unseeded),
    Defect("clock dependence", "clock", "cell", clock),
    Defect("changed parameter", "param", "factor", changed_parameter),
)
CLEAN = (Defect("clean job", "", "", clean_job), Defect("clean session", "", "", clean_session))


# --- the witnesses ---------------------------------------------------------------------------------------------------


def reproduce(bench: Bench) -> dict[str, Any]:
    """Return what ``mlops reproduce`` says of the bench's run."""
    proof: dict[str, Any] = bench.command("reproduce", bench.run)
    return proof


def is_named(defect: Defect, proof: dict[str, Any]) -> bool:
    """Tell whether the workbench names the part that was changed, and denies the run the highest level."""
    found = [m for m in proof["mismatches"] if m["part"] == defect.part and defect.named in m["name"]]
    return bool(found) and proof["level"] != "R4"


def notices_restart(bench: Bench) -> bool:
    """Run the notebook as it is again, from top to bottom, and tell whether its result is another."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(bench.notebook, as_version=4)
    resources = {"metadata": {"path": str(bench.notebook.parent)}}
    client = NotebookClient(notebook, timeout=PATIENCE_S, kernel_name="python3", resources=resources)
    environment = {**os.environ, **bench.environment, "JPY_SESSION_NAME": str(bench.notebook)}
    try:
        client.execute(env=environment, stderr=subprocess.DEVNULL)
    except CellExecutionError:
        return True
    return _result(out for cell in notebook.cells for out in cell.get("outputs", ())) != bench.output


def mlflow_digest(table: Path) -> str:
    """Return MLflow's own digest of a table."""
    import mlflow.data
    import pandas as pd

    return str(mlflow.data.from_pandas(pd.read_csv(table)).digest)


def _result(outputs: Iterable[dict[str, Any]]) -> str:
    # nbformat keeps a text as a list of its lines on disk and as one string in memory
    text = "".join("".join(out.get("text", "")) for out in outputs if out["output_type"] == "stream")
    return text.rpartition("RESULT ")[2].partition("\n")[0].strip()


def _install(site: Path, version: str, factor: int) -> None:
    """Install a package of one line the way an installer leaves it."""
    for old in site.glob("toyscale-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = site / f"toyscale-{version}.dist-info"
    info.mkdir(parents=True)
    (site / "toyscale.py").write_text(f"FACTOR = {factor}  # {version}\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toyscale\nVersion: {version}\n")
    (info / "RECORD").write_text(f"toyscale.py,,\ntoyscale-{version}.dist-info/METADATA,,\n")
