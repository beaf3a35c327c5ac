"""The review from the request to the grant, with its real checks, real signatures and real processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.review.conftest import HOLDOUT, Rows, make_rows
from workbench.experiment.annotations import undelete_runs
from workbench.experiment.store import tracking
from workbench.experiment.store.client import tracking_client
from workbench.experiment.store.models import register_version
from workbench.foundation.errors import (
    ConflictError,
    DeniedError,
    IntegrityError,
    NotFoundError,
    PendingError,
    UnknownResultError,
    UsageError,
)
from workbench.foundation.identity import AllowedSigners
from workbench.foundation.lease import inspect_lease
from workbench.review import checking, reviews
from workbench.review.checking import lease_path
from workbench.review.holdouts import Holdout, attempt_on, holdout_of
from workbench.review.policies import policy as policy_module
from workbench.review.policies.policy import load_policy
from workbench.review.proof.verification import verify_grant
from workbench.review.record import NOUN, find_review, save


@pytest.fixture(autouse=True)
def only_required_checks(monkeypatch):
    """Save time: what a stage does not require is not what these tests are about."""
    monkeypatch.setattr(checking, "_ALWAYS", ())


def requested(world, models, *, stage="staging", by="alice"):
    run = world.log_model(models.good, by="alice")
    return reviews.request_review(world.as_(by), run, stage, wait=True)


def refusals(world) -> list[str]:
    return [event.data["code"] for event in world.as_("bob").journal.events(kind="review.refused")]


@pytest.mark.checklist("S1-16", "S1-10", "S1-20", "S4-03")
def test_a_model_goes_the_whole_way(world, models):
    alice, bob = world.as_("alice"), world.as_("bob")
    card = requested(world, models, stage="production")

    assert (card.state, card.author, card.requester) == ("OPEN", "alice@example.com", "alice@example.com")
    assert {c.name: c.result for c in card.checks} == {"format": "pass", "schema": "pass", "metric": "pass"}
    assert "approval by one reviewer other than alice@example.com" in card.needed[0]
    with pytest.raises(PendingError, match="approvals-missing"):
        reviews.release_grant(alice, card.id)

    approved = reviews.approve(bob, card.id, "looked at the notebook")

    assert (approved.state, approved.needed) == ("APPROVED", ())
    assert approved.decisions[0].assurance == "local-signed"
    grant = reviews.release_grant(alice, card.id)
    reviewers = AllowedSigners.load(world.root / "policy" / "reviewers")
    assert verify_grant(grant, alice.store, reviewers, load_policy(alice)) == ("bob@example.com",)
    kinds = [event.kind for event in alice.journal.events(subject=f"review:{card.id}")]
    assert kinds == ["review.requested", "review.checked", "review.approved"]
    alice.journal.verify()


@pytest.mark.checklist("S1-16")
def test_openssh_verifies_an_approval_out_of_the_store(world, models, tmp_path):
    card = requested(world, models)
    decision = reviews.approve(world.as_("bob"), card.id, "fine").decisions[0]
    store = world.as_("bob").store
    (tmp_path / "sig").write_bytes(store.read(decision.signature_digest))
    done = subprocess.run(
        [
            *("ssh-keygen", "-Y", "verify", "-f", str(world.root / "policy" / "reviewers"), "-I", "bob@example.com"),
            *("-n", "mlops-workbench.approve", "-s", str(tmp_path / "sig")),
        ],
        input=store.read(decision.statement_digest),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert decision.fingerprint in done.stdout.decode()


@pytest.mark.checklist("S1-10", "S0-11")
def test_nobody_approves_their_own_and_the_attempt_is_on_record(world, models):
    card = requested(world, models, by="carol")  # carol asks, alice trained
    for name in ("alice", "carol"):
        with pytest.raises(DeniedError, match="self-approval"):
            reviews.approve(world.as_(name), card.id)
        with pytest.raises(DeniedError, match="self-approval"):
            reviews.reject(world.as_(name), card.id, "mine")
    assert refusals(world) == ["self-approval"] * 4
    assert reviews.show_review(world.as_("bob"), card.id).state == "OPEN"


def test_a_stranger_and_a_borrowed_name_are_refused(world, models):
    card = requested(world, models)
    with pytest.raises(DeniedError, match="reviewer-unknown"):
        reviews.approve(world.as_("dan"), card.id)
    borrowed = world.as_("bob")
    object.__setattr__(borrowed, "key_path", world.keys / "dan")
    with pytest.raises(DeniedError, match="reviewer-unknown"):
        reviews.approve(borrowed, card.id)
    object.__setattr__(borrowed, "key_path", None)
    with pytest.raises(DeniedError, match="identity-missing"):
        reviews.approve(borrowed, card.id)


def test_the_commits_author_is_kept_out_too(world, models):
    git = ["git", "-C", str(world.root), "-c", "user.name=c", "-c", "user.email=carol@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "notebook"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    run = world.log_model(models.good)
    tracking.set_tags(world.as_("alice"), run, {"workbench.commit": f"{commit}+dirty"})
    card = reviews.request_review(world.as_("alice"), run, "staging", wait=True)
    with pytest.raises(DeniedError, match="self-approval"):
        reviews.approve(world.as_("carol"), card.id)
    assert reviews.approve(world.as_("bob"), card.id).state == "APPROVED"


def test_policy_may_let_an_author_alone_and_it_is_called_what_it_is(world, models):
    card = requested(world, models, stage="alone")
    approved = reviews.approve(world.as_("alice"), card.id)
    assert (approved.state, approved.decisions[0].assurance) == ("APPROVED", "local-self")
    reviews.release_grant(world.as_("alice"), card.id)


def test_two_approvals_take_two_people(world, models):
    card = requested(world, models, stage="double")
    once = reviews.approve(world.as_("bob"), card.id)
    again = reviews.approve(world.as_("bob"), card.id)
    assert (once.state, len(again.decisions)) == ("OPEN", 1)
    assert "one reviewer" in again.needed[0]
    assert reviews.approve(world.as_("carol"), card.id).state == "APPROVED"


def test_a_rejection_is_final_and_has_a_reason(world, models):
    card = requested(world, models)
    bob = world.as_("bob")
    with pytest.raises(UsageError, match="reason-missing"):
        reviews.reject(bob, card.id, "  ")
    rejected = reviews.reject(bob, card.id, "the holdout overlaps")
    assert rejected.state == "REJECTED"
    with pytest.raises(ConflictError, match="review-closed"):
        reviews.approve(bob, card.id)
    with pytest.raises(DeniedError, match="review-rejected"):
        reviews.release_grant(bob, card.id)
    again = reviews.request_review(world.as_("alice"), card.run, "staging", wait=True)
    assert again.id != card.id
    assert again.state == "OPEN"


@pytest.mark.checklist("S1-16")
def test_a_changed_byte_in_the_run_makes_it_stale(world, models):
    card = requested(world, models)
    path = world.artifact(card.run, "model.onnx")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert reviews.show_review(world.as_("bob"), card.id).state == "STALE"
    with pytest.raises(DeniedError, match="review-stale"):
        reviews.approve(world.as_("bob"), card.id)
    path.write_bytes(data)
    assert reviews.approve(world.as_("bob"), card.id).state == "APPROVED"
    path.write_bytes(data + b"\0")
    with pytest.raises(IntegrityError, match="run-changed"):
        reviews.release_grant(world.as_("bob"), card.id)


@pytest.mark.checklist("S1-16")
def test_a_changed_byte_in_the_store_is_refused(world, models):
    card = requested(world, models)
    bob = world.as_("bob")
    reviews.approve(bob, card.id)
    entry = next(entry for entry in bob.store.tree(card.model_digest) if entry.path == "model.onnx")
    path = bob.store.path_of(entry.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"\0")
    assert reviews.show_review(bob, card.id).state == "STALE"
    with pytest.raises(IntegrityError, match="bytes-changed"):
        reviews.release_grant(bob, card.id)


def test_what_the_registry_writes_into_the_folder_changes_nothing(world, models):
    card = requested(world, models)
    register_version(world.as_("alice"), card.run, "faults")
    world.artifact(card.run, "registered_model_meta").write_text("model_name: faults\n")
    assert reviews.show_review(world.as_("bob"), card.id).state == "OPEN"


def test_a_changed_policy_makes_it_stale_and_a_new_request_starts_over(world, models):
    card = requested(world, models)
    path = world.root / "policy" / "gate.toml"
    path.write_text(path.read_text() + "# stricter words\n")
    stale = reviews.show_review(world.as_("bob"), card.id)
    assert (stale.state, "policy/gate.toml is not" in stale.needed[0]) == ("STALE", True)
    assert reviews.list_reviews(world.as_("bob"))[0].state == "STALE"
    with pytest.raises(DeniedError, match="review-stale"):
        reviews.approve(world.as_("bob"), card.id)
    with pytest.raises(DeniedError, match="policy-changed"):
        reviews.release_grant(world.as_("bob"), card.id)
    assert reviews.request_review(world.as_("alice"), card.run, "staging", wait=True).id != card.id


def test_a_list_reads_the_policy_once_however_long_it_is(world, models, monkeypatch):
    """It was read for each review, some 8 ms: a list of 1,000 took as many seconds at every look of the panel."""
    bob = world.as_("bob")
    for model in (models.good, models.better, models.worse):
        review = reviews.request_review(world.as_("alice"), world.log_model(model), wait=True)
        reviews.approve(bob, review.id)
    read, parsed = policy_module.read_policy, []
    monkeypatch.setattr(policy_module, "read_policy", lambda path: parsed.append(path) or read(path))
    assert [card.state for card in reviews.list_reviews(bob)] == ["APPROVED"] * 3
    assert len(parsed) == 1


def test_a_broken_policy_denies_everything(world, models):
    card = requested(world, models)
    (world.root / "policy" / "gate.toml").write_text("[stages.staging]\nrequired = 1\n")
    for attempt in (reviews.approve, reviews.release_grant, lambda p, r: reviews.request_review(p, card.run)):
        with pytest.raises(DeniedError, match="policy-invalid"):
            attempt(world.as_("bob"), card.id)
    assert reviews.show_review(world.as_("bob"), card.id).state == "STALE"


def test_unknown_blocks_and_asking_again_runs_the_checks_again(world, models, monkeypatch):
    """The holdout is too small to decide anything, so the required metric check has no result."""
    path = world.root / "policy" / "gate.toml"
    path.write_text(path.read_text() + "[stages.production.metric]\nminimum_rows = 5000\n")
    card = requested(world, models, stage="production")
    assert {c.name: c.result for c in card.checks}["metric"] == "unknown"
    assert "unknown" in card.needed[0]
    with pytest.raises(UnknownResultError, match="check-unknown"):
        reviews.approve(world.as_("bob"), card.id)
    with pytest.raises(UnknownResultError, match="check-unknown"):
        reviews.release_grant(world.as_("bob"), card.id)
    assert refusals(world) == ["check-unknown"]
    again = reviews.request_review(world.as_("alice"), card.run, "production", wait=True)
    assert again.id == card.id
    assert len(world.as_("bob").journal.events(kind="review.checked")) == 2


def test_a_failed_check_blocks_and_nothing_else_opens_the_model(world, changed_model):
    folder = changed_model(lambda f: (f / "evil.py").write_text("import os"))
    run = world.log_model(folder)
    card = reviews.request_review(world.as_("alice"), run, "production", wait=True)
    assert {c.name: c.result for c in card.checks} == {"format": "fail", "schema": "unknown", "metric": "unknown"}
    with pytest.raises(UnknownResultError):
        reviews.approve(world.as_("bob"), card.id)
    staged = reviews.request_review(world.as_("alice"), run, "staging", wait=True)
    with pytest.raises(DeniedError, match="checks-failed"):
        reviews.approve(world.as_("bob"), staged.id)
    assert reviews.reject(world.as_("bob"), card.id, "brings code").state == "REJECTED"


def test_asking_twice_gives_the_same_review(world, models):
    card = requested(world, models)
    head = world.as_("alice").journal.head()
    assert reviews.request_review(world.as_("carol"), card.run[:10], "staging").id == card.id
    assert reviews.request_review(world.as_("alice"), card.run, "staging", wait=True).id == card.id
    assert world.as_("alice").journal.head() == head


def edit_record(world, review: str, **values) -> None:
    """Do what somebody with a SQLite shell can do."""
    connection = sqlite3.connect(world.root / ".workbench" / "journal.db")
    (body,) = connection.execute("SELECT body FROM records WHERE noun = ? AND id = ?", (NOUN, review)).fetchone()
    changed = {**json.loads(body), **{k: v for k, v in values.items() if k != "state"}}
    connection.execute("UPDATE records SET body = ? WHERE id = ?", (json.dumps(changed), review))
    if "state" in values:
        connection.execute("UPDATE records SET state = ? WHERE id = ?", (values["state"], review))
    connection.commit()
    connection.close()


@pytest.mark.checklist("S1-16")
def test_a_record_edited_by_hand_proves_nothing(world, models):
    card = requested(world, models)
    bob = world.as_("bob")
    edit_record(world, card.id, state="APPROVED")
    with pytest.raises(DeniedError, match="approvals-missing"):
        reviews.release_grant(bob, card.id)
    edit_record(world, card.id, state="OPEN", requester="dan@example.com")
    with pytest.raises(IntegrityError, match="review-changed"):
        reviews.approve(world.as_("alice"), card.id)
    edit_record(world, card.id, requester="alice@example.com")
    reviews.approve(bob, card.id)
    edit_record(world, card.id, author="dan@example.com")
    with pytest.raises(IntegrityError, match="grant-mismatch"):
        reviews.release_grant(bob, card.id)


def test_check_results_edited_by_hand_prove_nothing(world, changed_model):
    run = world.log_model(changed_model(lambda f: (f / "evil.py").write_text("")))
    card = reviews.request_review(world.as_("alice"), run, "staging", wait=True)
    checks = find_review(world.as_("bob"), card.id).checks
    whitewashed = [{**c.__dict__, "result": "pass"} for c in checks]
    edit_record(world, card.id, checks=whitewashed)
    with pytest.raises(IntegrityError, match="evidence-changed"):
        reviews.approve(world.as_("bob"), card.id)
    forged = world.as_("bob").store.put_bytes(json.dumps(whitewashed, sort_keys=True, separators=(",", ":")).encode())
    edit_record(world, card.id, evidence_digest=forged)
    with pytest.raises(IntegrityError, match="review-changed"):
        reviews.approve(world.as_("bob"), card.id)


def wait_for(world, review: str, state: str) -> None:
    deadline = time.monotonic() + 120
    while reviews.show_review(world.as_("bob"), review).state != state:
        assert time.monotonic() < deadline, (world.root / ".workbench" / "reviews" / f"{review}.log").read_text()
        time.sleep(0.3)


def test_checks_run_in_a_process_of_their_own(world, models):
    run = world.log_model(models.good)
    card = reviews.request_review(world.as_("alice"), run, "staging")
    assert card.state == "CHECKING"
    with pytest.raises(PendingError, match="checks-running"):
        reviews.approve(world.as_("bob"), card.id)
    wait_for(world, card.id, "OPEN")
    checked = world.as_("bob").journal.events(kind="review.checked")[0]
    assert checked.actor == "alice@example.com"


def test_a_checker_that_was_killed_leaves_unknown_and_can_be_replaced(world, models, monkeypatch):
    run = world.log_model(models.good)
    alice = world.as_("alice")
    card = reviews.request_review(alice, run, "production")
    lease = lease_path(alice, card.id)
    deadline = time.monotonic() + 60
    while not inspect_lease(lease).is_alive:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(json.loads(lease.read_text())["pid"], signal.SIGKILL)
    while inspect_lease(lease).is_alive:
        time.sleep(0.02)
    monkeypatch.setattr(checking, "START_GRACE_S", 0.0)

    dead = reviews.show_review(alice, card.id)
    assert dead.state == "CHECKING"
    assert {c.name: c.result for c in dead.checks} == dict.fromkeys(("format", "schema", "metric"), "unknown")
    with pytest.raises(PendingError, match="checks-running"):
        reviews.approve(world.as_("bob"), card.id)

    again = reviews.request_review(alice, run, "production", wait=True)
    assert (again.id, again.state) == (card.id, "OPEN")
    assert {c.result for c in again.checks} == {"pass"}


def test_two_requests_at_once_meet_at_one_review(world, models):
    run = world.log_model(models.good)
    script = (
        "import sys; from pathlib import Path; from workbench.foundation.project import Project;"
        "from workbench.review.reviews import request_review;"
        "print(request_review(Project.open(Path(sys.argv[1])), sys.argv[2], 'staging', True).id)"
    )
    command = [sys.executable, "-c", script, str(world.root), run]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    ids = {process.communicate(timeout=200)[0].strip() for process in started}
    assert len(ids) == 1
    assert len(world.as_("bob").journal.events(kind="review.checked")) == 1


@pytest.mark.parametrize(
    ("model", "error", "code"),
    [("nothing", NotFoundError, "model-unknown"), ("", NotFoundError, "model-unknown")],
)
def test_a_model_that_does_not_exist_is_not_found(world, models, model, error, code):
    with pytest.raises(error, match=code):
        reviews.request_review(world.as_("alice"), model)


def test_bad_requests_change_nothing(world, models, tmp_path):
    alice = world.as_("alice")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "weights.bin").write_bytes(b"\0" * 10)
    shutil.copytree(models.good, tmp_path / "other")
    cases = [
        (world.log_model(plain), "not-a-model"),
        (world.log_model(models.good, name="misnamed"), "not-a-model"),
        (tracking.start_run(alice, name="still running"), "run-not-finished"),
    ]
    empty = tracking.start_run(alice, name="no model")
    tracking.finish_run(alice, empty, "FINISHED")
    failed = tracking.start_run(alice, name="failed")
    tracking.finish_run(alice, failed, "FAILED")
    cases += [(empty, "run-without-model"), (failed, "run-not-usable")]
    for run, code in cases:
        with pytest.raises((UsageError, PendingError), match=code):
            reviews.request_review(alice, run)
    with pytest.raises(NotFoundError, match="stage-unknown"):
        reviews.request_review(alice, world.log_model(models.good), "moon")
    assert reviews.list_reviews(alice) == ()
    with pytest.raises(NotFoundError, match="review-unknown"):
        reviews.show_review(alice, "rv-12345678")


def test_the_newest_finished_run_of_a_name_is_taken_and_replays_are_not(world, models):
    alice = world.as_("alice")
    world.log_model(models.good)
    newest = world.log_model(models.better)
    replay = world.log_model(models.good)
    tracking.set_tags(alice, replay, {"workbench.replay_of": newest})
    assert reviews.request_review(alice, "faults", "staging", wait=True).run == newest


@pytest.mark.checklist("S1-33")
def test_attempts_on_the_same_holdout_are_counted(world, models):
    alice = world.as_("alice")
    first = reviews.request_review(alice, world.log_model(models.good), "production", wait=True)
    second = reviews.request_review(alice, world.log_model(models.better), "production", wait=True)
    figures = [{c.name: c for c in card.checks}["metric"].figures for card in (first, second)]
    assert [f["attempts"] for f in figures] == [1, 2]
    assert [round(f["confidence"], 6) for f in figures] == [0.95, 0.975]


@pytest.mark.checklist("S1-33")
def test_a_holdout_in_another_order_or_with_rows_left_out_is_no_new_one(world, models, tmp_path):
    alice, random = world.as_("alice"), np.random.default_rng(5)
    shuffled = random.permutation(800)
    holdouts = [np.arange(800), shuffled, np.r_[shuffled, shuffled[:9]], np.arange(1, 800), shuffled[:400]]
    attempts = []
    stepped = Rows(np.nextafter(HOLDOUT.inputs, np.float32(9)), HOLDOUT.truth)
    cut = [Rows(HOLDOUT.inputs[rows], HOLDOUT.truth[rows]) for rows in holdouts]
    for number, held in enumerate([*cut, stepped, make_rows(800, seed=77)]):
        folder = shutil.copytree(models.good, tmp_path / str(number))
        np.savez(folder / "holdout.npz", inputs=held.inputs, truth=held.truth, prediction=held.truth)
        card = reviews.request_review(alice, world.log_model(folder), "production", wait=True)
        attempts.append({check.name: check for check in card.checks}["metric"].figures["attempts"])
    assert attempts == [1, 2, 3, 4, 5, 6, 1]  # each value a float step away is no other row; the last shares none


def test_what_two_large_holdouts_share_is_told_from_a_sample():
    rows = make_rows(40_000, seed=6)
    whole, half, other = (
        holdout_of(rows.inputs[cut], rows.truth[cut])
        for cut in (slice(20_000), slice(10_000, 20_000), slice(20_000, 40_000))
    )
    assert whole.overlaps(half)
    assert half.overlaps(whole)
    assert not whole.overlaps(other)
    assert not Holdout("").overlaps(whole)


def drawn(kind: str, seed: int) -> np.ndarray:
    """Return rows of a kind of data, drawn anew for each seed."""
    random = np.random.default_rng(seed)
    if kind == "flags":  # two measurements, six flags that are mostly off
        return np.c_[random.normal(size=(4000, 2)), random.random((4000, 6)) < 0.2].astype(np.float32)
    if kind == "amounts":  # skewed over four decades
        return random.lognormal(sigma=2.0, size=(4000, 3)).astype(np.float32)
    columns = {"two": 2, "ten": 10, "thirty": 30}[kind]
    return random.normal(size=(4000, columns)).astype(np.float32)


MOVES = {
    "a float step": lambda rows, _: np.nextafter(rows, np.float32(np.inf)),
    "float16": lambda rows, _: rows.astype(np.float16).astype(np.float32),
    "noise": lambda rows, random: rows * (1 + 1e-5 * random.normal(size=rows.shape)).astype(np.float32),
    "an outlier": lambda rows, _: np.r_[rows[:1] * 1e9, np.nextafter(rows[1:], np.float32(9))],
}


@pytest.mark.checklist("S1-33")
@pytest.mark.parametrize("kind", ["two", "ten", "thirty", "flags", "amounts"])
def test_rows_that_were_moved_by_next_to_nothing_are_the_same_and_others_are_not(kind):
    rows, truth = drawn(kind, 1), np.arange(4000) % 2
    held = holdout_of(rows, truth)
    for name, move in MOVES.items():
        moved = holdout_of(move(rows, np.random.default_rng(9)), truth)
        if name != "float16" or kind not in {"two", "flags"}:  # two columns alone are read to 15 bits, float16 has 11
            assert held.overlaps(moved), name
    assert all(not held.overlaps(holdout_of(drawn(kind, seed), truth)) for seed in range(2, 12))


@pytest.mark.checklist("S1-33")
def test_many_candidates_at_once_share_the_confidence_too(world):
    holdout = Holdout("sha256:" + "d" * 64)
    models_ = [f"sha256:{number:064x}" for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        places = list(pool.map(lambda digest: attempt_on(world.as_("alice"), holdout, digest), models_))
    assert sorted(places) == list(range(1, 9))
    assert [attempt_on(world.as_("bob"), holdout, digest) for digest in models_] == places  # checked again
    assert attempt_on(world.as_("bob"), Holdout("sha256:" + "e" * 64), models_[3]) == 1


def test_reading_a_review_imports_nothing_heavy(world, models):
    requested(world, models)
    script = (
        "import sys; from pathlib import Path; from workbench.foundation.project import Project;"
        "from workbench.review.reviews import list_reviews;"
        "assert list_reviews(Project.open(Path(sys.argv[1])))[0].state == 'OPEN';"
        "print([m for m in ('mlflow', 'onnx', 'onnxruntime', 'sklearn', 'pandas', 'dvc') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script, str(world.root)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_the_runner_imports_knows_no_tracker():
    script = (
        "import sys, workbench.review.proof.statement;"
        "print([m for m in ('mlflow', 'numpy', 'pandas', 'sqlalchemy', 'workbench.experiment') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_events_name_no_person_in_their_payload(world, models):
    card = requested(world, models)
    reviews.approve(world.as_("bob"), card.id, "well done, Alice")
    payloads = json.dumps([event.data for event in world.as_("bob").journal.events(kind="review.*")])
    assert "@example.com" not in payloads
    assert "Alice" not in payloads


def test_a_run_that_was_deleted_is_named_and_its_review_comes_back_with_it(world, models):
    """MLflow's own page deletes what a review rests on; a request of it would find nothing to freeze."""
    alice = world.as_("alice")
    review = reviews.request_review(alice, world.log_model(models.good), to="staging", wait=True)
    reviews.approve(world.as_("bob"), review.id)
    tracking_client(alice).delete_run(review.run)
    card = reviews.show_review(alice, review.id)
    assert (card.state, card.needed) == (
        "STALE",
        (f"the run back, which was deleted: mlops runs undelete {review.run[:8]}",),
    )
    with pytest.raises(IntegrityError, match="the run that made it was deleted"):
        reviews.release_grant(alice, review.id)
    with pytest.raises(NotFoundError, match=r"is deleted[\s\S]*mlops runs undelete"):
        reviews.request_review(alice, review.run, to="staging")
    undelete_runs(alice, (review.run,))
    assert reviews.show_review(alice, review.id).state == "APPROVED"


