"""Checks the outputs of all rows against the style schema and the quality rules, and repairs those that break a must rule."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby

import numpy as np
import polars as pl

from ...core import Fix
from ...style import (
    Columns,
    Level,
    StyleResults,
    StyleSchema,
    check_columns,
    explain,
    given_fields,
    named_fields,
    pair_columns,
    repair_columns,
    scope_phrase,
    unknown_fields,
    unused_scopes,
)
from ..row_records import QualityFinding, ReferenceCheck, UnscoredCheck
from .personal import mask_column, mask_text
from .quality import EVIDENCE_SCHEMA, FAULTS, Quality, find_faults, judge_quality

_UNSCORED_SCHEMA = {"check": pl.String, "why": pl.String, "rows": pl.UInt32}


@dataclass(frozen=True)
class Findings:
    """Findings about the rows of some pairs, a dozen bytes each, and the evidence for those that break a rule.

    rows: a row per pair with the findings of `find_faults`, and `must`, `should`: how many style checks of that level
    fail. evidence: index, rule, start, end, evidence, sorted by index; the faults of `find_faults`, and `style:ID` of the
    first `must` check that a row fails. unscored: check, why, rows; reasons in order of first occurrence.
    fails: check -> rows, in the order of the schema. needed: (check, field) that the schema refers to. given: the
    fields that rows have, in order of first occurrence. idle: checks of pieces that apply to no row -> the pieces.
    repairs: as from `repair_outputs`, of the rows that fail a `must` check. `index` is the position among these pairs.
    """

    rows: pl.DataFrame
    evidence: pl.DataFrame
    unscored: pl.DataFrame
    fails: Mapping[str, int]
    needed: Sequence[tuple[str, str]]
    given: Sequence[str]
    idle: Mapping[str, str] = field(default_factory=dict)
    repairs: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REPAIR_SCHEMA))


def examine(
    pairs: pl.DataFrame,
    style: StyleSchema | None,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
    *,
    fix: Fix = "off",
) -> Findings:
    """Findings for each output of a pair table that do not depend on the others: quality and style checks.

    Evidence never repeats personal data, masked or not. `count_tokens` is for lengths in tokens. `fix`: the repairs that
    outputs which break a `must` check may have.
    """
    columns = pair_columns(pairs, count_tokens=count_tokens)
    rows, evidence = find_faults(columns, style)
    if style is None or not style.checks:
        none = pl.repeat(0, pl.len(), dtype=pl.Int16)
        rows = rows.with_columns(must=none, should=none)
        return Findings(rows, evidence, pl.DataFrame(schema=_UNSCORED_SCHEMA), {}, (), ())
    results = check_columns(columns, style)
    failed = results.status.select((pl.all() == "fail").fill_null(False))
    rows = rows.with_columns(
        pl.Series(level, _count(failed, [check.id for check in style.checks if check.level == level]), dtype=pl.Int16)
        for level in ("must", "should")
    )
    evidence = pl.concat([evidence, _first_violations(results, failed)]).sort("index", maintain_order=True)
    unscored = results.unscored.group_by("check", "why", maintain_order=True).agg(rows=pl.len())
    fails = {check.id: int(failed[check.id].sum()) for check in style.checks}
    repairs = repair_outputs(columns, style, (rows["must"] > 0).arg_true(), fix=fix)
    needed = [(check.id, name) for check in style.checks for name in named_fields(check)]
    phrases = {check.id: scope_phrase(check) for check in results.style.checks}
    idle = {id: phrase for id, phrase in phrases.items() if phrase and (results.status[id] == "not applicable").all()}
    return Findings(rows, evidence, unscored, fails, needed, given_fields(columns) if needed else [], idle, repairs)


def _count(failed: pl.DataFrame, checks: list[str]) -> np.ndarray:
    if not checks:
        return np.zeros(len(failed), np.int16)
    return failed.select(pl.sum_horizontal(pl.col(checks).cast(pl.Int16))).to_series().to_numpy()


def _first_violations(results: StyleResults, failed: pl.DataFrame) -> pl.DataFrame:
    """The evidence for the first `must` check that each row fails, in the order of the schema."""
    by_id = {check.id: check for check in results.style.checks if check.level == "must"}
    if not by_id:
        return pl.DataFrame(schema=EVIDENCE_SCHEMA)
    found = results.violations.filter(pl.col("check").is_in(list(by_id)))
    found = found.unique("index", keep="first", maintain_order=True)
    sentences = [
        explain(by_id[check], text, expected)
        for check, text, expected in found.select("check", "found", "expected").iter_rows()
    ]
    evidence = mask_column(pl.Series("evidence", sentences, dtype=pl.String))
    placed = found.select("index", ("style:" + pl.col("check")).alias("rule"), "start", "end", evidence)
    # A failure without a recorded place still has its rule.
    plain = failed.with_row_index().select(
        "index", check=pl.coalesce(pl.when(pl.col(check)).then(pl.lit(check)) for check in by_id)
    )
    plain = plain.drop_nulls("check").join(placed, on="index", how="anti")
    no_place = pl.lit(None, pl.Int64)
    rule, sentence = "style:" + pl.col("check"), pl.col("check") + ": the output breaks this rule"
    return pl.concat([placed, plain.select("index", rule=rule, start=no_place, end=no_place, evidence=sentence)])


def merge_findings(parts: Sequence[Findings]) -> Findings:
    """Combine the parts in order, as if all pairs had been checked together; needs at least one part."""
    starts = [0, *accumulate(len(part.rows) for part in parts)]
    evidence, repairs = (
        pl.concat(
            [
                table.with_columns(pl.col("index") + pl.lit(start, pl.UInt32))
                for table, start in zip(tables, starts, strict=False)
            ]
        )
        for tables in ([part.evidence for part in parts], [part.repairs for part in parts])
    )
    unscored = pl.concat([part.unscored for part in parts])
    first = parts[0]
    return Findings(
        pl.concat([part.rows for part in parts]),
        evidence,
        unscored.group_by("check", "why", maintain_order=True).agg(pl.col("rows").sum()),
        {check: sum(part.fails[check] for part in parts) for check in first.fails},
        first.needed,
        list(dict.fromkeys(name for part in parts for name in part.given)),
        {check: pieces for check, pieces in first.idle.items() if all(check in part.idle for part in parts)},
        repairs,
    )


_FIRST_SCHEMA = {"index": pl.UInt32, "rule": pl.String, "evidence": pl.String}


@dataclass(frozen=True)
class Checked:
    """must, should: how many rules of that level each row breaks, of quality and of style (i16). unfit: which rows break a
    `must` rule that drops rows; those of a style that has not been reviewed drop none.

    first: index, rule, evidence, only for rows that are unfit, sorted by index: the first rule that makes them so,
    and how, in a sentence. Quality comes first, as a refusal has no style. checks, unscored: by the id of the
    check. quality: by rule. habits: quality rules that too many outputs break to be applied. missing: a
    sentence for each field that the schema refers to and no row has. repairs: as from `repair_outputs`, of the rows
    that break no `must` rule afterwards.
    """

    must: np.ndarray
    should: np.ndarray
    unfit: np.ndarray
    first: pl.DataFrame
    checks: dict[str, ReferenceCheck]
    quality: dict[str, QualityFinding] = field(default_factory=dict)
    unscored: dict[str, UnscoredCheck] = field(default_factory=dict)
    habits: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    repairs: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REPAIR_SCHEMA))

    @property
    def repairable(self) -> np.ndarray:
        """Whether each row breaks a `must` rule as written, and none after repair."""
        repairable = np.zeros(len(self.must), bool)
        repairable[self.repairs["index"].to_numpy()] = True
        return repairable & (self.must > 0)

    def rule_of(self, rows: np.ndarray) -> list[str | None]:
        """The first rule that makes each of the rows (positions) unfit; None where none does."""
        return self._first_of(rows)["rule"].to_list()

    def evidence_of(self, rows: np.ndarray) -> list[str | None]:
        """How each of the rows (positions) breaks that rule, in a sentence; None where it breaks none."""
        return self._first_of(rows)["evidence"].to_list()

    def _first_of(self, rows: np.ndarray) -> pl.DataFrame:
        positions = pl.DataFrame({"index": pl.Series(rows, dtype=pl.UInt32)})
        return positions.join(self.first, on="index", how="left", maintain_order="left")


def judge(parts: Sequence[Findings], names: pl.DataFrame, *, reviewed: bool = True) -> Checked:
    """The verdict for each row, from parts that were checked separately; `reviewed`: whether a person has read the style.

    `names` has the columns `row` and `id` of all rows, in the order of the parts. The partitioning does not affect the
    result.
    """
    if not len(names):
        none = np.zeros(0, np.int16)
        return Checked(none, none, none.astype(bool), pl.DataFrame(schema=_FIRST_SCHEMA), {})
    whole = merge_findings(parts)
    n = len(names)
    quality = judge_quality(whole.rows, whole.evidence)
    first = _first_unfit(whole.evidence, quality.habits, by_style=reviewed)
    unfit = np.zeros(n, bool)
    unfit[first["index"].to_numpy()] = True
    return Checked(
        _broken(whole, quality, "must"),
        _broken(whole, quality, "should"),
        unfit,
        first,
        {check: ReferenceCheck(fail=fail, share=fail / n) for check, fail in whole.fails.items()},
        quality=quality.summary(names),
        unscored=_unscored(whole),
        habits=quality.habits,
        missing=(*unknown_fields(whole.needed, list(whole.given)), *unused_scopes(whole.idle, n)),
        repairs=usable_repairs(whole.repairs, quality.habits),
    )


def _broken(whole: Findings, quality: Quality, level: Level) -> np.ndarray:
    """How many rules of this level each row breaks."""
    counts = [whole.rows[level], *quality.hits.select(pl.col(quality.rules(level)).cast(pl.Int16))]
    return pl.DataFrame(counts).select(pl.sum_horizontal(pl.all())).to_series().to_numpy()


def _first_unfit(evidence: pl.DataFrame, habits: Sequence[str], *, by_style: bool) -> pl.DataFrame:
    """The first rule of quality, or of style if those count, that makes a row unfit, for each such row."""
    applied = [rule for rule, level in FAULTS.items() if level == "must" and rule not in habits]
    styled = pl.col("rule").str.starts_with("style:") & by_style
    broken = evidence.filter(pl.col("rule").is_in(applied) | styled)
    return broken.unique("index", keep="first", maintain_order=True).select("index", "rule", "evidence")


def _unscored(whole: Findings) -> dict[str, UnscoredCheck]:
    """Rows and the most frequent reason (the first on a tie) for each check that could not be scored."""
    summary = {}
    for check in whole.fails:
        reasons = whole.unscored.filter(pl.col("check") == check)
        if len(reasons):
            most = reasons.sort("rows", descending=True, maintain_order=True)["why"][0]
            summary[check] = UnscoredCheck(rows=int(reasons["rows"].sum()), why=mask_text(most))
    return summary


REPAIR_SCHEMA = {
    "index": pl.UInt32, "output": pl.String, "rules": pl.List(pl.String), "evidence": pl.String, "faults": pl.List(pl.String)
}  # fmt: skip
_EXCERPT = 60  # characters of a changed piece


def repair_outputs(columns: Columns, style: StyleSchema, rows: pl.Series, *, fix: Fix) -> pl.DataFrame:
    """The repaired outputs of those `rows` (positions) that break no must rule of the style afterwards.

    index; output: after repair; rules: whose violations were repaired; evidence: what was changed, without personal data;
    faults: the must rules of quality that the output still breaks (which of them apply depends on all outputs). With
    `fix` off no row is repaired.
    """
    if fix == "off" or not len(rows):
        return pl.DataFrame(schema=REPAIR_SCHEMA)
    given = columns.changed(rows.to_list(), columns.output.gather(rows))
    repaired = repair_columns(given, style, unsafe=fix == "unsafe")
    must = [check.id for check in style.checks if check.level == "must"]
    broken = repaired.results.status.select(pl.any_horizontal(pl.col(must) == "fail")).to_series()
    kept = repaired.changes.filter(~pl.col("index").is_in(broken.arg_true().implode()))
    changes = {
        index: [*changes]
        for index, changes in groupby(kept.select("index", "rule", "before", "after").iter_rows(), lambda c: c[0])
    }
    good = pl.Series([*changes], dtype=pl.UInt32)
    outputs = repaired.texts.gather(good)
    evidence = ["; ".join(dict.fromkeys(_said(*change[1:]) for change in of_row)) for of_row in changes.values()]
    return pl.DataFrame(
        {
            "index": rows.gather(good),
            "output": outputs,
            "rules": [list(dict.fromkeys(rule for _, rule, *_ in of_row)) for of_row in changes.values()],
            "evidence": mask_column(pl.Series(evidence, dtype=pl.String)),
            "faults": _faults(given.changed(good.to_list(), outputs), style),
        },
        schema=REPAIR_SCHEMA,
    )


def _said(rule: str, before: str, after: str) -> str:
    short = (text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…" for text in (before, after))
    old, new = (f'"{text}"' for text in short)
    change = f"{old} became {new}" if before and after else f"added {new}" if after else f"removed {old}"
    return f"{rule}: {change}"


def _faults(columns: Columns, style: StyleSchema) -> pl.Series:
    """The must rules of quality that each output breaks."""
    rows, _ = find_faults(columns, style)
    broken = [pl.when(rule).then(pl.lit(rule)) for rule, level in FAULTS.items() if level == "must"]
    return rows.select(pl.concat_list(broken).list.drop_nulls())[:, 0]


def usable_repairs(repairs: pl.DataFrame, habits: Collection[str]) -> pl.DataFrame:
    """The repairs after which an output breaks no must rule at all; rules of quality that are `habits` do not count."""
    applied = [rule for rule, level in FAULTS.items() if level == "must" and rule not in habits]
    return repairs.filter(pl.col("faults").list.set_intersection(applied).list.len() == 0)
