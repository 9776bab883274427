"""Numbers as a person says them to another: shares, days, money, variants."""

from decimal import ROUND_HALF_UP, Decimal

__all__ = ["cases", "count", "days", "money_text", "percent", "points", "rounded", "span_of_days", "variant_name"]

DAYS_A_YEAR = 365.25
CENTURY = 100 * DAYS_A_YEAR


def percent(share: float) -> str:
    """0.823 as "82 %"; a share that is neither none nor all never reads 0 % or 100 %.

    >>> percent(0.823), percent(0.0004), percent(0.9996)
    ('82 %', '0.04 %', '99.96 %')
    """
    for digits in (0, 1, 2):
        text = rounded(100 * share, digits)
        if share in (0, 1) or float(text) not in (0, 100):
            break
    return f"{text} %"


def rounded(number: float, digits: int) -> str:
    """The number with so many decimals. Halves go up, as people do it: Python's own rounding says 42 for 42.5."""
    exact = Decimal(str(round(number, 9)))
    return f"{exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):f}"


def points(difference: float) -> str:
    """0.067 as "6.7 points", 0.67 as "67 points"."""
    size = abs(100 * difference)
    text = rounded(size, 0 if size >= 10 or round(size, 1).is_integer() else 1)
    return f"{text} point{'' if text == '1' else 's'}"


def days(number: float) -> str:
    """14.0 as "14 days", 1.49 as "1.5 days", 900 as "2.5 years"; nobody plans beyond a century."""
    if number < 1:
        return "less than a day"
    if number > CENTURY:
        return "more than 100 years"
    text, unit = (f"{number:.0f}", "day") if number >= 3 else (f"{number:.1f}".removesuffix(".0"), "day")
    if number >= 2 * DAYS_A_YEAR:
        years = number / DAYS_A_YEAR
        text, unit = (f"{years:,.0f}" if years >= 10 else f"{years:.1f}".removesuffix(".0")), "year"
    return f"{text} {unit}{'' if text == '1' else 's'}"


def span_of_days(low: float | None, high: float | None) -> str:
    """The two ends in brackets behind a payback: " (9 to 21)"; an end that never comes says so."""
    if low is None or low > CENTURY:
        return ""
    if high is None:
        return f" (from {days(low)} to never)"
    same_unit = low >= 2 * DAYS_A_YEAR or (high < 2 * DAYS_A_YEAR and low >= 1)
    near = days(low).rpartition(" ")[0] if same_unit else days(low)
    far = days(high).rpartition(" ")[0] if same_unit else days(high)
    return "" if near == far else f" ({near} to {far})"


def count(number: float) -> str:
    """190476.2 as "190,476", 1.63 as "1.63"; three digits at least."""
    if abs(number) >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:,.3g}"


def cases(number: float) -> str:
    """1 as "1 case", 200 as "200 cases"."""
    return f"{count(number)} case{'' if number == 1 else 's'}"


def money_text(amount: float, currency: str) -> str:
    """134.287 as "134.29 EUR", 200 as "200 EUR", 0.0119 as "0.0119 EUR", 5014.3 as "5,014 EUR"."""
    size = abs(amount)
    if size >= 1000 or size == int(size):
        return f"{amount:,.0f} {currency}"
    return f"{amount:,.2f} {currency}" if size >= 1 else f"{amount:.3g} {currency}"


def variant_name(name: str) -> str:
    """The tuned model, the prompted model, the untuned model without a guide; any other by its name."""
    known = {
        "tuned": "the tuned model",
        "prompted": "the prompted model",
        "plain": "the plain model without a guide",
    }
    return known.get(name, f'"{name}"')
