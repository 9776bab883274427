"""Card and bank account numbers in a text, by their check digits."""

import re
from collections.abc import Iterator

__all__ = ["card_places", "iban_places"]

# Digits in one run, or in groups with one kind of separator; no letter, digit or decimal point touches either end.
_CARD = re.compile(
    r"(?<![\w.,/#-])(?:\d{14,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-])(?![.,]\d)"
)

# Issuer prefixes and lengths (ISO/IEC 7812 ranges as the issuers publish them). Visa's old 13 digits are left out: one
# in ten article numbers (EAN-13) that begin with 4 would pass. So are 14 digits in one run (Diners, like a GTIN-14).
_ISSUERS = re.compile(
    r"4\d{15}(?:\d{3})?"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|62\d{14}"  # UnionPay
)
_DINERS = re.compile(r"(?:30[0-5]|3[689]\d)\d{11}")

# Characters of an IBAN by country: SWIFT's IBAN registry.
_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_IBAN = re.compile(
    r"(?<![^\W_])(?:"
    + "|".join(
        rf"(?:{countries.replace(' ', '|')})\d\d(?:[ -]?[A-Z0-9]){{{length - 4}}}"
        for length, countries in _LENGTHS.items()
    )
    + r")(?![^\W_])"
)


def card_places(text: str) -> Iterator[tuple[int, int]]:
    """Payment cards: an issuer's prefix and length, and the check digit of ISO/IEC 7812 (Luhn)."""
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        issued = _ISSUERS.fullmatch(digits) or (match.group(2) and _DINERS.fullmatch(digits))
        if issued and _luhn(digits):
            yield match.span()


def iban_places(text: str) -> Iterator[tuple[int, int]]:
    """International bank account numbers: the country's length, and remainder 1 by 97 (ISO 13616); in one case."""
    seen = text if any(map(str.isupper, text)) else text.upper()
    if len(seen) != len(text):  # a letter whose capital is two; places would move
        seen = text
    for match in _IBAN.finditer(seen):
        characters = re.sub(r"[ -]", "", match.group())
        if int("".join(str(int(c, 36)) for c in characters[4:] + characters[:4])) % 97 == 1:
            yield match.span()


def _luhn(digits: str) -> bool:
    own = sum(map(int, digits[-1::-2]))
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (own + doubled) % 10 == 0
