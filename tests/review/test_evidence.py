"""Exported evidence verifies in a clean folder with ssh-keygen and sha256sum, and no tampered one does."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workbench.experiment.store import tracking
from workbench.foundation.errors import ConflictError, DeniedError, PendingError
from workbench.foundation.identity import create_key, sign
from workbench.project.history import show_history
from workbench.review import reviews
from workbench.review.breaking import override, post_review
from workbench.review.candidate import read_manifest
from workbench.review.checking import run_checks
from workbench.review.comments import comment
from workbench.review.evidence.bom import build_bom
from workbench.review.evidence.bundle import export_evidence
from workbench.review.proof.statement import EVIDENCE_NAMESPACE, STATEMENT_TYPE
from workbench.review.record import find_review
from workbench.review.reviews import approve, request_review
from workbench.review.waiving import waive
from workbench.serving.releases import release, roll_back


@pytest.fixture
def approved(world, models):
    """A review that bob and carol approved, and its id."""
    review = request_review(world.as_("alice"), world.log_model(models.good), to="double", wait=True).id
    with pytest.raises(PendingError):
        export_evidence(world.as_("alice"), review, str(world.root / "early.zip"))
    for name in ("bob", "carol"):
        approve(world.as_(name), review, 'he said "principal":"mallory@example.com" ✓')
    return review


def unpack(path: str | Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def commands(page: Path) -> str:
    """Return what a reader pastes from VERIFY.md."""
    return "".join(re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))


def kind_of(statement: Path) -> str:
    return statement.stem.partition("-")[2]


def list_again(folder: Path) -> None:
    """Write SHA256SUMS anew, as somebody would who changed a file."""
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    names = [name for name in names if name not in ("SHA256SUMS", "SHA256SUMS.sig")]
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


GLASS = """\
[stages.production]
required = ["format", "card"]
waivable = ["card"]
approvals = 1

[stages.production.break_glass]
members = ["carol@example.com"]
"""
REASON = "The line stands still without this model"


def test_it_brings_each_list_of_keys_with_its_date(world, approved, models, tmp_path, verifies):
    """Bob's key is revoked afterwards: now it counts for nothing, and what was known when he signed is there, too."""
    carol, path = world.as_("carol"), tmp_path / "evidence"
    (world.root / "policy" / "revoked").write_text((world.keys / "alice.pub").read_text())
    request_review(carol, world.log_model(models.better, by="carol"), to="staging", wait=True)
    folder = unpack(export_evidence(carol, approved, str(tmp_path / "e.zip")).path, path)
    now = (folder / "policy" / "revoked").read_text()
    lists = sorted(file.name for file in (folder / "policy" / "lists").iterdir())
    assert [re.sub(r"^\d{8}-\d{8}T\d{6}Z-", "", name) for name in lists] == ["reviewers", "reviewers", "revoked"]
    assert (folder / "policy" / "lists" / lists[-1]).read_text() == now
    page = commands(folder / "VERIFY.md")
    assert verifies(folder, page)
    shutil.copy(world.keys / "bob.pub", tmp_path / "revoked-2")
    shutil.copy(folder / "policy" / "revoked", tmp_path / "revoked")
    assert verifies(folder, f"REVOKED='{tmp_path / 'revoked'}'\n{page}") is None, (
        "another file of revoked keys holds, too"
    )
    (tmp_path / "revoked-2").unlink()
    assert verifies(folder, f"REVOKED='{tmp_path / 'revoked'}'\n{page}")


@pytest.mark.checklist("S2-26")
@pytest.mark.parametrize("how", ["revoked", "removed"])
def test_a_decision_that_was_taken_back_verifies_under_the_list_of_its_time(how, world, approved, tmp_path, verifies):
    """That is when an auditor asks: bob approved, and then his key was lost or he left."""
    reviewers, revoked = (world.root / "policy" / name for name in ("reviewers", "revoked"))
    if how == "revoked":
        revoked.write_text((world.keys / "bob.pub").read_text())
    else:
        lines = reviewers.read_text().splitlines(keepends=True)
        reviewers.write_text("".join(line for line in lines if not line.startswith("bob@")))
    exported = export_evidence(world.as_("dan"), approved, str(tmp_path / "e.zip"))  # whose own key proves nothing
    folder = unpack(exported.path, tmp_path / "evidence")
    script, page = commands(folder / "VERIFY.md"), (folder / "VERIFY.md").read_text()
    done = verifies(folder, script)
    assert done
    (note,) = (line for line in done.stdout.splitlines() if line.startswith("NOTE") and "counts no more" in line)
    assert re.fullmatch(r"NOTE: statements/03-approve.json .* under policy/lists/\S+-reviewers", note)
    said = page.partition("Decisions: ")[2].partition("The policy")[0].split("), ")
    assert ["counts no more" in each for each in said] == [True, False]
    assert "現在は無効" in (folder / "VERIFY.ja.md").read_text()
    signature = folder / "statements" / "03-approve.json.withdrawn.sig"
    good = signature.read_bytes()
    for bad in (good.replace(b"A", b"B", 1), (folder / "statements" / "04-approve.json.sig").read_bytes()):
        signature.write_bytes(bad)
        list_again(folder)
        assert not verifies(folder, script), "it was never signed like this"
    signature.write_bytes(good)
    list_again(folder)
    assert verifies(folder, script)
    signature.unlink()
    list_again(folder)
    assert not verifies(folder, script)


