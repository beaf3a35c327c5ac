"""Sources as they come: encodings, marks, rows before the header, Japanese numbers and dates, workbooks, databases."""

import datetime
import sqlite3
from datetime import date

import pandas as pd
import pytest

from tests.data.tables.conftest import LOG
from workbench.contract.table import ColumnRule, ReadingRecipe
from workbench.data.tables.calendar import parse_date, parse_number
from workbench.data.tables.sources import read_query, read_source
from workbench.foundation.errors import NotFoundError, UnavailableError, UsageError


def moment(*parts):
    """A time without a zone, as files have them."""
    return datetime.datetime(*parts)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("１２３．４", 123.4),
        ("1,234", 1234),
        ("１，２３４．５", 1234.5),
        ("▲1,234", -1234),
        ("△ 5", -5),
        ("−3", -3),
        (" 7 ", 7),
        ("1.5e3", 1500.0),
        ("007", None),
        ("1,23", None),
        ("12a", None),
        ("", None),
        ("0", 0),
        ("0.5", 0.5),
    ],
)
def test_numbers_as_they_are_written(text, value):
    found = parse_number(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024/4/1", date(2024, 4, 1)),
        ("2024年4月1日", date(2024, 4, 1)),
        ("２０２４年４月１日", date(2024, 4, 1)),
        ("令和6年4月1日", date(2024, 4, 1)),
        ("令和元年5月1日", date(2019, 5, 1)),
        ("㋿6年4月1日", date(2024, 4, 1)),
        ("R6.4.1", date(2024, 4, 1)),
        ("R06/04/01", date(2024, 4, 1)),
        ("昭和64年1月7日", date(1989, 1, 7)),
        ("昭和64年1月8日", None),  # Heisei began that day
        ("平成元年1月8日", date(1989, 1, 8)),
        ("平成31年4月30日", date(2019, 4, 30)),
        ("平成31年5月1日", None),
        ("大正15年12月24日", date(1926, 12, 24)),
        ("明治6年1月1日", date(1873, 1, 1)),
        ("明治5年1月1日", None),  # still the lunar calendar
        ("令和6年2月30日", None),
        ("2024/4/1 9:05", moment(2024, 4, 1, 9, 5)),
        ("令和6年4月1日 13時05分30秒", moment(2024, 4, 1, 13, 5, 30)),
        ("2024/4-1", None),
        ("6.4.1", None),
        ("24/4/1", None),
    ],
)
def test_dates_as_they_are_written(text, value):
    assert parse_date(text) == value


@pytest.mark.checklist("S1-37", "S4-30")
@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "utf-8", "utf-8-sig", "utf-16"])
def test_a_factory_log_is_read_whatever_its_encoding(tmp_path, encoding):
    path = tmp_path / "log.csv"
    path.write_bytes(LOG.replace("▲", "△").encode(encoding))
    found = read_source(path)
    assert found.recipe.encoding == encoding
    assert (found.recipe.skip_rows, found.recipe.delimiter, found.recipe.newline) == (2, ",", "crlf")
    assert found.table.to_pydict() == {
        "番号": ["001", "002", "003", "004"],
        "日付": [date(2024, 4, 1), date(2024, 4, 2), date(1989, 1, 7), date(2024, 12, 31)],
        "トルク": [123.4, 45.6, None, 0.5],
        "数量": [1234, 12, -3, None],
        "判定": ["良", "不良", "良", None],
    }


@pytest.mark.parametrize("mark", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path, mark):
    path = tmp_path / "t.csv"
    path.write_text(
        mark.join(["a", "b", "c"])
        + "\n"
        + "".join(mark.join(["1", "x,y" if mark != "," else "z", "2.5"]) + "\n" for _ in range(5))
    )
    found = read_source(path)
    assert found.recipe.delimiter == mark
    assert [str(kind) for kind in found.table.schema.types] == ["int64", "string", "double"]


def test_an_index_column_without_a_name_does_not_hide_the_header(tmp_path):
    path = tmp_path / "t.csv"
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}).to_csv(path)
    assert read_source(path).table.column_names == ["column_1", "a", "b"]


