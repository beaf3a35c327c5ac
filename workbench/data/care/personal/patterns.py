"""How each kind of personal data is written, in Japan and in the West.

Text is brought to NFKC first, so full-width digits and letters are plain ones. A pattern with a check digit stands for
itself; one that ordinary data can look like (a number with a zero in front) counts only with a column named for it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from workbench.data.care.personal.digits import is_card_number, is_iban, is_my_number, is_social_security_number


class Strength(IntEnum):
    """How much a match says by itself."""

    HINTED = 1
    """Nothing, unless the column is named for it."""
    SHAPED = 2
    """A shape that little else has."""
    PROVEN = 3
    """A check digit, or a shape that nothing else has."""


@dataclass(frozen=True)
class Pattern:
    """One way in which one kind is written.

    Attributes:
        kind: Kind of personal data.
        regex: What is looked for in a value.
        strength: How much a match says.
        is_true: Second look at a match, where there is one.
        whole: Whether the value has to be nothing but the match.
    """

    kind: str
    regex: re.Pattern[str]
    strength: Strength
    is_true: Callable[[str], bool] | None = None
    whole: bool = False


_PREFECTURES = (
    "北海道|青森県|岩手県|宮城県|秋田県|山形県|福島県|茨城県|栃木県|群馬県|埼玉県|千葉県|東京都|神奈川県|新潟県|富山県|"
    "石川県|福井県|山梨県|長野県|岐阜県|静岡県|愛知県|三重県|滋賀県|京都府|大阪府|兵庫県|奈良県|和歌山県|鳥取県|島根県|"
    "岡山県|広島県|山口県|徳島県|香川県|愛媛県|高知県|福岡県|佐賀県|長崎県|熊本県|大分県|宮崎県|鹿児島県|沖縄県"
)
_STREETS = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Way|Terrace|Parkway|Circle|Square|"
    "Highway|Hwy|Trail|Islands?|Rue|Straße|Strasse"
)
_HYPHEN = r"[-‐-―−ー]"
_START, _END = r"(?<![0-9A-Za-z.:_-])", r"(?![0-9A-Za-z_-]|\.[0-9])"


def _is_public_or_private_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast)


def _compiled(text: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(text.replace("<-", _HYPHEN).replace("\\A", _START).replace("\\Z", _END), flags)


PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "email",
        _compiled(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"),
        Strength.PROVEN,
    ),
    # Japan: mobile, IP and free numbers, and landlines with their hyphens; the whole is ten or eleven digits.
    Pattern(
        "phone",
        _compiled(r"\A(?:0[5789]0<-?\d{4}<-?\d{4}|0120<-\d{3}<-\d{3}|\(?0\d{1,4}\)?(?:<-| )?\d{1,4}<-\d{4})\Z"),
        Strength.SHAPED,
        lambda text: 10 <= sum(map(str.isdigit, text)) <= 11,
    ),
    Pattern(
        "phone",
        _compiled(r"(?<![\w.+-])\+(?:[1-9]\d{0,2})[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}(?![\w-])"),
        Strength.SHAPED,
        lambda text: 9 <= sum(map(str.isdigit, text)) <= 15,
    ),
    Pattern(
        "phone",
        _compiled(r"\A(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}(?:x\d{1,5})?\Z|\A001-\d{3}-\d{3}-\d{4}(?:x\d{1,5})?\Z"),
        Strength.SHAPED,
    ),
    Pattern("phone", re.compile(r"[+(]?[\d][\d ().-]{7,18}\d(?:x\d{1,5})?"), Strength.HINTED, whole=True),
    Pattern("my-number", _compiled(r"\A\d{4}[ -]?\d{4}[ -]?\d{4}\Z"), Strength.SHAPED, is_my_number),
    Pattern("credit-card", _compiled(r"\A\d(?:[ -]?\d){12,18}\Z"), Strength.SHAPED, is_card_number),
    Pattern("iban", _compiled(r"\A[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\Z"), Strength.PROVEN, is_iban),
    Pattern("social-security-number", _compiled(r"\A\d{3}-\d{2}-\d{4}\Z"), Strength.SHAPED, is_social_security_number),
    Pattern("postal-code", _compiled(r"〒 ?\d{3}<-?\d{4}"), Strength.PROVEN),
    Pattern("postal-code", _compiled(r"\d{3}<-\d{4}"), Strength.SHAPED, whole=True),
    Pattern("postal-code", re.compile(r"\d{5}(?:-\d{4})?|\d{7}"), Strength.HINTED, whole=True),
    Pattern("address", _compiled(rf"(?:{_PREFECTURES}).{{1,12}}?[市区町村郡]"), Strength.PROVEN),
    Pattern(
        "address", _compiled(r"[一-龠ぁ-んァ-ヶ]{1,8}[市区町村郡].{0,20}\d{1,4}(?:丁目|番地?|<-\d)"), Strength.SHAPED
    ),
    Pattern("address", re.compile(rf"\d{{1,6}} (?:[A-Z][\w'.]* ){{1,4}}(?:{_STREETS})\b"), Strength.SHAPED),
    Pattern(
        "ip-address",
        _compiled(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4})(?![\w.:])"),
        Strength.SHAPED,
        _is_public_or_private_address,
    ),
    Pattern("passport", re.compile(r"[A-Z]{2}\d{7}|[A-Z]?\d{8,9}"), Strength.HINTED, whole=True),
    Pattern(
        "birth-date",
        re.compile(
            r"(?:19|20)\d\d[-/.年](?:0?[1-9]|1[0-2])[-/.月](?:0?[1-9]|[12]\d|3[01])日?(?:[ T]00:00(?::00(?:\.0+)?)?)?"
            r"|(?:明治|大正|昭和|平成|令和|[MTSHR])\.? ?(?:\d{1,2}|元)[-/.年]\d{1,2}[-/.月]\d{1,2}日?"
            r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:19|20)\d\d|(?:19|20)\d{6}"
        ),
        Strength.HINTED,
        whole=True,
    ),
    Pattern(
        "name",
        re.compile(r"[一-龠々ぁ-んァ-ヶー]{1,8}[  ]?[一-龠々ぁ-んァ-ヶー]{0,8}(?:様|殿|さん|氏|先生)"),
        Strength.SHAPED,
        whole=True,
    ),
    Pattern(
        "name", re.compile(r"(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? (?:[A-Z][\w'’.-]+ ?){1,4}"), Strength.SHAPED, whole=True
    ),
    Pattern("name", re.compile(r"[^\W\d_][^\d_@,:;/\\=<>{}]{0,40}"), Strength.HINTED, whole=True),
)
