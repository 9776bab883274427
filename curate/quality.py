"""Outputs that are none in any style: refusals, remains of a prompt, damaged or cut-off text, lengths far off."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..style.check import check_columns, explain
from ..style.columns import Columns
from ..style.kinds import KINDS
from ..style.schema import Check, Level, StyleSchema
from .lengths import usual_lengths
from .masks import mask_column
from .truncated import SIGNS, ending_signs, endings, telling_signs

__all__ = ["FAULTS", "TOLD_SCHEMA", "Quality", "find_faults", "judge_quality"]

TOLD_SCHEMA = {"index": pl.UInt32, "rule": pl.String, "start": pl.Int64, "end": pl.Int64, "evidence": pl.String}

# What the kind `clean` tells apart -> rule.
_SORTS = {
    "refusals": "quality:refusal",
    "mojibake": "quality:mojibake",
    "placeholders": "quality:placeholder",
    "prompt echo": "quality:echo",
    "assistant phrases": "quality:phrase",
    "fences": "quality:fence",
}
# Among the phrases, those that no author writes: the model names itself, or its markup stands in the text.
_REMAINS = (
    r"(?i)language model|\bas an ai\b|<\|\w+\|>|<(?:start|end)_of_turn>|</?think>|\[/?inst\]|^\s*(?:assistant|ai)\s*:"
)
_QUOTES = ["`", '"', "'", "“", "‘", "«"]  # behind one of them, markup or a damaged character is what the text is about
_REMAINS_RULE = "quality:remains"
_TRUNCATED_RULE = "quality:truncated"
_LENGTH_RULE = "quality:length"

# What an output tells by itself; of several faults the first gives the reason. Level `must` only where nearly every find
# is a fault. Fences and polite phrases are a matter of the team's taste: a check `clean` in the schema makes them rules.
FAULTS: dict[str, Level] = {
    "quality:refusal": "must",
    "quality:mojibake": "must",
    "quality:placeholder": "must",
    "quality:echo": "must",
    _REMAINS_RULE: "must",
    "quality:phrase": "should",
    "quality:fence": "should",
}
# In order of weight, as they are reported; the last two are told beside the other outputs.
_RULES = tuple(dict.fromkeys([_REMAINS_RULE, *FAULTS, _TRUNCATED_RULE, _LENGTH_RULE]))

# A rule that more of the outputs break describes what the data are (a chat's "Sure!"): it is reported, not applied.
_HABIT = 0.1
_FEW = 20  # outputs; fewer have no habit
_SHOWN = 3


@dataclass(frozen=True)
class Quality:
    """hits: a boolean column per rule that found something, one row per output, rules in order of weight.

    levels: rule -> `must` or `should`, of the same rules. habits: rules that found too much to apply. examples: index,
    rule, start, end, evidence of each rule's first three outputs.
    """

    hits: pl.DataFrame
    levels: dict[str, Level]
    habits: tuple[str, ...]
    examples: pl.DataFrame

    def rules(self, level: Level) -> list[str]:
        """The rules of a level."""
        return [rule for rule, own in self.levels.items() if own == level]

    def summary(self, names: pl.DataFrame) -> dict[str, dict[str, Any]]:
        """RULE -> rows, share, level, and three examples with row, id (columns of `names`), place and evidence."""
        told = {}
        for rule, level in self.levels.items():
            rows = int(self.hits[rule].sum())
            shown = self.examples.filter(pl.col("rule") == rule)
            known = names.select("row", "id")[shown["index"].to_list()]
            examples = pl.concat([known, shown.select("start", "end", "evidence")], how="horizontal").to_dicts()
            told[rule] = {"rows": rows, "share": rows / len(self.hits), "level": level, "examples": examples}
        return told


def find_faults(columns: Columns, style: StyleSchema | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What each output shows by itself, and what is said of it.

    The first table has a row per output: a boolean column per rule of `FAULTS`, per sign of being cut off, for the mark
    at the end, and `length` (characters). The second says where and how (`TOLD_SCHEMA`), sorted by index: of each rule
    of level `must` all rows, of the other rules and the signs three, as no more are ever shown.

    Where the schema has a check of kind `clean`, that check alone judges refusals and remains: its `allow` holds.
    """
    own = style is not None and any(check.kind == "clean" for check in style.checks)
    found = dict.fromkeys(FAULTS, pl.Series("index", [], dtype=pl.UInt32))
    told = [pl.DataFrame(schema=TOLD_SCHEMA)]
    for rule, check, places in () if own else _remains(columns):
        found[rule] = places["index"]
        told.append(_told(rule, check, places if FAULTS[rule] == "must" else places.head(_SHOWN)))
    signs = ending_signs(columns.output)
    told += [_cut_off(sign, signs[sign], columns.output) for sign in SIGNS]
    flags = [_flags(index, len(columns.output)).alias(rule) for rule, index in found.items()]
    rows = signs.with_columns(*flags, columns.output.str.len_chars().alias("length"))
    return rows, pl.concat(told).sort("index", maintain_order=True)


def _flags(index: pl.Series, n: int) -> pl.Series:
    flags = np.zeros(n, bool)
    flags[index.to_numpy()] = True
    return pl.Series(flags, dtype=pl.Boolean)


