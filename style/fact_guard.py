"""Whether a changed text still says the same: its numbers, its codes, and the values of the fields that it names."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import polars as pl

from .columns import Columns
from .facts.numbers import SPAN, Fact, column_quotes_apart, span_facts, spans_in
from .fields import field_text, read_fields
from .kinds.grounded import without_numbering

_NO_WORD = r"[^\p{L}\p{M}\p{N}]+"
_APART = re.compile(r"[\W_]+")
_UNIT = re.compile(r"(?<=[0-9])(?=[^0-9 ])")
_MOST_FACTS = 200  # that differ in one text; more are not compared one by one


def preserved(before: pl.Series, after: Columns) -> pl.Series:
    """Where the outputs `after` a change have every number, code and field value that they had `before`.

    A fact may move and be written in another way (`30V`, `30 V`). Facts that are new must be in the request, and a code
    may grow into a longer one that is there (`TO-220` into `TO-220-5`).
    """
    return (_same_facts(before, after) & _same_values(before, after)).rename("preserved")


def _same_facts(before: pl.Series, after: Columns) -> pl.Series:
    texts = [column_quotes_apart(without_numbering(some)) for some in (before, after.output)]
    frame = pl.DataFrame(texts, ["before", "after"])
    # Without a digit there is no fact.
    numeric = frame.select(pl.any_horizontal(pl.all().str.contains(r"[0-9¼½¾⅐-⅞]"))).to_series()
    spans = frame.filter(numeric).select(pl.all().str.extract_all(SPAN).list.sort())
    differ = numeric.arg_true().filter((spans["before"] != spans["after"]).fill_null(True))
    rows = spans.filter(spans["before"] != spans["after"])
    same = pl.repeat(True, len(before), dtype=pl.Boolean, eager=True)
    if not len(differ):
        return same
    texts = zip(rows["before"].to_list(), rows["after"].to_list(), after.input.gather(differ), strict=True)
    return same.scatter(differ, [_agree(*pair) for pair in texts])


def _agree(before: Sequence[str], after: Sequence[str], request: str) -> bool:
    """Whether every fact of the spans `before` is among those `after`, and what is new is in the request."""
    lost, new = ([fact for span in spans for fact in span_facts(span)] for spans in _unshared(before, after))
    if lost and new:
        common = Counter(fact.text for fact in lost) & Counter(fact.text for fact in new)
        lost, new = [*_without(lost, common)], [*_without(new, common)]
    if max(len(lost), len(new)) > _MOST_FACTS:
        return False
    for fact in lost:
        place = next((n for n, other in enumerate(new) if _same(fact, other)), None)
        if place is None:
            place = next((n for n, other in enumerate(new) if _grown(fact, other, request)), None)
        if place is None:
            return False
        del new[place]
    return all(_stated(fact, request) for fact in new)


def _unshared(before: Sequence[str], after: Sequence[str]) -> tuple[list[str], list[str]]:
    """What only one of two sorted lists has, as often as it has it more often."""
    lost, new, one, other = list[str](), list[str](), 0, 0
    while one < len(before) and other < len(after):
        if before[one] == after[other]:
            one, other = one + 1, other + 1
        elif before[one] < after[other]:
            lost.append(before[one])
            one += 1
        else:
            new.append(after[other])
            other += 1
    return [*lost, *before[one:]], [*new, *after[other:]]


def _without(facts: Sequence[Fact], common: Counter[str]) -> Iterator[Fact]:
    """The facts without those in both texts."""
    unused = Counter(common)
    for fact in facts:
        if unused[fact.text]:
            unused[fact.text] -= 1
        else:
            yield fact


def _same(one: Fact, other: Fact) -> bool:
    """Whether each states the other."""
    return one.kind == other.kind and not (
        one.needs.isdisjoint(other.gives) or other.needs.isdisjoint(one.gives) or one.needs.isdisjoint(other.needs)
    )


def _grown(short: Fact, long: Fact, request: str) -> bool:
    """Whether a code became a longer one of the request that begins with it."""
    grows = long.kind == short.kind == "codes" and long.text.casefold().startswith(short.text.casefold())
    return grows and not short.needs.isdisjoint(long.gives) and _stated(long, request)


def _stated(fact: Fact, request: str) -> bool:
    """Whether a request gives the fact: most often in the same letters, with no longer word or number around them."""
    start = request.find(fact.text)
    end = start + len(fact.text)
    if start >= 0 and (request[start - 1 : start] or " ") in " \n([" and (request[end : end + 1] or " ") in " \n)],;":
        return True
    return not fact.needs.isdisjoint(_given(request))


@lru_cache(maxsize=1024)
def _given(request: str) -> frozenset[Any]:
    """The keys that a request gives. Its text was checked a moment before: few are needed at a time."""
    return frozenset(key for span in spans_in(request) for fact in span_facts(span) for key in fact.gives)


def _same_values(before: pl.Series, after: Columns) -> pl.Series:
    """Where each field value whose words were in the text is still there; case and marks do not matter."""
    frame = pl.DataFrame({"before": before, "after": after.output})
    words = pl.all().str.to_lowercase().str.replace_all(_NO_WORD, " ").str.strip_chars(" ")
    words = words.str.replace_all(r"([0-9])([^0-9 ])", "${1} ${2}")  # 30V and 30 V are the same value
    plain = frame.select(words)
    same = plain["before"] == plain["after"]
    rows = (~same).arg_true()
    if not len(rows):
        return same
    texts = zip(rows, plain["before"].gather(rows), plain["after"].gather(rows), strict=True)
    given = after.fields_json.replace("", None).fill_null(after.input).gather(rows)
    kept = [
        _has_values(f" {text} ", f" {other} ", fields) for (_, text, other), fields in zip(texts, given, strict=True)
    ]
    return same.scatter(rows, kept)


def _has_values(before: str, after: str, fields: str | None) -> bool:
    if fields:
        for words in _field_words(fields):  # asked of each repaired text: a generator takes twice the time
            if words in before and words not in after:
                return False
    return True


@lru_cache(maxsize=65_536)
def _field_words(fields: str) -> tuple[str, ...]:
    """The words of every value of the fields that a text has. A step of a repair looks at most rows again."""
    return tuple(dict.fromkeys(words for value in (read_fields(fields) or {}).values() for words in _values(value)))


def _values(value: Any) -> Iterator[str]:
    """The words of a field's value between spaces, item by item."""
    for item in value if isinstance(value, list) else (value,):
        text = item if isinstance(item, str) else field_text(item)
        if words := _words(text):
            yield words


@lru_cache(maxsize=65_536)
def _words(text: str) -> str:
    words = _UNIT.sub(" ", _APART.sub(" ", text.lower()).strip())
    return f" {words} " if words else ""
