"""Why a check has no result: the code, what happened and what mends it stand in the report that reviewers read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from tests.review.conftest import HOLDOUT, World, check_said, make_rows
from tests.review.test_checks import edit_manifest, edit_onnx
from tests.review.test_later_checks import advisory
from tests.review.test_more_checks import cell, log_run, notebook
from tests.review.test_reproduced import write_notebook
from workbench.contract.review import CheckReport
from workbench.doors.cli import main
from workbench.execute.jobs import cancel, submit
from workbench.experiment.capture.environment import environment_lock
from workbench.experiment.model.profile import npz_bytes, reference
from workbench.review.candidate import read_manifest
from workbench.review.checks import reproduced
from workbench.review.checks.check import CheckInput
from workbench.review.checks.registry import run_check
from workbench.review.policies.check_rules import FairnessRule, VulnerabilitiesRule
from workbench.review.policies.rules import BudgetRule, InputsRule, LeakageRule, MetricRule, SlicesRule, StageRule
from workbench.review.sandbox import sandbox

Edit = Callable[[Path], object]


def nothing(_folder: Path) -> None:
    """Leave a folder as it is."""


@dataclass(frozen=True)
class Case:
    """A candidate, or a rule, that a check cannot judge.

    Attributes:
        code: What the report has to say.
        check: The check.
        says: Part of the message.
        mends: Part of the hint.
        edit: What is wrong with the candidate's folder.
        champion: What is different in the served model's folder; where it is left out, none is served.
        files: What lies in the project.
        rules: Rules of the stage.
        mended: Rules, or edits, with which there is a result.
    """

    code: str
    check: str
    says: str
    mends: str
    edit: Edit = nothing
    champion: Edit | None = None
    files: Edit = nothing
    rules: dict[str, Any] = field(default_factory=dict)
    mended: dict[str, Any] = field(default_factory=dict)


def no_holdout(folder: Path) -> None:
    (folder / "holdout.npz").unlink()


def holdout(**arrays: np.ndarray) -> Edit:
    return lambda folder: (folder / "holdout.npz").write_bytes(npz_bytes(arrays))


def trained_on(folder: Path) -> None:
    rows = make_rows(3000, 9).inputs
    (folder / "reference.npz").write_bytes(npz_bytes(reference(rows, np.zeros(len(rows)), 2)))


def for_as_many_rows(folder: Path) -> None:
    """Let the model take as many rows at once as it was held out, and no others."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = len(HOLDOUT.inputs)

    edit_onnx(folder, change)


def needing(text: str) -> Edit:
    return lambda folder: (folder / "requirements.txt").write_text(text)


def advisories(*records: object) -> Edit:
    def lay(root: Path) -> None:
        (root / "policy" / "osv").mkdir()
        for number, record in enumerate(records):
            text = record if isinstance(record, str) else json.dumps(record)
            (root / "policy" / "osv" / f"{number}.json").write_text(text)

    return lay


def regression(folder: Path) -> None:
    edit_manifest(folder, task="regression", classes=[], metric="mae", is_higher_better=False)


def other_features(folder: Path) -> None:
    features = [{"name": f"probe_{i}", "dtype": "float32"} for i in range(4)]
    edit_manifest(folder, features=features)


SAVE = "save it again: workbench.save_model(…, holdout=(X_test, y_test))"
MORE = "hold out more rows, then save it again: workbench.save_model("
FETCH = "curl -fLO https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip; unzip -o all.zip -d 'policy/osv'"
EVEN = FairnessRule(columns=("sensor_3",), metric="demographic_parity")
SNAPSHOT = {"vulnerabilities": VulnerabilitiesRule(snapshot="policy/osv")}
PINNED = needing("scikit-learn==1.7.0\n")
HELD_OUT = {"edit": nothing}

