"""How answers look: tables of cards, one card with what is nested in it, texts of several lines."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from dataclasses import replace
from typing import Any

import pytest

from workbench.contract.review import CheckReport
from workbench.contract.run import Difference, RunCard, RunComparison, RunDiff
from workbench.doors.magics.display import html
from workbench.doors.table import rows_of
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
