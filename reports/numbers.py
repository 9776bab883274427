"""Numbers written for people: percentages, money, days and their ranges."""

import math
from collections.abc import Iterable

__all__ = [
    "MINUS",
    "NBSP",
    "NEVER",
    "UNKNOWN",
    "amount",
    "amount_range",
    "count",
    "days",
    "days_range",
    "duration",
    "percent",
    "percent_range",
    "plain",
    "points",
    "points_range",
    "shared_decimals",
    "signed_amount",
    "size",
    "whole",
]

UNKNOWN = "not measured"
NEVER = "never"
NBSP = "\u00a0"  # a number and its unit stay on one line
MINUS = "−"
# Halves go up, as people do it and as the verdict's sentences do: 12.5 is 13. A value a little below a half, as floats
# come out of a sum, counts as the half; beyond LARGE nobody would see it, and a nudge would change whole units.
NUDGE, LARGE = 1e-12, 1e9
NO_CENTS = 10_000  # sums from which nobody asks for cents
CENTS_MATTER = 50  # sums below which rounding to whole units would show: half a unit is more than a percent
FINEST = 4  # decimals of a percentage that would otherwise read 0 or 100


def percent(share: float | None, *, digits: int = 1) -> str:
    """A share of 0..1 as a percentage: 0.8167 is `81.7 %`; whole ones without a decimal.

    What is neither none nor all never reads 0 % or 100 %: 0.9996 is `99.96 %` also where `digits` is 1.
    """
    if share is None:
        return UNKNOWN
    text = _fixed(share * 100, digits)
    while text.lstrip("-") in ("0", "100") and abs(share - round(share)) > NUDGE and digits < FINEST:
        digits += 1
        text = _fixed(share * 100, digits)
    return f"{text.replace('-', MINUS)}{NBSP}%"


def percent_range(low: float | None, high: float | None) -> str:
    """Two shares as a range: `72 to 89 %`, with a decimal where whole numbers would hide it."""
    if low is None or high is None:
        return UNKNOWN
    digits = 0 if (high - low) >= 0.02 or low == high else 1
    return f"{_fixed(low * 100, digits)} to {_fixed(high * 100, digits)}{NBSP}%"


def whole(value: float) -> str:
    """Without decimals, a half up: 12.5 is `13`."""
    return _fixed(value, 0)


def points(difference: float | None) -> str:
    """A difference of two shares in percentage points, with its sign: `+60 points`."""
    if difference is None:
        return UNKNOWN
    text = _fixed(abs(difference) * 100, 1)
    return f"{_sign(difference, text)}{text}{NBSP}point{'' if text == '1' else 's'}"


def points_range(low: float | None, high: float | None) -> str:
    """Two differences as a range: `+47 to +71 points`."""
    if low is None or high is None:
        return UNKNOWN
    texts = []
    for end in (low, high):
        text = _fixed(abs(end) * 100, 0 if high - low >= 0.02 else 1)
        texts.append(_sign(end, text) + text)
    return f"{texts[0]} to {texts[1]}{NBSP}points"


def count(number: float | None) -> str:
    """A whole number with thousands separators; a mean keeps one decimal below a hundred."""
    if number is None:
        return UNKNOWN
    if abs(number) < 100 and number != int(number):
        return _fixed(number, 1).replace("-", MINUS)
    return f"{number:,.0f}".replace("-", MINUS)


def shared_decimals(values: Iterable[float | None]) -> int:
    """The decimals that all sums of a column have from one unit up: none where the column can do without cents, else 2.

    It can where all are whole, and where the largest would have none by itself and the least would not miss its own.
    Sums below one, such as what a request costs, keep their digits: whole they would be nothing.
    """
    sizes = [abs(value) for value in values if value is not None and abs(value) >= 1]
    whole_ones = all(abs(size - round(size)) < 0.005 for size in sizes)
    return 0 if whole_ones or (max(sizes) >= NO_CENTS and min(sizes) >= CENTS_MATTER) else 2


def amount(value: float | None, currency: str, *, decimals: int | None = None) -> str:
    """Money with the digits that it needs: `0.00714 EUR`, `14.29 EUR`, `12,400 EUR`.

    In a column all sums from one unit up have the same `decimals`, those of `shared_decimals`.
    """
    if value is None:
        return UNKNOWN
    text = _money_digits(abs(value), decimals=decimals)
    return f"{MINUS if value < 0 and text.strip('0.') else ''}{text}{NBSP}{currency}"


def signed_amount(value: float | None, currency: str, *, decimals: int | None = None) -> str:
    """Money with a plus in front where it is a gain."""
    text = amount(value, currency, decimals=decimals)
    return f"+{text}" if value is not None and value > 0 else text


