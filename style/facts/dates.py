"""Dates and times as written, and their values."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["DATE", "MONTHS", "TIME", "Date", "Time", "month_number", "read_date", "read_time"]

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
