"""The chat that prompts a variant, the same for local models and endpoints, and an answer without the thoughts before it."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from ...curate import fold_system
from ...train import chat_messages, encode_texts
from ..rivals.nearest import Examples
from ..variants import Variant

Chat = list[dict[str, str]]


def prompt_of(variant: Variant, text: str, system: str | None, examples: Examples | None = None) -> Chat:
    """The variant's guide and the pair's system message, the examples, then the request.

    `examples` are those of this request; without them, those that the variant shows with every request.
    """
    system_text = "\n\n".join(part for part in (variant.guide, system) if part)
    chat = chat_messages(text, system=system_text or None, examples=variant.examples if examples is None else examples)
    return chat if variant.system_role else fold_system(chat)


def prompts_of(variant: Variant, pairs: pl.DataFrame) -> list[Chat]:
    """The prompt of each pair (`id`, `input`, `system`, where given `group` and `component`)."""
    return _prompts(variant, pairs, examples_of(variant, pairs))


def examples_of(variant: Variant, pairs: pl.DataFrame) -> list[Examples]:
    """The examples in the prompt of each pair."""
    return [variant.examples] * len(pairs) if variant.nearest is None else variant.nearest.of(pairs)


def fitting_prompts(
    variant: Variant, pairs: pl.DataFrame, fits: Callable[[Sequence[Chat]], Sequence[bool]]
) -> tuple[list[Chat], int]:
    """The prompt of each pair, without the least similar examples where they do not all fit, and the number of these
    prompts.

    Only examples chosen for a request are left out. A prompt that does not fit even without them is returned as it is.
    """
    examples = examples_of(variant, pairs)
    prompts = _prompts(variant, pairs, examples)
    if variant.nearest is None:
        return prompts, 0
    shortened: set[int] = set()
    left = list(range(len(prompts)))
    while left := [row for row, fit in zip(left, fits([prompts[row] for row in left]), strict=True) if not fit]:
        left = [row for row in left if examples[row]]
        for row in left:
            examples[row] = examples[row][1:]
        for row, prompt in zip(left, _prompts(variant, pairs[left], [examples[row] for row in left]), strict=True):
            prompts[row] = prompt
        shortened.update(left)
    return prompts, len(shortened)


def _prompts(variant: Variant, pairs: pl.DataFrame, examples: Sequence[Examples]) -> list[Chat]:
    rows = pairs.select("input", "system").iter_rows()
    return [prompt_of(variant, text, system, shown) for (text, system), shown in zip(rows, examples, strict=True)]


# --- thoughts ----------------------------------------------------------------------------------------------------

THINK, THOUGHT = "<think>", "</think>"


def opens_thoughts(margins: tuple[str, str]) -> bool:
    """Whether the prompt itself opens the thoughts, so that a text begins inside them; by what the template writes around
    an answer."""
    return THOUGHT in margins[0] and THINK not in margins[0]


def without_thoughts(text: str, tokens: int, *, tokenizer: Any, margins: tuple[str, str]) -> tuple[str, int]:
    """The answer without the thoughts before it, as providers give it, and the number of tokens of the thoughts.

    All tokens and an empty answer if the thoughts never end.
    """
    if THOUGHT not in str(tokenizer.chat_template) or not (opens_thoughts(margins) or text.lstrip().startswith(THINK)):
        return text, 0
    if THOUGHT in margins[0] and text.startswith(margins[0]):
        return text, 0  # thoughts that the template itself closes at once
    thought, end, answer = text.partition(THOUGHT)
    if not end:
        return "", tokens
    return answer.lstrip(), min(len(encode_texts(tokenizer, [thought + end])[0]), tokens)
