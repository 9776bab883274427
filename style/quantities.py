"""One number as it is written: its sign, its digits, its unit, and every value that they may mean."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .digits import Value, plus, raised, scaled, values_of, vulgar
from .ratios import power_of_ten, ratio
from .units import CURRENCIES, MULTIPLIERS, Reading, read_unit

__all__ = ["NUMBER", "Quantity", "read_number", "share_units"]

_BLANKS = " \u00a0\u202f"
_SPACE = r"[ \u00a0\u202f]"
_DIGITS = (
    r"[0-9]{1,3}(?P<sep>[,.'\u2019 \u00a0\u202f])[0-9]{3}(?:(?P=sep)[0-9]{3}){0,5}(?:[.,][0-9]+)?(?![0-9])"
    r"|[0-9]+(?:[.,][0-9]+)?|\.[0-9]+"
)
_VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_MULTIPLIER = "|".join(sorted((word for word in MULTIPLIERS if len(word) > 1), key=len, reverse=True))
_LETTERS = r"[A-Za-zµμΩ\u2126]"
NUMBER = re.compile(
    rf"(?:(?<![^\W_])|(?<=[0-9\"″”][x×X]))"
    rf"(?P<sign>\+/-|\+-|[-\u2212±+](?![-\u2212])|minus{_SPACE})?"
    rf"(?P<money>(?:US|A|C)?[$€£¥₹]{_SPACE}?|(?:{'|'.join(CURRENCIES)}){_SPACE}?(?=[-\u2212]?[0-9]))?(?P<sign2>[-\u2212](?=[0-9]))?"
    rf"(?:(?P<digits>{_DIGITS})"
    rf"(?P<power>[eE][-+]?[0-9]{{1,3}}(?![0-9A-Za-z])|\^[-\u2212+]?[0-9]{{1,3}}|[{_RAISED}]{{1,4}}"
    rf"|{_SPACE}?[x×·*]{_SPACE}?10(?:\^[-\u2212+]?[0-9]{{1,3}}|[{_RAISED}]{{1,4}}))?"
    rf"(?P<over>(?<![0-9.,]{{3}})/(?P<below>[0-9]{{1,2}})(?![0-9]|[.,/][0-9])"
    rf"|{_SPACE}(?P<mixed>[0-9]{{1,2}}/[0-9]{{1,2}})(?![0-9/.,])|{_SPACE}?[{_VULGAR}])?"
    rf"|(?P<alone>[{_VULGAR}]))"
    rf"(?:{_SPACE}?(?P<word>{_MULTIPLIER})(?![A-Za-z])|(?P<letter>[kKmMbBT])"
    rf"(?={_SPACE}?[€$£¥]|{_SPACE}[A-Za-z]|$|[^\w \u00a0\u202f]))?"
    rf"(?:(?P<gap>{_SPACE}|-|{_SPACE}?)(?P<unit>degrees?{_SPACE}[A-Za-z]+|per{_SPACE}cent|fl\.?{_SPACE}?oz|US\$"
    rf"|°{_SPACE}?[CFcf]\b|[%‰°℃℉€$£¥¢₹\"″”'′]|{_LETTERS}+(?:[²³]|[23](?![0-9A-Za-z]))?)"
    rf"(?P<per>/[A-Za-zµ°Ω%]+[²³]?|{_SPACE}per{_SPACE}[A-Za-z]+)?)?",
    re.ASCII,
)
# Written apart, these are words or marks more often than units ("5 in stock"), so the number may also be a bare one.
_DOUBTFUL = frozenset(
    ["in", "b", "B", "d", "t", "T", "us", "US", "mo", "mil", "mol", "gr", "ha", "S", "N", "J", "K", "M", "C", "F", "H", "G", "k",
     "p", "u", "n", "c", "a"]
)  # fmt: skip
_RANGE = re.compile(
    rf"{_SPACE}?(?:-|\u2013|\u2014|~|\.\.\.?|…|[x×X*]|/|{_SPACE}?(?:to|by|through|till|until|bis|up{_SPACE}to)){_SPACE}?|-to-"
)
_LIST = re.compile(rf"{_SPACE}?(?:,|&|and|or|und|oder){_SPACE}")
_LETTERS_ALONE = re.compile(r"[^\W\d_]{1,20}(?!\w)")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)(?![^\W_])")
_TEMPERATURES = frozenset(["°C", "°F"])


@dataclass(frozen=True)
class Quantity:
    """A number at a place with all readings of its digits and unit.

    sign: "", "+", "-" or "±". values: as a whole; parts: the numbers of a list that looks like one (`1,200`). units:
    empty for a bare number; doubtful: it may be a bare number all the same. powers: of ten, by which a word behind
    multiplies (`4.2 million`).
    """

    text: str
    start: int
    end: int
    sign: str
    values: tuple[Value, ...]
    parts: tuple[Value, ...] = ()
    units: tuple[Reading, ...] = ()
    powers: tuple[int, ...] = (0,)
    doubtful: bool = False
    before: bool = False  # the unit stands before the number, as a currency does

    def needs(self) -> Iterator[tuple]:
        """The keys of which one must be known for the number to be stated."""
        for value in self._scaled():
            for factor, dimension in self.units:
                for sign in _accepted(self.sign, dimension in _TEMPERATURES):
                    yield "u", scaled(value, factor), dimension, sign
                    yield "0", value, sign
                if dimension == "%":
                    yield "0", scaled(value, (1, 100)), "*"
            if not self.units or self.doubtful:
                for sign in _accepted(self.sign, False):
                    yield "v", value, sign

    def gives(self) -> Iterator[tuple]:
        """The keys that the number makes known."""
        signs = ("*", "", "+", "-") if self.sign == "±" else ("*", self.sign)
        for value in self._scaled():
            for sign in signs:
                yield "v", value, sign
                if not self.units or self.doubtful:
                    yield "0", value, sign
                for factor, dimension in self.units:
                    yield "u", scaled(value, factor), dimension, sign
                    if dimension == "%":
                        yield "v", scaled(value, (1, 100)), sign
        for part in self.parts:
            yield from (("v", part, "*"), ("v", part, ""), ("0", part, "*"), ("0", part, ""))

    def together(self) -> tuple[tuple, ...]:
        """Keys that also state it when all of them are known: the numbers of a list."""
        return tuple(("v", part, "*") for part in self.parts)

    def _scaled(self) -> Iterator[Value]:
        for value in self.values:
            for power in self.powers:
                yield scaled(value, power_of_ten(power)) if power else value


def read_number(match: re.Match[str]) -> Quantity | None:
    """The quantity of a match of NUMBER; None where it is part of a code."""
    part = match.groupdict()
    money = read_unit(part["money"].strip(_BLANKS)) if part["money"] else ()
    end = max(match.end(name) for name in ("digits", "alone", "power", "over", "word", "letter"))
    values, parts = _value(part)
    powers, letter = _multiplied(part, money=bool(money) or (part["unit"] or " ")[0] in "€$£¥₹")
    units, doubtful = money + letter, bool(part["letter"])
    behind, stop = _unit_behind(match)
    if behind:
        doubtful |= bool(part["gap"]) and (part["unit"] or "") in _DOUBTFUL and not part["per"]
        units, end = units + behind, stop
    elif not (part["letter"] or part["word"]) and _goes_on(match.string, end):
        return None
    elif ordinal := _ORDINAL.match(match.string, end):
        end = ordinal.end()
    doubtful |= part["unit"] == "s" and len(part["digits"] or "") == 4  # a decade: the 1990s
    text = match.string[match.start() : end]
    return Quantity(text, match.start(), end, _sign(part), values, parts, units, powers, doubtful, bool(money))


def _sign(part: dict[str, str | None]) -> str:
    written = (part["sign"] or part["sign2"] or "").strip(_BLANKS)
    return {"\u2212": "-", "minus": "-", "+/-": "±", "+-": "±"}.get(written, written)


def _multiplied(part: dict[str, str | None], *, money: bool) -> tuple[tuple[int, ...], tuple[Reading, ...]]:
    """The powers of ten of a word or letter behind the digits, and what the letter means as a unit: 4.2m may be metres."""
    if part["word"]:
        return (MULTIPLIERS[part["word"]],), ()
    if not part["letter"]:
        return (0,), ()
    power = MULTIPLIERS[part["letter"]]
    return ((power,), ()) if money else ((0, power), read_unit(part["letter"]))


def _goes_on(text: str, end: int) -> bool:
    """Whether the word goes on as a code does: `2N7002`; but neither `1st` nor `3x3`."""
    following = text[end : end + 1]
    if not following or not (following.isalnum() or following == "_") or _only_letters(text, end):
        return False
    return not (following in "x×X" and text[end + 1 : end + 2].isdigit())


def _unit_behind(match: re.Match[str]) -> tuple[tuple[Reading, ...], int]:
    """What the text behind the digits means as a unit, and where that ends."""
    unit, per = match["unit"], match["per"]
    if not unit:
        return (), -1
    if per and (found := read_unit(unit + per)):
        return found, match.end("per")
    following = match.string[match.end("unit") : match.end("unit") + 1]
    if unit[-1].isalnum() and following and (following.isalnum() or following == "_"):
        return (), -1  # "2N7002": no unit, since the word goes on
    return read_unit(unit), match.end("unit")


def _only_letters(text: str, start: int) -> bool:
    """Whether the word goes on in letters alone (`1st`, `24Vin`), so that it is no code."""
    word = _LETTERS_ALONE.match(text, start)
    return word is not None and (word.end() - start > 2 or word.group().islower())


def _value(part: dict[str, str | None]) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    if part["alone"]:
        return (vulgar(part["alone"]),), ()
    values, parts = values_of(part["digits"] or "")
    if part["power"]:
        return tuple(raised(value, part["power"], part["digits"] or "") for value in values), ()
    if part["mixed"]:
        above, below = map(int, part["mixed"].split("/"))
        whole = tuple(plus(value, ratio(above, below)) for value in values) if below else values
        return whole, (*values, (above, 1), (below, 1))
    if part["below"]:
        below = int(part["below"])
        return tuple(scaled(value, (1, below)) for value in values) if below else (), (*values, (below, 1))
    if part["over"]:
        return tuple(plus(value, vulgar(part["over"].strip())) for value in values), ()
    return values, parts


def share_units(quantities: Sequence[Quantity], text: str) -> list[Quantity]:
    """The ends of ranges, dimensions and lists take each other's unit: both ends of `2.7-5.5 V` are volts."""
    shared = list(quantities)
    for index in range(len(shared) - 2, -1, -1):
        one, other = shared[index], shared[index + 1]
        between = text[one.end : other.start]
        joined = bool(_RANGE.fullmatch(between))
        if other.units and not one.units and not other.before and (joined or _LIST.fullmatch(between)):
            powers = other.powers if one.powers == (0,) and not other.doubtful else one.powers
            powers = tuple(dict.fromkeys((*one.powers, *powers)))
            shared[index] = replace(one, units=other.units, powers=powers, doubtful=not joined or other.doubtful)
    for index, (one, other) in enumerate(itertools.pairwise(shared)):
        if one.before and not other.units and _RANGE.fullmatch(text[one.end : other.start]):
            shared[index + 1] = replace(other, units=one.units, before=True)
    return shared


def _accepted(sign: str, counts: bool) -> tuple[str, ...]:
    """The signs in the request that state one with this sign; counts: no sign means plus."""
    if counts:
        return ("-",) if sign == "-" else ("", "+")
    return ("*",) if sign in ("", "±") else (sign, "")
