"""What the texts of pairs are like: facts that the inputs lack, faults, markup, languages, personal data, lengths."""

import html
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

import polars as pl

from ...core import say
from ...style import KINDS, SURE_SHARE, Check, Columns, find_violations, language_name, likely_languages
from ..check.masking import personal_words
from ..check.personal import places_in
from ..check_parts import CheckedPairs
from .findings import Column, Example, Finding, Severity, Table, excerpt, quoted_names

_SHOWN = 3  # examples
_SOME = 0.02
_READ = (
    2_000  # outputs whose language is detected, in a third of a second: a share of a tenth is right within 1.4 points
)
_FEWEST = 20  # characters; the language of a shorter text is hardly ever certain
_TOKEN = 4  # characters: the usual rule of thumb for English
_SPREAD = {"median": 0.5, "p95": 0.95, "longest": 1.0}
_CONTEXT = 8_192  # tokens: the context of the included model, and of many small ones
_RULES = {
    "quality:refusal": "refuse the request",
    "quality:mojibake": "have damaged characters",
    "quality:placeholder": "have an unfilled placeholder",
    "quality:echo": "repeat a line of the request",
    "quality:remains": "have leftovers of an assistant",
    "quality:phrase": "have phrases of an assistant",
    "quality:fence": "are wrapped in code fences",
    "quality:truncated": "look cut off",
    "quality:length": "have an unusual length",
}
_WEIGHTY = ("quality:refusal", "quality:mojibake", "quality:placeholder", "quality:remains", "quality:truncated")
_TAGS = r"</?(?i:p|br|div|span|li|ul|ol|b|i|u|em|strong|h[1-6]|a|td|tr|th|table|img|font|strike|meta|style)\b[^<>]*>"
_ENTITIES = r"&(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
_MARKDOWN = r"\*\*[^*\n]+\*\*|(?m:^#{1,6} \S)|\[[^\]\n]+\]\(https?://[^)\s]+\)|(?m:^```)"
_FORMS = {"HTML tags": _TAGS, "HTML entities": _ENTITIES, "Markdown": _MARKDOWN}


def faults(checked: CheckedPairs) -> Iterator[Finding]:
    """Each quality rule that outputs break, with three of them."""
    for rule, found in checked.checked.quality.items():
        if rule not in _RULES:
            continue
        rows, share = found.rows, found.share
        severity: Severity = "medium" if rule in _WEIGHTY and share >= 0.005 else "low"
        dropped = found.level == "must"
        advice = "Curating drops them." if dropped else "They are kept; read a few of them."
        examples = [
            Example(example.row, str(example.id), None, example.evidence or "") for example in found.examples or ()
        ]
        yield Finding(
            rule.replace("quality:", "quality_"), severity,
            f"{say.count(rows, 'output')} ({say.percent(share)}) {_RULES[rule] if rows > 1 else _singular(_RULES[rule])}.",
            rows, share, advice, examples=tuple(examples),
        )  # fmt: skip


def _singular(verb: str) -> str:
    first, _, rest = verb.partition(" ")
    return f"{ {'have': 'has', 'are': 'is'}.get(first, f'{first}s') } {rest}".strip()


