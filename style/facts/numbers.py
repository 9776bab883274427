"""The facts of a text that contain digits: numbers with their units, dates, times, versions, codes."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

import polars as pl

from .quantities import MULTIPLIERS, NUMBER, UNIT_WORDS, Quantity, read_number, share_units
from .values import DATE, MONTHS, TIME, Date, Key, Value, read_date, read_time, values_of

# A span is one or more words with digits and their context: the unit or month before or after, the other end of a
# range. It never crosses a line end, and has no look-around, so that polars and Python read it the same way.
_SPACE = r"[ \u00a0\u202f]"
_STOP = r"\s,;()\[\]{}|\"“”„«»"
_DIGIT = "[0-9¼½¾⅐-⅞]"
_CHUNK = rf"[^{_STOP}]*{_DIGIT}(?:[^{_STOP}]|,[0-9]|[\"″”])*"
_LONG_RUN = re.compile(rf"(?<![^{_STOP}])[^{_STOP}0-9¼½¾⅐-⅞]{{100,}}+(?![^{_STOP}])")
AFTER_DIGIT = re.compile(rf"{_DIGIT}[\"”']")  # inches, feet, or the end of a quotation
_DIGIT_BEFORE = re.compile(_DIGIT)
_QUOTE = re.compile(r"[\"“”„'‘\n]")
_ENDS = re.compile(r"[^\W_]|[.,;:!?…)\]}%°\\]")  # before a mark that opens nothing
_DECADE = re.compile("[0-9]{2}s")  # after an apostrophe
_SYMBOLS = "|".join(
    re.escape(word) for word in (*MULTIPLIERS, *UNIT_WORDS) if (word.isascii() and word.isalpha()) or word[-1] in "23"
)
_LONG = "|".join(re.escape(word) for word in UNIT_WORDS if len(word) > 2 and word.isascii() and word.isalpha())
_PER = rf"(?:/[A-Za-zµ°Ω%]+[²³]?|{_SPACE}per{_SPACE}[A-Za-z]+)?"
_JOINED = (
    rf"{_SPACE}(?:(?:to|by|through|till|until|bis|and|or|und|of|x|X|×|\*|·|-|–|—|~|/|&|\.\.\.?|…){_SPACE})?{_CHUNK}"
    rf"|{_SPACE}(?:of{_SPACE})?(?i:{MONTHS})\b\.?(?:,?{_SPACE}[0-9]{{4}}\b)?|,{_SPACE}[0-9]{{4}}\b"
    rf"|{_SPACE}(?i:degrees?{_SPACE}[a-z]+|per{_SPACE}cent|[ap]\.?m\b\.?)"
    rf"|{_SPACE}(?:°{_SPACE}?[CFcf]\b|[%‰°℃℉€$£¥₹]|[A-Za-zµμ]*[Ω\u2126]|[µμ][A-Za-z]+|[kcmd]?m[²³]){_PER}"
    rf"|{_SPACE}(?:(?:{_SYMBOLS})\b|(?i:{_LONG})\b){_PER}"
    rf"|{_SPACE}per{_SPACE}[A-Za-z]+"
)
SPAN = rf"(?:(?i:{MONTHS})\b\.?,?{_SPACE}|[$€£¥₹]{_SPACE}|minus{_SPACE}|[A-Z][A-Za-z]*{_SPACE})?{_CHUNK}(?:{_JOINED})*"
_START = re.compile(r"\+/-|[$€£¥₹]|[-\u2212±+](?=[0-9.$€£¥½¼¾])|(?<![0-9.])\.(?=[0-9])|[^\W_]")
_VERSION = re.compile(r"(?<![\w.])(?:[vV](?=[0-9])[0-9]+(?:\.[0-9]+)*|[0-9]+(?:\.[0-9]+){2,})(?![0-9A-Za-z]|[.,][0-9])")
_RUN = re.compile(r"0[xX][0-9A-Fa-f]+|[^\W_]+(?:[-._]+[^\W_]+)*")
_DIMENSIONS = re.compile(r"(?<=[0-9])[x×X](?=[0-9])")
_INTEGER = re.compile(r"[0-9]+")
_INNER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_TIMES = re.compile(r"(?<=[0-9\"″”])[xX×](?=[0-9])")
_THREAD = re.compile(r"[A-Za-z][0-9]+")  # of a screw: M4x20
_PART = re.compile(r"[0-9]+|[^\W\d_]+|\d")
_LEADING = re.compile(rf"([A-Z][A-Za-z]*){_SPACE}(?![A-Z][A-Za-z]*{_SPACE})")
_NAMED = re.compile(rf"([A-Z][A-Za-z]*){_SPACE}(?=[0-9])")
_MONTH = re.compile(MONTHS, re.IGNORECASE)
# Letters of scripts that write words without spaces, or endings at words, as Korean does. They are no part of a number or
# code beside them: 第5步 states 5, BC547을 states BC547.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_MOST_PARTS = 8  # of a code; in a longer one, windows of this many parts count
# A small word that a space should part from a number: `the5`, `5of5`. No name or code is made of these.
_STUCK = re.compile(
    r"(?<![^\W_])(?:(?i:the|from|with|and|for|since|until|over|under|than|about|around|only|nearly|has|have|was|are)|in|of)"
    r"(?=[0-9]+(?:[.,][0-9]+)*(?:[A-Za-zµΩ]{1,2}|%)?(?![\w-]))"
    r"|(?<=[0-9])(?:of|out|to|and|by|or|in)(?=[0-9]+(?![\w-]))"
)


@dataclass(frozen=True)
class Fact:
    """A fact with its position. A request states it if it gives one key of `needs`, or all keys of one `together` set.

    `gives`: the keys that a request with this fact gives.
    """

    kind: Literal["numbers", "codes"]
    text: str
    start: int
    end: int
    needs: frozenset[Key]
    gives: frozenset[Key]
    together: tuple[tuple[Key, ...], ...] = ()

    @cached_property
    def sizes(self) -> dict[str | None, list[Value]]:
        """A number's values by dimension; those of a number without a unit are under None."""
        measured: dict[str | None, list[Value]] = {}
        for key in self.gives:
            if key[0] == "u" and key[3] == "*":
                measured.setdefault(key[2], []).append(key[1])
        return measured or {None: [key[1] for key in self.gives if key[0] == "v" and key[2] == "*"]}


