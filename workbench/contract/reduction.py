"""Edge reduction: what was done to readings before they were sent, and how many bytes that saved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReductionStep:
    """One step of a recipe as it was carried out.

    Attributes:
        kind: ``filter``, ``keep``, ``downsample``, ``aggregate``, ``features`` or ``quantise``.
        detail: The step's settings in words.
        rows_before: Rows that went in.
        rows_after: Rows that came out.
        bytes_before: Bytes that went in: of the file itself at the first step, else as the step before left them.
        bytes_after: Bytes that came out, written with the recipe's codec.
        largest_error: Largest change of a value by ``quantise``; 0 for other steps.
    """

    kind: str
    detail: str
    rows_before: int
    rows_after: int
    bytes_before: int
    bytes_after: int
    largest_error: float = 0.0


@dataclass(frozen=True)
class ReductionReport:
    """What a recipe made of one file.

    Attributes:
        source: File that was read, relative to the project.
        output: File that was written.
        recipe_digest: Digest of the recipe's steps in canonical form.
        source_digest: Digest of the source's bytes.
        output_digest: Digest of the output's bytes.
        bytes_before: Bytes of the source.
        bytes_after: Bytes of the output.
        saved_share: 1 - after / before; the traffic reduction rate.
        steps: The steps in order.
    """

    source: str
    output: str
    recipe_digest: str
    source_digest: str
    output_digest: str
    bytes_before: int
    bytes_after: int
    saved_share: float
    steps: tuple[ReductionStep, ...]
