"""Dates and numbers as Japanese factories and offices write them.

Everything is first brought to one width (NFKC: ``１２３．４`` is ``123.4``, ``㋿`` is ``令和``). An era date has to lie
in its era, so that a slip of the pen (``昭和70年``) stays text that somebody looks at instead of a date
that nobody does.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime

_ERAS: dict[str, tuple[date, date]] = {
    # Before 1873 Japan kept a lunar calendar, whose dates are no arithmetic on the year.
    "明治": (date(1873, 1, 1), date(1912, 7, 29)),
    "大正": (date(1912, 7, 30), date(1926, 12, 24)),
    "昭和": (date(1926, 12, 25), date(1989, 1, 7)),
    "平成": (date(1989, 1, 8), date(2019, 4, 30)),
    "令和": (date(2019, 5, 1), date(9999, 12, 31)),
}
_FIRST_YEAR = {"明治": 1868, "大正": 1912, "昭和": 1926, "平成": 1989, "令和": 2019}
_LETTERS = {"M": "明治", "T": "大正", "S": "昭和", "H": "平成", "R": "令和"}

_TIME = (
    r"(?:[ T]*(?P<hour>\d{1,2})(?::|時)(?P<minute>\d{1,2})"
    r"(?:(?::|分)(?P<second>\d{1,2})(?:\.(?P<part>\d{1,6}))?)?[分秒]?)?"
)
_ERA_DATE = re.compile(
    r"(?P<era>明治|大正|昭和|平成|令和|[MTSHR])\s*(?P<year>\d{1,2}|元)"
    r"(?:年\s*(?P<m1>\d{1,2})月\s*(?P<d1>\d{1,2})日|[./-](?P<m2>\d{1,2})[./-](?P<d2>\d{1,2}))\s*" + _TIME
)
_DATE = re.compile(
    r"(?P<year>\d{4})"
    r"(?:年\s*(?P<m1>\d{1,2})月\s*(?P<d1>\d{1,2})日|(?P<mark>[./-])(?P<m2>\d{1,2})(?P=mark)(?P<d2>\d{1,2}))\s*" + _TIME
)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_LEADING_ZERO = re.compile(r"[+-]?0\d")


def one_width(text: str) -> str:
    """Return text with full-width letters, digits and signs in their usual width, without white space around it."""
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip()


def parse_number(text: str) -> int | float | None:
    """Return the number that a cell means; None where it means none.

    Understood beside plain numbers: full-width digits, thousands separators, ``▲`` or ``△`` for minus. Leading zeros
    make an identifier, which is no number.
    """
    plain = one_width(text)
    if plain[:1] in "▲△":
        plain = "-" + plain[1:].lstrip()
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain) or _LEADING_ZERO.match(plain):
        return None
    return float(plain) if any(mark in plain for mark in ".eE") else int(plain)


def parse_date(text: str) -> date | datetime | None:
    """Return the date, or date and time, that a cell means; None where it means none."""
    plain = one_width(text)
    if found := _DATE.fullmatch(plain):
        return _made(found, int(found["year"]))
    if found := _ERA_DATE.fullmatch(plain):
        era = _LETTERS.get(found["era"], found["era"])
        count = 1 if found["year"] == "元" else int(found["year"])
        made = _made(found, _FIRST_YEAR[era] + count - 1)
        if made is None or count < 1:
            return None
        first, last = _ERAS[era]
        return made if first <= (made.date() if isinstance(made, datetime) else made) <= last else None
    return None


def _made(found: re.Match[str], year: int) -> date | datetime | None:
    month, day = int(found["m1"] or found["m2"]), int(found["d1"] or found["d2"])
    try:
        if found["hour"] is None:
            return date(year, month, day)
        part = int((found["part"] or "0").ljust(6, "0"))
        return datetime(year, month, day, int(found["hour"]), int(found["minute"]), int(found["second"] or 0), part)  # noqa: DTZ001 - the file says no zone
    except ValueError:
        return None
