"""The zip: gathering its files, signing the list of them, and writing it so that equal evidence is equal bytes."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files

from workbench.contract.evidence import ExportedEvidence
from workbench.contract.status import CheckResult
from workbench.foundation.canonical import canonical_json, digest_bytes
from workbench.foundation.durable import write_atomic
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, PendingError
from workbench.foundation.identity import read_public_key, sign
from workbench.foundation.project import Project, expanded
from workbench.review.candidate import read_manifest
from workbench.review.decision import check_is_genuine
from workbench.review.evidence.bom import build_bom, recorded_packages
from workbench.review.evidence.dsse import build_envelope, pre_authentication
from workbench.review.evidence.guide import guide_text
from workbench.review.evidence.model_card import CardFacts, card_text
from workbench.review.evidence.statements import SaidStatement, Standing, begin_of, events_of, statements_of
from workbench.review.policies.reviewers import lists_since, load_reviewers
from workbench.review.proof.statement import EVIDENCE_NAMESPACE
from workbench.review.record import Review, find_review

LANGUAGES = ("en", "ja")
_EXPORTED = "review.exported"
_EVIDENCE = ("evidence_digest", "own_evidence_digest")
_SUMS = "SHA256SUMS"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can tell; a real one would make equal evidence differ


def export_evidence(
    project: Project, review: str, path: str, with_model: bool = False, overwrite: bool = False
) -> ExportedEvidence:
    """Write everything that proves a review into a zip that anybody can verify, without this package.

    ``VERIFY.md`` inside has the commands of ``ssh-keygen`` and ``sha256sum``. The export is an event of the journal
    with the zip's digest.

    Args:
        project: The project.
        review: Review id, or the beginning of one that no other review shares.
        path: The zip.
        with_model: Put the model's own files in as well; without, their digests are in it.
        overwrite: Replace a file that is there.

    Raises:
        NotFoundError: ``review-unknown``.
        PendingError: ``nothing-signed``: nobody has decided yet.
        ConflictError: ``file-exists``.
        IntegrityError: What is kept is not what was signed; nothing is written.
        DeniedError: A decision's signer was in no list of reviewers that was in force since the request.
    """
    target = expanded(path).absolute()
    if target.exists() and not overwrite:
        raise ConflictError("file-exists", f"{target} is there already", "name another, or add --overwrite")
    found = find_review(project, review)
    if not found.decisions:
        hint = f"mlops review show {found.id}"
        raise PendingError("nothing-signed", f"Nobody has decided on {found.id} yet", hint)
    check_is_genuine(project, found)
    signer = _exporter(project)
    statements = statements_of(project, found)
    content = {**_said(statements), **_kept(project, found, statements, with_model), **_derived(project, found)}
    if signer:
        content |= _envelopes(project, content)
    withdrawn = {digest_bytes(each.text) for each in statements if each.standing == Standing.WITHDRAWN}
    for language in LANGUAGES:
        guide = guide_text(found, language, is_signed=bool(signer), withdrawn=withdrawn)
        content[_in(language, "VERIFY")] = guide.encode()
    sums = "".join(f"{digest_bytes(content[name])[7:]}  {name}\n" for name in sorted(content)).encode()
    content[_SUMS] = sums
    if signer and project.key_path:
        content[f"{_SUMS}.sig"] = sign(project.key_path, sums, namespace=EVIDENCE_NAMESPACE).encode()
    data = zip_bytes(content)
    write_atomic(target, data)
    digest = digest_bytes(data)
    with project.journal.transaction() as transaction:
        told = {"digest": digest, "model_digest": found.model_digest, "is_signed": bool(signer)}
        transaction.append(_EXPORTED, found.subject, told)
    return ExportedEvidence(
        path=str(target),
        review=found.id,
        model_digest=found.model_digest,
        state=found.state,
        statements=len(statements),
        files=len(content),
        digest=digest,
        size=len(data),
        signed_by=signer,
    )


def zip_bytes(content: Mapping[str, bytes]) -> bytes:
    """Return a zip whose bytes follow from names and contents alone: sorted, undated, not compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, on whatever system it is written
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content[name])
    return buffer.getvalue()


def _exporter(project: Project) -> str:
    """Return who may sign for the list of files; empty where this person's key may not."""
    if project.key_path is None:
        return ""
    names = load_reviewers(project).principals_of(
        read_public_key(project.key_path), EVIDENCE_NAMESPACE, datetime.now(UTC)
    )
    return project.actor if project.actor in names else ""


def _said(statements: tuple[SaidStatement, ...]) -> dict[str, bytes]:
    """Return every statement with its signature, numbered as the chain tells them."""
    content: dict[str, bytes] = {}
    for number, statement in enumerate(statements, start=1):
        content |= statement.files(number)
    return content


def _kept(
    project: Project, review: Review, statements: tuple[SaidStatement, ...], with_model: bool
) -> dict[str, bytes]:
    """Return what the signed digests name, the reviewers' keys, and what the journal tells of the review."""
    content = {
        **_policies(project, review, statements),
        **_keys(project, review),
        **_reports(project, review, statements),
        **_grants(project, statements),
        "model/manifest.json": project.store.read(review.model_digest),
    }
    tree = project.store.tree(review.model_digest)
    content["model/SHA256SUMS"] = "".join(f"{entry.digest[7:]}  {entry.path}\n" for entry in tree).encode()
    if with_model:
        content |= {f"model/files/{entry.path}": project.store.read(entry.digest) for entry in tree}
    names = ("seq", "at", "actor", "kind", "subject", "data_digest", "data", "prev", "hash")
    told = [event for event in events_of(project, review) if event.kind != _EXPORTED]  # or no two would be equal
    lines = (canonical_json({name: getattr(event, name) for name in names}) + b"\n" for event in told)
    return {**content, "journal.jsonl": b"".join(lines)}


