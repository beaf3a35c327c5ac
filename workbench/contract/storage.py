"""What lies on the disk that nothing needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StorageReport:
    """One kind of thing that could be freed, or was.

    Attributes:
        part: ``deleted-runs``, ``orphan-artifacts``, ``jobs``, ``blobs``, ``leases``, ``trash`` or ``dvc-cache``.
        items: How many there are.
        bytes: What they take on the disk.
        is_freed: Whether this call freed them.
        why: Why nothing needs them, and who frees them where ``mlops gc`` does not.
        examples: The first few, as paths relative to the project where they lie in it.
    """

    part: str
    items: int
    bytes: int
    is_freed: bool
    why: str
    examples: tuple[str, ...] = ()
