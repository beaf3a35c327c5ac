"""What columns of personal data are called, in Japanese and English: a name says what a bare number cannot."""

from __future__ import annotations

import re
import unicodedata

_WORDS: dict[str, tuple[str, ...]] = {
    "email": ("email", "e mail", "mail", "mail address", "メール", "eメール"),
    "phone": ("phone", "tel", "telephone", "mobile", "cell", "fax", "phone number", "電話", "携帯", "連絡先"),
    "my-number": ("my number", "mynumber", "kojin bango", "マイナンバー", "個人番号"),
    "credit-card": ("credit card", "card number", "card no", "creditcard", "クレジットカード", "カード番号"),
    "iban": ("iban", "bank account"),
    "social-security-number": ("ssn", "social security", "social security number"),
    "postal-code": ("zip", "zip code", "zipcode", "postal code", "postcode", "post code", "郵便番号"),
    "address": ("address", "street", "street address", "home address", "住所", "居住地"),
    "ip-address": ("ip", "ip address", "ipaddress", "client ip", "remote addr", "ipアドレス"),
    "passport": ("passport", "passport no", "passport number", "パスポート", "旅券番号"),
    "birth-date": ("birthday", "birth date", "birthdate", "date of birth", "dob", "born", "生年月日", "誕生日"),
    "name": (
        *("full name", "fullname", "first name", "last name", "given name", "family name", "surname", "firstname"),
        *("lastname", "customer name", "client name", "patient name", "employee name", "worker name", "person name"),
        *("operator name", "contact name", "user name", "氏名", "名前", "姓名", "顧客名", "担当者", "作業者", "患者名"),
        *("社員名", "従業員名", "利用者名", "姓", "フリガナ", "ふりがな", "契約者名", "お客様名", "検査者", "検査員"),
        *("測定者", "記録者", "作成者", "承認者", "責任者"),
    ),
}
_BARE_NAME = ("name", "operator", "worker", "person", "customer", "employee", "patient", "contact")
"""Words that may stand for a person and may not: sensors have names, too."""


def kind_named(column: str) -> str | None:
    """Return the kind of personal data that a column is named for; None where its name says nothing."""
    plain = plain_name(column)
    for kind, words in _WORDS.items():
        for word in words:
            if _is_in(word, plain):
                return kind
    return None


def may_be_person(column: str) -> bool:
    """Tell whether a column may hold persons' names; its values have to say so, too."""
    return plain_name(column) in _BARE_NAME


def plain_name(column: str) -> str:
    """Return a column's name in lower case with blanks between its words: ``customerEmail`` → ``customer email``."""
    text = unicodedata.normalize("NFKC", column)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    return " ".join(re.sub(r"[^\w]|_", " ", text).lower().split())


def _is_in(word: str, plain: str) -> bool:
    if not word.isascii():
        return plain == word or (len(word) > 1 and word in plain)
    return bool(re.search(rf"(?:^| ){re.escape(word)}(?: \d+)?(?:$| (?:value|text|field|raw|1|2)$)", plain))
