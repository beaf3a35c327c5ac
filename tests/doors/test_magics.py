"""The magics in a real kernel, through papermill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from workbench.doors.magics.cell import CELL_WORDS
from workbench.experiment.runs import list_runs, show_run
from workbench.foundation.project import Project


def execute(project: Project, *cells: str) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = project.root / "magics.ipynb"
    nbformat.write(notebook, path)
    output = project.root / "out.ipynb"
    papermill.execute_notebook(str(path), str(output), cwd=str(project.root), progress_bar=False)
    return nbformat.read(output, as_version=4)


def text_of(cell: nbformat.NotebookNode) -> str:
    return "".join(
        output.get("text", "") or str(output.get("data", {}).get("text/plain", "")) for output in cell.outputs
    )


def test_a_verb_returns_its_card_and_shows_a_table(blank_project: Project) -> None:
    done = execute(
        blank_project,
        "%load_ext workbench",
        "status = %mlops status\nprint(status.name)",
        "%mlops targets",
        "%mlops status --json",
        "%mlops --help",
    )
    assert text_of(done.cells[-4]).strip() == "blank"
    assert "local" in text_of(done.cells[-3])
    assert "<table" in done.cells[-3].outputs[-1]["data"]["text/html"]
    assert "'name': 'blank'" in text_of(done.cells[-2])
    assert "review approve" in text_of(done.cells[-1])


def test_an_error_is_two_lines_and_stops_papermill(blank_project: Project) -> None:
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        execute(blank_project, "%load_ext workbench", "%mlops run nothing.ipynb", "print('never')")
    assert caught.value.ename == "NotFoundError"
    failed = nbformat.read(blank_project.root / "out.ipynb", as_version=4)
    error = next(o for c in failed.cells for o in c.get("outputs", []) if o.output_type == "error")
    assert len(error.traceback) == 2
    assert "notebook-missing" in error.traceback[0]


REFUSED_CELLS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext workbench").raise_error()
for cell in json.loads(sys.argv[1]):
    error = shell.run_cell(cell).error_in_exec
    print(json.dumps([error.code, error.message, error.hint]), file=sys.stderr)
print("meant" in shell.user_ns, file=sys.stderr)
"""


