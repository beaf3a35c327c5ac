"""Reading a query: what it means, and what is said of one that means nothing."""

import pytest

from workbench.experiment.search.expression import And, Comparison, Field, Literal, Not, Or, Order, number_of
from workbench.experiment.search.fields import duration_ms, moment_ms
from workbench.experiment.search.parser import MAX_COMPARISONS, MAX_DEPTH, parse_order, parse_query
from workbench.foundation.errors import UsageError

F1 = Comparison(Field("metrics", "f1"), ">", (Literal("0.9"),))
DEPTH = Comparison(Field("params", "depth"), "=", (Literal("3"),))
STAR = Comparison(Field("", "starred"), "=", (Literal("true"),))
NOW = 1_793_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("  \n ", None),
        ("metrics.f1 > 0.9", F1),
        ("metrics.f1>0.9 and not params.depth=3", And((F1, Not(DEPTH)))),
        ("metrics.f1 > 0.9 OR params.depth = 3 AND starred", Or((F1, And((DEPTH, STAR))))),
        ("(metrics.f1 > 0.9 OR params.depth == 3) AND starred", And((Or((F1, DEPTH)), STAR))),
        ("NOT NOT starred", Not(Not(STAR))),
        ("params.`val f1` ~ 'it''s'", Comparison(Field("params", "val f1"), "~", (Literal("it's", is_quoted=True),))),
        ('tags."a/b" = "x y"', Comparison(Field("tags", "a/b"), "=", (Literal("x y", is_quoted=True),))),
        ("params.x IN (1, 'b')", Comparison(Field("params", "x"), "IN", (Literal("1"), Literal("b", is_quoted=True)))),
        ("params.x NOT IN (1)", Not(Comparison(Field("params", "x"), "IN", (Literal("1"),)))),
        ("state = finished", Comparison(Field("", "state"), "=", (Literal("FINISHED", is_quoted=True),))),
        ("started > -7d", Comparison(Field("", "started"), ">", (Literal("-7d"),))),
        ("source = notebooks/a.ipynb", Comparison(Field("", "source"), "=", (Literal("notebooks/a.ipynb"),))),
        ("metrics.val/f1-score < -1e-3", Comparison(Field("metrics", "val/f1-score"), "<", (Literal("-1e-3"),))),
    ],
)
def test_a_query_is_read(text, expected):
    assert parse_query(text) == expected


@pytest.mark.parametrize(
    ("text", "at", "hint"),
    [
        ("metrics.f1 >", 13, ""),
        ("metrics.f1 > big", 14, ""),
        ("metrics.f1 ~ 1", 14, ""),
        ("metrics.f1 0.9", 12, "IN (…)"),
        ("(metrics.f1 > 0.9", 18, ""),
        ("metrics.f1 > 0.9)", 17, ""),
        ("AND starred", 1, "known: "),
        ("starred starred", 9, ""),
        ("stat = FINISHED", 1, "did you mean 'state'?"),
        ("state = FINISHD", 9, "did you mean 'FINISHED'?"),
        ("level >= R9", 10, ""),
        ("started > yesterday", 11, "-7d"),
        ("started > -99999999999999d", 11, "-7d"),
        ("duration > long", 12, "10m"),
        ("duration > 99999999999999d", 12, "10m"),
        ("data > 3", 8, ""),
        ("params.x IN 3", 13, ""),
        ("params.x IN (3", 15, ""),
        ("params.x = 'open", 12, ""),
        ("params. = 3", 1, ""),
        ("starred OR\n  params.x = ,", 25, ""),
        ("starred = maybe", 11, ""),
        ("params.x ! 3", 10, ""),
    ],
)
def test_a_wrong_query_is_shown_with_its_place(text, at, hint):
    with pytest.raises(UsageError) as refusal:
        parse_query(text)
    assert refusal.value.code == "query-invalid"
    first, line, caret = refusal.value.message.split("\n")
    assert first.startswith(f"Query, character {at}: ")
    assert hint in refusal.value.hint
    assert refusal.value.hint
    before = text[: at - 1].rsplit("\n", 1)[-1]
    assert caret.index("^") == len(before) + 2
    assert line.startswith("  " + before)


def test_what_is_too_large_is_refused_before_it_costs_anything():
    for text in (
        "x" * 5_000,
        "(" * (MAX_DEPTH + 1) + "starred" + ")" * (MAX_DEPTH + 1),
        "NOT " * 400 + "starred",
        " OR ".join(["starred"] * (MAX_COMPARISONS + 1)),
    ):
        with pytest.raises(UsageError, match="query-invalid"):
            parse_query(text)


def test_an_order_is_read():
    assert parse_order("") is None
    assert parse_order("-metrics.f1") == Order(Field("metrics", "f1"), is_descending=True)
    assert parse_order("metrics.f1 desc") == Order(Field("metrics", "f1"), is_descending=True)
    assert parse_order("-metrics.`a b`") == Order(Field("metrics", "a b"), is_descending=True)
    assert parse_order("started") == Order(Field("", "started"))
    for text in ("f1", "data", "-", "metrics.f1 metrics.f2"):
        with pytest.raises(UsageError, match="query-invalid"):
            parse_order(text)


def test_numbers_times_and_durations():
    assert [number_of(text) for text in ("3", " 3.50 ", "-.5", "1e3", "9" * 30)] == [3, 3.5, -0.5, 1000.0, 1e30]
    assert [number_of(text) for text in ("", "x", "1e", "0x10", "1_000", "inf", "nan", "３", "1 2", ".")] == [None] * 10
    assert isinstance(number_of("9007199254740993"), int)
    assert [duration_ms(text) for text in ("90", "90s", "1h30m", "250ms", "2d", "x", "-3")] == [
        90_000, 90_000, 5_400_000, 250, 172_800_000, None, None,
    ]  # fmt: skip
    assert moment_ms("1970-01-02", NOW) == (86_400_000, 172_800_000)
    assert moment_ms("1970-01-02T00:00+09:00", NOW) == (54_000_000, 54_000_001)
    assert moment_ms("-1h30m", NOW) == (NOW - 5_400_000, NOW - 5_399_999)
    assert moment_ms("soon", NOW) is None
