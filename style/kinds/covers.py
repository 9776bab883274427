"""The check `covers`: the output mentions the values of the input."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import polars as pl

from ...core import ConfigError
from ..columns import Columns, common_fields, contained
from ..facts.number_words import WORDS, Spans, as_digits, word_keys
from ..facts.numbers import SPAN, Fact, column_quotes_apart, numbers_in, same_number, span_facts
from ..schema import Check, Explanation, Findings, Kind, Proposal, Wordings, faults
from ..wordings import NO_VALUES, mentions, value_key, vocabulary
from ..words import listed, quoted

# Proposed if most outputs follow it; the evidence then decides how strict a rule it makes.
_HABIT_SHARE, _FEWEST_ROWS, _PROPOSE_FROM = 0.5, 20, 3_000
_SIDES = ("output", "plain")
_NO_WORD = r"[^\p{L}\p{M}\p{N}]+"
_FIRST_WORD = r"([\p{L}\p{M}\p{N}]+(?:[-'’.][\p{L}\p{M}\p{N}]+)*)"


@dataclass(frozen=True)
class CoversParameters:
    """The input fields whose values must occur in the output, as given or in one of their `wordings`.

    Each item of a list counts. Numbers count by value. `take: first word`: the first word of each value is enough, as of
    `Kelp notebook, A5` in "The Kelp has 96 pages".
    """

    fields: tuple[str, ...]
    take: Literal["all", "first word"] = "all"

    def __post_init__(self) -> None:
        if not self.fields:
            raise ConfigError('"fields" is empty')


def _find_covers(check: Check, columns: Columns) -> Findings:
    p: CoversParameters = check.parameters
    applicable = pl.repeat(False, len(columns.output), dtype=pl.Boolean, eager=True)
    rows = []
    for name in p.fields:
        applicable |= columns.field(name).is_not_null()
        if p.take == "first word":
            missing = _missing(columns, name, _first_words(columns, name))
        else:
            missing = _unmentioned(columns, name, check.wordings) if name in check.wordings else _missing(columns, name)
        rows += [(index, None, None, None, f"{name} {quoted(item)}") for index, item in missing.iter_rows()]
    return Findings(faults(sorted(rows, key=lambda row: row[0])), applicable)


def _first_words(columns: Columns, name: str) -> pl.DataFrame:
    """The items of a field, each cut to its first word: index, item."""
    return columns.field_items(name).with_columns(pl.col("item").str.extract(_FIRST_WORD)).drop_nulls()


def _unmentioned(columns: Columns, name: str, wordings: Wordings) -> pl.DataFrame:
    """The items of a field with wordings that their row's output does not say: index, item.

    A longer wording counts alone: "not suitable for children" does not say "suitable for children".
    """
    items = columns.field_items(name)
    words = vocabulary(name, wordings)
    mentioned = {(m.row, key) for m in mentions(columns, words, name) if not m.denied for key in m.keys}
    keys = {item: value_key(item) for item in items["item"].unique()}
    unmentioned = pl.Series(
        [(index, keys[item]) not in mentioned for index, item in items.iter_rows()], dtype=pl.Boolean
    )
    worded = {key for keyed in words.texts.values() for key in keyed.get(name, ())}
    known = items["item"].is_in([item for item, key in keys.items() if key in worded])
    # A value without any text in the vocabulary, such as a number, is compared as in a field without wordings.
    return pl.concat([items.filter(unmentioned & known), _missing(columns, name, items.filter(~known))]).sort(
        "index", maintain_order=True
    )


def _missing(columns: Columns, name: str, items: pl.DataFrame | None = None) -> pl.DataFrame:
    """The items of a field that do not occur in their row's output: index, item."""
    items = (columns.field_items(name) if items is None else items).filter(pl.col("item").str.contains(r"\S"))
    nothing = [item for item in items["item"].unique() if value_key(item) in NO_VALUES]
    items = items.filter(~pl.col("item").is_in(nothing))
    plain = columns.once(
        ("covers", "plain"), lambda: columns.output.to_frame("output").select(_normalised("output")).to_series()
    )
    table = items.with_columns(output=plain.gather(items["index"]), plain=_normalised("item"))
    found = contained(table["output"], table["plain"])
    # As text, on word boundaries: 8 is not in 18. A bare number counts by value, and signs alone ("+") literally.
    words = [pl.col(side).str.replace_all(_NO_WORD, " ").str.strip_chars(" ") for side in _SIDES]
    words = [
        pl.concat_str(pl.lit(" "), side, pl.lit(" ")).alias(name) for name, side in zip(_SIDES, words, strict=True)
    ]
    some = table.filter(found)
    signs = ~some["plain"].str.contains(r"[\p{L}\p{M}\p{N}]")
    whole = (contained(*some.select(words)) | signs) & ~some["item"].str.contains(r"^[\d.,]+$")
    mentioned = found.scatter(found.arg_true(), whole)
    mentioned |= _mentioned_loosely(table, ~mentioned)
    absent = table.filter(~mentioned)
    # Without a number on both sides there is no value to compare: first those in digits, then those in words.
    valued = absent.with_columns(value=_as_digits(absent["item"])).filter(pl.col("value").str.contains(r"\d"))
    stated = _stated_in(columns, valued.filter(pl.col("output").str.contains(r"\d")), words=False)
    rest = valued.join(stated, on=["index", "item"], how="anti", maintain_order="left")
    worded = rest.filter(pl.col("output").str.contains(WORDS))
    stated = pl.concat([stated, _stated_in(columns, worded, words=True)])
    return absent.join(stated, on=["index", "item"], how="anti", maintain_order="left").select("index", "item")


