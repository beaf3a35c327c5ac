"""Of a replay counts what its job reported, whatever somebody wrote into the tracker."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from workbench.compute.folder import JobFolder
from workbench.foundation.errors import UnknownResultError
from workbench.foundation.store import TreeEntry
from workbench.review.checks.replayed import Reported, read_reported

FILE = "sha256:" + "0" * 64


@pytest.fixture
def reported(tmp_path: Path) -> Reported:
    said = (
        ("metric", {"name": "f1", "value": 0.7, "run": ""}),
        ("metric", {"name": "f1", "value": 0.8}),
        ("metric", {"name": "f1", "value": 0.9, "run": "1" * 32}),  # of a run inside the run
        ("metric", {"name": "loss", "value": "NaN"}),
        ("artifact", {"path": "tracked/1/artifacts/models/m/model.onnx", "digest": FILE, "bytes": 1}),
    )
    lines = [json.dumps({"seq": n, "at": "", "kind": kind, "data": data}) for n, (kind, data) in enumerate(said, 1)]
    (tmp_path / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return read_reported(JobFolder(tmp_path))


def test_what_was_reported_counts(reported: Reported) -> None:
    reported.check_figures({"f1": 0.8, "loss": math.nan})
    reported.check_files([TreeEntry("model.onnx", 1, FILE)])


@pytest.mark.parametrize("found", [{"f1": 0.9}, {"f1": math.nan}, {"loss": 0.0}, {"accuracy": 1.0}])
def test_a_figure_that_was_not_counts_for_nothing(reported: Reported, found: dict[str, float]) -> None:
    with pytest.raises(UnknownResultError, match="replay-changed"):
        reported.check_figures(found)


def test_a_file_that_was_not_counts_for_nothing(reported: Reported) -> None:
    with pytest.raises(UnknownResultError, match="replay-changed"):
        reported.check_files([TreeEntry("model.onnx", 1, FILE[:-1] + "1")])
