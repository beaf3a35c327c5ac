"""Say an English sentence in another language: find the template it was made from, and fill in its values there.

``There is no run '3f2a'`` was made from ``There is no run '{0}'``; the catalogue has that template, its translation has
the same places in an order of its own. A value may be a sentence itself (the reason within a message), so values are
translated too. What is said of several things, joined by ``; ``, is translated one by one, and a sentence may have a
tail (`` and 3 more``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
_PLACE = re.compile(r"\{(\d+)\}")
_BETWEEN = "; "
_MOST = 1_000
"""Characters of a text that is looked at; what is longer is no sentence."""


@dataclass(frozen=True)
class _Sentence:
    """One entry of a catalogue.

    Attributes:
        patterns: Match what was made from the English template; one group for each place. There are two where it is
            open which of two neighbours a word belongs to.
        pieces: Its own words: before, between and behind its places.
        text: The translation.
    """

    patterns: tuple[re.Pattern[str], ...]
    pieces: tuple[str, ...]
    text: str

    @property
    def is_tail(self) -> bool:
        """Whether it follows another sentence."""
        return self.pieces[0][:1] in (" ", ";", ",")

    def may_say(self, text: str) -> bool:
        """Tell whether its own words stand in a text, in their order; a pattern then reads it without a long search."""
        at = 0
        for piece in self.pieces:
            if (at := text.find(piece, at)) < 0:
                return False
            at += len(piece)
        return text.startswith(self.pieces[0]) and text.endswith(self.pieces[-1])

    def said(self, text: str, language: str, *, between: str = "") -> str:
        """Return the translation of a text that was made from this; empty where it was not.

        Args:
            text: The text.
            language: Language to say it in.
            between: What none of its values may hold.
        """
        if not self.may_say(text):
            return ""
        readings = [match.groups() for pattern in self.patterns if (match := pattern.fullmatch(text))]
        if not readings or (between and any(between in value for values in readings for value in values)):
            return ""
        known = catalogue(language)
        best = max(readings, key=lambda values: sum(value in known for value in values))
        values = [translated(value, language) if value != text else value for value in best]
        return _PLACE.sub(lambda place: values[int(place[1])], self.text)


def languages() -> tuple[str, ...]:
    """Return the languages that there is a catalogue for; English needs none."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def language_of(accepted: str) -> str:
    """Return the first language of an ``Accept-Language`` header if there is a catalogue for it, else nothing."""
    first = accepted.partition(",")[0].partition(";")[0].strip().lower().replace("_", "-")
    language = first.partition("-")[0]
    return language if language in languages() else ""


@lru_cache(maxsize=4096)
def translated(text: str, language: str) -> str:
    """Return a text in a language; as it is where nobody has translated it.

    Args:
        text: What a room said.
        language: One of :func:`languages`; in another it stays as it is.
    """
    if not text or len(text) > _MOST or language not in languages():
        return text
    sentences = _sentences(language)
    found = next((said for one in sentences if (said := one.said(text, language, between=_BETWEEN))), "")
    if found or (found := _each(text, language, all)):
        return found
    if found := next((said for one in sentences if (said := one.said(text, language))), ""):
        return found
    for tail in (sentence for sentence in sentences if sentence.is_tail):
        start = text.rfind(tail.pieces[0])
        if start > 0 and (found := tail.said(text[start:], language)):
            return translated(text[:start], language) + found
    return _each(text, language, any) or text


def _each(text: str, language: str, how_many: Callable[[Iterable[bool]], bool]) -> str:
    """Return what is said of several things, one by one; empty where it is one, or not so many are known."""
    parts = text.split(_BETWEEN)
    if len(parts) == 1:
        return ""
    said = [translated(part, language) for part in parts]
    return "。".join(said) if how_many(new != old for new, old in zip(said, parts, strict=True)) else ""


@lru_cache(maxsize=4)
def catalogue(language: str) -> dict[str, str]:
    """Return a language's catalogue: translations by English template."""
    found: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=4)
def _sentences(language: str) -> tuple[_Sentence, ...]:
    """Return the entries in the order in which they are tried.

    A sentence that begins with words of its own may have any other as a value, so these come first; among them, and
    among the others, those with the most words say most exactly what a text is.
    """
    made = [_Sentence(_patterns(english), _pieces(english), text) for english, text in catalogue(language).items()]
    return tuple(sorted(made, key=lambda sentence: (not sentence.pieces[0], -sum(map(len, sentence.pieces)))))


def _pieces(english: str) -> tuple[str, ...]:
    return tuple(_PLACE.split(english)[::2])


def _patterns(english: str) -> tuple[re.Pattern[str], ...]:
    parts = _PLACE.split(english)  # text, place, text, place, …
    lazy = ["(.*?)" if index % 2 else re.escape(part) for index, part in enumerate(parts)]
    eager = ["(.*)" if index % 2 and parts[index + 1] == " " else part for index, part in enumerate(lazy)]
    return tuple(re.compile("".join(pattern), re.DOTALL) for pattern in ([lazy] if lazy == eager else [lazy, eager]))
