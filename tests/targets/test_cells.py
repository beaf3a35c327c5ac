"""A single cell on every target: what goes there, what comes back, what it raises, and an interrupt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.execute.cells.remote import Landed, RemoteCell, run_remote_cell
from workbench.execute.jobs import list_jobs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def on_far(bench, source: str, say=lambda _: None, namespace=None, **options) -> Landed:
    namespace = namespace or {}
    cell = RemoteCell(source, source, bench.world.name, tuple(namespace), **options)
    return run_remote_cell(bench.project, cell, namespace, say)


def test_a_cell_takes_values_there_and_brings_values_back(bench) -> None:
    said: list[str] = []
    (bench.project.root / "lines.py").write_text("def double(x):\n    return 2 * x\n")
    landed = on_far(
        bench,
        "import os, lines\nprint('hello from the far side')\nc = df.assign(b=lines.double(k))\nfar = os.getcwd()",
        said.append,
        {"df": pd.DataFrame({"a": [1, 2]}), "k": np.array([3, 4]), "more": {"grow": lambda x: x + 1}},
        outputs=("c", "far", "more"),
        notebook="cell.ipynb",
    )
    pd.testing.assert_frame_equal(landed.values["c"], pd.DataFrame({"a": [1, 2], "b": [6, 8]}))
    assert landed.values["more"]["grow"](1) == 2
    assert str(bench.project.root) not in landed.values["far"], "it did not run here"
    assert said[0].startswith(f"→ {bench.world.name}: df ")
    assert "hello from the far side\n" in "".join(said)


def test_an_exception_there_is_the_same_exception_here(bench) -> None:
    with pytest.raises(KeyError) as caught:
        on_far(bench, "{}['gone']")
    assert caught.value.args == ("gone",)
    assert caught.value.__notes__[0].startswith(f"Raised on {bench.world.name}, in job jb-")


def test_an_interrupt_here_ends_the_cell_there(bench) -> None:
    def interrupt(text: str) -> None:
        if "going" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_far(bench, "import time\nprint('going', flush=True)\ntime.sleep(600)", interrupt)
    (job,) = list_jobs(bench.project)
    bench.started.append(job.id)
    assert bench.end(job.id).state == "CANCELLED"
