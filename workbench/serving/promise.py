"""Whether what stands on a channel may be opened. What does not hold is a broken promise: exit code 5 at every door.

A release was approved once, so what is a refusal or bad input elsewhere (a key that was revoked, a policy that cannot
be read, a blob that is gone) means here that something stands where it must not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.foundation.errors import DeniedError, IntegrityError, NotFoundError, UsageError, WorkbenchError
from workbench.foundation.project import Project
from workbench.review.policies.policy import load_policy
from workbench.review.policies.reviewers import load_reviewers
from workbench.review.proof.grant import Grant
from workbench.review.proof.verification import verify_grant
from workbench.serving.channel import ChannelFile

_RELEASE_AGAIN = "release it again: mlops release"


@contextmanager
def held_to() -> Iterator[None]:
    """Turn whatever keeps a release from being opened into a broken promise.

    A disk that fails or a server that is away stays what it is: that says nothing about the release.

    Raises:
        IntegrityError: The error's own code; ``release-unreadable`` where bytes that nobody signed broke a reader.
    """
    try:
        yield
    except (DeniedError, NotFoundError, UsageError) as error:
        raise IntegrityError(error.code, error.message, error.hint) from error
    except (WorkbenchError, OSError):
        raise
    except Exception as error:
        said = f"The release cannot be read: {type(error).__name__}: {error}"
        raise IntegrityError("release-unreadable", said[:300], _RELEASE_AGAIN) from error


def verify_channel_file(project: Project, file: ChannelFile, channel: str) -> tuple[str, ...]:
    """Verify that a channel file names what was approved for this channel and return who approved.

    Raises:
        IntegrityError: ``channel-mismatch``, or a statement is not what was signed.
        DeniedError: The approvals do not allow this.
    """
    grant = Grant.from_json(file.grant)
    said = (file.channel, file.model, file.model_digest, grant.channel)
    if said != (channel, grant.model, grant.model_digest, channel):
        message = f"The release names another channel, model or digest than its approval ({grant.channel})"
        raise IntegrityError("channel-mismatch", message, _RELEASE_AGAIN)
    return verify_grant(grant, project.store, load_reviewers(project), load_policy(project))
