"""The date of each pair, for a split by time."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

import numpy as np

from ...core import ConfigError, DataError

UNDATED = np.iinfo(np.int64).min  # before every date: an undated row never counts as new
_MICROSECOND = 1_000_000
# 1e11 seconds is the year 5138, 1e11 milliseconds is 1973: a number above it counts milliseconds.
_MILLISECONDS_FROM = 10**11
_NUMBER = re.compile(r"-?\d{5,16}(?:\.\d+)?")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{1,2}))?")
_PARTS = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:[ T,]+(.*))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = (
    int((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) * _MICROSECOND for year in (1, 9999)
)


def pair_dates(values: Sequence[str | None], name: str) -> tuple[np.ndarray, list[str]]:
    """Microseconds since 1970 for each pair's value of the column or field `name`, or `UNDATED`; and notes.

    Understands ISO 8601 (without a zone: UTC), `2024-05`, `2024`, `31.12.2024`, `2024/12/31`, `12/31/2024` or
    `31/12/2024` if the column shows which, dates of e-mails, and seconds or milliseconds since 1970.

    Raises:
        ConfigError: `01/02/2024` could be two dates. DataError: none of its values is a date.
    """
    day_first = _day_first(values, name)
    moments = np.array([UNDATED if value is None else _moment(value, day_first) for value in values], np.int64)
    unread = [value for value, moment in zip(values, moments.tolist(), strict=True) if moment == UNDATED and value]
    if len(unread) and not (moments != UNDATED).any():
        raise DataError(f'[data] date: "{unread[0][:40]}" in "{name}" is not a date; write dates as 2024-12-31')
    missing = int((moments == UNDATED).sum())
    if not missing:
        return moments, []
    example = f', for example "{unread[0][:40]}"' if unread else ""
    which, count = ("pair has", "it counts") if missing == 1 else ("pairs have", "they count")
    return moments, [f'{missing:,} {which} no readable date in "{name}"{example}; {count} as the oldest.']


@lru_cache(maxsize=100_000)
def _moment(value: str, day_first: bool) -> int:
    text = value.strip()
    for read in (_iso, _number, _partial, lambda t: _parts(t, day_first), _mail):
        found = read(text)
        if found is not None:
            return _microseconds(found)
    return UNDATED


def _microseconds(moment: datetime) -> int:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    found = round((aware - _EPOCH).total_seconds() * _MICROSECOND)
    # A zone can move a date beyond the years of UTC dates.
    return min(max(found, _EARLIEST), _LATEST)


def _iso(text: str) -> datetime | None:
    if not re.match(r"\d{4}-?\d\d", text) or (text.isdecimal() and len(text) != 8):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> datetime | None:
    if not _NUMBER.fullmatch(text) or len(text) == 8:
        return None
    number = float(text)
    seconds = number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _partial(text: str) -> datetime | None:
    match = _PARTIAL.fullmatch(text)
    return None if match is None else _date(int(match[1]), int(match[2] or 1), 1)


def _parts(text: str, day_first: bool) -> datetime | None:
    match = _PARTS.fullmatch(text)
    if match is None:
        return None
    a, mark, b, c, rest = match.groups()
    if len(a) == 4:
        day = _date(int(a), int(b), int(c))
    elif len(c) == 4:
        day_first = day_first or mark == "."
        day = _date(int(c), *((int(b), int(a)) if day_first else (int(a), int(b))))
    else:
        return None
    if day is None or not rest:
        return day
    try:
        return datetime.fromisoformat(f"{day:%Y-%m-%d} {rest}")
    except ValueError:
        return None


def _mail(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if re.search("[A-Za-z]{3}", text) else None
    except (ValueError, TypeError, IndexError):
        return None


def _date(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime.combine(date(year, month, day), datetime.min.time())
    except ValueError:
        return None


def _day_first(values: Sequence[str | None], name: str) -> bool:
    """Whether `a/b/2024` means day a of month b, as some value of the column must show."""
    found = [m for value in values if value and (m := re.match(r"\s*(\d{1,2})[/-](\d{1,2})[/-]\d{4}", value))]
    if not found:
        return False
    first, second = any(int(m[1]) > 12 for m in found), any(int(m[2]) > 12 for m in found)
    if first == second:
        raise ConfigError(f'[data] date: "{found[0][0].strip()}" in "{name}" is ambiguous; write dates as 2024-12-31')
    return first
