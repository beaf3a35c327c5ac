"""The gate where models are opened and moved: load, verify, overrides that end, and what is moved past it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import workbench
from tests.serving.conftest import CHANNEL, POLICY, REVIEWER, ROW, STAGE, Site
from workbench.contract.model import MANIFEST_FILE, parse_manifest
from workbench.experiment.store import tracking
from workbench.foundation.errors import ConflictError, IntegrityError, PendingError, UsageError
from workbench.foundation.identity import sign
from workbench.monitor.alerts import list_alerts
from workbench.monitor.guard import watch_gate
from workbench.project.doctor import find_faults
from workbench.review.policies.adoption import adopt_policy
from workbench.review.proof.deed import Deed, DeedKind, build_deed
from workbench.serving.channel import ChannelFile, channel_path
from workbench.serving.outside import notice_changes
from workbench.serving.releases import list_releases, release
from workbench.serving.runner.engine import OnnxEngine
from workbench.serving.runner.follower import Follower
from workbench.serving.runner.loading import load_served
from workbench.serving.verification import verify

GLASS = (
    f'[stages.production]\nrequired = []\napprovals = 1\n[stages.production.break_glass]\nmembers = ["{REVIEWER}"]\n'
)


def overridden(site: Site, kit, *, ago: timedelta = timedelta()):
    """Return a grant that rests on an override which was signed some time ago."""
    (site.project.root / "policy" / "gate.toml").write_text(GLASS)
    policy = site.project.store.put_bytes(GLASS.encode())
    plain = replace(site.grant(kit.plain), policy_digest=policy, statements=())
    names = ("stage", "review", "policy_digest", "evidence_digest", "requester", "author", "commit_author")
    facts = {name: getattr(plain, name) for name in names} | {"reason": "the line stands still and waits"}
    at = (datetime.now(UTC) - ago).isoformat(timespec="seconds")
    text = build_deed(Deed(DeedKind.OVERRIDE, plain.model, plain.model_digest, REVIEWER, at, facts))
    armour = sign(site.reviewer_key, text, namespace=DeedKind.OVERRIDE.namespace)
    return replace(plain, override=((text.decode(), armour),))


@contextmanager
def sealed(root: Path) -> Iterator[list[str]]:
    """Take everybody's right to write a folder, and yield what makes that hold for root too."""
    modes = {path: path.stat().st_mode for path in (root, *root.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def every_file(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in (root, *root.rglob("*"))}


def looking_up(model: Path, folder: Path) -> Path:
    """Write a model that looks its first feature up in a table of ten, as one does that embeds categories."""
    shutil.copytree(model, folder)
    table = numpy_helper.from_array(np.arange(10, dtype=np.float32) * 10, "table")
    first = numpy_helper.from_array(np.array(0), "first")
    nodes = [
        helper.make_node("Gather", ["rows", "first"], ["speed"], axis=1),
        helper.make_node("Cast", ["speed"], ["code"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "code"], ["value"], axis=0),
    ]
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 3])
    value = helper.make_tensor_value_info("value", TensorProto.FLOAT, [None])
    graph = helper.make_graph(nodes, "table", [rows], [value], [table, first])
    (folder / "model.onnx").write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    )
    manifest = json.loads((folder / "workbench.json").read_text())
    examples = {"example_inputs": [[2.0, 0.0, 0.0]], "example_outputs": [20.0]}
    (folder / "workbench.json").write_text(json.dumps({**manifest, **examples}))
    return folder


