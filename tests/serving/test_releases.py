"""Release and rollback through the verbs, with real reviews, a real MLflow store and a real runner."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from workbench.contract.status import ReleaseState
from workbench.experiment.store import tracking
from workbench.experiment.store.client import tracking_client
from workbench.foundation.errors import (
    DeniedError,
    IntegrityError,
    NotFoundError,
    PendingError,
    UsageError,
)
from workbench.foundation.project import Project
from workbench.review.breaking import override
from workbench.review.record import find_review
from workbench.review.reviews import approve, reject, request_review
from workbench.serving import ledger
from workbench.serving.channel import ChannelFile, ChannelName, channel_path
from workbench.serving.releases import list_releases, release, roll_back

CHANNEL = "fault@production"
ROW = [0.9, -0.2, 0.4]
POLICY = '[stages.production]\nrequired = ["format"]\napprovals = 1\n'
MLMODEL = """\
flavors:
  onnx: {data: model.onnx}
  python_function: {data: model.onnx, loader_module: mlflow.onnx}
"""


@pytest.fixture(autouse=True)
def _own_keys(site):
    (site.project.root / "policy" / "gate.toml").write_text(POLICY)
    site.reports = b'[{"name":"format","result":"pass"}]'


def reviewer(site) -> Project:
    return Project.open(site.project.root, actor="reviewer@example.com", key_path=site.reviewer_key)


def log_and_ask(site, folder):
    """Log a model folder as a finished run and request its review; return the review's id."""
    project = site.project
    (folder / "MLmodel").write_text(MLMODEL)
    run = tracking.start_run(project, name="try", source="train.ipynb", tags={"workbench.models": '["fault"]'})
    tracking.log_artifacts(project, run, folder, "models/fault")
    tracking.finish_run(project, run, "FINISHED")
    return request_review(project, run, wait=True).id


def states(site):
    return [(card.version, card.state) for card in list_releases(site.project)]


@pytest.mark.slow
@pytest.mark.checklist("S1-43", "S2-03", "S2-13", "S2-18")
def test_from_review_to_answers_and_back(site, kit, tmp_path):
    watched = shutil.copytree(kit.plain, tmp_path / "watched")
    unwatched = shutil.copytree(kit.plain, tmp_path / "unwatched")
    (unwatched / "reference.npz").unlink()
    first, blind = (log_and_ask(site, folder) for folder in (watched, unwatched))
    with pytest.raises(PendingError):
        release(site.project, first)
    for review in (first, blind):
        approve(reviewer(site), review, "looked at it")
    with pytest.raises(DeniedError) as caught:
        release(site.project, blind)
    assert caught.value.code == "monitor-missing"
    assert list_releases(site.project) == ()

    with site.run() as running:
        card = release(site.project, first)
        assert (card.channel, card.version, card.state, card.review) == (CHANNEL, 1, "CURRENT", first)
        assert card.approvers == ("reviewer@example.com",)
        assert card.assurance == "local-signed"
        assert card.notes == ()
        assert 0 < card.answering_after_ms < 10_000
        assert running.predict([ROW]) == (["broken"], card.model_digest)
        assert release(site.project, first).id == card.id
        newer = site.release(site.grant(kit.turned))
        running.await_release(newer.id)
        assert running.predict([ROW]) == (["ok"], newer.body["model_digest"])
        back = roll_back(site.project, CHANNEL)
        assert (back.version, back.model_digest, back.review) == (3, card.model_digest, first)
        assert running.predict([ROW]) == (["broken"], card.model_digest)
    assert states(site) == [(3, "CURRENT"), (2, "ROLLED_BACK"), (1, "SUPERSEDED")]
    kinds = [event.kind for event in site.project.journal.events(kind="release.*")]
    assert kinds == ["release.refused", "release.promoted", "release.promoted", "release.rolled-back"]
    client = tracking_client(site.project)
    named = client.get_model_version_by_alias("fault", "production")
    assert named.version == client.search_model_versions(f"run_id = '{named.run_id}'")[0].version
    site.project.journal.verify()


