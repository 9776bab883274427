"""One run in a list of runs: what its files say about it, in a few checked facts."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ...core import DataError
from ..sections.first_screen import decision_label
from ..sections.money.costs import cost_figure

__all__ = ["CHANGES", "STAGES", "RunEntry", "RunSide", "by_time", "entry_of", "with_changes"]

SCHEMA = "tuneworth/results/1"
STAGES = ("started", "curated", "trained", "evaluated")
# What can differ from the run before: the entry's fingerprint of it, and its name for people.
CHANGES = {"data": "data", "style": "style", "prices": "prices or volume", "model": "model"}
_YEARS = (1971, 9000)  # times outside cannot be converted to every time zone
_CODE = 8  # letters of a currency
_LARGEST = 1e300  # of a number; larger ones overflow when they are shown or drawn


@dataclass(frozen=True)
class RunSide:
    """One side of a comparison: its acceptable share with the ends of its range, and the cost of one output."""

    name: str
    acceptable: float | None = None
    low: float | None = None
    high: float | None = None
    cost: float | None = None


@dataclass(frozen=True)
class RunEntry:
    """One run of a list.

    `data`, `style`, `prices` and `model` are fingerprints, empty if unknown: of one file its SHA-256, else of all files
    or settings of that kind. `changed` names those that differ from the run before. `pays_back` is None if no payback
    was computed, and False if the investment never pays back. `uses` counts the runs that had used the same test set by
    then. `stage` is the last finished one. `damage` says why the entry is incomplete.
    """

    name: str
    created: str = ""  # ISO, in UTC
    stage: str = STAGES[0]
    decision: str = ""
    label: str = ""
    confidence: str = ""
    sentence: str = ""
    baseline: RunSide | None = None
    candidate: RunSide | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    currency: str = ""
    cost_of: str = ""
    pays_back: bool | None = None
    payback_days: float | None = None
    payback_low: float | None = None
    payback_high: float | None = None
    test_set: str = ""
    uses: int | None = None
    train_pairs: int | None = None
    model_name: str = ""
    data: str = ""
    style: str = ""
    prices: str = ""
    model: str = ""
    changed: tuple[str, ...] = ()
    disk_bytes: int = 0
    damage: str = ""
    report: bool = False
    link: str = ""  # where a linked run folder is

    @property
    def tone(self) -> str:
        """The tone of its decision, as the report has it."""
        return decision_label(self.decision)[1]

    @property
    def time(self) -> datetime | None:
        """When it was created, in UTC; None if it does not say."""
        return datetime.fromisoformat(self.created) if self.created else None


def entry_of(name: str, facts: Any, results: Any | None, summary: Any | None) -> tuple[dict[str, Any], str]:
    """The fields of an entry that are in `run.json`, `results.json` and `curate/summary.json`, and what is wrong in them.

    The last two are None where there is no such file.
    """
    fields: dict[str, Any] = {"name": name}
    try:
        fields |= _of_facts(_mapping(facts, "run.json"))
        if summary is not None:
            fields |= _of_summary(_mapping(summary, "curate/summary.json"))
        if results is not None:
            fields |= _of_results(_mapping(results, "results.json"))
    except DataError as error:
        return fields, str(error)
    return fields, ""


def by_time(entry: RunEntry) -> tuple[str, str]:
    """The key that sorts runs by time: as they say, or as their name says where they do not; unknown times first."""
    if entry.created:
        return entry.created, entry.name
    try:
        named = datetime.strptime(entry.name[:15], "%Y%m%d-%H%M%S").astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return "", entry.name
    return named.isoformat(timespec="seconds"), entry.name


def with_changes(entries: Iterable[RunEntry]) -> Iterator[RunEntry]:
    """Each run, the oldest first, with what differs from the last one before it of which that is known."""
    last = dict.fromkeys(CHANGES, "")
    for entry in entries:
        now = {kind: getattr(entry, kind) for kind in CHANGES}
        yield replace(entry, changed=tuple(kind for kind in CHANGES if now[kind] and last[kind] not in ("", now[kind])))
        last |= {kind: value for kind, value in now.items() if value}


# --- run.json -----------------------------------------------------------------------------------------------------


def _of_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    config = _mapping(facts.get("config") or {}, "run.json: config")
    inputs = facts.get("inputs") or []
    if not isinstance(inputs, list) or not all(isinstance(entry, Mapping) for entry in inputs):
        raise DataError("run.json: inputs is not a list of files")
    train = _mapping(config.get("train") or {}, "run.json: config.train")
    return {
        "created": _time(facts.get("created")),
        "data": _files(inputs, "pairs"),
        "style": _files(inputs, "style"),
        "prices": _prices(facts, config) if config else "",
        "model": _models(config, train) if config else "",
        "model_name": _text(train.get("model"), "run.json: config.train.model"),
        "test_set": _text(facts.get("test_set"), "run.json: test_set"),
        "uses": _count(facts.get("test_set_used"), "run.json: test_set_used"),
    }


def _time(created: Any) -> str:
    if created is None:
        return ""
    try:
        moment = datetime.fromisoformat(created)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"run.json: created is not a time: {created!r:.60}") from None
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise DataError(f"run.json: created is not a time: {created!r:.60}")
    return moment.isoformat(timespec="seconds")


def _files(inputs: list[Mapping[str, Any]], role: str) -> str:
    """The SHA-256 of the file with this role; of several, the SHA-256 of theirs."""
    found = sorted(str(entry.get("sha256") or "") for entry in inputs if entry.get("role") == role)
    return found[0] if len(found) == 1 else _digest(found) if found else ""


def _prices(facts: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The fingerprint of `[roi]` as the last verdict used it, by dotted key."""
    stated = (facts.get("decided") or {}).get("stated") if isinstance(facts.get("decided"), Mapping) else None
    if isinstance(stated, Mapping):
        return _digest(sorted((key, value) for key, value in stated.items() if key.startswith("roi.")))
    return _digest(sorted(_flat(config.get("roi") or {}, "roi.")))


