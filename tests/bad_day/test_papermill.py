"""Bad days of plain ``papermill --engine mlops``: the error is named, the exit code is not 0, no run is left over."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.bad_day.conftest import Place
from tests.bad_day.situations import NOISE, TRAIN, write
from workbench.experiment.runs import list_runs

DAMAGES = (
    ("workbench.toml", "config-syntax"),
    (".workbench/journal.db", "journal-unreadable"),
    (".workbench/mlflow.db", "tracking-unreadable"),
)


@pytest.mark.parametrize(("path", "code"), DAMAGES)
def test_the_engine_names_what_is_wrong(place: Place, path: str, code: str) -> None:
    runs = len(list_runs(place.open()))
    write(path, NOISE)(place.root)
    before = place.state()
    command = [sys.executable, "-m", "papermill", "--engine", "mlops", "--no-progress-bar", TRAIN, "-"]
    done = subprocess.run(command, cwd=place.root, check=False, capture_output=True, text=True, timeout=180)
    assert done.returncode != 0
    assert f"[{code}]" in done.stderr
    assert place.state() == before
    if path == ".workbench/journal.db":
        assert len(list_runs(place.open())) == runs
