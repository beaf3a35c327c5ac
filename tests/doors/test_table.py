"""How answers look: tables of cards, one card with what is nested in it, texts of several lines."""

from __future__ import annotations

import dataclasses
import inspect
import time
import types
import typing
from dataclasses import replace
from typing import Any

import pytest

from workbench.contract.job import TargetCard
from workbench.contract.monitor import AlertCard
from workbench.contract.project import Finding, JournalEvent
from workbench.contract.review import CheckReport
from workbench.contract.run import Difference, RunCard, RunComparison, RunDiff
from workbench.doors.magics.display import html
from workbench.doors.table import cell, rows_of
from workbench.doors.terminal import align, render
from workbench.verbs import VERBS

HERE = CheckReport("metric", "pass", True, "sound", "sha256:00", 1.5, "onnx")


def test_where_a_check_ran_is_said_where_it_was_elsewhere() -> None:
    assert rows_of((HERE,)) == (("name", "result", "summary", "duration_s"), [("metric", "pass", "sound", "1.5")])
    columns, rows = rows_of((HERE, replace(HERE, where="far: node7, job jb-1 (limits)")))
    assert columns == ("name", "result", "summary", "where", "duration_s")
    assert [row[3] for row in rows] == ["–", "far: node7, job jb-1 (limits)"]


def answer_types() -> list[type]:
    """Return every contract type that a verb returns, alone or in a list."""
    found = set()
    for verb in VERBS:
        answer = inspect.signature(verb.load(), eval_str=True).return_annotation
        found.add(typing.get_args(answer)[0] if typing.get_origin(answer) is tuple else answer)
    return sorted(found, key=lambda kind: kind.__name__)


def made(kind: Any, *, is_full: bool) -> Any:
    """Return a value of a type; a full one has one item in each list, one that is not has none."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{f.name: made(hints[f.name], is_full=is_full) for f in dataclasses.fields(kind)})  # type: ignore[operator]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return made(inner[0], is_full=is_full) if is_full else None
    if origin is tuple:
        return (made(inner[0], is_full=is_full),) if is_full else ()
    if origin is dict:
        return {"key": made(inner[1], is_full=is_full)} if is_full else {}
    return {str: "text" if is_full else "", int: 12, float: 1.5, bool: is_full}.get(kind, "text")


@pytest.mark.parametrize("kind", answer_types(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("is_full", [True, False], ids=["full", "empty"])
def test_every_answer_can_be_shown(kind: type, is_full: bool) -> None:
    card = made(kind, is_full=is_full)
    for answer in (card, (card, card)):
        assert isinstance(render(answer), str)
        assert html(answer)


def run_card(name: str) -> RunCard:
    return RunCard(name * 32, name, "finished", "2026-11-27T11:00:00+00:00", 1.0, "me", "", "", "local")


def test_an_answer_of_lists_alone_is_shown() -> None:
    comparison = RunComparison((run_card("a"), run_card("b")), (Difference("param", "depth", ("3", "")),))
    assert render(comparison).startswith("runs\n  id ")
    assert render(comparison).endswith("\n  param  depth  3, –")


def test_a_patch_stands_line_by_line() -> None:
    differences = (Difference("code", "cell", ("x = 1\ny = 2", "x = 3\ny = 4")),)
    diff = RunDiff(run_card("a"), run_card("b"), differences, patch=("--- a", "+++ b", "+x = 1, 2"))
    assert "patch\n  --- a\n  +++ b\n  +x = 1, 2" in render(diff)
    assert "x = 1…, x = 3…\n" in render(diff)
    assert "<pre>--- a\n+++ b\n+x = 1, 2</pre>" in html(diff)


def test_a_cell_of_several_lines_shows_the_first() -> None:
    assert align((("a", "b"), ("one\ntwo", "3"))) == "a     b\none…  3"


def target(name: str, *checks: Finding, cpus: int = 0) -> TargetCard:
    return TargetCard(name, "ssh", all(c.is_ok for c in checks), checks, (), {}, cpus, cpus << 30, 0, 0, "unknown")


def test_what_others_wrote_does_nothing_to_the_terminal() -> None:
    """A summary that paints itself green, goes back to the line's start or turns the order of letters."""
    sly = replace(HERE, summary="fail\x1b[2K\x1b[32mpass\x1b[0m \u202eevil\x9b1m\x07", where="a\tb\rc")
    for shown in (render(sly), render((sly,))):
        assert r"fail\x1b[2K\x1b[32mpass\x1b[0m \u202eevil\x9b1m\x07" in shown
        assert not set(shown) & set("\r\x1b\u202e\x9b\x07")
    assert "a\tb\\rc" in render(sly)
    assert render("one\r\ntwo") == "one\ntwo"


def test_a_target_that_is_not_ready_says_why() -> None:
    well, away = Finding("python", True, "Python 3.11"), Finding("reach", False, "It does not answer", "ssh gpu-box")
    names, (first, second) = rows_of((target("near", well, cpus=8), target("far", well, away)))
    assert names[-1] == "what_is_wrong"
    assert (first[-1], second[-1]) == ("–", "It does not answer → ssh gpu-box")
    assert first[3:6] == ("8", "8.0 GiB", "–")
    assert second[3:6] == ("–", "–", "–")
    assert "what_is_wrong" not in rows_of((target("near", well),))[0]


def test_a_number_that_is_a_name_has_no_separators() -> None:
    assert [cell(name, 25877) for name in ("pid", "seq", "told_seq", "version", "rows")] == [*["25877"] * 4, "25,877"]


def test_times_are_those_of_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        event = JournalEvent(1, "2026-11-27T11:17:23.123456+00:00", "me", "run.ended", "run:1")
        assert rows_of((event,))[1][0][1] == "2026-11-27 20:17:23 +09:00"
        assert cell("at", "2026-11-27T11:17:23Z") == "2026-11-27 20:17:23 +09:00"
        assert cell("at", "2026-11-27T11:17:23") == "2026-11-27 11:17:23"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_alert_says_when() -> None:
    at = "2026-11-27T11:17:23+00:00"
    names, _ = rows_of((AlertCard("al-1", "m@production", "drift", "warning", "open", "It drifts", "", at, at, 3),))
    assert names[-3:] == ("raised_at", "last_seen_at", "count")
