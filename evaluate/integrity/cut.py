"""Outputs that were cut although no `finish_reason` says so: they end in mid-sentence or mid-word, all at one length."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

WORD = r"[\p{L}\p{M}\p{N}]+"
FEWEST = 5
MOST = 0.02  # of the outputs may be cut, as where the provider says so
FINAL = 0.01  # of the references: from this share on, a last character is one that texts end in
LETTER, DIGIT = "a", "0"
CLOSED = 0.9  # of the references end otherwise than in a letter: only then is the end a sign that a text is whole
WHOLE = 0.1  # of the outputs at one length may be references: if more are, others are not cut there either
HALF = 0.5  # of texts cut at random, more end in mid-word: words have five letters
NARROW = 0.15  # standard deviation by mean: texts of N tokens differ this little in characters
NARROWER = 0.5  # than the lengths of the references
LONGEST = 0.8  # of the outputs from the median of the cut ones on: a limit cuts what is longer


class Cut(NamedTuple):
    """Which of the outputs were cut, and the length in the unit, if it is exactly one."""

    rows: np.ndarray
    length: int | None
    unit: Literal["characters", "tokens"]


def find_cut(
    outputs: pl.Series, tokens: pl.Series, references: pl.Series, inputs: pl.Series, asked: np.ndarray
) -> Cut | None:
    """The outputs that were cut, among those `asked` for; None unless these are at least five different ones, and 2%.

    At one length in characters or tokens, the longest of all, most end in mid-sentence, or half in words that occur nowhere
    else. Without counts of tokens, those in mid-sentence are about equally long, though the references are not, and the
    outputs that end well are shorter.
    """
    texts, written = outputs.fill_null("").str.strip_chars_end(), references.drop_nulls().str.strip_chars_end()
    asked = asked & (texts != "").to_numpy()
    least = max(FEWEST, MOST * len(texts))
    if asked.sum() < least or not len(written):
        return None
    ends = _end(written)
    common = ends.value_counts(normalize=True).filter((pl.col("proportion") >= FINAL) & (pl.col(ends.name) != LETTER))
    closed = common[ends.name].implode()
    tells = float(ends.is_in(closed).mean() or 0.0) >= CLOSED  # type: ignore[arg-type]
    mid_sentence = ~_end(texts).is_in(closed).to_numpy() & tells
    whole = texts.is_in(written.implode()).to_numpy()
    characters = texts.str.len_chars().to_numpy()
    units: list[tuple[Literal["characters", "tokens"], np.ndarray]] = [
        ("characters", characters), ("tokens", tokens.fill_null(0).to_numpy())
    ]  # fmt: skip
    for unit, length in units:
        most = int(length[asked].max())
        pile = asked & (length == most)
        if not most or whole[pile].mean() > WHOLE or texts.filter(pl.Series(pile)).n_unique() < least:
            continue
        if mid_sentence[pile].mean() >= HALF or _mid_word(texts, pile, written, inputs) >= HALF:
            return Cut(np.flatnonzero(pile), most, unit)
    cut, lengths = asked & mid_sentence, written.str.len_chars().to_numpy()
    if texts.filter(pl.Series(cut)).n_unique() < least or not tells:
        return None
    spread = _spread(characters[cut])
    longer = asked & (characters >= np.median(characters[cut]))
    if spread <= min(NARROW, NARROWER * _spread(lengths)) and cut[longer].mean() >= LONGEST:
        return Cut(np.flatnonzero(cut), None, "tokens")
    return None


def _end(texts: pl.Series) -> pl.Series:
    """The last character of each text; one letter or digit stands for all."""
    last = texts.str.slice(-1).str.replace(r"[\p{L}\p{M}]", LETTER)
    return last.str.replace(r"\p{N}", DIGIT).rename("end")


def _mid_word(texts: pl.Series, pile: np.ndarray, references: pl.Series, inputs: pl.Series) -> float:
    """The share of these outputs whose last word occurs in no reference, input or other output."""
    whole = [*references, *inputs.drop_nulls(), *texts.filter(pl.Series(~pile))]
    known = set(_words(whole))
    last = texts.filter(pl.Series(pile)).str.to_lowercase().str.extract(rf"({WORD})\z")
    return float(np.mean([word is not None and word not in known for word in last]))


def _words(texts: Sequence[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).str.to_lowercase().str.extract_all(WORD).explode().drop_nulls().unique()


def _spread(lengths: np.ndarray) -> float:
    return float(lengths.std() / max(lengths.mean(), 1.0))
