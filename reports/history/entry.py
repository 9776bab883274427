"""One run in a list of runs: what its files say about it, in a few checked facts."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from ...core import DataError, Record
from ...evaluate.results import Good
from ..sections.first_screen import decision_label
from ..sections.money.costs import cost_figure

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
    then. `stage` is the last finished one. `good` is what its shares count. `damage` says why the entry is incomplete.
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
    good: Good = "acceptable"
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


# --- what a list reads of a run's files, which any version may have written ------------------------------------------


class _Input(Record):
    role: str | None = None
    sha256: str | None = None


class _Decided(Record):
    stated: Mapping[str, Any] | None = None


class _Model(Record):
    model: str | None = None
    endpoint: str | None = None


class _Config(Record):
    data: Any = None
    roi: Mapping[str, Any] | None = None
    train: _Model | None = None
    evaluate: Mapping[str, Any] | None = None


class ListedFacts(Record):
    """What a list reads of run.json."""

    created: str | None = None
    inputs: Sequence[_Input] | None = None
    config: _Config | None = None
    decided: _Decided | None = None
    test_set: str | None = None
    test_set_used: int | None = None


class _Splits(Record):
    train: int | None = None


class ListedCuration(Record):
    """What a list reads of curate/summary.json."""

    splits: _Splits | None = None


class _Level(Record):
    level: str | None = None


class _Verdict(Record):
    decision: str | None = None
    sentence: str | None = None
    confidence: _Level | None = None


class _Range(Record):
    value: float | None = None
    share: float | None = None
    low: float | None = None
    high: float | None = None


class _Quality(Record):
    acceptable: _Range | None = None


class _Comparison(Record):
    candidate: str | None = None
    baseline: str | None = None
    difference: _Range | None = None


class _Cost(Record):
    machine_cost_per_day: float | None = None
    cost_with_machines: float | None = None
    cost_per_request: float | None = None
    cost_per_acceptable_output: float | None = None
    effective_cost_per_request: float | None = None


class _Money(Record):
    currency: str | None = None
    failures: str | None = None
    requests_per_day: float | None = None
    saving_per_request: float | None = None
    payback_days: float | None = None
    payback_days_p5: float | None = None
    payback_days_p95: float | None = None
    variants: Mapping[str, _Cost] | None = None


class ListedResults(Record):
    """What a list reads of results.json."""

    schema: str | None = None
    verdict: _Verdict | None = None
    good: Good = "acceptable"
    quality: Mapping[str, _Quality | None] | None = None
    comparison: _Comparison | None = None
    money: _Money | None = None
    variants: Mapping[str, _Model] | None = None


# --- from them to the entry ---------------------------------------------------------------------------------------


def with_facts(entry: RunEntry, facts: ListedFacts) -> RunEntry:
    """The entry with what run.json says. Raises: DataError if its time is none."""
    inputs, config = facts.inputs or (), None if facts.config == _Config() else facts.config
    return replace(
        entry,
        created=_time(facts.created),
        data=_files(inputs, "pairs"),
        style=_files(inputs, "style"),
        prices="" if config is None else _prices(facts, config),
        model="" if config is None else _models(config),
        model_name=(config and config.train and config.train.model) or "",
        test_set=facts.test_set or "",
        uses=facts.test_set_used,
    )


def _time(created: str | None) -> str:
    if created is None:
        return ""
    try:
        moment = datetime.fromisoformat(created)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DataError(f"run.json: created is not a time: {created!r:.60}") from None
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise DataError(f"run.json: created is not a time: {created!r:.60}")
    return moment.isoformat(timespec="seconds")


def _files(inputs: Sequence[_Input], role: str) -> str:
    """The SHA-256 of the file with this role; of several, the SHA-256 of theirs."""
    found = sorted(file.sha256 or "" for file in inputs if file.role == role)
    return found[0] if len(found) == 1 else _digest(found) if found else ""


def _prices(facts: ListedFacts, config: _Config) -> str:
    """The fingerprint of `[roi]` as the last verdict used it, by dotted key."""
    if facts.decided is not None and facts.decided.stated is not None:
        return _digest(sorted((key, value) for key, value in facts.decided.stated.items() if key.startswith("roi.")))
    return _digest(sorted(_flat(config.roi or {}, "roi.")))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _models(config: _Config) -> str:
    asked = [
        (name, table.get("model"), table.get("endpoint"))
        for name, table in (config.evaluate or {}).items()
        if isinstance(table, Mapping) and ("model" in table or "endpoint" in table)
    ]
    return _digest([config.train and config.train.model, sorted(asked, key=str)])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def with_curation(entry: RunEntry, summary: ListedCuration) -> RunEntry:
    """The entry with what curate/summary.json says."""
    return replace(entry, train_pairs=None if summary.splits is None else summary.splits.train)


def with_results(entry: RunEntry, results: ListedResults) -> RunEntry:
    """The entry with what results.json says. Raises: DataError for another schema, or a number that is not finite."""
    if results.schema != SCHEMA:
        raise DataError(f"results.json: expected the schema {SCHEMA}, found {results.schema!r:.60}")
    quality, money, variants = results.quality or {}, results.money, results.variants or {}
    comparison, verdict = results.comparison or _Comparison(), results.verdict or _Verdict()
    difference = comparison.difference or _Range()
    candidate = comparison.candidate or (list(quality)[-1] if quality else "")
    model = variants[candidate].model if candidate in variants else None
    entry = replace(
        entry,
        decision=verdict.decision or "",
        good=results.good,
        sentence=verdict.sentence or "",
        confidence=(verdict.confidence and verdict.confidence.level) or "",
        label="" if results.verdict is None else _label(verdict),
        baseline=_side(comparison.baseline, quality, money),
        candidate=_side(candidate, quality, money),
        difference=difference.value,
        difference_low=difference.low,
        difference_high=difference.high,
        model_name=model or entry.model_name,
    )
    entry = entry if money is None else _with_money(entry, money)
    for part, where in ((entry, ""), (entry.baseline, "baseline."), (entry.candidate, "candidate.")):
        for field in () if part is None else fields(part):
            value = getattr(part, field.name)
            if isinstance(value, float) and not abs(value) < _LARGEST:
                raise DataError(f"results.json: {where}{field.name} is not a finite number")
    return entry


def _label(verdict: _Verdict) -> str:
    return decision_label(verdict.decision, verdict.sentence or "")[0]


def _side(name: str | None, quality: Mapping[str, _Quality | None], money: _Money | None) -> RunSide | None:
    if not name:
        return None
    scored = quality.get(name)
    found = (scored and scored.acceptable) or _Range()
    costs = (money and money.variants) or {}
    cost = costs.get(name) or _Cost()
    shared = cost.cost_with_machines if cost.machine_cost_per_day else None
    counted = cost_figure(money and money.failures)[1]
    return RunSide(name, found.share, found.low, found.high, getattr(cost, counted) if shared is None else shared)


def _with_money(entry: RunEntry, money: _Money) -> RunEntry:
    if len(money.currency or "") > _CODE:
        raise DataError(f"results.json: money.currency is not the code of a currency: {money.currency!r:.60}")
    known = money.requests_per_day is not None and money.saving_per_request is not None
    return replace(
        entry,
        payback_days=money.payback_days,
        payback_low=money.payback_days_p5,
        payback_high=money.payback_days_p95,
        pays_back=money.payback_days is not None if known else None,
        currency=money.currency or "",
        cost_of=cost_figure(money.failures, entry.good)[0],
    )
