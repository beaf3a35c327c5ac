"""Exported evidence verifies in a clean folder with ssh-keygen and sha256sum, and no tampered one does."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.foundation.errors import ConflictError, PendingError
from workbench.foundation.identity import create_key, sign
from workbench.review.candidate import read_manifest
from workbench.review.evidence.bom import build_bom
from workbench.review.evidence.bundle import export_evidence
from workbench.review.record import find_review
from workbench.review.reviews import approve, request_review
from workbench.review.statement import EVIDENCE_NAMESPACE


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


def verifies(folder: Path, script: str, reviewers: Path | None = None) -> bool:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    if reviewers:
        environment["REVIEWERS"] = str(reviewers)
    done = subprocess.run(
        ["sh"], input=script, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode == 0


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


@pytest.mark.checklist("S2-26")
def test_it_verifies_with_its_own_commands_and_no_tampered_file_does(approved, world, tmp_path):
    exported = export_evidence(world.as_("bob"), approved, str(tmp_path / "a.zip"), with_model=True)
    again = export_evidence(world.as_("bob"), approved, str(tmp_path / "b.zip"), with_model=True)
    assert again.digest == exported.digest  # and with it the bytes
    with pytest.raises(ConflictError):
        export_evidence(world.as_("bob"), approved, exported.path)
    assert (exported.statements, exported.signed_by) == (2, "bob@example.com")
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
        assert verifies(bad, script) == (name == "SHA256SUMS"), f"{name}, with a new list"
        shutil.rmtree(bad)


def add(folder: Path) -> None:
    (folder / "extra.txt").write_text("and by the way")


def remove(folder: Path) -> None:
    (folder / "statements" / "02-approve.json").unlink()
    (folder / "statements" / "02-approve.json.sig").unlink()


def swap(folder: Path) -> None:
    one, two = (folder / "statements" / f"0{n}-approve.json.sig" for n in (1, 2))
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
    path = folder / "statements" / "01-approve.json"
    path.write_bytes(path.read_bytes().replace(b"he said", b"I said!"))


@pytest.mark.parametrize(
    "tamper", [swap, laxer_policy, better_figures, other_evidence, other_model, other_words], ids=lambda f: f.__name__
)
def test_what_reviewers_signed_is_protected_without_the_exporters_signature(
    approved, world, tmp_path, tamper: Callable[[Path], None]
):
    exported = export_evidence(world.as_("dan"), approved, str(tmp_path / "a.zip"))
    assert exported.signed_by == ""  # dan is in no list
    clean = unpack(exported.path, tmp_path / "clean")
    script = commands(clean / "VERIFY.md")
    assert verifies(clean, script)
    tamper(clean)
    list_again(clean)
    assert not verifies(clean, script)


def test_files_added_or_taken_away_and_a_forger_with_keys_of_their_own(approved, world, tmp_path):
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
    names = ("bob@example.com", "carol@example.com")
    (forged / "policy" / "reviewers").write_text("".join(f"{name} {public.line}\n" for name in names))
    for path in (forged / "statements").glob("*.json"):
        path.with_name(f"{path.name}.sig").write_text(sign(key, path.read_bytes(), namespace="mlops-workbench.approve"))
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
