"""Secrets that workbench.toml has read, and whether this user has agreed to that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SecretUse:
    """A section of ``workbench.toml`` that has secrets read, or that names a server where this user would sign in.

    Attributes:
        section: ``tracking``, ``journal``, ``lineage``, ``notices.<name>``, ``targets.<name>``, its files,
            ``watches.<name>`` or ``gate``.
        reads: Sources by what they are for; never values.
        goes_to: Where what is read goes, in words.
        is_trusted: Whether this user has agreed to just this.
        digest: Digest of the section, for ``WORKBENCH_TRUST``.
    """

    section: str
    reads: dict[str, str]
    goes_to: str
    is_trusted: bool
    digest: str
