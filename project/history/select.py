"""Filters and sorts a list of runs."""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ...core import ConfigError, nearest
from ...reports import RunEntry, local_time

Fits = Callable[[RunEntry], bool]
Order = Callable[[Iterable[RunEntry]], list[RunEntry]]
_NEVER = float("inf")
_LEVELS = ["low", "fair", "high"]


@dataclass(frozen=True)
class _Key:
    """A key of a run: `kind` is text, hash (matched by prefix), words, number or time."""

    kind: str
    of: Callable[[RunEntry], Any]


def _payback(entry: RunEntry) -> float | None:
    return entry.payback_days if entry.pays_back else None if entry.pays_back is None else _NEVER


def _level(entry: RunEntry) -> int | None:
    return _LEVELS.index(entry.confidence) if entry.confidence in _LEVELS else None


KEYS = {
    "run": _Key("text", lambda entry: entry.name),
    "when": _Key("time", local_time),
    "stage": _Key("text", lambda entry: "damaged" if entry.damage else entry.stage),
    "verdict": _Key("text", lambda entry: entry.decision or "none"),
    "confidence": _Key("text", lambda entry: entry.confidence),
    "data": _Key("hash", lambda entry: entry.data),
    "style": _Key("hash", lambda entry: entry.style),
    "model": _Key("text", lambda entry: entry.model_name),
    "changed": _Key("words", lambda entry: entry.changed),
    "baseline": _Key("number", lambda entry: entry.baseline and entry.baseline.acceptable),
    "candidate": _Key("number", lambda entry: entry.candidate and entry.candidate.acceptable),
    "difference": _Key("number", lambda entry: entry.difference),
    "cost": _Key("number", lambda entry: entry.candidate and entry.candidate.cost),
    "payback": _Key("number", _payback),
    "uses": _Key("number", lambda entry: entry.uses),
    "disk": _Key("number", lambda entry: entry.disk_bytes),
}
_CONDITION = re.compile(r"\s*([\w-]+)\s*(!=|>=|<=|==|=|>|<)(.*)", re.DOTALL)
_COMPARE = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne,
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_UNITS = {"": 1, "%": 0.01, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "day": 1, "days": 1}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(%|[kmgt]b|days?)?", re.IGNORECASE)


def parse_filter(text: str) -> Fits:
    """A test of a condition such as `verdict=fine-tune`, `data=1c89`, `candidate>=80%` or `when>=2026-11`.

    Texts are compared without regard to case, and `*` matches any text. A run whose value is unknown never matches.

    Raises: ConfigError if the condition is wrong.
    """
    parts = _CONDITION.fullmatch(text)
    if parts is None:
        raise ConfigError(f'--filter: expected KEY=VALUE or a comparison such as "candidate>=0.8", found "{text}"')
    name, sign, wanted = parts[1], parts[2], parts[3].strip()
    key = _key(name, "--filter")
    if key.kind == "number":
        return _by_number(key, _COMPARE[sign], _amount(name, wanted))
    if key.kind == "time":
        return _by_time(key, _COMPARE[sign], wanted)
    if sign not in ("=", "==", "!="):
        raise ConfigError(f"--filter: {name} is a text, which can be compared with = and !=, not {sign}")
    return _by_text(key, wanted.casefold(), negated=sign == "!=")


def parse_sort(text: str | None) -> Order:
    """The order of a list: ascending by a key, or descending with `-` in front; unknown values last.

    Raises: ConfigError if there is no such key.
    """
    if text is None:
        return list
    key, descending = _key(text.removeprefix("-"), "--sort"), text.startswith("-")
    value = _level if text.removeprefix("-") == "confidence" else key.of

    def order(entries: Iterable[RunEntry]) -> list[RunEntry]:
        listed = list(entries)
        known = [entry for entry in listed if value(entry) not in (None, "")]
        rest = [entry for entry in listed if value(entry) in (None, "")]
        return sorted(known, key=value, reverse=descending) + rest

    return order


def _key(name: str, option: str) -> _Key:
    if name not in KEYS:
        raise ConfigError(f'{option}: no key "{name}"; {nearest(name, list(KEYS))}')
    return KEYS[name]


def _amount(name: str, wanted: str) -> float:
    if wanted.lower() == "never" and name == "payback":
        return _NEVER
    found = _NUMBER.fullmatch(wanted)
    if found is None:
        raise ConfigError(f'--filter: {name} is a number, such as {name}>=0.8; found "{wanted}"')
    return float(found[1]) * _UNITS[(found[2] or "").lower()]


def _by_number(key: _Key, compare: Callable[[float, float], bool], amount: float) -> Fits:
    def fits(entry: RunEntry) -> bool:
        value = key.of(entry)
        return value is not None and compare(value, amount)

    return fits


def _by_time(key: _Key, compare: Callable[[str, str], bool], wanted: str) -> Fits:
    """A comparison as precise as the condition: `when<=2026-11-28` includes the whole day."""

    def fits(entry: RunEntry) -> bool:
        value = key.of(entry)
        return bool(value) and compare(value[: len(wanted)], wanted)

    return fits


def _by_text(key: _Key, wanted: str, *, negated: bool) -> Fits:
    def fits(entry: RunEntry) -> bool:
        value = key.of(entry)
        values = [text.casefold() for text in (value if key.kind == "words" else [value])]
        if key.kind == "hash":
            found = bool(wanted) and values[0].startswith(wanted)
        else:
            found = any(_matches(text, wanted) for text in values)
        return found is not negated

    return fits


def _matches(text: str, wanted: str) -> bool:
    """Whether the text matches a pattern in which only `*` is special."""
    return fnmatchcase(text, re.sub(r"([?\[])", r"[\1]", wanted))
