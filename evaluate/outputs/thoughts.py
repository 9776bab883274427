"""The thoughts of a reasoning model before its answer, if its template names their marks."""

from typing import Any

from ...train import encode_texts

__all__ = ["opens_thoughts", "without_thoughts"]

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