def _keys(project: Project, review: Review) -> dict[str, bytes]:
    """Return whose keys count, and those that count no more: what is in force now, and what was since the request.

    Now decides: a key that was revoked takes its approvals back. What was known when somebody signed an auditor asks
    all the same, and a decision that was taken back is verified with it.
    """
    allowed = load_reviewers(project)
    content = {"policy/reviewers": allowed.text.encode(), **_numbered("policy/revoked", allowed.revocations)}
    for event, known in lists_since(project, begin_of(project, review)):
        name = f"policy/lists/{event.seq:08d}-{datetime.fromisoformat(event.at):%Y%m%dT%H%M%SZ}"
        content |= {f"{name}-reviewers": known.text.encode(), **_numbered(f"{name}-revoked", known.revocations)}
    return content


def _numbered(name: str, files: tuple[bytes, ...]) -> dict[str, bytes]:
    """Name several files of revoked keys that hold together: ``revoked``, then ``revoked-2``."""
    return {name if number == 1 else f"{name}-{number}": data for number, data in enumerate(files, start=1)}


def _policies(project: Project, review: Review, statements: tuple[SaidStatement, ...]) -> dict[str, bytes]:
    """Return the policy of the review, and those that a release or rollback was done under, where they were kept."""
    content = {"policy/gate.toml": project.store.read(review.policy_digest)}
    for digest in {statement.fact("policy_digest") for statement in statements} - {"", review.policy_digest}:
        with contextlib.suppress(NotFoundError):  # VERIFY.md names the one that is missing
            content[f"policy/others/{digest[7:]}.toml"] = project.store.read(digest)
    return content


def _reports(project: Project, review: Review, statements: tuple[SaidStatement, ...]) -> dict[str, bytes]:
    """Return the check reports that any statement names, with their evidence; those of the review have a fixed name.

    An override, a waiver or a machine's own check may rest on other results than the review shows now.
    """
    named = {statement.fact(name) for statement in statements for name in _EVIDENCE} | {review.evidence_digest}
    content: dict[str, bytes] = {}
    for digest in sorted(named - {""}):
        reports = project.store.read(digest)
        is_own = digest == review.evidence_digest
        content["checks/reports.json" if is_own else f"checks/others/{digest[7:]}.json"] = reports
        for evidence in {str(report["evidence_digest"]) for report in json.loads(reports)} - {""}:
            content[f"checks/evidence/{evidence[7:]}.json"] = project.store.read(evidence)
    return content


def _grants(project: Project, statements: tuple[SaidStatement, ...]) -> dict[str, bytes]:
    """Return what each release and rollback rested on, as its statement names it by digest.

    Raises:
        IntegrityError: ``grant-changed``: the record of a release was edited.
    """
    wanted = {statement.fact("grant") for statement in statements} - {""}
    kept = (canonical_json(record.body["grant"]) for record in project.journal.records("release"))
    found = {digest: data for data in kept if (digest := digest_bytes(data)) in wanted}
    if lost := wanted - set(found):
        hint = "restore .workbench/journal.db from a backup, then: mlops audit verify"
        raise IntegrityError("grant-changed", f"No release holds the proof {min(lost)} that was signed for", hint)
    return {f"grants/{digest[7:]}.json": data for digest, data in found.items()}


def _derived(project: Project, review: Review) -> dict[str, bytes]:
    """Return what is made from the rest, for people and for other tools."""
    manifest = read_manifest(project.store, review.model_digest)
    tree = project.store.tree(review.model_digest)
    packages = recorded_packages(project, review)
    facts = CardFacts(review, manifest, tuple(r for r in review.checks if r.result != CheckResult.PASS))
    shown = {k: v for k, v in asdict(review).items() if k != "revision"}
    content = {
        "review.json": canonical_json(shown),
        "bom/model.cdx.json": canonical_json(build_bom(review, manifest, tree, packages)),
    }
    for language in LANGUAGES:
        content[_in(language, "MODEL_CARD")] = card_text(facts, language).encode()
    for source in files("workbench.review.evidence").joinpath("mappings").iterdir():
        if source.name.endswith(".md"):
            content[f"mappings/{source.name}"] = source.read_bytes()
    return content


def _envelopes(project: Project, content: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return each statement as a DSSE envelope, which the exporter signs: reviewers signed the plain statement."""
    if project.key_path is None:
        return {}
    key = read_public_key(project.key_path)
    found: dict[str, bytes] = {}
    for name in content:
        if name.startswith("statements/") and name.endswith(".json"):
            stem = name.removeprefix("statements/").removesuffix(".json")
            armour = sign(project.key_path, pre_authentication(content[name]), namespace=EVIDENCE_NAMESPACE)
            found[f"dsse/{stem}.dsse.json"] = build_envelope(content[name], armour, key.fingerprint)
            found[f"dsse/{stem}.dsse.sig"] = armour.encode()
    return found


def _in(language: str, stem: str) -> str:
    return f"{stem}.md" if language == "en" else f"{stem}.{language}.md"