def markup(pairs: pl.DataFrame) -> Iterator[Finding]:
    """Markup in the outputs: in some of them it is a mixture of forms, in all of them a form to be learned."""
    tagged = float(pairs["output"].str.contains(_TAGS).mean() or 0)  # type: ignore[arg-type]
    for name, pattern in _FORMS.items():
        if name == "HTML entities" and tagged >= 0.95:
            continue  # they are part of it
        hits = pairs["output"].str.contains(pattern)
        rows = int(hits.sum())
        if not rows:
            continue
        share = rows / len(pairs)
        mixed = share < 0.95
        severity: Severity = "medium" if mixed and share >= _SOME else "low"
        advice = (
            "Clean the outputs, or the model learns both forms."
            if mixed
            else "The model learns to write it; strip it first if you want plain text."
        )
        html = name == "HTML tags"
        setting = (
            "checks: [{kind: html}]"
            if html and not mixed
            else f"checks: [{{kind: forbidden, regex: '{_PLAIN[name]}'}}]"
        )
        index = hits.arg_true()
        examples = [
            Example(pairs["row"][row], pairs["id"][row], *_first(pairs["output"][row], pattern))
            for row in index.gather_every(max(1, len(index) // _SHOWN)).head(_SHOWN)
        ]
        yield Finding(
            f"markup_{name.replace('HTML ', '').lower()}", severity,
            f"{say.percent(share)} of the outputs ({say.count(rows)}) have {name}.",
            rows, share, advice, setting=setting, examples=tuple(examples),
        )  # fmt: skip


# The patterns as a rule for style.yaml, short enough to read.
_PLAIN = {"HTML tags": "</?[a-z][^<>]*>", "HTML entities": "&#?[a-z0-9]+;", "Markdown": r"\*\*|^#+ |\]\(http"}


def _first(text: str, pattern: str) -> tuple[str, str]:
    """The first match in a text, and the passage around it."""
    found = pl.Series([text]).str.extract(f"({pattern})", 1)[0] or ""
    start = max(text.find(found), 0)
    return found[:40], excerpt(text, start, start + len(found))


def languages(pairs: pl.DataFrame) -> Iterator[Finding]:
    """The languages of the outputs whose language is certain, if there are several."""
    texts = pairs.select("row", "id", "output").filter(pl.col("output").str.strip_chars().str.len_chars() >= _FEWEST)
    texts = texts.unique("output", keep="first", maintain_order=True)
    texts = texts.gather_every(max(1, len(texts) // _READ)).head(_READ)
    if texts.is_empty():
        return
    seen = texts.hstack(likely_languages(texts["output"])).filter(pl.col("share") >= SURE_SHARE).drop_nulls("language")
    counts = seen["language"].value_counts(name="n").sort("n", "language", descending=[True, False]).rows()
    shares = {language: n / len(seen) for language, n in counts}
    others = seen.filter(pl.col("language") != counts[0][0]) if counts else seen
    if len(counts) < 2 or len(others) < max(2, 0.01 * len(seen)):
        return
    named = ", ".join(f"{language_name(code)} {say.percent(share)}" for code, share in list(shares.items())[:4])
    share = len(others) / len(seen)
    examples = [
        Example(row, id, language_name(code), excerpt(text, 0, 40))
        for row, id, text, code in others.select("row", "id", "output", "language").head(_SHOWN).iter_rows()
    ]
    yield Finding(
        "languages", "medium" if share < 0.5 else "low",
        f"The outputs are in several languages: {named} (of {say.count(len(seen))} read with certainty).",
        len(others), share, "Train on one language, or name the language in the input.",
        setting=f"checks: [{{kind: language, is: {counts[0][0]}}}]", examples=tuple(examples), values={"shares": shares},
    )  # fmt: skip


def personal_data(pairs: pl.DataFrame, checked: CheckedPairs) -> Iterator[Finding]:
    """Personal data in the pairs; only its places are told."""
    found = checked.personal
    rows = found.rows
    if not rows:
        return
    examples = [
        Example(
            place.row or 0, _id_of(pairs, place.row), place.what,
            f"{place.where}, characters {(place.start or 0) + 1} to {place.end}",
        )
        for place in found.places[:_SHOWN]
    ]  # fmt: skip
    share = rows / len(pairs)
    yield Finding(
        "personal_data", "high" if share >= _SOME else "medium",
        f"{say.count(rows, 'row')} ({say.percent(share)}) {'have' if rows > 1 else 'has'} personal data: "
        f"{personal_words(found.found)}.",
        rows, share, "Mask it, or a model may repeat it.", option="--mask", setting="[curate] mask = true",
        examples=tuple(examples), values={"found": dict(found.found)},
    )  # fmt: skip


def _id_of(pairs: pl.DataFrame, row: int | None) -> str:
    found = pairs.filter(pl.col("row") == row)["id"]
    return found[0] if len(found) and not places_in(found[0]) else ""


def lengths(pairs: pl.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """The median, the 95th percentile and the maximum of characters and words of inputs and outputs."""
    return {
        name: {
            "characters": _spread(pairs[name].str.len_chars()),
            "words": _spread(pairs[name].str.count_matches(r"\S+")),
        }
        for name in ("input", "output")
    }


def _spread(numbers: pl.Series) -> dict[str, int]:
    return {name: int(numbers.quantile(share, "lower") or 0) for name, share in _SPREAD.items()}


def long_inputs(pairs: pl.DataFrame) -> Iterator[Finding]:
    """Pairs that are longer than a usual context."""
    length = pairs["input"].str.len_chars() + pairs["output"].str.len_chars()
    long = (length > _CONTEXT * _TOKEN).arg_true()
    if len(long):
        share = len(long) / len(pairs)
        examples = [
            Example(pairs["row"][row], pairs["id"][row], None, f"{length[row]:,} characters")
            for row in long.head(_SHOWN)
        ]
        yield Finding(
            "long_pairs", "medium",
            f"{say.count(len(long), 'pair')} ({say.percent(share)}) {'are' if len(long) > 1 else 'is'} longer than about "
            f"{_CONTEXT:,} tokens, a usual context.",
            len(long), share, "Shorten the inputs, or leave these pairs out of training.",
            setting="[train] drop_long = true", examples=tuple(examples),
        )  # fmt: skip


_OFTEN = 0.9  # of the outputs: a sentence that nearly all of them have can be learned
_LOOKED_AT = 300  # rows whose missing facts are looked for in the columns beside the input
_FACTS_READ = 10_000  # pairs: shares of them are right within a point
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
    """Two findings: numbers, and codes, that are in an output and in no column of its input.

    Of more than 10,000 pairs so many are read, chosen by their texts, and the counts are estimates.
    """
    order = pairs.select(pl.struct("input", "output").hash()).to_series().arg_sort()
    read = order.head(_FACTS_READ).sort()
    outputs = without_markup(pairs["output"])
    requests = pairs.select(pl.concat_str("input", pl.col("system").fill_null(""), separator="\n")).to_series()
    # An input is searched with its markup and as it reads: whatever it states in either, it states.
    requests = pl.DataFrame({"text": requests, "plain": without_markup(requests)}).select(
        pl.when(pl.col("text") == pl.col("plain"))
        .then("text")
        .otherwise(pl.concat_str("text", "plain", separator="\n"))
    )
    missing = _stated_alone(outputs.gather(read), requests.to_series().gather(read))
    missing = missing.with_columns(index=read.gather(missing["index"]))
    code = outputs.str.contains(_CODE).arg_true()  # of each output, not of each fact: a text may have thousands
    missing = _without_habits(missing.filter(~pl.col("index").is_in(code.implode())), outputs, read=len(read))
    for kind in ("numbers", "codes"):
        found = missing.filter(pl.col("expected").str.starts_with(f"a {kind.removesuffix('s')}"))
        if len(found):
            yield _finding(kind, found, pairs, outputs, table, read=len(read))


def _stated_alone(outputs: pl.Series, inputs: pl.Series) -> pl.DataFrame:
    """The facts of each output that its input does not state, as the check `grounded` finds them."""
    check = Check("grounded", "facts", "must", "facts", KINDS["grounded"].parameters(facts=("numbers", "codes")))
    fields = pl.Series("fields", [None], dtype=pl.String).new_from_index(0, len(outputs))
    return find_violations(check, Columns(outputs, inputs, fields)).violations


def _without_habits(missing: pl.DataFrame, outputs: pl.Series, *, read: int) -> pl.DataFrame:
    """The facts without those in sentences that nearly all outputs have: a model can learn such a sentence as it is."""
    if len(missing) < _OFTEN * read:
        return missing
    table = missing.with_columns(sentence=_sentences(missing, outputs))
    rows = pl.col("index").n_unique().over("sentence")
    return table.filter(rows < max(2, _OFTEN * read)).drop("sentence")


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


def _finding(
    kind: str, missing: pl.DataFrame, pairs: pl.DataFrame, outputs: pl.Series, table: Table, *, read: int
) -> Finding:
    share = missing["index"].n_unique() / read
    rows = round(share * len(pairs))
    about = "about " if read < len(pairs) else ""
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
        f"In {say.percent(share)} of the rows ({about}{say.count(rows)}) the output states {kind} that the input does not "
        f"have{same}: a model trained on them {learned}.",
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
