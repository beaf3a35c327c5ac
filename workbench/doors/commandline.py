"""From a line of words to a call: one parser for the ``mlops`` command and the ``%mlops`` magics.

Built with argparse from a verb's signature and docstring; nothing is written twice. Errors are raised, never printed: a
notebook and papermill must stop on them.
"""

from __future__ import annotations

import argparse
import re
import shlex
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import Parameter
from pathlib import Path
from typing import Any, NoReturn

from workbench.doors.arguments import CONVERTERS
from workbench.doors.docstring import documentation_of, plain
from workbench.foundation.errors import NotFoundError, UsageError, WorkbenchError, did_you_mean
from workbench.verbs import VERBS, Follows, Verb

_NOT_GIVEN = object()
"""Stands for a word that was left out. argparse turns a default that is text, as its SUPPRESS is, into a value."""

_JOINS = frozenset(("AND", "OR", "NOT", "IN", "=", "==", "!=", "<", "<=", ">", ">=", "~", "and", "or", "not", "in"))
"""What stands second in a query whose quotes were forgotten."""


@dataclass(frozen=True)
class Call:
    """A verb with its arguments, and how the result is wanted.

    Attributes:
        verb: The row of the table.
        arguments: Keyword arguments for its function, without the project.
        project: Folder to look for the project from; None for the working directory.
        as_json: Whether the result is wanted as JSON.
        is_detached: Whether not to wait for what was started.
        help: Text to show instead of calling, where help was asked for.
        slip: First word of a noun's own arguments that looks like one of its verbs; empty where none does.
        meant: Words of that verb: ``runs compare`` for ``mlops runs comapre``.
    """

    verb: Verb
    arguments: dict[str, Any]
    project: Path | None = None
    as_json: bool = False
    is_detached: bool = False
    help: str = ""
    slip: str = ""
    meant: str = ""

    def better_hint(self, error: WorkbenchError) -> str:
        """Return the hint of what the call raised; where it says that it does not know a slip, what was meant."""
        return f"did you mean '{self.meant}'?" if self.meant and f"'{self.slip}'" in error.message else error.hint


def parse(words: Sequence[str]) -> Call:
    """Parse a command line without its first word.

    Raises:
        NotFoundError: ``verb-unknown``.
        UsageError: ``option-misplaced``, ``option-unknown``, ``argument-missing`` or ``argument-wrong``.
    """
    _require_text(words)
    verb, rest = split_verb(words)
    parser = build_parser(verb)
    parser.meant = meant = meant_by(verb, rest)
    if "-h" in rest or "--help" in rest:
        return Call(verb, {}, help=parser.format_help())
    values = vars(parser.parse_args(_joined(parser, rest)))
    project = values.pop("project_folder", None)
    as_json = values.pop("as_json")
    is_detached = values.pop("is_detached", False)
    given = {name: _plain(value) for name, value in values.items() if value not in (argparse.SUPPRESS, _NOT_GIVEN)}
    return Call(verb, given, project, as_json, is_detached, slip=rest[0] if meant else "", meant=meant)


def split_verb(words: Sequence[str]) -> tuple[Verb, Sequence[str]]:
    """Take the verb's one or two words off the front."""
    known = {verb.words: verb for verb in VERBS}
    for length in (2, 1):
        verb = known.get(" ".join(words[:length]))
        if verb and len(words) >= length:
            return verb, words[length:]
    if words and words[0].startswith("-"):
        raise UsageError("option-misplaced", f"'{words[0]}' stands before the command", _put_behind(words))
    raise NotFoundError("verb-unknown", f"There is no command '{' '.join(words[:2])}'", _nearest(words))


