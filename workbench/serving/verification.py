"""``mlops verify``: whether what stands on a channel, or lies in a folder, is what was approved. Exit code 5 where not.

The step that an init container runs before a server of anybody's opens the model: with ``--into`` the bytes that were
verified are written where the server looks, so nothing can be exchanged between the look and the opening. Nothing is
written into the project: it may be mounted read-only.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from workbench.contract.release import VerifiedRelease
from workbench.foundation.errors import ConflictError, IntegrityError, PendingError, StorageError, storage_errors
from workbench.foundation.project import Project, expanded
from workbench.foundation.read_only import readable
from workbench.foundation.store import digest_tree
from workbench.review.candidate import REWRITTEN_FILES
from workbench.review.policies.policy import load_policy
from workbench.review.proof.grant import Grant
from workbench.review.proof.verification import grant_ends
from workbench.serving import ledger
from workbench.serving.channel import ChannelFile, ChannelName, channel_path
from workbench.serving.promise import held_to, verify_channel_file


def verify(project: Project, what: str, into: str = "") -> VerifiedRelease:
    """Verify statement, policy and every byte of a release; where anything is not what was approved, exit code 5.

    Args:
        project: The project.
        what: A channel (``churn@production``), or a folder with a model that must be what is released on one
            (``./churn@production`` where it has such a name).
        into: Write the verified bytes into this folder, which must be empty or absent.

    Raises:
        UsageError: ``channel-malformed``.
        PendingError: ``release-none``.
        ConflictError: ``folder-not-empty``.
        IntegrityError: Whatever does not verify, and ``bytes-unknown``: the folder holds no released model.
    """
    with readable(project) as found:
        return _verify_release(found, what, into)


def _verify_release(project: Project, what: str, into: str) -> VerifiedRelease:
    folder = None if "@" in what and "/" not in what else expanded(what)  # x@y is a channel, ./x@y a folder
    lies_there = digest_tree(folder, exclude=REWRITTEN_FILES) if folder else ""
    channel = _channel_of(project, folder, lies_there) if folder else str(ChannelName.parse(what))
    file = read_channel(project, channel)
    with held_to():
        approvers = verify_channel_file(project, file, channel)
        for entry in project.store.tree(file.model_digest):
            project.store.read(entry.digest)
        ends = grant_ends(Grant.from_json(file.grant), project.store, load_policy(project))
    if folder and lies_there != file.model_digest:
        raise _unknown(folder, lies_there)  # the channel went on meanwhile, or its file is an old one
    grant = Grant.from_json(file.grant)
    count = _write(project, file.model_digest, expanded(into)) if into else len(project.store.tree(file.model_digest))
    return VerifiedRelease(
        channel=channel,
        release=file.release,
        version=file.version,
        model_digest=file.model_digest,
        review=grant.review,
        approvers=approvers,
        is_override=bool(grant.override),
        until=ends[0].isoformat(timespec="seconds") if ends else "",
        files=count,
        into=str(expanded(into)) if into else "",
    )


def read_channel(project: Project, channel: str) -> ChannelFile:
    """Return what a channel's file says, healed from the journal first; nothing of it is verified yet.

    Raises:
        PendingError: ``release-none``.
        IntegrityError: ``channel-unreadable``.
    """
    ledger.sync_channels(project)
    try:
        return ChannelFile.parse(channel_path(project, channel).read_bytes())
    except FileNotFoundError:
        raise PendingError(
            "release-none", f"Nothing was released on {channel}", "see what is: mlops releases"
        ) from None
    except OSError as error:
        raise StorageError(
            "file-not-readable", f"Cannot read the channel {channel}: {error}", "mlops doctor"
        ) from error


def _channel_of(project: Project, folder: Path, digest: str) -> str:
    """Return the channel that serves what lies in a folder."""
    for channel, record in ledger.current_releases(project).items():
        if record.body["model_digest"] == digest:
            return channel
    raise _unknown(folder, digest)


def _unknown(folder: Path, digest: str) -> IntegrityError:
    message = f"{folder} holds {digest[7:19]}, which is released on no channel"
    return IntegrityError("bytes-unknown", message, "see what is: mlops releases")


def _write(project: Project, digest: str, into: Path) -> int:
    """Write a verified copy within the folder, which may be a mount, and move its files up, each of them whole."""
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise ConflictError("folder-not-empty", f"{into} is not empty", "name an empty folder")
    with storage_errors(into):
        into.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".wb-", dir=into))
        try:
            project.store.export_tree(digest, scratch)
            for path in sorted(scratch.iterdir()):
                path.rename(into / path.name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return len(project.store.tree(digest))
