"""The tokens of chat lines: counted if a tokenizer is available, otherwise bounded by their bytes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core import ModelError, install_command

__all__ = ["TokenCount", "count_tokens"]

# Tokens that a chat template may add: markers for each message, and a default system text (the longest known ones have
# about 200 tokens); as in the budget of requests. Every other token stands for at least one byte of the text.
MARKS_PER_MESSAGE, TEMPLATE_TOKENS = 16, 256
BYTES_PER_TOKEN = 4  # of English text, for the likely count
Chats = Sequence[Sequence[Mapping[str, str]]]


@dataclass(frozen=True)
class TokenCount:
    """Tokens of each example: `most` is an upper bound, `likely` an estimate; equal if they were counted."""

    most: Sequence[int]
    likely: Sequence[int]
    how: str
    exact: bool


def count_tokens(chats: Chats, *, tokenizer: str | None) -> TokenCount:
    """The tokens of each chat: by the named tokenizer, otherwise by bytes.

    Chats are rendered with the tokenizer's own chat template.

    Raises: ModelError if the named tokenizer cannot be read or has no template.
    """
    if tokenizer is not None:
        counted = _rendered(_tokenizer(tokenizer), chats, tokenizer)
        return TokenCount(counted, counted, f"counted with the tokenizer {tokenizer}", exact=True)
    sizes = [sum(len(m["content"].encode(errors="replace")) for m in chat) for chat in chats]
    most = [size + MARKS_PER_MESSAGE * len(chat) + TEMPLATE_TOKENS for size, chat in zip(sizes, chats, strict=True)]
    likely = [
        math.ceil(size / BYTES_PER_TOKEN) + MARKS_PER_MESSAGE * len(c) for size, c in zip(sizes, chats, strict=True)
    ]
    return TokenCount(
        most, likely, "no tokenizer: 4 bytes a token are likely, and at most every byte is one (tokenizer in [train.hosted] "
        "counts them)", exact=False,
    )  # fmt: skip


def _tokenizer(name: str) -> Any:
    """The named tokenizer: of the embedded model, of a folder, or from the hub, where only the tokenizer is downloaded.

    Raises: ModelError if transformers is not installed, or the tokenizer cannot be read.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise ModelError(f"counting tokens needs transformers\nInstall with: {install_command('train')}") from None
    from ...train import EMBEDDED_NAME, embedded_folder

    try:
        place = embedded_folder() if name == EMBEDDED_NAME else name
        return AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except ModelError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f'the tokenizer "{name}" cannot be read ({reason[:200]})\nCorrect "tokenizer" in [train.hosted].'
        ) from error


def _rendered(tokenizer: Any, chats: Chats, name: str) -> list[int]:
    """The tokens of each chat as the model's own template renders it. Raises: ModelError if it has none."""
    from ...train import render_text

    if not getattr(tokenizer, "chat_template", None):
        raise ModelError(
            f'the tokenizer "{name}" has no chat template\nName the tokenizer of the tuned chat model in [train.hosted].'
        )
    texts = [render_text(tokenizer, [*map(dict, chat[:-1])], answer=chat[-1]["content"]) for chat in chats]
    return _lengths(tokenizer, texts)


def _lengths(tokenizer: Any, texts: list[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []
