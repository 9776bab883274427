"""Curates pairs: all steps in their order, from pairs as read to splits, ledger and summary."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from ..core import FIRST_ROWS, Clock, Say, as_json, notebook_page, say, silent, to_pandas
from ..style import StyleSchema
from .check_parts import CorpusOf, check, corpus_in_memory
from .decisions import Override
from .each import Each, in_turn
from .part import CountTokens, CurateRequest, PairTexts
from .read import PAIR_SCHEMA, RawPairs, ReadParts, read_frame
from .records import Curation
from .settings import CurateSettings, DataSettings
from .split import SPLITS, PinnedSplits
from .steps import certify, list_mispaired, relate, relate_by_meaning, settle, split
from .summary import build_ledger, summarise, threshold_table

PAIR = ("id", "input", "output", "split")  # what a result shows of a kept pair


@dataclass(frozen=True, repr=False)
class Curated:
    """The result of curating.

    kept: the kept pairs, columns `row` (record number), `id, input, fields` (JSON text or null)`, output, system,
    group, component` (shared by the rows that a row is tied to, null without)`, split, reference_ok` (whether the output keeps
    every `must` rule)`, meta` (JSON text or null)`, written` (the output as it was read, null where neither a repair nor a
    person changed it).
    dropped: the other pairs, the same columns with `outcome` and `rule`; records that are not pairs have no texts.
    ledger: one row per row read, columns `row, id, outcome, split` (null unless kept)`, rule, evidence, other_id,
    similarity, content` (hash of the normalised pair)`, placed` (the split, also of a row that a rule dropped from it)`,
    fixed` (the rules of a repaired output), and `file` where several were read.
    curation: counts, certificate, warnings; `summary` has them as `curate/summary.json` does.
    """

    kept: pl.DataFrame
    dropped: pl.DataFrame
    ledger: pl.DataFrame
    curation: Curation

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Counts, certificate and warnings as JSON."""
        return as_json(self.curation)

    @property
    def set_aside(self) -> pl.DataFrame:
        """`dropped`, under the name of its file."""
        return self.dropped

    @cached_property
    def splits(self) -> dict[str, pl.DataFrame]:
        """The kept pairs of train, validation and test."""
        return {name: self.kept.filter(pl.col("split") == name) for name in SPLITS}

    def __repr__(self) -> str:
        return f"{self._counts()}\n{self.kept.select(PAIR).head(FIRST_ROWS)}"

    def _repr_html_(self) -> str:
        return curated_html(self.summary, self.kept)

    def _counts(self) -> str:
        outcomes = ", ".join(f"{say.count(n)} {name}" for name, n in self.summary["outcomes"].items() if n)
        splits = ", ".join(f"{say.count(n)} {name}" for name, n in self.summary["splits"].items())
        return f"{say.count(self.summary['rows_read'], 'row')} read: {outcomes}\nsplits: {splits}"

    def to_pandas(self) -> dict[str, Any]:
        """The tables as pandas DataFrames: kept, dropped, ledger, and each split by its name.

        Raises: ModelError if pandas is not installed.
        """
        tables = {"kept": self.kept, "dropped": self.dropped, "ledger": self.ledger, **self.splits}
        return {name: to_pandas(table) for name, table in tables.items()}


