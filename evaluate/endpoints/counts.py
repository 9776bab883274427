"""Token counts that cannot be true: too few for the words, far too many, or the same for every request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import polars as pl

from ...core import say
from .responses import Tokens, read_usage

# Tokenizers split at spaces, so that a word takes one token or more; the few that join words (SuperBPE, Liu et al. 2025,
# arXiv:2503.13423) join fewer than two on average.
WORDS_PER_TOKEN = 2
FEWEST_WORDS = 12  # in a shorter text, a few joined words could explain a low count


def fewest_tokens(texts: Iterable[str]) -> int:
    """A lower bound for the tokens of these texts with any tokenizer; 0 if they are too short to say.

    >>> fewest_tokens(["Write one line.", "and " * 27]), fewest_tokens(["Write one line."])
    (15, 0)
    """
    words = sum(any(sign.isalnum() for sign in word) for text in texts for word in text.split())
    return words // WORDS_PER_TOKEN if words >= FEWEST_WORDS else 0


def possible_tokens(tokens: Tokens, messages: Sequence[Mapping[str, str]], output: str | None) -> Tokens:
    """The counts without those that are too low for what was sent and written."""
    if tokens.input is not None and tokens.input < fewest_tokens(message["content"] for message in messages):
        tokens = replace(tokens, input=None, cached=None)
    if tokens.output is not None and tokens.output < fewest_tokens([output or ""]):
        tokens = replace(tokens, output=None, reasoning=None)
    return tokens


# A token is a byte or more of its text, but reasoning, guides and documents may not be in the texts that are known. Numbers of
# reasoning tokens spread widely: 1 of 1,000 is about 75 times the median if their logarithm has a deviation of 1.4.
MOST_TIMES = 100
LONGEST_CONTEXT = 10_000_000  # tokens of the models with the longest context


def most_tokens(counts: Sequence[int]) -> int:
    """An upper bound for what a call takes beyond the bytes of the texts that are known, from the counts of all calls."""
    return min(MOST_TIMES * sorted(counts)[(len(counts) - 1) // 2], LONGEST_CONTEXT) if counts else 0


def possible_counts(outputs: pl.DataFrame, prompt_bytes: pl.Series) -> tuple[pl.DataFrame, str | None]:
    """A table of outputs without the counts that are far too high, and which those are, in words; None if there are none.

    `prompt_bytes` is the size of what is known of each prompt.
    """
    sizes = {"prompt": prompt_bytes, "output": outputs["output"].fill_null("").str.len_bytes()}
    parts = {"prompt": ("input_tokens", "cached_tokens"), "output": ("output_tokens", "reasoning_tokens")}
    named = []
    for what, (whole, part) in parts.items():
        counts = outputs[whole]
        high = (counts > sizes[what] + most_tokens(counts.drop_nulls().to_list())).fill_null(value=False)
        outputs = outputs.with_columns(pl.when(~high).then(pl.col(name)).alias(name) for name in (whole, part))
        if high.any():
            tokens, of = max(counts.filter(high).to_list()), say.count(high.sum(), "answer")
            named.append(f"{of} with up to {say.count(tokens, f'{what} token')}")
    return outputs, f"counts that cannot be true are unknown: {', '.join(named)}" if named else None


def counts_nothing(usage: Any) -> bool:
    """Whether an endpoint says that a prompt had no tokens, which no prompt has."""
    return isinstance(usage, dict) and usage.get("prompt_tokens") == 0


@dataclass(frozen=True)
class Counted:
    """The endpoint's counts of one answer (None if it has none), and what the texts allow.

    `bytes` is the size of the prompt, `prompt_least` and `output_least` are the fewest tokens.
    """

    prompt: int | None
    output: int | None
    bytes: int
    prompt_least: int
    output_least: int

    @classmethod
    def of(cls, messages: Sequence[Mapping[str, str]], line: Mapping[str, Any]) -> Self:
        """The counts of a stored answer, as they came."""
        texts = [message["content"] for message in messages]
        output = line.get("output") or ""
        usage = line.get("usage")
        tokens = read_usage(usage, wrote=bool(output))
        size = sum(len(text.encode(errors="replace")) for text in texts)
        return cls(
            0 if counts_nothing(usage) else tokens.input,
            tokens.output,
            size,
            max(1, fewest_tokens(texts)),
            fewest_tokens([output]),
        )


MOST_LOW = 0.05  # of the answers; a few odd counts are unknown by themselves
# Tokens of the system message that a chat template writes where none is sent, so that a short guide can take fewer than
# no guide: SmolLM2's takes about 17, which llama.cpp counts.
MOST_DEFAULT = 64
FEWEST_SAME, FEWEST_BYTES = 5, 40  # so many prompts, so different in length, do not take the same number of tokens


def doubt_about(counted: Sequence[Counted], prompts: Mapping[str, Counted | None]) -> str | None:
    """Why the token counts of these answers cannot be true, in words; None if they can.

    `prompts` are the counts of the prompt without a request: `fixed`, and `unguided` and `unshown` without the guide or
    the examples, each where there is one.
    """
    return _too_low(counted) or _nothing_for_a_part(prompts) or _all_same(counted)


def _too_low(counted: Sequence[Counted]) -> str | None:
    for what, count, least in (("prompt", "prompt", "prompt_least"), ("output", "output", "output_least")):
        known = [one for one in counted if getattr(one, count) is not None]
        low = [one for one in known if getattr(one, count) < getattr(one, least)]
        if len(low) > MOST_LOW * len(known):
            worst = max(low, key=lambda one: getattr(one, least))
            tokens = say.count(getattr(worst, count), f"{what} token")
            words = WORDS_PER_TOKEN * getattr(worst, least)
            return f"{tokens} for a text of {words:,} words or more" if words >= FEWEST_WORDS else tokens
    return None


def _all_same(counted: Sequence[Counted]) -> str | None:
    known = [one for one in counted if one.prompt is not None]
    sizes = {one.bytes for one in known}
    if len(sizes) < FEWEST_SAME or max(sizes) - min(sizes) < FEWEST_BYTES or len({one.prompt for one in known}) > 1:
        return None
    tokens = say.count(known[0].prompt, "prompt token")
    return f"{tokens} for each of {len(known):,} requests of {min(sizes):,} to {max(sizes):,} bytes"


def _nothing_for_a_part(prompts: Mapping[str, Counted | None]) -> str | None:
    whole = prompts.get("fixed")
    for name, part in (("unguided", "the guide"), ("unshown", "the examples")):
        without = prompts.get(name)
        if whole is None or without is None or whole.prompt is None or without.prompt is None:
            continue
        added, least = whole.prompt - without.prompt, whole.prompt_least - without.prompt_least
        if added == 0 or added < least - (MOST_DEFAULT if name == "unguided" else 0):
            return f"{say.count(whole.prompt, 'prompt token')} with {part}, {without.prompt:,} without"
    return None


def without_counts(outputs: pl.DataFrame) -> pl.DataFrame:
    """A table of outputs whose token counts are unknown."""
    columns = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    return outputs.with_columns(pl.lit(None, dtype=pl.Int64).alias(name) for name in columns)
