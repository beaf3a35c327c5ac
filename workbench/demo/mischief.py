"""What a dishonest or clumsy hand might do, done on purpose and undone again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.contract.model import ONNX_FILE
from workbench.foundation.project import Project


@contextmanager
def changed_byte(project: Project, model_digest: str) -> Iterator[None]:
    """Flip one byte of a reviewed model where it lies, and put it back."""
    entry = next(e for e in project.store.tree(model_digest) if e.path == ONNX_FILE)
    path = project.store.path_of(entry.digest)
    original = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    try:
        yield
    finally:
        path.write_bytes(original)
        path.chmod(0o444)
