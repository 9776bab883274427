"""Rounds numbers to digits, with halves rounded up: the texts of `numbers` without signs and units."""

from decimal import Decimal

__all__ = ["HUGE", "NUDGE", "Real", "fixed", "money_digits", "nudged", "plain", "points_digits", "significant"]

Real = float | Decimal

# A value slightly below a half, which sums of floats produce, counts as a half; beyond LARGE a nudge would change whole
# units. A share within NUDGE of none or all counts as none or all.
NUDGE, LARGE = 1e-12, 1e9
TINY, HUGE = 1e-9, 1e15  # beyond these a number is shown with its power of ten: 1.2e18


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
