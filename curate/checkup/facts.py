"""Numbers and codes that outputs state and inputs do not: a model trained on them learns to invent them."""

import html
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import polars as pl

from ...core import say
from ...style import KINDS, Check, Columns, find_violations
from .columns import Column, Table, quoted_names
from .finding import Example, Finding, Severity, excerpt

__all__ = ["missing_facts", "without_markup"]

_SHOWN = 3  # examples
_OFTEN = 0.9  # of the outputs: a sentence that nearly all of them have can be learned
_LOOKED_AT = 300  # rows whose missing facts are looked for in the columns beside the input
_HOLDS = 0.3  # of the missing facts: a column that holds so many of them belongs into the input
_SEVERE: tuple[tuple[float, Severity], ...] = ((0.1, "high"), (0.02, "medium"), (0.0, "low"))  # by share of the rows
_BLOCK = r"(?i)<(?:br|/?(?:p|div|li|ul|ol|dl|dt|dd|h[1-6]|tr|td|th|table|section|article|blockquote|pre))\b[^<>]*>"
_UNSEEN = r"(?is)<!--.*?-->|<style\b.*?</style\s*>|<script\b.*?</script\s*>"
_TAG = r"</?[A-Za-z][^<>]*>|<![A-Za-z][^<>]*>"
_ADDRESS = r"(?i)\b(?:https?://|www\.)[^\s<>\"')\]]+|\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
# Queries and programs: their numbers and names are mostly part of how they are written. JSON is none.
_CODE = (
    r"(?is)^\s*(?:select|with|insert|update|delete|create)\s.*\b(?:from|into|set|table|select)\b|^\s*[^\s{\[].*[;}]\s*$"
)
_SAME = 0.9  # of the missing facts: if one value is so many of them, a model learns to add it everywhere
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


def without_markup(texts: pl.Series) -> pl.Series:
    """The texts as a reader sees them: without tags, entities and addresses; blocks are on lines of their own."""
    name = texts.name
    plain = texts.str.replace_all(_UNSEEN, " ").str.replace_all(_BLOCK, "\n").str.replace_all(_TAG, "")
    escaped = plain.str.contains("&", literal=True).arg_true()
    if len(escaped):
        plain = plain.clone().scatter(escaped, [html.unescape(plain[index]) for index in escaped])
    return plain.str.replace_all(_ADDRESS, " ").alias(name)


def missing_facts(pairs: pl.DataFrame, table: Table) -> Iterator[Finding]:
    """Two findings: numbers, and codes, that are in an output and in no column of its input."""
    outputs = without_markup(pairs["output"])
    requests = pairs.select(pl.concat_str("input", pl.col("system").fill_null(""), separator="\n")).to_series()
    # An input is searched with its markup and as it reads: whatever it states in either, it states.
    requests = pl.DataFrame({"text": requests, "plain": without_markup(requests)}).select(
        pl.when(pl.col("text") == pl.col("plain"))
        .then("text")
        .otherwise(pl.concat_str("text", "plain", separator="\n"))
    )
    missing = _stated_alone(outputs, requests.to_series())
    code = outputs.str.contains(_CODE).arg_true()  # of each output, not of each fact: a text may have thousands
    missing = _without_habits(missing.filter(~pl.col("index").is_in(code.implode())), outputs)
    for kind in ("numbers", "codes"):
        found = missing.filter(pl.col("expected").str.starts_with(f"a {kind.removesuffix('s')}"))
        if len(found):
            yield _finding(kind, found, pairs, outputs, table)


def _stated_alone(outputs: pl.Series, inputs: pl.Series) -> pl.DataFrame:
    """The facts of each output that its input does not state, as the check `grounded` finds them."""
    check = Check("grounded", "facts", "must", "facts", KINDS["grounded"].parameters(facts=("numbers", "codes")))
    fields = pl.Series("fields", [None], dtype=pl.String).new_from_index(0, len(outputs))
    return find_violations(check, Columns(outputs, inputs, fields)).violations


def _without_habits(missing: pl.DataFrame, outputs: pl.Series) -> pl.DataFrame:
    """The facts without those in sentences that nearly all outputs have: a model can learn such a sentence as it is."""
    if len(missing) < _OFTEN * len(outputs):
        return missing
    table = missing.with_columns(sentence=_sentences(missing, outputs))
    rows = pl.col("index").n_unique().over("sentence")
    return table.filter(rows < max(2, _OFTEN * len(outputs))).drop("sentence")


