"""Numbers as text for people: one form for each kind of quantity, wherever it is shown.

- A share is a whole percentage: `86%`. Within one percent of none or all, it has the first significant digit: `0.4%`,
  `99.97%`, `<0.01%`. Only none is `0%` and only all is `100%`.
- A simulated chance is a share, but `under 1%` or `over 99%` at the ends: no simulation proves an event impossible.
- A difference of shares is in points: whole from 10, with one decimal below: `56 points`, `6.7 points`. Where the
  shares are shown too and would not add up with it, all three get a decimal (`decimals_beside`): 100%, 87.5% and
  -12.5 points, not 88% and -13 points.
- Money is whole from 1,000, has cents from 1, and three significant digits below: `5,014 EUR`, `14.29 EUR`, `200 EUR`,
  `0.00714 EUR`.
- A payback period, or any future time, is in days, whole from 10 and with one decimal below, and in years from two years:
  `27 days`, `1.5 days`, `2.5 years`; None is `never`.
- A measured time is `0.42 s`, `3 min 20 s` or `2 h 5 min`, a size `2.3 GB`.
- A count or a mean is whole from 100 and has three significant digits below: `190,476`, `61.3`, `3 rows`.

Otherwise the form depends only on the number, never on its context, so a larger number never reads as smaller, and a value
never appears to be outside its range. Halves are rounded up, as people expect: 12.5% is 13%.

Terminals and files use `say`, pages `unbroken`: the same words with typographic minus signs and non-breaking spaces.
`reports/scripts/numbers.js` does the same in a browser; a test checks it against this module.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeGuard

Real = float | Decimal

# A value slightly below a half, which sums of floats produce, counts as a half; beyond LARGE a nudge would change whole
# units. A share within NUDGE of none or all counts as none or all.
NUDGE, LARGE = 1e-12, 1e9
TINY, HUGE = 1e-9, 1e15  # beyond these a number is shown with its power of ten: 1.2e18

UNKNOWN = "not measured"
NEVER = "never"
NBSP = "\u00a0"
MINUS = "−"
YEAR = 365.25
CENTURY = 100 * YEAR
SIZES = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


@dataclass(frozen=True)
class Numbers:
    """The forms of this module's table. `gap` separates a number from its unit, `minus` precedes negative numbers."""

    gap: str = " "
    minus: str = "-"

    # --- counts -------------------------------------------------------------------------------------------------

    def count(self, number: Real | None, one: str = "", several: str = "") -> str:
        """A count or a mean, with the noun that is counted; `several` is its plural if that is irregular.

        >>> say.count(190476.2), say.count(1.634), say.count(3, "row"), say.count(1, "entry", "entries")
        ('190,476', '1.63', '3 rows', '1 entry')
        """
        text = self._signed(number, plain(abs(float(number)))) if _known(number) else UNKNOWN
        return f"{text} {_plural(text, one, several)}" if one and _known(number) else text

    def stated(self, value: object) -> str:
        """A value of any kind as it was stated: numbers with thousands separators and at most six digits."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "–" if value is None else str(value)
        if not math.isfinite(value):
            return UNKNOWN
        size = abs(value)
        if isinstance(value, int) or (value == int(value) and size < HUGE):
            return f"{int(value):,}".replace("-", self.minus)
        return self._signed(value, significant(size, 6))

    def stated_share(self, share: float) -> str:
        """A share as a person stated it, to four digits: `7.5%`."""
        return f"{self.stated(roughly(100 * share, 4))}%"

    # --- shares -------------------------------------------------------------------------------------------------

    def percent(self, share: Real | None, decimals: int = 0) -> str:
        """A share of 0..1 as a percentage; `decimals` are those of `decimals_beside`.

        >>> say.percent(0.8625), say.percent(0.0004), say.percent(0.996), say.percent(0.9999999)
        ('86%', '0.04%', '99.6%', '>99.99%')
        """
        if not _known(share):
            return UNKNOWN
        size = abs(float(share))
        sign = self.minus if share < 0 else ""
        away = min(size, abs(1 - size))  # from none or all
        if away <= NUDGE:
            return f"{sign if size > 0.5 else ''}{round(size) * 100}%"
        if away < 1e-4 - NUDGE:
            more = (size < 1) if size > 0.5 else (share < 0)
            return f"{'>' if more else '<'}{sign}{('99.99' if size < 1 else '100.01') if size > 0.5 else '0.01'}%"
        places = 0 if away >= 0.01 - NUDGE else 1 if away >= 0.001 - NUDGE else 2
        return f"{sign}{fixed(100 * size, max(places, decimals))}%"

    def percent_range(self, low: Real | None, high: Real | None) -> str:
        """Two shares as a range: `76 to 93%`."""
        return _between(self.percent(low), self.percent(high), "%")

    def chance(self, share: Real | None) -> str:
        """A simulated chance: never impossible, never certain."""
        return f"{self.of_hundred(share)}%" if _known(share) else UNKNOWN

    def of_hundred(self, share: Real) -> str:
        """A simulated chance as whole hundredths: `86`, `under 1`, `over 99`."""
        if share < 0.005 - NUDGE:
            return "under 1"
        return "over 99" if share >= 0.995 - NUDGE else fixed(100 * float(share), 0)

    def points(self, difference: Real | None, decimals: int = 0) -> str:
        """The size of a difference of two shares, in percentage points; `decimals` are those of `decimals_beside`.

        >>> say.points(0.0667), say.points(-0.5625)
        ('6.7 points', '56 points')
        """
        return self._with_unit(points_digits(difference, decimals), "point") if _known(difference) else UNKNOWN

    def signed_points(self, difference: Real | None, decimals: int = 0) -> str:
        """A difference of two shares with its sign: `+56 points`."""
        if not _known(difference):
            return UNKNOWN
        return self._with_unit(self._signed(difference, points_digits(difference, decimals), plus=True), "point")

    def points_range(self, low: Real | None, high: Real | None) -> str:
        """Two differences as a range: `+47 to +71 points`."""
        first, last = self.signed_points(low), self.signed_points(high)
        if UNKNOWN in (first, last) or first == last:
            return _between(first, last)
        return " to ".join(text.partition(self.gap)[0] for text in (first, last)) + f"{self.gap}points"

    def change(self, before: Real | None, after: Real | None) -> tuple[str, str, str]:
        """Two shares and by how much the second is higher, with enough decimals to add up.

        >>> say.change(1, 0.875), say.change(0.5, 0.86)
        (('100%', '87.5%', '-12.5 points'), ('50%', '86%', '+36 points'))
        """
        decimals = decimals_beside(before, after)
        move = float(after) - float(before) if _known(before) and _known(after) else None
        return self.percent(before, decimals), self.percent(after, decimals), self.signed_points(move, decimals)

    def coefficient(self, value: Real | None) -> str:
        """A coefficient between -1 and 1, such as kappa, with two decimals: `0.60`."""
        if not _known(value):
            return UNKNOWN
        return self._signed(value, f"{nudged(abs(float(value))):.2f}")

    def coefficient_range(self, low: Real | None, high: Real | None) -> str:
        """Two coefficients as a range: `-0.12 to 0.60`."""
        return _between(self.coefficient(low), self.coefficient(high))

    # --- money --------------------------------------------------------------------------------------------------

    def money(self, amount: Real | None, currency: str) -> str:
        """A sum of money.

        >>> say.money(134.287, "EUR"), say.money(200, "EUR"), say.money(0.0119, "EUR"), say.money(-5014.3, "EUR")
        ('134.29 EUR', '200 EUR', '0.0119 EUR', '-5,014 EUR')
        """
        if not _known(amount):
            return UNKNOWN
        return f"{self._signed(amount, money_digits(abs(float(amount))))}{self.gap}{currency}"

    def signed_money(self, amount: Real | None, currency: str) -> str:
        """A sum of money with a plus where it is a gain: `+5,014 EUR`."""
        text = self.money(amount, currency)
        return f"+{text}" if _known(amount) and amount > 0 else text

    def money_range(self, low: Real | None, high: Real | None, currency: str) -> str:
        """Two sums as a range: `13.90 to 56 EUR`."""
        return _between(self.money(low, currency), self.money(high, currency), f"{self.gap}{currency}")

    # --- times --------------------------------------------------------------------------------------------------

    def days(self, number: Real | None) -> str:
        """A time until something happens, in days or years; None is never.

        >>> say.days(26.9), say.days(1.49), say.days(900), say.days(None)
        ('27 days', '1.5 days', '2.5 years', 'never')
        """
        if number is None or not number < math.inf:
            return NEVER
        size = abs(float(number))
        if size > CENTURY:
            return f"more than 100{self.gap}years"
        value, unit = (size / YEAR, "year") if size >= 2 * YEAR else (size, "day")
        if 0 < value < 0.05:
            return f"less than 0.1{self.gap}days"
        text = fixed(value, 0 if value >= 9.95 - 1e-9 else 1)
        return self._with_unit(self._signed(number, text), unit)

    def days_range(self, low: Real | None, high: Real | None) -> str:
        """Two such times as a range: `9 to 25 days`, `9 days to never`."""
        first, last = self.days(low), self.days(high)
        unit = next((unit for unit in ("days", "years") if last.endswith(unit)), "")
        return _between(first, last, f"{self.gap}{unit}", f"{self.gap}{unit[:-1]}")

    def duration(self, seconds: Real | None) -> str:
        """A measured time.

        >>> say.duration(0.417), say.duration(200), say.duration(7_510)
        ('0.42 s', '3 min 20 s', '2 h 5 min')
        """
        if not _known(seconds):
            return UNKNOWN
        size = float(seconds)
        if size < 9.95:
            return f"{significant(size, 2)}{self.gap}s"
        whole = math.floor(size + 0.5)
        if whole < 60:
            return f"{whole}{self.gap}s"
        if whole < 3600:
            return self._two(whole // 60, "min", whole % 60, "s")
        minutes = math.floor(size / 60 + 0.5)
        return self._two(minutes // 60, "h", minutes % 60 if minutes < 6000 else 0, "min")

    # --- sizes --------------------------------------------------------------------------------------------------

    def size(self, number: Real | None) -> str:
        """A number of bytes.

        >>> say.size(2_345_678_901), say.size(150e6), say.size(1)
        ('2.3 GB', '150 MB', '1 byte')
        """
        if not _known(number):
            return UNKNOWN
        for unit, factor in SIZES:
            value = float(number) / factor
            if value >= 0.9995:
                return f"{fixed(value, 1 if value < 99.5 else 0)}{self.gap}{unit}"
        return self.count(math.floor(float(number) + 0.5), "byte")

    # --- parts --------------------------------------------------------------------------------------------------

    def _signed(self, value: Real, text: str, *, plus: bool = False) -> str:
        if not text.strip("0."):
            return text
        return f"{self.minus if value < 0 else '+' if plus else ''}{text}"

    def _with_unit(self, text: str, unit: str) -> str:
        return f"{text}{self.gap}{_plural(text, unit)}"

    def _two(self, large: int, unit: str, small: int, smaller: str) -> str:
        more = f" {small}{self.gap}{smaller}" if small else ""
        return f"{large:,}{self.gap}{unit}{more}"


say = Numbers()
unbroken = Numbers(gap=NBSP, minus=MINUS)


def roughly(number: Real, digits: int = 2) -> float:
    """The number rounded to that many digits; more would suggest false precision."""
    return float(f"{float(number):.{digits - 1}e}")


def decimals_beside(one: Real | None, other: Real | None) -> int:
    """The decimals with which two shares and their difference add up when shown side by side.

    0 if whole numbers do; otherwise 1, with which they do to within one unit of that decimal.

    >>> decimals_beside(1, 0.875), decimals_beside(0.5, 0.86), decimals_beside(0.874, 0.866)
    (1, 0, 1)
    """
    if not _known(one) or not _known(other):
        return 0
    first, last = (float(say.percent(share).strip("<>%").replace(",", "")) for share in (one, other))
    shown = float(points_digits(float(one) - float(other)).replace(",", ""))
    return int(fixed(abs(first - last), 0) != fixed(shown, 0))


def kept_together(text: str, units: Sequence[str] = ("days?", "years?", "points?", "tokens?", "[A-Z]{3}")) -> str:
    """A sentence with a non-breaking space between each number and its unit."""
    return re.sub(rf"(?<=\d) (?=(?:{'|'.join(units)})\b)", NBSP, text)


def _known(value: Real | None) -> TypeGuard[Real]:
    return value is not None and math.isfinite(value)


def _between(first: str, last: str, *units: str) -> str:
    """`first to last` with their common unit given once."""
    if UNKNOWN in (first, last):
        return UNKNOWN
    if first == last:
        return first
    for unit in units:
        if unit.strip() and first.endswith(unit):
            return f"{first[: -len(unit)]} to {last}"
    return f"{first} to {last}"


def _plural(text: str, one: str, several: str = "") -> str:
    return one if text.strip("+-" + MINUS) == "1" else several or f"{one}s"


def plain(size: float) -> str:
    """A count or a mean: whole from 100, three significant digits below."""
    return f"{nudged(size):,.0f}" if 100 <= size < HUGE else significant(size, 3)


def points_digits(difference: Real, decimals: int = 0) -> str:
    """A difference of shares in points, without its sign: whole from 10, one decimal below, or `decimals` if more."""
    size = abs(100 * float(difference))
    return fixed(size, max(decimals, 0 if size >= 9.95 - 1e-9 else 1 if size >= 0.1 - 1e-9 else 2))


def money_digits(size: float) -> str:
    """A sum: whole from 1,000, with cents from 1, three significant digits below."""
    if 0 < size < 0.9995:
        return significant(size, 3, least=2)
    if size >= 999.995:
        return plain(size)
    return f"{nudged(size):.2f}".removesuffix(".00")


def significant(size: float, digits: int, *, least: int = 0) -> str:
    """Rounded to that many significant digits, trailing zeros dropped except for `least` decimals."""
    if size == 0:
        return "0"
    mantissa, exponent = f"{size * (1 + NUDGE):.{digits - 1}e}".split("e")
    if not TINY <= size < HUGE:
        return f"{_trimmed(mantissa)}e{int(exponent)}"
    return _trimmed(f"{nudged(size):,.{max(digits - 1 - int(exponent), 0)}f}", least)


def fixed(size: float, places: int) -> str:
    """Rounded to that many decimals, thousands separated, trailing zeros dropped."""
    return _trimmed(f"{nudged(size):,.{places}f}") if size < HUGE else significant(size, 3)


def _trimmed(text: str, least: int = 0) -> str:
    whole, point, decimals = text.partition(".")
    decimals = decimals[:least] + decimals[least:].rstrip("0")
    return f"{whole}{point}{decimals}" if decimals else whole


def nudged(size: float) -> float:
    """The size nudged away from zero, so that an exact half rounds up."""
    return size * (1 + NUDGE) if size < LARGE else size
