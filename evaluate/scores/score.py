"""Scores by the style schema: acceptable, consistent, faithful, and each violation with its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
import polars as pl

from ...core import Fix
from ...style import (
    Columns,
    StyleResults,
    StyleSchema,
    check_columns,
    decided_by,
    pair_columns,
    refused,
    repair_columns,
)  # fmt: skip
from ..outputs.table import CUT, WITHHELD, finish_word
from ..results import Good, Share
from ..statistics.intervals import share_interval


def samples_of(ids: pl.Series) -> int:
    """The number of outputs per item; the rows of an item must be adjacent. 1 if there are no items.

    Raises: ValueError if items have different numbers of outputs, or the rows of one item are not adjacent.
    """
    if not len(ids):
        return 1
    runs = ids.rle().struct.field("len")
    if runs.n_unique() > 1 or len(runs) != ids.n_unique():
        raise ValueError("each item needs the same number of outputs, one after the other")
    return int(runs[0])


def by_item(values: pl.Series, samples: int) -> np.ndarray:
    """`(items, samples)` floats, NaN where a value is null; true is 1, false is 0."""
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy().reshape(-1, samples)


def item_means(values: pl.Series, samples: int) -> np.ndarray:
    """`(items,)`: each item's mean over the samples that have a value, NaN if none has."""
    table = by_item(values, samples)
    known = ~np.isnan(table)
    counts = known.sum(axis=1)
    sums = np.where(known, table, 0.0).sum(axis=1)
    return np.divide(sums, counts, out=np.full(len(table), np.nan), where=counts > 0)


def pass_all(outcomes: np.ndarray) -> dict[str, float]:
    """pass^k of outcomes `(items, samples)` of 0 and 1: the probability that k outputs of one request are all acceptable.

    Each item gives C(c, k) / C(n, k), the share of all choices of k of its n outputs in which every one is among the
    c acceptable ones, which is unbiased; the result is the mean over items (Yao et al. 2024, arXiv 2406.12045). Empty
    without items. Keys are texts, as in JSON.

    >>> pass_all(np.array([[1, 1], [1, 0]]))
    {'1': 0.75, '2': 0.5}
    """
    successes, samples = outcomes.sum(axis=1).astype(int), outcomes.shape[1]
    if not len(successes):
        return {}
    by_k = {}
    for k in range(1, samples + 1):
        of_count = np.array([comb(c, k) / comb(samples, k) for c in range(samples + 1)])
        by_k[str(k)] = float(of_count[successes].mean())
    return by_k


def unstable_share(outcomes: np.ndarray, groups: np.ndarray | None) -> Share:
    """The share of items only some of whose outputs are acceptable; with one output each this is unknown."""
    successes, samples = outcomes.sum(axis=1).astype(int), outcomes.shape[1]
    if samples == 1:
        return Share(share=None, low=None, high=None)
    found = share_interval((successes > 0) & (successes < samples), groups)
    return Share(share=found.share, low=found.low, high=found.high)


SHARES = ("acceptable", "consistent", "faithful", "correct")
VIOLATION = pl.Struct(
    {"check": pl.String, "found": pl.String, "start": pl.Int64, "end": pl.Int64, "expected": pl.String}
)  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """`table`: the outputs, each with `acceptable`, `consistent`, `faithful`, `correct` (null = could not be scored) and
    `violations` (a list of check, found, start, end, expected). `status`: a column per check for the same rows.

    Both have one row per pair and sample, a pair's samples one after the other.
    """

    table: pl.DataFrame
    status: pl.DataFrame

    @cached_property
    def samples(self) -> int:
        """How many outputs each pair has."""
        return samples_of(self.table["id"])

    def breaks_in_production(self, style: StyleSchema) -> pl.Series:
        """Whether each output breaks a must rule that a program can check without the right answer."""
        musts = [check.id for check in style.without_references.checks if check.level == "must"]
        failing = [pl.col(rule) == "fail" for rule in musts]
        broken = self.status.select(pl.any_horizontal(failing)).to_series() if musts else failed_whole(self.table)
        return broken | (failed_whole(self.table) & self.table["error"].is_null())

    @cached_property
    def items(self) -> pl.DataFrame:
        """One row per pair, in order: `id` and the shares as means over its samples.

        Null where one of them could not be scored: such a pair is dropped for every variant.
        """
        # NumPy's mean propagates NaN, so one unscored sample makes the item null.
        means = {
            name: pl.Series(by_item(self.table[name], self.samples).mean(axis=1)).fill_nan(None) for name in SHARES
        }
        return pl.DataFrame({"id": self.table["id"].gather_every(self.samples), **means})


def good_outputs(style: StyleSchema) -> Good:
    """What outputs are called that break no must rule, for pairs that all have a reference."""
    return "correct" if decided_by(style.checks) == ["references"] else "acceptable"