def curate(
    raw: Any,
    style: StyleSchema | None = None,
    *,
    settings: CurateSettings | None = None,
    identifiers: Collection[str] = (),
    date: str | None = None,
    overrides: Sequence[Override] = (),
    pinned: PinnedSplits | None = None,
    with_threshold_table: bool = False,
    count_tokens: CountTokens | None = None,
    seed: int = 0,
    report: Say = silent,
    **columns: Any,
) -> Curated:
    """Clean pairs, leak-proof splits, and a ledger with the outcome of every row.

    `raw` is the result of `read_pairs`, or a polars or pandas DataFrame, a `datasets.Dataset`, a list of dictionaries.
    `identifiers` are input fields that name an item without describing it. `date` names the column or field that
    puts the newest pairs into test. `overrides` are people's decisions about single rows; `pinned` are the splits that
    rows already have (`read_splits`). `count_tokens` counts the tokens of texts, for rules about lengths in tokens;
    without it those are not scored. `seed` only changes which components of equal size are placed first. `report` gets a
    line about the steps of long work. `columns` name those of a table (`input`, `output`, `id`, `group`, `split`) and say
    how to read it, as `DataSettings` does.

    Raises:
        ConfigError: no pair has an identifier, the stratification field or the date.
        DataError: no pair remains to train on.
        TypeError: an argument has the wrong type, or `columns` are given for pairs that are read already.
    """
    _check_arguments(style=style, settings=settings, identifiers=identifiers, overrides=overrides, pinned=pinned)
    raw = _read(raw, columns)
    request = CurateRequest(style, settings or CurateSettings(), identifiers, date, overrides, lambda: count_tokens)
    done = curate_parts(
        ReadParts.of(raw), request, pinned=pinned or PinnedSplits(), seed=seed, with_threshold_table=with_threshold_table,
        clock=Clock({"read": raw.seconds}, report),
    )  # fmt: skip
    (texts,) = done.texts
    kept, dropped = with_decisions(texts.pairs.read(), texts.dropped.read(), texts.repairs.read(), done.decisions)
    return Curated(kept, dropped, done.ledger, done.curation)


@dataclass(frozen=True)
class CuratedParts:
    """The result of curating pairs in parts.

    raw: as read, without texts. ledger, curation: as in `Curated`. decisions: for each row `row, outcome, split, rule,
    fixed, component, reference_ok`. offsets: the number of the row before each part. texts: those of each part.
    """

    raw: RawPairs
    ledger: pl.DataFrame
    curation: Curation
    decisions: pl.DataFrame
    offsets: Sequence[int]
    texts: Sequence[PairTexts]


def curate_parts(
    read: ReadParts,
    request: CurateRequest,
    *,
    pinned: PinnedSplits,
    seed: int,
    clock: Clock,
    with_threshold_table: bool = False,
    each: Each = in_turn,
    corpus_of: CorpusOf = corpus_in_memory,
    buckets: int = 1,
) -> CuratedParts:
    """All steps after reading.

    `each` calls a step for each part; `corpus_of` makes the corpus of all parts, which exchange texts in this many `buckets`.
    They do not affect the result, except that a corpus may always join by candidates and so miss some near duplicates.

    Raises:
        ConfigError, DataError: as `curate`.
    """
    settings = request.settings
    pairs = check(read, request, clock=clock, each=each, corpus_of=corpus_of, buckets=buckets)
    related = relate(pairs, settings, pinned=pinned)
    clock.lap("join")
    settled = settle(pairs, related, settings)
    clock.lap("duplicates")
    if settings.meaning:
        related = relate_by_meaning(pairs, related, settled, settings)
        clock.lap("meaning")
    divided = split(pairs, related, settled, settings, seed=seed)
    clock.lap("split")
    certified = certify(pairs, related, divided, settings)
    clock.lap("certificate")
    near = thresholds = None
    if related.meaning is not None:
        near = related.meaning.across(certified.rows, certified.kept["id"], certified.kept["split"])
        clock.lap("meaning")
    mispaired = None
    if settings.mispaired:
        certified, mispaired = list_mispaired(pairs, related, certified)
        clock.lap("mispaired")
    if with_threshold_table:
        thresholds = threshold_table(pairs, related.rank, settings=settings)
        clock.lap("threshold table")
    ledger = build_ledger(pairs, certified)
    curation = summarise(
        pairs, related, certified, ledger, request, meaning=near, mispaired=mispaired, thresholds=thresholds,
        seconds=clock.seconds,
    )  # fmt: skip
    decisions = ledger.select("row", "outcome", "split", "rule", "fixed")
    decisions = decisions.join(
        certified.table.select("row", "component", "reference_ok"), on="row", how="left", maintain_order="left"
    )
    return CuratedParts(pairs.raw, ledger, curation, decisions, read.offsets, pairs.texts)


