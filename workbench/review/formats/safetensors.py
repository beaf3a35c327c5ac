"""What a safetensors file holds: tensors by name, and nothing that runs.

The header is JSON after its length; every tensor names a part of the rest. Format:
https://huggingface.co/docs/safetensors. A header that names bytes twice, or not at all, is a fault: such a file is two
files to two readers.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

MAX_HEADER_BYTES = 16 << 20
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 8),
}


def examine_safetensors(path: Path) -> tuple[str, ...]:
    """Return what is wrong with the file; nothing where every byte belongs to exactly one tensor."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
                raise ValueError(f"its header of {length:,} bytes does not fit")
            header = json.loads(stream.read(length), object_pairs_hook=_unique)
        if not isinstance(header, dict):
            raise TypeError("its header is no table")
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata is more than text")
        _check_parts([_part(name, entry) for name, entry in header.items()], size - 8 - length)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        return (" ".join(str(error).split())[:300] or type(error).__name__,)
    return ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("its header names something twice")
    return found


def _part(name: str, entry: Any) -> tuple[int, int]:
    if set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"tensor '{name}' is described by something else")
    shape, (begin, end) = entry["shape"], entry["data_offsets"]
    numbers = [*shape, begin, end]
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
        raise ValueError(f"tensor '{name}' has a size that is none")
    if end - begin != math.prod(shape) * _BITS[entry["dtype"]] // 8:
        raise ValueError(f"tensor '{name}' is not as long as its shape says")
    return begin, end


def _check_parts(parts: list[tuple[int, int]], size: int) -> None:
    at = 0
    for begin, end in sorted(parts):
        if begin != at:
            raise ValueError("its tensors overlap or leave bytes out")
        at = end
    if at != size:
        raise ValueError("its tensors overlap or leave bytes out")
