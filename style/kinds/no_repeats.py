"""The check `no_repeats`: no phrase twice, and on request none copied from the input."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..kind import Kind, Proposal
from ..schema import Check, Columns, Findings, faults

__all__ = ["NO_REPEATS"]

_WORD = re.compile(r"\w+")
# Texts go through the columns in slices of this many characters, so that memory does not grow with the table.
_SLICE_CHARACTERS = 20_000_000
# A rule about phrases of six words says nothing about outputs that hardly have so many.
_PROPOSE_WORDS = 12


@dataclass(frozen=True)
class NoRepeatsParameters:
    """`words`: how long a phrase counts as repeated. `of_input`: phrases of the input are repeats too.

    Case and what stands between the words do not matter; a run of numbers alone is no phrase. A language that leaves
    no spaces between words has whole sentences for words here.
    """

    words: int = 6
    of_input: bool = False

    def __post_init__(self) -> None:
        if self.words < 2:
            raise ConfigError('"words" must be at least 2')


def _find_repeats(check: Check, columns: Columns) -> Findings:
    p: NoRepeatsParameters = check.parameters
    suspects = pl.Series([*_suspects(columns, p)], dtype=pl.UInt32).unique().sort()
    rows = []
    for index in suspects:
        output, request = columns.output[index], columns.input[index] if p.of_input else ""
        for start, end, copied in repeats(output, request, words=p.words):
            expected = f"no {p.words} words in a row {'from the request' if copied else 'a second time'}"
            rows.append((index, output[start:end], start, end, expected))
    return Findings(faults(rows))


def _suspects(columns: Columns, p: NoRepeatsParameters) -> Iterator[int]:
    """Rows with a phrase that may be repeated, by hashes of whole columns: a few more than there are, never fewer."""
    pairs = pl.DataFrame({"output": columns.output, "request": columns.input if p.of_input else ""})
    sizes = pairs.select(pl.sum_horizontal(pl.all().str.len_bytes()).cum_sum() // _SLICE_CHARACTERS).to_series()
    for (_,), part in pairs.with_row_index().group_by(sizes, maintain_order=True):
        output = _phrases(part["index"], part["output"], p.words)
        yield from output.filter(pl.struct("index", "phrase").is_duplicated())["index"].unique()
        if p.of_input:
            yield from output.join(_phrases(part["index"], part["request"], p.words), on=["index", "phrase"])["index"]


def _phrases(index: pl.Series, texts: pl.Series, words: int) -> pl.DataFrame:
    """The hash of each `words` words in a row (columns `index`, `phrase`)."""
    table = (
        pl.DataFrame({"index": index, "word": texts.str.to_lowercase().str.extract_all(r"\w+")})
        .filter(pl.col("word").list.len() >= words)
        .explode("word")
        .with_columns(pl.col("word").hash())
    )
    hashed = pl.sum_horizontal(
        # Odd multipliers keep the place of each word in the phrase; sums wrap around.
        pl.col("word").shift(-n).fill_null(0) * pl.lit(2 * n * 0x9E37_79B9 + 1, pl.UInt64)
        for n in range(words)
    )
    inside = pl.col("index") == pl.col("index").shift(1 - words)
    return table.select("index", phrase=hashed, inside=inside.fill_null(False)).filter("inside").drop("inside")


def repeats(text: str, request: str = "", *, words: int) -> list[tuple[int, int, bool]]:
    """Places (start, end, whether it stands in the request) where a phrase comes again: as long as it goes on.

    A phrase that comes ten times is named once, where it comes the second time. Linear in the length of the texts.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    tokens = [text[start:end].lower() for start, end in spans]
    asked = set(_grams([match.group().lower() for match in _WORD.finditer(request)], words))
    seen: set[tuple[str, ...]] = set()
    named: set[tuple[str, ...]] = set()
    found: list[tuple[int, int, bool]] = []
    last = -2  # where the last words of the last repeat began: the next ones go on with it
    for number, gram in enumerate(_grams(tokens, words)):
        copied = gram in asked
        if (copied or gram in seen) and any(not word.isnumeric() for word in gram):
            end = spans[number + words - 1][1]
            if number == last + 1 and found[-1][2] == copied:
                found[-1], last = (found[-1][0], end, copied), number
            elif gram not in named:
                found.append((spans[number][0], end, copied))
                last = number
            named.add(gram)
        seen.add(gram)
    return found


def _grams(tokens: list[str], words: int) -> Iterator[tuple[str, ...]]:
    return (tuple(tokens[n : n + words]) for n in range(len(tokens) - words + 1))


def _say_repeats(check: Check) -> str:
    p: NoRepeatsParameters = check.parameters
    also = ", and copy none from the request" if p.of_input else ""
    return f"Say nothing twice: repeat no phrase of {p.words} or more words{also}."


def _propose_repeats(columns: Columns) -> Sequence[Proposal]:
    """Where outputs are long enough to repeat themselves; any careful text keeps it, so it is no style by itself."""
    words = columns.output.str.count_matches(r"\w+").median()
    return (Proposal({}, style=False),) if isinstance(words, float | int) and words >= _PROPOSE_WORDS else ()


NO_REPEATS = Kind("no_repeats", "wording", NoRepeatsParameters, _find_repeats, _say_repeats, _propose_repeats)
