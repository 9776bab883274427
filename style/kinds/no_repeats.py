"""The check `no_repeats`: no phrase occurs twice and, optionally, none is copied from the input."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..parts import facts_of, parts_of, without_parts
from ..schema import Broken, Check, Edit, Findings, Fix, Kind, Proposal, faults

_WORD = re.compile(r"\w+")
# Columns are processed in slices of this many characters, so that memory does not grow with the table.
_SLICE_CHARACTERS = 20_000_000
# A rule about phrases of six words means nothing for outputs that are hardly longer.
_PROPOSE_WORDS = 12
_MOST_WORDS = 1000  # of a phrase: each is hashed at every word of an output


@dataclass(frozen=True)
class NoRepeatsParameters:
    """`words`: the length from which a phrase counts as repeated. `of_input`: phrases of the input count as well.

    Case and punctuation do not matter; a run of numbers is not a phrase. In a language without spaces between words,
    whole sentences count as words.
    """

    words: int = 6
    of_input: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.words <= _MOST_WORDS:
            raise ConfigError(f'"words" must be from 2 to {_MOST_WORDS}')


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
    """Rows that may repeat a phrase, found by hashing whole columns: some may not, but none is missed."""
    pairs = pl.DataFrame({"output": columns.output, "request": columns.input if p.of_input else ""})
    sizes = pairs.select(pl.sum_horizontal(pl.all().str.len_bytes()).cum_sum() // _SLICE_CHARACTERS).to_series()
    for (_,), part in pairs.with_row_index().group_by(sizes, maintain_order=True):
        output = _phrases(part["index"], part["output"], p.words)
        yield from output.filter(pl.struct("index", "phrase").is_duplicated())["index"].unique()
        if p.of_input:
            request = _phrases(part["index"], part["request"], p.words)
            # Each phrase once: joined in full, a phrase that both texts repeat would take the product of its counts.
            yield from output.join(request, on=["index", "phrase"], how="semi")["index"].unique()


def _phrases(index: pl.Series, texts: pl.Series, words: int) -> pl.DataFrame:
    """The hash of each `words` words in a row (columns `index`, `phrase`)."""
    table = (
        pl.DataFrame({"index": index, "word": texts.str.to_lowercase().str.extract_all(r"\w+")})
        .filter(pl.col("word").list.len() >= words)
        .explode("word")
        .with_columns(pl.col("word").hash())
    )
    hashed = pl.sum_horizontal(
        # Odd multipliers encode the position of each word in the phrase; sums wrap around.
        pl.col("word").shift(-n).fill_null(0) * pl.lit(2 * n * 0x9E37_79B9 + 1, pl.UInt64)
        for n in range(words)
    )
    inside = pl.col("index") == pl.col("index").shift(1 - words)
    return table.select("index", phrase=hashed, inside=inside.fill_null(False)).filter("inside").drop("inside")


def repeats(text: str, request: str = "", *, words: int) -> list[tuple[int, int, bool]]:
    """Spans (start, end, whether it is from the request) of repeated phrases, each as long as the whole repetition.

    A phrase that occurs ten times is reported once, at its second occurrence. Linear in the length of the texts.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    tokens = [text[start:end].lower() for start, end in spans]
    of_request = set(_grams([match.group().lower() for match in _WORD.finditer(request)], words))
    seen: set[tuple[str, ...]] = set()
    named: set[tuple[str, ...]] = set()
    found: list[tuple[int, int, bool]] = []
    last = -2  # start of the last words of the previous repeat, which the next ones continue
    for number, gram in enumerate(_grams(tokens, words)):
        copied = gram in of_request
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
    return f"Do not repeat yourself: use no phrase of {p.words} or more words twice{also}."


def _propose_repeats(columns: Columns) -> Sequence[Proposal]:
    """Where outputs are long enough to repeat themselves; any careful text follows it, so it is not a style by itself."""
    words = columns.output.str.count_matches(r"\w+").median()
    return (Proposal({}, style=False),) if isinstance(words, float | int) and words >= _PROPOSE_WORDS else ()


def _remove_repeats(check: Check, broken: Broken) -> Iterator[Edit]:
    """The sentences, or the facts between commas, that stand within a phrase repeated from the same text."""
    text = broken.text
    again = [(start, end) for _, start, end, expected in broken.spans if expected.endswith("a second time")]
    for parts in (parts_of(text), facts_of(text)):
        starts = [start for start, _ in parts]
        gone = {
            number
            for start, end in again
            for number in range(bisect_left(starts, start), len(parts))
            if parts[number][0] < end
            and len(text[parts[number][0] : parts[number][1]].rstrip(".!?,; ")) <= end - starts[number]
        }
        if gone and len(gone) < len(parts):
            yield from without_parts(text, parts, gone)
            return
    # A phrase that goes on repeating itself without marks: nothing but the repetition goes.
    yield from (Edit(start - (text[start - 1] == " "), end, "") for start, end in again if start)


NO_REPEATS = Kind(
    "no_repeats", "wording", NoRepeatsParameters, _find_repeats, _say_repeats, _propose_repeats,
    fix=Fix(unsafe=_remove_repeats, says="Unsafe: removes the second occurrence; a phrase of the request is kept."),
)  # fmt: skip
