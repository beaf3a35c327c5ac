"""One column in one form: a name, a kind and streams of blocks to be hashed.

A column has one stream (numbers: their bytes), two (numbers with missing values: bytes and mask) or three (strings:
lengths, characters, mask). Blocks are contiguous memory, made one at a time, so a strided column is never copied whole.
The kind is the *logical* type: ``int64``, ``float32``, ``string``, ``timestamp[ns,Asia/Tokyo]``, ``category[...]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

NAT = -(2**63)  # how numpy says that a date is missing
ROWS = 8_192  # of eight bytes and twenty columns: about a megabyte, what a core's second-level cache holds


@dataclass(frozen=True)
class Column:
    """One column, ready to be hashed.

    Attributes:
        name: Its name, with the type of the name where that is no string.
        kind: Its logical type.
        rows: How many values it has.
        streams: Blocks of bytes; together they say every value.
        has_missing: Tells whether a value is missing; true answers for numbers only once they are hashed, since that
            is when they are looked at.
    """

    name: str
    kind: str
    rows: int
    streams: tuple[Sequence[Any], ...]
    has_missing: Callable[[], bool] = lambda: False

    def named(self, kind: str) -> Column:
        """Return the same column under another kind."""
        return Column(self.name, kind, self.rows, self.streams, self.has_missing)


class Form:
    """Make equal values equal bytes: one byte order, one NaN, dates as whole numbers.

    Args:
        dtype: Type of the numpy arrays to come.
    """

    def __init__(self, dtype: Any) -> None:
        import numpy as np

        self._native = dtype.newbyteorder("=")
        self._part = np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else self._native
        self.has_missing = False

    def __call__(self, block: Any) -> Any:
        """Return a contiguous block as whole numbers or bytes."""
        import numpy as np

        block = block.astype(self._native, copy=False).view(self._part)
        if self._part.kind == "f":
            missing = np.isnan(block)
            if missing.any():
                self.has_missing = True
                block = np.where(missing, self._part.type(np.nan), block)
        elif self._part.kind in "mM":
            block = block.view("i8")
            self.has_missing = self.has_missing or bool((block == NAT).any())
        return block.view("u1")


class Blocks(Sequence[Any]):
    """A one-dimensional array as contiguous blocks, each made when asked for.

    Args:
        values: The array; of several dimensions only where it is cut along the first.
        form: What to do with a block before it is hashed.
        rows: How many entries along the first dimension are one block.
    """

    def __init__(self, values: Any, form: Form | None = None, rows: int = ROWS) -> None:
        self._values, self._form, self._rows = values, form, rows

    def __len__(self) -> int:
        return (len(self._values) + self._rows - 1) // self._rows

    def __getitem__(self, index: Any) -> Any:
        import numpy as np

        block: Any = np.ascontiguousarray(self._values[index * self._rows : (index + 1) * self._rows]).reshape(-1)
        return memoryview(self._form(block) if self._form else block).cast("B") if block.size else b""


def numbers(values: Any, name: str, kind: str = "") -> Column:
    """Bring numbers, booleans, dates or durations of numpy into a column."""
    form = Form(values.dtype)
    return Column(
        name, kind or dtype_name(values.dtype), len(values), (Blocks(values, form),), lambda: form.has_missing
    )


def mask_of(missing: Any) -> Sequence[Any]:
    """Return where values are missing; nothing where none is, so that a mask that says nothing changes nothing."""
    return Blocks(missing.view("u1")) if missing.any() else ()


def dtype_name(dtype: Any) -> str:
    """Return the logical type of a numpy array."""
    if dtype.kind in "mM":
        return f"{'timestamp' if dtype.kind == 'M' else 'duration'}[{dtype.str.partition('[')[2].rstrip(']')}]"
    return str(dtype.newbyteorder("=").name)
