"""How fast a model in memory generates, from a few tokens of one batch, and the time of whole sets of outputs by that."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .generate import BATCH, Requests

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = ["GenerationSpeed", "GenerationWork", "measure_generation"]

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
