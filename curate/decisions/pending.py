"""Finds rows of a curated run: those that wait for a person's decision, or those that a filter names."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ConfigError, nearest
from ..run_files import MISPAIRED, pair_lines, read_ledger

REPAIRED = "repaired"
LISTED = "mispaired"
WAITING = ("conflict", "quarantined", REPAIRED, LISTED)
FILTERED = ("kept", "duplicate", "conflict", "invalid", "leaked", "quarantined", "decided", REPAIRED, LISTED)
_COLUMNS = ("row", "id", "outcome", "split", "rule", "evidence", "other_id", "similarity", "fixed")


@dataclass(frozen=True)
class RowFilter:
    """The rows that fit everything that is stated; of several outcomes, or of several rules, one is enough.

    outcomes: those of the ledger, `repaired` for kept rows with a repaired output, and `mispaired` for other kept rows whose
    output fits the request of another row better. rules: names in the ledger, with or
    without `style:` or `quality:` before them; `*` stands for any text. fields: input field or column -> value.
    """

    outcomes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for outcome in self.outcomes:
            if outcome not in FILTERED:
                raise ConfigError(f'unknown outcome "{outcome}"; {nearest(outcome, list(FILTERED))}')

    def __bool__(self) -> bool:
        return bool(self.outcomes or self.rules or self.fields)


def find_rows(
    run: Path, which: RowFilter, *, decided: Collection[str] = (), dropped: Collection[str] = ()
) -> pl.DataFrame:
    """The rows that fit, in their order; without a filter those that wait: conflicts, quarantined, repaired, mispaired rows.

    Columns: `row, id, outcome, split, rule, evidence, other_id, similarity, fixed`; a repaired row has the outcome
    `repaired`, and the rules that changed it. Rows with ids in `decided` wait no longer, nor do those whose
    conflicts they settle: a row that is kept settles those of all that contradict it, one that is `dropped` its own.

    Raises:
        DataError: the run is not curated, or damaged.
        ConfigError: no row of the run has such a rule or field.
    """
    ledger = read_ledger(run)
    # The ledger of an earlier version may lack some.
    ledger = ledger.with_columns(pl.lit(None, pl.String).alias(name) for name in _COLUMNS if name not in ledger.columns)
    repaired = (pl.col("outcome") == "kept") & pl.col("fixed").is_not_null()
    rows = ledger.with_columns(
        outcome=pl.when(repaired)
        .then(pl.lit(REPAIRED))
        .when((pl.col("outcome") == "kept") & (pl.col("rule") == MISPAIRED))
        .then(pl.lit(LISTED))
        .otherwise("outcome"),
        rule=pl.when(repaired).then("fixed").otherwise("rule"),
    ).select(_COLUMNS)
    if not which:
        waiting = rows.filter(pl.col("outcome").is_in(WAITING))
        settled = _settled(waiting.filter(outcome="conflict"), ledger, set(decided), set(dropped))
        return _together(waiting.filter(~pl.col("id").is_in([*decided, *settled])))
    if which.rules:
        rows = rows.filter(pl.col("rule").is_in(_rules(rows["rule"], which.rules)))
    if which.outcomes:
        # A repaired or mispaired row is a kept one as well.
        rows = rows.filter(
            pl.col("outcome").is_in([*which.outcomes, *([REPAIRED, LISTED] if "kept" in which.outcomes else [])])
        )
    return rows.filter(pl.col("row").is_in(_with_fields(run, which.fields))) if which.fields else rows


def _settled(
    conflicts: pl.DataFrame, ledger: pl.DataFrame, decided: Collection[str], dropped: Collection[str]
) -> list[str]:
    """The ids of undecided rows that are in conflict with no row any more.

    A row names one other row, though several may contradict it, also copies of one: a conflict is one of two contents.
    """
    named = pl.concat([conflicts["id"], conflicts["other_id"].drop_nulls(), pl.Series("id", [*decided], pl.String)])
    known = ledger.filter(pl.col("id").is_in(named.implode()))
    content = pl.coalesce("content", "id") if "content" in ledger.columns else "id"
    of = dict(known.select("id", content).rows())
    against: dict[str, set[str]] = defaultdict(set)
    for id, other in conflicts.select("id", "other_id").drop_nulls().rows():
        against[of[id]].add(of.get(other, other))
        against[of.get(other, other)].add(of[id])
    left = {of[id] for id in conflicts["id"] if id not in decided}
    kept = {of.get(id, id) for id in decided if id not in dropped}
    gone = {of.get(id, id) for id in dropped} - left
    over = {one for one, others in against.items() if one in kept or others & kept or others <= gone}
    return [id for id in conflicts["id"] if of[id] in over]


def _together(rows: pl.DataFrame) -> pl.DataFrame:
    """Conflicts first, both sides of one beside each other; then by row."""
    other = rows.select(other_id="id", other="row").drop_nulls().unique("other_id")
    first = pl.min_horizontal("row", "other")
    order = pl.col("outcome").replace_strict({name: n for n, name in enumerate(WAITING)})
    return rows.join(other, on="other_id", how="left").sort(order, first, "row").drop("other")


def _rules(rules: pl.Series, wanted: Collection[str]) -> list[str]:
    """The entries of the column that name one of the wanted rules; a repaired row may name several."""
    entries = rules.drop_nulls().unique().to_list()
    names = {part for entry in entries for part in entry.split(", ")}
    for pattern in wanted:
        if not any(_fits(name, pattern) for name in names):
            raise ConfigError(
                f'no row was stopped or repaired by the rule "{pattern}"; {nearest(pattern, sorted(names))}'
            )
    return [entry for entry in entries if any(_fits(part, w) for part in entry.split(", ") for w in wanted)]


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name.partition(":")[2], pattern)


def _with_fields(run: Path, wanted: Mapping[str, str]) -> list[int]:
    """The numbers of the rows whose fields or columns have these values."""
    found, names = [], set[str]()
    for pair in pair_lines(run):
        values = {"group": pair.get("group"), **(pair.get("meta") or {}), **(pair.get("fields") or {})}
        names |= values.keys()
        if all(_has(values.get(name), value) for name, value in wanted.items()):
            found.append(pair["row"])
    for name in wanted:
        if name not in names:
            raise ConfigError(f'no pair has a field "{name}"; {nearest(name, sorted(names))}')
    return found


def _has(value: Any, wanted: str) -> bool:
    values = value if isinstance(value, list) else [value]
    return wanted in (item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in values)
