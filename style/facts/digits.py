"""The possible values of digits: a mark between them separates thousands or decimals, whichever fits."""

import re
import unicodedata
from fractions import Fraction
from math import gcd

__all__ = [
    "Ratio",
    "Value",
    "plus",
    "power_of_ten",
    "raised",
    "ratio",
    "ratio_of",
    "scaled",
    "times",
    "values_of",
    "vulgar",
]


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
