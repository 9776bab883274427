"""Outputs of a model in memory, in batches, with the prompts' common beginning computed once."""

import math
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...style.errors import ModelError
from ...train.batches import common_beginning
from ...train.render import encode_prompts, render_prompt, render_text

if TYPE_CHECKING:
    from ...train.model import LoadedModel

__all__ = [
    "BATCH",
    "CACHE_BYTES",
    "Generation",
    "Requests",
    "count_prompt_tokens",
    "generate",
    "plan_requests",
    "prompt_batches",
    "write_outputs",
    "writing",
]

LEAST_SHARED = 8  # tokens; a shorter common beginning is not worth a pass of its own
BATCH = 64  # rows; twice as many bring a tenth more outputs a second and take twice the memory
CACHE_BYTES = 2**30  # of keys and values at a time: 64 rows of 728 tokens of the default model


@dataclass(frozen=True)
class Generation:
    """One output. `index` is the prompt's place, `sample` its number among the outputs of that prompt.

    `input_tokens` counts the whole prompt; `output_tokens` all that was written, the end token and `reasoning_tokens`
    too; `seconds` is the batch's time divided by its items, as if each sample had read its prompt itself;
    `finish_reason` is "stop", or "length" at the token limit. `batch` is the number of the batch it was made in.
    """

    index: int
    output: str
    input_tokens: int
    output_tokens: int
    seconds: float
    finish_reason: str
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    sample: int = 0
    batch: int = 0


@dataclass(frozen=True)
class Requests:
    """A whole list of prompts, ready to be written on: token ids, which go together, what all begin with.

    `batches` hold places of prompts, `shared` is the length of the common beginning in tokens (0 where it is not
    worth a pass of its own), `longest` that of the longest row with its output.
    """

    ids: tuple[tuple[int, ...], ...]
    batches: tuple[tuple[int, ...], ...]
    shared: int
    max_new_tokens: int

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt and its output."""
        return max(map(len, self.ids), default=0) + self.max_new_tokens


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


def plan_requests(
    loaded: "LoadedModel",
    prompts: Sequence[list[dict[str, str]]],
    *,
    max_new_tokens: int,
    batch_size: int = BATCH,
) -> Requests:
    """The chats as requests to this model: a pure function of the whole list, whatever of it is still to be written.

    Batches are of at most `batch_size` rows, fewer where the prompts are long. Raises ModelError where a prompt and
    its output do not fit the model's context.
    """
    ids = encode_prompts(loaded.tokenizer, prompts, [render_text(loaded.tokenizer, chat) for chat in prompts])
    _check_context(ids, loaded, max_new_tokens)
    shared = _shared_length(ids)
    once = shared if loaded.model.device.type == "cpu" else 0  # elsewhere each row repeats the common beginning
    batches = prompt_batches(
        [len(prompt) - once + max_new_tokens for prompt in ids], batch_size=batch_size,
        most_tokens=CACHE_BYTES // _bytes_per_token(loaded.model),
    )  # fmt: skip
    return Requests(tuple(map(tuple, ids)), tuple(map(tuple, batches)), shared, max_new_tokens)


def write_outputs(
    loaded: "LoadedModel",
    requests: Requests,
    *,
    adapter: Path | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    streams: Sequence[str] | None = None,
    samples: Sequence[int] = (0,),
    done: Container[tuple[int, int]] = (),
    on_batch: Callable[[list[Generation]], None] | None = None,
) -> list[Generation]:
    """The outputs of each request and sample, by request, then sample; those of (batch, sample) in `done` left out.

    `on_batch` gets the outputs of one batch and sample as they come. Temperature 0 takes the likeliest token; above
    it, each output draws from its own stream of chance, made of `seed`, the request's name in `streams` (its place
    where left out) and the sample. What is left out changes nothing in the rest. An adapter is merged into the
    weights in memory while this lasts. Raises ModelError where the model computes no numbers.
    """
    left = [[sample for sample in samples if (n, sample) not in done] for n in range(len(requests.batches))]
    if not any(left):
        return []
    found: list[Generation] = []
    with writing(loaded, requests, adapter=adapter, temperature=temperature, seed=seed, streams=streams) as write:
        for number, wanted in enumerate(left):
            for batch in write(number, wanted):
                found += batch
                if on_batch:
                    on_batch(batch)
    return sorted(found, key=lambda generation: (generation.index, generation.sample))


@contextmanager
def writing(
    loaded: "LoadedModel", requests: Requests, *, adapter: Path | None, temperature: float, seed: int,
    streams: Sequence[str] | None,
) -> Iterator[Callable[[int, Sequence[int]], Iterator[list[Generation]]]]:  # fmt: skip
    """What writes one batch, given by its number, once for each of the samples named, while the block lasts.

    The batches may come in any order, and none of them is changed by the others.
    """
    from .decoding import decoding
    from .writing import Writer

    writer = Writer(loaded, requests, adapter=adapter, temperature=temperature, seed=seed, streams=streams)
    with _weights(loaded, adapter) as model, decoding(model, requests.ids[0], longest=requests.longest) as going:
        yield partial(writer.write, going)


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
    """One output per chat, in the order of the prompts: `plan_requests` and `write_outputs` in one."""
    requests = plan_requests(loaded, prompts, max_new_tokens=max_new_tokens, batch_size=batch_size)
    return write_outputs(loaded, requests, adapter=adapter, temperature=temperature, seed=seed, on_batch=on_batch)


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

    from ...train.adapter import merged_adapter

    with torch.inference_mode():
        if adapter is None:
            yield loaded.model
            return
        with merged_adapter(loaded, adapter) as model:
            yield model


def _shared_length(ids: list[list[int]]) -> int:
    """How many first tokens all prompts share, at least one of each left over; 0 where it is not worth it."""
    if len(ids) < 2:
        return 0
    shared = min(common_beginning(ids), *(len(prompt) - 1 for prompt in ids))
    return shared if shared >= LEAST_SHARED else 0
