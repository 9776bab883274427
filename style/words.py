"""The wording of rules (counts, quotations, alternatives) and the patterns that find their texts."""

import re
from collections.abc import Sequence

import polars as pl

from ..core import ConfigError

# A full stop after these does not end a sentence.
ABBREVIATION = (
    r"\b(e\.g|i\.e|z\.B|d\.h|u\.a|p\.m|a\.m|approx|ca|cf|vs|incl|excl|resp|Dr|Mr|Mrs|Ms|Prof|St|No|Nr|Fig|Abb|"
    r"usw|bzw|ggf|inkl|evtl)\."
)


def at_least_at_most(low: int | None, high: int | None) -> str:
    """`3 to 25`, `at least 3`, `at most 25` or `exactly 3`."""
    if high is None:
        return f"at least {low or 0}"
    if not low:
        return f"at most {high}"
    return f"exactly {low}" if low == high else f"{low} to {high}"


def how_many(low: int | None, high: int | None, things: str) -> str:
    """`3 to 25 words`, `at least 1 word`: singular where the number before the noun is one."""
    last = high if high is not None else low
    return f"{at_least_at_most(low, high)} {things.removesuffix('s') if last == 1 else things}"


def times(low: int | None, high: int | None) -> str:
    """How often: `at least once`, `at most 3 times`, `never`."""
    if high == 0:
        return "never"
    if low == high == 1:
        return "exactly once"
    if high is None and low == 1:
        return "at least once"
    if high == 1 and not low:
        return "at most once"
    return f"{at_least_at_most(low, high)} times"


def quoted(text: str) -> str:
    """The text in double quotation marks."""
    return f'"{text}"'


def one_of(texts: Sequence[str]) -> str:
    """`"a"`, `"a" or "b"`, `"a", "b" or "c"`."""
    return listed([quoted(text) for text in texts], "or")


def listed(texts: Sequence[str], joint: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {joint} ".join(filter(None, (", ".join(texts[:-1]), texts[-1])))


def check_range(low: int | None, high: int | None) -> None:
    """Raises: ConfigError unless 0 <= low <= high; a limit that is None is not checked."""
    if (low or 0) < 0 or (high is not None and high < (low or 0)):
        raise ConfigError(f"min and max must satisfy 0 <= min <= max, found min {low}, max {high}")


def explain_slots(texts: Sequence[str]) -> str:
    """A sentence that explains each `{field}` in the texts; empty if there is none."""
    names = dict.fromkeys(name for text in texts for name in _SLOT.findall(text))
    meanings = [f"`{{{name}}}` stands for the {name} in the request" for name in names]
    return f" {', '.join(meanings)}." if meanings else ""


_SLOT = re.compile(r"\{([^{}]+)\}")


def checked_pattern(regex: str, *, ignore_case: bool = False, whole: bool = False) -> str:
    """The pattern for polars. Raises: ConfigError with the reason if Rust's engine rejects it."""
    pattern = rf"\A(?:{regex})\z" if whole else regex
    pattern = f"(?i){pattern}" if ignore_case else pattern
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        shown = regex if len(regex) <= 80 else f"{regex[:77]}..."
        raise ConfigError(f"the regular expression {shown!r} cannot be used: {_refusal(regex, str(error))}") from None
    return pattern


# Features of other engines that a linear-time engine cannot support.
_BEYOND_LINEAR = {
    r"\(\?<?[=!]": "look-around",
    r"\\[1-9]|\\k[<{\']|\(\?P=": "a back-reference",
    r"\(\?>": "an atomic group",
}


def _refusal(regex: str, error: str) -> str:
    """Why the engine rejects a pattern, with advice."""
    if "size limit" in error:
        return "it exceeds 10 MiB when compiled; use smaller counted repetitions ({...}), or + or *"
    for sign, name in _BEYOND_LINEAR.items():
        if hit := re.search(sign, re.sub(r"\\\\", "", regex)):
            return f"{name} ({quoted(hit.group())}) is not supported, since patterns must run in linear time"
    reasons = [line.removeprefix("error: ") for line in error.splitlines() if line.startswith("error: ")]
    return reasons[0] if reasons else error.strip().splitlines()[0]


def whole_words(texts: Sequence[str]) -> str:
    """A pattern for any of the texts as whole words: no letter or digit touches either end. Longer texts come first."""
    ordered = sorted(set(texts), key=lambda text: (-len(text), text))
    pieces = [f"{_edge(text[0])}{re.escape(text)}{_edge(text[-1])}" for text in ordered]
    return "|".join(pieces)


def _edge(character: str) -> str:
    return r"\b" if re.match(r"\w", character) else ""


# A line that opens or closes a block of code (CommonMark).
_FENCE = r"^ {0,3}(?:```|~~~)"


def text_lines(texts: pl.Series) -> pl.DataFrame:
    """Every line of every text: `index`, `line` (without its end), `start` (code points), `fenced`.

    A line ends at a line feed; a carriage return before it belongs to the end. `fenced` lines are inside a block of
    code, where a `#` or `-` is neither heading nor list item.
    """
    frame = pl.DataFrame({"line": texts.rename("line").str.split("\n")}).with_row_index().explode("line")
    before = (pl.col("line").str.len_chars().cast(pl.Int64) + 1).cum_sum().shift(1, fill_value=0)
    fence = pl.col("line").str.contains(_FENCE)
    frame = frame.with_columns(start=before)  # counted over the column, then from the start of each text
    frame = frame.with_columns(start=pl.col("start") - pl.col("start").first().over("index"))
    if frame.select(fence.any()).item():
        frame = frame.with_columns(fenced=fence | (fence.cum_sum().over("index") % 2 == 1))
    else:
        frame = frame.with_columns(fenced=pl.lit(False))
    return frame.with_columns(pl.col("line").str.strip_suffix("\r"))


def mostly_json(texts: pl.Series) -> bool:
    """Whether half of the texts look like JSON: their words, marks and capitals mean nothing for style."""
    return bool(len(texts)) and float(texts.str.contains(r"^\s*[\[{]").mean() or 0) >= 0.5  # type: ignore[arg-type]


def mostly_html(texts: pl.Series) -> bool:
    """Whether half of the texts have tags of HTML: what is at their ends and in capitals is markup, not writing."""
    return bool(len(texts)) and float(texts.str.contains(r"</[A-Za-z][A-Za-z0-9]*\s*>").mean() or 0) >= 0.5  # type: ignore[arg-type]
