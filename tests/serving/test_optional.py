"""Features that callers may leave out: a real runner fills them with NaN, and the model says what it makes of that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.serving.conftest import FEATURES, Kit, Running, make_site, save
from workbench.foundation.project import Project
from workbench.project.template import create_project

FILLED = 5.0
"""What the model itself puts where heat is missing; a runner that filled in 0 would answer otherwise."""

SHORT = [0.9, -0.2]
NAMED = dict(zip(FEATURES, SHORT, strict=False))
LEFT_OUT = [
    {"inputs": [SHORT]},
    {"instances": [NAMED]},
    {"inputs": {name: [value] for name, value in NAMED.items()}},
    {"dataframe_records": [NAMED]},
    {"dataframe_split": {"columns": ["torque", "speed"], "data": [SHORT[::-1]]}},
    {"dataframe_split": {"data": [SHORT]}},
]


@pytest.fixture(scope="module")
def optional(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A runner of a model whose ``heat`` may be left out."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    folder = tmp_path_factory.mktemp("optional")
    rows = kit.rows.copy()
    truth = (rows @ np.array([1.0, -2.0, 0.5]) > 0).astype(np.int64)
    rows[:40, 2] = np.nan
    model = make_pipeline(SimpleImputer(strategy="constant", fill_value=FILLED), LogisticRegression()).fit(rows, truth)
    features = [{"name": name, "dtype": "float32", "is_optional": name == "heat"} for name in FEATURES]
    examples = {"example_inputs": kit.rows[:4].tolist(), "example_outputs": model.predict(kit.rows[:4]).tolist()}
    saved = save(folder / "model", model, rows, features=features, **examples)
    create_project(folder / "project", template="blank", name="optional")
    site = make_site(Project.open(folder / "project", actor="author@example.com"), folder / "keys")
    site.release(site.grant(saved))
    with site.run() as running:
        yield running


def probabilities(running: Running, body: object, path: Path | str = "/invocations") -> list[float]:
    status, _, answer = running.ask("POST", str(path), body)
    assert status == 200, answer
    (found,) = json.loads(answer)["probabilities"]
    return list(found)


@pytest.mark.checklist("S2-12")
def test_what_is_left_out_is_missing_and_not_zero(optional):
    missing = probabilities(optional, {"inputs": [[*SHORT, None]]})
    assert missing == pytest.approx(probabilities(optional, {"inputs": [[*SHORT, FILLED]]}), abs=1e-6)
    assert missing != pytest.approx(probabilities(optional, {"inputs": [[*SHORT, 0.0]]}), abs=1e-2)
    for body in LEFT_OUT:
        assert probabilities(optional, body) == missing, body


def test_rows_with_and_without_it_are_answered_one_by_one(optional):
    rows = [NAMED, {**NAMED, "heat": 0.0}, {**NAMED, "heat": None}]
    status, _, answer = optional.ask("POST", "/invocations", {"dataframe_records": rows})
    found = json.loads(answer)["probabilities"]
    assert (status, found[0]) == (200, found[2])
    assert found[0] != pytest.approx(found[1], abs=1e-2)


def test_open_inference_may_leave_it_out_too(optional):
    def tensors(**columns: float) -> dict[str, object]:
        named = [{"name": n, "shape": [1, 1], "datatype": "FP32", "data": [v]} for n, v in columns.items()]
        return {"inputs": named}

    def answered(body: dict[str, object]) -> list[float]:
        status, _, answer = optional.ask("POST", "/v2/models/fault/infer", body)
        assert status == 200, answer
        return list(json.loads(answer)["outputs"][1]["data"])

    assert answered(tensors(**NAMED)) == pytest.approx(answered(tensors(**NAMED, heat=FILLED)), abs=1e-6)
    assert answered(tensors(**NAMED)) != pytest.approx(answered(tensors(**NAMED, heat=0.0)), abs=1e-2)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"speed": 0.9}]},
        {"inputs": [[0.9]]},
        {"dataframe_split": {"columns": ["speed", "heat"], "data": [[0.9, 0.1]]}},
        {"instances": [{**NAMED, "colour": 1.0}]},
    ],
)
def test_what_is_not_optional_is_asked_for(optional, body):
    status, _, answer = optional.ask("POST", "/invocations", body)
    assert status == 400, answer
    assert probabilities(optional, {"inputs": [SHORT]})
