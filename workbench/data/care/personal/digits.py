"""Check digits: what tells a number that means a person from any other number of that length."""

from __future__ import annotations

_MY_NUMBER_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
"""Weights of the eleven leading digits of a My Number (Ordinance No. 85 of 2014, article 5)."""


def is_my_number(text: str) -> bool:
    """Tell whether twelve digits are a Japanese individual number: the last one checks the others."""
    digits = _digits(text)
    if len(digits) != 12 or len(set(digits)) == 1:
        return False
    rest = sum(weight * digit for weight, digit in zip(_MY_NUMBER_WEIGHTS, digits, strict=False)) % 11
    return digits[11] == (0 if rest <= 1 else 11 - rest)


def is_card_number(text: str) -> bool:
    """Tell whether 13 to 19 digits are a payment card: an issuer's first digits and Luhn's sum."""
    digits = _digits(text)
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1 or not _has_issuer(digits):
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _has_issuer(digits: list[int]) -> bool:
    """Tell whether the first digits and the length are some network's (Visa, Mastercard, Amex, JCB, Diners, …)."""
    first = int("".join(map(str, digits[:4])))
    size = len(digits)
    return (
        (first // 1000 == 4 and size in (13, 16, 19))
        or ((5100 <= first <= 5599 or 2221 <= first <= 2720) and size == 16)
        or (first // 100 in (34, 37) and size == 15)
        or (3528 <= first <= 3589 and 16 <= size <= 19)
        or ((3000 <= first <= 3059 or first // 100 in (36, 38, 39)) and 14 <= size <= 19)
        or ((first == 6011 or 6440 <= first <= 6599 or first // 100 == 62) and 16 <= size <= 19)
        or (first // 100 in (50, 56, 57, 58, 63, 67) and 13 <= size <= 19)
    )


def is_iban(text: str) -> bool:
    """Tell whether a text is an international bank account number: modulo 97 is 1 (ISO 13616)."""
    plain = "".join(text.split()).upper()
    if not 15 <= len(plain) <= 34 or not plain.isascii() or not plain.isalnum():
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def is_social_security_number(text: str) -> bool:
    """Tell whether nine digits can be a US social security number: some areas and groups are never given."""
    digits = "".join(map(str, _digits(text)))
    if len(digits) != 9:
        return False
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _digits(text: str) -> list[int]:
    return [int(character) for character in text if character.isdigit()]
