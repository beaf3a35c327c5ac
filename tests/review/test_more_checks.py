"""The checks beyond the first four: good candidates pass, each fault is named, what is not known is unknown."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from tests.review.conftest import HOLDOUT, MLMODEL, make_rows
from workbench.contract.model import Feature, ModelManifest
from workbench.contract.review import CheckReport
from workbench.experiment.capture.cells import chain_of
from workbench.experiment.capture.environment import environment, environment_lock
from workbench.experiment.model import row_digests as digests
from workbench.experiment.model.profile import npz_bytes, reference
from workbench.experiment.model.row_digests import kept_digests
from workbench.experiment.store import tracking
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.errors import ConflictError, UsageError
from workbench.review.candidate import read_manifest
from workbench.review.checks.check import CheckInput
from workbench.review.checks.leakage import junk_in, oracle, overlap
from workbench.review.checks.registry import run_check
from workbench.review.checks.secrets import find_secrets
from workbench.review.checks.slices import slices_of
from workbench.review.model_cards import SECTIONS, create_card, show_card
from workbench.review.policies.check_rules import FairnessRule
from workbench.review.policies.rules import BudgetRule, HygieneRule, InputsRule, LeakageRule, SlicesRule, StageRule
from workbench.review.reviews import request_review


@pytest.fixture
def check(world):
    """Run one check on a folder, or on a run of it."""
    project = world.as_("alice")

    def check(name: str, folder: Path, *, run: str = "run", review: str = "rv-00000001", **rules) -> CheckReport:
        digest = project.store.put_tree(folder)
        given = CheckInput(
            project=project,
            review=review,
            run=run,
            model="faults",
            stage="production",
            model_digest=digest,
            manifest=read_manifest(project.store, digest),
            rule=StageRule(required=(name,), approvals=1, **rules),
            champion_digest="",
        )
        report = run_check(name, given, True)
        assert json.loads(project.store.read(report.evidence_digest))["result"] == report.result
        assert report.result != "unknown" or "No result: " in report.summary
        return report

    return check


def with_reference(models, folder: Path, rows: np.ndarray, **arrays) -> Path:
    shutil.copytree(models.good, folder)
    profile = reference(rows, np.zeros(len(rows)), 2) | arrays
    (folder / "reference.npz").write_bytes(npz_bytes({k: v for k, v in profile.items() if v is not None}))
    return folder


# leakage


def test_rows_that_were_never_trained_on_do_not_leak(check, models, tmp_path):
    report = check("leakage", with_reference(models, tmp_path / "m", make_rows(3000, 9).inputs))
    assert (report.result, report.figures["overlap"], report.figures["compared"]) == ("pass", 0, 800), report


def test_holdout_rows_among_the_training_rows_are_found(check, models, tmp_path):
    rows = np.concatenate([make_rows(3000, 9).inputs, HOLDOUT.inputs[:40]])
    folder = with_reference(models, tmp_path / "m", rows)
    report = check("leakage", folder)
    assert (report.result, report.figures["overlap"]) == ("fail", 0.05), report
    assert check("leakage", folder, leakage=LeakageRule(overlap=0.05)).result == "pass"


def test_without_digests_of_the_training_rows_it_is_unknown(check, models, tmp_path):
    assert check("leakage", models.good).result == "unknown"
    assert (
        check("leakage", with_reference(models, tmp_path / "m", HOLDOUT.inputs, row_digests=None)).result == "unknown"
    )


@pytest.mark.parametrize(
    "junk",
    [
        np.array([], np.uint64),
        np.array([1], np.uint64),
        np.arange(2000, dtype=np.uint64),
        np.arange(2000, dtype=np.uint64) + np.uint64(2**64 - 5000),
        np.linspace(0, 1, 2000),
        np.full(2000, 2**63, np.uint64),
        np.sort(np.random.default_rng(1).integers(0, 2**64, 2000, np.uint64)).reshape(2, -1),
    ],
    ids=["empty", "one", "small", "large", "floats", "equal", "2d"],
)
def test_junk_in_place_of_the_training_rows_digests_is_unknown(check, models, tmp_path, junk):
    report = check("leakage", with_reference(models, tmp_path / "m", make_rows(3000, 9).inputs, row_digests=junk))
    assert (report.result, "no digests of training rows but" in report.summary) == ("unknown", True), report


@pytest.mark.parametrize("count", [10, 50, 3000, 300_000])
def test_digests_of_real_rows_are_no_junk(count):
    assert all(not junk_in(kept_digests(make_rows(count, seed).inputs)) for seed in range(3 if count > 3000 else 40))


def test_a_feature_that_is_the_answer_is_found(check, models, tmp_path):
    folder = with_reference(models, tmp_path / "m", make_rows(3000, 9).inputs)
    inputs = HOLDOUT.inputs.copy()
    inputs[:, 3] = HOLDOUT.truth * 7.0
    np.savez(folder / "holdout.npz", inputs=inputs, truth=HOLDOUT.truth, prediction=HOLDOUT.truth)
    report = check("leakage", folder)
    assert report.result == "fail"
    assert "feature 'sensor_3' alone gives 100.0% of the answer away" in report.summary


def test_time_that_runs_backwards_is_found(check, models, tmp_path):
    rows = make_rows(3000, 9).inputs
    rule = LeakageRule(time="sensor_2")
    report = check("leakage", with_reference(models, tmp_path / "m", rows), leakage=rule)
    assert (report.result, "and the holdout begins at" in report.summary) == ("fail", True), report
    rows[:, 2] -= 100
    report = check("leakage", with_reference(models, tmp_path / "n", rows), leakage=rule)
    assert (report.result, "'sensor_2' runs forward" in report.summary) == ("pass", True), report
    assert check("leakage", tmp_path / "n", leakage=LeakageRule(time="hour")).result == "unknown"


def test_an_oracle_is_told_from_a_good_feature():
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 3000)
    assert oracle(truth * 2.0, truth, True) == 1
    assert oracle(random.normal(size=3000), truth, True) < 0.1
    assert 0.3 < oracle(truth + random.normal(scale=0.5, size=3000), truth, True) < 0.95
    values = random.normal(size=3000)
    assert oracle(values**3, values, False) > 0.97
    assert oracle(random.normal(size=3000), values, False) < 0.1
    assert oracle(np.full(3000, np.nan), truth, True) == 0


def test_a_sample_of_many_rows_estimates_the_overlap(monkeypatch):
    """The sketch of the smallest digests keeps the share, within what so few rows can tell."""
    monkeypatch.setattr(digests, "KEPT", 2000)
    monkeypatch.setattr("workbench.review.checks.leakage.KEPT", 2000)
    rows = np.random.default_rng(5).normal(size=(20_000, 3)).astype(np.float32)
    kept = digests.kept_digests(rows[:10_000])
    assert len(kept) == 2000
    share, compared = overlap(rows[5000:15_000], kept)
    assert 1500 < compared < 2500
    assert abs(share - 0.5) < 0.05


def test_equal_rows_have_equal_digests_and_others_do_not():
    rows = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0], [np.nan, 1.0], [np.nan, 1.0]], dtype=np.float32)
    found = digests.row_digests(rows)
    assert found[0] == found[1]
    assert found[3] == found[4]
    assert len(set(found.tolist())) == 3
    many = np.random.default_rng(0).integers(0, 50, (200_000, 4)).astype(np.float32)
    assert len(np.unique(digests.row_digests(many))) == len(np.unique(many, axis=0))


# slices


def test_a_slice_on_which_the_model_is_much_worse_is_named(check, models, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(models.good, folder)
    inputs, truth = HOLDOUT.inputs.copy(), HOLDOUT.truth.copy()
    inputs[:, 3] = np.arange(800) % 2
    odd = np.flatnonzero(inputs[:, 3] == 1)[:200]
    truth[odd] = 1 - truth[odd]  # half of one line's labels are the wrong way round
    np.savez(folder / "holdout.npz", inputs=inputs, truth=truth, prediction=truth)
    report = check("slices", folder, slices=SlicesRule(column="sensor_3"))
    assert (report.result, "where sensor_3 is 1: worse by" in report.summary) == ("fail", True), report
    assert check("slices", folder, slices=SlicesRule(column="sensor_3", gap=0.9)).result == "pass"


def test_slices_that_are_small_or_lack_a_class_decide_nothing(check, models):
    report = check("slices", models.good, slices=SlicesRule(column="sensor_0", gap=0.5))
    assert report.figures["judged"] < report.figures["slices"], report
    assert "too few rows, or of a class" in report.summary
    assert check("slices", models.good, slices=SlicesRule(column="sensor_0", minimum_rows=900)).result == "unknown"


@pytest.mark.parametrize("column", ["", "line"])
def test_a_column_that_is_not_there_is_unknown(check, models, column):
    assert check("slices", models.good, slices=SlicesRule(column=column)).result == "unknown"


def test_numbers_are_cut_at_their_quantiles_and_missing_ones_are_a_slice():
    names, counts = np.unique(slices_of(np.array([*range(100), np.nan]), 4), return_counts=True)
    assert dict(zip(names, counts, strict=True))["missing"] == 1
    assert sorted(counts)[1:] == [25, 25, 25, 25]
    assert set(slices_of(np.array([1.0, 2.0, 1.0]), 4)) == {"1", "2"}


def test_long_numbers_make_slices_of_their_own():
    """Ids and times differ in their last digits: written with six of them, all rows were one slice, and none worse."""
    assert set(slices_of(np.array([1234567.0, 1234568.0]), 4)) == {"1234567", "1234568"}
    assert len(set(slices_of(1_764_000_000.0 + np.arange(1000.0), 4))) == 4


def with_holdout(models, folder: Path, truth: np.ndarray) -> Path:
    shutil.copytree(models.good, folder)
    np.savez(folder / "holdout.npz", inputs=HOLDOUT.inputs, truth=truth, prediction=HOLDOUT.truth)
    return folder


COMPARED = {"slices": SlicesRule(column="sensor_0"), "fairness": FairnessRule(columns=("sensor_0",), difference=1.0)}


@pytest.mark.parametrize("name", ["metric", "slices", "fairness"])
def test_a_truth_that_is_no_number_lets_nothing_through(check, models, tmp_path, name):
    rules = {name: COMPARED[name]} if name in COMPARED else {}
    gap = with_holdout(models, tmp_path / "gap", np.where(np.arange(800) < 5, np.nan, HOLDOUT.truth))
    report = check(name, gap, **rules)
    assert (report.result, "hold NaN or infinity" in report.summary) == ("fail", True), report
    text = with_holdout(models, tmp_path / "text", np.array(["ok", "fault"])[HOLDOUT.truth])
    report = check(name, text, **rules)
    assert (report.result, "[holdout-malformed] → save it again" in report.summary) == ("unknown", True), report


@pytest.mark.parametrize("name", ["slices", "fairness"])
def test_rows_of_one_class_show_nothing_about_telling_them_apart(check, models, tmp_path, name):
    report = check(name, with_holdout(models, tmp_path / "m", HOLDOUT.truth * 0), **{name: COMPARED[name]})
    assert report.result == "unknown", report


@pytest.mark.parametrize("name", ["metric", "slices", "explanation"])
def test_a_metric_that_is_no_number_is_no_result_and_ends_no_checker(check, tmp_path, name):
    """The r2 of a truth that is always the same is minus infinity, which JSON cannot hold."""
    folder = build_regression(tmp_path / "m", np.full(800, 2.0))
    report = check(name, folder, **({name: COMPARED[name]} if name in COMPARED else {}))
    assert (report.result, "r2 is not defined on the holdout rows" in report.summary) == ("unknown", True), report


def test_a_slice_on_which_the_metric_is_no_number_decides_nothing(check, tmp_path):
    inputs = HOLDOUT.inputs.copy()
    inputs[:, 3] = np.arange(800) % 2
    truth = np.where(inputs[:, 3] == 1, 2.0, 3 * inputs[:, 0] + 1)
    report = check("slices", build_regression(tmp_path / "m", truth, inputs), slices=SlicesRule("sensor_3", gap=9.0))
    assert (report.figures["slices"], report.figures["judged"]) == (2, 1), report


def build_regression(folder: Path, truth: np.ndarray, inputs: np.ndarray = HOLDOUT.inputs) -> Path:
    """Write the folder of a model that answers 3 * sensor_0 + 1 and is held to its r2."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit(HOLDOUT.inputs, 3 * HOLDOUT.inputs[:, 0] + 1)
    onnx = to_onnx(model, HOLDOUT.inputs[:1], target_opset={"": 18, "ai.onnx.ml": 3})
    name = onnx.graph.output[0].name
    onnx.graph.output[0].name = "value"
    for node in onnx.graph.node:
        node.output[:] = ["value" if output == name else output for output in node.output]
    folder.mkdir()
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())
    (folder / "MLmodel").write_text(MLMODEL)
    rows, answers = HOLDOUT.inputs[:5], model.predict(HOLDOUT.inputs[:5])
    manifest = ModelManifest(
        name="faults",
        task="regression",
        engine="onnx",
        file="model.onnx",
        features=tuple(Feature(f"sensor_{i}") for i in range(4)),
        classes=(),
        metric="r2",
        is_higher_better=True,
        example_inputs=tuple(tuple(map(float, row)) for row in rows),
        example_outputs=tuple(map(float, answers)),
    )
    (folder / "workbench.json").write_text(json.dumps(asdict(manifest)))
    np.savez(folder / "holdout.npz", inputs=inputs, truth=truth, prediction=truth)
    return folder


# budget


def test_a_model_within_its_budget_passes_and_one_above_says_by_how_much(check, models):
    wide = BudgetRule(size_bytes=10_000_000, memory_bytes=1 << 30, latency_ms=1000.0)
    report = check("budget", models.good, budget=wide)
    assert report.result == "pass", report
    assert 0 < report.figures["latency_ms"] < 1000
    tight = BudgetRule(size_bytes=10, latency_ms=1e-6)
    report = check("budget", models.good, budget=tight)
    assert report.result == "fail"
    assert "bytes are more than 10" in report.summary
    assert "ms a row are more than 1e-06" in report.summary


def test_a_budget_without_limits_is_unknown(check, models):
    assert check("budget", models.good).result == "unknown"


# card


def filled(text: str) -> str:
    head = text.replace("owner:", "owner: line@example.com").replace("version:", "version: 3")
    return head.replace("license:", "license: internal").replace("<!--", "").replace("-->", "")


@pytest.mark.parametrize("language", SECTIONS)
def test_a_card_is_complete_when_its_template_is_filled_in(world, check, models, language):
    project = world.as_("alice")
    empty = create_card(project, "faults", language)
    assert (empty.is_complete, len(empty.missing)) == (False, 3 + len(SECTIONS[language]))
    report = check("card", models.good)
    assert (report.result, "lacks 'owner' in its head" in report.summary) == ("fail", True), report
    path = world.root / "cards" / "faults.md"
    path.write_text(filled(path.read_text()))
    assert show_card(project, "faults").missing == ()
    assert check("card", models.good).summary == f"cards/faults.md is complete ({language})"
    path.write_text(path.read_text().replace(f"## {SECTIONS[language][3]}", "## Else"))
    assert SECTIONS[language][3] in check("card", models.good).summary
    with pytest.raises(ConflictError, match="card-exists"):
        create_card(project, "faults", language)