def meant_by(verb: Verb, rest: Sequence[str]) -> str:
    """Return the verb that a noun's first argument seems to be meant for; empty where none is near.

    Of ``runs comapre A B`` and ``alerts resolv al-1`` the noun alone is a command, too, which would take the slip for
    a query or refuse it. ``run compare`` has the right verb behind a noun that is only nearly right.
    """
    if verb.verb or not rest or rest[0].startswith("-"):
        return ""
    own = {other.verb: other.words for other in VERBS if other.noun == verb.noun and other.verb}
    if nearest := get_close_matches(rest[0], own, n=1):
        return own[nearest[0]]
    akin = (f"{verb.noun}s", verb.noun.removesuffix("s"))
    return next((other.words for other in VERBS if other.noun in akin and other.verb == rest[0] != ""), "")


def _put_behind(words: Sequence[str]) -> str:
    """Say how a line reads whose options stand before its command."""
    known = {verb.words for verb in VERBS}
    for start in range(1, len(words)):
        for length in (2, 1):
            if " ".join(words[start : start + length]) in known:
                return f"write it after the command: mlops {shlex.join([*words[start:], *words[:start]])}"
    return "mlops --help"


def _nearest(words: Sequence[str]) -> str:
    """Say which command was meant: the noun first, then among its own verbs."""
    nouns = sorted({verb.noun for verb in VERBS})
    close = get_close_matches(words[0], nouns, n=1) if words else []
    if not close:
        return "mlops --help"
    family = {verb.verb: verb.words for verb in VERBS if verb.noun == close[0]}
    if nearest := get_close_matches(words[1], filter(None, family), n=1) if words[1:] else []:
        return f"did you mean '{family[nearest[0]]}'?"
    if "" in family:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(family.values())}"


def overview() -> str:
    """Return the list of commands, one line each, in the order of the road."""
    width = max(len(verb.words) for verb in VERBS)
    lines = [f"  {verb.words:<{width}}  {verb.summary}" for verb in VERBS]
    return "\n".join(
        [
            "usage: mlops COMMAND [arguments] [--json] [--project FOLDER]",
            "",
            "From notebook to reviewed, served, watched model. The same commands are %mlops magics in a notebook.",
            "",
            *lines,
            "",
            "mlops COMMAND --help explains one. Exit codes: 0 done, 1 denied or failed, 2 wrong input or no such",
            "thing, 3 no result, or storage or a server out of reach, 4 pending, 5 integrity.",
        ]
    )


