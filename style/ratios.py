"""Exact values as pairs of whole numbers in lowest terms: compared and hashed far faster than `Fraction`."""

from fractions import Fraction
from math import gcd

__all__ = ["Ratio", "power_of_ten", "ratio", "ratio_of", "times"]

Ratio = tuple[int, int]  # numerator, denominator above zero


def ratio(above: int, below: int = 1) -> Ratio:
    """above / below in lowest terms; `below` is above zero."""
    shared = gcd(above, below)
    return (above, below) if shared == 1 else (above // shared, below // shared)


def ratio_of(value: Fraction | str | float) -> Ratio:
    """A fraction, or what Fraction reads (`0.0254`), as a ratio."""
    return Fraction(value).as_integer_ratio()


def times(one: Ratio, other: Ratio) -> Ratio:
    """The product."""
    if other == (1, 1):
        return one
    return ratio(one[0] * other[0], one[1] * other[1])


def power_of_ten(exponent: int) -> Ratio:
    """10 to the power of `exponent`, which may be negative."""
    return (10**exponent, 1) if exponent >= 0 else (1, 10**-exponent)