@pytest.fixture
def _quiet_registry(monkeypatch):
    """These releases have no MLflow run; naming them in the registry is another test's business."""
    monkeypatch.setattr("workbench.serving.releases._name_in_registry", lambda project, record: "")


@pytest.fixture
def three(site, kit, tmp_path, _quiet_registry):
    """Releases 1 (plain), 2 (turned) and 3 (a third model); the policy is the one they were signed under."""
    (site.project.root / "policy" / "gate.toml").write_text("[stages.production]\nrequired = []\napprovals = 1\n")
    other = shutil.copytree(kit.plain, tmp_path / "other")
    (other / "notes.txt").write_text("the same model, other bytes")
    return [
        site.release(site.grant(folder, review=f"rv-{number}"))
        for number, folder in enumerate((kit.plain, kit.turned, other), start=1)
    ]


def digests(*records):
    return [record.body["model_digest"] for record in records]


@pytest.mark.checklist("S1-19", "S2-18")
def test_rollback_goes_to_the_newest_model_nobody_rolled_back_from(site, three):
    plain, turned, _ = digests(*three)
    assert roll_back(site.project, CHANNEL).model_digest == turned
    assert roll_back(site.project, CHANNEL).model_digest == plain
    with pytest.raises(NotFoundError) as caught:
        roll_back(site.project, CHANNEL)
    assert (caught.value.code, caught.value.hint) == ("rollback-none", "name one: mlops releases")
    assert roll_back(site.project, CHANNEL, to="2").model_digest == turned
    assert states(site)[0] == (6, "CURRENT")


@pytest.mark.usefixtures("_quiet_registry")
def test_from_the_first_release_the_way_back_is_to_stop(site, kit):
    site.release(site.grant(kit.plain))
    with pytest.raises(NotFoundError) as caught:
        roll_back(site.project, CHANNEL)
    assert caught.value.code == "rollback-none"
    assert caught.value.hint == f"there is no earlier model: mlops stop {CHANNEL} ends it"


@pytest.mark.checklist("S1-19")
def test_rollback_to_a_named_release(site, three):
    plain, turned, _ = digests(*three)
    assert roll_back(site.project, CHANNEL, to=plain[7:19]).model_digest == plain
    assert roll_back(site.project, CHANNEL, to="v2").model_digest == turned
    assert roll_back(site.project, CHANNEL, to=three[0].id).model_digest == plain
    assert roll_back(site.project, CHANNEL, to=plain).version == 6  # it is there already
    for channel, to, error, code in [
        ("nothing", "", UsageError, "channel-malformed"),
        ("../x@production", "", UsageError, "channel-malformed"),
        ("fault@staging", "", NotFoundError, "channel-unknown"),
        (CHANNEL, "99", NotFoundError, "release-unknown"),
        (CHANNEL, "ffffffffffffffff", NotFoundError, "release-unknown"),
    ]:
        with pytest.raises(error) as caught:
            roll_back(site.project, channel, to)
        assert caught.value.code == code
    assert len(list_releases(site.project)) == 6


def test_rollback_verifies_again(site, three):
    blob = site.project.store.path_of(site.project.store.tree(digests(three[1])[0])[0].digest)
    blob.chmod(0o644)
    blob.write_bytes(b"tampered")
    with pytest.raises(IntegrityError):
        roll_back(site.project, CHANNEL)
    (site.project.root / "policy" / "reviewers").write_text("")
    with pytest.raises(DeniedError):
        roll_back(site.project, CHANNEL, to="1")
    assert states(site)[0] == (3, "CURRENT")
    assert len(site.project.journal.events(kind="release.refused")) == 2


