"""64-bit hashes of cells and rows, vectorised: to cut a table where its content says so, and to compare two.

Equal values give equal hashes on every machine and in every version; unequal ones collide with a probability of 2**-64
a pair (no protection against somebody who wants them to: what names bytes is SHA-256, in ``blocks``). Text is hashed as
a polynomial over its bytes modulo 2**64, for all cells at once through one cumulative sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data.tables.kinds import is_bytes

Hashes = NDArray[np.uint64]

_NULL = np.uint64(0x9E3779B97F4A7C15)
_BASE = 0xD1342543DE82EF95  # odd, so that it has an inverse modulo 2**64
_INVERSE = pow(_BASE, -1, 1 << 64)
_BYTES_AT_ONCE = 1 << 22


def mix(values: Hashes) -> Hashes:
    """Spread every bit over all 64 (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))


def cell_hashes(column: Any) -> Hashes:
    """Return one hash a cell; every NaN equals every other and a missing value, and -0.0 equals 0.0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks != 1:
            column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            parts = [cell_hashes(chunk) for chunk in column.chunks]
            return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    kind = column.type
    if pa.types.is_floating(kind):
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False) + 0.0
        bits = numbers.view(np.uint64).copy()
        bits[np.isnan(numbers)] = _NULL
        return mix(bits)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        # A whole number hashes as the same real number, so that a column retyped from int64 to double shows no change.
        filled = pc.fill_null(column, pa.scalar(0).cast(kind))
        numbers = filled.to_numpy(zero_copy_only=False)
        bits = _number_bits(numbers)
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        filled = pc.fill_null(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()), 0)
        bits = filled.to_numpy(zero_copy_only=False).view(np.uint64).copy()
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            bits ^= _below_a_microsecond(column)
    elif pa.types.is_duration(kind):
        return _text_hashes(column.cast(pa.int64()).cast(pa.string()))
    else:
        return _text_hashes(column)
    if column.null_count:
        bits[pc.is_null(column).to_numpy(zero_copy_only=False)] = _NULL
    return mix(bits)


def row_hashes(columns: list[Any]) -> Hashes:
    """Return one hash a row, over the cells in this order."""
    total = np.zeros(len(columns[0]) if columns else 0, np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            total = mix(total * np.uint64(31) + cell_hashes(column))
    return total


def _number_bits(numbers: NDArray[Any]) -> Hashes:
    real = numbers.astype(np.float64) + 0.0
    bits = real.view(np.uint64).copy()
    if numbers.dtype.kind in "iu":
        is_large = np.abs(real) >= 2.0**53  # beyond, different whole numbers share a real one
        if is_large.any():
            bits[is_large] = numbers[is_large].astype(np.int64, copy=False).view(np.uint64)
    return bits


def _below_a_microsecond(column: Any) -> Hashes:
    """Return what nanoseconds add to a time's hash; nothing where there are none, so that its unit does not matter."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rest = pc.fill_null(column.cast(pa.int64()), 0).to_numpy(zero_copy_only=False) % 1000
    bits = rest.astype(np.uint64)
    return np.where(bits > 0, mix(bits), bits)


def _text_hashes(column: Any) -> Hashes:
    """Hash text, or anything else by its text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(column.type):
        column = pa.array([None if v is None else repr(v) for v in column.to_pylist()], pa.large_string())
    if pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
        column = column.cast(pa.large_binary())
    elif not pa.types.is_large_binary(column.type):
        column = column.cast(pa.binary() if is_bytes(column.type) else pa.string()).cast(pa.large_binary())
    _, offsets_buffer, data_buffer = column.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[column.offset : column.offset + len(column) + 1]
    hashes = np.zeros(len(column), np.uint64)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer else np.zeros(0, np.uint8)
    start = 0
    while start < len(column):  # in pieces, since each byte takes eight while it is hashed
        stop = int(np.searchsorted(offsets, offsets[start] + _BYTES_AT_ONCE, side="right")) - 1
        stop = min(max(stop, start + 1), len(column))
        hashes[start:stop] = _polynomials(data, offsets[start : stop + 1])
        start = stop
    hashes = mix(hashes)
    if column.null_count:
        hashes[pc.is_null(column).to_numpy(zero_copy_only=False)] = mix(np.array([_NULL]))[0]
    return hashes


def _polynomials(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Hashes:
    first, last = int(offsets[0]), int(offsets[-1])
    piece = data[first:last].astype(np.uint64) + np.uint64(1)
    with np.errstate(over="ignore"):
        sums = np.concatenate(
            [np.zeros(1, np.uint64), np.cumsum(piece * _powers(_BASE, last - first), dtype=np.uint64)]
        )
        begins, ends = offsets[:-1] - first, offsets[1:] - first
        shift = _powers(_INVERSE, last - first + 1)[begins]
        hashes: Hashes = (sums[ends] - sums[begins]) * shift + (ends - begins).astype(np.uint64) * _NULL
    return hashes


def _powers(base: int, count: int) -> Hashes:
    """Return base**0 … base**(count - 1) modulo 2**64; doubled up from the first ones, kept for the next call."""
    known = _known.get(base)
    if known is None or len(known) < count:
        known = np.ones(1, np.uint64)
        with np.errstate(over="ignore"):
            while len(known) < count:
                known = np.concatenate([known, known * np.uint64(pow(base, len(known), 1 << 64))])
        if count <= 2 * _BYTES_AT_ONCE:
            _known[base] = known
    powers: Hashes = known[:count]
    return powers


_known: dict[int, Hashes] = {}