class TestLoad:
    def test_it_answers_as_the_runner_does(self, site, kit):
        site.release(site.grant(kit.plain))
        model = workbench.load(CHANNEL, site.project)
        assert list(model.predict([ROW, [-x for x in ROW]])) == ["broken", "ok"]
        assert model.predict_proba([ROW]).shape == (1, 2)
        assert (model.version, model.features) == (1, ("speed", "torque", "heat"))
        import pandas as pd

        frame = pd.DataFrame([ROW], columns=["speed", "torque", "heat"])[["heat", "speed", "torque"]]
        assert list(model.predict(frame)) == ["broken"]
        for wrong in ([[1.0]], [["a", "b", "c"]], frame.drop(columns="heat")):
            with pytest.raises(UsageError, match="rows-malformed"):
                model.predict(wrong)

    def test_what_predicts_values_has_no_probabilities(self, site, kit):
        site.release(site.grant(kit.value))
        model = workbench.load(CHANNEL, site.project)
        with pytest.raises(UsageError) as caught:
            model.predict_proba([ROW])
        error = caught.value
        assert (error.code, error.hint) == ("no-probabilities", "model.predict(rows)")
        assert CHANNEL in error.message
        assert model.predict([ROW]).shape == (1,)

    def test_rows_that_the_model_cannot_compute_are_the_callers_to_change(self, site, kit, tmp_path):
        site.release(site.grant(looking_up(kit.value, tmp_path / "table")))
        with site.run() as running:
            assert running.predict([[3, 0, 0], [9, 0, 0]])[0] == [30.0, 90.0]
            status, _, answer = running.ask("POST", "/invocations", {"inputs": [[3, 0, 0], [10, 0, 0]]})
            problem = json.loads(answer)
            assert (status, problem["code"]) == (400, "rows-refused"), problem
            assert problem["message"].startswith("The model cannot compute these rows: ")
            assert "idx=10" in problem["message"]
            assert problem["hint"].startswith("ask row by row")
            assert running.predict([[3, 0, 0]])[0] == [30.0]
            assert (running.figures()["failures"], running.figures()["rows"]) == (0, 3)
        with pytest.raises(UsageError, match="rows-refused"):
            workbench.load(CHANNEL, site.project).predict([[10, 0, 0]])

    def test_nothing_released_is_pending_and_anything_changed_is_refused(self, site, kit):
        with pytest.raises(PendingError, match="release-none"):
            workbench.load(CHANNEL, site.project)
        record = site.release(site.grant(kit.plain))
        for entry in site.project.store.tree(record.body["model_digest"]):
            path = site.project.store.path_of(entry.digest)
            path.chmod(0o644)
            path.write_bytes(path.read_bytes() + b" ")
        with pytest.raises(IntegrityError) as caught:
            workbench.load(CHANNEL, site.project)
        assert caught.value.exit_code == 5

    def test_a_reviewer_who_was_removed_lets_nothing_through(self, site, kit):
        site.release(site.grant(kit.plain))
        (site.project.root / "policy" / "reviewers").write_text("")
        with pytest.raises(IntegrityError, match="signer-unknown") as caught:
            workbench.load(CHANNEL, site.project)
        assert caught.value.exit_code == 5

    def test_an_override_that_ends_while_it_is_held_ends(self, site, kit):
        site.release(overridden(site, kit, ago=timedelta(hours=24) - timedelta(seconds=3)))
        model = workbench.load(CHANNEL, site.project)
        model.predict([ROW])
        deadline = datetime.now(UTC) + timedelta(seconds=15)
        with pytest.raises(IntegrityError, match="override-ended"):
            while datetime.now(UTC) < deadline:
                model.predict([ROW])