def test_a_card_in_the_model_folder_comes_first_and_is_allowed(world, check, models, tmp_path):
    assert "There is no model card" in check("card", models.good).summary
    folder = tmp_path / "m"
    shutil.copytree(models.good, folder)
    create_card(world.as_("alice"), "faults")
    (folder / "card.md").write_text(filled((world.root / "cards" / "faults.md").read_text()))
    assert check("card", folder).summary == "card.md is complete (en)"
    assert check("format", folder).result == "pass"
    (folder / "card.md").write_bytes(b"\xff\xfe")
    assert check("card", folder).result == "fail"


def test_a_card_about_another_model_is_none(world, check, models):
    create_card(world.as_("alice"), "faults")
    path = world.root / "cards" / "faults.md"
    path.write_text(filled(path.read_text()).replace("model: faults", "model: wear"))
    assert "it is about 'wear'" in check("card", models.good).summary


def test_a_language_without_a_template_is_refused(world):
    with pytest.raises(UsageError, match="language-unknown"):
        create_card(world.as_("alice"), "faults", "fr")


# what the run recorded: inputs, dependencies, hygiene


def cell(source: str, count: int | None, *outputs: dict) -> dict:
    return {"cell_type": "code", "id": "c", "source": source, "execution_count": count, "outputs": list(outputs)}


