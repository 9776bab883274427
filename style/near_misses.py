"""How many near misses a style catches: outputs of which one fact is wrong, made from the examples' own outputs.

An answer to another request is easily told from the right one. A near miss is what a model gets wrong: two values
swapped, a value of another row, a fact left out, a negation too many.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from ..core import Count, Proportion, Record, say
from .check import check_columns, pair_columns
from .columns import Columns
from .discrimination import sample
from .planted import KINDS_OF_MISSES, NEAREST, comparing_kind, near_misses, shared_spans
from .schema import StyleSchema
from .slots import masked, writes_fields
from .words import listed

_MADE_FROM = 500  # examples: most of them follow the rules
_SHOWN, _SHOWN_CHARACTERS = 5, 160
_NAMED = 3  # kinds in a sentence
PEOPLE = "people"
ENOUGH_CAUGHT = 0.5  # below it, a wrong output passes more often than not
_FEWEST = 20  # near misses: fewer say nothing
_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"(?!\s*:)')
# What a rule does not see that accepts a kind of near misses.
_UNSEEN = {"value omitted": "omissions", "sentence omitted": "omissions", "negation changed": "changed negations"}


class CaughtMisses(Record):
    """Near misses of one kind."""

    n: Count
    """Number of near misses."""
    caught: Proportion
    """Share that breaks a must rule."""
    with_should: Proportion
    """Share that breaks a must rule or a should rule."""


class Survivor(Record):
    """A near miss that no must rule rejects."""

    kind: str
    """Kind of near miss."""
    text: str
    """Output with the names of the input's fields in place of their values."""


class NearMisses(Record):
    """Outputs with one wrong fact, and how many of them the rules reject."""

    n: Count
    """Number of near misses."""
    caught: Proportion
    """Share that breaks a must rule."""
    by_kind: Mapping[str, CaughtMisses]
    """Result by kind of near miss."""
    survivors: Sequence[Survivor]
    """Examples that no must rule rejects."""
    rule: str | None = None
    """Kind of check that would compare such outputs with a reference, or people where only they see more; null if half of the
    outputs with one fault and half of the answers to the nearest request are caught, or a must rule compares answers."""

    @property
    def sentence(self) -> str:
        """The result in a sentence."""
        kinds = sorted(self.by_kind.items(), key=lambda item: item[1].caught)
        shares = ", ".join(f"{name} {say.percent(one.caught)}" for name, one in kinds[:_NAMED])
        most = "fewest: " if len(kinds) > _NAMED else ""
        return f"The must rules catch {say.percent(self.caught)} of near misses ({most}{shares})."

    @property
    def unseen(self) -> str:
        """What the rules often miss, and the rule that would see it, in sentences; empty if they see enough."""
        if self.rule is None:
            return ""
        passed = (name for name, one in self.by_kind.items() if one.caught < ENOUGH_CAUGHT)
        missed = listed(list(dict.fromkeys(_UNSEEN.get(name, "wrong values") for name in passed)))
        if self.rule == PEOPLE:
            return f"They often miss {missed}. Similarity does not show that; votes of people do."
        people = ", and so would votes of people" if self.rule == "similar" else ""
        return f"They often miss {missed}. A {self.rule} rule would compare each output with its reference{people}."


def measure_near_misses(
    pairs: pl.DataFrame,
    style: StyleSchema,
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
    seed: int = 0,
) -> NearMisses | None:
    """The near misses made of a sample of the outputs in `pairs` that follow the must rules, and those that `style` catches.

    The order of the rows does not matter. None if there are none, if the style has no `must` rule, or if one compares final
    answers: a fault in what leads to the answer is none for it.
    """
    must_rules = [check for check in style.checks if check.level == "must"]
    musts = [check.id for check in must_rules]
    columns = pair_columns(sample(pairs, seed=seed, known=pairs).head(_MADE_FROM), count_tokens=count_tokens)
    if not musts or not len(columns.output) or any(check.kind == "final_answer" for check in must_rules):
        return None
    right = check_columns(columns, style).shares()["acceptable"].fill_null(True)
    columns = columns.changed(right.arg_true().to_list(), columns.output.filter(right))
    wrong = near_misses(columns, style.wordings, seed=seed)
    if wrong is None:
        return None
    failed = check_columns(wrong.columns, style).status.select(pl.all() == "fail")
    table = failed.select(must=pl.any_horizontal(musts), any=pl.any_horizontal(pl.all())).with_columns(kind=wrong.kinds)
    counted = table.group_by("kind", maintain_order=True).agg(pl.len(), pl.col("must").mean(), pl.col("any").mean())
    by_kind = {
        kind: CaughtMisses(n=n, caught=must, with_should=some)
        for kind, n, must, some in sorted(counted.iter_rows(), key=lambda row: KINDS_OF_MISSES.index(row[0]))
    }
    # Rules that tell the answers of similar requests apart may still miss a wrong value, and the other way round.
    shares = table.group_by(pl.col("kind") == NEAREST).agg(pl.len(), pl.col("must").mean())
    misses = any(n >= _FEWEST and share < ENOUGH_CAUGHT for _, n, share in shares.iter_rows())
    comparing = {check.kind for check in must_rules if check.about == "correctness"}
    rule = None
    if misses and comparing <= {"similar"}:  # a wrong text may be as similar
        rule = PEOPLE if comparing else comparing_kind(columns.output)
    passed = (
        table.with_row_index().filter(~pl.col("must")).unique("kind", keep="first", maintain_order=True).head(_SHOWN)
    )
    survivors = [
        Survivor(kind=kind, text=_shown(wrong.columns.changed([at], wrong.columns.output[at : at + 1]), style))
        for at, kind in passed.select("index", "kind").iter_rows()
    ]
    return NearMisses(
        n=len(table),
        caught=float(table["must"].mean()),  # type: ignore[arg-type]
        by_kind=by_kind,
        survivors=survivors,
        rule=rule,
    )


def _shown(one: Columns, style: StyleSchema) -> str:
    """The output without its facts."""
    (output,) = one.output
    (named,) = masked(one, style.wordings)
    if writes_fields(one.output):
        text = _STRING.sub('"…"', output)
    elif named.slots:
        text = " ".join(named.pieces)
    else:
        text = output
        for value in reversed(shared_spans(output, one.input[0])):
            text = f"{text[: value.start]}…{text[value.end :]}"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