def with_decisions(
    pairs: pl.DataFrame, dropped: pl.DataFrame, repairs: pl.DataFrame, decisions: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The kept pairs with their split, and the others with outcome and rule, both by row.

    `dropped`: the pairs dropped by decision, as they were read. `repairs`: the outputs after repair, by position in
    `pairs`; those that `decisions` call fixed replace the output, which is then in `written`.
    """
    repaired = repairs.select(row=pairs["row"].gather(repairs["index"]), repaired="output")
    table = pl.concat([pairs, dropped], how="diagonal").sort("row") if len(dropped) else pairs
    table = table.drop("split", "component", "reference_ok").join(decisions, on="row", maintain_order="left")
    table = table.join(repaired, on="row", how="left", maintain_order="left")
    fixed = pl.col("fixed").is_not_null()
    table = table.with_columns(
        pl.col("reference_ok").fill_null(True),
        written=pl.when(fixed & pl.col("written").is_null()).then("output").otherwise("written"),
        output=pl.when(fixed).then("repaired").otherwise("output"),
    ).select(*PAIR_SCHEMA, "written", "outcome", "rule")
    kept = pl.col("outcome") == "kept"
    return table.filter(kept).drop("outcome", "rule"), table.filter(~kept)


def curated_html(summary: Mapping[str, Any], kept: pl.DataFrame) -> str:
    """How many rows were kept, the outcomes and rules of the others, the splits, the first of the `kept` pairs, warnings."""
    outcomes = summary["outcomes"]
    figures = [(name, say.count(n)) for name, n in outcomes.items() if name != "kept" and n]
    figures += [(f"dropped by {rule}", say.count(n)) for rule, n in summary["rules"].items()]
    figures += [(f"{name} pairs", say.count(n)) for name, n in summary["splits"].items()]
    return notebook_page(
        f"{say.count(outcomes['kept'])} of {say.count(summary['rows_read'], 'row')} kept",
        figures=figures,
        table=kept.select(PAIR),
        notes=[warning["text"] for warning in summary["warnings"]],
    )


# --- arguments --------------------------------------------------------------------------------------------------------


def _read(raw: Any, columns: dict[str, Any]) -> RawPairs:
    if not isinstance(raw, RawPairs):
        return read_frame(raw, DataSettings(path="", **columns))
    if columns:
        raise TypeError(
            f"{', '.join(columns)}: these pairs are read already; name their columns in read_pairs or read_frame"
        )
    return raw


def _check_arguments(*, style: Any, settings: Any, identifiers: Any, overrides: Any, pinned: Any) -> None:
    """Check the types of the arguments to `curate`.

    Raises:
        TypeError: naming the argument, what was expected and what was found.
    """
    _check("style", style, StyleSchema, "a StyleSchema, as read_style and parse_style return it")
    _check("settings", settings, CurateSettings, "CurateSettings(...)")
    _check("pinned", pinned, PinnedSplits, "PinnedSplits, as read_splits returns it")
    several = "a sequence of Override(...), as read_overrides returns it"
    if isinstance(overrides, str) or not hasattr(overrides, "__len__"):
        raise TypeError(f"overrides must be {several}; found {_named(overrides)}")
    for override in overrides:
        _check("overrides", override, Override, several)
    if isinstance(identifiers, str) or not hasattr(identifiers, "__len__"):
        raise TypeError(f'identifiers must be names of fields, for example ["sku"]; found {_named(identifiers)}')


def _check(name: str, value: Any, kind: type, expected: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be {expected}; found {_named(value)}")


def _named(value: Any) -> str:
    return f'"{value[:40]}"' if isinstance(value, str) else type(value).__name__