CASES = (
    Case(
        "examples-missing", "budget", "no recorded examples", SAVE,
        lambda f: edit_manifest(f, example_inputs=[], example_outputs=[]),
        rules={"budget": BudgetRule(latency_ms=1000.0)}, mended=HELD_OUT,
    ),
    Case(
        "fairness-class", "fairness", "no class 'fualt'", "did you mean 'fault'?",
        rules={"fairness": FairnessRule(columns=("sensor_3",), favourable="fualt")}, mended={"fairness": EVEN},
    ),
    Case(
        "fairness-columns", "fairness", "names no feature to group by", '[stages.production.fairness] columns = ["…"]',
        mended={"fairness": EVEN},
    ),
    Case(
        "fairness-columns", "fairness", "no feature 'sensor_33'", "did you mean 'sensor_3'?",
        rules={"fairness": FairnessRule(columns=("sensor_33",))}, mended={"fairness": EVEN},
    ),
    Case(
        "fairness-task", "fairness", "by a model's classes", "take fairness out of [stages.production]", regression,
        rules={"fairness": EVEN},
    ),
    Case(
        "groups-too-small", "fairness", "fewer than two groups with 500 rows", MORE,
        rules={"fairness": FairnessRule(columns=("sensor_3",), minimum_rows=500)}, mended={"fairness": EVEN},
    ),
    Case("holdout-missing", "fairness", "holdout.npz", SAVE, no_holdout, rules={"fairness": EVEN}, mended=HELD_OUT),
    Case(
        "holdout-missing", "slices", "has no holdout.npz", SAVE, no_holdout,
        rules={"slices": SlicesRule(column="sensor_3")}, mended=HELD_OUT,
    ),
    Case("holdout-missing", "metric", "has no holdout.npz", SAVE, no_holdout, mended=HELD_OUT),
    Case("holdout-missing", "explanation", "has no holdout.npz", SAVE, no_holdout, mended=HELD_OUT),
    Case("holdout-missing", "leakage", "has no holdout.npz", SAVE, no_holdout, mended={"edit": trained_on}),
    Case(
        "holdout-malformed", "leakage", "does not fit the model's features", SAVE,
        holdout(inputs=HOLDOUT.inputs[:, :3], truth=HOLDOUT.truth), mended={"edit": trained_on},
    ),
    Case(
        "holdout-malformed", "explanation", "does not fit the model's features", SAVE,
        holdout(inputs=HOLDOUT.inputs), mended=HELD_OUT,
    ),
    Case(
        "holdout-too-small", "metric", "800 holdout rows decide nothing", MORE,
        rules={"metric": MetricRule(minimum_rows=801)}, mended={"metric": MetricRule(resamples=1000)},
    ),
    Case(
        "metric-changed", "metric", "is held to f1, this one to accuracy", "workbench.save_model(…, metric='f1')",
        lambda f: edit_manifest(f, metric="accuracy"), champion=nothing, mended=HELD_OUT,
    ),
    Case(
        "metric-unknown", "slices", "'applause' cannot be recomputed", "known: accuracy",
        lambda f: edit_manifest(f, metric="applause"), rules={"slices": SlicesRule(column="sensor_3")}, mended=HELD_OUT,
    ),
    Case(
        "not-comparable", "metric", "takes other inputs", "mlops review waive rv-00000001 metric -m REASON",
        champion=other_features, mended={"champion": nothing},
    ),
    Case(
        "champion-fails", "metric", "served model does not answer these rows", "mlops rollback faults@production",
        champion=lambda f: (f / "model.onnx").write_bytes(b"nothing"), mended={"champion": nothing},
    ),
    Case("model-fails", "explanation", "shuffled rows", "workbench.save_model(…)", for_as_many_rows, mended=HELD_OUT),
    Case(
        "leakage-unknown", "leakage", "no digests of the training rows", "workbench.save_model(…, train=…)",
        mended={"edit": trained_on},
    ),
    Case(
        "leakage-unknown", "leakage", "no feature 'sensor_9' to tell time by", "did you mean 'sensor_3'?", trained_on,
        rules={"leakage": LeakageRule(time="sensor_9")}, mended={"leakage": LeakageRule(time="sensor_2")},
    ),
    Case(
        "schema-unknown", "schema", "whether units changed", "workbench.save_model(…, train=…)",
        champion=trained_on, mended={"edit": trained_on},
    ),
    Case(
        "slice-column", "slices", "names no column to slice by", '[stages.production.slices] column = "…"',
        mended={"slices": SlicesRule(column="sensor_3")},
    ),
    Case(
        "slice-column", "slices", "no feature 'sensor_33'", "did you mean 'sensor_3'?",
        rules={"slices": SlicesRule(column="sensor_33")}, mended={"slices": SlicesRule(column="sensor_3")},
    ),
    Case(
        "slices-too-small", "slices", "No slice of 'sensor_0' has 900 rows", MORE,
        rules={"slices": SlicesRule(column="sensor_0", minimum_rows=900)},
        mended={"slices": SlicesRule(column="sensor_3")},
    ),
    Case(
        "snapshot-unset", "vulnerabilities", "names no snapshot", "[stages.production.vulnerabilities] snapshot = ",
        PINNED, files=advisories(advisory()), mended=SNAPSHOT,
    ),
    Case(
        "snapshot-missing", "vulnerabilities", "There is no snapshot policy/osv.zip", "curl -fLo 'policy/osv.zip' http",
        PINNED, files=advisories(advisory()), mended=SNAPSHOT,
        rules={"vulnerabilities": VulnerabilitiesRule(snapshot="policy/osv.zip")},
    ),
    Case(
        "snapshot-empty", "vulnerabilities", "holds no advisory", FETCH, PINNED, files=advisories(), rules=SNAPSHOT,
        mended={"files": advisories(advisory())},
    ),
    Case(
        "snapshot-old", "vulnerabilities", "40 days old", FETCH, PINNED, files=advisories(advisory(days=40)),
        rules=SNAPSHOT, mended={"files": advisories(advisory())},
    ),
    Case(
        "snapshot-damaged", "vulnerabilities", "0.json in the snapshot is no advisory", FETCH, PINNED,
        files=advisories("{"), rules=SNAPSHOT, mended={"files": advisories(advisory())},
    ),
    Case(
        "snapshot-damaged", "vulnerabilities", "cannot be read: File is not a zip file", "curl -fLo 'policy/osv.zip'",
        PINNED, files=lambda root: (root / "policy" / "osv.zip").write_bytes(b"nothing"),
        rules={"vulnerabilities": VulnerabilitiesRule(snapshot="policy/osv.zip")},
        mended={**SNAPSHOT, "files": advisories(advisory())},
    ),
    Case(
        "requirement-loose", "licences", "'scikit-learn>=1' is not pinned", "requirements.txt: name==version",
        needing("scikit-learn>=1\n"), mended={"edit": PINNED},
    ),
    Case(
        "environment-unknown", "licences", "Neither model nor run", "%load_ext workbench", mended={"edit": PINNED},
    ),
    Case("check-missing", "acme.fien", "No installed package brings check 'acme.fien'", "out of policy/gate.toml"),
)  # fmt: skip