def _sentences(missing: pl.DataFrame, outputs: pl.Series) -> pl.Series:
    """A number for the sentence or line of each fact, equal if they are in lower case; each is read once, however many
    facts a text has."""
    found: list[int] = []
    ends: list[int] = []
    sentences: dict[int, int] = {}
    known: dict[str, int] = {}
    row, text = -1, ""
    for index, start in missing.select("index", "start").iter_rows():
        if index != row:
            row, text, sentences = index, outputs[index], {}
            ends = [mark.end() for mark in _SENTENCE.finditer(text)]
        number = bisect_right(ends, start)
        if number not in sentences:
            begin, end = ends[number - 1] if number else 0, ends[number] if number < len(ends) else len(text)
            sentence = " ".join(text[begin:end].lower().split())
            sentences[number] = known.setdefault(sentence, len(known))
        found.append(sentences[number])
    return pl.Series(found, dtype=pl.Int64)


def _finding(kind: str, missing: pl.DataFrame, pairs: pl.DataFrame, outputs: pl.Series, table: Table) -> Finding:
    rows = missing["index"].n_unique()
    share = rows / len(pairs)
    holding = _holding(missing, table.columns)
    severity: Severity = next(name for least, name in _SEVERE if share >= least)
    usual = _usual(missing)
    if severity == "high" and (kind == "codes" or usual):  # an abbreviation counts as a code, and models know many
        severity = "medium"
    learned = "learns to invent them" if usual is None else f"learns to add {usual} everywhere"
    same = f", nearly always {usual}" if usual is not None else ""
    advice = "Add the column that has them to the input, or remove them from the outputs"
    if holding:
        advice = f"Column {quoted_names([holding[0]])} has {say.percent(holding[1])} of them: add it to the input"
    return Finding(
        f"missing_{kind}", severity,
        f"In {say.percent(share)} of the rows ({say.count(rows)}) the output states {kind} that the input does not have{same}: "
        f"a model trained on them {learned}.",
        rows, share, f"{advice}; the rule grounded drops such rows from training.",
        option=table.adding(holding[0]) if holding else None,
        setting=f"checks: [{{kind: grounded, facts: [{kind}]}}]",
        examples=tuple(_examples(missing, pairs, outputs)),
        values={"facts": len(missing), "distinct": missing["found"].n_unique(), "column": holding[0] if holding else None},
    )  # fmt: skip


def _usual(missing: pl.DataFrame) -> str | None:
    """The one text that nearly all of the missing facts are; None if they differ, as those of items do."""
    value, count = (
        missing["found"].value_counts(sort=True, name="n").sort("n", "found", descending=[True, False]).row(0)
    )
    return value if count >= max(2, _SAME * len(missing)) else None


def _examples(missing: pl.DataFrame, pairs: pl.DataFrame, outputs: pl.Series) -> Iterator[Example]:
    """Three facts in different outputs, spread over the rows; of each row the first."""
    first = missing.unique("index", keep="first", maintain_order=True)
    first = first.filter(~pl.Series(outputs.gather(first["index"])).is_duplicated()) if len(first) > 50 else first
    first = first if len(first) else missing.unique("index", keep="first", maintain_order=True)
    for index, found, start, end in (
        first.gather_every(max(1, len(first) // _SHOWN))
        .head(_SHOWN)
        .select("index", "found", "start", "end")
        .iter_rows()
    ):
        yield Example(pairs["row"][index], pairs["id"][index], found, excerpt(outputs[index], start, end))


def _holding(missing: pl.DataFrame, columns: Sequence[Column]) -> tuple[str, float] | None:
    """The unused column that has the most of the missing facts, and the share that it has; None if none has many."""
    rows = missing["index"].unique().sort()
    rows = rows.gather_every(max(1, len(rows) // _LOOKED_AT)).head(_LOOKED_AT)
    some = missing.filter(pl.col("index").is_in(rows.implode()))
    best: tuple[str, float] | None = None
    for column in columns:
        texts = column.texts.gather(some["index"]).fill_null("")
        if column.given or not texts.str.contains("[0-9]").any():
            continue
        lacking = _stated_alone(some["found"], texts)["index"].n_unique()
        share = 1 - lacking / len(some)
        if share >= _HOLDS and (best is None or share > best[1]):
            best = column.name, share
    return best
