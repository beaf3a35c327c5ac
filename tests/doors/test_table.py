"""Tables of cards: a column for what is unusual stands there only where it is so."""

from __future__ import annotations

from dataclasses import replace

from workbench.contract.review import CheckReport
from workbench.doors.table import rows_of

HERE = CheckReport("metric", "pass", True, "sound", "sha256:00", 1.5, "onnx")


def test_where_a_check_ran_is_said_where_it_was_elsewhere() -> None:
    assert rows_of((HERE,)) == (("name", "result", "summary", "duration_s"), [("metric", "pass", "sound", "1.5")])
    columns, rows = rows_of((HERE, replace(HERE, where="far: node7, job jb-1 (limits)")))
    assert columns == ("name", "result", "summary", "where", "duration_s")
    assert [row[3] for row in rows] == ["–", "far: node7, job jb-1 (limits)"]