def test_a_decision_that_no_list_ever_allowed_is_not_exported(world, approved, tmp_path, monkeypatch):
    (world.root / "policy" / "revoked").write_text((world.keys / "bob.pub").read_text())
    monkeypatch.setattr("workbench.review.evidence.statements.lists_since", lambda *_: ())
    with pytest.raises(DeniedError):
        export_evidence(world.as_("carol"), approved, str(tmp_path / "e.zip"))
    assert not (tmp_path / "e.zip").exists()


@pytest.fixture
def eventful(world, models, changed_model, monkeypatch) -> str:
    """A review in which everything happened that can be said: asked by somebody unlisted, overridden, waived, rolled
    back to; and one comment by somebody without a key. Returns its id.
    """
    (world.root / "policy" / "gate.toml").write_text(GLASS)
    folder = changed_model(lambda path: np.savez(path / "reference.npz", rows=3, mean=np.zeros(4)))
    with monkeypatch.context() as patch:
        patch.setattr(reviews, "start_checks", lambda *_: None)
        review = request_review(world.as_("dan"), world.log_model(folder)).id
    override(world.as_("carol"), review, REASON)  # nothing was checked yet, so it rests on a report of its own
    release(world.as_("carol"), review)
    run_checks(world.as_("bob"), review)
    comment(replace(world.as_("alice"), key_path=None), review, "Which winter is this?", on="check:card")
    post_review(world.as_("bob"), review, "Looked at the night's predictions: sound")
    waive(world.as_("bob"), review, "card", "Internal tool, the card follows in May")
    approve(world.as_("bob"), review)
    shutil.copy(folder / "reference.npz", copied := shutil.copytree(models.better, folder.parent / "better"))
    other = request_review(world.as_("alice"), world.log_model(copied), wait=True).id
    waive(world.as_("bob"), other, "card", "Internal tool, the card follows in May")
    approve(world.as_("bob"), other)
    release(world.as_("carol"), other)
    roll_back(world.as_("bob"), "faults@production")
    return review


@pytest.mark.checklist("S2-26")
def test_everything_that_was_said_of_a_review_is_in_it(eventful, world, verifies, tmp_path):
    exported = export_evidence(world.as_("bob"), eventful, str(tmp_path / "a.zip"))
    clean = unpack(exported.path, tmp_path / "clean")
    kinds = [kind_of(path) for path in sorted((clean / "statements").glob("*.json"))]
    assert " ".join(kinds) == "request override promote check comment post-review waive approve rollback"
    script = commands(clean / "VERIFY.md")
    done = verifies(clean, script)
    assert done
    notes = [line for line in done.stdout.splitlines() if line.startswith("NOTE")]
    assert [re.sub(r"others/\w+", "others/…", note) for note in notes] == [
        "NOTE: statements/01-request.json is signed by a key that nobody listed for this",
        "NOTE: statements/02-override.json speaks of checks/others/….json",
        "NOTE: statements/05-comment.json is not signed",
    ]
    told = [json.loads(line)["kind"] for line in (clean / "journal.jsonl").read_text().splitlines()]
    assert {"review.commented", "review.waived", "release.promoted", "release.rolled-back"} <= set(told)
    back, _, first = show_history(world.as_("bob"), "faults")
    assert (first.overridden_by, first.looked_at_by, first.state) == (
        "carol@example.com",
        "bob@example.com",
        "replaced",
    )
    assert (back.how, back.state, back.review) == ("rolled-back", "served", eventful)
    assert (back.overridden_by, back.approved_by) == ("", ("bob@example.com",))  # who approved since goes before
    assert back.evidence == f"mlops evidence export {eventful} {eventful}.zip"
    again = export_evidence(world.as_("bob"), eventful, str(tmp_path / "b.zip"))
    assert again.digest == exported.digest

    for envelope in (clean / "dsse").glob("*.json"):  # https://github.com/in-toto/attestation/blob/main/spec/v1
        value = json.loads(envelope.read_bytes())
        statement = json.loads(base64.b64decode(value["payload"]))
        assert (value["payloadType"], statement["_type"]) == ("application/vnd.in-toto+json", STATEMENT_TYPE)
        assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
        assert re.fullmatch(r"urn:[a-z0-9-]+:\S+", statement["predicateType"])
        assert [re.fullmatch("[0-9a-f]{64}", subject["digest"]["sha256"]) for subject in statement["subject"]]

    bare = unpack(export_evidence(world.as_("dan"), eventful, str(tmp_path / "c.zip")).path, tmp_path / "bare")
    script = commands(bare / "VERIFY.md")
    assert verifies(bare, script)
    protected = sorted((bare / "statements").glob("*")) + sorted((bare / "grants").iterdir())
    protected += sorted((bare / "checks" / "others").iterdir())
    for path in protected:
        if "comment" in path.name:  # said without a key, and the page says so
            continue
        data = path.read_bytes()
        flip(path)
        list_again(bare)
        assert not verifies(bare, script), path.name
        path.write_bytes(data)
    (bare / "statements" / "08-approve.json.sig").unlink()
    list_again(bare)
    assert not verifies(bare, script)


