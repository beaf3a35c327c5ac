"""The table holds what it promises: every function exists, every parameter is of a kind that every door can carry."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path

import pytest

from workbench.doors.call import carry_out
from workbench.doors.commandline import build_parser, options_of, parse
from workbench.doors.docstring import documentation_of, plain
from workbench.foundation.errors import NotFoundError, UsageError
from workbench.foundation.project import Project
from workbench.verbs import VERBS, Permission, Verb, find_verb

CARRIED = {str, int, float, bool, Path, tuple[str, ...], dict[str, str], type(None)}


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.words)
def test_every_door_can_carry_it(verb: Verb) -> None:
    signature = verb.signature()
    for parameter in signature.parameters.values():
        kinds = typing.get_args(parameter.annotation) or (parameter.annotation,)
        if parameter.annotation in (tuple[str, ...], dict[str, str]):
            kinds = (parameter.annotation,)
        assert set(kinds) <= CARRIED, f"{parameter.name}: {parameter.annotation}"
    assert set(verb.positional) <= set(signature.parameters)
    assert {name for _, name in verb.short} <= set(signature.parameters)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.words)
def test_its_docstring_is_its_help(verb: Verb) -> None:
    documentation = documentation_of(verb.load(), "Args")
    assert documentation.summary
    undocumented = set(verb.signature().parameters) - set(documentation.entries)
    assert not undocumented
    assert plain(documentation.summary).rstrip(".") in " ".join(build_parser(verb).format_help().split())


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.words)
def test_it_returns_a_contract_type(verb: Verb) -> None:
    result = inspect.signature(verb.load(), eval_str=True).return_annotation
    inner = typing.get_args(result)[0] if typing.get_origin(result) is tuple else result
    assert inner.__module__.startswith("workbench.contract.")


def test_words_are_unique() -> None:
    assert len({verb.words for verb in VERBS}) == len(VERBS)


def test_a_misspelt_command_is_mended() -> None:
    with pytest.raises(NotFoundError) as caught:
        find_verb("review aprove")
    assert caught.value.hint == "did you mean 'review approve'?"


def test_a_line_becomes_a_call() -> None:
    call = parse(["run", "a.ipynb", "-p", "depth=6", "-p", "name=my run", "--target", "local", "--detach", "--json"])
    assert call.arguments == {"notebook": "a.ipynb", "params": {"depth": "6", "name": "my run"}, "target": "local"}
    assert call.is_detached
    assert call.as_json


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("inti", "verb-unknown", "did you mean 'init'?"),
        (
            "review",
            "verb-unknown",
            "known: review show, review request, review approve, review reject, review request-changes, review status, "
            "review check, review compare, review draft, review override, review post-review, review waive, "
            "review comment",
        ),
        ("nosuch", "verb-unknown", "mlops --help"),
        ("nosuch thing", "verb-unknown", "mlops --help"),
        ("review aprove x", "verb-unknown", "did you mean 'review approve'?"),
        ("reviw aprove x", "verb-unknown", "did you mean 'review approve'?"),
        ("inti my-project", "verb-unknown", "did you mean 'init'?"),
        ("alerts resolv al-1", "option-unknown", "did you mean 'alerts resolve'?"),
        ("runs comapre a b", "option-unknown", "did you mean 'runs compare'?"),
        ("runs exprot --query x", "option-unknown", "did you mean 'runs export'?"),
        ("sweep shwo sw-1", "argument-missing", "did you mean 'sweep show'?"),
        ("sweeps show sw-1", "option-unknown", "did you mean 'sweep show'?"),
        ("lineage exprot a b", "option-unknown", "did you mean 'lineage export'?"),
        ("run compare a b", "option-unknown", "did you mean 'runs compare'?"),
        ("runs starred --sotr x", "option-unknown", "did you mean '--sort'?"),
        (
            "runs starred AND level = R2",
            "option-unknown",
            'put quotes around the whole query: mlops runs "metrics.f1 = 1 AND starred"',
        ),
        ("--project p status", "option-misplaced", "write it after the command: mlops status --project p"),
        ("--json review show x", "option-misplaced", "write it after the command: mlops review show x --json"),
        ("--project p", "option-misplaced", "mlops --help"),
        ("run", "argument-missing", "mlops run --help"),
        ("run a.ipynb --tagret local", "option-unknown", "did you mean '--target'?"),
        ("run a.ipynb -p depth", "argument-wrong", "mlops run --help"),
        ("runs --limit many", "argument-wrong", "mlops runs --help"),
        ("status extra", "option-unknown", "mlops status --help"),
    ],
)
def test_wrong_lines_name_what_mends_them(line: str, code: str, hint: str) -> None:
    with pytest.raises((UsageError, NotFoundError)) as caught:
        parse(line.split())
    assert (caught.value.code, caught.value.hint) == (code, hint)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("runs comapre", "did you mean 'runs compare'?"),
        ("lineage emti", "did you mean 'lineage emit'?"),
        ("runs starred --state FINISHD", "did you mean 'FINISHED'?"),
    ],
)
def test_a_slip_that_is_taken_for_an_argument_is_mended(blank_project: Project, line: str, hint: str) -> None:
    with pytest.raises((UsageError, NotFoundError)) as caught:
        carry_out(parse(line.split()), folder=blank_project.root)
    assert caught.value.hint == hint


def test_a_query_that_looks_like_a_slip_is_a_query(blank_project: Project) -> None:
    assert carry_out(parse(["runs", "starred"]), folder=blank_project.root) == ()


def test_options_are_known_for_completion() -> None:
    assert {"--params", "--target", "--detach"} <= set(options_of(find_verb("run")))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.words)
def test_what_is_left_out_is_no_argument(verb: Verb) -> None:
    required = [
        parameter for parameter in verb.signature().parameters.values() if parameter.default is inspect.Parameter.empty
    ]
    words = [
        word
        for parameter in required
        for word in (
            *([] if parameter.name in verb.positional else [f"--{parameter.name.replace('_', '-')}"]),
            "a=1" if parameter.annotation == dict[str, str] else "1",
        )
    ]
    assert set(parse([*verb.words.split(), *words]).arguments) == {parameter.name for parameter in required}


def shown_help(words: str) -> str:
    return " ".join(parse([*words.split(), "--help"]).help.split())


def test_help_names_the_defaults_that_hold() -> None:
    assert "(default: production)" in shown_help("review request")
    assert "(default: 100)" in shown_help("runs")
    for verb in VERBS:
        text = shown_help(verb.words)
        assert "default: True" not in text, verb.words
        assert "default: None" not in text, verb.words
        assert "SUPPRESS" not in text, verb.words


@pytest.mark.parametrize("words", ["reproduce", "review request", "pipeline run", "sweep request"])
def test_there_is_one_way_not_to_wait(words: str) -> None:
    assert "--detach" in shown_help(words)
    assert "-wait" not in shown_help(words)
    assert "--wait" not in options_of(find_verb(words))
    assert parse([*words.split(), "x", "--no-wait"]).arguments["wait"] is False


def test_an_empty_answer_says_what_it_means() -> None:
    assert find_verb("policy lint").said_of_nothing(()) == "Nothing wrong was found."
    assert find_verb("gate watch").said_of_nothing(()) == "Nothing was moved past the gate."
    assert find_verb("alerts").said_of_nothing({"state": "OPEN"}) == "No alerts."
    assert find_verb("runs").said_of_nothing({"limit": 5}) == "No runs yet: mlops run <notebook>"
    assert find_verb("runs").said_of_nothing({"query": "metrics.f1 > 0.9"}) == "Nothing matches."
    assert find_verb("policy try").said_of_nothing({"path": "x"}).startswith("No reviews to judge yet")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.words)
def test_what_an_empty_answer_names_is_a_command(verb: Verb) -> None:
    assert ": mlops " not in verb.empty
    if verb.first:
        assert parse(verb.first.removeprefix("mlops ").split()).verb


def test_whether_an_empty_list_may_be_narrowed_is_said_and_not_read_out_of_its_words() -> None:
    row = {"noun": "shelves", "verb": "", "function": "workbench.experiment.runs:list_runs", "summary": "List shelves"}
    books = Verb(**row, permission=Permission.READ, empty="Nothing is on them", first="mlops shelves add <book>")
    assert books.said_of_nothing(()) == "Nothing is on them: mlops shelves add <book>"
    assert books.said_of_nothing({"query": "metrics.f1 > 0.9"}) == "Nothing matches."
    words = Verb(**row, permission=Permission.READ, empty="Not yet: ask again")
    assert words.said_of_nothing({"query": "metrics.f1 > 0.9"}) == "Not yet: ask again"