def quotes_apart(text: str) -> str:
    """The text with other marks around each quotation that ends in a digit: the last is no inch or foot. Positions stay.

    Such a mark closes what was opened before it in the line, unless a mark after a word does so later: `"a 7" display"`.
    """
    if not AFTER_DIGIT.search(text):
        return text
    changed, opened, start, doubtful = [], "", -1, -1
    for match in _QUOTE.finditer(text + "\n"):
        mark, before, after = (
            match.group(),
            text[match.start() - 1 : match.start()],
            text[match.end() : match.end() + 1],
        )
        kind = "'" if mark in "'‘" else '"'
        if mark != "\n" and (opened not in ("", kind) or (mark == "'" and before.isalpha() and after.isalpha())):
            continue  # an apostrophe
        if _DIGIT_BEFORE.match(before) and mark in "\"”'":
            doubtful = match.start() if opened and doubtful < 0 and not after.isalnum() else doubtful
            continue
        opens = mark in "“„‘" or (mark in "\"'" and not _ENDS.match(before) and bool(after.strip()))
        opens &= not _DECADE.match(text, match.end())
        if doubtful >= 0 and (opens or mark == "\n"):
            changed += [(start, "„"), (doubtful, "“")]
        opened, start, doubtful = kind if opens else "", match.start(), -1
    characters = [*text]
    for at, other in changed:
        characters[at] = other
    return "".join(characters)


def column_quotes_apart(texts: pl.Series) -> pl.Series:
    """`quotes_apart` of each text."""
    doubtful = texts.str.contains(AFTER_DIGIT.pattern).fill_null(False).arg_true()
    if not len(doubtful):
        return texts
    return texts.clone().scatter(doubtful, [quotes_apart(text) for text in texts.gather(doubtful)])


def facts_in(text: str) -> list[Fact]:
    """The facts of a text in order, with their positions in code points."""
    return [_moved(fact, match.start()) for match in _spans(text) for fact in span_facts(match.group())]


