"""One number as written: its sign, digits and unit, and every value that they may have."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from .values import Ratio, Value, plus, power_of_ten, raised, ratio, ratio_of, scaled, values_of, vulgar

Reading = tuple[Ratio, str]  # the number of base units of the dimension, and the dimension

_PREFIXES = {"p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "": 0, "k": 3, "K": 3, "M": 6, "G": 9, "T": 12}
# Symbols that take an SI prefix, with their dimension. A volt is a volt whatever follows it.
_SYMBOLS = {
    "V": "V", "A": "A", "W": "W", "Hz": "Hz", "F": "F", "H": "H", "Ω": "Ohm", "\u2126": "Ohm", "Ohm": "Ohm", "ohm": "Ohm",
    "ohms": "Ohm", "Ohms": "Ohm", "J": "J", "N": "N", "Pa": "Pa", "C": "C", "g": "g", "m": "m", "s": "s", "l": "l", "L": "l",
    "Wh": "Wh", "Ah": "Ah", "VA": "VA", "eV": "eV", "B": "B", "b": "bit", "bit": "bit", "bits": "bit", "bps": "bit/s",
    "Bd": "Bd", "sps": "sps", "SPS": "sps", "Sv": "Sv", "mol": "mol", "lm": "lm", "lx": "lx", "cal": "cal", "K": "K",
    "S": "S", "T": "T", "Vrms": "V", "VRMS": "V", "VDC": "V", "VAC": "V", "Vdc": "V", "Vac": "V", "Vpp": "V", "Vin": "V",
    "Vout": "V", "Vds": "V", "Vdss": "V", "Vce": "V", "Vgs": "V", "Arms": "A", "ADC": "A", "bar": "bar", "t": "t",
}  # fmt: skip
# Words in any case, singular and plural if the plural takes an s; the number is the factor to the dimension's unit.
_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "V": (("1", "volt"),), "A": (("1", "amp ampere"),), "W": (("1", "watt"), ("1000", "kilowatt")),
    "Hz": (("1", "hertz"), ("1000", "kilohertz"), ("1000000", "megahertz")), "F": (("1", "farad"),), "Ohm": (("1", "ohm"),),
    "g": (("1", "gram gramme gr"), ("1000", "kilogram kilo kilogramme"), ("0.001", "milligram"),
          ("0.000001", "microgram mcg"), ("1000000", "tonne t")),
    "m": (("1", "metre meter"), ("1000", "kilometre kilometer"), ("0.01", "cm centimetre centimeter"), ("0.1", "dm"),
          ("0.001", "millimetre millimeter"), ("0.0254", "in inch inches"), ("0.3048", "ft foot feet"), ("0.9144", "yd yard"),
          ("1609.344", "mi mile"), ("0.0000254", "mil")),
    "s": (("1", "sec second"), ("60", "min minute"), ("3600", "h hr hour"), ("86400", "d day"), ("604800", "week"),
          ("0.001", "millisecond msec"), ("0.000001", "microsecond")),
    "month": (("1", "month mo"), ("12", "year yr")),
    "l": (("1", "litre liter"), ("0.001", "cc millilitre milliliter"), ("0.01", "cl centilitre"), ("0.1", "dl decilitre")),
    "cup": (("1", "cup"),), "tbsp": (("1", "tbsp tablespoon"),), "tsp": (("1", "tsp teaspoon"),), "pt": (("1", "pint"),),
    "gal": (("1", "gal gallon"),), "oz": (("1", "oz ounce"), ("16", "lb pound")), "floz": (("1", "fl.oz"),),
    "%": (("1", "percent % pct"), ("0.1", "‰ permille")), "ppm": (("1", "ppm"),), "ppb": (("1", "ppb"),),
    "°C": (("1", "°c ℃ celsius centigrade"),), "°F": (("1", "°f ℉ fahrenheit"),), "°": (("1", "° deg degree"),),
    "dB": (("1", "db decibel"),), "dBm": (("1", "dbm"),), "dBA": (("1", "dba"),), "rpm": (("1", "rpm"),),
    "px": (("1", "px pixel"),),
    "MP": (("1", "mp megapixel"),), "fps": (("1", "fps"),), "hp": (("1", "hp"),), "psi": (("1", "psi"),),
    "mmHg": (("1", "mmhg"),),
    "IU": (("1", "iu"),), "cal": (("1", "calorie"), ("1000", "kcal kilocalorie")), "B": (("1", "byte"),),
    "EUR": (("1", "€ eur euro"), ("0.01", "ct cent")), "USD": (("1", "$ usd us$ dollar"), ("0.01", "¢ ct cent")),
    "GBP": (("1", "£ gbp pound quid"), ("0.01", "pence")), "JPY": (("1", "¥ jpy yen"),), "CHF": (("1", "chf franc"),),
    "SEK": (("1", "sek"),), "NOK": (("1", "nok"),), "DKK": (("1", "dkk"),), "PLN": (("1", "pln"),),
    "CNY": (("1", "cny rmb yuan"),),
    "INR": (("1", "₹ inr rupee"),), "AUD": (("1", "aud"),), "CAD": (("1", "cad"),), "kr": (("1", "kr"),),
    "acre": (("1", "acre"),), "m2": (("10000", "ha hectare"), ("1", "sqm"),), "m/s": (("1", "mps"),),
    "carat": (("1", "ct carat"),),
}  # fmt: skip
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "PLN", "CNY", "INR", "AUD", "CAD", "kr")
MULTIPLIERS = {
    "hundred": 2, "thousand": 3, "k": 3, "K": 3, "million": 6, "millions": 6, "mn": 6, "mio": 6, "m": 6, "M": 6, "mln": 6,
    "billion": 9, "billions": 9, "bn": 9, "B": 9, "b": 9, "trillion": 12, "tn": 12, "T": 12,
}  # fmt: skip
# Kilobytes are counted in thousands and in 1,024s under one name; both readings are valid.
_BINARY = {"K": 1, "k": 1, "M": 2, "G": 3, "T": 4}
_PER = {"kph": "km/h", "kmh": "km/h", "mph": "mile/h", "mA/h": "mAh"}


def _symbols() -> dict[str, list[Reading]]:
    """Every symbol as it is written, case kept."""
    table: dict[str, list[Reading]] = {}
    for symbol, dimension in _SYMBOLS.items():
        for prefix, power in _PREFIXES.items():
            readings = table.setdefault(prefix + symbol, [])
            readings.append((power_of_ten(power), dimension))
            if dimension in ("B", "bit") and prefix in _BINARY:
                readings.append(((1024 ** _BINARY[prefix], 1), dimension))
                table.setdefault(f"{prefix}i{symbol}", []).append(((1024 ** _BINARY[prefix], 1), dimension))
    for length, factor in {
        "mm": "0.001",
        "cm": "0.01",
        "dm": "0.1",
        "m": "1",
        "km": "1000",
        "in": "0.0254",
        "ft": "0.3048",
    }.items():
        for power, marks in {2: ("2", "²"), 3: ("3", "³")}.items():
            for mark in marks:
                scale, dimension = (
                    (ratio_of(Fraction(factor) ** 2), "m2")
                    if power == 2
                    else (ratio_of(Fraction(factor) ** 3 * 1000), "l")
                )
                table[length + mark] = [(scale, dimension)]
    # Signs for inches and feet, and the volt in small letters.
    table |= {mark: [(ratio_of("0.0254"), "m")] for mark in '"″”'} | {
        mark: [(ratio_of("0.3048"), "m")] for mark in "'′"
    }
    table["v"] = [((1, 1), "V")]
    # A single C or F is more often a temperature than a charge or a capacitance; both readings are kept.
    table["C"].append(((1, 1), "°C"))
    table["F"].append(((1, 1), "°F"))
    del table["T"], table["K"]  # a trillion, a thousand; tesla and kelvin are added back as second readings
    table["T"], table["K"] = [((1, 1), "T")], [((1, 1), "K")]
    return table


def _words() -> dict[str, list[Reading]]:
    table: dict[str, list[Reading]] = {}
    for dimension, groups in _WORDS.items():
        for factor, names in groups:
            for name in names.split():
                plural = name.isalpha() and len(name) > 1 and name not in ("ha", "in", "mi")  # has, ins, mis are words
                for form in (name, name + "s") if plural else (name,):
                    table.setdefault(form, []).append((ratio_of(factor), dimension))
    return table


_SYMBOL_TABLE, _WORD_TABLE = _symbols(), _words()
_FOLDED: dict[str, list[Reading]] = {}
for _symbol, _readings in _SYMBOL_TABLE.items():
    if len(_symbol) > 1:  # for a single letter case matters: M and m, K and k
        _FOLDED.setdefault(_symbol.casefold(), []).extend(_readings)
UNIT_WORDS = tuple(sorted({*_SYMBOL_TABLE, *_WORD_TABLE, *_PER} - set("\"″”'′"), key=lambda word: (-len(word), word)))


@lru_cache(maxsize=4096)
def read_unit(text: str) -> tuple[Reading, ...]:
    """The possible meanings of a unit as written; empty if it is not one. `V/µs` and `mg per kg` are units too."""
    text = text.replace(" per ", "/").replace(" ", "").replace("percent", "%")
    text = _PER.get(text.casefold(), text)
    upper, slash, lower = text.partition("/")
    if not slash:
        return tuple(dict.fromkeys(_one(text)))
    parts = [(one, other) for one in _one(upper) for other in _one(lower)]
    return tuple(
        dict.fromkeys((ratio(a[0] * b[1], a[1] * b[0]), f"{above}/{below}") for (a, above), (b, below) in parts)
    )


def _one(text: str) -> list[Reading]:
    folded = text.casefold()
    exact = _SYMBOL_TABLE.get(text, []) + (_WORD_TABLE.get(folded, []) if len(text) > 1 or text not in "TKM" else [])
    if not exact and folded.startswith("degree"):
        exact = _WORD_TABLE.get(folded.removeprefix("degrees").removeprefix("degree") or "°", [])
    return exact or _FOLDED.get(folded, [])


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
# Separated from the number, these are more often words or marks than units ("5 in stock"): the number may be bare.
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
    """A number with its position and all readings of its digits and unit.

    sign: "", "+", "-" or "±". values: read as one number; parts: the numbers of what may be a list (`1,200`). units:
    empty for a bare number; doubtful: it may be a bare number after all. powers: powers of ten by which the following
    word multiplies (`4.2 million`).
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
    before: bool = False  # the unit precedes the number, as a currency does

    def needs(self) -> Iterator[tuple]:
        """The keys of which a request must give one to state the number."""
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
        """The keys that a request with this number gives."""
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
        """Sets of keys that also state the number, each only as a whole: the numbers of a list."""
        return tuple(("v", part, "*") for part in self.parts)

    def _scaled(self) -> Sequence[Value]:
        if self.powers == (0,):  # of nearly all numbers
            return self.values
        return [
            scaled(value, power_of_ten(power)) if power else value for value in self.values for power in self.powers
        ]


