"""Outputs that are bad in any style: refusals, prompt remnants, damaged or truncated text, length outliers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from ...style import KINDS, Check, Columns, Level, StyleSchema, check_columns, explain
from ..row_records import FoundPlace, QualityFinding
from .personal import mask_column

_OUTLIER = 6.0  # robust standard deviations of log length: 1 in 10^9 for a normal distribution, so only extremes
_FACTOR = 5.0  # and this multiple of the median length, since lengths of short texts vary widely
_LENGTHS = 50  # the fewest outputs for which a median length is meaningful
_NINE_IN_TEN = (0.05, 0.95)


@dataclass(frozen=True)
class Lengths:
    """far: the outlying lengths (characters), ascending. low, high: the bounds of nine in ten outputs."""

    far: np.ndarray
    low: float
    high: float


def usual_lengths(lengths: np.ndarray, counts: np.ndarray) -> Lengths | None:
    """The usual range of these lengths (ascending), each occurring `counts` times; None if there are few outputs.

    Uses the median and the median absolute deviation of the logarithm (Leys et al. 2013). Distinct lengths with their
    counts are enough, so the lengths of many rows need not be sorted.
    """
    if counts.sum() < _LENGTHS:
        return None
    log = np.log(np.maximum(lengths, 1))
    middle = _median(log, counts)
    distance = np.abs(log - middle)
    nearest_first = np.argsort(distance, kind="stable")
    spread = 1.4826 * _median(distance[nearest_first], counts[nearest_first])
    low, high = (_quantile(lengths, counts, share) for share in _NINE_IN_TEN)
    return Lengths(lengths[distance > max(_OUTLIER * spread, np.log(_FACTOR))], low, high)


def _median(values: np.ndarray, counts: np.ndarray) -> float:
    n = int(counts.sum())
    return float(np.median(_at(values, counts, np.array([(n - 1) // 2, n // 2]))))


def _quantile(values: np.ndarray, counts: np.ndarray, share: float) -> float:
    """Matches numpy's quantile: interpolates between the two neighbouring values."""
    place = share * (int(counts.sum()) - 1)
    neighbours = _at(values, counts, np.array([int(place), int(place) + 1]))
    return float(np.quantile(neighbours, place - int(place)))