def spans_in(text: str) -> list[str]:
    """The spans of one text; polars' `str.extract_all(SPAN)` finds those of a column."""
    return [match.group() for match in _spans(text)]


def numbers_in(text: str) -> list[Fact]:
    """The numbers of a text that are not part of a code; dates, times and versions count as numbers."""
    return [fact for fact in facts_in(text) if fact.kind == "numbers"]


def same_number(stated: Fact, known: Fact) -> bool:
    """Whether one number states the other: the same value and unit, whatever the prefix; a bare number fits any unit."""
    return not stated.needs.isdisjoint(known.gives) or any(known.gives.issuperset(keys) for keys in stated.together)


def span_facts(span: str) -> tuple[Fact, ...]:
    """The facts of one span (a match of SPAN), cached if it is short: similar texts repeat their spans."""
    return _remembered(span) if len(span) <= 120 else tuple(_scan(span))


def _spans(text: str) -> Iterator[re.Match[str]]:
    """The matches of SPAN. A long run without a digit is in none: at each of its characters, all of it would be read."""
    at, span, text = 0, _span(), quotes_apart(text)
    for run in _LONG_RUN.finditer(text):
        yield from span.finditer(text, at, run.start())
        at = run.end()
    yield from span.finditer(text, at)


@lru_cache(maxsize=1)
def _span() -> re.Pattern[str]:
    return re.compile(SPAN)


@lru_cache(maxsize=100_000)
def _remembered(span: str) -> tuple[Fact, ...]:
    return tuple(_scan(span))


def _scan(span: str) -> list[Fact]:
    """The facts of a span from left to right: a date, a time, a version, a number, or else a code."""
    # The words before numbers are far more varied than the numbers: what follows is read once for all of them.
    if (rest := without_leading_word(span)) != span:
        return _after(span, rest)
    if not span.isascii():
        span = _UNSPACED_LETTER.sub(";", span)  # which ends any number or code, as a space between digits does not
    span = _STUCK.sub(lambda match: " " * len(match.group()), span)
    dates, times = DATE.search(span) is not None, TIME.search(span) is not None
    facts: list[Fact] = []
    quantities: list[Quantity] = []
    position = 0
    while start := _START.search(span, position):
        here = start.start()
        if dates and (match := DATE.match(span, here)) and (days := read_date(match)):
            facts.append(_date_fact(match, days))
        elif times and (match := TIME.match(span, here)) and (fact := _time_fact(match)):
            facts.append(fact)
        elif match := _VERSION.match(span, here):
            facts.append(_version_fact(match))
        elif (match := NUMBER.match(span, here)) and (quantity := read_number(match)):
            quantities.append(quantity)
            position = quantity.end
            continue
        elif span[here] in "xX×" and _TIMES.match(span, here):
            position = here + 1
            continue
        elif match := _RUN.match(span, here):
            end, code = _code_fact(span, match)
            facts += code
            position = end
            continue
        else:
            position = here + 1
            continue
        position = match.end()
    facts += [_number_fact(quantity, span) for quantity in share_units(quantities, span)]
    return sorted(facts, key=lambda fact: fact.start)


def without_leading_word(span: str) -> str:
    """A span without a capitalised word before its first fact: all facts need the same keys without it."""
    word = _LEADING.match(span)
    return span if word is None or _MONTH.fullmatch(word[1]) or NUMBER.match(span) else span[word.end() :]


def _after(span: str, rest: str) -> list[Fact]:
    """The facts of the rest of a span after a word; a number right behind may make a code with it: "ISO 9001"."""
    by = len(span) - len(rest)
    facts = [_moved(fact, by) for fact in span_facts(rest)]
    if facts and facts[0].start == by and _is_quantity(facts[0]) and (keys := _named_keys(span, facts[0])):
        facts[0] = replace(facts[0], gives=facts[0].gives | keys)
    return facts


def _named_keys(span: str, number: Fact | Quantity) -> set[Key]:
    """The keys of a code that a word right before a number may make with it; none if there is no such word."""
    name = _NAMED.match(span) if number.start else None
    if name is None or name.end() != number.start:
        return set()
    return code_keys([name[1].casefold(), *_PART.findall(number.text.casefold())])