class TestVerify:
    def test_it_says_who_approved_and_writes_what_it_verified(self, site, kit, tmp_path):
        record = site.release(site.grant(kit.plain))
        into = tmp_path / "models" / "fault"
        found = verify(site.project, CHANNEL, str(into))
        assert (found.approvers, found.files, found.is_override) == ((REVIEWER,), 3, False)
        assert (into / "model.onnx").read_bytes() == (kit.plain / "model.onnx").read_bytes()
        assert verify(site.project, str(into)).release == record.id
        with pytest.raises(ConflictError, match="folder-not-empty"):
            verify(site.project, CHANNEL, str(into))
        (into / "model.onnx").write_bytes(b"swapped")
        with pytest.raises(IntegrityError, match="bytes-unknown"):
            verify(site.project, str(into))

    @pytest.mark.parametrize(("damage", "code"), [("nothing", 0), ("no log", 0), ("bytes", 5), ("late policy", 5)])
    def test_a_project_that_may_only_be_read_is_verified_and_left_as_it_is(self, site, kit, tmp_path, damage, code):
        """Its journal too, whose last events lie in the log: which policy is in force is one of them."""
        if damage == "late policy":
            (site.project.root / "policy" / "gate.toml").write_bytes(POLICY.replace(b"= 1", b"= 2"))
            adopt_policy(site.project)
            (site.project.root / "policy" / "gate.toml").write_bytes(POLICY)
        record = site.release(site.grant(kit.plain))
        log = site.project.state_dir / "journal.db-wal"
        assert log.stat().st_size
        if damage == "no log":
            with sqlite3.connect(log.with_name("journal.db")) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for suffix in ("-wal", "-shm"):  # as in a copy that somebody made
                log.with_name(f"journal.db{suffix}").unlink(missing_ok=True)
        if damage == "bytes":
            path = site.project.store.path_of(site.project.store.tree(record.body["model_digest"])[0].digest)
            path.chmod(0o644)
            path.write_bytes(b"swapped")
        root = site.project.root
        with sealed(root) as without_rights:
            before = every_file(root)
            command = [*without_rights, sys.executable, "-m", "workbench.doors.cli", "verify", CHANNEL]
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
            assert done.returncode == code, done.stdout + done.stderr
            assert every_file(root) == before
            into = [*command, "--into", str(tmp_path / "served")]
            assert subprocess.run(into, cwd=root, capture_output=True, check=False).returncode == code
        assert (tmp_path / "served" / "model.onnx").exists() is (code == 0)

    @pytest.mark.parametrize(
        ("damage", "code"),
        [
            ("nothing", 0),
            ("bytes", 5),
            ("channel", 5),
            ("reviewers", 5),
            ("policy", 5),
            ("stricter", 5),
            ("newly required", 5),
            ("revoked", 5),
            ("gone", 5),
            ("ended", 5),
        ],
    )
    def test_the_init_step_of_a_pod_exits_with_5_and_so_do_loader_and_runner(self, site, kit, tmp_path, damage, code):
        grant = overridden(site, kit, ago=timedelta(hours=25)) if damage == "ended" else site.grant(kit.plain)
        record = site.release(grant)
        root = site.project.root
        if damage == "bytes":
            path = site.project.store.path_of(site.project.store.tree(record.body["model_digest"])[0].digest)
            path.chmod(0o644)
            path.write_bytes(b"swapped")
        elif damage == "channel":
            other = site.project.store.put_tree(kit.turned)
            with site.project.journal.transaction() as change:
                body = {**record.body, "model_digest": other}
                change.append("release.promoted", f"release:{record.id}", {})
                change.put("release", record.id, "CURRENT", body)
        elif damage == "reviewers":
            (root / "policy" / "reviewers").write_text("")
        elif damage == "policy":
            (root / "policy" / "gate.toml").write_text("[stages.production")
        elif damage == "stricter":
            (root / "policy" / "gate.toml").write_text("[stages.production]\nrequired = []\napprovals = 2\n")
        elif damage == "newly required":
            (root / "policy" / "gate.toml").write_text('[stages.production]\nrequired = ["metric"]\napprovals = 1\n')
        elif damage == "revoked":
            (root / "policy" / "revoked").write_text("neither keys nor a KRL")
        elif damage == "gone":
            site.project.store.path_of(site.project.store.tree(record.body["model_digest"])[0].digest).unlink()
        command = [
            sys.executable,
            "-m",
            "workbench.doors.cli",
            "verify",
            CHANNEL,
            "--into",
            str(tmp_path / "into"),
            "--json",
        ]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env={**os.environ})
        assert done.returncode == code, done.stderr + done.stdout
        assert (tmp_path / "into" / "model.onnx").exists() == (code == 0)
        once = [sys.executable, "-P", "-m", "workbench.serving.runner", str(root), CHANNEL, "--once"]
        assert subprocess.run(once, capture_output=True, check=False).returncode == code
        with pytest.raises(IntegrityError) if code else nullcontext():
            workbench.load(CHANNEL, root)

    def test_a_folder_that_is_called_like_a_channel_is_not_taken_for_it(self, site, kit, tmp_path, monkeypatch):
        site.release(site.grant(kit.plain))
        monkeypatch.chdir(tmp_path)
        shutil.copytree(kit.plain, "fault@staging")
        with pytest.raises(PendingError, match="release-none"):
            verify(site.project, "fault@staging")
        assert verify(site.project, "./fault@staging").channel == CHANNEL


