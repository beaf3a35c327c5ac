"""A source becomes blocks and comes back byte for byte; what is stored again is what changed."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.tables.conftest import LOG
from workbench.data.tables import blocks, original
from workbench.data.tables.exports import export_data
from workbench.data.tables.imports import import_table
from workbench.data.tables.place import find_place
from workbench.data.tables.sources import read_source
from workbench.data.versions import list_versions, restore
from workbench.foundation.errors import ConflictError, IntegrityError, NotFoundError, UnavailableError, UsageError


def readings(rows=30_000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "torque": rng.normal(40, 10, rows).round(3),
            "grade": rng.choice(["L", "M", "H", "検査中"], rows),
            "wear": rng.random(rows),
        }
    )


@pytest.mark.checklist("S1-12")
def test_a_csv_comes_back_byte_equal_without_being_stored_twice(project, import_frame, tmp_path, dvc):
    done = import_frame(readings(), "line")
    assert (done.rows, done.columns, done.key, done.original) == (30_000, 4, ("id",), "written again")
    assert done.version.rows == 30_000
    assert done.version.columns == {"id": "int64", "torque": "double", "grade": "string", "wear": "double"}
    assert done.stored_bytes < (tmp_path / "line.csv").stat().st_size
    again = export_data(project, done.version.id, tmp_path / "again.csv")
    assert again.format == "original"
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "line.csv").read_bytes()
    assert dvc("status").stdout.strip() == "Data and pipelines are up to date."
    assert not (project.root / "data/line.table/original").exists()


def test_a_factory_log_comes_back_byte_equal_and_says_what_it_assumed(project, tmp_path):
    data = LOG.encode("cp932")
    (tmp_path / "log.csv").write_bytes(data)
    done = import_table(project, "log.csv")
    assert done.original == "written again"
    assert "read as cp932" in done.assumptions
    assert "2 rows before the header left out" in done.assumptions
    export_data(project, "log", tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == data
    text = (project.root / done.recipe_file).read_text()
    assert 'type = "date32[day]"' in text
    # the second time the recipe is obeyed: an era date where a number was promised is refused, and nothing changes
    before = list_versions(project)
    (tmp_path / "log.csv").write_bytes(data.replace("45.6".encode("cp932"), "令和".encode("cp932")))
    with pytest.raises(UsageError, match="column-type"):
        import_table(project, "log.csv")
    assert list_versions(project) == before
    assert import_table(project, "log.csv", infer=True).version.columns["トルク"] == "string"


@pytest.mark.parametrize("format", ["parquet", "feather", "csv"])
def test_exports_hold_the_same_values(project, import_frame, tmp_path, format):
    done = import_frame(readings(3000), "line", "parquet")
    assert done.original == "not kept"
    export_data(project, "line", tmp_path / f"out.{format}", format=format)
    assert read_source(tmp_path / f"out.{format}").table.to_pydict() == find_place(project, "line").read().to_pydict()
    with pytest.raises(NotFoundError, match="original-not-kept"):
        export_data(project, "line", tmp_path / "o.bin", format="original")
    with pytest.raises(ConflictError, match="file-exists"):
        export_data(project, "line", tmp_path / f"out.{format}")


def test_parquet_is_kept_byte_equal_on_request(project, import_frame, tmp_path):
    import_frame(readings(3000), "line", "parquet", keep_original=True)
    export_data(project, "line", tmp_path / "o.parquet")
    assert (tmp_path / "o.parquet").read_bytes() == (tmp_path / "line.parquet").read_bytes()


def new_share(done):
    return done.new_bytes / done.stored_bytes


@pytest.mark.parametrize("key", [(), ("id",)])
def test_appending_one_percent_stores_about_one_percent_again_and_again(project, import_frame, key):
    frame = readings(120_000)
    if not key:
        frame = frame.drop(columns="id")
    import_frame(frame, key=key)
    for round_number in range(3):
        frame = pd.concat(
            [frame, readings(1_200, seed=round_number + 1).assign(id=len(frame) + np.arange(1_200))[frame.columns]]
        )
        done = import_frame(frame, key=key)
        assert new_share(done) <= 0.02 + 1_023 / len(frame), round_number
    assert find_place(project, "t").read().to_pandas().equals(frame.reset_index(drop=True))


def test_rows_put_in_anywhere_move_only_the_blocks_around_them(project, import_frame):
    frame, extra = readings(120_000), readings(500, seed=9).assign(id=1_000_000 + np.arange(500))
    for place in (0, 60_000, 119_999):
        import_frame(frame)
        done = import_frame(pd.concat([frame.iloc[:place], extra, frame.iloc[place:]]))
        assert done.new_blocks <= 3 * 4, place
        shorter = import_frame(frame.drop(index=range(place - 5, place)) if place else frame.iloc[5:])
        assert shorter.new_blocks <= 3 * 4


def test_a_new_column_stores_that_column_and_a_changed_cell_its_block(project, import_frame):
    frame = readings(120_000)
    first = import_frame(frame)
    wider = import_frame(frame.assign(extra=frame["torque"] * 2))
    assert wider.new_blocks == first.blocks // 4
    changed = frame.assign(extra=frame["torque"] * 2)
    changed.loc[60_000, "torque"] = -1.0
    assert import_frame(changed).new_blocks == 1
    renamed = changed.rename(columns={"torque": "moment"})
    assert import_frame(renamed, infer=True).new_blocks == 0


def test_a_fresh_import_is_the_same_version_wherever_it_is_made(project, import_frame, tmp_path):
    first = import_frame(readings(), "one").version.digest
    import shutil

    shutil.rmtree(project.root / "data/one.table")
    (project.root / "data/one.table.toml").unlink()
    assert import_frame(readings(), "one").version.digest == first
    assert import_frame(readings(), "one").new_blocks == 0


def test_old_versions_are_read_from_the_cache_and_come_back(project, import_frame, tmp_path):
    old, new = readings(5_000), readings(5_000, seed=3)
    first = import_frame(old).version
    import_frame(new)
    assert find_place(project, first.id).read().to_pandas().equals(old)
    assert find_place(project, first.id[:-4]).read(("torque",)).column_names == ["torque"]
    assert find_place(project, "t@" + first.id.split("@")[1]).read().num_rows == 5_000
    restore(project, first.id)
    assert find_place(project, "t").read().to_pandas().equals(old)


@pytest.mark.parametrize("damage", ["removed", "changed", "swapped"])
def test_a_damaged_block_is_noticed(project, import_frame, damage):
    import_frame(readings(20_000))
    folder = project.root / "data/t.table"
    one, other = sorted((folder / "blocks").iterdir())[:2]
    data = one.read_bytes()
    one.unlink()
    if damage == "changed":
        one.write_bytes(data[:-400] + b"x" + data[-399:])
    if damage == "swapped":
        one.write_bytes(other.read_bytes())
    with pytest.raises(IntegrityError, match="table-damaged"):
        find_place(project, "t").read()
    (folder / "table.json").unlink()
    (folder / "table.json").write_text("{}")
    with pytest.raises(IntegrityError, match="table-damaged"):
        find_place(project, "t").read()


def test_a_table_is_readable_without_this_package(project, import_frame):
    frame = readings(20_000)
    import_frame(frame)
    folder = project.root / "data/t.table"
    said = json.loads((folder / "table.json").read_text())
    plain = pd.DataFrame(
        {
            c["name"]: pd.concat(
                [pd.read_feather(folder / "blocks" / f"{b}.arrow")["x"] for b in c["blocks"]], ignore_index=True
            )
            for c in said["columns"]
        }
    )
    assert plain.equals(frame)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"key": ("nothing",)}, "key-unknown"),
        ({"key": ("grade",)}, "key-not-unique"),
        ({"name": "../outside"}, "table-name"),
        ({"name": ""}, None),
        ({"encoding": "ascii"}, "encoding-wrong"),
        ({"encoding": "klingon"}, "encoding-unknown"),
        ({"query": "select 1"}, "source-unclear"),
    ],
)
def test_bad_input_changes_nothing(project, tmp_path, options, code):
    readings(50).to_csv(tmp_path / "line.csv", index=False)
    if code is None:
        assert import_table(project, "line.csv", **options).version.path == "data/line.table"
        return
    with pytest.raises(UsageError) as refusal:
        import_table(project, "line.csv", **options)
    assert refusal.value.code == code
    assert list_versions(project) == ()
    assert sorted(p.name for p in (project.root / "data").iterdir()) == ["readings.csv"]


def test_without_the_reader_of_workbooks_nothing_changes_and_the_extra_is_named(project, tmp_path, monkeypatch):
    pd.DataFrame({"a": [1, 2]}).to_excel(tmp_path / "line.xlsx", index=False)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "openpyxl", None)  # what Python itself finds where it is not installed
        with pytest.raises(UnavailableError) as refusal:
            import_table(project, "line.xlsx")
    assert refusal.value.code == "excel-missing"
    extra = re.fullmatch(r"pip install 'mlops-workbench\[(\w+)\]'", refusal.value.hint)[1]
    declared = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert any(need.startswith("openpyxl") for need in declared["optional-dependencies"][extra])
    assert list_versions(project) == ()
    assert sorted(p.name for p in (project.root / "data").iterdir()) == ["readings.csv"]
    assert import_table(project, "line.xlsx").rows == 2


def test_a_table_of_a_later_format_is_not_called_damaged(project, import_frame):
    import_frame(readings(50))
    index = project.root / "data/t.table/table.json"
    text = index.read_text()
    index.unlink()  # it may be a link into the cache
    index.write_text(text.replace("workbench.table.v1", "workbench.table.v9"))
    with pytest.raises(IntegrityError) as refusal:
        find_place(project, "t").read()
    assert (refusal.value.code, "'workbench.table.v9'" in refusal.value.message) == ("table-format", True)
    assert refusal.value.hint == "read it with a newer version: pip install --upgrade mlops-workbench"


def test_a_table_that_no_longer_gives_its_source_back_says_so_and_exports_otherwise(project, import_frame, tmp_path):
    import_frame(readings(50))
    index = project.root / "data/t.table/table.json"
    said = json.loads(index.read_text())
    said["original"]["sha256"] = "0" * 64
    index.unlink()
    index.write_text(json.dumps(said))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(IntegrityError) as refusal:
        export_data(project, "data/t.table", tmp_path / "back.csv", "original")
    assert refusal.value.code == "original-differs"
    assert "--format parquet" in refusal.value.hint
    assert sorted(tmp_path.iterdir()) == before, "nothing half written stays"
    assert export_data(project, "data/t.table", tmp_path / "back.parquet", "parquet").rows == 50


def test_a_key_that_was_found_is_forgotten_when_it_no_longer_holds(project, import_frame):
    assert import_frame(readings(50)).key == ("id",)
    doubled = pd.concat([readings(50), readings(1)])
    assert import_frame(doubled).key == ()
    with pytest.raises(UsageError, match="key-not-unique"):
        import_frame(doubled, key=("id",))


_CHILD = """
import shutil, sys
from pathlib import Path
import workbench.data.tables.blocks as b
from workbench.data.tables.block_files import BlockWriter
from workbench.data.tables.imports import import_table
from workbench.foundation.project import Project
write, settle, cuts = BlockWriter.write, BlockWriter.settle, b.find_cuts
BlockWriter.write = lambda s, n, c: (write(s, n, c), print(n, flush=True))
BlockWriter.settle = lambda s: (print("settle", flush=True), settle(s))
project = Project.open(Path(sys.argv[1]))
if sys.argv[2] == "planted":  # old blocks are swept before the new table stands
    b.find_cuts = lambda *a: (shutil.rmtree(project.root / "data/t.table/blocks"), cuts(*a))[1]
