"""Pairs as token ids with their loss mask, and the checks without which a model learns the wrong thing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..style.errors import DataError
from .model import LoadedModel
from .render import chat_messages, end_of_turn, render_text

__all__ = ["Example", "preview", "to_examples"]

SHOWN = 5  # ids named in an error


@dataclass(frozen=True)
class Example:
    """One pair as the model sees it: `ids` is the prompt and then the answer, which ends with the end-of-turn token."""

    id: str
    ids: tuple[int, ...]
    prompt_tokens: int

    @property
    def answer_tokens(self) -> int:
        """How many tokens are in the loss, the end-of-turn token included."""
        return len(self.ids) - self.prompt_tokens


def to_examples(pairs: pl.DataFrame, *, model: LoadedModel) -> list[Example]:
    """One example per pair, in the order of the table (columns id, input, output and optionally system).

    Raises DataError, with the ids, for pairs longer than the model's context (nothing is ever cut off), without an
    answer, with the end-of-turn token inside the output, or with a second BOS.
    """
    tokenizer, end = model.tokenizer, end_of_turn(model.tokenizer)
    columns = pairs.select(
        "id", "input", "output", pairs["system"] if "system" in pairs.columns else pl.lit(None).alias("system")
    )
    rows = columns.rows()
    chats = [chat_messages(text, system=system) for _, text, _, system in rows]
    prompts = [render_text(tokenizer, chat) for chat in chats]
    wholes = [render_text(tokenizer, chat, answer=row[2]) for chat, row in zip(chats, rows, strict=True)]
    prompt_ids, whole_ids = _tokens(tokenizer, prompts), _tokens(tokenizer, wholes)
    examples = []
    for row, prompt, whole, prompt_text, whole_text in zip(rows, prompt_ids, whole_ids, prompts, wholes, strict=True):
        ids = _joined(tokenizer, prompt, whole, prompt_text, whole_text, id=row[0])
        last = len(ids) - 1 - ids[::-1].index(end) if end in ids[len(prompt) :] else len(prompt) - 1
        examples.append(Example(row[0], tuple(ids[: last + 1]), len(prompt)))
    _check(examples, [row[2] for row in rows], tokenizer=tokenizer, end=end, context=model.context)
    return examples


def preview(pairs: pl.DataFrame, *, model: LoadedModel) -> str:
    """The first pair as the model sees it, in plain text, with what is in the loss marked."""
    (example,) = to_examples(pairs.head(1), model=model)
    before = model.tokenizer.decode(example.ids[: example.prompt_tokens])
    after = model.tokenizer.decode(example.ids[example.prompt_tokens :])
    head = f"pair {example.id}: {len(example.ids)} tokens, the {example.answer_tokens} marked > are learnt"
    return "\n".join([head, *_marked(before.rstrip("\n"), "|"), *_marked(after, ">")])


def _marked(text: str, mark: str) -> list[str]:
    return [f"  {mark} {line}" for line in text.split("\n")]


def _tokens(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    return tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []


def _joined(
    tokenizer: Any, prompt: list[int], whole: list[int], prompt_text: str, whole_text: str, *, id: str
) -> list[int]:
    """The ids of prompt and answer, of which the prompt's ids are a prefix: that is what generation starts from.

    Where the answer's first characters would melt into the prompt's last token, the answer is tokenised apart;
    the text stays the same, and is compared.
    """
    if whole[: len(prompt)] == prompt:
        return whole
    if whole_text.startswith(prompt_text):
        apart = prompt + tokenizer(whole_text[len(prompt_text) :], add_special_tokens=False)["input_ids"]
        if tokenizer.decode(apart) == tokenizer.decode(whole):
            return apart
    raise DataError(
        f'Pair "{id}": the model\'s chat template writes another prompt in front of an answer than for a question,\n'
        "so what is learnt would not be what is asked. Use a model whose template keeps the prompt as it is."
    )


def _check(examples: list[Example], outputs: list[str], *, tokenizer: Any, end: int, context: int) -> None:
    bos = tokenizer.bos_token_id if tokenizer.bos_token_id not in _turn_tokens(tokenizer) else None
    pairs = list(zip(examples, outputs, strict=True))
    long = f"longer than the model's context of {context:,} tokens; nothing is cut off: shorten them or leave them out"
    faults = {
        long: [e.id for e, _ in pairs if len(e.ids) > context],
        "without an output to learn": [e.id for e, text in pairs if e.answer_tokens < 2 or not text.strip()],
        f"with the model's end-of-turn token {tokenizer.decode([end])!r} inside the output": [
            e.id for e, _ in pairs if e.ids[e.prompt_tokens :].count(end) > 1
        ],
        "with two begin-of-text tokens": [e.id for e, _ in pairs if bos is not None and e.ids.count(bos) > 1],
    }
    found = [f"{_some(ids)} {fault}" for fault, ids in faults.items() if ids]
    if found:
        raise DataError.of(found, where="training pairs")


def _turn_tokens(tokenizer: Any) -> set[int]:
    """Tokens that open each turn by the template's design (`<|im_start|>` is SmolLM2's BOS too): they may repeat."""
    text = render_text(tokenizer, chat_messages("a", system="b", examples=[("c", "d")]))
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return {id for id in ids if ids.count(id) > 1}


def _some(ids: list[str]) -> str:
    named = ", ".join(ids[:SHOWN]) + (f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else "")
    return f"{len(ids)} {'pair' if len(ids) == 1 else 'pairs'} ({named})"