def test_a_stray_word_keeps_a_column_text_and_an_identifier_keeps_its_zeros(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("code,value\n" + "".join(f"{i:03d},{i}\n" for i in range(2000)) + "999,about 7\n")
    table = read_source(path).table
    assert [str(kind) for kind in table.schema.types] == ["string", "string"]
    assert table["code"][7].as_py() == "007"


def test_times_whole_numbers_and_truth(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "at,day,slashed,zoned,ok,big\n"
        "2024-04-01 12:00:00.5,2024-04-01,2024/4/1 9:05,2024-04-01T00:00:00Z,True,9007199254740993\n"
    )
    table = read_source(path).table
    assert [str(kind) for kind in table.schema.types] == [
        "timestamp[us]", "date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]", "bool", "int64",
    ]  # fmt: skip
    assert table["big"][0].as_py() == 9007199254740993
    assert table["slashed"][0].as_py() == moment(2024, 4, 1, 9, 5)


def test_a_declared_type_is_a_promise(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "1\n" * 700 + "oops\n" + "1\n" * 700)
    recipe = ReadingRecipe("csv", encoding="utf-8", columns=(ColumnRule("a", "int64"),))
    with pytest.raises(UsageError) as refusal:
        read_source(path, recipe)
    assert refusal.value.code == "column-type"
    assert "row 701 holds 'oops'" in refusal.value.message
    as_text = ReadingRecipe("csv", encoding="utf-8", columns=(ColumnRule("a", "string"),))
    assert read_source(path, as_text).table["a"][0].as_py() == "1"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "table-empty"),
        (b"a,b\n\x81 ,2\n", "encoding-unknown"),
        (b"a,b\n1,2\n1,2,3\n", "table-ragged"),
        (b"a,b\n1,\x002\n", "table-malformed"),
    ],
)
def test_bad_text_is_named(tmp_path, data, code):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError) as refusal:
        read_source(path)
    assert refusal.value.code == code
    assert refusal.value.hint


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.xlsx"])
def test_bad_files_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"no such thing")
    with pytest.raises(UsageError, match="table-malformed"):
        read_source(tmp_path / name)
    (tmp_path / "t.exe").write_bytes(b"x")
    with pytest.raises(UsageError, match="format-unknown"):
        read_source(tmp_path / "t.exe")
    with pytest.raises(NotFoundError, match="source-missing"):
        read_source(tmp_path / "nothing.csv")