def test_a_request_cannot_pass_for_another_by_what_its_parameters_are_called(world, models, verifies, tmp_path):
    """The commands read JSON with a shell; names of parameters and seeds are the author's to choose."""
    evil = {"principal": "mallory@example.com", "policy_digest": "sha256:" + "0" * 64, "verdict": "approve", "at": "x"}
    alice = world.as_("alice")
    run = world.log_model(models.good)
    tracking.set_tags(alice, run, {"workbench.seeds": json.dumps(evil)})
    tracking.log_params(alice, run, evil)
    review = request_review(alice, run, to="staging", wait=True).id
    approve(world.as_("bob"), review)
    folder = unpack(export_evidence(world.as_("bob"), review, str(tmp_path / "a.zip")).path, tmp_path / "clean")
    assert b"mallory@example.com" in (folder / "statements" / "01-request.json").read_bytes()
    done = verifies(folder, commands(folder / "VERIFY.md"))
    assert done
    assert "01-request.json: request, alice@example.com" in done.stdout


@pytest.mark.checklist("S2-26")
def test_it_verifies_with_its_own_commands_and_no_tampered_file_does(approved, world, verifies, tmp_path):
    exported = export_evidence(world.as_("bob"), approved, str(tmp_path / "a.zip"), with_model=True)
    again = export_evidence(world.as_("bob"), approved, str(tmp_path / "b.zip"), with_model=True)
    assert again.digest == exported.digest  # and with it the bytes
    with pytest.raises(ConflictError):
        export_evidence(world.as_("bob"), approved, exported.path)
    assert (exported.statements, exported.signed_by) == (4, "bob@example.com")
    assert len(world.as_("bob").journal.events(kind="review.exported")) == 2

    clean = unpack(exported.path, tmp_path / "clean")
    script = commands(clean / "VERIFY.md")
    assert commands(clean / "VERIFY.ja.md") == script
    assert verifies(clean, script)
    names = [str(path.relative_to(clean)) for path in clean.rglob("*") if path.is_file()]
    assert len(names) == exported.files
    for number, name in enumerate(sorted(names)):
        bad = shutil.copytree(clean, tmp_path / f"bad{number}")
        flip(bad / name)
        assert not verifies(bad, script), name
        list_again(bad)  # which puts a damaged list right
        assert bool(verifies(bad, script)) == (name == "SHA256SUMS"), f"{name}, with a new list"
        shutil.rmtree(bad)


def add(folder: Path) -> None:
    (folder / "extra.txt").write_text("and by the way")


def remove(folder: Path) -> None:
    (folder / "statements" / "04-approve.json").unlink()
    (folder / "statements" / "04-approve.json.sig").unlink()


def swap(folder: Path) -> None:
    one, two = (folder / "statements" / f"0{n}-approve.json.sig" for n in (3, 4))
    first = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first)


def laxer_policy(folder: Path) -> None:
    (folder / "policy" / "gate.toml").write_text("[stages.double]\nrequired = []\napprovals = 1\n")


def better_figures(folder: Path) -> None:
    path = folder / "checks" / "reports.json"
    path.write_bytes(path.read_bytes().replace(b'"is_required":true', b'"is_required":false'))


def other_evidence(folder: Path) -> None:
    flip(next((folder / "checks" / "evidence").iterdir()))