def _remains(columns: Columns) -> Iterator[tuple[str, Check, pl.DataFrame]]:
    """Each rule with the first place in each output where `clean` finds it; apart only in rows where it finds anything."""
    every = check_columns(columns, StyleSchema("quality", (_clean(()),)))
    rows = every.violations["index"].unique().sort()
    if not len(rows):
        return
    picked = Columns(columns.output.gather(rows), columns.input.gather(rows), columns.fields_json.gather(rows))
    for sort, rule in _SORTS.items():
        check = _clean(tuple(name for name in _SORTS if name != sort))
        found = check_columns(picked, StyleSchema("quality", (check,))).violations
        found = found.with_columns(index=rows.gather(found["index"]), before=_before(picked, found))
        if sort in ("assistant phrases", "mojibake"):
            found = found.filter(~pl.col("before").is_in(_QUOTES))
        if sort == "assistant phrases":
            strong = found["found"].fill_null("").str.contains(_REMAINS)
            yield _REMAINS_RULE, check, _first_places(found.filter(strong))
            found = found.filter(~strong)
        yield rule, check, _first_places(found)


def _before(columns: Columns, found: pl.DataFrame) -> pl.Series:
    """The character before each place; empty where it begins the text."""
    output = columns.output.gather(found["index"])
    table = pl.DataFrame({"output": output, "at": found["start"].fill_null(0) - 1})
    return table.select(pl.when(pl.col("at") >= 0).then(pl.col("output").str.slice("at", 1)).otherwise(pl.lit("")))[
        "output"
    ]


def _clean(allow: tuple[str, ...]) -> Check:
    return Check("clean", "quality", "must", "form", KINDS["clean"].parameters(allow=allow))


def _first_places(found: pl.DataFrame) -> pl.DataFrame:
    return found.unique("index", keep="first", maintain_order=True)


def _told(rule: str, check: Check, places: pl.DataFrame) -> pl.DataFrame:
    said = [
        explain(check, text, expected).removeprefix("quality: ")
        for text, expected in places.select("found", "expected").iter_rows()
    ]
    return places.select("index", pl.lit(rule).alias("rule"), "start", "end", _evidence(said))


def _cut_off(sign: str, shows: pl.Series, outputs: pl.Series) -> pl.DataFrame:
    index = shows.arg_true().head(_SHOWN)
    found = endings(outputs.gather(index))
    said = [f'{sign}; it ends "{" ".join(end.split())}"' for end in found["found"]]
    rule = pl.lit(sign).alias("rule")
    return found.select(index.alias("index").cast(pl.UInt32), rule, "start", "end", _evidence(said))


def _evidence(said: list[str]) -> pl.Series:
    return mask_column(pl.Series("evidence", said, dtype=pl.String))


def judge_quality(rows: pl.DataFrame, told: pl.DataFrame) -> Quality:
    """What is wrong with the outputs whatever their style, from what `find_faults` says of all of them.

    Some things are told beside the other outputs only: rules that are habits, signs that tell a cut-off text, lengths.
    """
    n = len(rows)
    counts: Mapping[str, int] = rows.select(pl.col(pl.Boolean).sum()).row(0, named=True)
    signs = telling_signs(counts, n)
    cut = rows.select(pl.any_horizontal(*signs, pl.repeat(False, pl.len())).alias(_TRUNCATED_RULE))
    lengths, examples = _lengths(rows["length"])
    hits = pl.concat([rows.select(*FAULTS), cut, lengths], how="horizontal")
    found = [rule for rule in _RULES if hits[rule].any()]
    habits = tuple(rule for rule in found if FAULTS.get(rule) == "must" and n >= _FEW and counts[rule] > _HABIT * n)
    levels: dict[str, Level] = {rule: "should" if rule in habits else FAULTS.get(rule, "should") for rule in found}
    ends = [told.filter(pl.col("rule") == sign) for sign in signs]  # an output is told by the first of its signs
    shown = [told.filter(pl.col("rule") == rule).head(_SHOWN) for rule in FAULTS]
    if ends:
        first = pl.concat(ends).unique("index", keep="first", maintain_order=True).sort("index").head(_SHOWN)
        shown.append(first.with_columns(rule=pl.lit(_TRUNCATED_RULE)))
    return Quality(hits.select(found), levels, habits, pl.concat([*shown, examples]))


def _lengths(length: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Which lengths are far from the middle one, and what is said of the first."""
    usual = usual_lengths(*np.unique(length.to_numpy(), return_counts=True))
    if usual is None:
        return length.to_frame().select(pl.repeat(False, pl.len()).alias(_LENGTH_RULE)), pl.DataFrame(
            schema=TOLD_SCHEMA
        )
    far = length.is_in(pl.Series(usual.far, dtype=length.dtype).implode()).alias(_LENGTH_RULE)
    index = far.arg_true().head(_SHOWN)
    said = [
        (row, _LENGTH_RULE, 0, n, f"{n:,} characters; 9 in 10 outputs have {usual.low:,.0f} to {usual.high:,.0f}")
        for row, n in zip(index, length.gather(index), strict=True)
    ]
    return far.to_frame(), pl.DataFrame(said, schema=TOLD_SCHEMA, orient="row")
