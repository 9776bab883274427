"""What the texts of pairs are like: faults, markup, languages, personal data, lengths."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from ...core import say
from ...style import SURE_SHARE, language_name, likely_languages
from ..check.masking import personal_words
from ..check.personal import places_in
from ..check_parts import CheckedPairs
from .finding import Example, Finding, Severity, excerpt

__all__ = ["faults", "languages", "lengths", "long_inputs", "markup", "personal_data"]

_SHOWN = 3
_SOME = 0.02
_READ = 150  # outputs whose language is detected: enough to find one that a fiftieth of them are in
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


def faults(pairs: pl.DataFrame, checked: CheckedPairs) -> Iterator[Finding]:
    """Each quality rule that outputs break, with three of them."""
    for rule, found in checked.checked.quality.items():
        if rule not in _RULES:
            continue
        rows, share = found["rows"], found["share"]
        severity: Severity = "medium" if rule in _WEIGHTY and share >= 0.005 else "low"
        dropped = found["level"] == "must"
        advice = "Curating drops them." if dropped else "They are kept; read a few of them."
        examples = [_fault_example(pairs, example) for example in found["examples"][:_SHOWN]]
        yield Finding(
            rule.replace("quality:", "quality_"), severity,
            f"{say.count(rows, 'output')} ({say.percent(share)}) {_RULES[rule] if rows > 1 else _singular(_RULES[rule])}.",
            rows, share, advice, examples=tuple(examples),
        )  # fmt: skip


def _singular(verb: str) -> str:
    first, _, rest = verb.partition(" ")
    return f"{ {'have': 'has', 'are': 'is'}.get(first, f'{first}s') } {rest}".strip()


def _fault_example(pairs: pl.DataFrame, example: Mapping[str, Any]) -> Example:
    return Example(example["row"], str(example["id"]), None, example["evidence"])


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


def languages(pairs: pl.DataFrame) -> tuple[dict[str, float], list[Finding]]:
    """The share of each language among the outputs whose language is certain, and a finding if there are several."""
    texts = pairs.select("row", "id", "output").filter(pl.col("output").str.strip_chars().str.len_chars() >= _FEWEST)
    texts = texts.unique("output", keep="first", maintain_order=True)
    texts = texts.gather_every(max(1, len(texts) // _READ)).head(_READ)
    if texts.is_empty():
        return {}, []
    seen = texts.hstack(likely_languages(texts["output"])).filter(pl.col("share") >= SURE_SHARE).drop_nulls("language")
    counts = seen["language"].value_counts(name="n").sort("n", "language", descending=[True, False]).rows()
    shares = {language: n / len(seen) for language, n in counts}
    others = seen.filter(pl.col("language") != counts[0][0]) if counts else seen
    if len(counts) < 2 or len(others) < max(2, 0.01 * len(seen)):
        return shares, []
    named = ", ".join(f"{language_name(code)} {say.percent(share)}" for code, share in list(shares.items())[:4])
    share = len(others) / len(seen)
    examples = [
        Example(row, id, language_name(code), excerpt(text, 0, 40))
        for row, id, text, code in others.select("row", "id", "output", "language").head(_SHOWN).iter_rows()
    ]
    finding = Finding(
        "languages", "medium" if share < 0.5 else "low",
        f"The outputs are in several languages: {named} (of {say.count(len(seen))} read with certainty).",
        len(others), share, "Train on one language, or name the language in the input.",
        setting=f"checks: [{{kind: language, is: {counts[0][0]}}}]", examples=tuple(examples), values={"shares": shares},
    )  # fmt: skip
    return shares, [finding]


def personal_data(pairs: pl.DataFrame, checked: CheckedPairs) -> Iterator[Finding]:
    """Personal data in the pairs; only its places are told."""
    found = checked.personal
    rows = found["rows"]
    if not rows:
        return
    examples = [
        Example(
            place["row"], _id_of(pairs, place["row"]), place["what"],
            f"{place['where']}, characters {place['start'] + 1} to {place['end']}",
        )
        for place in found["places"][:_SHOWN]
    ]  # fmt: skip
    share = rows / len(pairs)
    yield Finding(
        "personal_data", "high" if share >= _SOME else "medium",
        f"{say.count(rows, 'row')} ({say.percent(share)}) {'have' if rows > 1 else 'has'} personal data: "
        f"{personal_words(found['found'])}.",
        rows, share, "Mask it, or a model may repeat it.", option="--mask", setting="[curate] mask = true",
        examples=tuple(examples), values={"found": dict(found["found"])},
    )  # fmt: skip


def _id_of(pairs: pl.DataFrame, row: int) -> str:
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
