"""Completion inside ``%mlops``: verbs, options and names from the project, in a few milliseconds.

IPython's own completion of a magic's arguments took seconds and found nothing; a context matcher that suppresses the
others answers at once. It never raises: a completion that fails is no completion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.doors.magics.cell import CELL_WORDS, CONTINUE
from workbench.doors.magics.on import OPTIONS
from workbench.foundation.errors import WorkbenchError
from workbench.verbs import VERBS, Verb

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

_MAGICS = ("%mlops ", "%%mlops ")


def match(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the word under the cursor where the line is one of our magics."""
    from IPython.core.completer import SimpleCompletion

    line = context.line_with_cursor.lstrip()
    prefix = next((magic for magic in _MAGICS if line.startswith(magic)), None)
    if prefix is None:
        return {"completions": []}
    words = candidates(line[len(prefix) :], is_cell=prefix == "%%mlops ")
    return {
        "completions": [SimpleCompletion(text=word, type="mlops") for word in words],
        "matched_fragment": _last_word(line),
        "suppress": True,
    }


match.matcher_api_version = 2  # type: ignore[attr-defined]
match.matcher_priority = 100  # type: ignore[attr-defined]
match.matcher_identifier = "workbench"  # type: ignore[attr-defined]


def candidates(typed: str, *, is_cell: bool = False) -> list[str]:
    """Return what may stand where ``typed`` ends."""
    before = typed[: len(typed) - len(_last_word(typed))].split()
    word = _last_word(typed)
    if is_cell:
        return [w for w in _cell_words(before, word) if w.startswith(word)]
    verb = _verb_of(before)
    if verb is None or (len(before) == 1 and not word.startswith("-") and _has_siblings(verb)):
        return sorted(w for w in _words_after(before) if w.startswith(word))
    try:
        values = _values(before[-1]) or _options(verb)
    except (WorkbenchError, OSError, ImportError):
        return []
    return sorted(value for value in values if value.startswith(word))


def _cell_words(before: list[str], word: str) -> list[str]:
    """Return what may follow in the line of a cell magic."""
    if not before:
        return list(CELL_WORDS)
    if word.startswith("-"):
        return [CONTINUE] if before[0] == "track" else list(OPTIONS) if before[0] == "on" else []
    try:
        return _values("--target") if before == ["on"] else []
    except (WorkbenchError, OSError):
        return []


def _last_word(line: str) -> str:
    return "" if line.endswith(" ") else line.rpartition(" ")[2]


def _verb_of(words: list[str]) -> Verb | None:
    for length in (2, 1):
        found = next((v for v in VERBS if v.words.split() == words[:length]), None)
        if found:
            return found
    return None


def _words_after(before: list[str]) -> set[str]:
    """Return the words that can follow those typed so far."""
    split = [verb.words.split() for verb in VERBS]
    return {words[len(before)] for words in split if words[: len(before)] == before and len(words) > len(before)}


def _has_siblings(verb: Verb) -> bool:
    return any(other.noun == verb.noun and other.verb for other in VERBS)


def _options(verb: Verb) -> list[str]:
    from workbench.doors.commandline import options_of

    return options_of(verb)


def _values(option: str) -> list[str]:
    """Return names from the project for options that take one."""
    from workbench.foundation.project import Project

    if option in ("--target", "-t"):
        return list(dict.fromkeys(["local", *Project.open(actor="completion").config.targets]))
    return []