def amount_range(low: float | None, high: float | None, currency: str, *, decimals: int | None = None) -> str:
    """Two sums as a range in one currency; `decimals` as for `amount`."""
    if low is None or high is None:
        return UNKNOWN
    largest = max(abs(low), abs(high))
    if largest >= 1000 and decimals is None:  # cents of one end beside thousands of the other
        low, high = round(low), round(high)
    digits = 2 if largest < 1 else 3  # a range needs no third digit
    if min(abs(low), abs(high)) > 0 and largest < 1 and _decimals(low) == _decimals(high) + 1:
        # Ends of 0.097 and 0.1018: as many decimals for both, or a value beside them seems to lie outside.
        return f"{_signed(low, _decimals(low))} to {_signed(high, _decimals(low))}{NBSP}{currency}"
    first, last = (f"{MINUS if end < 0 else ''}{_money_digits(abs(end), digits, decimals)}" for end in (low, high))
    return f"{first} to {last}{NBSP}{currency}"


def days(value: float | None) -> str:
    """A payback time; null is `never`, long ones are in years as well understood by nobody in days."""
    if value is None:
        return NEVER
    if value > 36_525:
        return f"more than 100{NBSP}years"
    if value > 730:
        return f"{_fixed(value / 365.25, 1)}{NBSP}years"
    text = _fixed(value, 1 if value < 100 else 0)
    return f"{text}{NBSP}day{'' if text == '1' else 's'}"


def days_range(low: float | None, high: float | None) -> str:
    """Two payback times as a range: `9 to 25 days`, `9 days to never`."""
    if low is None and high is None:
        return NEVER
    if high is not None and 10 <= high <= 730:
        low = None if low is None else round(low, 1 if low < 1 else 0)
        high = round(high)
    first, last = days(low), days(high)
    if first == last:
        return first
    if first.split(NBSP)[-1].rstrip("s") == last.split(NBSP)[-1].rstrip("s"):
        return f"{first.split(NBSP)[0]} to {last}"
    return f"{first} to {last}"


def duration(seconds: float | None) -> str:
    """A measured time: `0.42 s`, `8 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 59.5:
        return f"{seconds:.2f}{NBSP}s" if seconds < 10 else f"{seconds:.0f}{NBSP}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{NBSP}min {whole % 60}{NBSP}s"
    return f"{whole // 3600:,}{NBSP}h {whole % 3600 // 60}{NBSP}min"


def size(bytes_: float | None) -> str:
    """A number of bytes: `2.3 GB`."""
    if bytes_ is None:
        return UNKNOWN
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if bytes_ >= factor:
            return f"{bytes_ / factor:.1f}{NBSP}{unit}"
    return f"{bytes_:.0f}{NBSP}bytes"


def plain(value: object) -> str:
    """A value of any kind as it was stated, numbers with thousands separators and at most six digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}".replace("-", MINUS)
    text = f"{value:,.6g}"
    return (f"{value:.12f}".rstrip("0") if "e-" in text else text).replace("-", MINUS)


def _fixed(value: float, digits: int) -> str:
    """Rounded to `digits` decimals, thousands separated, without a decimal part of zeros."""
    text = f"{_nudged(value):,.{digits}f}"
    if "." in text and not text.split(".")[1].strip("0"):
        text = text.split(".")[0]
    return "0" if text == "-0" else text


def _nudged(value: float) -> float:
    """The value a little farther from nought, so that an exact half goes up."""
    return value * (1 + NUDGE) if abs(value) < LARGE else value


def _sign(value: float, text: str) -> str:
    if not text.strip("0."):
        return ""
    return "+" if value > 0 else MINUS


def _decimals(value: float) -> int:
    """Decimals of the second digit that counts, of a value below one."""
    return 1 - math.floor(math.log10(abs(value)))


def _signed(value: float, decimals: int) -> str:
    return f"{MINUS if value < 0 else ''}{abs(value):.{decimals}f}"


def _money_digits(value: float, digits: int = 3, decimals: int | None = None) -> str:
    """Some significant digits below one, cents up to ten thousand, whole units above; or `decimals` from one on."""
    if value == 0:
        return "0"
    if value < 1:
        power = int(f"{value:.{digits - 1}e}".split("e")[1])  # of the rounded value: 0.09998 is 0.100
        return f"{value:.{digits - 1 - power}f}"
    value = _nudged(value)
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    return f"{value:,.2f}".removesuffix(".00") if value < NO_CENTS else f"{value:,.0f}"