@pytest.mark.parametrize("moment", ["before", "inside", "after"])
def test_killed_in_the_middle_of_a_release(site, kit, moment):
    """Kill -9 before the commit leaves nothing; after it, the next read writes the channel file."""
    site.release(site.grant(kit.plain, review="rv-1"))
    grant = site.grant(kit.turned, review="rv-2")
    code = f"""
import json, os, signal, sys
from pathlib import Path
from workbench.contract.status import ReleaseState
from workbench.foundation import journal
from workbench.foundation.project import Project
from workbench.review.proof.grant import Grant
from workbench.serving import ledger
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
if {moment!r} == "before":
    journal.Transaction.append = die
if {moment!r} == "inside":
    journal.Transaction.put = die
promotion = ledger.Promotion(Grant.from_json(json.load(sys.stdin)), "run", ("r",), "local-signed")
ledger.promote(Project.open(Path({str(site.project.root)!r})), promotion, "release.promoted", ReleaseState.SUPERSEDED)
die()
"""
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(grant.to_json()).encode(), check=False)
    assert done.returncode == -signal.SIGKILL
    path = channel_path(site.project, CHANNEL)
    assert ChannelFile.parse(path.read_bytes()).version == 1
    with site.run() as running:
        assert running.predict([ROW])[0] == ["broken"]
        wanted = (2, ["ok"]) if moment == "after" else (1, ["broken"])
        cards = list_releases(site.project)
        assert [card.version for card in cards if card.state == ReleaseState.CURRENT] == [wanted[0]]
        assert ChannelFile.parse(path.read_bytes()).version == wanted[0]
        running.await_release(cards[0].id)
        assert running.predict([ROW])[0] == wanted[1]
    site.project.journal.verify()


def test_a_channel_file_moved_by_hand_is_put_right(site, kit):
    site.release(site.grant(kit.plain, review="rv-1"))
    record = site.release(site.grant(kit.turned, review="rv-2"))
    path = channel_path(site.project, CHANNEL)
    path.write_bytes(replace(ledger.channel_file(record), version=7).render())
    list_releases(site.project)
    assert path.read_bytes() == ledger.channel_file(record).render()
    path.unlink()
    list_releases(site.project)
    assert path.exists()


