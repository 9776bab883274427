"""Outputs that are none in any style: refusals, remains of a prompt, damaged or cut-off text, lengths far off."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..style.check import check_columns, explain, pair_columns
from ..style.columns import Columns
from ..style.kinds import KINDS
from ..style.schema import Check, Level, StyleSchema
from .masks import mask_column
from .truncated import truncated_places

__all__ = ["FAULTS_SCHEMA", "Quality", "check_quality"]

FAULTS_SCHEMA = {"index": pl.UInt32, "rule": pl.String, "start": pl.Int64, "end": pl.Int64, "evidence": pl.String}

# What the kind `clean` tells apart -> rule and level. Level `must` only where nearly every find is a fault. Fences and
# polite phrases are a matter of the team's taste: a check `clean` in the schema makes them rules.
_SORTS: dict[str, tuple[str, Level]] = {
    "refusals": ("quality:refusal", "must"),
    "mojibake": ("quality:mojibake", "must"),
    "placeholders": ("quality:placeholder", "must"),
    "prompt echo": ("quality:echo", "must"),
    "assistant phrases": ("quality:phrase", "should"),
    "fences": ("quality:fence", "should"),
}
# Among the phrases, those that no author writes: the model names itself, or its markup stands in the text.
_REMAINS = (
    r"(?i)language model|\bas an ai\b|<\|\w+\|>|<(?:start|end)_of_turn>|</?think>|\[/?inst\]|^\s*(?:assistant|ai)\s*:"
)
_QUOTES = ["`", '"', "'", "“", "‘", "«"]  # behind one of them, markup or a damaged character is what the text is about
_REMAINS_RULE = "quality:remains"

# A rule that more of the outputs break describes what the data are (a chat's "Sure!"): it is reported, not applied.
_HABIT = 0.1
_FEW = 20  # outputs; fewer have no habit

_OUTLIER = 6.0  # robust standard deviations of log length: 1 in 10^9 of a bell curve, so only what is extreme
_FACTOR = 5.0  # and so many times the middle length, as lengths of short texts scatter by nature
_LENGTHS = 50  # outputs that it takes to speak of a middle length
_SHOWN = 3


@dataclass(frozen=True)
class Quality:
    """faults: index, rule, start, end, evidence, at most one per row and rule, rules in order of weight.

    levels: rule -> `must` or `should`, for the rules that found something. habits: rules that found too much to apply.
    """

    faults: pl.DataFrame
    levels: dict[str, Level]
    habits: tuple[str, ...]

    def summary(self, pairs: pl.DataFrame) -> dict[str, dict[str, Any]]:
        """RULE -> rows, share, level, and three examples with row, place and evidence."""
        return {
            rule: {"rows": len(own), "share": len(own) / len(pairs), "level": level, "examples": _examples(own, pairs)}
            for rule, level in self.levels.items()
            if len(own := self.faults.filter(pl.col("rule") == rule))
        }


def check_quality(pairs: pl.DataFrame, style: StyleSchema | None = None) -> Quality:
    """What is wrong with the outputs of a pair table whatever their style.

    Where the schema has a check of kind `clean`, that check alone judges refusals and remains: its `allow` holds.
    """
    faults = [pl.DataFrame(schema=FAULTS_SCHEMA)]
    if style is None or all(check.kind != "clean" for check in style.checks):
        faults += _remains(pair_columns(pairs))
    faults += [_truncated(pairs["output"]), _lengths(pairs["output"])]
    table = pl.concat(faults)
    levels: dict[str, Level] = {_REMAINS_RULE: "must", **dict(_SORTS.values())}
    counts = dict(table["rule"].value_counts().iter_rows())
    habits = tuple(
        rule
        for rule, level in levels.items()
        if level == "must" and len(pairs) >= _FEW and counts.get(rule, 0) > _HABIT * len(pairs)
    )
    found: dict[str, Level] = {
        rule: "should" if rule in habits else levels.get(rule, "should") for rule in [*levels, *_SOFT] if rule in counts
    }
    return Quality(table, found, habits)


_SOFT = ("quality:truncated", "quality:length")


def _remains(columns: Columns) -> Iterator[pl.DataFrame]:
    """What the kind `clean` finds, sort by sort; the sorts apart only in rows where it finds anything."""
    every = check_columns(columns, StyleSchema("quality", (_clean(()),)))
    rows = every.violations["index"].unique().sort()
    if not len(rows):
        return
    picked = Columns(columns.output.gather(rows), columns.input.gather(rows), columns.fields_json.gather(rows))
    for sort, (rule, _) in _SORTS.items():
        check = _clean(tuple(name for name in _SORTS if name != sort))
        found = check_columns(picked, StyleSchema("quality", (check,))).violations
        found = found.with_columns(index=rows.gather(found["index"]), before=_before(picked, found))
        if sort in ("assistant phrases", "mojibake"):
            found = found.filter(~pl.col("before").is_in(_QUOTES))
        if sort == "assistant phrases":
            strong = found["found"].fill_null("").str.contains(_REMAINS)
            yield _faults(check, found.filter(strong), _REMAINS_RULE)
            found = found.filter(~strong)
        yield _faults(check, found, rule)


def _before(columns: Columns, found: pl.DataFrame) -> pl.Series:
    """The character before each place; empty where it begins the text."""
    output = columns.output.gather(found["index"])
    table = pl.DataFrame({"output": output, "at": found["start"].fill_null(0) - 1})
    return table.select(pl.when(pl.col("at") >= 0).then(pl.col("output").str.slice("at", 1)).otherwise(pl.lit("")))[
        "output"
    ]


def _clean(allow: tuple[str, ...]) -> Check:
    return Check("clean", "quality", "must", "form", KINDS["clean"].parameters(allow=allow))


def _faults(check: Check, found: pl.DataFrame, rule: str) -> pl.DataFrame:
    first = found.unique("index", keep="first", maintain_order=True)
    said = [
        explain(check, text, expected).removeprefix("quality: ")
        for text, expected in first.select("found", "expected").iter_rows()
    ]
    return first.select("index", pl.lit(rule).alias("rule"), "start", "end", _evidence(said))


def _truncated(outputs: pl.Series) -> pl.DataFrame:
    found = truncated_places(outputs)
    said = [f'{why}; it ends "{" ".join(end.split())}"' for end, why in found.select("found", "why").iter_rows()]
    return found.select("index", pl.lit("quality:truncated").alias("rule"), "start", "end", _evidence(said))


def _evidence(said: list[str]) -> pl.Series:
    return mask_column(pl.Series("evidence", said, dtype=pl.String))


def _lengths(outputs: pl.Series) -> pl.DataFrame:
    """Lengths far from the middle one, by median and median absolute deviation of the logarithm (Leys et al. 2013)."""
    lengths = outputs.fill_null("").str.len_chars().to_numpy()
    log = np.log(np.maximum(lengths, 1))
    if len(log) < _LENGTHS:
        return pl.DataFrame(schema=FAULTS_SCHEMA)
    middle = float(np.median(log))
    spread = 1.4826 * float(np.median(np.abs(log - middle)))
    far = np.abs(log - middle) > max(_OUTLIER * spread, np.log(_FACTOR))
    low, high = np.quantile(lengths, [0.05, 0.95])
    rows = [
        (index, "quality:length", 0, length, f"{length:,} characters; 9 in 10 outputs have {low:,.0f} to {high:,.0f}")
        for index, length in zip(np.flatnonzero(far).tolist(), lengths[far].tolist(), strict=True)
    ]
    return pl.DataFrame(rows, schema=FAULTS_SCHEMA, orient="row")


def _examples(faults: pl.DataFrame, pairs: pl.DataFrame) -> list[dict[str, Any]]:
    first = faults.head(_SHOWN)
    known = pairs.select("row", "id")[first["index"].to_list()]
    return pl.concat([known, first.select("start", "end", "evidence")], how="horizontal").to_dicts()