import_table(project, "t.csv")
"""


def kill_import(project, folder, stop_after, fault="none"):
    """Kill an import after so many blocks, or just before they are brought to the disk."""
    command = [sys.executable, "-c", _CHILD, str(project.root), fault]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        for count, line in enumerate(process.stdout, 1):
            if count >= stop_after or line == "settle\n":
                process.send_signal(signal.SIGKILL)


def test_the_killing_would_catch_blocks_that_are_swept_too_early(project, import_frame, tmp_path):
    import_frame(readings(60_000))
    readings(60_000, seed=5).to_csv(tmp_path / "t.csv", index=False)
    kill_import(project, tmp_path, 1, "planted")
    with pytest.raises(IntegrityError, match="table-damaged"):
        find_place(project, "t").read()


def test_killed_anywhere_the_table_is_before_or_after(project, import_frame, tmp_path):
    """What is there after a SIGKILL is one of the two tables, and the next import works."""
    old, new = readings(60_000), readings(60_000, seed=5)
    import_frame(old)
    new.to_csv(tmp_path / "t.csv", index=False)
    for stop_after in (1, 12, 10_000):
        kill_import(project, tmp_path, stop_after)
        found = find_place(project, "t").read().to_pandas()
        assert found.equals(old) or found.equals(new)
    done = import_table(project, str(tmp_path / "t.csv"))
    folder = project.root / "data/t.table"
    named = sorted(Path(name).name for name in blocks.read_index(folder / "table.json").files)
    assert sorted(path.name for path in (folder / "blocks").iterdir()) == named
    assert done.version.is_current


def test_a_query_becomes_a_table_and_its_recipe_names_only_the_variable(project, tmp_path, monkeypatch):
    import sqlite3

    with sqlite3.connect(tmp_path / "plant.db") as base:
        base.execute("create table readings (id integer, torque real)")
        base.executemany("insert into readings values (?, ?)", [(i, i / 7) for i in range(100)])
    monkeypatch.setenv("PLANT_DB", f"sqlite:///{tmp_path}/plant.db")
    done = import_table(project, name="plant", query="select * from readings", url_env="PLANT_DB")
    assert (done.rows, done.key, done.original) == (100, ("id",), "not kept")
    everything = (project.root / "data/plant.table.toml").read_text() + (
        project.root / "data/plant.table/table.json"
    ).read_text()
    assert "PLANT_DB" in everything
    assert "plant.db" not in everything
    assert import_table(project, name="plant").version == done.version  # asked again by its recipe


_CELL = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        [
            "",
            "NA",
            "-",
            "1,234",
            "１２",
            "007",
            "2024/4/1",
            "2024-04-01",
            "令和6年4月1日",
            "True",
            "true",
            "1e400",
            "+5",
            " 3",
        ]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.lists(st.lists(_CELL, min_size=3, max_size=3), min_size=1, max_size=4),
    mark=st.sampled_from([",", ";", "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    style=st.sampled_from(["minimal", "all", "none-at-end"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_import_and_export_give_every_text_back(columns, mark, newline, style, encoding):
    """Whatever the cells hold: written again from the columns, or kept in pieces, the bytes are the same."""
    import csv
    import io

    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream, delimiter=mark, lineterminator=newline, quoting=csv.QUOTE_ALL if style == "all" else csv.QUOTE_MINIMAL
    )
    writer.writerow([f"c{i}" for i in range(len(columns))])
    writer.writerows(zip(*columns, strict=True))
    text = stream.getvalue()
    data = (text.removesuffix(newline) if style == "none-at-end" else text).encode(encoding)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(data)
        try:
            source = read_source(path, exactly=True)
        except UsageError:
            return  # a clear refusal; nothing is stored
        target = Path(folder) / "x.table"
        written = blocks.write_table(
            target, source.table, source.recipe, texts=source.texts, original=original.describe(source, keep=True)
        )
        assert b"".join(original.original_bytes(written.index, target.joinpath)) == data
        kept = blocks.read_table(written.index, target.joinpath)
        assert kept.schema.equals(source.table.schema)
        for name in kept.column_names:
            assert kept[name].combine_chunks().equals(source.table[name].combine_chunks())


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=5000), repeat=st.integers(1, 300), cut=st.integers(0, 200_000))
def test_pieces_of_bytes_join_to_the_whole_and_survive_insertion(data, repeat, cut):
    whole = data * repeat
    borders = original.cut_bytes(whole)
    assert borders[0] == 0
    assert borders[-1] == len(whole)
    assert borders == sorted(set(borders))


def test_bytes_that_grow_share_their_pieces():
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, 20_000_000, dtype=np.uint8).tobytes()

    def pieces(raw):
        borders = original.cut_bytes(raw)
        return {raw[a:b] for a, b in pairwise(borders)}

    old = pieces(data)
    for place in (0, 7_000_000, len(data)):
        new = pieces(data[:place] + b"inserted" * 1000 + data[place:]) - old
        assert sum(map(len, new)) <= 3 * (1 << 20)


def test_nested_decimal_and_binary_columns_of_parquet_survive(project, tmp_path):
    from decimal import Decimal

    table = pa.table(
        {
            "d": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
            "l": pa.array([[1, 2], None]),
            "b": pa.array([b"\xff", None], pa.binary()),
            "c": pa.array(["x", "y"]).dictionary_encode(),
            "t": pa.array([1, None], pa.timestamp("ns", tz="Asia/Tokyo")),
            "m": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),  # whose parts Parquet names "m"
            "s": pa.array([{"m": [("k", 1)]}, None], pa.struct({"m": pa.map_(pa.string(), pa.int64())})),
        }
    )
    pq.write_table(table, tmp_path / "odd.parquet")
    import_table(project, "odd.parquet")
    assert find_place(project, "odd").read().to_pydict() == table.to_pydict()
    assert import_table(project, "odd.parquet").new_blocks == 0  # its recipe, with types that text has not, is obeyed
    pq.write_table(table.set_column(0, "d", pa.array([1.5, 2.5])), tmp_path / "odd.parquet")
    with pytest.raises(UsageError, match="column-type"):
        import_table(project, "odd.parquet")


def test_what_csv_cannot_hold_is_named_and_nothing_is_written(project, tmp_path):
    pq.write_table(pa.table({"id": [1], "waves": pa.array([[1, 2]])}), tmp_path / "odd.parquet")
    import_table(project, "odd.parquet")
    with pytest.raises(UsageError, match=r"'waves' is list<.*which CSV cannot hold") as refusal:
        export_data(project, "odd", tmp_path / "odd.csv")
    assert refusal.value.code == "format-unfit"
    assert not (tmp_path / "odd.csv").exists()


def test_a_reader_whose_blocks_an_import_swept_gets_the_table_that_took_their_place(project, import_frame):
    import_frame(readings(20_000))
    place = find_place(project, "t")
    assert place.index.rows == 20_000
    import_frame(readings(5_000, seed=4))
    assert place.read().to_pandas().equals(readings(5_000, seed=4))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(project, tmp_path):
    from workbench.foundation.errors import StorageError

    readings(50).to_csv(tmp_path / "line.csv", index=False)
    (project.root / "data").chmod(0o555)
    try:
        with pytest.raises(StorageError, match="folder-not-writable"):
            import_table(project, "line.csv")
    finally:
        (project.root / "data").chmod(0o755)