def other_model(folder: Path) -> None:
    flip(folder / "model" / "manifest.json")


def other_words(folder: Path) -> None:
    path = folder / "statements" / "03-approve.json"
    path.write_bytes(path.read_bytes().replace(b"he said", b"I said!"))


@pytest.mark.parametrize(
    "tamper", [swap, laxer_policy, better_figures, other_evidence, other_model, other_words], ids=lambda f: f.__name__
)
def test_what_reviewers_signed_is_protected_without_the_exporters_signature(
    approved, world, verifies, tmp_path, tamper: Callable[[Path], None]
):
    exported = export_evidence(world.as_("dan"), approved, str(tmp_path / "a.zip"))
    assert exported.signed_by == ""  # dan is in no list
    clean = unpack(exported.path, tmp_path / "clean")
    script = commands(clean / "VERIFY.md")
    assert verifies(clean, script)
    tamper(clean)
    list_again(clean)
    assert not verifies(clean, script)


def test_files_added_or_taken_away_and_a_forger_with_keys_of_their_own(approved, world, verifies, tmp_path):
    exported = export_evidence(world.as_("carol"), approved, str(tmp_path / "a.zip"))
    for number, tamper in enumerate((add, remove)):
        bad = unpack(exported.path, tmp_path / f"bad{number}")
        tamper(bad)
        assert not verifies(bad, commands(bad / "VERIFY.md"))
        list_again(bad)
        assert not verifies(bad, commands(bad / "VERIFY.md"))

    forged = unpack(exported.path, tmp_path / "forged")
    script = commands(forged / "VERIFY.md")
    key = tmp_path / "mallory"
    public = create_key(key, comment="mallory")
    names = ("alice@example.com", "bob@example.com", "carol@example.com")
    (forged / "policy" / "reviewers").write_text("".join(f"{name} {public.line}\n" for name in names))
    for path in (forged / "statements").glob("*.json"):
        armour = sign(key, path.read_bytes(), namespace=f"mlops-workbench.{kind_of(path)}")
        path.with_name(f"{path.name}.sig").write_text(armour)
        armour = sign(key, b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (path.stat().st_size, path.read_bytes()),
                      namespace=EVIDENCE_NAMESPACE)  # fmt: skip
        envelope = forged / "dsse" / f"{path.stem}.dsse.json"
        value = json.loads(envelope.read_bytes())
        value["signatures"][0]["sig"] = base64.b64encode(armour.encode()).decode()
        envelope.write_text(json.dumps(value, separators=(",", ":"), sort_keys=True))
        envelope.with_suffix(".sig").write_text(armour)
    list_again(forged)
    sums = (forged / "SHA256SUMS").read_bytes()
    (forged / "SHA256SUMS.sig").write_text(sign(key, sums, namespace=EVIDENCE_NAMESPACE))
    assert verifies(forged, script)  # it is true to itself; only keys known from elsewhere tell, as VERIFY.md says
    assert not verifies(forged, script, reviewers=world.root / "policy" / "reviewers")


def test_the_bom_is_valid_and_the_mappings_never_say_complies(approved, world, tmp_path):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    exported = export_evidence(world.as_("bob"), approved, str(tmp_path / "a.zip"))
    with zipfile.ZipFile(io.BytesIO(Path(exported.path).read_bytes())) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    bom = json.loads(content["bom/model.cdx.json"])
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(bom)) is None
    found = find_review(world.as_("bob"), approved).changed(dataset_versions=("data/rows.csv@0123456789ab",))
    store = world.as_("bob").store
    manifest, tree = read_manifest(store, found.model_digest), store.tree(found.model_digest)
    full = build_bom(found, manifest, tree, [("Some_Package", "1.0"), ("numpy", "2.2.0+local")])
    assert validator.validate_str(json.dumps(full)) is None
    assert {"data", "library", "file"} == {component["type"] for component in full["components"]}
    planted = {**bom, "metadata": {**bom["metadata"], "component": {"type": "model"}}}
    assert validator.validate_str(json.dumps(planted)) is not None
    assert bom["metadata"]["component"]["hashes"][0]["content"] == exported.model_digest[7:]
    mappings = [name for name in content if name.startswith("mappings/")]
    assert len(mappings) == 6
    for name in mappings:
        text = content[name].decode()
        assert "supports" in text or "支える" in text
        assert not re.search(r"\bcompl(y|ies|iant|iance)\b|準拠しています|適合しています", text)
    assert "principal" in content["MODEL_CARD.md"].decode()
    assert not any(b"PRIVATE KEY" in data for data in content.values())
