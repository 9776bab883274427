"""Outputs of a model in memory, in batches, with the prompts' common beginning computed once."""

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

__all__ = ["Generation", "count_prompt_tokens", "generate", "prompt_batches"]

LEAST_SHARED = 8  # tokens; a shorter common beginning is not worth a pass of its own


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


def prompt_batches(lengths: Sequence[int], *, batch_size: int) -> list[list[int]]:
    """Which prompts go together: like lengths, the longest first; a pure function of the lengths and their order.

    In bf16 a text can depend on the shape of its batch, so the same test set must always give the same batches.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def generate(
    loaded: "LoadedModel",
    prompts: Sequence[list[dict[str, str]]],
    *,
    max_new_tokens: int,
    adapter: Path | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int = 32,
    on_batch: Callable[[list[Generation]], None] | None = None,
) -> list[Generation]:
    """One output per chat, in the order of the prompts; `on_batch` gets each batch's outputs as they come.

    Temperature 0 takes the likeliest token; above it, each prompt draws from its own stream of chance, made of `seed`
    and its place. An adapter is merged into the weights in memory while this lasts. Raises ModelError where a prompt
    and its output do not fit the model's context.
    """
    from .decoding import fast_decoding

    ids = [render_prompt(loaded.tokenizer, messages) for messages in prompts]
    _check_context(ids, loaded, max_new_tokens)
    writer = _Writer(loaded, ids, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    found: list[Generation] = []
    with _weights(loaded, adapter) as model, fast_decoding(model) as writer.prefixes:
        for rows in prompt_batches([len(prompt) for prompt in ids], batch_size=batch_size):
            found += (batch := writer.write(model, rows))
            if on_batch:
                on_batch(batch)
    return sorted(found, key=lambda generation: generation.index)


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
        self.prefix: Any = None  # the cache of the common beginning, made by the first batch
        self.prefixes: Any = None  # where it is put for the fast way; None where that does not fit the model

    def write(self, model: Any, rows: list[int]) -> list[Generation]:
        """The outputs of one batch."""
        started = time.perf_counter()
        tokens = self._tokens(model, rows)
        each = (time.perf_counter() - started) / len(rows)
        found = []
        for index, answer in zip(rows, tokens, strict=True):
            stopped = bool(answer) and answer[-1] in self.stops
            text = self.tokenizer.decode(answer[:-1] if stopped else answer, skip_special_tokens=True)
            reason = "stop" if stopped else "length"
            text = text.removeprefix(self.margins[0]).removesuffix(self.margins[1])
            found.append(Generation(index, text, len(self.ids[index]), len(answer), each, reason))
        return found

    def _tokens(self, model: Any, rows: list[int]) -> list[list[int]]:
        """New token ids per row, the end token included where it came.

        A row is `[common beginning | padding | its own part]`: the beginning's keys and values are computed once and
        repeated; the padding is masked and takes no position.
        """
        import torch

        device = model.device
        tails = [self.ids[row][self.shared :] for row in rows]
        width = max(len(tail) for tail in tails)
        inputs = torch.tensor([[0] * (width - len(tail)) + tail for tail in tails], device=device)
        real = torch.tensor([[0] * (width - len(tail)) + [1] * len(tail) for tail in tails], device=device)
        mask = torch.cat([real.new_ones(len(rows), self.shared), real], dim=1)
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, self.shared :]
        cache = self._cache(model, len(rows))
        chances = [random.Random(f"{self.seed}:{row}") for row in rows]
        answers: list[list[int]] = [[] for _ in rows]
        active = list(range(len(rows)))  # the batch's rows that are still in the cache
        for _ in range(self.limit):
            logits = _forward(model, inputs, mask, positions, cache)
            chosen = self._choose(logits, [chances[row] for row in active])
            for row, token in zip(active, chosen, strict=True):
                if not self._done(answers[row]):
                    answers[row].append(token)
            going = [place for place, row in enumerate(active) if not self._done(answers[row])]
            if not going:
                break
            inputs = torch.tensor(chosen, device=device)[:, None]
            positions = positions[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones(len(active), 1)], dim=1)
            if len(going) <= len(active) / 2:  # carrying finished rows along costs more than one copy of the cache
                kept = torch.tensor(going, device=device)
                cache.batch_select_indices(kept)
                inputs, positions, mask = inputs[kept], positions[kept], mask[kept]
                active = [active[place] for place in going]
        return answers

    def _done(self, answer: list[int]) -> bool:
        return len(answer) >= self.limit or bool(answer and answer[-1] in self.stops)

    def _cache(self, model: Any, rows: int) -> Any:
        """A cache for this many rows that holds the common beginning."""
        import copy

        import torch

        from .decoding import growing_cache

        if self.shared == 0:
            return growing_cache(model.config)
        if self.prefix is None:
            self.prefix = growing_cache(model.config)
            ids = torch.tensor([self.ids[0][: self.shared]], device=model.device)
            places = torch.arange(self.shared, device=model.device)[None]
            _forward(model, ids, torch.ones_like(ids), places, self.prefix)
            if self.prefixes is not None:
                layers = enumerate(self.prefix.layers)
                self.prefixes.update({n: (layer.keys.contiguous(), layer.values.contiguous()) for n, layer in layers})
        if self.prefixes:
            return growing_cache(model.config, before=self.shared)
        cache = copy.deepcopy(self.prefix)
        cache.batch_repeat_interleave(rows)
        return cache

    def _choose(self, logits: Any, chances: list[random.Random]) -> list[int]:
        """The next token of each row from logits `(rows, vocabulary)`."""
        if self.temperature == 0:
            return logits.argmax(-1).tolist()
        # inverse of the cumulative distribution, one uniform number per row
        sums = (logits.double() / self.temperature).softmax(-1).cumsum(-1)
        drawn = [chance.random() for chance in chances]
        return [min(int((row < point).sum()), logits.shape[-1] - 1) for row, point in zip(sums, drawn, strict=True)]


def _forward(model: Any, ids: Any, mask: Any, positions: Any, cache: Any) -> Any:
    """Logits of the last position, `(rows, vocabulary)` in fp32; the cache grows in place."""
    held = {_cache_argument(model): cache}
    # A tensor, not the number 1: a slice is not contiguous, and torch then copies the head once per row (0.5 s a batch).
    last = ids.new_tensor([ids.shape[1] - 1])
    out = model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=last, **held)
    return out.logits[:, -1].float()


def _cache_argument(model: Any) -> str:
    """transformers 5.24 renamed `past_key_values` to `cache`."""
    import inspect

    return "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"


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
