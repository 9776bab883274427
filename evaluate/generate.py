"""Outputs of a model in memory, in batches, with the prompts' common beginning computed once."""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..style.errors import ModelError
from ..train.batches import common_beginning
from ..train.render import answer_margins, end_of_turn, render_prompt

if TYPE_CHECKING:
    from ..train.model import LoadedModel

__all__ = ["BATCH", "CACHE_BYTES", "Generation", "count_prompt_tokens", "generate", "prompt_batches"]

LEAST_SHARED = 8  # tokens; a shorter common beginning is not worth a pass of its own
# Both make the batches, and in bf16 a text can depend on its batch: stored outputs are kept apart by them.
BATCH = 64  # rows; twice as many bring a tenth more outputs a second and take twice the memory
CACHE_BYTES = 2**30  # of keys and values at a time: 64 rows of 728 tokens of the default model


@dataclass(frozen=True)
class Generation:
    """One output. `index` is the prompt's place.

    `input_tokens` counts the whole prompt, `output_tokens` the end token too; `seconds` is the batch's time divided by
    its items; `finish_reason` is "stop", or "length" at the token limit.
    """

    index: int
    output: str
    input_tokens: int
    output_tokens: int
    seconds: float
    finish_reason: str
    cached_tokens: int = 0


def count_prompt_tokens(tokenizer: Any, messages: Sequence[dict[str, str]]) -> int:
    """Tokens of the whole prompt as the model gets it, the chat template's own included."""
    return len(render_prompt(tokenizer, messages))


def prompt_batches(lengths: Sequence[int], *, batch_size: int, most_tokens: int | None = None) -> list[list[int]]:
    """Which prompts go together: like lengths, the longest first, batches of like sizes and at most `batch_size` rows.

    A batch padded to its longest prompt holds at most `most_tokens`, or is one row. A pure function of the lengths
    and their order: in bf16 a text can depend on its batch, so the same test set must always give the same batches.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches = []
    while order:
        rows = batch_size if most_tokens is None else max(1, min(batch_size, most_tokens // lengths[order[0]]))
        rows = math.ceil(len(order) / math.ceil(len(order) / rows))  # 35 and 35 rather than 64 and 6
        batches.append(order[:rows])
        order = order[rows:]
    return batches


def generate(
    loaded: "LoadedModel",
    prompts: Sequence[list[dict[str, str]]],
    *,
    max_new_tokens: int,
    adapter: Path | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int = BATCH,
    on_batch: Callable[[list[Generation]], None] | None = None,
) -> list[Generation]:
    """One output per chat, in the order of the prompts; `on_batch` gets each batch's outputs as they come.

    Temperature 0 takes the likeliest token; above it, each prompt draws from its own stream of chance, made of `seed`
    and its place. An adapter is merged into the weights in memory while this lasts. Batches are of at most
    `batch_size` rows, fewer where the prompts are long. Raises ModelError where a prompt and its output do not fit
    the model's context.
    """
    from .decoding import decoding

    if not prompts:
        return []
    ids = [render_prompt(loaded.tokenizer, messages) for messages in prompts]
    _check_context(ids, loaded, max_new_tokens)
    writer = _Writer(loaded, ids, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    most = CACHE_BYTES // _bytes_per_token(loaded.model)
    once = writer.shared if loaded.model.device.type == "cpu" else 0  # elsewhere each row repeats the common beginning
    lengths = [len(prompt) - once + max_new_tokens for prompt in ids]
    longest = max(map(len, ids)) + max_new_tokens
    found: list[Generation] = []
    with _weights(loaded, adapter) as model, decoding(model, ids[0], longest=longest) as going:
        for rows in prompt_batches(lengths, batch_size=batch_size, most_tokens=most):
            found += (batch := writer.write(going, rows))
            if on_batch:
                on_batch(batch)
    return sorted(found, key=lambda generation: generation.index)


def _bytes_per_token(model: Any) -> int:
    """What the keys and values of one token take."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize


def _check_context(ids: list[list[int]], loaded: "LoadedModel", max_new_tokens: int) -> None:
    too_long = [i for i, prompt in enumerate(ids) if len(prompt) + max_new_tokens > loaded.context]
    if too_long:
        longest = max(len(ids[i]) for i in too_long)
        raise ModelError(
            f"{len(too_long)} of {len(ids)} prompts do not fit the model: the longest has {longest:,} tokens, and with "
            f"{max_new_tokens:,} for the output the context of {loaded.context:,} is too small.\n"
            'Shorten the guide, use fewer examples ("few_shot"), lower "max_new_tokens" or leave these pairs out.'
        )


@contextmanager
def _weights(loaded: "LoadedModel", adapter: Path | None) -> Iterator[Any]:
    import torch

    from ..train.adapter import merged_adapter

    with torch.inference_mode():
        if adapter is None:
            yield loaded.model
            return
        with merged_adapter(loaded, adapter) as model:
            yield model


class _Writer:
    """What is the same for every batch: the prompts, their common beginning, when to stop."""

    def __init__(
        self, loaded: "LoadedModel", ids: list[list[int]], *, max_new_tokens: int, temperature: float, seed: int
    ) -> None:
        self.tokenizer, self.ids = loaded.tokenizer, ids
        self.limit, self.temperature, self.seed = max_new_tokens, temperature, seed
        self.stops = _stop_ids(loaded)
        self.margins = answer_margins(loaded.tokenizer)
        self.shared = _shared_length(ids)

    def write(self, going: Any, rows: list[int]) -> list[Generation]:
        """The outputs of one batch."""
        started = time.perf_counter()
        tokens = self._tokens(going, rows)
        each = (time.perf_counter() - started) / len(rows)
        found = []
        for index, answer in zip(rows, tokens, strict=True):
            stopped = bool(answer) and answer[-1] in self.stops
            text = self.tokenizer.decode(answer[:-1] if stopped else answer, skip_special_tokens=True)
            reason = "stop" if stopped else "length"
            text = text.removeprefix(self.margins[0]).removesuffix(self.margins[1])
            found.append(Generation(index, text, len(self.ids[index]), len(answer), each, reason))
        return found

    def _tokens(self, going: Any, rows: list[int]) -> list[list[int]]:
        """New token ids per row, the end token included where it came."""
        chances = [random.Random(f"{self.seed}:{row}") for row in rows]
        answers: list[list[int]] = [[] for _ in rows]
        active = list(range(len(rows)))  # the batch's rows that are still computed, in their order there
        logits = going.begin([self.ids[row] for row in rows], shared=self.shared)
        while True:
            chosen = self._choose(logits, [chances[row] for row in active])
            for row, token in zip(active, chosen, strict=True):
                if not self._done(answers[row]):
                    answers[row].append(token)
            left = [place for place, row in enumerate(active) if not self._done(answers[row])]
            if not left:
                return answers
            if len(left) < len(active):
                kept = going.keep(left)
                active, chosen = [active[place] for place in kept], [chosen[place] for place in kept]
            logits = going.advance(chosen)

    def _done(self, answer: list[int]) -> bool:
        return len(answer) >= self.limit or bool(answer and answer[-1] in self.stops)

    def _choose(self, logits: Any, chances: list[random.Random]) -> list[int]:
        """The next token of each row from logits `(rows, vocabulary)`."""
        if self.temperature == 0:
            return logits.argmax(-1).tolist()
        # inverse of the cumulative distribution, one uniform number per row
        sums = (logits.double() / self.temperature).softmax(-1).cumsum(-1)
        drawn = [chance.random() for chance in chances]
        return [min(int((row < point).sum()), logits.shape[-1] - 1) for row, point in zip(sums, drawn, strict=True)]


def _stop_ids(loaded: "LoadedModel") -> frozenset[int]:
    """The template's end-of-turn token and whatever else the model itself names as an end."""
    named = loaded.model.generation_config.eos_token_id
    named = [named] if isinstance(named, int) else named or []
    return frozenset({end_of_turn(loaded.tokenizer), loaded.tokenizer.eos_token_id, *named} - {None})


def _shared_length(ids: list[list[int]]) -> int:
    """How many first tokens all prompts share, at least one of each left over; 0 where it is not worth it."""
    if len(ids) < 2:
        return 0
    shared = min(common_beginning(ids), *(len(prompt) - 1 for prompt in ids))
    return shared if shared >= LEAST_SHARED else 0
