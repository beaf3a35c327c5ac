"""From a channel file to a model that may answer: verify the approvals, read every byte by its digest, open, try.

Nothing is trusted but ``policy/`` as it stands now and the digests: the channel file only says where to look. The
bytes that were hashed are the bytes that are opened.
"""

from __future__ import annotations

import numpy as np

from workbench.contract.model import MANIFEST_FILE, ModelManifest, parse_manifest
from workbench.foundation.errors import IntegrityError
from workbench.foundation.project import Project
from workbench.foundation.store import Store, TreeEntry
from workbench.review.policies.policy import load_policy
from workbench.review.proof.grant import Grant
from workbench.review.proof.verification import grant_ends
from workbench.serving.channel import ChannelFile
from workbench.serving.promise import held_to, verify_channel_file
from workbench.serving.runner.engine import Matrix, OnnxEngine
from workbench.serving.runner.served import Served

_AGAIN = "save the model again and request a new review"
# The author's model may have computed in float64; the engine computes in float32.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5


def load_served(project: Project, file: ChannelFile, channel: str) -> Served:
    """Verify and open what a channel file names.

    Args:
        project: Whose policy, reviewers and store decide.
        file: What the channel says; not trusted.
        channel: The channel that was asked for.

    Raises:
        IntegrityError: The approvals or the bytes do not verify, or the model does not do what its manifest says.
        StorageError: ``file-not-readable``.
    """
    with held_to():
        return _load(project, file, channel)


def _load(project: Project, file: ChannelFile, channel: str) -> Served:
    verify_channel_file(project, file, channel)
    entries = {entry.path: entry for entry in project.store.tree(file.model_digest)}
    manifest = parse_manifest(_read(project.store, entries, MANIFEST_FILE))
    if f"{manifest.name}@" != channel[: len(manifest.name) + 1]:
        raise IntegrityError("channel-mismatch", f"The bytes are '{manifest.name}', the channel is {channel}", _AGAIN)
    if manifest.engine != "onnx":
        raise IntegrityError("engine-unknown", f"There is no engine '{manifest.engine}'", "save the model as ONNX")
    engine = OnnxEngine(_read(project.store, entries, manifest.file), manifest)
    _try_examples(engine, manifest)
    ends = grant_ends(Grant.from_json(file.grant), project.store, load_policy(project))
    return Served(file.release, file.version, file.model_digest, manifest, engine, ends)


def _read(store: Store, entries: dict[str, TreeEntry], path: str) -> bytes:
    if path not in entries:
        raise IntegrityError("manifest-malformed", f"The model has no file '{path}'", _AGAIN)
    return store.read(entries[path].digest)


def _try_examples(engine: OnnxEngine, manifest: ModelManifest) -> None:
    """Warm the session up on the author's rows and refuse it where it answers otherwise than the author's model did."""
    rows: Matrix = np.array(manifest.example_inputs, dtype=np.float32)
    wanted = np.array(manifest.example_outputs)
    if rows.ndim != 2 or rows.shape != (len(wanted), len(manifest.features)):
        raise IntegrityError("example-missing", "The manifest has no example, or one of the wrong shape", _AGAIN)
    answer = engine.predict(rows)
    if manifest.task == "classification":
        is_same = np.array_equal(answer.values.reshape(-1), wanted.astype(np.int64))
        probabilities = answer.probabilities
        is_same = is_same and probabilities is not None and probabilities.shape == (len(rows), len(manifest.classes))
    else:
        is_same = np.allclose(answer.values, wanted, rtol=_RELATIVE, atol=_ABSOLUTE)
    if not is_same:
        raise IntegrityError("example-differs", "The model does not give its author's answers to the example", _AGAIN)
