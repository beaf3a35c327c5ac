"""What was moved past the gate: aliases, versions, tags and artifacts in MLflow that are not what a release left there.

The gate writes down what it left in the registry when it released. Whoever looks compares; a difference is journalled
once as ``release.out_of_band_change`` and stays on the release, red, until things are again as they were released.
Nothing is served differently meanwhile: runners open the frozen bytes and believe no alias.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.contract.release import OutOfBandChange
from workbench.experiment.store.registry import RegisteredModel, read_registry
from workbench.foundation.canonical import digest_json
from workbench.foundation.errors import ConflictError, DeniedError, IntegrityError
from workbench.foundation.journal import Record
from workbench.foundation.project import Project
from workbench.review.candidate import is_unchanged
from workbench.review.policies.policy import load_policy
from workbench.serving.channel import ChannelName
from workbench.serving.ledger import current_releases

NOUN = "registry"
CHANGED, MENDED = "release.out_of_band_change", "release.out_of_band_mended"
_NOTED = "out-of-band"
_OPEN, _MENDED = "OPEN", "MENDED"


@dataclass(frozen=True)
class _Found:
    channel: str
    what: str
    message: str
    hint: str

    @property
    def id(self) -> str:
        return f"{self.channel}/{self.what}"


def note_registered(project: Project, release: Record, version: str) -> None:
    """Write down what the gate has left in the registry for a release."""
    known = project.journal.record(NOUN, str(release.body["channel"]))
    if known is not None and (known.body["release"], known.body["version"]) == (release.id, version):
        return  # what was added since is no part of what was released
    model = str(release.body["model"])
    now = read_registry(project, (model,)).get(model, RegisteredModel())
    left = now.versions.get(version)
    body = {"version": version, "release": release.id, **(asdict(left) if left else {})}
    with project.journal.transaction() as change:
        change.append("registry.written", f"release:{release.id}", {"version": version, "digest": digest_json(body)})
        change.put(NOUN, str(release.body["channel"]), "WRITTEN", body)


def notice_changes(project: Project, *, is_thorough: bool = True) -> tuple[OutOfBandChange, ...]:
    """Compare registry and artifacts with what was released, journal what is new, and return what is wrong now.

    Args:
        project: The project.
        is_thorough: Also read and digest the artifacts of released runs.
    """
    found = {item.id: item for item in _differences(project, is_thorough=is_thorough)}
    for record in project.journal.records(_NOTED, state=_OPEN):
        was_looked_at = is_thorough or record.body["what"] != "artifacts"
        if was_looked_at and record.id not in found:
            _mend(project, record)
    for item in found.values():
        _note(project, item)
    return list_changes(project)


def list_changes(project: Project) -> tuple[OutOfBandChange, ...]:
    """Return what was last seen to have been moved past the gate and is not mended."""
    names = ("channel", "what", "message", "hint", "seen_at")
    records = project.journal.records(_NOTED, state=_OPEN)
    return tuple(OutOfBandChange(**{name: str(record.body[name]) for name in names}) for record in records)


def _differences(project: Project, *, is_thorough: bool) -> Iterator[_Found]:
    releases = current_releases(project)
    registry = read_registry(project)
    for channel, record in releases.items():
        left = project.journal.record(NOUN, channel)
        if left is not None and left.body["release"] == record.id:
            now = registry.get(str(record.body["model"]), RegisteredModel())
            again = f"have it released again, which sets it: mlops release {record.body['review']}"
            yield from _of_registry(channel, left.body, now, again=again)
        run, model, digest = (str(record.body[name]) for name in ("run", "model", "model_digest"))
        if is_thorough and not is_unchanged(project, run, model, digest):
            message = f"Run {run[:8]} does not hold the bytes any more that were released from it"
            yield _Found(
                channel, "artifacts", message, "what is served is the frozen copy; restore the run's artifacts"
            )
    yield from _unreleased(project, set(releases), registry)


def _of_registry(channel: str, left: dict[str, Any], now: RegisteredModel, *, again: str) -> Iterator[_Found]:
    stage, version = ChannelName.parse(channel).stage, str(left["version"])
    pointed = now.aliases.get(stage, "")
    if pointed != version:
        where = f"points at version {pointed}" if pointed else "is gone"
        yield _Found(channel, "alias", f"MLflow's alias '{stage}' {where}; version {version} was released", again)
    found = now.versions.get(version)
    if found is None:
        yield _Found(channel, "version", f"Version {version} was deleted from MLflow's registry", again)
        return
    if (found.run, found.source) != (left.get("run"), left.get("source")):
        message = f"Version {version} of MLflow's registry names another run or source than was released"
        yield _Found(channel, "version", message, again)
    before = dict(left.get("tags", {}))
    changed = sorted(key for key in {*before, *found.tags} if before.get(key) != found.tags.get(key))
    if changed:
        message = f"Tags of version {version} were changed: {', '.join(changed[:5])}"
        yield _Found(channel, "tags", message, "a tag approves nothing; take it off again")


def _unreleased(project: Project, released: set[str], registry: dict[str, RegisteredModel]) -> Iterator[_Found]:
    """Yield aliases that are called as a stage of the policy, on models that were never released there."""
    try:
        stages = load_policy(project).stages
    except (DeniedError, IntegrityError):
        return
    for model, now in registry.items():
        for alias in now.aliases:
            channel = f"{model}@{alias}"
            if alias in stages and channel not in released:
                message = f"MLflow's alias '{alias}' was set on '{model}', and nothing was released there"
                yield _Found(channel, "alias", message, f"ask for a review: mlops review request {model} --to {alias}")


def _note(project: Project, found: _Found) -> None:
    for _ in range(3):
        known = project.journal.record(_NOTED, found.id)
        if known is not None and known.state == _OPEN and known.body["message"] == found.message:
            return
        seen = datetime.now(UTC).isoformat(timespec="seconds")
        told = {"what": found.what, "message": found.message}
        try:
            with project.journal.transaction() as change:
                change.append(CHANGED, f"channel:{found.channel}", told, actor="system")
                revision = known.revision if known else 0
                change.put(_NOTED, found.id, _OPEN, {**asdict(found), "seen_at": seen}, expect=revision)
            return
        except ConflictError:  # somebody else saw it in the same moment
            continue


def _mend(project: Project, record: Record) -> None:
    try:
        with project.journal.transaction() as change:
            told = {"what": record.body["what"]}
            change.append(MENDED, f"channel:{record.body['channel']}", told, actor="system")
            change.put(_NOTED, record.id, _MENDED, record.body, expect=record.revision)
    except ConflictError:  # somebody else saw it in the same moment
        return