def log_run(world, folder: Path, artifacts: dict[str, bytes], tags: dict[str, str] | None = None) -> str:
    project = world.as_("alice")
    run = tracking.start_run(project, name="try", source="train.ipynb", tags=tags or {})
    for path, data in artifacts.items():
        scratch = folder / "artifacts" / path
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(data)
        tracking.log_artifacts(project, run, scratch.parent, str(Path(path).parent))
        scratch.unlink()
    tracking.finish_run(project, run, "FINISHED")
    return run


def notebook(*cells: dict) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


TOKEN = "ghp_" + "a1B2" * 9
STREAM = {"output_type": "stream", "name": "stdout", "text": ["using ", TOKEN, "\n"]}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([cell("x = 1", 1), cell("x", 2)], ""),
        ([cell("x = 1", 2), cell("x", 1)], "cell 2 ran before an earlier one"),
        ([cell("x = 1", 1, ERROR)], "cell 1 ends in ValueError"),
        ([cell("x = 1", 1, STREAM)], "GitHub token in the output of cell 1"),
        ([cell(f"key = '{TOKEN}'", 1)], "GitHub token in the source of cell 1"),
        ([cell("x = 1", 1), {"cell_type": "markdown", "source": ["Use\n", TOKEN]}], "GitHub token in a cell of text"),
    ],
)
def test_hygiene_names_what_is_unclean(world, check, models, tmp_path, cells, says):  # noqa: PLR0917 - fixtures
    run = log_run(world, tmp_path, {"notebook/output.ipynb": notebook(*cells)})
    report = check("hygiene", models.good, run=run)
    assert (report.result, says in report.summary) == ("fail" if says else "pass", True), report
    kept = world.as_("alice").store.read(report.evidence_digest)
    assert TOKEN.encode() not in kept
    assert TOKEN not in report.summary


