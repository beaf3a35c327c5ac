"""Kinds of Arrow columns that several readers of tables tell apart in the same way."""

from __future__ import annotations

from typing import Any


def is_bytes(kind: Any) -> bool:
    """Tell whether a column holds bytes, of whatever length."""
    import pyarrow as pa

    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(is_so(kind) for is_so in kinds)
