"""The digest sees every change and nothing that is none."""

import datetime
import decimal
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from workbench.experiment.datasets.digest import digest_of
from workbench.foundation.errors import NotFoundError, UsageError

ROWS = 20_000


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "f": rng.normal(size=ROWS),
            "g": rng.normal(size=ROWS).astype("float32"),
            "i": rng.integers(0, 9, ROWS),
            "b": rng.random(ROWS) > 0.5,
            "s": rng.choice(["Wärme", "圧力", ""], ROWS),
            "o": np.array(["x", "y"], dtype=object)[rng.integers(0, 2, ROWS)],
            "t": pd.date_range("2024-01-01", periods=ROWS, freq="min"),
            "z": pd.date_range("2024-01-01", periods=ROWS, freq="min", tz="Asia/Tokyo"),
            "d": pd.to_timedelta(rng.integers(0, 99, ROWS), unit="s"),
            "k": pd.Categorical(rng.choice(["low", "high"], ROWS)),
            "n": pd.array(rng.integers(0, 9, ROWS), dtype="Int64"),
        }
    )


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return frame()


def test_it_is_as_long_as_mlflow_has_room_for(table):
    assert len(digest_of(table)) == 36
    assert digest_of(table) == digest_of(frame())


def changed(name: str):
    """Return a copy in which one value far from the beginning is another."""
    copy = frame()
    other = {
        "b": lambda value: not value,
        "s": lambda value: "Wärme" if value != "Wärme" else "圧力",
        "o": lambda value: "y" if value == "x" else "x",
        "t": lambda value: value + pd.Timedelta("1us"),
        "z": lambda value: value + pd.Timedelta("1us"),
        "k": lambda value: "low" if value == "high" else "high",
        "d": lambda value: value + pd.Timedelta("1s"),
        "f": lambda value: np.nextafter(value, np.inf),
        "g": lambda value: np.nextafter(np.float32(value), np.float32(np.inf)),
    }.get(name, lambda value: value + 1)
    column = copy.columns.get_loc(name)
    copy.iat[15_000, column] = other(copy.iat[15_000, column])
    return copy


@pytest.mark.parametrize("name", list(frame().columns))
def test_one_changed_value_in_row_15000_is_seen(table, name):
    assert digest_of(changed(name)) != digest_of(table)


@pytest.mark.parametrize("name", list(frame().columns))
def test_one_value_that_goes_missing_is_seen(table, name):
    copy = frame()
    if copy[name].dtype.kind in "ib":
        copy[name] = copy[name].astype("object")
        before = digest_of(copy)
    else:
        before = digest_of(table)
    copy.iloc[15_000, copy.columns.get_loc(name)] = None
    assert digest_of(copy) != before


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.rename(columns={"f": "F"}),
        lambda t: t[[*t.columns[1:], "f"]],
        lambda t: t.iloc[::-1].reset_index(drop=True),
        lambda t: t.iloc[:-1],
        lambda t: t.assign(i=t.i.astype("int32")),
        lambda t: t.assign(i=t.i.astype("Int64")),
        lambda t: t.assign(i=t.i.astype("float64")),
        lambda t: t.assign(f=t.f.astype("float32")),
        lambda t: t.assign(b=t.b.astype("int64")),
        lambda t: t.assign(s=t.s.astype(object)),
        lambda t: t.assign(s=t.s.astype("category")),
        lambda t: t.assign(z=t.z.dt.tz_convert("UTC")),
        lambda t: t.assign(t=t.t.astype("datetime64[ns]")),
        lambda t: t.assign(k=t.k.cat.as_ordered()),
        lambda t: t.assign(k=t.k.cat.add_categories(["never"])),
        lambda t: t.set_axis(t.index + 1),
        lambda t: t.set_index("t"),
        lambda t: t.drop(columns="n"),
    ],
)
def test_names_types_order_rows_and_index_are_seen(table, change):
    assert digest_of(change(table)) != digest_of(table)


@pytest.mark.parametrize(
    "same",
    [
        lambda t: t.copy(),
        lambda t: pd.concat([t.iloc[:7], t.iloc[7:]]),
        lambda t: pd.concat([t, t]).iloc[len(t) :].reset_index(drop=True),
        lambda t: t.set_axis(np.arange(len(t))),
        lambda t: t.assign(k=t.k.cat.set_categories(["low", "high"])),
        lambda t: t.assign(k=t.k.cat.set_categories(["high", "low"])),
        lambda t: pd.DataFrame({name: t[name] for name in t}),
    ],
)
def test_memory_chunks_and_the_order_of_unordered_categories_are_not(table, same):
    assert digest_of(same(table)) == digest_of(table)


