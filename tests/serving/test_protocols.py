"""What callers can rely on: both protocols, the figures, the prediction log."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

FEATURES = ["speed", "torque", "heat"]
ROW = [0.9, -0.2, 0.4]
OTHER = [-0.9, 0.2, -0.4]
SCORING = [
    {"dataframe_split": {"columns": FEATURES, "data": [ROW, OTHER]}},
    {"dataframe_split": {"columns": ["heat", "speed", "torque"], "data": [[0.4, 0.9, -0.2], [-0.4, -0.9, 0.2]]}},
    {"dataframe_split": {"data": [ROW, OTHER], "index": [7, 8]}},
    {"dataframe_records": [dict(zip(FEATURES, row, strict=True)) for row in (ROW, OTHER)]},
    {"instances": [ROW, OTHER]},
    {"instances": [dict(zip(FEATURES, row, strict=True)) for row in (ROW, OTHER)]},
    {"inputs": [ROW, OTHER]},
    {"inputs": {name: [a, b] for name, a, b in zip(FEATURES, ROW, OTHER, strict=True)}, "params": {}},
]


@pytest.mark.parametrize("body", SCORING)
def test_invocations_speak_mlflow(served, body):
    status, headers, answer = served.ask("POST", "/invocations", body, **{"content-type": "application/json"})
    found = json.loads(answer)
    assert status == 200
    assert found["predictions"] == ["broken", "ok"]
    assert np.allclose(np.sum(found["probabilities"], axis=1), 1, atol=1e-5)
    assert headers["x-model-digest"].startswith("sha256:")
    assert headers["x-release"].startswith("rl-")
    assert headers["x-request-id"]


@pytest.mark.parametrize(
    "inputs",
    [
        [{"name": "rows", "shape": [2, 3], "datatype": "FP32", "data": ROW + OTHER}],
        [{"name": "rows", "shape": [2, 3], "datatype": "FP64", "data": [ROW, OTHER]}],
        [
            {"name": name, "shape": [2, 1], "datatype": "FP32", "data": [a, b]}
            for name, a, b in zip(reversed(FEATURES), reversed(ROW), reversed(OTHER), strict=True)
        ],
    ],
)
@pytest.mark.parametrize("path", ["/v2/models/fault/infer", "/v2/models/fault/versions/1/infer"])
def test_infer_speaks_open_inference(served, inputs, path):
    status, _, answer = served.ask("POST", path, {"id": "abc", "inputs": inputs})
    found = json.loads(answer)
    assert (status, found["id"], found["model_name"], found["model_version"]) == (200, "abc", "fault", "1")
    label, probabilities = found["outputs"]
    assert label == {"name": "label", "datatype": "INT64", "shape": [2], "data": [1, 0]}
    assert probabilities["shape"] == [2, 2]
    assert len(probabilities["data"]) == 4


def test_infer_takes_whole_numbers_and_gives_wanted_outputs(served):
    tensor = {"name": "rows", "shape": [1, 3], "datatype": "INT64", "data": [3, -2, 1]}
    _, _, answer = served.ask("POST", "/v2/models/fault/infer", {"inputs": [tensor], "outputs": [{"name": "label"}]})
    assert [output["name"] for output in json.loads(answer)["outputs"]] == ["label"]


def test_both_protocols_agree(served, kit):
    rows = kit.rows[:50].tolist()
    predictions, _ = served.predict(rows)
    tensor = {"name": "rows", "shape": [50, 3], "datatype": "FP32", "data": kit.rows[:50].reshape(-1).tolist()}
    _, _, answer = served.ask("POST", "/v2/models/fault/infer", {"inputs": [tensor]})
    assert [("ok", "broken")[i] for i in json.loads(answer)["outputs"][0]["data"]] == predictions


def test_metadata_health_and_version(served):
    assert served.ask("GET", "/ping")[0] == served.ask("GET", "/health")[0] == 200
    for path in ("/v2/health/live", "/v2/health/ready", "/v2", "/v2/models/fault/ready"):
        assert served.ask("GET", path)[0] == 200, path
    metadata = served.get("/v2/models/fault")
    assert metadata["inputs"] == [{"name": "rows", "datatype": "FP32", "shape": [-1, 3]}]
    assert metadata["parameters"]["features"] == FEATURES
    assert served.get("/version")["version"] == 1


def test_head_has_headers_and_no_body(served):
    status, headers, body = served.ask("HEAD", "/v2/models/fault")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_request_id_is_kept_or_made(served):
    assert served.ask("GET", "/ping", **{"x-request-id": "mine-7"})[1]["x-request-id"] == "mine-7"
    ids = {served.ask("GET", "/ping", **{"x-request-id": "not ascii \xe9"})[1]["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


def test_regression_answers_values(site, kit):
    site.release(site.grant(kit.value))
    with site.run() as running:
        (value,), _ = running.predict([ROW])
        assert value == pytest.approx(0.9 + 0.4 + 0.2, abs=0.01)
        tensor = {"name": "rows", "shape": [1, 3], "datatype": "FP32", "data": ROW}
        answer = json.loads(running.ask("POST", "/v2/models/fault/infer", {"inputs": [tensor]})[2])
        assert answer["outputs"][0]["name"] == "value"
        assert answer["outputs"][0]["data"][0] == pytest.approx(value)


@pytest.mark.checklist("S0-20", "S4-17")
def test_figures_count_predictions_only(served):
    before = served.figures()
    served.predict([ROW])
    served.ask("POST", "/invocations", b"{")
    after = served.figures()
    assert (after["requests"] - before["requests"], after["rows"] - before["rows"], after["failures"]) == (2, 1, 0)
    assert 0 < after["p50_ms"] <= after["p99_ms"]
    text = served.ask("GET", "/metrics")[2].decode()
    assert 'workbench_runner_requests_total{status="400"} 1' in text
    assert f'workbench_runner_request_seconds_bucket{{le="+Inf"}} {after["requests"]}' in text


@pytest.mark.checklist("S4-17")
def test_every_row_is_logged_as_a_fixed_size_record(served, kit):
    before = served.until(lambda figures: figures["logged_rows"] == figures["rows"])["rows"]
    started = time.time()
    predictions, digest = served.predict(kit.rows[:300].tolist())
    served.until(lambda figures: figures["logged_rows"] == before + 300)
    folder = served.state_dir / "predictions" / "fault@production" / digest[7:23]
    layout = json.loads((folder / "layout.json").read_text())
    assert layout["model_digest"] == digest
    assert layout["features"] == FEATURES
    assert layout["classes"] == ["ok", "broken"]
    dtype = np.dtype([(name, kind, *(tuple(s) for s in shape)) for name, kind, *shape in layout["dtype"]])
    (file,) = folder.glob("*.rows")
    records = np.fromfile(file, dtype)[-300:]
    assert np.array_equal(records["x"], kit.rows[:300])
    assert [layout["classes"][int(y)] for y in records["y"]] == predictions
    assert np.all((records["at"] >= started - 1) & (records["at"] <= time.time() + 1))


def test_the_last_rows_are_logged_at_the_end(site, kit):
    site.release(site.grant(kit.plain))
    with site.run() as running:
        running.predict([ROW] * 7)
    folder = site.project.state_dir / "predictions" / "fault@production"
    (file,) = folder.glob("*/*.rows")
    assert file.stat().st_size == 7 * (8 + 12 + 4)


@pytest.mark.slow
def test_predictions_equal_mlflows(served, kit, tmp_path):
    import mlflow
    import onnx

    mlflow.onnx.save_model(onnx.load(kit.plain / "model.onnx"), tmp_path / "m", pip_requirements=["onnxruntime"])
    theirs = mlflow.pyfunc.load_model(str(tmp_path / "m")).predict(kit.rows)
    status, _, body = served.ask("POST", "/invocations", {"inputs": kit.rows.tolist()})
    ours = json.loads(body)
    assert status == 200
    assert ours["predictions"] == [("ok", "broken")[i] for i in theirs["label"]]
    assert np.array_equal(np.array(ours["probabilities"], dtype=np.float32), theirs["probabilities"])