def _is_quantity(fact: Fact) -> bool:
    """Whether a fact is a number rather than a date, a time, a version or a code."""
    return fact.kind == "numbers" and all(key[0] in "u0v" for key in fact.needs)


def _number_fact(quantity: Quantity, span: str) -> Fact:
    gives: set[Key] = {*quantity.gives(), *_named_keys(span, quantity)}
    together = (quantity.together(),) if quantity.parts else ()
    return Fact(
        "numbers", quantity.text, quantity.start, quantity.end, frozenset(quantity.needs()), frozenset(gives), together
    )


def _date_fact(match: re.Match[str], days: list[Date]) -> Fact:
    needs = {("d", day.year, day.month, day.day) for day in days}
    gives: set[Key] = set()
    together = []
    for day in days:
        for year in {day.year, None}:
            gives |= {("d", year, day.month, day.day), ("d", year, day.month, None)}
        gives.add(("m", day.month))
        numbers = [str(part) for part in (day.year, day.month, day.day) if part is not None]
        for number in numbers:
            gives |= {("v", values_of(number)[0][0], "*"), ("v", values_of(number)[0][0], "")}
        stated = [("0", values_of(str(part))[0][0], "*") for part in (day.year, day.day) if part is not None]
        together += [(*stated, ("m", day.month)), (*stated, ("0", values_of(str(day.month))[0][0], "*"))]
    return _fact(match, needs, gives, tuple(together))


def _time_fact(match: re.Match[str]) -> Fact | None:
    time = read_time(match)
    if time is None:
        return None
    key = ("t", time.hour, time.minute, time.second)
    numbers = [value for piece in _INTEGER.findall(match.group()) for value in values_of(piece)[0]]
    gives: set[Key] = {key}
    if len(numbers) > 1 and numbers[1] == 0:  # "9" may be written for "9:00"
        gives |= {("v", numbers[0], sign) for sign in ("*", "")}
    return _fact(match, {key}, gives, (tuple(("0", number, "*") for number in numbers),))


def _version_fact(match: re.Match[str]) -> Fact:
    parts = _INTEGER.findall(match.group())
    parts = [part.lstrip("0") or "0" for part in parts]
    gives: set[Key] = {("version", *parts[:n]) for n in range(1, min(len(parts), 20) + 1)}
    needs: set[Key] = {("version", *parts)}
    for n in (1, 2):
        values = values_of(".".join(parts[:n]))[0]
        gives |= {("v", value, sign) for value in values for sign in ("*", "")}
        if n == len(parts):
            needs |= {("v", value, "*") for value in values}
    if len(parts) > 2 and all(len(part) == 3 for part in _INTEGER.findall(match.group())[1:]):
        whole = values_of(match.group().replace(".", ""))[0][0]  # 1.000.000
        gives |= {("v", whole, "*"), ("v", whole, ""), ("0", whole, "*"), ("0", whole, "")}
        needs.add(("v", whole, "*"))
    return _fact(match, needs, gives)


def _code_fact(span: str, match: re.Match[str]) -> tuple[int, list[Fact]]:
    """The end of a run of letters and digits, and the code in it, if it is one."""
    cut = _DIMENSIONS.search(span, match.start(), match.end()) if match.group()[:2] not in ("0x", "0X") else None
    end = cut.start() if cut and _THREAD.fullmatch(span, match.start(), cut.start()) else match.end()
    text = span[match.start() : end]
    stop = end + 1 if cut and end == cut.start() else end
    parts = _PART.findall(text.casefold())
    if not any(part[0].isdigit() for part in parts) or not any(part[0].isalpha() for part in parts):
        return stop, []
    start, text = match.start(), text
    core, before = _without_words(text)
    core_parts = _PART.findall(core.casefold())
    needs: set[Key] = {("c", *parts[:_LONGEST]), ("c", *core_parts[:_LONGEST])}
    gives: set[Key] = code_keys(parts) | {("c", *core_parts[:_LONGEST])} | set(_numbers_of_code(text))
    inner = _scan(core) if before and core != text else []
    if not any(part[0].isalpha() for part in core_parts) or (before and len(inner) == 1 and inner[0].kind == "numbers"):
        needs = needs.union(*(fact.needs for fact in inner))
        gives = gives.union(*(fact.gives for fact in inner))
    gives.update(_written_for_a_point(text))
    needs.update(_written_for_a_point(text))
    return stop, [Fact("codes", text, start, start + len(text), frozenset(needs), frozenset(gives))]


