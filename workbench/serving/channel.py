"""A channel: the name that callers and runners follow, and the small file that says which release answers on it.

The file is derived from the release's record in the journal and replaced in one step. It is only a pointer with its
proof: a runner believes nothing in it that the signed statements do not cover.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.foundation.canonical import canonical_json
from workbench.foundation.errors import IntegrityError, UsageError
from workbench.foundation.project import Project

_PART = r"\w[\w.\-]{0,63}"
_LONGEST_B = 200  # file systems take 255, and temporary files beside it need some
_NAME = re.compile(rf"({_PART})@({_PART})")
_RELEASE = re.compile(r"[A-Za-z0-9-]{0,64}")


@dataclass(frozen=True)
class ChannelName:
    """A channel's name, taken apart.

    Attributes:
        model: Name of the model.
        stage: ``production``, ``staging``, …
    """

    model: str
    stage: str

    def __str__(self) -> str:
        """Return ``<model>@<stage>``."""
        return f"{self.model}@{self.stage}"

    @classmethod
    def parse(cls, text: str) -> ChannelName:
        """Read ``<model>@<stage>``; what passes is also safe as a file name.

        Raises:
            UsageError: ``channel-malformed``.
        """
        match = _NAME.fullmatch(text)
        if not match or len(text.encode()) > _LONGEST_B:
            raise UsageError(
                "channel-malformed",
                f"'{text}' is no channel",
                "write <model>@<stage>, such as faults@production; list them: mlops releases",
            )
        return cls(match[1], match[2])


@dataclass(frozen=True)
class ChannelFile:
    """What ``.workbench/channels/<channel>.json`` holds.

    Attributes:
        release: Release that answers.
        channel: ``<model>@<stage>``.
        model: Name of the model.
        model_digest: Its bytes.
        version: 1, 2, … within the channel.
        grant: Proof that these bytes may answer here, as JSON (:class:`workbench.review.proof.grant.Grant`).
    """

    release: str
    channel: str
    model: str
    model_digest: str
    version: int
    grant: dict[str, Any]

    @classmethod
    def parse(cls, data: bytes) -> ChannelFile:
        """Read the file's bytes.

        Raises:
            IntegrityError: ``channel-unreadable``: not what a release writes.
        """
        try:
            raw = json.loads(data)
            found = cls(**raw)
            texts = (found.release, found.channel, found.model, found.model_digest)
            if not all(isinstance(text, str) for text in texts) or not isinstance(found.grant, dict):
                raise TypeError("a field has the wrong type")
            if not isinstance(found.version, int):
                raise TypeError("the version is no whole number")
            if not _RELEASE.fullmatch(found.release):  # nobody signed it, and it becomes a header of every answer
                raise ValueError("the release has no name that one gives it")
        except (ValueError, TypeError, RecursionError) as error:
            raise IntegrityError(
                "channel-unreadable",
                f"The channel file is not what a release writes: {error}",
                "write it again from the journal: mlops releases",
            ) from error
        return found

    def render(self) -> bytes:
        """Return the bytes of the file."""
        return canonical_json(asdict(self)) + b"\n"


def channel_path(project: Project, channel: str) -> Path:
    """Return where the channel file lies."""
    return project.state_dir / "channels" / f"{channel}.json"


def address_path(project: Project, channel: str) -> Path:
    """Return where a listening runner says its address."""
    return project.state_dir / "runners" / f"{channel}.json"


def runner_log_path(project: Project, channel: str) -> Path:
    """Return where a detached runner writes what it has to say."""
    return project.state_dir / "runners" / f"{channel}.log"


def lease_path(project: Project, channel: str) -> Path:
    """Return the lock that makes sure that only one runner follows a channel."""
    return project.state_dir / "leases" / f"runner-{channel}"