def _require_text(words: Sequence[str]) -> None:
    """Refuse bytes that are no UTF-8, which reach us as half surrogate pairs: no database would take them."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            hint = "rename the file, or check the locale"
            raise UsageError("argument-wrong", f"{word!r} is no UTF-8", hint) from None


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of printing and leaving."""

    verb_words = ""
    meant = ""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed."""
        code = "argument-missing" if "required" in message else "argument-wrong"
        hint = f"did you mean '{self.meant}'?" if self.meant else f"mlops {self.verb_words} --help"
        if match := re.match(r"unrecognized arguments: (\S+)", message):
            code, message = "option-unknown", f"'mlops {self.verb_words}' does not know '{match[1]}'"
            options = [option for action in self._actions for option in action.option_strings]
            if match[1] in _JOINS and any(action.dest == "query" for action in self._actions):
                hint = f'put quotes around the whole query: mlops {self.verb_words} "metrics.f1 = 1 AND starred"'
            elif match[1].startswith("-") and (not self.meant or get_close_matches(match[1], options)):
                hint = did_you_mean(match[1], options)
        raise UsageError(code, message, hint)


def build_parser(verb: Verb) -> _Parser:
    """Build a verb's parser from its signature and docstring."""
    documentation = documentation_of(verb.load(), "Args")
    parser = _Parser(
        prog=f"mlops {verb.words}",
        description=plain(documentation.summary) or verb.summary,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.verb_words = verb.words
    letters = {parameter: letter for letter, parameter in verb.short}
    for parameter in verb.signature().parameters.values():
        text = plain(documentation.entries.get(parameter.name, "")) + _default(parameter)
        if verb.follows is Follows.WAIT and parameter.name == "wait":
            text = argparse.SUPPRESS  # --detach says it; a script that has --wait or --no-wait goes on working
        _add(parser, parameter, parameter.name in verb.positional, letters, text)
    if verb.needs_project:
        parser.add_argument(
            "--project", dest="project_folder", type=Path, metavar="FOLDER", default=None, help="Folder of the project."
        )
    parser.add_argument("--json", dest="as_json", action="store_true", default=False, help="Print JSON.")
    if verb.follows is Follows.LOG:
        parser.add_argument(
            "-f", "--follow", dest="is_detached", action="store_false", default=True, help="Go on until the job's end."
        )
    elif verb.follows is not Follows.NOTHING:
        parser.add_argument(
            "--detach", dest="is_detached", action="store_true", default=False, help="Do not wait for its end."
        )
    return parser


def options_of(verb: Verb) -> list[str]:
    """Return a verb's long options, for completion."""
    shown = [action for action in build_parser(verb)._actions if action.help != argparse.SUPPRESS]
    return [option for action in shown for option in action.option_strings if option.startswith("--")]


def _default(parameter: Parameter) -> str:
    """Say what holds where an option is not given; nothing where that is nothing, or a switch that is off."""
    value = parameter.default
    if value is Parameter.empty or value in (None, False, "", (), Path()):
        return ""
    if isinstance(value, tuple):
        value = " ".join(map(str, value))
    return f" (default: {'yes' if value is True else value})"


def _add(
    parser: argparse.ArgumentParser, parameter: Parameter, is_positional: bool, letters: dict[str, str], text: str
) -> None:
    kind = parameter.annotation
    is_required = parameter.default is Parameter.empty
    options: dict[str, Any] = {"help": text if text == argparse.SUPPRESS else text.replace("%", "%%")}
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kind = next(t for t in typing.get_args(kind) if t is not type(None))
    origin = typing.get_origin(kind) or kind
    if origin is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif origin is dict:
        how = {"nargs": "+"} if is_positional else {"action": "append"}
        options.update(how, type=_pair, metavar="NAME=VALUE")
    elif origin is tuple:
        options["nargs"] = "+" if is_required or not is_positional else "*"
    else:
        options["type"] = _NUMBERS.get(origin, kind)
    if is_positional:
        if not is_required and "nargs" not in options:
            options.update(nargs="?", default=_NOT_GIVEN)
        parser.add_argument(parameter.name, **options)
        return
    flags = [f"-{letters[parameter.name]}"] if parameter.name in letters else []
    flags.append("--" + parameter.name.replace("_", "-"))
    parser.add_argument(*flags, dest=parameter.name, required=is_required, **options)


def _joined(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Join ``--sort -metrics.f1`` to one word: argparse would take the value for an option that it does not know."""
    takes_one = {o for a in parser._actions if a.nargs is None for o in a.option_strings if o.startswith("--")}
    known = {option for action in parser._actions for option in action.option_strings}
    joined: list[str] = []
    for word in words:
        is_value = bool(joined) and joined[-1] in takes_one and word[:1] == "-" and word[1:2] not in ("", "-")
        if is_value and word[:2] not in known:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"write NAME=VALUE, not '{text}'")
    return name, value


def _number_type(kind: type) -> Callable[[str], Any]:
    """Return what argparse converts a number with: the same limits hold as for a number in JSON."""

    def convert(text: str) -> Any:
        return CONVERTERS[kind](text)

    convert.__name__ = kind.__name__  # argparse says it: "invalid int value"
    return convert


_NUMBERS = {kind: _number_type(kind) for kind in (int, float)}


def _plain(value: Any) -> Any:
    """Turn argparse's lists into what verbs take: pairs into a dict, words into a tuple."""
    if isinstance(value, list):
        return dict(value) if value and isinstance(value[0], tuple) else tuple(value)
    return value