def test_a_notebook_without_counts_says_nothing_of_the_order(world, check, models, tmp_path):
    run = log_run(world, tmp_path, {"notebook/output.ipynb": notebook(cell("x = 1", None), cell("x", None))})
    report = check("hygiene", models.good, run=run)
    assert (report.result, "does not say in which order" in report.summary) == ("unknown", True), report
    assert check("hygiene", models.good, run=run, hygiene=HygieneRule(allow_hidden_state=True)).result == "pass"
    blank = log_run(world, tmp_path, {"notebook/output.ipynb": notebook(cell("", None), cell("x", 1))})
    assert check("hygiene", models.good, run=blank).result == "pass"


def test_hygiene_looks_at_the_notebook_that_was_frozen(world, check, models, tmp_path):
    alice = world.as_("alice")
    run = world.log_model(models.good)
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "output.ipynb").write_bytes(notebook(cell("x = 1", 1, STREAM)))
    tracking.log_artifacts(alice, run, tmp_path / "shown", "notebook")
    card = request_review(alice, run, "staging", wait=True)
    world.artifact(run, "").parents[1].joinpath("notebook/output.ipynb").write_bytes(notebook(cell("x = 1", 1)))
    report = check("hygiene", models.good, run=run, review=card.id)
    assert (report.result, "GitHub token in the output" in report.summary) == ("fail", True), report