_LONGEST = 40
# Each word is read in one way alone: with two, the time would double with each word of a long run.
_SMALL = r"[^\W\d_A-Z]"  # a letter of any language; in capitals only beyond ASCII
_WORD_BEFORE = re.compile(rf"(?:[A-Z]?{_SMALL}{{2,}}+[-._]++)+(?=[0-9A-Z])")
_WORD_AFTER = re.compile(rf"(?:{_SMALL}{{2,}}+[A-Z]?[-._])+")  # of the run read backwards
_POINT = re.compile(r"([0-9]{1,3})([RkKMmuµnpV])([0-9]{1,3})")


def _without_words(text: str) -> tuple[str, bool]:
    """A run without ordinary words attached to it (`Output-5V`, `A4-sized`), and whether such a word came first."""
    after, end = _WORD_AFTER.match(text[::-1]), len(text)
    core = text[: end - after.end()] if after else text
    before = _WORD_BEFORE.match(core)
    shorter = core[before.end() :] if before else core
    return (shorter, True) if shorter != core and any(c.isdigit() for c in shorter) else (core, False)


def _written_for_a_point(text: str) -> Iterator[Key]:
    """`4k7` is 4.7 k, `3V3` is 3.3 V."""
    match = _POINT.fullmatch(text)
    if match:
        unit = {"V": "V", "R": "Ohm"}.get(match[2], f"{match[2]}Ohm")
        for other in (unit, f"{match[2]}F", f"{match[2]}H") if match[2] not in "VR" else (unit,):
            quantity = NUMBER.match(f"{match[1]}.{match[3]}{other}")
            if quantity and (read := read_number(quantity)):
                yield from (key for key in read.gives() if key[0] == "u")


def _numbers_of_code(text: str) -> Iterator[Key]:
    """The numbers inside a code: bare ones, and decimals for any unit (`LM1117-3.3`)."""
    for match in _INNER.finditer(text):
        for value in values_of(match.group())[0]:
            yield from (("v", value, "*"), ("v", value, ""))
            if "." in match.group():
                yield from (("0", value, "*"), ("0", value, ""))


def code_keys(parts: list[str]) -> set[Key]:
    """The keys of a code: itself and every run of its parts that contains letters and digits."""
    keys: set[Key] = {("c", *parts[:_LONGEST])}
    digits = [part[0].isdigit() for part in parts]
    for start in range(len(parts)):
        mixed = False
        for end in range(start + 1, min(start + _MOST_PARTS, len(parts))):
            mixed = mixed or digits[end] != digits[start]
            if mixed:
                keys.add(("c", *parts[start : end + 1]))
    return keys


def loose_code_keys(code: str) -> set[Key]:
    """The keys of shorter forms of a code: inner parts omitted, the last letters of a family, the parts reversed."""
    parts = _PART.findall(code.casefold())[:_MOST_PARTS]
    keys: set[Key] = set()
    for start in range(len(parts)):
        for last in range(start + 1, len(parts)):
            for inner in range(start + 1, last + 1):
                for name in _families(parts[start]):
                    keys.add(("c", name, *parts[start + 1 : inner], parts[last]))
                    keys.add(("c", name, *parts[inner : last + 1]))
    if len(parts) == 2:
        keys.add(("c", parts[1], parts[0]))
    return keys


def _families(name: str) -> list[str]:
    """A name of letters, and its endings of three letters or more: VQFN, QFN."""
    return [name, *[name[cut:] for cut in range(1, len(name) - 2)][:8]] if name.isalpha() else [name]


def _fact(
    match: re.Match[str], needs: Iterable[Key], gives: Iterable[Key], together: tuple[tuple[Key, ...], ...] = ()
) -> Fact:
    return Fact("numbers", match.group(), match.start(), match.end(), frozenset(needs), frozenset(gives), together)


def _moved(fact: Fact, by: int) -> Fact:
    return Fact(fact.kind, fact.text, fact.start + by, fact.end + by, fact.needs, fact.gives, fact.together)