FIELDS = "review model stage channel model_digest policy_digest evidence_digest requester author statements"


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw.update(release="rl-1\r\n\r\n{'predictions': ['sound']}"),
        lambda raw: raw["grant"].update(earlier=[FIELDS.split()]),
        lambda raw: raw["grant"].update(earlier=[{**raw["grant"], "author": "\ud800"}]),
        lambda raw: raw["grant"]["statements"][0].__setitem__(
            1, of_a_kind(b"ssh-foo", raw["grant"]["statements"][0][1])
        ),
        lambda raw: raw["grant"].update(evidence_digest="sha256:" + "0" * 64),
    ],
    ids=["a header", "names for fields", "half a character", "a kind of key that nobody knows", "other reports"],
)
def test_what_nobody_signed_ends_as_a_broken_promise_and_nothing_else(site, kit, damage):
    """A runner that met anything else would end, instead of going on with the model before."""
    site.release(site.grant(kit.plain))
    path = channel_path(site.project, CHANNEL)
    raw = json.loads(path.read_bytes())
    damage(raw)
    path.write_text(json.dumps(raw))
    follower = Follower(site.project, CHANNEL)
    asyncio.run(follower.look())
    assert (follower.served, follower.exit_code) == (None, 5), follower.refusal
    with pytest.raises(IntegrityError):
        load_served(site.project, ChannelFile.parse(path.read_bytes()), CHANNEL)


def of_a_kind(kind: bytes, armour: str) -> str:
    """Return a signature whose key says that it is of another kind."""
    begin, *lines, end = armour.strip().splitlines()
    body = base64.b64decode("".join(lines))
    old = b"ssh-ed25519"
    body = body.replace(len(old).to_bytes(4, "big") + old, len(kind).to_bytes(4, "big") + kind, 1)
    size = 4 + len(old) + 4 + 32  # of the whole key
    body = body.replace(size.to_bytes(4, "big"), (size - len(old) + len(kind)).to_bytes(4, "big"), 1)
    return "\n".join([begin, base64.b64encode(body).decode(), end]) + "\n"


def test_a_runner_stops_when_an_override_ends(site, kit):
    site.release(overridden(site, kit, ago=timedelta(hours=24) - timedelta(seconds=15)))
    with site.run() as running:
        assert running.predict([ROW])[0] == ["broken"]
        running.until(lambda figures: "override-ended" in figures["refusal"], timeout_s=40)
        status, headers, _ = running.ask("POST", "/invocations", {"inputs": [ROW]})
        assert (status, headers["x-model-digest"]) == (503, "none")


def test_a_runner_stops_when_an_override_ends_and_the_channel_file_is_gone(site, kit):
    site.release(overridden(site, kit, ago=timedelta(hours=24) - timedelta(seconds=15)))
    with site.run() as running:
        assert running.predict([ROW])[0] == ["broken"]
        channel_path(site.project, CHANNEL).unlink()
        running.until(lambda figures: "approvals-ended" in figures["refusal"], timeout_s=40)
        status, headers, _ = running.ask("POST", "/invocations", {"inputs": [ROW]})
        assert (status, headers["x-model-digest"]) == (503, "none")


@pytest.fixture
def released(site, kit):
    """A release that MLflow's registry shows, made by the verb itself."""
    project = site.project
    run = tracking.start_run(project, name="try", source="a.ipynb", tags={"workbench.models": '["fault"]'})
    tracking.log_artifacts(project, run, kit.plain, "models/fault")
    tracking.finish_run(project, run, "FINISHED")
    grant = site.grant(kit.plain)
    from workbench.review.record import Review, save

    review = Review(
        id=grant.review,
        state="APPROVED",
        revision=0,
        model="fault",
        stage=STAGE,
        run=run,
        model_digest=grant.model_digest,
        policy_digest=grant.policy_digest,
        dataset_versions=(),
        commit="",
        commit_author="",
        notebook_digest="",
        environment_digest="",
        requester=grant.requester,
        author=grant.author,
        requested_at="2026-01-01T00:00:00+00:00",
        checking_since="2026-01-01T00:00:00+00:00",
        params={},
        metrics={},
        evidence_digest=grant.evidence_digest,
    )
    with project.journal.transaction() as change:
        told = {"model_digest": grant.model_digest, "policy_digest": grant.policy_digest, "stage": STAGE, "run": run}
        change.append("review.requested", f"review:{grant.review}", told, actor=grant.requester)
        change.append("review.checked", f"review:{grant.review}", {"evidence_digest": grant.evidence_digest})
        save(change, review)
    (text, armour), *_ = grant.statements
    from workbench.contract.review import Decision

    store = project.store
    decision = Decision(
        "approve",
        REVIEWER,
        "SHA256:x",
        "local-signed",
        datetime.now(UTC).isoformat(),
        "",
        store.put_bytes(text.encode()),
        store.put_bytes(armour.encode()),
    )
    with project.journal.transaction() as change:
        change.append("review.approved", f"review:{grant.review}", {})
        save(change, replace(review, revision=1, decisions=(decision,)))
    return release(project, grant.review), run