def test_many_releases_at_once_leave_one_current_and_no_gap(site, kit):
    grants = [site.grant((kit.plain, kit.turned)[i % 2], review=f"rv-{i}") for i in range(8)]
    opened = [Project.open(site.project.root, actor="author@example.com") for _ in grants]

    def promote(project, grant):
        promotion = ledger.Promotion(grant, "run", ("r",), "local-signed")
        ledger.promote(project, promotion, "release.promoted", ReleaseState.SUPERSEDED)
        ledger.sync_channel(project, CHANNEL)

    threads = [threading.Thread(target=promote, args=pair) for pair in zip(opened, grants, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cards = list_releases(site.project)
    assert sorted(card.version for card in cards) == list(range(1, 9))
    (current,) = [card for card in cards if card.state == ReleaseState.CURRENT]
    assert current.version == 8
    assert ChannelFile.parse(channel_path(site.project, CHANNEL).read_bytes()).release == current.id


def test_channel_names():
    assert ChannelName.parse("故障@production") == ChannelName("故障", "production")
    assert ChannelName.parse("x" * 64 + "@production").model == "x" * 64
    for bad in (
        "",
        "a",
        "@b",
        "a@",
        "a@b@c",
        "../a@b",
        ".a@b",
        "a/b@c",
        "a@b\n",
        "a b@c",
        "a@b\0",
        "x" * 65 + "@b",
        "故" * 64 + "@" + "障" * 64,
    ):
        with pytest.raises(UsageError):
            ChannelName.parse(bad)


@pytest.mark.checklist("S1-19")
@pytest.mark.slow
@pytest.mark.usefixtures("_quiet_registry")
def test_rollback_to_what_was_approved_and_never_released(site, kit, tmp_path):
    """One step to any approved digest; what never answered has to show all that a first release shows."""
    site.release(site.grant(kit.plain, review="rv-1"))
    review = log_and_ask(site, shutil.copytree(kit.turned, tmp_path / "spare"))
    for to, error in ((review, PendingError), ("rv-ffffffff", NotFoundError)):
        with pytest.raises(error):
            roll_back(site.project, CHANNEL, to=to)
    assert states(site) == [(1, "CURRENT")]
    approve(reviewer(site), review, "kept in reserve")
    card = roll_back(site.project, CHANNEL, to=review)
    assert (card.version, card.review, card.approvers) == (2, review, ("reviewer@example.com",))
    assert roll_back(site.project, CHANNEL, to="1").review == "rv-1"
    assert roll_back(site.project, CHANNEL, to=card.model_digest[7:15]).review == review


@pytest.mark.usefixtures("_quiet_registry")
def test_the_same_bytes_are_released_anew_on_another_proof(site, kit, tmp_path, monkeypatch):
    """What an override let through serves on with the approval that came after it, under the same review."""
    glass = POLICY + '[stages.production.break_glass]\nmembers = ["reviewer@example.com"]\n'
    (site.project.root / "policy" / "gate.toml").write_text(glass)
    review = log_and_ask(site, shutil.copytree(kit.plain, tmp_path / "plain"))
    override(reviewer(site), review, "the line stands still and waits")
    first = release(site.project, review)
    assert release(site.project, review).id == first.id
    monkeypatch.setattr("workbench.review.proof.override.OVERRIDE_H", 0)
    approve(reviewer(site), review, "looked at it by day")
    second = release(site.project, review)
    assert (second.model_digest, second.version) == (first.model_digest, 2)
    assert release(site.project, review).id == second.id
    grant = ledger.current_releases(site.project)[CHANNEL].body["grant"]
    assert (len(grant["statements"]), "override" in grant) == (1, False)
    assert roll_back(site.project, CHANNEL, to="v1").id == second.id, "the same bytes, and these approvals"
    assert roll_back(site.project, CHANNEL, to="v2").id == second.id
    assert states(site) == [(2, "CURRENT"), (1, "SUPERSEDED")]


@pytest.mark.usefixtures("_quiet_registry")
def test_going_back_to_what_was_overridden_rests_on_the_approvals_that_came_since(site, kit, tmp_path, monkeypatch):
    glass = POLICY + '[stages.production.break_glass]\nmembers = ["reviewer@example.com"]\n'
    (site.project.root / "policy" / "gate.toml").write_text(glass)
    review = log_and_ask(site, shutil.copytree(kit.plain, tmp_path / "plain"))
    override(reviewer(site), review, "the line stands still and waits")
    first = release(site.project, review)
    other = log_and_ask(site, shutil.copytree(kit.turned, tmp_path / "turned"))
    approve(reviewer(site), other, "turned round")
    release(site.project, other)
    assert roll_back(site.project, CHANNEL, to="v1").model_digest == first.model_digest
    assert "override" in ledger.current_releases(site.project)[CHANNEL].body["grant"], "nobody approved it yet"
    release(site.project, other)
    approve(reviewer(site), review, "looked at it by day")
    monkeypatch.setattr("workbench.review.proof.override.OVERRIDE_H", 0)  # and its day is over
    back = roll_back(site.project, CHANNEL, to="v1")
    assert (back.version, back.approvers, back.model_digest) == (5, ("reviewer@example.com",), first.model_digest)
    grant = ledger.current_releases(site.project)[CHANNEL].body["grant"]
    assert (len(grant["statements"]), "override" in grant) == (1, False)


@pytest.mark.usefixtures("_quiet_registry")
def test_nobody_goes_back_to_an_override_that_ended_or_was_rejected(site, kit, tmp_path, monkeypatch):
    glass = POLICY + '[stages.production.break_glass]\nmembers = ["reviewer@example.com"]\n'
    (site.project.root / "policy" / "gate.toml").write_text(glass)
    review = log_and_ask(site, shutil.copytree(kit.plain, tmp_path / "plain"))
    override(reviewer(site), review, "the line stands still and waits")
    release(site.project, review)
    site.release(site.grant(kit.turned, review="rv-2"))
    with monkeypatch.context() as later:
        later.setattr("workbench.review.proof.override.OVERRIDE_H", 0)
        with pytest.raises(DeniedError, match="override-ended"):
            roll_back(site.project, CHANNEL, to="v1")
    reject(reviewer(site), review, "it was no good")
    with pytest.raises(DeniedError, match="review-rejected") as caught:
        roll_back(site.project, CHANNEL, to="v1")
    assert caught.value.hint.endswith(f"mlops review request {find_review(site.project, review).asked_as}")
    assert states(site)[0] == (2, "CURRENT")
