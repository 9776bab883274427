"""Numbers with their units, and codes, as they stand in a text."""

import re
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Code", "Number", "codes_in", "numbers_in", "same_number"]

_PREFIX = r"[pnuµμmkKMG]?"
# Units with an SI prefix, longer ones first. `Ohm` and Ω are one unit, µ and u one prefix.
_UNIT = (
    rf"(?:{_PREFIX}(?:Ohm|ohm|Vrms|VDC|VAC|VA|dB|Hz|Wh|Ah|bps|Bd|sps|SPS|Ω|V|A|W|F|H|C|J|s|g|m|B|b)"
    r"|°C|°F|K|%|ppm|bit|mil|inch|rpm)"
)
# 1,000.5 or 1000.5; a comma counts as a thousands separator only before groups of exactly three digits.
_DIGITS = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"
_NUMBER = re.compile(rf"(?<![A-Za-z0-9_])(?P<digits>{_DIGITS})(?:[ \u00a0-]?(?P<unit>{_UNIT})(?![a-z]{{2}}))?")
# A code starts with a letter and holds a digit: TO-220, SOIC-8, 2N7002 is a number followed by letters and digits.
_CODE = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Za-z]+[A-Za-z0-9]*(?:[-_/][A-Za-z0-9]+)*|\d+[A-Za-z]+\d[A-Za-z0-9]*(?:[-_/][A-Za-z0-9]+)*)"
)
_SEPARATORS = re.compile(r"[\s\-_/.]+")


@dataclass(frozen=True)
class Number:
    """A number as written at a place; `value` exact, `unit` in one spelling or None."""

    value: Decimal
    unit: str | None
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Code:
    """A name with letters and digits as written at a place; `key` without case and separators."""

    key: str
    text: str
    start: int
    end: int


def codes_in(text: str) -> list[Code]:
    """The codes of a text: words that start with a letter (or mix both like `2N7002`) and hold a digit."""
    return [
        Code(_SEPARATORS.sub("", match.group()).casefold(), match.group(), *match.span())
        for match in _CODE.finditer(text)
        if any(c.isdigit() for c in match.group())
    ]


def numbers_in(text: str) -> list[Number]:
    """The numbers of a text that are no part of a code. A sign is left out: `-5 V` and `5V` state one size."""
    taken = [(code.start, code.end) for code in codes_in(text)]
    found = []
    for match in _NUMBER.finditer(text):
        if any(start <= match.start() < end for start, end in taken):
            continue
        value = Decimal(match["digits"].replace(",", "")).normalize()
        found.append(Number(value, _one_spelling(match["unit"]), match.group(), *match.span()))
    return found


def same_number(stated: Number, known: Number) -> bool:
    """Equal in value, and in unit where both have one (`V` fits `VDC`: one begins with the other)."""
    if stated.value != known.value:
        return False
    if stated.unit is None or known.unit is None:
        return True
    return stated.unit.startswith(known.unit) or known.unit.startswith(stated.unit)


def _one_spelling(unit: str | None) -> str | None:
    if unit is None:
        return None
    return unit.replace("μ", "u").replace("µ", "u").replace("Ω", "Ohm").replace("ohm", "Ohm")