@pytest.fixture
def report(world: World, models, tmp_path: Path) -> Callable[..., CheckReport]:
    """Run a check in a project that it may not change, on copies of the good model that something was done to."""
    project = world.as_("alice")

    def folder(name: str, edit: Edit) -> str:
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        shutil.copytree(models.good, tmp_path / name)
        edit(tmp_path / name)
        return project.store.put_tree(tmp_path / name)

    def report(check: str, *, edit: Edit = nothing, champion: Edit | None = None, files: Edit = nothing, **more: Any):
        shutil.rmtree(world.root / "policy" / "osv", ignore_errors=True)
        files(world.root)
        run = more.pop("run", "run")
        digest = folder("candidate", edit)
        given = CheckInput(
            project=project,
            review="rv-00000001",
            run=run,
            model="faults",
            stage="production",
            model_digest=digest,
            manifest=read_manifest(project.store, digest),
            rule=StageRule(required=(check,), approvals=1, **more),
            champion_digest=folder("champion", champion) if champion else "",
        )
        before = (project.journal.head(), sorted(world.root.glob("*")))
        found = run_check(check, given, True)
        if found.result == "unknown":
            assert (project.journal.head(), sorted(world.root.glob("*"))) == before
        return found

    return report


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.check}")
def test_a_report_says_why_and_what_mends_it(world: World, report: Callable[..., CheckReport], case: Case) -> None:
    asked = {"edit": case.edit, "champion": case.champion, "files": case.files, **case.rules}
    check_said(world, report(case.check, **asked), case.code, case.says, case.mends)
    if case.mended:
        assert (found := report(case.check, **asked | case.mended)).result != "unknown", found


LOCK = {"workbench/environment.json": environment_lock()}
EXECUTED = "notebook/output.ipynb"
SOURCE = "workbench/source.ipynb"
IN_ORDER = {EXECUTED: notebook(cell("x = 1", 1), cell("x", 2))}
ONE = {"path": "data/x.csv", "digest": "sha256:" + "1" * 64, "dataset_version": "ds-1"}
READ_ONE = {"workbench.inputs": json.dumps([ONE])}
R0 = InputsRule(minimum_level="R0")

