"""From words or JSON to the arguments of a verb: the one place where input from outside gets its types.

A query string has only words, a JSON body has numbers too, a notebook has both. All are converted against the verb's
own signature, and whatever does not fit is named before anything is called, so bad input changes nothing. The seven
types that verbs take need no library: importing one here would cost every ``mlops`` command its time.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

from workbench.foundation.errors import UsageError, did_you_mean
from workbench.foundation.project import expanded
from workbench.verbs import Verb

_WHOLE_LIMIT = 2**63
"""Beyond it no database takes a whole number."""

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def bind(verb: Verb, raw: Mapping[str, Any], *, base: Path | None = None) -> dict[str, Any]:
    """Return keyword arguments for a verb's function, without the project.

    Args:
        verb: The verb to call.
        raw: What was given: text, lists of text (a repeated option), or JSON values.
        base: Folder that relative paths, also default ones, are taken from; None leaves them as they are.

    Raises:
        UsageError: ``parameter-unknown``, ``parameter-missing`` or ``parameter-wrong-type``.
    """
    parameters = verb.signature().parameters
    for name in raw:
        if name not in parameters:
            raise UsageError(
                "parameter-unknown", f"'{verb.words}' has no parameter '{name}'", did_you_mean(name, parameters)
            )
    bound: dict[str, Any] = {}
    for name, parameter in parameters.items():
        if name in raw:
            bound[name] = _converted(verb, parameter, raw[name])
        elif parameter.default is Parameter.empty:
            raise UsageError("parameter-missing", f"'{verb.words}' needs '{name}'", _help(verb))
        elif base is not None and isinstance(parameter.default, Path):
            bound[name] = parameter.default
    if base is not None:
        bound = {name: base / expanded(value) if isinstance(value, Path) else value for name, value in bound.items()}
    return bound


def _converted(verb: Verb, parameter: Parameter, value: Any) -> Any:
    kind, is_optional = _kind(parameter.annotation)
    if value is None and is_optional:
        return None
    try:
        return CONVERTERS[kind](value)
    except (ValueError, TypeError, OverflowError):
        raise UsageError(
            "parameter-wrong-type",
            f"'{parameter.name}' of '{verb.words}' must be {_WORDS[kind]}, not {_shown(value)}",
            _help(verb),
        ) from None


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Return the bare type behind an annotation, and whether None is allowed."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        members = typing.get_args(annotation)
        (bare,) = (member for member in members if member is not type(None))
        return _kind(bare)[0], len(members) > 1
    return typing.get_origin(annotation) or annotation, False


def _text(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) == 1:
        return _text(value[0])  # a query string has a list for every name
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # half a surrogate pair is JSON and no text: no file and no database takes it
    if "\0" in value:
        raise ValueError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool | float):
        raise TypeError
    number = value if isinstance(value, int) else int(_text(value))
    if not -_WHOLE_LIMIT <= number < _WHOLE_LIMIT:
        raise ValueError
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    number = float(value) if isinstance(value, int | float) else float(_text(value))
    if not math.isfinite(number):  # no limit, age, share or tolerance means anything then
        raise ValueError
    return number


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = _text(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _path(value: Any) -> Path:
    text = _text(str(value) if isinstance(value, Path) else value)
    if not text:
        raise ValueError
    return Path(text)


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_text(value),)
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(_text(part) for part in value)


def _pairs(value: Any) -> dict[str, str]:
    """Take a JSON object, or ``NAME=VALUE`` words; a number becomes the text that JSON has for it."""
    if isinstance(value, Mapping):
        return {_text(name): _scalar(part) for name, part in value.items()}
    return dict(_pair(text) for text in _texts(value))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError
    return name, value


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else _text(value)


CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _truth,
    Path: _path,
    tuple: _texts,
    dict: _pairs,
}
_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path",
    tuple: "a list of texts",
    dict: "a mapping of names to values",
}


def _shown(value: Any) -> str:
    text = repr(value[0] if isinstance(value, list) and len(value) == 1 else value)
    return text if len(text) <= 60 else text[:57] + "…"


def _help(verb: Verb) -> str:
    return f"mlops {verb.words} --help"


def is_supported(signature: Signature) -> bool:
    """Tell whether every parameter has one of the types that verbs may take."""
    return all(_kind(parameter.annotation)[0] in CONVERTERS for parameter in signature.parameters.values())
