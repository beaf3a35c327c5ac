"""What a profile says, against pandas and scipy on the same values; real and made tables."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench.data.tables.profile import profile_data
from workbench.data.versions import snapshot
from workbench.foundation.errors import NotFoundError, UsageError


@pytest.fixture(scope="module")
def shuttle():
    datasets = pytest.importorskip("river.datasets")
    return pd.DataFrame([{**x, "fault": y} for x, y in datasets.Shuttle()])


@pytest.mark.checklist("S4-13")
def test_real_readings_against_pandas(project, import_frame, shuttle):
    done = import_frame(shuttle, "shuttle")
    assert done.original == "written again"
    profile = profile_data(project, done.version.id)
    assert (profile.rows, profile.duplicate_rows) == (len(shuttle), int(shuttle.duplicated().sum()))
    for column in profile.columns:
        values = shuttle[column.name]
        assert (column.missing, column.distinct) == (0, values.nunique())
        assert (column.minimum, column.maximum) == (str(values.min()), str(values.max()))
        assert (column.mean, column.std) == (pytest.approx(values.mean()), pytest.approx(values.std()))
        assert column.quantiles["p25"] == pytest.approx(values.quantile(0.25))
        low, high = values.quantile([0.25, 0.75])
        fences = (values < low - 1.5 * (high - low)) | (values > high + 1.5 * (high - low))
        assert column.outliers_iqr == int(fences.sum())
        counts, edges = np.histogram(values, bins=len(column.counts))
        assert column.counts == tuple(counts.tolist())
        assert column.edges == pytest.approx(tuple(edges.tolist()))
        assert column.top[0].count == int(values.value_counts().iloc[0])
    strongest = profile.correlations[0]
    assert strongest.value == pytest.approx(shuttle[strongest.first].corr(shuttle[strongest.second]), abs=1e-6)


@pytest.mark.parametrize("load", ["load_iris", "load_wine", "load_diabetes", "load_breast_cancer"])
def test_sets_of_scikit_learn_survive_the_way_there_and_back(project, import_frame, tmp_path, load):
    from sklearn import datasets

    from workbench.data.tables.exports import export_data

    frame = getattr(datasets, load)(as_frame=True).frame
    done = import_frame(frame, load)
    assert done.original == "written again"
    export_data(project, load, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / f"{load}.csv").read_bytes()
    assert profile_data(project, load).columns[0].mean == pytest.approx(frame.iloc[:, 0].mean())


def test_missing_values_words_times_and_outliers(project):
    frame = pd.DataFrame(
        {
            "x": [1.0, 2.0, 3.0, 2.0, 1.5, 2.5, 1000.0, None, np.inf],
            "word": ["良", "良", "不良", None, "良", "", "a", "b", "c"],
            "at": pd.date_range("2024-04-01", periods=9, freq="h"),
            "nothing": [None] * 9,
            "ok": [True, False, None, True, True, True, True, True, True],
        }
    )
    frame.to_parquet(project.root / "data/odd.parquet")
    (version,) = snapshot(project, ("data/odd.parquet",))
    for source in (version.id, "data/odd.parquet"):
        profile = profile_data(project, source)
        x, word, at, nothing, truth = profile.columns
        assert (x.missing, x.distinct, x.outliers_iqr, x.outliers_mad, x.maximum) == (1, 7, 1, 1, "inf")
        assert sum(x.counts) == 7
        assert (word.missing, word.distinct, word.top[0].value, word.top[0].count) == (1, 6, "良", 3)
        assert (at.minimum, at.maximum, at.mean) == ("2024-04-01", "2024-04-01T08:00:00", None)
        assert (nothing.missing_share, nothing.distinct) == (1.0, 0)
        assert (truth.distinct, truth.top[0].value) == (2, "true")
        json.dumps(profile, default=vars, allow_nan=False)


def test_a_second_look_is_remembered_and_a_change_is_seen(project, import_frame):
    frame = pd.DataFrame({"id": range(100), "x": np.arange(100) / 3})
    import_frame(frame)
    first = profile_data(project, "t")
    assert profile_data(project, "t") == first
    for kept in (project.state_dir / "tables").iterdir():
        kept.write_bytes(b"damaged")
    assert profile_data(project, "t") == first
    import_frame(frame.assign(x=0.5))
    assert profile_data(project, "t").columns[1].distinct == 1
    assert [column.name for column in profile_data(project, "t", ("x",)).columns] == ["x"]


def test_what_is_no_table_is_named(project):
    (project.root / "data/folder").mkdir()
    (project.root / "data/folder/a.bin").write_bytes(b"x")
    with pytest.raises(UsageError, match="not-a-table"):
        profile_data(project, "data/folder")
    with pytest.raises(NotFoundError, match="data-missing"):
        profile_data(project, "nothing")


def test_large_whole_numbers_and_columns_that_only_parquet_has(project):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "id": [2**53 + 1, 2**63 - 1, 3],
            "half": [1, 2, 3],
            "took": pa.array([1, 2, None], pa.duration("s")),
            "raw": pa.array([b"\xff\xfe", b"\x00\xff", None], pa.binary(2)),
            "waves": pa.array([[1.5], [], None]),
        }
    )
    pq.write_table(table, project.root / "data/odd.parquet")
    profile = profile_data(project, "data/odd.parquet")
    assert profile.duplicate_rows == 0
    assert [(column.distinct, column.missing) for column in profile.columns] == [(3, 0), (3, 0), (2, 1), (2, 1), (2, 1)]


def test_what_a_float_cannot_hold_is_counted_and_named_as_it_is(project):
    import pyarrow as pa
    import pyarrow.parquet as pq

    days = pa.array([n * 86_400_000_000 for n in range(20)], pa.timestamp("us", "Asia/Tokyo"))
    table = pa.table(
        {
            "number": [2**62 + n // 2 for n in range(20)],
            "unsigned": pa.array([2**64 - 1 - n for n in range(20)], pa.uint64()),
            "day": days,
            "took": pa.array(range(20), pa.duration("s")),
            "price": pa.array([f"{n}.50" for n in range(20)]).cast(pa.decimal128(10, 2)),
        }
    )
    (project.root / "data").mkdir(exist_ok=True)
    pq.write_table(table, project.root / "data" / "wide.parquet")
    found = {column.name: column for column in profile_data(project, "data/wide.parquet").columns}
    number = found["number"]
    assert (number.distinct, number.minimum, number.maximum) == (10, str(2**62), str(2**62 + 9))
    assert {(value.value, value.count) for value in number.top} <= {(str(2**62 + n), 2) for n in range(10)}
    assert (found["unsigned"].distinct, found["unsigned"].maximum) == (20, str(2**64 - 1))
    assert (found["day"].minimum, found["day"].maximum) == ("1970-01-01T09:00:00+09:00", "1970-01-20T09:00:00+09:00")
    assert (found["took"].minimum, found["took"].maximum) == ("0", "19")
    assert float(found["price"].maximum) == 19.5
