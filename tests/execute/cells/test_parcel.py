"""Values travel exactly or not at all, and a pickle is only opened by what wrote it."""

from __future__ import annotations

import ast
import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as arrays

from workbench.execute.cells import parcel

FRAME = pd.DataFrame(
    {
        "number": [1, 2, None],
        "whole": [1, 2, 3],
        "text": ["a", None, "データ"],
        "kind": pd.Categorical(["x", "y", "x"]),
        "at": pd.to_datetime(["2026-01-01", "2026-01-02", None], utc=True),
        "for": pd.to_timedelta([1, 2, 3], unit="h"),
    },
    index=pd.Index([10, 20, 30], name="row"),
)


def travelled(value: object, folder: Path) -> tuple[str, object]:
    """Pack and unpack a value, and return its form and what came of it."""
    (entry,) = parcel.pack_all({"v": value}, folder)
    manifest = json.loads((folder / parcel.MANIFEST).read_text())
    assert parcel.differences(manifest, "here", "there") == []
    return entry["kind"], parcel.unpack(entry, folder)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (FRAME, "parquet"),
        (FRAME.iloc[:0], None),
        (pd.DataFrame(), "parquet"),
        (pd.DataFrame({"a": [(1, 2), (3, 4)]}), "pickle"),  # Parquet would make arrays of them
        (pd.DataFrame({"a": [1, "b", object]}), "pickle"),
        (pd.DataFrame({0: [1], 1: [2]}), None),
        (pd.DataFrame({"a": [1, 2]}, index=pd.IntervalIndex.from_breaks([0, 1, 2])), None),
        (pd.DataFrame([[1, 2]], columns=["same", "same"]), "pickle"),
        (pd.DataFrame({"a": [1, 2, 3]}, index=pd.date_range("2026-01-31", periods=3, freq="ME", tz="UTC")), "parquet"),
        (pd.DataFrame({"a": [1, 2]}, index=pd.period_range("2026-01", periods=2, freq="M")), None),
        (pd.DataFrame({"a": [1, 2]}, index=pd.timedelta_range("1h", periods=2, freq="h")), "parquet"),
        (pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False), "pickle"),
    ],
)
def test_a_frame_comes_back_as_it_was(tmp_path: Path, frame: pd.DataFrame, kind: str | None) -> None:
    found, back = travelled(frame, tmp_path)
    assert kind in (None, found)
    pd.testing.assert_frame_equal(back, frame)
    assert [type(value) for value in back.to_numpy(dtype=object).ravel()] == [
        type(value) for value in frame.to_numpy(dtype=object).ravel()
    ]


@pytest.mark.parametrize(("attrs", "kind"), [({"unit": "mm"}, "parquet"), ({1: (2, 3)}, "pickle")])
def test_what_a_frame_says_of_itself_comes_back_as_it_was(tmp_path: Path, attrs: dict[Any, Any], kind: str) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs.update(attrs)
    found, back = travelled(frame, tmp_path)
    assert (found, back.attrs) == (kind, attrs)


def test_tables_of_arrow_and_polars_come_back_as_they_were(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "b": [[1], None]}).replace_schema_metadata({"k": "v"})
    kind, back = travelled(table, tmp_path / "a")
    assert kind == "arrow"
    assert back.equals(table, check_metadata=True)
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1], []]})
    kind, back = travelled(frame, tmp_path / "p")
    assert kind == "polars"
    assert back.equals(frame)
    assert back.schema == frame.schema


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays.arrays(arrays.array_dtypes() | arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0)))
def test_any_array_comes_back_as_it_was(tmp_path: Path, array: np.ndarray) -> None:
    kind, back = travelled(array, tmp_path)
    assert kind == "npy"
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_everything_else_is_pickled_with_what_it_needs(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    (entry,) = parcel.pack_all({"m": [model, lambda x: x + 1]}, tmp_path)
    assert entry["kind"] == "pickle"
    assert entry["needs"]["scikit-learn"] == parcel.installed("scikit-learn")
    assert "numpy" in entry["needs"]
    back, add = parcel.unpack(entry, tmp_path)
    assert add(1) == 2
    assert back.predict([[0.9]]) == [1]
    masked = np.ma.masked_array([1, 2], mask=[True, False])
    assert travelled(masked, tmp_path / "a")[1].mask.tolist() == [True, False]
    assert travelled(pd.Series([1, 2], name="s"), tmp_path / "b")[1].name == "s"


def test_another_python_or_another_package_is_named_with_both_versions(tmp_path: Path, monkeypatch) -> None:
    parcel.pack_all({"m": {1, 2}, "table": FRAME}, tmp_path)
    manifest = json.loads((tmp_path / parcel.MANIFEST).read_text())
    manifest["python"] = "3.9.2"
    own = parcel.python_version()
    assert parcel.differences(manifest, "here", "gpu-box") == [
        f"'m' was pickled by Python 3.9.2 on gpu-box, and here has Python {own}"
    ], "a table has no version"
    manifest["python"] = own
    manifest["entries"][0]["needs"]["numpy"] = "1.0"
    (problem,) = parcel.differences(manifest, "here", "gpu-box")
    assert problem == f"'m' was pickled with numpy 1.0 on gpu-box, and here has numpy {np.__version__}"
    monkeypatch.setattr(parcel, "installed", lambda name: "" if name == "pyarrow" else parcel.version(name))
    manifest["entries"][0]["needs"].pop("numpy")
    assert parcel.differences(manifest, "here", "gpu-box") == ["'table' needs pyarrow, which here does not have"]


def test_what_cannot_be_pickled_says_so(tmp_path: Path) -> None:
    with pytest.raises(parcel.ParcelError, match="'lock'"):
        parcel.pack_all({"lock": threading.Lock()}, tmp_path)


def test_what_travels_needs_nothing_of_this_project() -> None:
    for name in ("far_cell.py", "parcel.py"):
        source = Path(parcel.__file__).with_name(name).read_text(encoding="utf-8")
        tree = ast.parse(source, feature_version=(3, 9))
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in top}
        assert {str(module).split(".")[0] for module in modules} <= {"parcel", *sys.stdlib_module_names}