def _at(values: np.ndarray, counts: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The values at these places of the ascending `values`, each repeated `counts` times."""
    last = np.cumsum(counts)
    return values[np.minimum(np.searchsorted(last, places, side="right"), len(values) - 1)]


SIGNS = (
    "a code fence is not closed",
    "what it opens is not closed",
    "it stops where more must come",
    "it stops without a mark, unlike the others",
)
MARKED = "it ends with a mark"

_LAST = 60  # characters shown from the end
_USUAL_ENDING = 0.05  # a more frequent ending is a convention of the data, not a truncation
_MARKED = 0.95  # share of outputs that end in punctuation; below it, prose without a final mark is normal
_FEW_ENDINGS = 20  # with fewer outputs no convention can be inferred

_END = pl.col("end")
_OPEN_FENCE = pl.col("output").str.count_matches(r"(?m)^\s*```") % 2 == 1
# An unclosed opening bracket after a word or space, as in prose; not the mouth of `:(`.
_OPEN_BRACKET = _END.str.contains(r"(?:\w|\s|\A)[(\[{][^()\[\]{}]*\z") & ~_END.str.contains(r"[:;=]['-]?[(\[{]\s*\z")
_OPEN_OBJECT = _END.str.contains(r'\A\s*(?:\{\s*"|\[\s*[\[{"])') & ~_END.str.contains(r"[}\]][;,.)`]*\z")
_ASKS_FOR_MORE = _END.str.contains(r"(?:\w,|\s[&–—-]|[a-z]{3}-|\b(?:and|or|nor|the|an|und|oder|der|das|et|ou))\z")
_MARK = _END.str.contains(r"[.!?…:;。！？।؟\p{Pe}\p{Pf}\p{So}\"'*_`~|>=-]\z")
# A list, table, code, heading or signature normally ends without punctuation.
_NO_SENTENCE = pl.col("last_line").str.contains(
    r"\A\s*(?:[-*+•–|#>$@}]|\d+[.)]|\s{2}\S|https?://)|[<={}/\\|]|https?://"
) | (pl.col("output").str.contains(r"\n") & (pl.col("last_line").str.count_matches(r"\S+") <= 4))
_SENTENCE = pl.col("last_line").str.count_matches(r"\S+") > 5


def ending_signs(outputs: pl.Series) -> pl.DataFrame:
    """The signs of truncation in each output: a boolean column per sign of `SIGNS`, and `MARKED`.

    Whether a sign means truncation depends on the other outputs: see `reliable_signs`.
    """
    signs = (_OPEN_FENCE, _OPEN_OBJECT | _OPEN_BRACKET, _ASKS_FOR_MORE, _SENTENCE & ~_NO_SENTENCE & ~_MARK)
    frame = _ends(outputs).with_columns(last_line=_END.str.extract(r"([^\n]*)\z", 1))
    return frame.select(*(sign.alias(name) for name, sign in zip(SIGNS, signs, strict=True)), _MARK.alias(MARKED))


def reliable_signs(counts: Mapping[str, int], rows: int) -> list[str]:
    """The signs that indicate truncation, given the count of outputs per sign and of those `MARKED`."""
    *plain, unmarked = SIGNS
    reliable = [sign for sign in plain if rows < _FEW_ENDINGS or counts[sign] / rows <= _USUAL_ENDING]
    return [*reliable, unmarked] if rows >= _FEW_ENDINGS and counts[MARKED] / rows >= _MARKED else reliable


def endings(outputs: pl.Series) -> pl.DataFrame:
    """The end of each output for display: found, start, end (code points, end excluded)."""
    length = _END.str.len_chars().cast(pl.Int64)
    return _ends(outputs).select(found=_END.str.tail(_LAST), start=pl.max_horizontal(length - _LAST, 0), end=length)


def _ends(outputs: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"output": outputs.fill_null("")}).with_columns(end=pl.col("output").str.strip_chars_end())


EVIDENCE_SCHEMA = {"index": pl.UInt32, "rule": pl.String, "start": pl.Int64, "end": pl.Int64, "evidence": pl.String}

# Findings of the kind `clean` -> rule.
_CLEAN_RULES = {
    "refusals": "quality:refusal",
    "mojibake": "quality:mojibake",
    "placeholders": "quality:placeholder",
    "prompt echo": "quality:echo",
    "assistant phrases": "quality:phrase",
    "fences": "quality:fence",
}
# Phrases that no human author writes: the model mentions itself or leaves its markup in the text.
_REMAINS = (
    r"(?i)language model|\bas an ai\b|<\|\w+\|>|<(?:start|end)_of_turn>|</?think>|\[/?inst\]|^\s*(?:assistant|ai)\s*:"
)
_QUOTES = ["`", '"', "'", "“", "‘", "«"]  # before markup or a damaged character, these show that it is quoted
_REMAINS_RULE = "quality:remains"
_TRUNCATED_RULE = "quality:truncated"
_LENGTH_RULE = "quality:length"

# Faults visible in a single output; the first of several gives the reason. The level is `must` only where nearly every
# match is a real fault. Fences and polite phrases are a matter of taste: a `clean` check in the schema makes them rules.
FAULTS: dict[str, Level] = {
    "quality:refusal": "must",
    "quality:mojibake": "must",
    "quality:placeholder": "must",
    "quality:echo": "must",
    _REMAINS_RULE: "must",
    "quality:phrase": "should",
    "quality:fence": "should",
}
# In reporting order, by severity; the last two are judged relative to the other outputs.
_RULES = tuple(dict.fromkeys([_REMAINS_RULE, *FAULTS, _TRUNCATED_RULE, _LENGTH_RULE]))

# A rule that more of the outputs break describes the data (a chat's "Sure!"): it is reported, not applied.
_HABIT = 0.1
_FEW = 20  # with fewer outputs no convention can be inferred
_SHOWN = 3


@dataclass(frozen=True)
class Quality:
    """hits: a boolean column per rule with findings, one row per output, rules in order of severity.

    levels: rule -> `must` or `should`, for the same rules. habits: rules too frequent to apply. examples: index,
    rule, start, end, evidence of each rule's first three outputs.
    """

    hits: pl.DataFrame
    levels: dict[str, Level]
    habits: tuple[str, ...]
    examples: pl.DataFrame

    def rules(self, level: Level) -> list[str]:
        """The rules of a level."""
        return [rule for rule, rule_level in self.levels.items() if rule_level == level]

    def summary(self, names: pl.DataFrame) -> dict[str, QualityFinding]:
        """The finding of each rule, with three examples; `names` has the columns `row, id` of all rows."""
        summary = {}
        for rule, level in self.levels.items():
            rows = int(self.hits[rule].sum())
            shown = self.examples.filter(pl.col("rule") == rule)
            known = names.select("row", "id")[shown["index"].to_list()]
            examples = pl.concat([known, shown.select("start", "end", "evidence")], how="horizontal").to_dicts()
            summary[rule] = QualityFinding(
                rows=rows, share=rows / len(self.hits), level=level, examples=[FoundPlace(**one) for one in examples]
            )
        return summary


def find_faults(columns: Columns, style: StyleSchema | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Faults visible in each single output, with their evidence.

    The first table has a row per output: a boolean column per rule of `FAULTS`, per sign of truncation and for the mark
    at the end, and `length` (characters). The second has the evidence (`EVIDENCE_SCHEMA`), sorted by index: all rows of
    each rule of level `must`, and three of each other rule or sign, as no more are ever shown.

    If a reviewed schema has a check of kind `clean`, only that check judges refusals and remnants: its `allow` applies.
    One that has not been reviewed drops no row, so that refusals would be kept.
    """
    has_clean = style is not None and style.reviewed and any(check.kind == "clean" for check in style.checks)
    found = dict.fromkeys(FAULTS, pl.Series("index", [], dtype=pl.UInt32))
    evidence = [pl.DataFrame(schema=EVIDENCE_SCHEMA)]
    for rule, check, places in () if has_clean else _remains(columns):
        found[rule] = places["index"]
        evidence.append(_fault_evidence(rule, check, places if FAULTS[rule] == "must" else places.head(_SHOWN)))
    signs = ending_signs(columns.output)
    evidence += [_truncation_evidence(sign, signs[sign], columns.output) for sign in SIGNS]
    flags = np.zeros((len(found), len(columns.output)), bool)
    for flag, index in zip(flags, found.values(), strict=True):
        flag[index.to_numpy()] = True
    rows = signs.with_columns(*map(pl.Series, found, flags), columns.output.str.len_chars().alias("length"))
    return rows, pl.concat(evidence).sort("index", maintain_order=True)


def _remains(columns: Columns) -> Iterator[tuple[str, Check, pl.DataFrame]]:
    """Each rule with the first `clean` match in each output; rules are evaluated separately only in rows with a match."""
    matches = check_columns(columns, StyleSchema("quality", (_clean(()),))).violations
    rows = matches["index"].unique().sort()
    if not len(rows):
        return
    picked = Columns(columns.output.gather(rows), columns.input.gather(rows), columns.fields_json.gather(rows))
    for kind, rule in _CLEAN_RULES.items():
        check = _clean(tuple(name for name in _CLEAN_RULES if name != kind))
        found = check_columns(picked, StyleSchema("quality", (check,))).violations
        found = found.with_columns(index=rows.gather(found["index"]), before=_before(picked, found))
        if kind in ("assistant phrases", "mojibake"):
            found = found.filter(~pl.col("before").is_in(_QUOTES))
        if kind == "assistant phrases":
            strong = found["found"].fill_null("").str.contains(_REMAINS)
            yield _REMAINS_RULE, check, found.filter(strong).unique("index", keep="first", maintain_order=True)
            found = found.filter(~strong)
        yield rule, check, found.unique("index", keep="first", maintain_order=True)


def _before(columns: Columns, found: pl.DataFrame) -> pl.Series:
    """The character before each match; empty at the beginning of the text."""
    output = columns.output.gather(found["index"])
    table = pl.DataFrame({"output": output, "at": found["start"].fill_null(0) - 1})
    return table.select(pl.when(pl.col("at") >= 0).then(pl.col("output").str.slice("at", 1)).otherwise(pl.lit("")))[
        "output"
    ]


def _clean(allow: tuple[str, ...]) -> Check:
    return Check("clean", "quality", "must", "form", KINDS["clean"].parameters(allow=allow))


def _fault_evidence(rule: str, check: Check, places: pl.DataFrame) -> pl.DataFrame:
    sentences = [
        explain(check, text, expected).removeprefix("quality: ")
        for text, expected in places.select("found", "expected").iter_rows()
    ]
    return places.select("index", pl.lit(rule).alias("rule"), "start", "end", _evidence(sentences))


def _truncation_evidence(sign: str, shows: pl.Series, outputs: pl.Series) -> pl.DataFrame:
    index = shows.arg_true().head(_SHOWN)
    found = endings(outputs.gather(index))
    sentences = [f'{sign}; it ends "{" ".join(end.split())}"' for end in found["found"]]
    rule = pl.lit(sign).alias("rule")
    return found.select(index.alias("index").cast(pl.UInt32), rule, "start", "end", _evidence(sentences))


def _evidence(sentences: list[str]) -> pl.Series:
    return mask_column(pl.Series("evidence", sentences, dtype=pl.String))


def judge_quality(rows: pl.DataFrame, evidence: pl.DataFrame) -> Quality:
    """The faults of the outputs apart from style, from `find_faults` over all of them.

    Some can only be judged relative to the other outputs: rules that are habits, signs of truncation, lengths.
    """
    n = len(rows)
    counts: Mapping[str, int] = rows.select(pl.col(pl.Boolean).sum()).row(0, named=True)
    signs = reliable_signs(counts, n)
    cut = rows.select(pl.any_horizontal(*signs, pl.repeat(False, pl.len())).alias(_TRUNCATED_RULE))
    lengths, examples = _lengths(rows["length"])
    hits = pl.concat([rows.select(*FAULTS), cut, lengths], how="horizontal")
    found = [rule for rule in _RULES if hits[rule].any()]
    habits = tuple(rule for rule in found if FAULTS.get(rule) == "must" and n >= _FEW and counts[rule] > _HABIT * n)
    levels: dict[str, Level] = {rule: "should" if rule in habits else FAULTS.get(rule, "should") for rule in found}
    ends = [evidence.filter(pl.col("rule") == sign) for sign in signs]  # the first sign of an output is reported
    shown = [evidence.filter(pl.col("rule") == rule).head(_SHOWN) for rule in FAULTS]
    if ends:
        first = pl.concat(ends).unique("index", keep="first", maintain_order=True).sort("index").head(_SHOWN)
        shown.append(first.with_columns(rule=pl.lit(_TRUNCATED_RULE)))
    return Quality(hits.select(found), levels, habits, pl.concat([*shown, examples]))


def _lengths(length: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The outlying lengths, and the evidence for the first of them."""
    usual = usual_lengths(*np.unique(length.to_numpy(), return_counts=True))
    if usual is None:
        return length.to_frame().select(pl.repeat(False, pl.len()).alias(_LENGTH_RULE)), pl.DataFrame(
            schema=EVIDENCE_SCHEMA
        )
    far = length.is_in(pl.Series(usual.far, dtype=length.dtype).implode()).alias(_LENGTH_RULE)
    index = far.arg_true().head(_SHOWN)
    evidence = [
        (row, _LENGTH_RULE, 0, n, f"{n:,} characters; 9 in 10 outputs have {usual.low:,.0f} to {usual.high:,.0f}")
        for row, n in zip(index, length.gather(index), strict=True)
    ]
    return far.to_frame(), pl.DataFrame(evidence, schema=EVIDENCE_SCHEMA, orient="row")
