"""How well a style tells a right answer from a wrong one: what it accepts besides the outputs that belong to the inputs.

Every rule is applied to the examples' own outputs, to outputs of other examples, and to texts made of the inputs alone.
A rule that accepts all three equally checks form only: it cannot notice that an output answers another request.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ..core import Count, Proportion, Record, say
from .check import check_columns, pair_columns
from .columns import Columns
from .fields import field_text
from .schema import StyleSchema

SAMPLE = 1_000  # examples: a share is then known to three points, and checking them three times takes under a second
FEWEST = 20  # examples with an output of another request: fewer say nothing
ENOUGH = 0.2  # a difference below 20 points: the rules accept too many answers to other requests


class Passing(Record):
    """Shares of texts that pass one rule."""

    own: Proportion
    """Share of the pairs' own outputs that pass."""
    shuffled: Proportion
    """Share that pass when each output is replaced by that of another request."""
    fields_only: Proportion
    """Share that pass when each output is replaced by a text that only repeats the input."""

    @property
    def difference(self) -> float:
        """By how much more of the own outputs pass than of outputs of other requests."""
        return self.own - self.shuffled


class Discrimination(Passing):
    """Shares of texts that pass every must rule, measured on a sample of the pairs."""

    rows: Count
    """Number of pairs in the sample."""
    by_check: Mapping[str, Passing]
    """Shares of texts that pass each must rule, by check id."""

    @property
    def weak(self) -> bool:
        """Whether the rules hardly tell right answers from wrong ones."""
        return self.difference < ENOUGH - 1e-9  # a difference of 20 points must not depend on the last bit of a float

    @property
    def refuses(self) -> bool:
        """Whether the rules refuse nearly all outputs, right ones as well."""
        return self.own < ENOUGH

    @property
    def sentence(self) -> str:
        """The result in a sentence; where the rules hardly discriminate, it says so."""
        own, shuffled = say.percent(self.own), say.percent(self.shuffled)
        if not self.weak:
            return f"The rules accept {own} of the examples' own outputs and {shuffled} of answers to other requests."
        if self.refuses:
            return (
                f"These rules refuse nearly every output: they accept {own} of the examples' own and {shuffled} of answers to "
                "other requests."
            )
        if self.shuffled >= self.own / 2:
            return f"These rules accept {shuffled} of answers to other requests: they check form only."
        return (
            f"These rules accept only {own} of the examples' own outputs, and {shuffled} of answers to other requests: "
            "they hardly tell right from wrong."
        )


def measure_discrimination(
    pairs: pl.DataFrame,
    style: StyleSchema,
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
    seed: int = 0,
) -> Discrimination | None:
    """What `style` accepts on a sample of `pairs` (columns `output`, `input`; optionally `fields`).

    An output is swapped for one of an example with another input and another output. `infer_style`, `check_style` and
    `curate` measure it on the same rows, those of the smallest `sample_keys`, so that all say the same; an output that many
    rows have counts as often. The order of the rows does not matter. None if fewer than 20 examples can be swapped, or if
    the style has no `must` rule.
    """
    examples = sample(pairs, seed=seed)
    musts = tuple(check for check in style.checks if check.level == "must")
    other = other_outputs(examples["input"], examples["output"])
    examples, swapped = examples.filter(other.is_not_null()), other.drop_nulls()
    if len(examples) < FEWEST or not musts:
        return None
    columns = pair_columns(examples, count_tokens=count_tokens)
    schema = replace(style, checks=musts)
    own, shuffled, fields_only = (
        _passing(replace(columns, output=texts.alias("output")), schema)
        for texts in (examples["output"], swapped, inputs_alone(columns))
    )
    shares = {name: {"own": own[name], "shuffled": shuffled[name], "fields_only": fields_only[name]} for name in own}
    whole = shares.pop("")
    return Discrimination(**whole, rows=len(examples), by_check={name: Passing(**one) for name, one in shares.items()})


def sample(pairs: pl.DataFrame, *, seed: int = 0, known: pl.DataFrame | None = None) -> pl.DataFrame:
    """At most 1,000 of the pairs that have an output, each with its right answers (`references`): its own output, those
    stated for it, and those of the pairs with the same input among the `known` ones, by default the sample."""
    given = pairs.filter(pl.col("output").fill_null("").str.strip_chars() != "")
    taken = content_order(given, seed=seed).head(SAMPLE)
    others = taken if known is None else known.filter(pl.col("output").fill_null("").str.strip_chars() != "")
    same = others.with_columns(pl.col("input").cast(pl.String).fill_null("")).join(taken, on="input", how="semi")
    right = pl.DataFrame({"input": same["input"], "references": right_answers(same)})
    right = right.explode("references").group_by("input").agg(pl.col("references").unique().sort())
    return taken.join(right, on="input", how="left", maintain_order="left")