class TestPastTheGate:
    def registry(self, site):
        from mlflow import MlflowClient

        return MlflowClient(site.project.tracking_uri)

    def test_mlflow_shows_the_alias_and_nothing_is_wrong(self, site, released):
        card, run = released
        assert card.notes == ()
        version = self.registry(site).get_model_version_by_alias("fault", STAGE)
        assert (version.run_id, notice_changes(site.project)) == (run, ())
        assert [fault for fault in find_faults(site.project) if fault.name.startswith("gate") and not fault.is_ok] == []

    def test_each_way_past_the_gate_is_noticed_journalled_and_red(self, site, kit, released):
        client, project = self.registry(site), site.project
        card, run = released
        other = tracking.start_run(project, name="sneaked", source="a.ipynb")
        tracking.log_artifacts(project, other, kit.turned, "models/fault")
        tracking.finish_run(project, other, "FINISHED")
        source = client.get_run(other).info.artifact_uri + "/models/fault"
        sneaked = client.create_model_version("fault", source, run_id=other).version
        client.set_registered_model_alias("fault", STAGE, sneaked)
        client.set_model_version_tag("fault", "1", "approved_by", "the boss")
        from workbench.experiment.store.artifacts import local_folder

        path = local_folder(client.get_run(run).info.artifact_uri) / "models" / "fault" / "model.onnx"
        kept = path.read_bytes()
        path.write_bytes(kept + b" ")
        found = {change.what: change for change in watch_gate(project)}
        assert set(found) == {"alias", "tags", "artifacts"}
        assert f"version {sneaked}" in found["alias"].message
        assert found["alias"].hint.endswith(f"mlops release {card.review}")
        assert "approved_by" in found["tags"].message
        events = project.journal.events(kind="release.out_of_band_change")
        assert {event.data["what"] for event in events} == set(found)
        watch_gate(project)
        assert len(project.journal.events(kind="release.out_of_band_change")) == 3  # once each, however often looked at
        (standing,) = [each for each in list_releases(project) if each.state == "CURRENT"]
        assert len(standing.faults) == 3
        assert {alert.severity for alert in list_alerts(project, "OPEN")} == {"critical"}
        assert any("承認を経ずに" in alert.title for alert in list_alerts(project, "OPEN", "ja"))
        assert len([f for f in find_faults(project) if f.name == f"gate {CHANNEL}" and not f.is_ok]) == 3
        # What runners serve does not change by it.
        assert workbench.load(CHANNEL, project).model_digest == card.model_digest
        client.set_registered_model_alias("fault", STAGE, "1")
        client.delete_model_version_tag("fault", "1", "approved_by")
        path.write_bytes(kept)
        assert watch_gate(project) == ()
        assert list_alerts(project, "OPEN") == ()
        assert [each.faults for each in list_releases(project)] == [()]

    def test_an_alias_on_a_model_that_nobody_released_is_noticed(self, site, released):
        client = self.registry(site)
        client.create_registered_model("other")
        run = released[1]
        client.create_model_version("other", "file:/tmp/x", run_id=run)
        client.set_registered_model_alias("other", STAGE, "1")
        (found,) = notice_changes(site.project)
        assert (found.channel, found.what) == (f"other@{STAGE}", "alias")

    def test_releasing_again_sets_the_alias_and_does_not_bless_a_tag(self, site, released):
        client = self.registry(site)
        client.delete_registered_model_alias("fault", STAGE)
        client.set_model_version_tag("fault", "1", "approved_by", "the boss")
        assert {change.what for change in notice_changes(site.project)} == {"alias", "tags"}
        release(site.project, released[0].review)
        assert [change.what for change in notice_changes(site.project)] == ["tags"]


def test_a_runner_opens_nothing_but_onnx(kit, tmp_path):
    """The hole: onnxruntime takes bytes that begin like its own format for that, though checks saw an ONNX model."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession((kit.plain / "model.onnx").read_bytes(), options, providers=["CPUExecutionProvider"])
    data = (tmp_path / "model.ort").read_bytes()
    assert data[4:8] == b"ORTM"
    manifest = parse_manifest((kit.plain / MANIFEST_FILE).read_bytes())
    with pytest.raises(IntegrityError, match="model-unreadable"):
        OnnxEngine(data, manifest)
