"""The corpus of hostile model files: none gets through, and nothing honest is stopped."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.review.hostile import HOSTILE
from workbench.foundation.store import Store
from workbench.review.candidate import read_manifest
from workbench.review.checks import file_format
from workbench.review.checks.check import CheckInput
from workbench.review.formats.pickles import examine_pickle
from workbench.review.formats.skops import examine_skops
from workbench.review.policies.check_rules import FORMATS, FormatRule
from workbench.review.policies.rules import StageRule
from workbench.review.sandbox import tasks as sandbox_tasks
from workbench.review.sandbox.measure import load_rows
from workbench.review.sandbox.sandbox import SandboxResult, run_sandboxed

NAMES = (
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._tree.Tree",
    "_codecs.encode",  # how protocol 2 writes an array's bytes
)
EVERYTHING = FormatRule(formats=FORMATS, names=NAMES)
"""The laxest policy there is: every format, and what honest models need."""


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """Judge a folder as the check does; the examiner runs here, since a sandbox for each would take minutes."""
    store = Store(tmp_path / "store")

    def examine_here(store_, digest, task, *, arguments, **_options) -> SandboxResult:
        folder = store_.export_tree(digest, tmp_path / "copy" / digest[7:19])
        values, arrays = sandbox_tasks.TASKS[task](folder, arguments, {})
        return SandboxResult(json.loads(json.dumps(values)), arrays, "none")

    monkeypatch.setattr(file_format, "run_sandboxed", examine_here)

    def judge(folder: Path, rule: FormatRule = EVERYTHING):
        digest = store.put_tree(folder)
        project = type("P", (), {"store": store})()
        given = CheckInput(
            project=project,
            review="rv-00000001",
            run="run",
            model="faults",
            stage="production",
            model_digest=digest,
            manifest=read_manifest(store, digest),
            rule=StageRule(required=("format",), approvals=1, format=rule),
            champion_digest="",
        )
        return file_format.check(given)

    return judge


@pytest.mark.checklist("S4-03", "S3-16")
def test_no_hostile_file_gets_through_the_laxest_policy(judge, models, tmp_path):
    missed = []
    for number, (name, edit) in enumerate(HOSTILE.items()):
        folder = tmp_path / "corpus" / str(number)
        shutil.copytree(models.good, folder)
        edit(folder)
        if judge(folder).result != "fail":
            missed.append(name)
        shutil.rmtree(folder)
    assert len(HOSTILE) > 100
    assert missed == []


def fitted():
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    random = np.random.default_rng(1)
    inputs = random.normal(size=(60, 4))
    truth = (inputs[:, 0] > 0).astype(int)
    return [
        make_pipeline(StandardScaler(), LogisticRegression()).fit(inputs, truth),
        RandomForestClassifier(3).fit(inputs, truth),
        LogisticRegression().fit(inputs, truth),
    ]


@pytest.mark.checklist("S4-03")
def test_nothing_honest_is_stopped(judge, models, tmp_path):
    import skops.io
    from safetensors.numpy import save

    honest: list[tuple[str, bytes]] = [("model.skops", skops.io.dumps(model)) for model in fitted()]
    tensors = {"a": np.ones((3, 2), np.float32), "b": np.arange(5), "empty": np.empty((0, 4), np.float16)}
    honest += [("model.safetensors", save(tensors)), ("model.safetensors", save(tensors, {"made": "here"}))]
    plain = {"coef": [0.1, 0.2], "names": ("a", "b"), "on": True, "none": None, "set": {1, 2}, "deep": [[[{}]]]}
    honest += [("model.pkl", pickle.dumps(plain, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    honest += [("model.pkl", pickle.dumps({"w": np.ones(5), "i": np.arange(3)}, protocol)) for protocol in (2, 3, 4)]
    stopped = []
    for number, (name, data) in enumerate([("MLmodel", (models.good / "MLmodel").read_bytes()), *honest]):
        folder = tmp_path / "corpus" / str(number)
        shutil.copytree(models.good, folder)
        (folder / name).write_bytes(data)
        if (outcome := judge(folder)).result != "pass":
            stopped.append((name, outcome.summary))
    assert stopped == []


def test_only_what_policy_names_may_lie_beside_the_onnx_file(judge, models, tmp_path):
    import skops.io

    folder = tmp_path / "model"
    shutil.copytree(models.good, folder)
    (folder / "model.skops").write_bytes(skops.io.dumps(fitted()[2]))
    assert "file 'model.skops' is not allowed" in judge(folder, FormatRule()).summary
    outcome = judge(folder, FormatRule(formats=("onnx", "skops")))
    assert outcome.result == "fail"
    assert "model.skops imports 'sklearn.linear_model._logistic.LogisticRegression', which policy" in outcome.summary
    assert judge(folder).result == "pass"


def test_the_real_sandbox_examines_them_too(models, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(models.good, folder)
    HOSTILE["pickle: os.system"](folder)
    store = Store(tmp_path / "store")
    arguments = {"file": "model.onnx", "others": ["model.pkl"]}
    seen = run_sandboxed(store, store.put_tree(folder), "examine", arguments=arguments)
    assert seen.values["others"]["model.pkl"] == {"names": ["os.system"], "faults": []}


def test_the_walker_names_what_unpickling_would_import():
    """Held to pickle itself: whatever find_class is asked for is among the names."""

    class Asked(pickle.Unpickler):
        names: set[str]

        def find_class(self, module, name):
            self.names.add(f"{module}.{name}")
            return super().find_class(module, name)

    import io

    for model in fitted():
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps(model, protocol)
            asked = Asked(io.BytesIO(data))
            asked.names = set()
            asked.load()
            names, faults = examine_pickle(data)
            assert not faults
            assert asked.names <= set(names)


def zipped(data: bytes, *, method: int = 0, flags: int = 0) -> bytes:
    """Return a zip with ``inputs.npy``; method and flags are what it says of it, whatever is true."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inputs.npy", data)
    made = bytearray(buffer.getvalue())
    central = made.rindex(b"PK\x01\x02")
    made[6] |= flags
    made[8] = made[central + 10] = method
    made[central + 8] |= flags
    return bytes(made)


