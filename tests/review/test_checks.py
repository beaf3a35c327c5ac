"""The checks on real model folders: good ones pass, each hostile or careless one is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.review.conftest import check_said
from workbench.contract.review import CheckReport
from workbench.contract.status import JobState
from workbench.experiment.levels.facts import read_facts
from workbench.foundation.canonical import digest_file
from workbench.foundation.errors import UsageError
from workbench.review.candidate import read_manifest
from workbench.review.checks.check import CheckInput
from workbench.review.checks.registry import run_check
from workbench.review.checks.replayed import Reported
from workbench.review.policies.policy import MetricRule, StageRule


@pytest.fixture
def run(world):
    """Freeze a folder and run one check on it."""
    project = world.as_("alice")

    def run(
        name: str,
        folder: Path,
        *,
        champion: Path | None = None,
        rule: MetricRule | None = None,
        f1: float | None = 0.8,
    ) -> CheckReport:
        digest = project.store.put_tree(folder)
        given = CheckInput(
            project=project,
            review="rv-00000001",
            run=world.log_model(folder, f1=f1) if name == "reproduced" else "run",
            model="faults",
            stage="production",
            model_digest=digest,
            manifest=read_manifest(project.store, digest),
            rule=StageRule(required=(name,), approvals=1, metric=rule or MetricRule(resamples=1000)),
            champion_digest=project.store.put_tree(champion) if champion else "",
        )
        report = run_check(name, given, True)
        evidence = json.loads(project.store.read(report.evidence_digest))
        assert evidence["result"] == report.result
        return report

    return run


def edit_onnx(folder: Path, edit) -> None:
    model = onnx.load(folder / "model.onnx")
    edit(model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def edit_manifest(folder: Path, **values) -> None:
    manifest = json.loads((folder / "workbench.json").read_text())
    (folder / "workbench.json").write_text(json.dumps({**manifest, **values}))


def edit_text(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def make_external(model) -> None:
    tensor = helper.make_tensor("stolen", TensorProto.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    model.graph.initializer.append(tensor)


def nest_custom(model) -> None:
    """Hide an operator of another domain in a branch of an If."""
    inner = helper.make_graph([helper.make_node("Steal", [], ["o"], domain="evil")], "g", [], [])
    model.graph.node.append(helper.make_node("If", ["c"], ["r"], then_branch=inner, else_branch=inner))


def test_a_plain_model_passes(run, models):
    report = run("format", models.good)
    assert report.result == "pass", report
    assert report.tool.startswith("onnx.checker 1.")
    assert report.duration_s > 0


@pytest.mark.checklist("S4-03")
@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda f: (f / "python_model.pkl").write_bytes(b"\x80"), "file 'python_model.pkl' is not allowed"),
        (lambda f: ((f / "code").mkdir(), (f / "code" / "x.py").write_text("")), "file 'code/x.py' is not allowed"),
        (lambda f: (f / "MLmodel").unlink(), "file 'MLmodel' is missing"),
        (lambda f: edit_manifest(f, file="../model.onnx"), "the engine must open model.onnx"),
        (lambda f: edit_manifest(f, engine="pickle"), "the engine must open model.onnx"),
        (lambda f: (f / "model.onnx").write_bytes(b"not a model"), "model.onnx is no valid model"),
        (lambda f: (f / "model.onnx").write_bytes(b""), "model.onnx is no valid model"),
        (lambda f: edit_onnx(f, make_external), "lies outside model.onnx"),
        (lambda f: edit_onnx(f, lambda m: m.opset_import.add(domain="evil", version=1)), "operator set 'evil'"),
        (lambda f: edit_onnx(f, nest_custom), ""),
        (lambda f: edit_text(f, "MLmodel", "mlflow.onnx", "evil"), "MLmodel loads itself with 'evil'"),
        (lambda f: edit_text(f, "MLmodel", "code: null", "code: code"), "brings code"),
        (lambda f: edit_text(f, "MLmodel", "data: model.onnx", "data: other"), "points to 'other'"),
        (lambda f: edit_text(f, "MLmodel", "  onnx:", "  sklearn:"), "flavor 'sklearn' is not allowed"),
        (lambda f: (f / "MLmodel").write_text("a: &a [1]\nb: [*a, *a]\n"), "aliases are not allowed"),
        (lambda f: (f / "MLmodel").write_text("!!python/object/apply:os.system [id]"), "cannot be read"),
        (lambda f: (f / "MLmodel").write_text("just text"), "cannot be read"),
        (
            lambda f: np.savez(f / "holdout.npz", inputs=np.array([print], dtype=object)),
            "holdout.npz cannot be read without pickle",
        ),
        (lambda f: np.savez(f / "holdout.npz", inputs=np.zeros((1, 4))), "lacks 'prediction'"),
        (lambda f: (f / "reference.npz").write_bytes(b"PK\x03\x04"), "reference.npz cannot be read"),
    ],
)
def test_format_names_what_may_not_be_there(run, changed_model, edit, says):
    report = run("format", changed_model(edit))
    assert report.result == "fail", report
    assert says in report.summary


def test_schema_passes_without_and_with_a_champion(run, models):
    assert run("schema", models.good).result == "pass"
    report = run("schema", models.better, champion=models.good)
    assert report.result == "pass"
    assert "same inputs as the served model" in report.summary


def features(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "dtype": "float32"} for name in names]


@pytest.mark.checklist("S2-12")
@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"features": features("sensor_0", "sensor_1", "sensor_2", "renamed")}, "Feature 'sensor_3' of the served"),
        ({"features": features("sensor_1", "sensor_0", "sensor_2", "sensor_3")}, "order"),
        (
            {"features": features(*(f"sensor_{i}" for i in range(5))), "example_inputs": [], "example_outputs": []},
            "Feature 'sensor_4' is new",
        ),
        ({"example_inputs": [], "example_outputs": []}, "no recorded examples"),
        ({"classes": ["fault", "ok"]}, "Classes of the served model"),
        ({"classes": ["ok", "broken"]}, "Classes of the served model"),
        ({"task": "regression", "classes": []}, "The task changes"),
    ],
)
def test_schema_blocks_what_would_break_callers(run, models, changed_model, edit, says):
    report = run("schema", changed_model(lambda folder: edit_manifest(folder, **edit)), champion=models.good)
    assert report.result == "fail", report
    assert says in report.summary


def test_schema_notices_a_manifest_of_another_model(run, changed_model):
    def flip(folder: Path) -> None:
        outputs = json.loads((folder / "workbench.json").read_text())["example_outputs"]
        edit_manifest(folder, example_outputs=[1.0 - value for value in outputs])

    report = run("schema", changed_model(flip))
    assert (report.result, "come out differently" in report.summary) == ("fail", True)


def test_schema_notices_outputs_with_other_names(run, changed_model):
    def rename(model) -> None:
        for node in model.graph.node:
            node.output[:] = ["other" if name == "label" else name for name in node.output]
        model.graph.output[0].name = "other"

    report = run("schema", changed_model(lambda folder: edit_onnx(folder, rename)))
    assert report.result == "fail"
    assert "does not answer" in report.summary


@pytest.mark.checklist("S1-33")
def test_metric_beats_the_majority_or_fails(run, models, changed_model):
    report = run("metric", models.good)
    assert report.result == "pass"
    assert report.figures["low"] > 0
    assert report.figures["rows"] == 800

    def blind(model) -> None:
        for node in model.graph.node:
            for attribute in node.attribute:
                if attribute.name == "coefficients":
                    attribute.floats[:] = [0.0] * len(attribute.floats)

    blinded = run("metric", changed_model(lambda folder: edit_onnx(folder, blind)))
    assert blinded.result == "fail", blinded


@pytest.mark.checklist("S1-33")
def test_metric_compares_with_the_model_that_is_served(run, models):
    ask = MetricRule(margin=0.01, resamples=1000)
    worse = run("metric", models.worse, champion=models.good, rule=ask)
    assert (worse.result, worse.figures["high"] < 0) == ("fail", True)
    assert f"rows: worse by {-worse.figures['estimate']:.4f}, " in worse.summary
    assert run("metric", models.better, champion=models.worse, rule=ask).result == "pass"
    assert (
        run("metric", models.better, champion=models.worse, rule=replace(ask, comparison="superior")).result == "pass"
    )


def test_the_same_model_is_not_inferior_and_not_superior(run, models):
    ask = MetricRule(margin=0.0, resamples=1000)
    assert run("metric", models.good, champion=models.good, rule=ask).result == "pass"
    assert run("metric", models.good, champion=models.good, rule=replace(ask, comparison="superior")).result == "fail"


def test_a_minimum_is_compared_with_what_is_sure(run, models):
    estimate = run("metric", models.good).figures["candidate"]
    just_below = MetricRule(minimum=estimate - 0.001, resamples=1000)
    assert run("metric", models.good, rule=just_below).result == "fail"
    assert run("metric", models.good, rule=replace(just_below, minimum=estimate - 0.2)).result == "pass"


def test_the_authors_own_predictions_are_not_believed(run, models, changed_model):
    def boast(folder: Path) -> None:
        with np.load(folder / "holdout.npz") as held:
            np.savez(folder / "holdout.npz", inputs=held["inputs"], truth=held["truth"], prediction=held["truth"])

    assert run("metric", changed_model(boast)).figures["candidate"] == run("metric", models.good).figures["candidate"]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda f: (f / "holdout.npz").unlink(), "has no holdout.npz"),
        (lambda f: edit_manifest(f, metric="applause"), "'applause' cannot be recomputed"),
        (lambda f: edit_manifest(f, metric="r2"), "'r2' cannot be recomputed"),
    ],
)
def test_what_cannot_be_measured_is_unknown_and_not_a_pass(run, changed_model, edit, says):
    report = run("metric", changed_model(edit))
    assert report.result == "unknown"
    assert says in report.summary


@pytest.mark.parametrize(("metric", "is_higher_better"), [("f1", False), ("accuracy", False), ("mae", True)])
def test_an_author_cannot_turn_a_metric_round(run, changed_model, metric, is_higher_better):
    folder = changed_model(lambda f: edit_manifest(f, metric=metric, is_higher_better=is_higher_better))
    with pytest.raises(UsageError, match="says the contrary"):
        run("metric", folder)


def test_an_author_cannot_choose_another_metric_than_the_served_models(run, models, changed_model):
    other = changed_model(lambda folder: edit_manifest(folder, metric="accuracy"))
    report = run("metric", other, champion=models.good)
    assert (report.result, "is held to f1, this one to accuracy" in report.summary) == ("unknown", True), report
    assert run("metric", other).result == "pass"


def test_too_few_rows_are_unknown(run, models):
    report = run("metric", models.good, rule=MetricRule(minimum_rows=801))
    assert (report.result, "800 holdout rows decide nothing" in report.summary) == ("unknown", True)


@pytest.mark.checklist("S1-08")
def test_a_run_that_cannot_be_replayed_is_unknown_and_says_why(run, models):
    report = run("reproduced", models.good)
    assert report.result == "unknown"
    assert "No result" in report.summary


@pytest.fixture
def replayed(world, run, monkeypatch):
    """Let the check find a given run as the replay, whose metrics are the same; the replay itself has its own test."""

    def replayed(folder: Path, replay: Path, *, name: str = "faults", f1: float | None = 0.8) -> CheckReport:
        other = world.log_model(replay, name=name)
        ended = SimpleNamespace(
            id="jb-00000001", state=JobState.SUCCEEDED, run=other, error="", reason="", target="sandbox"
        )
        proof = SimpleNamespace(jobs=("jb-00000001",), level="R3", evidence=())
        monkeypatch.setattr("workbench.review.checks.reproduced.prove", lambda *_, **__: proof)
        monkeypatch.setattr("workbench.review.checks.reproduced.show_job", lambda *_: ended)
        monkeypatch.setattr("workbench.review.checks.reproduced._isolation", lambda *_: "limits")
        figures = {name: frozenset({value}) for name, value in read_facts(world.as_("alice"), other).results.items()}
        reported = Reported(figures, frozenset(digest_file(path) for path in replay.rglob("*") if path.is_file()))
        monkeypatch.setattr("workbench.review.checks.reproduced._reported", lambda *_: reported)
        return run("reproduced", folder, f1=f1)

    return replayed


@pytest.mark.checklist("S1-08")
def test_a_replay_must_give_the_frozen_model_and_not_only_its_metrics(replayed, models, changed_model):
    same = replayed(models.good, models.good)
    assert (same.result, same.figures["same_model_bytes"]) == ("pass", 1), same
    swapped = replayed(models.worse, models.good)
    assert (swapped.result, "of its answers to 800 rows" in swapped.summary) == ("fail", True), swapped
    rounded = changed_model(lambda folder: edit_onnx(folder, lambda model: setattr(model, "doc_string", "again")))
    again = replayed(models.good, rounded)
    assert (again.result, again.figures["same_model_bytes"], again.figures["differing_answers"]) == ("pass", 0, 0)


def test_a_replay_that_nothing_can_be_held_to_is_unknown(world, replayed, models, changed_model):
    nothing = replayed(models.good, models.good, name="other")
    check_said(world, nothing, "replay-without-model", "The metrics come out again", "has to save 'faults' whenever")
    unmeasured = replayed(models.good, models.good, f1=None)
    check_said(world, unmeasured, "no-metrics", "logged no metric", "workbench.log(f1=…)")
    silent = changed_model(lambda folder: (folder / "model.onnx").write_bytes(b"nothing"))
    check_said(world, replayed(silent, models.good), "model-fails", "frozen model does not answer", "save_model(…)")


def test_a_defect_in_a_check_is_unknown(run, models, monkeypatch):
    def broken(_given):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("workbench.review.checks.schema.check", broken)
    report = run("schema", models.good)
    assert (report.result, report.tool) == ("unknown", "")
