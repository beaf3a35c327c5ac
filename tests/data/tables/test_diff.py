"""Differences found against counting by hand, for tables by the block, plain files and folders."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.contract.table import FileChange, SchemaChange
from workbench.data.tables.diff import diff_data
from workbench.data.tables.hashing import cell_hashes, row_hashes
from workbench.data.tables.rows import RowIndex, match_rows
from workbench.data.tables.sketch import distance, sketch_of, stability
from workbench.data.versions import snapshot
from workbench.foundation.errors import NotFoundError, UsageError


def readings(rows=40_000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"id": np.arange(rows), "torque": rng.normal(40, 10, rows).round(3), "grade": rng.choice(["L", "M", "H"], rows)}
    )


@pytest.mark.checklist("S1-12")
def test_added_removed_and_changed_rows_are_found_by_key(project, import_frame):
    old = readings()
    first = import_frame(old).version.id
    new = pd.concat([old.drop(index=[5, 30_000]), pd.DataFrame({"id": [90_000], "torque": [1.5], "grade": ["H"]})])
    new.loc[[7, 20_000], "torque"] = [-1.0, -2.0]
    new.loc[7, "grade"] = "?"
    second = import_frame(new).version.id
    found = diff_data(project, first, second)
    assert (found.rows_before, found.rows_after) == (40_000, 39_999)
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (1, 2, 2)
    assert (found.key, found.kind, found.is_equal, found.is_reordered) == (("id",), "table", False, False)
    changed = [example for example in found.examples if example.kind == "changed"]
    assert changed[0].key == {"id": "7"}
    assert changed[0].before == {"torque": str(old.torque[7]), "grade": old.grade[7]}
    assert changed[0].after == {"torque": "-1.0", "grade": "?"}
    assert [e.key["id"] for e in found.examples if e.kind == "removed"] == ["5", "30000"]
    assert [e.after for e in found.examples if e.kind == "added"] == [{"torque": "1.5", "grade": "H"}]
    assert {shift.column: shift.cells_changed for shift in found.shifts} == {"id": 0, "torque": 2, "grade": 1}
    # the second time from what was kept, the other way round, and against the work tree
    back = diff_data(project, second, first)
    assert (back.rows_added, back.rows_removed, back.rows_changed) == (2, 1, 2)
    assert diff_data(project, "t", second).is_equal
    assert diff_data(project, first, "t") == diff_data(project, first, "data/t.table")


def test_columns_added_dropped_retyped_and_probably_renamed(project, import_frame):
    old = readings(3000).assign(gone=1, moved=np.arange(3000) * 7)
    first = import_frame(old).version.id
    new = (
        old.drop(columns="gone")
        .rename(columns={"moved": "shifted"})
        .assign(extra="x", torque=old["torque"].astype(str) + "N")
    )
    second = import_frame(new, infer=True).version.id
    found = diff_data(project, first, second)
    assert set(found.schema) == {
        SchemaChange("retyped", "torque", "double", "string"),
        SchemaChange("added", "extra", "", "string"),
        SchemaChange("dropped", "gone", "int64", ""),
        SchemaChange("renamed", "shifted", "moved", "shifted"),
    }
    assert found.rows_changed == 3000


def test_another_order_is_said_and_is_no_changed_row(project, import_frame):
    old = readings(3000)
    first = import_frame(old).version.id
    found = diff_data(project, first, import_frame(old.iloc[::-1]).version.id)
    assert (found.rows_added, found.rows_removed, found.rows_changed, found.is_reordered) == (0, 0, 0, True)
    assert not found.is_equal


def test_a_file_a_version_of_one_and_a_table_are_compared_alike(project, import_frame, tmp_path):
    old = readings(2000)
    new = old.assign(torque=old["torque"] + (old["id"] == 3))
    old.to_csv(project.root / "data/plain.csv", index=False)
    (version,) = snapshot(project, ("data/plain.csv",))
    new.to_csv(project.root / "data/plain.csv", index=False)
    import_frame(new)
    new.to_parquet(tmp_path / "p.parquet", index=False)
    for after in ("data/plain.csv", "t", "p.parquet"):
        found = diff_data(project, version.id, after)
        assert (found.rows_changed, found.rows_added, found.rows_removed) == (1, 0, 0), after
        assert found.examples[0].key == {"id": "3"}


def test_folders_and_other_files_are_compared_by_file(project):
    folder = project.root / "images"
    folder.mkdir()
    for name, data in (("a.bin", b"a"), ("b.bin", b"b"), ("c.bin", b"c")):
        (folder / name).write_bytes(data)
    (version,) = snapshot(project, ("images",))
    (folder / "a.bin").unlink()
    (folder / "b.bin").write_bytes(b"bb")
    (folder / "d.bin").write_bytes(b"d")
    found = diff_data(project, version.id, "images")
    assert found.kind == "files"
    assert found.files == (
        FileChange("removed", "a.bin", 1, None),
        FileChange("changed", "b.bin", 1, 2),
        FileChange("added", "d.bin", None, 1),
    )


def test_what_is_not_there_is_named(project, import_frame):
    import_frame(readings(50))
    for before, code in (("nothing.csv", "data-missing"), ("data/t.table@ffff", "version-unknown")):
        with pytest.raises(NotFoundError, match=code):
            diff_data(project, before, "t")
    with pytest.raises(UsageError, match="key-unknown"):
        diff_data(project, "t", "t", key=("nothing",))


def by_hand(old, new, keyed):
    """Count differences with plain dictionaries and lists."""
    if keyed:
        left, right = {r[0]: r for r in old}, {r[0]: r for r in new}
        both = left.keys() & right.keys()
        return len(right.keys() - both), len(left.keys() - both), sum(left[k] != right[k] for k in both)
    rest = list(new)
    removed = 0
    for row in old:
        if row in rest:
            rest.remove(row)
        else:
            removed += 1
    return len(rest), removed, 0


_ROW = st.tuples(
    st.integers(0, 12),
    st.sampled_from([None, 0.0, -0.0, 1.5, float("inf")]),
    st.sampled_from([None, "", "a", "ab", "検"]),
)


@settings(max_examples=300, deadline=None)
@given(old=st.lists(_ROW, max_size=12), new=st.lists(_ROW, max_size=12), keyed=st.booleans())
def test_rows_are_matched_as_by_hand(old, new, keyed):
    if keyed:
        old, new = list({r[0]: r for r in old}.values()), list({r[0]: r for r in new}.values())
    match = match_rows(index_of(old, keyed), index_of(new, keyed))
    assert (len(match.added), len(match.removed), len(match.changed_after)) == by_hand(old, new, keyed)
    for i, j in zip(match.same_before.tolist(), match.same_after.tolist(), strict=True):
        assert old[i] == new[j]


def index_of(rows, keyed):
    import pyarrow as pa

    kinds = (pa.int64(), pa.float64(), pa.string())
    columns = [pa.array([row[i] for row in rows], kind) for i, kind in enumerate(kinds)]
    hashes = row_hashes(columns)
    keys = row_hashes(columns[:1]) if keyed else hashes
    return RowIndex(keys, hashes, np.argsort(keys, kind="stable").astype(np.int64))


def test_hashes_depend_on_values_alone():
    import pyarrow as pa

    words = ["", "a", "ab", "ba", "検査", None, "a" * 100, "aa"]
    plain = cell_hashes(pa.array(words))
    assert len(set(plain.tolist())) == len(words)
    padded = pa.array(["x", *words, "y"]).slice(1, len(words))
    assert (cell_hashes(padded) == plain).all()
    assert (cell_hashes(pa.chunked_array([words[:3], words[3:]])) == plain).all()
    assert (cell_hashes(pa.array(words, pa.large_string())) == plain).all()
    assert (cell_hashes(pa.array([1, 2, None])) == cell_hashes(pa.array([1.0, 2.0, None]))).all()
    assert (cell_hashes(pa.array([0.0, float("nan")])) == cell_hashes(pa.array([-0.0, None]))).all()
    times = [pa.array(values, pa.timestamp("ns")) for values in ([1_000, None], [1_001, None])]
    assert (cell_hashes(times[0]) == cell_hashes(times[0].cast(pa.timestamp("us")))).all()
    assert (cell_hashes(times[0]) == cell_hashes(times[1])).tolist() == [False, True]
    for kind in (pa.duration("s"), pa.binary(2)):
        odd = [b"\xff\x00", b"\xff\xff"] if kind == pa.binary(2) else [1, 2]
        assert len(set(cell_hashes(pa.array([*odd, odd[0], None], kind)).tolist())) == 3
    rng = np.random.default_rng(0)
    many = cell_hashes(pa.array([f"{v:x}" for v in rng.choice(10**9, 300_000, replace=False)]))
    assert len(np.unique(many)) == 300_000


def test_distances_are_those_of_scipy():
    import pyarrow as pa
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(1)
    for shift in (0.0, 0.02, 0.5, 3.0):
        a, b = rng.normal(size=50_000), rng.normal(shift, 1, size=40_000)
        assert distance(sketch_of(pa.array(a)), sketch_of(pa.array(b))) == pytest.approx(
            ks_2samp(a, b).statistic, abs=0.001
        )
        whole_a, whole_b = np.round(a * 10).astype(int), np.round(b * 10).astype(int)
        assert distance(sketch_of(pa.array(whole_a)), sketch_of(pa.array(whole_b))) == pytest.approx(
            ks_2samp(whole_a, whole_b).statistic, abs=1e-9
        )
    same = sketch_of(pa.array(rng.normal(size=50_000)))
    assert stability(same, same) == pytest.approx(0, abs=1e-6)
    assert stability(same, sketch_of(pa.array(rng.normal(2, 1, size=50_000)))) > 0.25
    words, others = sketch_of(pa.array(["a"] * 6 + ["b"] * 4)), sketch_of(pa.array(["a"] * 5 + ["c"] * 5))
    assert distance(words, others) == pytest.approx(0.5)
    assert distance(sketch_of(pa.array([], pa.float64())), sketch_of(pa.array([], pa.float64()))) == 0.0