def test_a_notebook_that_was_written_over_is_not_the_one_that_ran(world, check, models, tmp_path):
    """A review from before sources were frozen: the request names the notebook's digest, and the run alone keeps it."""
    alice = world.as_("alice")
    run, source = world.log_model(models.good), notebook(cell("x = 1", 1))
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "source.ipynb").write_bytes(source)
    tracking.log_artifacts(alice, run, tmp_path / "shown", "workbench")
    tracking.set_tags(alice, run, {"workbench.notebook_digest": digest_bytes(source)})
    card = request_review(alice, run, "staging", wait=True)
    assert alice.store.read(card.notebook_digest) == source
    alice.store.path_of(card.notebook_digest).unlink()
    assert "is not the one" not in check("hygiene", models.good, run=run, review=card.id).summary
    world.artifact(run, "").parents[1].joinpath("workbench/source.ipynb").write_bytes(notebook(cell("x = 2", 1)))
    report = check("hygiene", models.good, run=run, review=card.id)
    assert (report.result, "is not the one it ran" in report.summary) == ("unknown", True), report
    evidence = json.loads(alice.store.read(report.evidence_digest))
    assert "notebook-changed" in str(evidence)
    assert "mlops run" in str(evidence)


def test_what_cannot_be_replayed_has_no_result_and_says_what_would_help(world, check, models, tmp_path):
    report = check("reproduced", models.good, run=log_run(world, tmp_path, {}))
    assert (report.result, "cannot be replayed" in report.summary) == ("unknown", True), report
    evidence = str(json.loads(world.as_("alice").store.read(report.evidence_digest)))
    assert "not-replayable" in evidence
    assert "commit" in evidence


def chained(*sources: str) -> dict[str, str]:
    return {"workbench.chain": chain_of(sources)}


@pytest.mark.parametrize(
    ("counts", "chain", "expected"),
    [
        ((1, 2, 3), ("x = 1", "x = 2", "print(x)"), "pass"),
        ((1, None, 3), ("x = 1", "x = 2", "print(x)"), "pass"),  # the chain saw all three, in this order
        ((1, None, 3), ("x = 2", "x = 1", "print(x)"), "fail"),
        ((1, None, 3), ("x = 1", "print(x)"), "fail"),  # it never ran
        ((1, 2, 3), ("x = 2", "x = 1", "print(x)"), "fail"),  # counted anew
        ((1, None, 3), (), "unknown"),
    ],
)
def test_a_count_that_was_taken_out_hides_no_order(world, check, models, tmp_path, counts, chain, expected):  # noqa: PLR0917
    cells = [cell(source, count) for source, count in zip(("x = 1", "x = 2", "print(x)"), counts, strict=True)]
    run = log_run(world, tmp_path, {"notebook/output.ipynb": notebook(*cells)}, chained(*chain) if chain else {})
    report = check("hygiene", models.good, run=run)
    assert report.result == expected, report
    if None in counts and expected != "pass":
        assert "cell 2" in report.summary


def test_the_notebook_of_an_interactive_run_is_frozen_with_its_request(world, check, models, tmp_path):
    alice = world.as_("alice")
    source = notebook(cell("x = 1", None, STREAM))
    run = world.log_model(models.good)
    tracking.set_tags(alice, run, {"workbench.notebook_digest": digest_bytes(source)})
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "source.ipynb").write_bytes(source)
    tracking.log_artifacts(alice, run, tmp_path / "kept", "workbench")
    card = request_review(alice, run, "staging", wait=True)
    file = world.artifact(run, "").parents[1] / "workbench" / "source.ipynb"
    file.write_bytes(notebook(cell("x = 1", None)))  # the secret is gone from the run, not from what was frozen
    report = check("hygiene", models.good, run=run, review=card.id)
    assert (report.result, "GitHub token in the output" in report.summary) == ("fail", True), report
    alice.store.path_of(digest_bytes(source)).unlink()  # as in a review from before sources were frozen
    report = check("hygiene", models.good, run=run, review=card.id)
    assert (report.result, "not the one it ran" in report.summary) == ("unknown", True), report


