"""The values that digits, dates and times may have: a mark between digits separates thousands or decimals, whichever fits."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any

Key = tuple[Any, ...]  # what a fact needs to be stated, or gives to state others
Ratio = tuple[int, int]  # numerator, denominator above zero


def ratio(above: int, below: int = 1) -> Ratio:
    """above / below in lowest terms; `below` is above zero."""
    shared = gcd(above, below)
    return (above, below) if shared == 1 else (above // shared, below // shared)


def ratio_of(value: Fraction | str | float) -> Ratio:
    """A fraction, or a value that Fraction accepts (`0.0254`), as a ratio."""
    return Fraction(value).as_integer_ratio()


def times(one: Ratio, other: Ratio) -> Ratio:
    """The product."""
    if other == (1, 1):
        return one
    return ratio(one[0] * other[0], one[1] * other[1])


def power_of_ten(exponent: int) -> Ratio:
    """10 to the power of `exponent`, which may be negative."""
    return (10**exponent, 1) if exponent >= 0 else (1, 10**-exponent)


Value = Ratio | str  # a number too long for arithmetic is identified by its digits

_LONGEST = 40  # digits used in arithmetic; a longer run is a hash or a serial number
_MARKS = re.compile(r"[.,]")
_TIMES_TEN = re.compile(r"[x×·*][ \u00a0\u202f]?10(.*)$")
_EXPONENT = re.compile(r"[-+]?(?<![0-9])[0-9]+$")


def values_of(digits: str) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """The values of digits with marks as one number, and as several: `1,200` is 1200 or 1.2, or 1 and 200."""
    if digits.isdigit() and len(digits) <= _LONGEST:
        return ((int(digits), 1),), ()
    if len(digits) > _LONGEST:
        return (re.sub(r"[^0-9]", "", digits).lstrip("0"),), ()
    pieces = re.split(r"[^0-9.,]", digits)
    plain = "".join(pieces)
    marks = _MARKS.findall(plain)
    readings: list[Value] = [] if marks else [(int(plain), 1)]
    if marks:
        last = max(plain.rfind("."), plain.rfind(","))
        head, tail = _MARKS.sub("", plain[:last]), plain[last + 1 :]
        grouped = len(tail) == 3 and len(pieces) == 1 and len(set(marks)) == 1 and head.lstrip("0") != ""
        if not (grouped and len(marks) > 1):
            readings.append(ratio(int(head + tail), 10 ** len(tail)))
        if grouped:
            readings.append((int(head + tail), 1))
    split = pieces if len(pieces) > 1 else plain.split(",") if "." not in plain else [plain]
    parts = [value for piece in split if piece for value in values_of(piece)[0]] if len(split) > 1 else []
    return tuple(readings), tuple(parts)


def scaled(value: Value, factor: Ratio) -> Value:
    """The value times the factor."""
    if isinstance(value, tuple):
        return times(value, factor)
    return value if factor == (1, 1) else f"{value}*{factor[0]}/{factor[1]}"


def plus(value: Value, more: Ratio) -> Value:
    """The sum, as of `1` and `½`."""
    if isinstance(value, tuple):
        return ratio(value[0] * more[1] + more[0] * value[1], value[1] * more[1])
    return f"{value}+{more[0]}/{more[1]}"


def vulgar(sign: str) -> Ratio:
    """The value of a vulgar fraction such as ½."""
    return ratio_of(Fraction(unicodedata.numeric(sign)).limit_denominator(10))


def raised(value: Value, power: str, digits: str) -> Value:
    """`10^6`, `2²`, `1e6`, `1.5 × 10^6`."""
    plain = unicodedata.normalize("NFKC", power).replace("\u2212", "-").replace("^", "")
    times_ten = _TIMES_TEN.search(plain)
    found = _EXPONENT.search(times_ten.group(1) if times_ten else plain)
    if isinstance(value, str) or not found:
        return f"{digits}{power}"
    exponent = int(found.group())
    if times_ten or plain[0] in "eE":
        return times(value, power_of_ten(exponent)) if abs(exponent) <= 999 else f"{digits}{power}"
    if len(digits) > 4 or abs(exponent) > 400 or not value[0]:
        return f"{digits}^{exponent}"
    return ratio_of(Fraction(*value) ** exponent)


_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MONTHS = "|".join(f"{name}|{name[:3]}" for name in _NAMES) + "|Sept"
_DAY = r"\d{1,2}(?:st|nd|rd|th|\.)?"
_GAP = r"[ \u00a0]"
DATE = re.compile(
    rf"(?<![\w.,/-])(?:"
    rf"(?P<y1>\d{{4}})(?P<s1>[-/.])(?P<m1>\d{{1,2}})(?P=s1)(?P<d1>\d{{1,2}})(?![\d-])"
    rf"|(?P<a>\d{{1,2}})(?P<s2>[./-])(?P<b>\d{{1,2}})(?P=s2)(?P<y2>\d{{4}}|(?<=[/.])\d{{2}})(?![\w]|[.,/-]\d)"
    rf"|(?P<d3>{_DAY})(?:{_GAP}|-)(?:of{_GAP})?(?P<m3>{MONTHS})\b\.?(?:,?(?:{_GAP}|-)(?P<y3>\d{{4}})(?!\w))?"
    rf"|(?P<m4>{MONTHS})\b\.?{_GAP}(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?(?![\w:]|[.,/]\d)(?:,?{_GAP}(?P<y4>\d{{4}})(?!\w))?"
    rf"|(?P<m5>{MONTHS})\b\.?,?{_GAP}(?P<y5>\d{{4}})(?!\w)"
    rf")",
    re.IGNORECASE | re.ASCII,
)
TIME = re.compile(
    r"(?:(?<![\w.,:])|(?<=[0-9])T)(?:"
    r"(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2}(?:\.\d{1,9})?))?(?![\d:])(?:[ \u00a0]?(?P<half>[ap])\.?m\b\.?)?"
    r"|(?P<h2>\d{1,2})(?:[.](?P<m2>\d{2}))?[ \u00a0]?(?P<half2>[ap])\.?m\b\.?"
    r")",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Date:
    """A day, a month of a year, or a day of a month; a part that is not given is None."""

    year: int | None
    month: int
    day: int | None


@dataclass(frozen=True)
class Time:
    """A time of day or a stretch of time written with colons; seconds as written."""

    hour: int
    minute: int
    second: str


def month_number(name: str) -> int:
    """1 for January, Jan or jan."""
    return [month[:3].casefold() for month in _NAMES].index(name[:3].casefold()) + 1


def read_date(match: re.Match[str]) -> list[Date]:
    """What a match of DATE may mean: `03/04/2026` is a day in March or in April; empty if it is not a date."""
    part = match.groupdict()
    if part["y1"]:
        return _real([(part["y1"], part["m1"], part["d1"])])
    if part["a"]:
        years = [part["y2"]] if len(part["y2"]) == 4 else ["20" + part["y2"], "19" + part["y2"]]
        return _real((y, m, d) for y in years for m, d in ((part["b"], part["a"]), (part["a"], part["b"])))
    month = month_number(part["m3"] or part["m4"] or part["m5"])
    day = re.sub(r"\D", "", part["d3"] or part["d4"] or "")
    return _real([(part["y3"] or part["y4"] or part["y5"], month, day or None)])


def read_time(match: re.Match[str]) -> Time | None:
    """The time of a match of TIME; None if no such time exists."""
    part = match.groupdict()
    hour, minute = int(part["h"] or part["h2"]), int(part["m"] or part["m2"] or 0)
    half = (part["half"] or part["half2"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    second = (part["s"] or "").lstrip("0")
    return Time(hour, minute, second.rstrip("0").rstrip(".") if "." in second else second) if minute < 60 else None


def _real(parts: Iterable[tuple[str | None, str | int, str | None]]) -> list[Date]:
    dates = [Date(int(y) if y else None, int(m), int(d) if d else None) for y, m, d in parts]
    return [
        date
        for date in dict.fromkeys(dates)
        if 1 <= date.month <= 12 and (date.day is None or 1 <= date.day <= 31)
    ]  # fmt: skip
