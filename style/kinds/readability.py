"""The check `readability`: the school grade needed to read an English text (Flesch-Kincaid)."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..schema import Check, Findings, Kind, Proposal, faults
from .language import likely_languages

# In fewer words, two long ones decide the grade; the formula was derived from passages of 100.
FEWEST_WORDS = 20
_WORD = r"[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*"
# A mark ends a sentence if white space follows: "2.5" does not.
_SENTENCE_END = r"[.!?]+[\"'”’)\]]*(?:\s|$)|\n\s*\n"
_PROPOSE_FROM = 2_000
# Plain language: what most adults read with ease. Being hard to read does not make a common style.
_PLAIN_GRADE = 10
# Below it the grade only reflects how short the sentences happen to be.
_EASIEST_GRADE = 5


@dataclass(frozen=True)
class ReadabilityParameters:
    """The lowest and highest grade, inclusive. Texts under 20 words or not in English are not applicable."""

    grade_min: float | None = None
    grade_max: float | None = None

    def __post_init__(self) -> None:
        low, high = self.grade_min, self.grade_max
        if low is None and high is None:
            raise ConfigError('needs "grade_min" or "grade_max"')
        if low is not None and high is not None and low > high:
            raise ConfigError(f'"grade_min" {low:g} is above "grade_max" {high:g}')


def syllables(word: str) -> int:
    """The syllables of an English word in lower case, estimated from its spelling.

    Vowel groups count; a silent e, es or ed at the end does not; two vowels spoken separately count twice. On the words
    of Debian's package descriptions it agrees with the CMU Pronouncing Dictionary for 93% of all words (0.02 too few per
    word on average); hyphenation patterns, the other lightweight method, agree for 77%.
    """
    count = len(re.findall(r"[aeiouyàâäæèéêëîïôöœùûü]+", word))
    silent = (
        r"[^aeiouyl]e$",  # make, but not table
        r"[^aeiouytd]ed$",  # used, but not wanted
        r"(?<![sxzcg])(?<![sc]h)(?<![aeiouy])es$",  # files, but not boxes
    )
    if count > 1 and any(re.search(pattern, word) for pattern in silent):
        count -= 1
    apart = r"i[ao](?!u)|[aeiouy]ing$|eo(?!p)|ua|ism$|[^aeiou]ier$"
    count += len(re.findall(apart, re.sub(r"[tscg]i[ao]", "xo", word)))  # -tion and the like are one syllable
    return max(1, count)


def reading_grades(texts: pl.Series) -> pl.Series:
    """The Flesch-Kincaid grade of each text; null under 20 words.

    0.39 words per sentence + 11.8 syllables per word - 15.59 (Kincaid, Fishburne, Rogers and Chissom, 1975, Derivation
    of new readability formulas for Navy enlisted personnel, Research Branch Report 8-75). Words are runs of letters.
    """
    stripped = texts.str.strip_chars()
    table = pl.DataFrame({
        "word": stripped.str.to_lowercase().str.extract_all(_WORD),
        "sentences": stripped.str.count_matches(_SENTENCE_END),
        # Words after the last mark form a sentence too.
        "open": ~stripped.str.contains(r"[.!?][\"'”’)\]]*$"),
    }).with_row_index()  # fmt: skip
    long = table.filter(pl.col("word").list.len() >= FEWEST_WORDS)
    words = long.select("index", "word").explode("word")
    distinct = words["word"].unique()
    counts = pl.DataFrame({"word": distinct, "syllables": [syllables(word) for word in distinct]},
                          schema={"word": pl.String, "syllables": pl.Int64})  # fmt: skip
    sums = words.join(counts, on="word").group_by("index").agg(pl.len().alias("words"), pl.col("syllables").sum())
    sentences = (pl.col("sentences") + pl.col("open").cast(pl.UInt32)).clip(1)
    grade = 0.39 * pl.col("words") / sentences + 11.8 * pl.col("syllables") / pl.col("words") - 15.59
    return table.join(sums, on="index", how="left", maintain_order="left").select(grade=grade)["grade"]


def _find_readability(check: Check, columns: Columns) -> Findings:
    p: ReadabilityParameters = check.parameters
    grades = _english_grades(columns.output)
    low, high = p.grade_min, p.grade_max
    wanted = f"grade {low:g} to {high:g}" if low is not None and high is not None else (
        f"at least grade {low:g}" if low is not None else f"at most grade {high:g}"
    )  # fmt: skip
    bounds = pl.DataFrame({"grade": grades}).with_row_index().filter(
        (pl.col("grade") < (-math.inf if low is None else low))
        | (pl.col("grade") > (math.inf if high is None else high))
    )  # fmt: skip
    rows = [(index, f"grade {grade:.1f}", None, None, wanted) for index, grade in bounds.iter_rows()]
    return Findings(faults(rows), grades.is_not_null())


def _english_grades(texts: pl.Series) -> pl.Series:
    """The grades of the texts that are probably in English; null for the others."""
    grades = reading_grades(texts)
    table = pl.DataFrame({"text": texts, "grade": grades}).with_row_index()
    graded = table.filter(pl.col("grade").is_not_null())
    english = graded.hstack(likely_languages(graded["text"])).filter(pl.col("language") == "en")
    return table.select(pl.when(pl.col("index").is_in(english["index"].implode())).then("grade"))["grade"]


def _say_readability(check: Check) -> str:
    p: ReadabilityParameters = check.parameters
    low, high = p.grade_min, p.grade_max
    if low is None:
        return f"Write plainly: short sentences and common words, school grade {high:g} or lower (Flesch-Kincaid)."
    if high is None:
        return f"Write for readers of school grade {low:g} or higher (Flesch-Kincaid)."
    return f"Write for readers of school grades {low:g} to {high:g} (Flesch-Kincaid)."


def _explain_readability(check: Check, found: str | None, expected: str) -> str:
    p: ReadabilityParameters = check.parameters
    above = p.grade_max is not None and found is not None and float(found.removeprefix("grade ")) > p.grade_max
    way = "shorter sentences and words lower it" if above else "longer sentences and words raise it"
    return f"the text reads at {found}, expected {expected}; {way}"


def _propose_readability(columns: Columns) -> Sequence[Proposal]:
    """A highest grade, if nearly all texts are plain and long enough to have one."""
    texts = columns.output.unique().sort()
    grades = _english_grades(texts.gather_every(max(1, -(-len(texts) // _PROPOSE_FROM))))
    graded = grades.drop_nulls()
    if len(graded) < max(20, 0.8 * len(grades)):
        return ()
    high = graded.quantile(0.975, interpolation="higher")
    if high is None or math.ceil(high) > _PLAIN_GRADE:
        return ()
    return (
        Proposal(
            {"grade_max": max(_EASIEST_GRADE, math.ceil(high))},
            note=f"half of the texts are below {graded.median():.1f}",
        ),
    )


READABILITY = Kind(
    "readability", "wording", ReadabilityParameters, _find_readability, _say_readability, _propose_readability,
    _explain_readability,
)  # fmt: skip