def right_answers(pairs: pl.DataFrame) -> pl.Series:
    """The right answers that each pair states: its output and the texts in the column `references` of the data."""
    stated = pairs["references"].to_list() if "references" in pairs.columns else [None] * len(pairs)
    metas = pairs["meta"].to_list() if "meta" in pairs.columns else stated
    every = []
    for output, known, meta in zip(pairs["output"], stated, metas, strict=True):
        if known is None and meta and '"references"' in meta:
            known = json.loads(meta).get("references")
        texts = map(field_text, [output, *(known if isinstance(known, list) else [known])])
        every.append(list(dict.fromkeys(text for text in texts if text.strip())))
    return pl.Series("references", every, dtype=pl.List(pl.String))


def _passing(columns: Columns, style: StyleSchema) -> dict[str, float]:
    """The share of texts that no rule rejects, under "", and for each rule the share that it does not reject."""
    results = check_columns(columns, style)
    failed = results.status.select(pl.all() == "fail")
    whole = failed.select(any=pl.any_horizontal(pl.all()))["any"]
    # A text that a rule could not score is not rejected by it, on either side of the comparison.
    return {"": _accepted(whole)} | {name: _accepted(failed[name]) for name in failed.columns}


def _accepted(failed: pl.Series) -> float:
    return (len(failed) - int(failed.sum())) / len(failed)


def other_outputs(inputs: pl.Series, outputs: pl.Series) -> pl.Series:
    """For each example the output of one with another input and another text; null where there is none.

    Examples with the same input are taken together, and each takes the output that lies as many places further on as
    the largest of these groups is long, so that it never comes from its own group while that is at most half of all.
    """
    if inputs.is_empty():
        return pl.Series("output", [], dtype=pl.String)
    number = inputs.to_frame("input").with_row_index("row")
    first = pl.col("row").min().over("input")  # groups in the order of their first example
    order = number.with_columns(first=first).sort("first", "row")["row"].to_numpy()
    shift = int(inputs.value_counts()["count"].max())  # type: ignore[arg-type]
    source = np.empty(len(order), np.int64)
    source[order] = np.roll(order, -shift)
    taken = pl.DataFrame({"i": inputs, "o": outputs, "j": inputs.gather(source), "other": outputs.gather(source)})
    different = (pl.col("i") != pl.col("j")) & (pl.col("o") != pl.col("other"))
    return taken.select(output=pl.when(different).then("other"))["output"]


def inputs_alone(columns: Columns) -> pl.Series:
    """A text for each example that only repeats its input: the values of the fields, or the plain text."""
    texts = [
        ", ".join(filter(None, map(field_text, fields.values()))) or text
        for fields, text in zip(columns.fields, columns.input, strict=True)
    ]
    return pl.Series("output", texts, dtype=pl.String)


def sample_keys(outputs: pl.Series, inputs: pl.Series, *, seed: int = 0) -> pl.Series:
    """A hash of each pair; the rows with the smallest ones are a sample that depends only on the seed and the content."""
    texts = zip(outputs.fill_null(""), inputs.fill_null(""), strict=True)
    keys = [hashlib.blake2b(f"{seed}\0{o}\0{i}".encode(), digest_size=12).hexdigest() for o, i in texts]
    return pl.Series("key", keys, dtype=pl.String)


def content_order(pairs: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame:
    """Output, input, fields, id and row, in an order that depends only on the seed and the content."""
    row = pairs["row"] if "row" in pairs.columns else pl.Series(range(1, len(pairs) + 1), dtype=pl.UInt32)
    fields = pairs["fields"] if "fields" in pairs.columns else pl.Series([None] * len(pairs), dtype=pl.String)
    table = pairs.select(
        pl.col("output", "input").cast(pl.String).fill_null(""),
        fields=fields.cast(pl.String),
        id=pairs["id"] if "id" in pairs.columns else pl.format("row {}", row),
        row=row,
        key=sample_keys(pairs["output"], pairs["input"], seed=seed),
    )
    return table.sort("key", "fields", "id").drop("key")