def read_number(match: re.Match[str]) -> Quantity | None:
    """The quantity of a match of NUMBER; None if it is part of a code."""
    part = match.groupdict()
    money = read_unit(part["money"].strip(_BLANKS)) if part["money"] else ()
    end = max(match.end(name) for name in ("digits", "alone", "power", "over", "word", "letter"))
    values, parts = _value(part)
    powers, letter = _multiplied(part, money=bool(money) or (part["unit"] or " ")[0] in "€$£¥₹")
    units, doubtful = money + letter, bool(part["letter"])
    after, stop = _unit_after(match)
    if after:
        doubtful |= bool(part["gap"]) and (part["unit"] or "") in _DOUBTFUL and not part["per"]
        units, end = units + after, stop
    elif not (part["letter"] or part["word"]) and _continues(match.string, end):
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
    """The powers of ten of a word or letter after the digits, and the letter's meaning as a unit: 4.2m may be metres."""
    if part["word"]:
        return (MULTIPLIERS[part["word"]],), ()
    if not part["letter"]:
        return (0,), ()
    power = MULTIPLIERS[part["letter"]]
    return ((power,), ()) if money else ((0, power), read_unit(part["letter"]))


def _continues(text: str, end: int) -> bool:
    """Whether the word continues like a code (`2N7002`), unlike `1st` and `3x3`."""
    following = text[end : end + 1]
    if not following or not (following.isalnum() or following == "_") or _only_letters(text, end):
        return False
    return not (following in "x×X" and text[end + 1 : end + 2].isdigit())


def _unit_after(match: re.Match[str]) -> tuple[tuple[Reading, ...], int]:
    """The meaning of the text after the digits as a unit, and where that ends."""
    unit, per = match["unit"], match["per"]
    if not unit:
        return (), -1
    if per and (unit_readings := read_unit(unit + per)):
        return unit_readings, match.end("per")
    following = match.string[match.end("unit") : match.end("unit") + 1]
    if unit[-1].isalnum() and following and (following.isalnum() or following == "_"):
        return (), -1  # "2N7002": not a unit, since the word continues
    return read_unit(unit), match.end("unit")


def _only_letters(text: str, start: int) -> bool:
    """Whether only letters follow in the word (`1st`, `24Vin`), so that it is not a code."""
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
    """Ends of ranges, dimensions and lists share their unit: both ends of `2.7-5.5 V` are volts."""
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
    """The signs in the request that state this sign; `counts`: no sign means plus."""
    if counts:
        return ("-",) if sign == "-" else ("", "+")
    return ("*",) if sign in ("", "±") else (sign, "")