def test_hygiene_believes_the_chain_of_a_notebook_that_only_lay_there(world, check, models, tmp_path):
    on_disk = {"workbench/source.ipynb": notebook(cell("x = 1", None))}
    unwatched = log_run(world, tmp_path, on_disk)
    assert check("hygiene", models.good, run=unwatched).result == "unknown"
    found = {"executed": 2, "findings": [{"kind": "edited", "cell": "c1", "detail": "after it ran"}]}
    hidden = log_run(world, tmp_path, on_disk, {"workbench.cells": json.dumps(found)})
    assert check("hygiene", models.good, run=hidden).summary == "cell c1 edited"
    assert check("hygiene", models.good, run=hidden, hygiene=HygieneRule(allow_hidden_state=True)).result == "pass"
    clean = log_run(world, tmp_path, on_disk, {"workbench.cells": json.dumps({"executed": 1, "findings": []})})
    assert check("hygiene", models.good, run=clean).result == "pass"
    assert check("hygiene", models.good, run=log_run(world, tmp_path, {})).result == "unknown"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("AKIA" + "ABCDEFGHIJKLMNOP", "AWS access key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("postgresql://me:geheim@db.example.com/x", "password in an address"),
        ("postgresql://me:***@db.example.com/x", ""),
        ("https://example.com/a:b@c", ""),
        ("hf_" + "a" * 34, "Hugging Face token"),
        ("sha256:" + "a" * 64, ""),
        ("AKIA is a prefix", ""),
    ],
)
def test_secrets_are_told_by_their_shape(text, kind):
    assert list(find_secrets(text)) == ([kind] if kind else [])


def test_dependencies_hold_the_model_to_the_run_and_to_what_is_here(world, check, models, tmp_path):
    _, _, packages = environment()
    versions = dict(package.split("==") for package in packages)
    lock = environment_lock()
    run = log_run(world, tmp_path, {"workbench/environment.json": lock})
    assert check("dependencies", models.good, run=run).result == "pass"
    assert check("dependencies", models.good, run=log_run(world, tmp_path, {})).result == "unknown"
    old = json.loads(lock)
    next(entry for entry in old["packages"] if entry["name"] == "numpy")["version"] = "1.0"
    older = log_run(world, tmp_path, {"workbench/environment.json": json.dumps(old).encode()})
    report = check("dependencies", models.good, run=older)
    assert report.summary == f"numpy 1.0 is asked for and here is {versions['numpy']}"
    folder = tmp_path / "m"
    shutil.copytree(models.good, folder)
    for text, says in (
        (f"numpy=={versions['numpy']}\n# a comment\n", ""),
        ("numpy>=1\n", "'numpy>=1' is not pinned"),
        ("numpy\nonnx @ https://example.com/onnx.whl\n", "'numpy' is not pinned, 'onnx @ https"),
        ("numpy==0.1\n", f"numpy 0.1 is asked for and the run used {versions['numpy']}"),
        ("no-such-package==1\n", "no-such-package 1 is asked for and the run used none"),
        ("numpy==1.*\n", "'numpy==1.*' is not pinned"),
    ):
        (folder / "requirements.txt").write_text(text)
        report = check("dependencies", folder, run=run)
        assert (report.result, says in report.summary) == ("fail" if says else "pass", True), report
        if not says:
            said = "The only package is pinned, is that of the run and is installed here"
            assert report.summary == said


def test_inputs_must_be_dataset_versions_of_the_journal(world, check, models, tmp_path):
    project = world.as_("alice")
    entry = {"path": "data/x.csv", "digest": "sha256:" + "1" * 64, "dataset_version": "ds-1"}
    rule = InputsRule(minimum_level="R0")

    def report(entries: list[dict], rule: InputsRule = rule, **tags) -> CheckReport:
        tags = {"workbench.inputs": json.dumps(entries)} | {f"workbench.{k}": v for k, v in tags.items()}
        return check("inputs", models.good, run=log_run(world, tmp_path, {}, tags), inputs=rule)

    assert "knows no dataset version ds-1" in report([entry]).summary
    with project.journal.transaction() as transaction:
        transaction.append("data.snapshot", "dataset:ds-1", {})
        transaction.put("dataset", "ds-1", "RECORDED", {"digest": "x"}, expect=0)
    assert report([entry]).result == "pass"
    assert "data/x.csv is no dataset version" in report([{**entry, "dataset_version": ""}]).summary
    assert report([]).result == "unknown"
    assert report([entry], inputs_incomplete="true").result == "unknown"
    assert "the run is R0 and has to be R1" in report([entry], InputsRule()).summary
    forged = report([entry], InputsRule(), level="R4")
    assert "the run is R0 (R4 fell: no evidence in the journal stands behind it)" in forged.summary
