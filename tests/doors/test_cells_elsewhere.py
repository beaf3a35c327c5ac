"""``%%mlops on`` in a real kernel, through papermill, and its completion."""

from __future__ import annotations

import nbformat
import papermill
import pytest

from tests.doors.test_magics import execute, text_of
from workbench.doors.magics.completion import candidates
from workbench.execute.jobs import list_jobs
from workbench.foundation.project import Project

SETUP = "%load_ext workbench\nimport pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_cell_runs_elsewhere_as_if_it_had_run_here(blank_project: Project) -> None:
    done = execute(
        blank_project,
        SETUP,
        "%%mlops on local --in df --out c\nx = !echo from a shell\nprint(x[0])\nc = df * 2\nc",
        "print(c.a.sum())",
    )
    assert "→ local: df " in text_of(done.cells[-2])
    assert "from a shell" in text_of(done.cells[-2])
    assert any("text/html" in output.get("data", {}) for output in done.cells[-2].outputs)
    assert text_of(done.cells[-1]).strip() == "6"
    (job,) = list_jobs(blank_project)
    assert (job.state, job.notebook) == ("SUCCEEDED", "cell.ipynb")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_it_raises_stops_papermill_with_its_own_name(blank_project: Project) -> None:
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        execute(blank_project, SETUP, "%%mlops on local --in df\ndf.b", "print('never')")
    assert caught.value.ename == "AttributeError"
    failed = nbformat.read(blank_project.root / "out.ipynb", as_version=4)
    error = next(o for c in failed.cells for o in c.get("outputs", []) if o.output_type == "error")
    assert error.traceback[0].startswith("Raised on local, in job jb-")


@pytest.mark.parametrize(
    ("line", "ename", "hint"),
    [
        ("on", "UsageError", "%%mlops on TARGET"),
        ("on local --inn df", "UsageError", "did you mean '--in'?"),
        ("on local --timeout soon", "UsageError", "%%mlops on TARGET"),
        ("on local --timeout -1", "UsageError", "--timeout"),
        ("on local --limit 2G", "UsageError", "2GiB"),
        ("on lcal", "NotFoundError", "did you mean 'local'?"),
        ("on local --in dff", "UsageError", "did you mean 'df'?"),
    ],
)
@pytest.mark.slow
def test_a_wrong_line_starts_nothing(blank_project: Project, line: str, ename: str, hint: str) -> None:
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        execute(blank_project, SETUP, f"%%mlops {line}\nprint(1)")
    assert caught.value.ename == ename
    assert hint in str(caught.value)
    assert list_jobs(blank_project) == ()


def test_targets_and_options_are_completed(blank_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(blank_project.root)
    assert candidates("o", is_cell=True) == ["on"]
    assert candidates("on l", is_cell=True) == ["local"]
    assert candidates("on local --", is_cell=True) == ["--in", "--limit", "--out", "--timeout"]
    assert candidates("on local ", is_cell=True) == []