def test_a_line_that_cannot_be_read_and_a_magic_that_is_none_are_refused(blank_project: Project) -> None:
    cells = (
        "%mlops run 'a b.ipynb",
        "%%mlops track 'a b\nmeant = 1",
        "%%mlops trak x\nmeant = 1",
        "%%mlops\nmeant = 1",
    )
    before = blank_project.journal.head()
    command = [sys.executable, "-c", REFUSED_CELLS, json.dumps(cells)]
    done = subprocess.run(command, cwd=blank_project.root, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *said, was_carried_out = done.stderr.strip().splitlines()[-5:]
    codes, messages, hints = zip(*map(json.loads, said), strict=True)
    assert codes == ("quotes-unbalanced", "quotes-unbalanced", "cell-magic-unknown", "cell-magic-unknown")
    assert messages[0] == "Cannot read the line: No closing quotation"
    assert "'%%mlops trak x'" in messages[2]
    assert hints[0] == "close every quote, or write \\' for one that is meant itself"
    assert all(word in hints[2] for word in CELL_WORDS)
    assert was_carried_out == "False", "the cell itself did not run"
    assert blank_project.journal.head() == before
    assert list_runs(blank_project) == ()


@pytest.mark.checklist("S1-08", "S1-20")
def test_a_tracked_cell_is_a_run(blank_project: Project) -> None:
    (blank_project.root / "table.csv").write_text("a,b\n1,2\n")
    execute(
        blank_project,
        "%load_ext workbench",
        "import workbench",
        '%%mlops track "first try"\n'
        'rows = open("table.csv").read()\nworkbench.log_params(depth=3)\nworkbench.log(f1=0.9)',
        '%%mlops track "first try"\nworkbench.log(f1=0.8)',
        "assert rows.startswith('a,b'), 'the cell runs in the notebook itself'",
    )
    runs = list_runs(blank_project)
    assert [run.state for run in runs] == ["FINISHED", "FINISHED"]
    assert [run.metrics["f1"] for run in runs] == [0.8, 0.9]
    detail = show_run(blank_project, runs[1].id)
    assert detail.card.params == {"depth": "3"}
    assert "table.csv" in [found.path for found in detail.inputs]


def test_a_tracked_cell_may_await(blank_project: Project) -> None:
    done = execute(
        blank_project,
        "%load_ext workbench",
        "%load_ext workbench\nimport asyncio, workbench\nname = 'third try'",
        '%%mlops track "$name"\nfor i in range(3):\n    await asyncio.sleep(0.01)\n    workbench.log(i=i)\ni * 21',
        "%%mlops untracked\nawait asyncio.sleep(0)\nprint('read', i)",
    )
    (run,) = list_runs(blank_project)
    assert (run.name, run.state, run.metrics) == ("third try", "FINISHED", {"i": 2.0})
    assert text_of(done.cells[-2]).strip() == "42"
    assert text_of(done.cells[-1]).strip() == "read 2"
    with pytest.raises(papermill.PapermillExecutionError, match="no such luck"):
        execute(
            blank_project,
            "%load_ext workbench\nimport asyncio",
            "%%mlops track bad\nawait asyncio.sleep(0)\nraise ValueError('no such luck')",
            "print('never')",
        )
    (failed,) = list_runs(blank_project, "name = bad")
    assert failed.state == "FAILED"
    assert "no such luck" in show_run(blank_project, failed.id).error


@pytest.mark.parametrize(
    "cell", ["raise ValueError('no such luck')", "import asyncio\nawait asyncio.sleep(0)\n1 + f()"]
)
def test_a_failing_tracked_cell_is_a_failed_run_and_shows_its_error_once(blank_project: Project, cell: str) -> None:
    define = "%load_ext workbench\ndef f():\n    raise ValueError('no such luck')"
    with pytest.raises(papermill.PapermillExecutionError, match="no such luck"):
        execute(blank_project, define, f"%%mlops track\n{cell}")
    failed = nbformat.read(blank_project.root / "out.ipynb", as_version=4)
    (error,) = [o for c in failed.cells for o in c.get("outputs", []) if o.output_type == "error"]
    shown = "".join(error.traceback)
    assert (cell.splitlines()[-1].split("(")[0].split()[-1] in shown, "run_cell_magic" in shown) == (True, False)
    (run,) = list_runs(blank_project)
    assert run.state == "FAILED"
    assert "no such luck" in show_run(blank_project, run.id).error


def test_loading_imports_nothing_heavy(blank_project: Project) -> None:
    done = execute(
        blank_project,
        "%load_ext workbench",
        "import sys\nheavy = ('mlflow', 'dvc', 'sklearn', 'pandas', 'sqlalchemy')\n"
        "print([name for name in heavy if name in sys.modules])",
    )
    assert text_of(done.cells[-1]).strip() == "[]"


def test_outside_a_project_the_extension_loads_too(tmp_path: Path) -> None:
    code = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance();"
    code += "s.extension_manager.load_extension('workbench'); s.run_line_magic('mlops', '--help')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def complete(line: str, folder: Path) -> list[str]:
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance();"
        "s.extension_manager.load_extension('workbench');"
        "from IPython.core.completer import provisionalcompleter\n"
        "with provisionalcompleter(): print([c.text for c in s.Completer.completions(sys.argv[1], len(sys.argv[1]))])"
    )
    done = subprocess.run([sys.executable, "-c", code, line], cwd=folder, check=True, capture_output=True, text=True)
    return list(eval(done.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%mlops revi", {"review", "reviews", "reviewers"}),
        ("%mlops review a", {"approve"}),
        ("%mlops run --ta", {"--target"}),
        ("%mlops run nb.ipynb --target lo", {"local"}),
        ("%%mlops tr", {"track"}),
    ],
)
def test_completion_knows_verbs_options_and_names(blank_project: Project, line: str, expected: set[str]) -> None:
    assert set(complete(line, blank_project.root)) == expected