def headed(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


UNREADABLE = {
    "no deflate": zipped(b"\xff" * 64, method=8),
    "a header without an end": zipped(headed("(((\n")),
    "a header that is indented": zipped(headed("  1\n 2\n")),
    "a shape beyond 64 bits": zipped(
        headed("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999999999999, 9), }\n")
    ),
    "encrypted": zipped(headed("{}"), flags=1),
    "packed in no known way": zipped(headed("{}"), method=77),
    "no array": zipped(b"hello"),
    "an empty file": zipped(b""),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_arrays_that_nobody_can_read_are_a_fault_and_end_no_child(judge, models, tmp_path, name):
    """The hole: what zlib or the tokenizer raised ended the child, and the check said that nothing was found out."""
    folder = tmp_path / "model"
    shutil.copytree(models.good, folder)
    (folder / "holdout.npz").write_bytes(UNREADABLE[name])
    outcome = judge(folder)
    assert (outcome.result, outcome.summary.partition(":")[0]) == ("fail", "holdout.npz cannot be read without pickle")
    assert "holdout.npz cannot be read" in load_rows(folder, {}, {})[0]["fault"]


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_skops_file_with_an_array_that_nobody_can_read_is_a_fault(tmp_path, name):
    schema = json.dumps({"__loader__": "ListNode", "__module__": "builtins", "__class__": "list"})
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as archive:
        archive.writestr("schema.json", schema)
        archive.writestr("a.npz", UNREADABLE[name])
    if name != "a shape beyond 64 bits":  # only the header is read, and loading it is numpy's to refuse
        assert examine_skops(tmp_path / "model.skops")[1]


def test_what_joblib_reads_beside_the_pickle_hides_nothing(judge, models, tmp_path):
    """The hole: joblib takes an array's bytes from the file itself, and goes on behind them with what is no text then.

    To a reader of opcodes alone the nine bytes of this array are the head of a text, and the call behind it the text.
    """
    import joblib
    from joblib.numpy_pickle import NumpyArrayWrapper

    hidden = b"0cos\ngetpid\n)R."
    wrapper = NumpyArrayWrapper(np.ndarray, (9,), "C", np.dtype(np.uint8))
    del wrapper.numpy_array_alignment_bytes
    state = pickle.dumps(wrapper, 2)
    assert state.endswith(b"b.")
    data = state[:-1] + b"\x8e" + struct.pack("<Q", len(hidden)) + hidden + b"0."
    (tmp_path / "model.pkl").write_bytes(data)
    assert joblib.load(tmp_path / "model.pkl") == os.getpid()
    assert "os.getpid" not in examine_pickle(data)[0]
    folder = tmp_path / "model"
    shutil.copytree(models.good, folder)
    (folder / "model.pkl").write_bytes(data)
    name = "joblib.numpy_pickle.NumpyArrayWrapper"
    lax = FormatRule(
        formats=FORMATS, names=(*NAMES, name, "numpy.ndarray", "copyreg._reconstructor", "builtins.object")
    )
    assert judge(folder, lax).result == "fail"