def _as_digits(items: pl.Series) -> pl.Series:
    """The items, numbers that are one word as digits."""
    letters = items.filter(~items.str.contains(r"\d")).unique().to_list()
    return items.replace({item: digits for item in letters if (digits := as_digits(item)) != item})


def _stated_in(columns: Columns, table: pl.DataFrame, *, words: bool) -> pl.DataFrame:
    """The rows (index, item) whose output states every number of its `value`; `words`: in words too."""
    spans: Spans = columns.once(("covers", "numbers"), lambda: Spans(["numbers"]))
    wanted = {
        value: [_Wanted(f, spans.numbered[f.needs]) for f in numbers_in(value)] for value in table["value"].unique()
    }
    table = table.filter(pl.col("value").is_in([value for value, numbers in wanted.items() if numbers]))
    found = columns.once(("covers", "spans"), lambda: column_quotes_apart(columns.output).str.extract_all(SPAN))
    rows = table["index"].unique(maintain_order=True)
    of_row = dict(zip(rows, found.gather(rows).to_list(), strict=True))
    worded = table["output"].str.extract_all(WORDS).to_list() if words else [[]] * len(table)
    states, last, given = [], -1, frozenset[int]()
    for index, value, number_words in zip(table["index"], table["value"], worded, strict=True):
        if index != last:
            last, stated = index, of_row[index]
            given = spans.ids(word_keys(number_words)).union(*map(spans.gives_numbers.__getitem__, stated))
        states.append(all(not number.keys.isdisjoint(given) or number.apart(of_row[index]) for number in wanted[value]))
    return table.filter(pl.Series(states, dtype=pl.Boolean)).select("index", "item")


class _Wanted(NamedTuple):
    """A number of an item, with the ids of its keys."""

    fact: Fact
    keys: frozenset[int]

    def apart(self, spans: Sequence[str]) -> bool:
        """Whether one number of the spans states it as several (`1,200` as 1 and 200)."""
        return bool(self.fact.together) and any(
            same_number(self.fact, other) for span in spans for other in span_facts(span) if other.kind == "numbers"
        )


# What may be written in another way or left out: a qualifier as in "Train (band)", the sign for "and", "St." for "Saint".
_LOOSE = r"\(|&|\b(?:and|st|saint)\b"
_QUALIFIER = r"(\p{L}.*?)\s*\(\p{L}[^()\d]*\)$"


def _mentioned_loosely(table: pl.DataFrame, wanted: pl.Series) -> pl.Series:
    """Where an item is a name that the output writes without its qualifier, or with another sign for a small word."""
    rows = (wanted & table["plain"].str.contains(_LOOSE)).arg_true()
    mentioned = pl.repeat(False, len(table), dtype=pl.Boolean, eager=True)
    if not len(rows):
        return mentioned
    name = pl.col("plain").str.replace(rf"^{_QUALIFIER}", "${1}")
    spelled = table[rows.to_list()].select(item=_spelled_out(name), output=_spelled_out(pl.col("output")))
    return mentioned.scatter(rows, contained(spelled["output"], spelled["item"]) & (spelled["item"] != "  "))


def _spelled_out(text: pl.Expr) -> pl.Expr:
    """The words of a text in small letters between spaces."""
    words = text.str.replace_all("&", " and ", literal=True).str.replace_all(_NO_WORD, " ").str.strip_chars(" ")
    return pl.concat_str(pl.lit(" "), words.str.replace_all(r"\bsaint\b", "st"), pl.lit(" "))


def _normalised(name: str) -> pl.Expr:
    return pl.col(name).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def _say_covers(check: Check) -> str:
    p: CoversParameters = check.parameters
    return f"Mention {'every value' if p.take == 'all' else 'the first word of every value'} of {listed(p.fields)}."


def _propose_covers(columns: Columns) -> Sequence[Proposal]:
    """A check for each field whose values occur in most of the outputs."""
    output = columns.output.head(_PROPOSE_FROM)
    some = columns.changed(range(len(output)), output)
    proposals = []
    for name in common_fields(some):
        given = int(some.field(name).is_not_null().sum())
        if given >= _FEWEST_ROWS and given - _missing(some, name)["index"].n_unique() >= _HABIT_SHARE * given:
            proposals.append(Proposal({"fields": [name]}))
        elif given >= _FEWEST_ROWS and (some.field(name).str.count_matches(r"\S+") > 1).mean() >= _HABIT_SHARE:  # type: ignore[operator]
            first = _first_words(some, name)
            if given - _missing(some, name, first)["index"].n_unique() >= _HABIT_SHARE * given:
                proposals.append(Proposal({"fields": [name], "take": "first word"}))
    return tuple(proposals)


COVERS = Kind(
    "covers", "facts", CoversParameters, _find_covers, _say_covers, _propose_covers,
    Explanation(missing="the output leaves out the {expected}"),
    looked_for=frozenset({"wordings"}),
)  # fmt: skip