def _flat(table: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in _mapping(table, "run.json: config.roi").items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _models(config: Mapping[str, Any], train: Mapping[str, Any]) -> str:
    variants = _mapping(config.get("evaluate") or {}, "run.json: config.evaluate").items()
    asked = [
        (name, table.get("model"), table.get("endpoint"))
        for name, table in variants
        if isinstance(table, Mapping) and ("model" in table or "endpoint" in table)
    ]
    return _digest([train.get("model"), sorted(asked, key=str)])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# --- the other files ----------------------------------------------------------------------------------------------


def _of_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    splits = _mapping(summary.get("splits") or {}, "curate/summary.json: splits")
    return {"train_pairs": _count(splits.get("train"), "curate/summary.json: splits.train")}


def _of_results(results: Mapping[str, Any]) -> dict[str, Any]:
    if results.get("schema") != SCHEMA:
        raise DataError(f"results.json: expected the schema {SCHEMA}, found {results.get('schema')!r:.60}")
    quality = _mapping(results.get("quality") or {}, "results.json: quality")
    comparison = _mapping(results.get("comparison") or {}, "results.json: comparison")
    money = _mapping(results.get("money") or {}, "results.json: money")
    names = list(quality)
    candidate = comparison.get("candidate") or (names[-1] if names else "")
    fields = {
        **_verdict(_mapping(results.get("verdict") or {}, "results.json: verdict")),
        **_money(money),
        "baseline": _side(comparison.get("baseline"), quality, money),
        "candidate": _side(candidate, quality, money),
    }
    difference = _mapping(comparison.get("difference") or {}, "results.json: comparison.difference")
    for key, part in (("difference", "value"), ("difference_low", "low"), ("difference_high", "high")):
        fields[key] = _number(difference.get(part), f"results.json: comparison.difference.{part}")
    variants = _mapping(results.get("variants") or {}, "results.json: variants")
    model = _mapping(variants.get(str(candidate)) or {}, "results.json: variants").get("model")
    return fields | ({"model_name": _text(model, "results.json: variants")} if model else {})


def _verdict(verdict: Mapping[str, Any]) -> dict[str, Any]:
    if not verdict:
        return {}
    confidence = _mapping(verdict.get("confidence") or {}, "results.json: verdict.confidence")
    texts = {key: _text(verdict.get(key), f"results.json: verdict.{key}") for key in ("decision", "sentence")}
    level = _text(confidence.get("level"), "results.json: verdict.confidence.level")
    return {
        **texts,
        "confidence": level,
        "label": decision_label(verdict.get("decision"), str(verdict.get("sentence")))[0],
    }


def _side(name: Any, quality: Mapping[str, Any], money: Mapping[str, Any]) -> RunSide | None:
    if not _text(name, "results.json: the name of a variant"):
        return None
    where = f"results.json: quality.{name}"
    scored = _mapping(quality.get(name) or {}, where)
    found = _mapping(scored.get("acceptable") or {}, f"{where}.acceptable")
    ends = [_number(found.get(key), f"{where}.acceptable.{key}") for key in ("share", "low", "high")]
    costs = _mapping(
        _mapping(money.get("variants") or {}, "results.json: money.variants").get(name) or {}, "results.json"
    )
    machines, shared = costs.get("machine_cost_per_day"), costs.get("cost_with_machines")
    key = "cost_with_machines" if machines and shared is not None else cost_figure(money.get("failures"))[1]
    return RunSide(name, *ends, cost=_number(costs.get(key), f"results.json: money.variants.{name}.{key}"))


def _money(money: Mapping[str, Any]) -> dict[str, Any]:
    if not money:
        return {}
    keys = {"payback_days": "payback_days", "payback_low": "payback_days_p5", "payback_high": "payback_days_p95"}
    days = {field: _number(money.get(key), f"results.json: money.{key}") for field, key in keys.items()}
    known = money.get("requests_per_day") is not None and money.get("saving_per_request") is not None
    return {
        **days,
        "pays_back": days["payback_days"] is not None if known else None,
        "currency": _currency(money.get("currency")),
        "cost_of": cost_figure(money.get("failures"))[0],
    }


def _currency(value: Any) -> str:
    text = _text(value, "results.json: money.currency")
    if len(text) > _CODE:
        raise DataError(f"results.json: money.currency is not the code of a currency: {text!r:.60}")
    return text


# --- kinds of values ----------------------------------------------------------------------------------------------


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DataError(f"{where} is not an object")
    return value


def _text(value: Any, where: str) -> str:
    if value is not None and not isinstance(value, str):
        raise DataError(f"{where} is not a text")
    return value or ""


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST or math.isnan(value):
        raise DataError(f"{where} is not a finite number")
    return float(value)


def _count(value: Any, where: str) -> int | None:
    number = _number(value, where)
    return None if number is None else int(number)
