"""The one thing that is swapped: an opened, verified model with everything an answer needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from workbench.contract.model import ModelManifest
from workbench.serving.runner.engine import Engine


@dataclass(frozen=True)
class Served:
    """A release that answers.

    Attributes:
        release: Release id.
        version: Version within the channel.
        model_digest: Digest of the model's tree.
        manifest: What the bytes are for.
        engine: The opened model.
        ends: Moments at which its approvals may stop to hold; empty where they do not.
        opened_at: When they were verified.
        features: Names of the input columns, in tensor order.
        optional: Those that callers may leave out.
        headers: ``x-model-digest`` and ``x-release``, ready to be written.
    """

    release: str
    version: int
    model_digest: str
    manifest: ModelManifest
    engine: Engine
    ends: tuple[datetime, ...] = ()
    opened_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    features: tuple[str, ...] = field(init=False)
    optional: tuple[str, ...] = field(init=False)
    headers: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(feature.name for feature in self.manifest.features))
        optional = tuple(feature.name for feature in self.manifest.features if feature.is_optional)
        object.__setattr__(self, "optional", optional)
        headers = f"\r\nx-model-digest: {self.model_digest}\r\nx-release: {self.release}"
        object.__setattr__(self, "headers", headers.encode("latin-1", "replace"))

    def has_ended(self, now: datetime) -> bool:
        """Tell whether one of the ends has come since it was verified, so that it has to be verified again."""
        return any(self.opened_at < end <= now for end in self.ends)


NO_MODEL_HEADERS = b"\r\nx-model-digest: none\r\nx-release: none"
"""What an answer carries before the first release."""