def test_a_workbook_with_a_title_and_mixed_cells(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = "表紙"
    sheet = book.create_sheet("4月")
    for row in (
        ["日報", None, None],
        ["日付", "数量", "備考"],
        [moment(2024, 4, 1), 3, "良"],
        [moment(2024, 4, 2), "１２", None],
    ):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    table = read_source(tmp_path / "t.xlsx", ReadingRecipe("excel", sheet="4月", skip_rows=1)).table
    assert table.to_pydict() == {
        "日付": [moment(2024, 4, 1), moment(2024, 4, 2)],
        "数量": [3, 12],
        "備考": ["良", None],
    }
    with pytest.raises(NotFoundError, match="sheet-missing"):
        read_source(tmp_path / "t.xlsx", ReadingRecipe("excel", sheet="5月"))


def test_a_database_is_asked_and_its_address_stays_secret(tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "plant.db") as base:
        base.execute("create table readings (id integer, torque real, note text)")
        base.executemany("insert into readings values (?, ?, ?)", [(1, 2.5, "良"), (2, None, None)])
    monkeypatch.setenv("PLANT_DB", f"sqlite:///{tmp_path}/plant.db")
    recipe = ReadingRecipe("", query="select * from readings order by id", url_env="PLANT_DB")
    found = read_query(recipe)
    assert found.table.to_pydict() == {"id": [1, 2], "torque": [2.5, None], "note": ["良", None]}
    assert "plant.db" not in repr(found.recipe)
    for query, code in (("select nothing from readings", "query-failed"), ("drop table readings", "query-failed")):
        with pytest.raises(UsageError, match=code):
            read_query(ReadingRecipe("", query=query, url_env="PLANT_DB"))
    monkeypatch.setenv("SECRET_DB", "nosuch://user:hunter2@host/base")
    with pytest.raises(UnavailableError) as refusal:
        read_query(ReadingRecipe("", query="select 1", url_env="SECRET_DB"))
    assert "hunter2" not in str(refusal.value)
    with pytest.raises(UsageError, match="url-missing"):
        read_query(ReadingRecipe("", query="select 1", url_env="NOT_SET"))


def test_a_sheet_is_read_whole_whatever_size_it_claims_and_a_chart_is_no_sheet_of_cells(tmp_path):
    import re
    import zipfile

    from openpyxl import Workbook
    from openpyxl.chart import BarChart, Reference

    book = Workbook()
    sheet = book.active
    for row in (["id", "値"], [1, 10], [2, 20]):
        sheet.append(row)
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3))
    book.create_chartsheet("グラフ", 0).add_chart(chart)
    book.save(tmp_path / "whole.xlsx")
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as whole, zipfile.ZipFile(tmp_path / "t.xlsx", "w") as claims:
        for name in whole.namelist():
            claims.writestr(name, re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', whole.read(name)))
    assert read_source(tmp_path / "t.xlsx").table.to_pydict() == {"id": [1, 2], "値": [10, 20]}
    with pytest.raises(UsageError, match="'グラフ' is a chart") as refusal:
        read_source(tmp_path / "t.xlsx", ReadingRecipe("excel", sheet="グラフ"))
    assert refusal.value.hint == "name another: --sheet Sheet"


def test_numbers_that_stand_for_something_keep_every_digit(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("sim,big,state,size\n89811000000000000001,9007199254740993,0x0A,1e20\n8,2,0xFF,1\n")
    found = read_source(path).table.to_pydict()
    assert found["sim"] == ["89811000000000000001", "8"]
    assert found["big"] == [9007199254740993, 2]
    assert found["state"] == ["0x0A", "0xFF"]
    assert found["size"] == [1e20, 1.0]
    # What was recorded as a number before is still read as one.
    declared = ReadingRecipe("csv", columns=(ColumnRule("sim", "double"), ColumnRule("state", "int64")))
    found = read_source(path, declared).table.to_pydict()
    assert (found["sim"], found["state"]) == ([89811000000000000001.0, 8.0], [10, 255])


def test_a_long_cell_is_read_and_a_quote_that_never_closes_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f'id,trace\n1,"{"0 " * 150_000}"\n2,"a\nb"\n')
    assert read_source(path, exactly=True).table["trace"].to_pylist() == ["0 " * 150_000, "a\nb"]
    path.write_text("id,size\n1,2 inch\n" + '2,"3 inch\n' + "3,4 inch\n" * 30_000)
    with pytest.raises(UsageError, match="A quote opens in row 2 below the header and never closes"):
        read_source(path)


def test_the_row_that_does_not_fit_is_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,a\n" + "1,2\n" * 70_000 + "1\n" + "1,2\n" * 70_000)
    with pytest.raises(UsageError, match="row 70001 below it has 1; rows that do not fit: 1"):
        read_source(path)


def test_parquet_with_two_columns_of_one_name_is_read(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "t.parquet")
    assert read_source(tmp_path / "t.parquet").table.to_pydict() == {"a": [1], "a_2": [2]}


def test_formulas_without_saved_values_are_no_empty_column(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    for row in (["id", "空", "倍"], [1, None, "=A2*2"], [2, None, "=A3*2"]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(UsageError, match="'倍' holds formulas whose values were not saved"):
        read_source(tmp_path / "t.xlsx")
    book.active.delete_cols(3)
    book.save(tmp_path / "t.xlsx")
    assert read_source(tmp_path / "t.xlsx").table.to_pydict() == {"id": [1, 2], "空": [None, None]}
