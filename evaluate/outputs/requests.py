"""Requests to a model in memory: their batches, whether they fit its context, and how long they take."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core import ModelError
from ...train import answer_margins, common_beginning, encode_prompts, render_text
from ..rivals.constraint import Constraint
from .prompts import opens_thoughts

if TYPE_CHECKING:
    from ...train import LoadedModel


LEAST_SHARED = 8  # tokens; a shorter common beginning does not justify a pass of its own
BATCH = 64  # rows; twice as many give a tenth more outputs a second and take twice the memory
_CACHE_BYTES = 2**30  # of keys and values at a time: 64 rows of 728 tokens of the default model


@dataclass(frozen=True)
class Requests:
    """A list of prompts, ready for generation: token ids, batches, common beginning.

    `batches` contain places of prompts, `shared` is the length of the common beginning in tokens (0 if it does not
    justify a pass of its own), `longest` that of the longest row with its output. `constraint` limits every output.
    """

    ids: tuple[tuple[int, ...], ...]
    batches: tuple[tuple[int, ...], ...]
    shared: int
    max_new_tokens: int
    constraint: Constraint | None = None

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt and its output."""
        return max(map(len, self.ids), default=0) + self.max_new_tokens


def prompt_batches(lengths: Sequence[int], *, batch_size: int, most_tokens: int | None = None) -> list[list[int]]:
    """Batches of prompts of similar length, the longest first, of similar sizes and at most `batch_size` rows.

    A batch padded to its longest prompt has at most `most_tokens`, or is one row. A pure function of the lengths
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
    constraint: Constraint | None = None,
) -> Requests:
    """The chats as requests to this model: a pure function of the whole list, whatever part is still to be generated.

    Batches have at most `batch_size` rows, fewer if the prompts are long. Raises ModelError if a prompt and its output do
    not fit the model's context, or if its outputs cannot be constrained.
    """
    ids = encode_prompts(loaded.tokenizer, prompts, [render_text(loaded.tokenizer, chat) for chat in prompts])
    _check_context(ids, loaded, max_new_tokens)
    if constraint is not None:
        check_constrainable(loaded)
    shared = _shared_length(ids)
    once = shared if loaded.model.device.type == "cpu" else 0  # elsewhere each row repeats the common beginning
    batches = prompt_batches(
        [len(prompt) - once + max_new_tokens for prompt in ids], batch_size=batch_size,
        most_tokens=_CACHE_BYTES // _bytes_per_token(loaded.model),
    )  # fmt: skip
    return Requests(tuple(map(tuple, ids)), tuple(map(tuple, batches)), shared, max_new_tokens, constraint)


def _bytes_per_token(model: Any) -> int:
    """The size of the keys and values of one token."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize


def _check_context(ids: list[list[int]], loaded: "LoadedModel", max_new_tokens: int) -> None:
    too_long = [i for i, prompt in enumerate(ids) if len(prompt) + max_new_tokens > loaded.context]
    if too_long:
        longest = max(len(ids[i]) for i in too_long)
        raise ModelError(
            f"{len(too_long)} of {len(ids)} prompts are too long: the longest has {longest:,} tokens, which with "
            f"{max_new_tokens:,} for the output exceeds the context of {loaded.context:,}.\n"
            'Shorten the guide, use fewer examples ("few_shot"), lower "max_new_tokens" or remove these pairs.'
        )


def _shared_length(ids: list[list[int]]) -> int:
    """The number of first tokens that all prompts share, leaving at least one of each; 0 if it is too small to matter."""
    if len(ids) < 2:
        return 0
    shared = min(common_beginning(ids), *(len(prompt) - 1 for prompt in ids))
    return shared if shared >= LEAST_SHARED else 0


def check_constrainable(loaded: "LoadedModel") -> None:
    """Raises: ModelError if the model's outputs cannot be constrained, whatever the constraint."""
    if opens_thoughts(answer_margins(loaded.tokenizer)):
        raise ModelError(f'"{loaded.name}" thinks before it answers, so its outputs cannot be constrained.')
    if not getattr(loaded.tokenizer, "is_fast", False):
        raise ModelError(f'"{loaded.name}" has a tokenizer in Python, with which its outputs cannot be constrained.')