def score_outputs(
    pairs: pl.DataFrame,
    outputs: pl.DataFrame,
    style: StyleSchema,
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
    repair: Fix = "off",
) -> Scores:
    """Scores of one variant's outputs (columns of OUTPUT_SCHEMA): one or more for each pair, in the order of the pairs.

    An output that is missing, empty, a refusal or cut at the token limit fails all three shares, regardless of its
    checks. A share that no `must` rule measures is null throughout. An output with an `error` never arrived and is
    unscored. `count_tokens` is for lengths in tokens, which are unscored without it. Rules about correctness apply only if
    the pairs have their `references`.

    With `repair`, outputs that do not fail as a whole are repaired by the style first. The table then has `raw` (the
    output as it came) and `fixed` (the rules by which it was repaired), both null where it is unchanged, and
    `raw_acceptable`; its tokens are still those of the output as it came.
    """
    samples = samples_of(outputs["id"])
    if pairs["id"].to_list() != outputs["id"].gather_every(samples).to_list():
        raise ValueError("pairs and outputs must have the same ids in the same order")
    texts = outputs["output"].fill_null("")
    repeated = pairs if samples == 1 else pairs[[row for row in range(len(pairs)) for _ in range(samples)]]
    columns = pair_columns(repeated.with_columns(output=texts), count_tokens=count_tokens)
    results = check_columns(columns, style)
    failures, lost = _failures(outputs, texts), outputs["error"].is_not_null()
    if repair != "off":
        as_given = _shares(results, failures, lost)["acceptable"]
        outputs = _repaired(outputs, columns, style, failures.is_null() & ~lost, unsafe=repair == "unsafe")
        outputs = outputs.with_columns(as_given.alias("raw_acceptable"))
        texts = outputs["output"].fill_null("")
        results = check_columns(pair_columns(repeated.with_columns(output=texts), count_tokens=count_tokens), style)
        failures = failures.fill_null(_failures(outputs, texts))  # nothing may be left of an output
    shares = _shares(results, failures, lost)
    status = results.status.select(pl.when(pl.lit(lost)).then(pl.lit("unscored")).otherwise(pl.all()).name.keep())
    listed = _listed(results.violations, failures, texts, lost)
    return Scores(pl.concat([outputs, shares, listed], how="horizontal"), status)


def _repaired(
    outputs: pl.DataFrame, columns: Columns, style: StyleSchema, sound: pl.Series, *, unsafe: bool
) -> pl.DataFrame:
    """The outputs after repair of the `sound` ones, with `raw` and `fixed`."""
    rows = sound.arg_true()
    repaired = repair_columns(columns.changed(rows.to_list(), columns.output.gather(rows)), style, unsafe=unsafe)
    changed = repaired.changes["index"].unique().sort()
    rules = repaired.changes.group_by("index", maintain_order=True).agg(
        fixed=pl.col("rule").unique(maintain_order=True)
    )
    new = pl.DataFrame(
        {"place": rows.gather(changed), "repaired": repaired.texts.gather(changed), "fixed": rules["fixed"]}
    )
    table = outputs.with_row_index("place").join(new, on="place", how="left", maintain_order="left")
    fixed = pl.col("fixed").is_not_null()
    table = table.with_columns(
        raw=pl.when(fixed).then("output"), output=pl.when(fixed).then("repaired").otherwise("output")
    )
    return table.select(*outputs.columns, "raw", "fixed")


def _shares(results: StyleResults, failures: pl.Series, lost: pl.Series) -> pl.DataFrame:
    """The shares of each output: false if it fails as a whole, null if it never arrived or no rule measures them."""
    measured = {check.about for check in results.style.checks if check.level == "must"}
    unmeasured = [name for name, abouts in _MEASURED_BY.items() if measured.isdisjoint(abouts)]
    every = pl.exclude([*unmeasured, "correct"])
    failed = pl.lit(failures.is_not_null())
    shares = results.shares().with_columns(
        pl.when(pl.lit(lost)).then(None).when(failed).then(False).otherwise(every).name.keep()
    )
    compared = pl.lit(results.compared)
    correct = pl.when(pl.lit(lost) | ~compared).then(None).when(failed).then(False).otherwise("correct")
    return shares.with_columns(correct=correct)


_MEASURED_BY = {"consistent": ("form", "wording"), "faithful": ("facts",)}


def failed_whole(table: pl.DataFrame) -> pl.Series:
    """Whether each output of a scored table fails regardless of its checks: missing, empty, cut or refused."""
    return _failures(table, table["output"].fill_null("")).is_not_null()


def _failures(outputs: pl.DataFrame, texts: pl.Series) -> pl.Series:
    """Why an output fails as a whole, or null."""
    words = {word: finish_word(word) for word in outputs["finish_reason"].unique()}
    ends = outputs["finish_reason"].replace_strict(words, return_dtype=pl.String)
    frame = outputs.select("output", ends=ends, text=texts, refused=refused(texts))
    return frame.select(
        why=pl.when(pl.col("output").is_null()).then(pl.lit("no output"))
        .when(pl.col("text").str.strip_chars() == "").then(pl.lit("empty output"))
        .when(pl.col("ends") == CUT).then(pl.lit("cut at the token limit"))
        .when(pl.col("refused") | (pl.col("ends") == WITHHELD)).then(pl.lit("refused"))
    )["why"]  # fmt: skip


_EXPECTED = {
    "no output": "an output", "empty output": "an output", "cut at the token limit": "an answer that ends on its own",
    "refused": "an answer",
}  # fmt: skip


def _listed(violations: pl.DataFrame, failures: pl.Series, texts: pl.Series, lost: pl.Series) -> pl.DataFrame:
    """A column `violations`: per row a list, the failure of the whole output first; none if the output never arrived."""
    rows = pl.DataFrame({"index": range(len(texts))}, schema={"index": pl.UInt32})
    whole = rows.with_columns(check=failures, expected=failures.replace(_EXPECTED)).filter(
        failures.is_not_null() & ~lost
    )
    # An empty output breaks every rule; one violation is enough.
    non_blank = rows.filter(texts.str.strip_chars() != "")
    listed = pl.concat(
        [whole, violations.join(non_blank, on="index", how="semi", maintain_order="left")], how="diagonal"
    )
    lists = listed.group_by("index", maintain_order=True).agg(violations=pl.struct(*VIOLATION.to_schema()))
    joined = rows.join(lists, on="index", how="left", maintain_order="left")
    return joined.select(pl.col("violations").fill_null(pl.lit([], dtype=pl.List(VIOLATION))))
