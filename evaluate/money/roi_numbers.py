"""Numbers of `[roi]`: plain or as a range `[low, likely, high]`, with what is wrong with them in words."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from ...core import ConfigError
from ...core import shown_value as shown

__all__ = [
    "CENTURY",
    "ONE",
    "ZERO",
    "Number",
    "Triangular",
    "as_day",
    "as_number",
    "high_end",
    "is_day",
    "lacking",
    "low_end",
    "misfits",
    "refuse",
    "said",
    "with_ranges",
]


class Triangular(NamedTuple):
    """A number that is not known exactly: its low end, most likely value and high end."""

    low: Decimal
    likely: Decimal
    high: Decimal


Number = Decimal | Triangular
ZERO = Decimal(0)
ONE = Decimal(1)
LARGEST = Decimal("1e21")  # more is a slip of the keyboard, and its square would leave the range of floats' digits
# Shares may not pass 1; everything else may be any number from 0 up.
SHARES = ("cached_share", "acceptance")
CENTURY = 36_525  # days; the horizon is counted month by month, and nobody plans beyond
POSITIVE = ("horizon_days", "requests_per_second", "peak_factor")


def with_ranges(table: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """The table with each list of three numbers as a range."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found[key] = with_ranges(value, f"{where}.{key}", problems)
        elif isinstance(value, list | tuple):
            if len(value) != 3 or any(isinstance(v, bool) or not isinstance(v, int | float | Decimal) for v in value):
                found_list = f"[{', '.join(map(shown, value))}]"
                problems.append(f"{where}.{key}: expected three numbers [low, likely, high], found {found_list}")
            elif not all(Decimal(str(v)).is_finite() for v in value):
                problems.append(f"{where}.{key}: expected finite numbers, found {said(Triangular(*value))}")
            elif not value[0] <= value[1] <= value[2]:
                problems.append(f"{where}.{key}: expected low <= likely <= high, found {said(Triangular(*value))}")
            else:
                found[key] = Triangular(*(Decimal(str(v)) for v in value))
        else:
            found[key] = value
    return found


def misfits(settings: Any) -> list[str]:
    """One problem per number of a settings dataclass that is not finite, negative, or outside what its key allows."""
    problems = []
    for part in fields(settings):
        value = getattr(settings, part.name)
        if isinstance(value, bool) or not isinstance(value, Decimal | Triangular):
            continue
        if not all(number.is_finite() for number in (value if isinstance(value, Triangular) else (value,))):
            problems.append(f"{part.name}: expected a finite number, found {said(value)}")
        elif high_end(value) > LARGEST:
            problems.append(f"{part.name}: expected no more than {LARGEST}, found {said(value)}")
        elif low_end(value) < 0:
            problems.append(f"{part.name}: expected 0 or more, found {said(value)}")
        elif part.name == "horizon_days" and high_end(value) > CENTURY:
            problems.append(f"{part.name}: expected no more than {CENTURY:,} days, a century, found {said(value)}")
        elif part.name in SHARES and high_end(value) > 1:
            problems.append(f"{part.name}: expected a share from 0 to 1, found {said(value)}")
        elif part.name in POSITIVE and low_end(value) == 0:
            problems.append(f"{part.name}: expected more than 0, found {said(value)}")
    return problems


def lacking(settings: Any, key: str, *others: str) -> list[str]:
    """What a key above 0 needs beside it and does not have."""
    if high_end(getattr(settings, key)) == 0:
        return []
    return [f"{key} needs {other}" for other in others if getattr(settings, other) is None]


def refuse(problems: list[str]) -> None:
    """Raise a ConfigError that names all the problems, if there are any."""
    if problems:
        raise ConfigError("; ".join(problems))


def as_day(value: date | str | None) -> date | None:
    """A date as TOML gives it, or from its text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def is_day(value: Any) -> bool:
    """Whether a value is a date or the text of one."""
    try:
        return isinstance(as_day(value), date)
    except (ValueError, TypeError):
        return False


def as_number(value: Any) -> Number:
    """A range as it is, anything else as a Decimal."""
    return value if isinstance(value, Triangular) else Decimal(str(value))


def low_end(value: Number) -> Decimal:
    """The low end of a range, or the number itself."""
    return value.low if isinstance(value, Triangular) else value


def high_end(value: Number) -> Decimal:
    """The high end of a range, or the number itself."""
    return value.high if isinstance(value, Triangular) else value


def said(value: Any) -> str:
    """A number or a range as it stands in a message."""
    return f"[{value.low}, {value.likely}, {value.high}]" if isinstance(value, Triangular) else str(value)