def test_one_table_has_one_digest_in_pandas_arrow_and_polars(table):
    polars = pytest.importorskip("polars")
    plain = table.drop(columns=["o", "n"])
    arrow = pa.Table.from_pandas(plain)
    assert digest_of(arrow) == digest_of(plain)
    assert digest_of(arrow.slice(5)) == digest_of(plain.iloc[5:].reset_index(drop=True))
    assert digest_of(pa.concat_tables([arrow.slice(0, 9), arrow.slice(9)])) == digest_of(plain)
    assert digest_of(polars.from_arrow(arrow)) == digest_of(plain)


def test_what_lies_below_a_missing_value_does_not_matter():
    data = pa.py_buffer(np.array([1, 99, 3], dtype="int64"))
    other = pa.py_buffer(np.array([1, 42, 3], dtype="int64"))
    mask = pa.py_buffer(bytes([0b101]))
    tables = [pa.table({"a": pa.Array.from_buffers(pa.int64(), 3, [mask, part])}) for part in (data, other)]
    assert digest_of(tables[0]) == digest_of(tables[1]) == digest_of(pa.table({"a": [1, None, 3]}))
    assert digest_of(pa.table({"a": [1, 0, 3]})) != digest_of(tables[0])


def test_arrays_in_any_layout():
    array = np.random.default_rng(0).normal(size=(10_001, 3))
    digest = digest_of(array)
    assert digest_of(np.asfortranarray(array)) == digest
    assert digest_of(np.repeat(array, 2, axis=0)[::2]) == digest
    assert digest_of(array.astype(">f8")) == digest
    payload = array.copy()
    payload[0, 0] = np.nan
    twin = payload.copy()
    twin.view("u8")[0, 0] ^= 1  # another NaN
    assert digest_of(payload) == digest_of(twin)
    others = (
        array.T,
        array.reshape(-1),
        array[::-1],
        array.astype("float32"),
        array[:-1],
        payload,
        array.astype(complex),
    )
    assert len({digest_of(other) for other in others} | {digest}) == len(others) + 1
    assert digest_of(np.array([0.0])) != digest_of(np.array([-0.0]))
    assert digest_of(np.array([], dtype="f8")) != digest_of(np.array([], dtype="f4"))


def test_mixed_objects_are_read_one_by_one():
    day = datetime.date(2024, 4, 1)
    values = [1, 1.0, "1", b"1", None, day, decimal.Decimal("1.0"), [1, {"a": (2,)}], {"x"}, True]
    assert digest_of(pd.DataFrame({"o": values})) == digest_of(pd.DataFrame({"o": list(values)}))
    digests = {digest_of(pd.DataFrame({"o": pd.Series([value, [0]], dtype=object)})) for value in values}
    assert len(digests) == len(values)


def test_what_has_no_text_is_refused():
    with pytest.raises(UsageError) as refusal:
        digest_of(pd.DataFrame({"o": [object(), 1]}))
    assert refusal.value.code == "dataset-column-unreadable"
    assert "Column o" in refusal.value.message
    with pytest.raises(UsageError) as refusal:
        digest_of(3)
    assert refusal.value.code == "dataset-kind-unknown"


def test_files_and_folders(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n")
    before = digest_of(tmp_path / "a.csv"), digest_of(tmp_path)
    (tmp_path / "a.csv").write_text("a\n2\n")
    assert digest_of(tmp_path / "a.csv") != before[0]
    assert digest_of(str(tmp_path)) != before[1]
    with pytest.raises(NotFoundError):
        digest_of(tmp_path / "none.csv")


def test_it_is_the_same_in_another_process():
    code = (
        "import pandas as pd; from workbench.experiment.datasets.digest import digest_of;"
        "print(digest_of(pd.DataFrame({'a': [1.5, None], 's': ['é', None], 'm': [{'x', 'y', 'z'}, 2]})))"
    )
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert said == {digest_of(pd.DataFrame({"a": [1.5, None], "s": ["é", None], "m": [{"x", "y", "z"}, 2]})) + "\n"}


def test_mlflows_own_digest_does_not_see_what_ours_sees(table):
    """The planted faults are real ones: a digest that looks at 10,000 rows of strings and numbers misses them."""
    from mlflow.data.digest_utils import compute_pandas_digest

    missed = [name for name in table if compute_pandas_digest(changed(name)) == compute_pandas_digest(table)]
    assert missed == list(table)