if TYPE_CHECKING:
    from ...train import LoadedModel


# --- speed -------------------------------------------------------------------------------------------------------

READ_ROWS = 8  # whole prompts that are read to learn the time of a prompt's token
BEGINNING = 8  # tokens of each prompt, besides what all share, that the rows of the timed passes begin with
PASSES = 4  # timed, after one that sets up the kernels
FEWER = 4  # the second number of rows is a quarter of the first


@dataclass(frozen=True)
class GenerationSpeed:
    """Seconds to read a token of a prompt, of one pass that gives each row its next token, and more of it for each row."""

    per_prompt_token: float
    per_pass: float
    per_row: float


@dataclass(frozen=True)
class GenerationWork:
    """The work of generating `outputs` outputs: tokens that all prompts share, further tokens of all prompts together,
    tokens written in all, and those of the longest output, which are the passes of a batch."""

    outputs: int
    shared: int
    own: float
    written: float
    longest: int

    @classmethod
    def asked(cls, requests: Requests, *, written: float, longest: int) -> "GenerationWork":
        """The work of these requests if an output has `written` tokens on average, and the longest one `longest`."""
        outputs = len(requests.ids)
        own = sum(map(len, requests.ids)) - requests.shared * outputs
        return cls(outputs, requests.shared, own, written * outputs, longest)

    def of(self, outputs: int) -> "GenerationWork":
        """The work of another number of outputs like these."""
        scale = outputs / self.outputs
        return GenerationWork(outputs, self.shared, self.own * scale, self.written * scale, self.longest)

    def seconds(self, speed: GenerationSpeed) -> float:
        """The time at this speed, in batches of at most 64 outputs.

        For the demo's three variants it gave 11.3, 10.4 and 7.1 s where 10.0, 10.4 and 6.2 s were taken (60 outputs, bf16),
        and 15.0, 15.0 and 11.7 s for 14.4, 16.2 and 9.4 s (24 outputs, fp32 on AVX2); CPU seconds of two cores.
        """
        reading = (self.shared + self.own) * speed.per_prompt_token
        passes = math.ceil(self.outputs / BATCH) * self.longest
        return reading + passes * speed.per_pass + self.written * speed.per_row


def measure_generation(loaded: "LoadedModel", requests: Requests) -> GenerationSpeed:
    """The speed with prompts like these (at least two), from some of the first batch: a few seconds, nothing is kept.

    Prompts are read as for generation, then rows that begin with a few tokens are extended, all of the batch's and a
    quarter of them: the time of a pass is a constant and a part for each row.
    """
    import torch

    from .decode import decoding

    rows = [list(requests.ids[row]) for row in requests.batches[0]]
    shared, few = requests.shared, max(1, len(rows) // FEWER)
    with torch.inference_mode(), decoding(loaded.model, rows[0], longest=requests.longest) as decoder:
        whole = rows[:READ_ROWS]
        tokens = shared + sum(len(row) - shared for row in whole)
        reading = _seconds(lambda: decoder.begin(whole, shared=shared))
        decoder.begin([row[: shared + BEGINNING] for row in rows], shared=shared)
        many_seconds = _pass_seconds(decoder, len(rows))
        few_seconds = _pass_seconds(decoder, len(decoder.keep(range(few))))
    per_row = max(0.0, many_seconds - few_seconds) / max(1, len(rows) - few)
    return GenerationSpeed(reading / tokens, max(0.0, few_seconds - few * per_row), per_row)


def _pass_seconds(decoder: object, rows: int) -> float:
    """The seconds of one pass that gives this many rows their next token."""
    token = [0] * rows
    decoder.advance(token)  # type: ignore[attr-defined]
    return _seconds(lambda: [decoder.advance(token) for _ in range(PASSES)]) / PASSES  # type: ignore[attr-defined]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