RUNS = (
    ("environment-unknown", "dependencies", "did not record its packages", "%load_ext workbench", {}, {}, LOCK),
    ("notebook-unreadable", "hygiene", "cannot be read", "mlops run", {EXECUTED: b"{"}, {}, IN_ORDER),
    ("notebook-unreadable", "hygiene", "cannot be read", "mlops run", {EXECUTED: b'{"cells": 1}'}, {}, IN_ORDER),
    ("notebook-missing", "hygiene", "kept no notebook", "mlops run", {}, {}, IN_ORDER),
    ("order-unknown", "hygiene", "Nobody watched", "%load_ext workbench",
     {SOURCE: notebook(cell("x = 1", None))}, {}, IN_ORDER),
    ("order-unknown", "hygiene", "in which order its cells ran: cell 1", "mlops run",
     {EXECUTED: notebook(cell("x = 1", None))}, {}, IN_ORDER),
    ("inputs-unknown", "inputs", "The run recorded no input", "mlops data snapshot", {}, {}, READ_ONE),
    ("inputs-unknown", "inputs", "only the first of its inputs", "mlops data snapshot",
     {}, {**READ_ONE, "workbench.inputs_incomplete": "true"}, READ_ONE),
)  # fmt: skip


@pytest.mark.parametrize(
    ("code", "check", "says", "mends", "artifacts", "tags", "better"),
    RUNS,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_report_says_what_the_run_did_not_record(  # noqa: PLR0917 - a table
    world: World, report, tmp_path: Path, code, check, says, mends, artifacts, tags, better
) -> None:
    with world.as_("alice").journal.transaction() as transaction:
        transaction.append("data.snapshot", "dataset:ds-1", {})
        transaction.put("dataset", "ds-1", "RECORDED", {"digest": "x"}, expect=0)
    run = log_run(world, tmp_path, artifacts, tags)
    check_said(world, report(check, run=run, inputs=R0), code, says, mends)
    with_tags = better if check == "inputs" else {}
    run = log_run(world, tmp_path, {} if with_tags else better, with_tags)
    assert (found := report(check, run=run, inputs=R0)).result != "unknown", found


def test_a_replay_without_an_end_of_its_own_says_nothing(world: World, report, tmp_path: Path, monkeypatch) -> None:
    alice = world.as_("alice")
    (world.root / "notebooks").mkdir()
    write_notebook(world.root / "notebooks" / "sleep.ipynb", "import time; time.sleep(300)")
    job = cancel(alice, submit(alice, "notebooks/sleep.ipynb").id)
    monkeypatch.setattr(reproduced, "prove", lambda *_, **__: SimpleNamespace(jobs=(job.id,), level="", evidence=()))
    found = report("reproduced", run=log_run(world, tmp_path, {}))
    check_said(world, found, "replay-lost", f"Replay {job.id} ended as CANCELLED", f"mlops logs {job.id}")
    assert main(["logs", job.id, "--project", str(world.root)]) == 0


WITHOUT_PROC = """
import sys
from pathlib import Path
from workbench.review.sandbox import child

confine = child.confine

def confine_and_forget(scratch):
    said = confine(scratch)
    from workbench.review.sandbox import measure
    measure._memory = lambda field: 0
    return said

child.confine = confine_and_forget
child.main(Path(sys.argv[1]))
"""


def test_a_system_that_does_not_tell_memory_is_named(world: World, report, tmp_path: Path, monkeypatch) -> None:
    """As on macOS, which has no ``/proc``; everything else is the real child."""
    (tmp_path / "forgetful_child.py").write_text(WITHOUT_PROC)
    monkeypatch.setattr(sandbox, "_CHILD", "forgetful_child")
    real = sandbox._environment
    monkeypatch.setattr(
        sandbox, "_environment", lambda at: {**real(at), "PYTHONPATH": f"{real(at)['PYTHONPATH']}:{tmp_path}"}
    )
    found = report("budget", budget=BudgetRule(memory_bytes=1 << 30))
    check_said(world, found, "memory-unknown", "how much memory", "take memory_bytes out of [stages.production.budget]")
    assert report("budget", budget=BudgetRule(latency_ms=1000.0)).result == "pass"
