"""Bring numpy arrays and pandas frames into columns (:mod:`~workbench.experiment.datasets.blocks`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.experiment.datasets.arrow import arrow_parts, category_column, name_of, said
from workbench.experiment.datasets.blocks import ROWS, Blocks, Column, Form, dtype_name, mask_of, numbers
from workbench.experiment.datasets.values import text_of


def array_columns(array: Any, name: str = "") -> tuple[Column, ...]:
    """Bring a numpy array of any shape into one column; the shape is part of the kind."""
    import numpy as np

    if array.dtype.names:
        return tuple(
            column for part in array.dtype.names for column in array_columns(array[part], f"{name}.{part}".lstrip("."))
        )
    shape = f"{list(array.shape)}"
    if array.dtype.kind in "OUSTV":
        return tuple(column.named(column.kind + shape) for column in _objects(array.ravel(order="C"), name))
    kind = dtype_name(array.dtype) + shape
    if array.ndim < 2 or array.flags.c_contiguous:
        return (numbers(array.reshape(-1), name, kind),)
    form = Form(array.dtype)
    rows = max(1, ROWS // max(1, int(np.prod(array.shape[1:]))))
    return (Column(name, kind, array.size, (Blocks(array, form, rows),), lambda: form.has_missing),)


def pandas_columns(data: Any) -> tuple[Column, ...]:
    """Bring a pandas frame or series into columns; an index that is no plain range counts as columns too."""
    import pandas as pd

    frame = data.to_frame() if isinstance(data, pd.Series) else data
    found: list[Column] = []
    index = frame.index
    if not _is_plain_range(index):
        for level in range(index.nlevels):
            values = index.get_level_values(level)
            found += _pandas_column(values.to_series(), f"index:{name_of(values.name)}")
    for position, name in enumerate(frame.columns):
        # By position: names may repeat.
        found += _pandas_column(frame.iloc[:, position], name_of(name))
    return tuple(found)


def _pandas_column(series: Any, name: str) -> Iterator[Column]:
    import numpy as np
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        values = series.to_numpy()
        yield from _objects(values, name) if dtype.kind in "OUSTV" else [numbers(values, name)]
    elif isinstance(dtype, pd.CategoricalDtype):
        codes = np.asarray(series.array.codes, dtype=np.int64)
        words = [text_of(item, name) for item in dtype.categories]
        yield category_column(codes, words, name, str(dtype.categories.dtype), is_ordered=bool(dtype.ordered))
    elif isinstance(dtype, pd.DatetimeTZDtype):
        yield numbers(series.array.asi8.view(f"M8[{dtype.unit}]"), name, f"timestamp[{dtype.unit},{dtype.tz}]")
    elif isinstance(dtype, pd.StringDtype):
        # ``str`` (missing is NaN, pandas 3's default) is what everybody else calls a string; ``string`` misses with NA.
        for column in arrow_parts(_arrow_of(series), name):
            yield column.named("string[NA]" if dtype.na_value is pd.NA else "string")
    elif isinstance(dtype, pd.ArrowDtype):
        for column in arrow_parts(_arrow_of(series), name):
            yield column.named(f"arrow:{column.kind}")
    elif hasattr(series.array, "_mask"):  # Int64, Float64, boolean
        mask = mask_of(series.isna().to_numpy())
        values = series.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0))
        streams = (Blocks(values, Form(values.dtype)), mask)
        yield Column(name, str(dtype), len(series), streams, lambda: len(mask) > 0)
    elif isinstance(dtype, pd.PeriodDtype):
        yield Column(name, str(dtype), len(series), (Blocks(series.array.asi8),), series.isna().any)
    else:  # sparse, intervals and what others define: say what they hold, slowly but fully
        for column in _objects(np.asarray(series, dtype=object), name):
            yield column.named(f"{dtype}:{column.kind}")


def _arrow_of(series: Any) -> Any:
    """Return the Arrow array below a column; strings that lie elsewhere are copied into one."""
    import pyarrow as pa

    values = pa.array(series.array, from_pandas=True)
    return values if isinstance(values, pa.ChunkedArray | pa.Array) else pa.array(list(series), from_pandas=True)


def _objects(values: Any, name: str) -> Iterator[Column]:
    """Python objects: strings through Arrow, at its speed; anything else one by one."""
    import pyarrow as pa

    flat = values if values.dtype.kind == "O" else values.astype(object)
    try:
        array = pa.array(flat, type=pa.large_string(), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        yield said(flat, name)
        return
    for column in arrow_parts(array, name):
        yield column.named(f"object:{column.kind}")


def _is_plain_range(index: Any) -> bool:
    """Tell whether an index only counts the rows, whatever its class."""
    import numpy as np

    if index.nlevels > 1 or index.name is not None or index.dtype != np.dtype("int64"):
        return False
    if hasattr(index, "start"):
        return bool(index.start == 0 and index.step == 1)
    return bool(len(index) == 0 or (index[0] == 0 and np.array_equal(index.to_numpy(), np.arange(len(index)))))
