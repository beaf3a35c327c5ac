"""The one thing that is swapped: an opened, verified model with everything an answer needs."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        features: Names of the input columns, in tensor order.
        headers: ``x-model-digest`` and ``x-release``, ready to be written.
    """

    release: str
    version: int
    model_digest: str
    manifest: ModelManifest
    engine: Engine
    features: tuple[str, ...] = field(init=False)
    headers: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(feature.name for feature in self.manifest.features))
        headers = f"\r\nx-model-digest: {self.model_digest}\r\nx-release: {self.release}"
        object.__setattr__(self, "headers", headers.encode("latin-1", "replace"))


NO_MODEL_HEADERS = b"\r\nx-model-digest: none\r\nx-release: none"
"""What an answer carries before the first release."""
