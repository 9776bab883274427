"""When an answer is the reference: texts compared as written or without what does not matter, numbers by value."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from .facts.numbers import Fact, numbers_in, same_number
from .facts.values import Value

Ignored = Literal["case", "space", "punctuation", "accents", "articles", "line_order"]
# Words that languages with articles put before a noun; SQuAD's normalisation drops the English ones.
_ARTICLES = frozenset(
    ["a", "an", "the", "der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "eines", "le", "la",
     "les", "un", "une", "il", "lo", "gli", "i", "uno", "una", "el", "los", "las", "o", "os", "as", "um", "uma", "de", "het",
     "een"]
)  # fmt: skip
_WIDE = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")  # spaces of other widths, or at which no line breaks
_APOSTROPHE = re.compile(r"\b[ldLD]['’](?=\w)")
_MINUS = ("-", "\u2212", "minus")


def normal_text(text: str, ignore: Collection[Ignored] = ()) -> str:
    """The text without outer white space and what is ignored, in one Unicode form and with one kind of space."""
    text = _WIDE.sub(" ", unicodedata.normalize("NFC", text).replace("\r\n", "\n")).strip()
    if "line_order" in ignore:
        text = "\n".join(sorted(filter(None, map(str.strip, text.split("\n")))))
    if "case" in ignore:
        text = text.casefold()
    if "accents" in ignore:
        parts = unicodedata.normalize("NFD", text)
        text = unicodedata.normalize("NFC", "".join(c for c in parts if not unicodedata.combining(c)))
    if "articles" in ignore:
        *words, last = _APOSTROPHE.sub("", text).split(" ")  # at the end stands no article: `World War I`, `vitamin A`
        text = " ".join([*(word for word in words if word.casefold() not in _ARTICLES), last])
    if "punctuation" in ignore:
        text = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
        text = re.sub(" +", " ", text).strip()  # `spider - man`
    if "space" in ignore:
        text = " ".join(text.split())
    return text


def same_answer(
    output: str,
    reference: str,
    *,
    ignore: Collection[Ignored] = (),
    tolerance: float | None = None,
    unit_optional: bool = False,
) -> bool:
    """Whether two texts are the same but for what is ignored.

    With a `tolerance` (a share of the reference's number; 0: the same value) numbers in them are compared by value and
    unit, in any notation: `1,000 g` is `1 kg`. With `unit_optional`, units count only where both numbers have one: `$18`
    is `18`.
    """
    if output == reference or normal_text(output, ignore) == normal_text(reference, ignore):
        return True
    if tolerance is None:
        return False
    (one, given), (other, wanted) = (_without_numbers(text) for text in (output, reference))
    if len(given) != len(wanted) or not wanted or normal_text(one, ignore) != normal_text(other, ignore):
        return False
    return all(_near(fact, known, tolerance, unit_optional) for fact, known in zip(given, wanted, strict=True))


@lru_cache(maxsize=8192)
def _without_numbers(text: str) -> tuple[str, tuple[Fact, ...]]:
    """The text with a mark in place of each number, and the numbers."""
    pieces, at, facts = [], 0, numbers_in(text)
    for fact in facts:
        pieces.append(text[at : fact.start])
        at = fact.end
    return "\0".join([*pieces, text[at:]]), tuple(facts)


def _near(fact: Fact, known: Fact, tolerance: float, unit_optional: bool) -> bool:
    """Whether a number is within the tolerance of the known one, in the same dimension; dates and versions are equal."""
    given, wanted = _values(fact), _values(known)
    if unit_optional and (None in given) != (None in wanted):
        given, wanted = _values(fact, "0v"), _values(known, "0v")
    if not given or not wanted:
        return same_number(fact, known) and same_number(known, fact)
    if _is_negative(fact) != _is_negative(known):
        return False
    pairs = ((one, other) for dimension in wanted for other in wanted[dimension] for one in given.get(dimension, ()))
    return any(_within(one, other, Fraction(tolerance)) for one, other in pairs)


def _values(fact: Fact, keys: str = "uv") -> dict[str | None, set[Value]]:
    """What a number may be as one number, by dimension (None without a unit): `1,600` is no list of 1 and 600 here.

    keys: of `needs`, `u` for the values in a unit, `v` for those without one, `0` for those whose unit is set aside.
    """
    values: dict[str | None, set[Value]] = {}
    for key in fact.needs:
        if key[0] in keys:
            values.setdefault(key[2] if key[0] == "u" else None, set()).add(key[1])
    return {unit: found for unit, found in values.items() if unit or len(values) == 1}


def _within(value: Value, exact: Value, share: Fraction) -> bool:
    if isinstance(value, str) or isinstance(exact, str):  # too long for arithmetic
        return value == exact
    one, other = Fraction(*value), Fraction(*exact)
    return abs(one - other) <= share * abs(other)


def _is_negative(fact: Fact) -> bool:
    return fact.text.lstrip("$€£¥₹ ").casefold().startswith(_MINUS)


def nearest_reference(output: str, references: Sequence[str]) -> str:
    """The reference that the output is most like."""
    if len(references) == 1:
        return references[0]
    from rapidfuzz import fuzz  # only for a wrong answer with several references

    return max(references, key=lambda reference: fuzz.ratio(output[:2_000], reference[:2_000]))


def differing_span(output: str, reference: str) -> tuple[int, int, str]:
    """Where an output begins and ceases to differ from the reference, and what the reference has there."""
    start, most = 0, min(len(output), len(reference))
    while start < most and output[start] == reference[start]:
        start += 1
    back = 0
    while back < most - start and output[-1 - back] == reference[-1 - back]:
        back += 1
    return start, len(output) - back, reference[start : len(reference) - back]


def flat_fields(record: Any, name: str = "") -> dict[str, Any]:
    """The values of a record by path (`address.city`); lists stay whole, unless they hold records."""
    if isinstance(record, dict):
        found: dict[str, Any] = {}
        for key, value in record.items():
            found |= flat_fields(value, f"{name}.{key}" if name else str(key))
        return found
    if isinstance(record, list) and any(isinstance(item, dict) for item in record):
        return {f"{name}[{n}]{rest}": value for n, item in enumerate(record) for rest, value in _below(item)}
    return {name: record}


def _below(item: Any) -> Iterable[tuple[str, Any]]:
    return ((f".{key}" if key else "", value) for key, value in flat_fields(item).items())
