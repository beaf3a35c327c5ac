"""Weigh patterns and names for one column of values, and say how sure that is.

Only distinct values are looked at, each in full, and counts are taken back to rows. A shape must cover a good share of
a column that is not named for it: one part number among thousands that happens to pass a check digit is no finding,
while an e-mail address is one wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from workbench.data.care.masking import mask
from workbench.data.care.personal.names import kind_named, may_be_person
from workbench.data.care.personal.patterns import PATTERNS, Pattern, Strength

_SHARE_SHAPED = 0.5
"""Share of a column's values that must have a shape which other data can have by chance."""
_SHARE_TEXT = 0.02
"""The same in free text, where several kinds stand beside each other."""
_SHARE_HINTED = 0.5
_EXAMPLES = 3
_PERSON_WORDS = re.compile(
    r"[一-龠々ぁ-んァ-ヶー]{1,6}[  ][一-龠々ぁ-んァ-ヶー]{1,6}|[A-Z][a-z'’-]+(?: [A-Z][\w'’.-]*)? [A-Z][\w'’-]+"
)
_CHANCE = {"my-number": 1 / 11, "credit-card": 1 / 10}
"""Share of random numbers of the right length that pass the check digit."""


@dataclass
class Suspicion:
    """One kind of personal data in one column.

    Attributes:
        kind: Kind of personal data.
        count: Values that look so.
        share: Of the column's values.
        confidence: ``high``, ``medium`` or ``low``.
        reason: Why it is thought so.
        examples: Masked values.
    """

    kind: str
    count: int
    share: float
    confidence: str
    reason: str
    examples: tuple[str, ...] = ()


@dataclass
class _Matches:
    counts: Counter[str] = field(default_factory=Counter)
    strength: dict[str, Strength] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)


def look_at(column: str, values: Mapping[str, int], *, is_numeric: bool = False) -> list[Suspicion]:
    """Return what a column may hold.

    Args:
        column: Its name; empty for text that is no table.
        values: Distinct values as text, with how often each stands there.
        is_numeric: Whether the column was read as numbers.
    """
    total = sum(values.values())
    named = kind_named(column)
    if not total or (is_numeric and not _may_be_number(named, values)):
        return []
    matches = _matched(values, named, may_be_person(column))
    found = []
    for kind, count in matches.counts.items():
        suspicion = _weighed(kind, count, total, matches, is_named=kind == named, is_text=not column)
        if suspicion:
            found.append(suspicion)
    return _strongest(found)


def _matched(values: Mapping[str, int], named: str | None, is_person: bool) -> _Matches:
    matches = _Matches()
    wanted = [p for p in PATTERNS if p.strength > Strength.HINTED or p.kind == named]
    for value, times in values.items():
        text = unicodedata.normalize("NFKC", value).strip()
        for kind, strength in _kinds_of(text, wanted).items():
            matches.counts[kind] += times
            matches.strength[kind] = max(matches.strength.get(kind, Strength.HINTED), strength)
            if len(shown := matches.examples.setdefault(kind, [])) < _EXAMPLES:
                shown.append(mask(value))
        if is_person and _PERSON_WORDS.fullmatch(text):
            matches.counts["name"] += times
            matches.strength["name"] = Strength.SHAPED
            if len(shown := matches.examples.setdefault("name", [])) < _EXAMPLES:
                shown.append(mask(value))
    return matches


def _kinds_of(text: str, patterns: Iterable[Pattern]) -> dict[str, Strength]:
    found: dict[str, Strength] = {}
    for pattern in patterns:
        if found.get(pattern.kind, 0) >= pattern.strength:
            continue
        match = pattern.regex.fullmatch(text) if pattern.whole else pattern.regex.search(text)
        if match and (pattern.is_true is None or pattern.is_true(match[0])):
            found[pattern.kind] = pattern.strength
    return found


def _weighed(
    kind: str, count: int, total: int, matches: _Matches, *, is_named: bool, is_text: bool
) -> Suspicion | None:
    share = count / total
    strength = matches.strength[kind]
    examples = tuple(dict.fromkeys(matches.examples[kind]))
    if is_named and strength == Strength.HINTED:
        if share < _SHARE_HINTED:
            return None
        return Suspicion(kind, count, share, "medium", "the column is named for it and its values look so", examples)
    if is_named:
        return Suspicion(
            kind, count, share, "high", "the column is named for it and its values are written so", examples
        )
    if strength == Strength.PROVEN:
        return Suspicion(kind, count, share, "high", "values that nothing else looks like", examples)
    needed = _SHARE_TEXT if is_text else max(_SHARE_SHAPED, 3 * _CHANCE.get(kind, 0))
    if share < needed:
        return None
    confidence = "medium" if share > 0.9 or is_text else "low"
    return Suspicion(kind, count, share, confidence, "values are written so", examples)


def _may_be_number(named: str | None, values: Mapping[str, int]) -> bool:
    """Tell whether numbers are worth a look: measured values are not, numbers of eleven digits and more may be."""
    if named:
        return True
    sample = list(values)[:200]
    return all(re.fullmatch(r"\d{11,19}", value) for value in sample)


def _strongest(found: list[Suspicion]) -> list[Suspicion]:
    """Keep, of kinds that share their values, the surest: a card number is no phone number."""
    order = {"high": 0, "medium": 1, "low": 2}
    found.sort(key=lambda suspicion: (order[suspicion.confidence], -suspicion.count))
    if found and found[0].confidence != "low" and found[0].share > 0.9:
        return [found[0], *(other for other in found[1:] if other.confidence == "high")]
    return found
