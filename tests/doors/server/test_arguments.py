"""Words and JSON become typed arguments, or one error that names what does not fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from workbench.contract.status import RunState
from workbench.doors.arguments import bind, is_supported
from workbench.doors.encoding import encode, to_json
from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project
from workbench.verbs import VERBS, Permission, Verb


def everything(  # noqa: PLR0917 - it is there to have one of each
    project: Project,
    text: str,
    whole: int = 1,
    number: float = 0.5,
    truth: bool = False,
    place: Path = Path("here"),
    texts: tuple[str, ...] = (),
    pairs: dict[str, str] | None = None,
    maybe: int | None = None,
) -> None:
    """Take one of each."""


EVERYTHING = Verb("everything", "", f"{__name__}:everything", Permission.RUN, "Take one of each")

GOOD: list[tuple[str, Any, Any]] = [
    ("text", ["word"], "word"),
    ("text", "", ""),
    ("whole", "7", 7),
    ("whole", ["-7"], -7),
    ("whole", 7, 7),
    ("number", "1e-3", 0.001),
    ("number", 2, 2.0),
    ("truth", ["yes"], True),
    ("truth", "False", False),
    ("truth", True, True),
    ("place", "a/b", Path("a/b")),
    ("texts", ["a", "b"], ("a", "b")),
    ("texts", "a", ("a",)),
    ("texts", [], ()),
    ("pairs", {"alpha": 0.1, "is_on": True, "n": 3, "s": "x"}, {"alpha": "0.1", "is_on": "true", "n": "3", "s": "x"}),
    ("pairs", ["a=1", "b=x=y", "c="], {"a": "1", "b": "x=y", "c": ""}),
    ("pairs", None, None),
    ("maybe", None, None),
    ("maybe", "3", 3),
]

BAD: list[tuple[str, Any, str]] = [
    ("text", 5, "must be text, not 5"),
    ("text", None, "must be text, not None"),
    ("text", ["a", "b"], "must be text"),
    ("whole", "1.5", "must be a whole number, not '1.5'"),
    ("whole", 1.5, "must be a whole number"),
    ("whole", True, "must be a whole number, not True"),
    ("whole", "", "must be a whole number, not ''"),
    ("whole", 2**63, "must be a whole number, not 9223372036854775808"),
    ("whole", "-9223372036854775809", "must be a whole number"),
    ("number", "nan", "must be a number, not 'nan'"),
    ("number", math.inf, "must be a number, not inf"),
    ("number", 10**400, "must be a number"),
    ("number", "fast", "must be a number"),
    ("number", False, "must be a number"),
    ("truth", "maybe", "must be true or false"),
    ("truth", 1, "must be true or false"),
    ("place", "", "must be a path"),
    ("place", "a\0b", "must be a path"),
    ("texts", {"a": 1}, "must be a list of texts"),
    ("texts", ["a", 1], "must be a list of texts"),
    ("pairs", ["a"], "must be a mapping"),
    ("pairs", ["=1"], "must be a mapping"),
    ("pairs", {"a": [1, 2]}, "must be a mapping"),
    ("maybe", "x" * 500, "must be a whole number"),
]


@pytest.mark.parametrize(("name", "given", "wanted"), GOOD)
def test_good_input(name, given, wanted):
    bound = bind(EVERYTHING, {"text": "x", name: given})
    assert bound[name] == wanted
    assert type(bound[name]) is type(wanted)


@pytest.mark.parametrize(("name", "given", "message"), BAD)
def test_bad_input(name, given, message):
    with pytest.raises(UsageError) as caught:
        bind(EVERYTHING, {"text": "x", name: given})
    assert caught.value.code == "parameter-wrong-type"
    assert message in caught.value.message
    assert len(caught.value.message) < 200
    assert caught.value.hint == "mlops everything --help"


def test_only_what_was_given_is_bound():
    assert bind(EVERYTHING, {"text": "x"}) == {"text": "x"}


def test_missing_and_unknown():
    with pytest.raises(UsageError, match="needs 'text'") as caught:
        bind(EVERYTHING, {})
    assert caught.value.code == "parameter-missing"
    with pytest.raises(UsageError, match="no parameter 'txet'") as caught:
        bind(EVERYTHING, {"txet": "x"})
    assert (caught.value.code, caught.value.hint) == ("parameter-unknown", "did you mean 'text'?")


def test_paths_are_taken_from_the_base(tmp_path):
    assert bind(EVERYTHING, {"text": "x"}, base=tmp_path)["place"] == tmp_path / "here"
    assert bind(EVERYTHING, {"text": "x", "place": "there"}, base=tmp_path)["place"] == tmp_path / "there"


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.words)
def test_every_verb_takes_only_what_can_be_bound(verb):
    assert is_supported(verb.signature())


@dataclass(frozen=True)
class Inner:
    value: float


@dataclass(frozen=True)
class Outer:
    parts: tuple[Inner, ...]
    words: dict[str, object]


def test_encoding():
    outer = Outer(
        (Inner(1.5), Inner(math.nan), Inner(math.inf)), {"state": RunState.LOST, "place": Path("a/b"), "日本": None}
    )
    expected = {
        "parts": [{"value": 1.5}, {"value": None}, {"value": None}],
        "words": {"state": "LOST", "place": "a/b", "日本": None},
    }
    assert to_json(outer) == expected
    assert to_json((outer,)) == [expected]
    assert "日本".encode() in encode(outer)
    with pytest.raises(TypeError):
        encode({"a": object()})
