"""Evidence of a review, carried out of the project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportedEvidence:
    """A zip that verifies without this package.

    Attributes:
        path: The file.
        review: Review it is about.
        model_digest: The reviewed bytes.
        state: State of the review at the export.
        statements: Number of statements in it, from the request to releases and rollbacks.
        files: Number of files in it.
        digest: Digest of the zip; the same review gives the same bytes.
        size: Bytes.
        signed_by: Who signed the list of files; empty where the exporter's key may not, and then only what the
            reviewers signed is protected against somebody who writes the list anew.
    """

    path: str
    review: str
    model_digest: str
    state: str
    statements: int
    files: int
    digest: str
    size: int
    signed_by: str
