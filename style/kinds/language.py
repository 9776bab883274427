"""The check `language`: the language that an output is written in."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..schema import Check, Findings, Kind, Proposal, faults

# py3langid: pure Python, 4.6 MB, numpy as its only dependency, no downloads at run time, and calibrated probabilities
# on short texts. On 32,966 English technical lines and 26,490 interface texts in 35 languages its wrong answers were
# below .8 except for one in 5,000; pycld2 was certain and wrong on 0.7% of the same lines.
SURE_SHARE = 0.8

_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
# Languages too similar to distinguish in a single line: each counts as the others.
_SIMILAR = ({"no", "nb", "nn"}, {"hr", "bs", "sr"}, {"id", "ms"})
_NO_LANGUAGE = "zxx"
# The two-letter languages of the detector, except four that modern texts hardly ever use (Aragonese, Latin, Volapük,
# Walloon): lists of technical terms resemble them.
_KNOWN = [
    "af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "dz", "el", "en",
    "eo", "es", "et", "eu", "fa", "fi", "fo", "fr", "fy", "ga", "gd", "gl", "gu", "ha", "he", "hi", "hr", "ht", "hu",
    "hy", "id", "ig", "is", "it", "ja", "jv", "ka", "kk", "km", "kn", "ko", "ku", "ky", "lb", "lg", "ln", "lo", "lt",
    "lv", "mg", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "om", "or", "pa", "pl", "ps",
    "pt", "qu", "ro", "ru", "rw", "sa", "se", "si", "sk", "sl", "sn", "so", "sq", "sr", "st", "sv", "sw", "ta", "te",
    "tg", "th", "tk", "tl", "tr", "tt", "ug", "uk", "ur", "uz", "vi", "xh", "yo", "zh", "zu",
]  # fmt: skip
# A violation shows the beginning of the text.
_SHOWN_CHARACTERS = 80
_READ_FIRST, _READ_LAST = 200, 100
_PROPOSE_FROM = 2_000  # distinct outputs are enough to find the language of all


@dataclass(frozen=True)
class LanguageParameters:
    """`is`: the language (ISO 639-1). Texts shorter than `min_characters` are not applicable.

    A text fails if another language is certain (probability .8 or more); if no language is (a list of type numbers has
    none), it passes. Below 20 characters hardly any text is certain.
    """

    is_: str
    min_characters: int = 20

    def __post_init__(self) -> None:
        if self.is_ not in [*_KNOWN, "nb"]:
            raise ConfigError(f'"is" must be a two-letter language code (ISO 639-1) such as "en", found "{self.is_}"')
        if self.min_characters < 1:
            raise ConfigError('"min_characters" must be at least 1')


@lru_cache(maxsize=1)
def _detector() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 0.4 s: only when a text is checked

    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector.set_languages([*_KNOWN, _NO_LANGUAGE])
    return detector


def likely_languages(texts: pl.Series) -> pl.DataFrame:
    """The most likely language of each text and its probability: columns `language` (null: none at all), `share`."""
    table, text = pl.DataFrame({"text": texts}), pl.col("text")
    # This many characters are as conclusive as a page, and the detector reads byte by byte.
    ends = pl.concat_str(text.str.head(_READ_FIRST), pl.lit(" "), text.str.tail(_READ_LAST))
    read = table.select(pl.when(text.str.len_chars() > _READ_FIRST + _READ_LAST).then(ends).otherwise(text))
    ranked = [_likely(text) for text in read.to_series()]
    return pl.DataFrame(ranked, schema={"language": pl.String, "share": pl.Float64}, orient="row")


def main_language(texts: pl.Series) -> str | None:
    """The language of the texts together; None if it is not certain."""
    ((language, share),) = likely_languages(pl.Series([" ".join(texts.head(_READ_LAST))])).iter_rows()
    return language if share >= SURE_SHARE else None


@lru_cache(maxsize=65_536)
def _likely(text: str) -> tuple[str | None, float]:
    language, share = _detector().classify(text)
    return (None, 0.0) if language == _NO_LANGUAGE else (language, share)


def same_language(code: str) -> set[str]:
    """The codes that count as the same language."""
    return next((codes for codes in _SIMILAR if code in codes), {code})


def language_name(code: str) -> str:
    """The English name of a language."""
    return _NAMES.get(code, f'the language "{code}"')


def _find_language(check: Check, columns: Columns) -> Findings:
    p: LanguageParameters = check.parameters
    applicable = columns.output.str.strip_chars().str.len_chars() >= p.min_characters
    table = pl.DataFrame({"text": columns.output, "applies": applicable}).with_row_index()
    applying = table.filter(pl.col("applies") & columns.applies(check.when))
    found = applying.hstack(likely_languages(applying["text"]))
    other = found.filter(~pl.col("language").is_in(sorted(same_language(p.is_))) & (pl.col("share") >= SURE_SHARE))
    rows = []
    for index, text, language in other.select("index", "text", "language").iter_rows():
        start, end = _first_words(text)
        rows.append((index, text[start:end], start, end, f"{language_name(p.is_)}, not {language_name(language)}"))
    return Findings(faults(rows), applicable)


def _first_words(text: str) -> tuple[int, int]:
    """The span of a text's first words, at most about 80 code points."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if end - start <= _SHOWN_CHARACTERS:
        return start, end
    cut = text.rfind(" ", start, start + _SHOWN_CHARACTERS)
    return start, cut if cut > start else start + _SHOWN_CHARACTERS


def _say_language(check: Check) -> str:
    return f"Write in {language_name(check.parameters.is_)}."


def _propose_language(columns: Columns) -> Sequence[Proposal]:
    """The language that nearly all outputs are probably in; being English alone does not make a style."""
    texts = columns.output.filter(columns.output.str.strip_chars().str.len_chars() >= 20).unique().sort()
    if texts.is_empty():
        return ()
    seen = likely_languages(texts.gather_every(-(-len(texts) // _PROPOSE_FROM)))
    weights = seen.group_by("language").agg(pl.col("share").sum()).drop_nulls().sort("share", "language")
    if weights.is_empty():
        return ()
    code = weights["language"][-1]
    sure = seen.filter(pl.col("share") >= SURE_SHARE)
    agree = sure["language"].is_in(sorted(same_language(code))).sum()
    if len(sure) < 0.1 * len(seen) or agree < 0.95 * len(sure):
        return ()
    note = f"certain in {len(sure)} of {len(seen)} texts checked, {language_name(code)} in {agree} of these"
    return (Proposal({"is": code}, style=False, note=note),)


LANGUAGE = Kind("language", "wording", LanguageParameters, _find_language, _say_language, _propose_language)