def test_hints_ask_for_the_same_model_and_stage_again(world, models):
    """The command that mends it is run as it stands, also of a run with two models, for another stage."""
    alice = world.as_("alice")
    run = world.log_model(models.good)
    tracking.log_artifacts(alice, run, models.better, "models/second")
    tracking.set_tags(alice, run, {"workbench.models": '["faults", "second"]'})
    review = reviews.request_review(alice, f"{run}/faults", to="staging", wait=True)
    gate = world.root / "policy" / "gate.toml"
    gate.write_text(gate.read_text() + "# another byte\n")
    (needed,) = reviews.show_review(alice, review.id).needed
    command = needed.partition("mlops review request ")[2]
    with pytest.raises(DeniedError) as refused:
        reviews.approve(world.as_("bob"), review.id)
    assert refused.value.hint.endswith(f"mlops review request {command}")
    with pytest.raises(DeniedError, match=re.escape(f"mlops review request {command}")):
        reviews.release_grant(alice, review.id)
    what, flag, stage = command.split()
    again = reviews.request_review(alice, what, **{flag.removeprefix("--"): stage}, wait=True)
    assert (again.model, again.stage, again.model_digest) == (review.model, "staging", review.model_digest)


def test_a_checker_that_died_is_dead_although_the_clock_was_set_back(world, models, monkeypatch):
    """Else nobody would begin anew until the clock is where it was, which may take days."""
    monkeypatch.setattr("workbench.review.reviews.start_checks", lambda *_: None)
    alice = world.as_("alice")
    card = reviews.request_review(alice, world.log_model(models.good), "staging")
    since = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds")
    with alice.journal.transaction() as change:
        save(change, find_review(alice, card.id).changed(checking_since=since))
    assert [check.result for check in reviews.show_review(alice, card.id).checks] == ["unknown"]
