"""The check `covers`: what the input says, the output says."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults
from ..given import given_fields
from ..kind import Kind, Proposal
from ..numbers import Fact, numbers_in, same_number
from ..schema import Check
from ..words import quoted

__all__ = ["COVERS"]

# Proposed where most outputs keep it; how firm a rule that makes is for who counts.
_HABIT_SHARE, _FEWEST_ROWS, _PROPOSE_FROM = 0.5, 20, 3_000
_NO_WORD = r"[^\p{L}\p{M}\p{N}]+"


@dataclass(frozen=True)
class CoversParameters:
    """The input fields whose values must occur in the output; each item of a list counts."""

    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.fields:
            raise ConfigError('"fields" is empty')


def _find_covers(check: Check, columns: Columns) -> Findings:
    p: CoversParameters = check.parameters
    applicable = pl.Series("applies", [False], dtype=pl.Boolean).new_from_index(0, len(columns.output))
    rows = []
    for name in p.fields:
        applicable |= columns.field(name).is_not_null()
        missing = _missing(columns, name)
        rows += [(index, None, None, None, f"{name} {quoted(item)}") for index, item in missing.iter_rows()]
    return Findings(faults(sorted(rows, key=lambda row: row[0])), applicable)


def _missing(columns: Columns, name: str) -> pl.DataFrame:
    """The items of a field that do not occur in their row's output: index, item."""
    table = pl.DataFrame(
        {"output": columns.output, "item": pl.Series(columns.field_items(name), dtype=pl.List(pl.String))}
    )
    items = table.with_row_index().explode("item").drop_nulls("item").filter(pl.col("item").str.contains(r"\S"))
    output, item = _one_blank("output"), _one_blank("item")
    words = [pl.concat_str(pl.lit(" "), side.str.replace_all(_NO_WORD, " "), pl.lit(" ")) for side in (output, item)]
    # As text, and from the beginning of a word to the end of one: 8 does not stand in 18. A bare number counts by value.
    stands = output.str.contains(item, literal=True) & words[0].str.contains(words[1], literal=True)
    left = items.filter(~stands | item.str.contains(r"^[\d.,]+$"))
    # Without a digit on both sides there is no value to compare.
    numeric = pl.all_horizontal(pl.col("output", "item").str.contains(r"\d"))
    told = [
        number and _said_by_value(item, output)
        for output, item, number in left.select("output", "item", numeric.alias("number")).iter_rows()
    ]
    return left.filter(~pl.Series(told, dtype=pl.Boolean)).select("index", "item")


def _one_blank(name: str) -> pl.Expr:
    return pl.col(name).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


@lru_cache(maxsize=16_384)  # a check of several fields reads each output once
def _numbers(text: str) -> tuple[Fact, ...]:
    return tuple(numbers_in(text))


def _said_by_value(item: str, output: str) -> bool:
    """Every number of the item stands in the output, by value and unit."""
    wanted, stated = _numbers(item), _numbers(output)
    return bool(wanted) and all(any(same_number(number, other) for other in stated) for number in wanted)


def _say_covers(check: Check) -> str:
    p: CoversParameters = check.parameters
    names = p.fields[0] if len(p.fields) == 1 else f"{', '.join(p.fields[:-1])} and {p.fields[-1]}"
    return f"Mention every value of {names}."


def _explain_covers(check: Check, found: str | None, expected: str) -> str:
    return f"{check.id}: the output leaves out the {expected}"


def _propose_covers(columns: Columns) -> Sequence[Proposal]:
    """Each field whose values stand in most of the outputs, by itself."""
    output, request, fields = (c.head(_PROPOSE_FROM) for c in (columns.output, columns.input, columns.fields_json))
    some = Columns(output, request, fields)
    proposals = []
    for name in given_fields(some):
        given = int(some.field(name).is_not_null().sum())
        if given >= _FEWEST_ROWS and given - _missing(some, name)["index"].n_unique() >= _HABIT_SHARE * given:
            proposals.append(Proposal({"fields": [name]}))
    return tuple(proposals)


COVERS = Kind("covers", "facts", CoversParameters, _find_covers, _say_covers, _propose_covers, _explain_covers)
