"""Every parser of bytes that somebody else made: whatever they are, an answer or a worded refusal, never a crash.

Two kinds of input: anything at all, and honest documents with something wrong in them, which get past the first look.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.review.hostile import PICKLES, SAFETENSORS, SKOPS
from workbench.contract.model import Feature, ModelManifest, parse_manifest
from workbench.experiment.transfer import import_runs
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.errors import UnknownResultError, WorkbenchError
from workbench.foundation.identity import AllowedSigners, create_key, parse_public_key, read_public_key, verify
from workbench.foundation.project import Project
from workbench.foundation.store import Store
from workbench.review.checks.hygiene import _code_cells
from workbench.review.checks.licences import judge
from workbench.review.checks.vulnerabilities import findings
from workbench.review.formats.pickles import examine_pickle
from workbench.review.formats.safetensors import examine_safetensors
from workbench.review.formats.skops import examine_skops
from workbench.review.policies.check_rules import LicencesRule
from workbench.review.policies.policy import parse_policy
from workbench.review.proof.deed import DeedKind, parse_deed
from workbench.review.proof.grant import Grant
from workbench.review.proof.request import parse_request
from workbench.review.proof.statement import Statement, build_statement, parse_statement
from workbench.review.proof.waiver import parse_waiver
from workbench.review.sandbox import tasks as sandbox_tasks
from workbench.serving.channel import ChannelFile

DIGEST = "sha256:" + "a" * 64
STATEMENT = build_statement(
    Statement(
        "approve", "m", DIGEST, "production", "rv-1", DIGEST, DIGEST, "a", "a", "", "b", "2026-01-01T00:00:00+00:00", ""
    )
)
MANIFEST = canonical_json(
    asdict(
        ModelManifest(
            "m",
            "classification",
            "onnx",
            "model.onnx",
            (Feature("a"), Feature("b")),
            ("x", "y"),
            "f1",
            True,
            ((1.0, 2.0),),
            (1.0,),
        )
    )
)
GRANT = canonical_json(
    Grant("rv-1", "m", "production", "m@production", DIGEST, DIGEST, DIGEST, "a", "a", (("t", "s"),)).to_json()
)
CHANNEL = ChannelFile("rl-1", "m@production", "m", DIGEST, 1, json.loads(GRANT)).render()
TREE = canonical_json({"files": [{"path": "a", "size": 1, "digest": DIGEST}]})
POLICY = b'[stages.production]\nrequired = ["format"]\napprovals = 1\n[stages.production.metric]\nmargin = 0.01\n'
MLMODEL = b"flavors:\n  onnx: {data: model.onnx, code: null}\n  python_function: {loader_module: mlflow.onnx}\n"
SIGNERS = 'a@b namespaces="x",valid-after="20260101Z" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI' + "A" * 43 + "\n"
NOTEBOOK = json.dumps({"cells": [{"cell_type": "code", "source": ["1"], "outputs": []}]}).encode()

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just(10**400)
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def damaged(draw: st.DrawFn, honest: bytes) -> bytes:
    """Return an honest document with a few pieces cut out, doubled, swapped or written over."""
    data = bytearray(honest)
    for _ in range(draw(st.integers(1, 4))):
        at, end = sorted(draw(st.integers(0, len(data))) for _ in range(2))
        end = min(end, at + 12)
        piece = draw(st.sampled_from([b"", bytes(data[at:end]) * 2, b"\xff", b"\0", b'"', b"{", b"[", b"1e999", b"\n"]))
        data[at:end] = piece
    return bytes(data)


@st.composite
def replaced(draw: st.DrawFn, honest: bytes) -> bytes:
    """Return an honest JSON document with one value, somewhere in it, replaced by any other."""
    root = {"": json.loads(honest)}
    at: Any = root
    key: Any = ""
    while draw(st.booleans()) and isinstance(at[key], dict | list) and at[key]:
        at = at[key]
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
    at[key] = draw(json_values)
    return json.dumps(root[""]).encode("utf-8", "surrogatepass")


def in_store(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = (store := Store(Path(folder))).path_of(digest := digest_bytes(data))
        path.parent.mkdir(parents=True)
        path.write_bytes(data)  # as put_bytes does, without waiting for the disk
        return store.tree(digest)


def in_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def look(data: bytes) -> object:
        with tempfile.NamedTemporaryFile(suffix=".npz") as file:
            Path(file.name).write_bytes(data)
            return read(Path(file.name))

    return look


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, inputs=np.zeros((2, 2)), truth=np.zeros(2))
    return buffer.getvalue()


JSON: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "statement": (parse_statement, STATEMENT),
    "waiver": (parse_waiver, STATEMENT),
    "deed": (lambda data: parse_deed(data, DeedKind.PROMOTE), STATEMENT),
    "request": (parse_request, STATEMENT),
    "manifest": (parse_manifest, MANIFEST),
    "tree": (in_store, TREE),
    "channel": (ChannelFile.parse, CHANNEL),
    "notebook": (_code_cells, NOTEBOOK),
}
OTHERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "policy": (parse_policy, POLICY),
    "signers": (lambda data: AllowedSigners.parse(data.decode("utf-8", "replace")), SIGNERS.encode()),
    "public key": (lambda data: parse_public_key(data.decode("utf-8", "replace")), SIGNERS.encode()[4:]),
    "MLmodel": (in_file(sandbox_tasks._examine_mlmodel), MLMODEL),
    "arrays": (in_file(sandbox_tasks._examine_arrays), npz()),
    "pickle": (examine_pickle, pickle.dumps({"a": [1, (2.0, "b")], "c": np.ones(2)})),
    "skops": (in_file(examine_skops), SKOPS["an object of os"]),
    "safetensors": (in_file(examine_safetensors), SAFETENSORS["tensors that overlap"]),
}
QUICK = settings(
    max_examples=int(os.environ.get("WORKBENCH_FUZZ_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def survives(parse: Callable[[bytes], object], data: bytes) -> None:
    try:
        parse(data)
    except WorkbenchError as error:
        assert error.code
        assert error.message


@pytest.mark.checklist("S4-12")
@pytest.mark.parametrize("name", [*JSON, *OTHERS])
def test_any_bytes_are_answered(name):
    parse, honest = {**JSON, **OTHERS}[name]

    @QUICK
    @given(
        st.binary(max_size=200)
        | st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace"))
        | damaged(honest)
    )
    @example(b"[" * 100_000)
    @example(b"{" * 100_000)
    @example(b'{"a":' * 50_000)
    @example(b"9" * 5000)
    @example(b"")
    def look(data: bytes) -> None:
        survives(parse, data)

    look()


@pytest.mark.parametrize("name", JSON)
def test_any_value_in_an_honest_document_is_answered(name):
    parse, honest = JSON[name]

    @QUICK
    @given(replaced(honest))
    def look(data: bytes) -> None:
        survives(parse, data)

    look()


@QUICK
@given(st.binary(max_size=60))
def test_no_signature_is_believed_that_was_made_up(data):
    allowed = AllowedSigners.parse("")
    text = "-----BEGIN SSH SIGNATURE-----\n" + data.hex() + "\n-----END SSH SIGNATURE-----"
    with pytest.raises(WorkbenchError):
        verify(b"x", text, namespace="n", allowed=allowed)


@QUICK
@given(replaced(GRANT))
def test_any_grant_is_answered(data):
    value = json.loads(data)
    survives(lambda _: Grant.from_json(value), b"")


@QUICK
@given(st.text(max_size=60))
@example("(" * 5000)
def test_any_licence_is_judged(text):
    assert judge(text, LicencesRule()) in ("allow", "deny", "unknown")


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(["id", "affected", "aliases", "modified", "withdrawn"]), json_values))
def test_any_advisory_is_read_or_no_result(record):
    # What the registry calls unknown.
    with contextlib.suppress(ValueError, TypeError, AttributeError, LookupError, UnknownResultError):
        list(findings(record, {"a": "1"}))


def test_a_planted_crash_is_seen():
    """The harness itself: a parser that lets an IndexError out is noticed."""

    def careless(data: bytes) -> object:
        return json.loads(data or b"[]")[0]

    with pytest.raises((ValueError, IndexError, TypeError, KeyError)):
        survives(careless, b"[]")


@pytest.mark.parametrize("name", [n for n in PICKLES if n != "a zlib bomb"])
def test_a_hostile_pickle_with_a_bit_turned_is_answered(name):
    data = PICKLES[name]
    for at in range(min(len(data), 40)):
        for bit in (1, 64):
            turned = bytearray(data)
            turned[at] ^= bit
            examine_pickle(bytes(turned))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_bundle_of_runs_crashes_its_reader(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in data.draw(
            st.lists(st.sampled_from(["runs.json", "manifest.json", "../a", "/a", "a/b"]), max_size=4, unique=True)
        ):
            archive.writestr(
                name, data.draw(st.binary(max_size=20) | json_values.map(lambda v: json.dumps(v).encode()))
            )
    (folder / "runs.zip").write_bytes(data.draw(damaged(buffer.getvalue())))
    (folder / "workbench.toml").write_text('[project]\nname = "x"\n')
    project = Project.open(folder, actor="a@example.com")
    with pytest.raises(WorkbenchError):
        import_runs(project, folder / "runs.zip")


def test_keys_are_real(tmp_path):
    create_key(tmp_path / "k", comment="k")
    assert parse_public_key(read_public_key(tmp_path / "k").line).kind == "ssh-ed25519"
