"""Swapping under load, and what is never served."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace

import onnx
import pytest

from workbench.foundation.durable import write_atomic
from workbench.foundation.identity import create_key, sign
from workbench.review.proof.statement import Verdict
from workbench.serving.channel import ChannelFile, channel_path
from workbench.serving.ledger import channel_file

CHANNEL = "fault@production"
ROW = [0.9, -0.2, 0.4]
SWAPS = 100


def name_on_channel(site, file: ChannelFile | bytes) -> None:
    """Write the channel file by hand, as somebody would who goes around the verbs."""
    write_atomic(channel_path(site.project, CHANNEL), file if isinstance(file, bytes) else file.render())


def eventually(read):
    """Return what ``read`` finds as soon as it finds something."""
    deadline = time.monotonic() + 10
    while not (found := read()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.slow
@pytest.mark.checklist("S2-01", "S2-02", "S2-09")
def test_a_hundred_swaps_under_load(site, kit, load):
    grants = [site.grant(kit.plain), site.grant(kit.turned)]
    answers = {grants[0].model_digest: "broken", grants[1].model_digest: "ok"}
    site.release(grants[0])
    with site.run() as running:
        document = running.ask("GET", "/openapi.json")[2]
        with load(running, ROW, answers) as callers:
            for number in range(1, SWAPS + 1):
                running.await_release(site.release(grants[number % 2]).id)
        figures = running.figures()
        assert running.process.poll() is None
        assert running.ask("GET", "/openapi.json")[2] == document
    assert callers.failed == []
    assert callers.mixed == []
    assert callers.seen == set(answers)
    assert callers.answered > SWAPS
    assert (figures["swaps"], figures["failures"]) == (SWAPS, 0)


def test_the_load_would_notice_a_mixed_answer(site, kit, load):
    grant = site.grant(kit.plain)
    site.release(grant)
    with site.run() as running:
        with load(running, ROW, {grant.model_digest: "ok"}, callers=1) as callers:  # planted: it answers "broken"
            time.sleep(0.2)
        assert len(callers.mixed) == callers.answered > 0
        with load(running, [1.0], {}, callers=1) as callers:  # planted: a row that is refused
            time.sleep(0.2)
        assert callers.failed


@pytest.mark.checklist("S2-05")
def test_it_starts_without_a_model_and_takes_one_later(site, kit):
    with site.run() as running:
        for path in ("/ping", "/v2/health/ready", "/v2/models/fault"):
            status, headers, body = running.ask("GET", path)
            assert (status, json.loads(body)["code"], headers["x-model-digest"]) == (503, "model-none", "none")
        assert running.ask("POST", "/invocations", {"inputs": [ROW]})[0] == 503
        assert running.ask("GET", "/v2/health/live")[0] == 200
        running.await_release(site.release(site.grant(kit.plain)).id)
        assert running.predict([ROW])[0] == ["broken"]
        assert running.figures()["swaps"] == 0


@pytest.mark.checklist("S2-13")
def test_changed_bytes_are_refused_and_restored_bytes_heal(site, kit):
    first, second = site.grant(kit.plain), site.grant(kit.turned)
    site.release(first)
    blob = site.project.store.path_of(
        next(e.digest for e in site.project.store.tree(second.model_digest) if e.path == "model.onnx")
    )
    genuine = blob.read_bytes()
    with site.run() as running:
        blob.chmod(0o644)
        blob.write_bytes(genuine[:-1] + bytes([genuine[-1] ^ 1]))
        record = site.release(second)
        figures = running.until(lambda found: found["refused"] == record.id)
        assert "bytes-changed" in figures["refusal"]
        assert running.predict([ROW]) == (["broken"], first.model_digest)
        assert b"workbench_runner_refused 1" in running.ask("GET", "/metrics")[2]
        (event,) = eventually(lambda: site.project.journal.events(kind="release.refused"))
        assert (event.subject, event.data["code"]) == (f"release:{record.id}", "bytes-changed")
        blob.write_bytes(genuine)
        running.await_release(record.id)
        assert running.predict([ROW]) == (["ok"], second.model_digest)
        assert running.figures()["refusal"] == ""
    assert len(site.project.journal.events(kind="release.refused")) == 1


def forged(grant, key):
    """Return the grant with its statement signed by another key."""
    ((text, _),) = grant.statements
    return replace(grant, statements=((text, sign(key, text.encode(), namespace=Verdict.APPROVE.namespace)),))


@pytest.mark.checklist("S2-13")
def test_nothing_but_a_valid_approval_is_served(site, kit, tmp_path):
    first, second = site.grant(kit.plain), site.grant(kit.turned)
    record = site.release(first)
    genuine = channel_file(record)
    stranger = tmp_path / "keys" / "stranger"
    create_key(stranger, comment="stranger@example.com")
    own = replace(second, requester="reviewer@example.com")
    attempts = {
        "approvals-missing": replace(second, statements=()),
        "signer-unknown": forged(second, stranger),
        "grant-mismatch": replace(first, model_digest=second.model_digest),
        "signature-invalid": replace(second, statements=((second.statements[0][0], first.statements[0][1]),)),
        "grant-malformed": replace(second, stage="staging"),
    }
    with site.run() as running:
        for code, grant in attempts.items():
            name_on_channel(
                site,
                replace(genuine, release=f"rl-{code}", model_digest=grant.model_digest, grant=grant.to_json()),
            )
            assert code in running.until(lambda found, code=code: found["refused"] == f"rl-{code}")["refusal"]
        name_on_channel(site, replace(genuine, release="rl-digest", model_digest=second.model_digest))
        assert "channel-mismatch" in running.until(lambda found: found["refused"] == "rl-digest")["refusal"]
        name_on_channel(site, replace(genuine, release="rl-own", model_digest=own.model_digest, grant=own.to_json()))
        running.until(lambda found: found["refused"] == "rl-own")
        for garbage in (b"", b"{}", b"not json", b"[]", b'{"release": 1}'):
            name_on_channel(site, garbage)
            running.until(lambda found: found["refused"] == "" and "channel-unreadable" in found["refusal"])
            name_on_channel(site, replace(genuine, release="rl-between", grant={}))
            running.until(lambda found: found["refused"] == "rl-between")
        channel_path(site.project, CHANNEL).unlink()
        assert running.predict([ROW]) == (["broken"], first.model_digest)
        name_on_channel(site, genuine)
        running.until(lambda found: found["refusal"] == "")
        assert running.figures()["swaps"] == 0


def test_an_approval_is_worth_nothing_once_the_reviewer_is_gone(site, kit):
    site.release(site.grant(kit.plain))
    (site.project.root / "policy" / "reviewers").write_text("")
    with site.run() as running:
        assert "signer-unknown" in running.figures()["refusal"]
        status, _, body = running.ask("POST", "/invocations", {"inputs": [ROW]})
        assert status == 503
        assert "signer-unknown" in json.loads(body)["message"]


def spoil(kit, tmp_path, name, change):
    """Return a copy of the model folder that ``change`` has been at."""
    folder = shutil.copytree(kit.plain, tmp_path / name)
    change(folder)
    return folder


def edit_manifest(**changes):
    def change(folder):
        path = folder / "workbench.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def point_weights_elsewhere(folder):
    model = onnx.load(folder / "model.onnx")
    weights = onnx.TensorProto(
        name="far", data_type=onnx.TensorProto.FLOAT, dims=[1], data_location=onnx.TensorProto.EXTERNAL
    )
    weights.external_data.add(key="location", value="/etc/hostname")
    model.graph.initializer.append(weights)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("example-differs", edit_manifest(example_outputs=[0.0, 0.0, 0.0, 1.0])),
        ("example-missing", edit_manifest(example_inputs=[], example_outputs=[])),
        ("engine-unknown", edit_manifest(engine="pickle")),
        ("channel-mismatch", edit_manifest(name="other")),
        ("manifest-malformed", edit_manifest(file="../../etc/passwd")),
        ("manifest-malformed", edit_manifest(format=2)),
        ("manifest-malformed", edit_manifest(surprise=1)),
        ("manifest-malformed", edit_manifest(features=[{"name": "a"}, {"name": "b"}])),
        (
            "model-signature",
            edit_manifest(features=[{"name": "a"}, {"name": "b"}], example_inputs=[[0.0, 0.0]] * 4),
        ),
        ("model-unreadable", lambda folder: (folder / "model.onnx").write_bytes(b"no model")),
        ("manifest-malformed", lambda folder: (folder / "workbench.json").unlink()),
        ("model-external-data", point_weights_elsewhere),
    ],
)
def test_an_approved_model_that_does_not_do_what_it_says_is_refused(site, kit, tmp_path, code, change):
    from workbench.foundation.errors import IntegrityError
    from workbench.serving.runner.loading import load_served

    grant = site.grant(spoil(kit, tmp_path, "spoilt", change))
    file = channel_file(site.promote(grant))
    with pytest.raises(IntegrityError) as caught:
        load_served(site.project, file, CHANNEL)
    assert caught.value.code == code
