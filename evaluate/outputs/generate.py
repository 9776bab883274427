"""Outputs of a model in memory, in batches; the prompts' common beginning is computed once."""

import random
import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ModelError
from ...train import (
    answer_margins,
    end_of_turn,
)
from ..rivals.constraint import TokenGuide
from .prompts import without_thoughts
from .requests import BATCH, Requests, plan_requests

if TYPE_CHECKING:
    from ...train import LoadedModel

OnToken = Callable[[float], None]


@dataclass(frozen=True)
class Generation:
    """One output. `index` is the prompt's place, `sample` its number among the outputs of that prompt.

    `input_tokens` counts the whole prompt; `output_tokens` everything generated, including the end token and
    `reasoning_tokens`; `seconds` is the batch's time divided by its items, as if each sample had read its prompt itself;
    `finish_reason` is "stop", or "length" at the token limit. `batch` is the number of its batch.
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


def generate_outputs(
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
    on_token: OnToken | None = None,
) -> list[Generation]:
    """The outputs of each request and sample, by request, then sample, without those of the (batch, sample) in `done`.

    `on_batch` gets the outputs of one batch and sample as they are finished; `on_token`, after each token of a batch, how
    many of its outputs are done, an unfinished one as the share of the most tokens that it has. Temperature 0 takes the
    most likely token; above it, each output draws from its own random stream, derived from `seed`, the request's name in
    `streams` (by default its place) and the sample. Skipped outputs do not change the others. An adapter is merged into
    the weights in memory for that time. Raises ModelError if the model computes NaN.
    """
    left = [[sample for sample in samples if (n, sample) not in done] for n in range(len(requests.batches))]
    if not any(left):
        return []
    found: list[Generation] = []
    with _batch_generator(
        loaded, requests, adapter=adapter, temperature=temperature, seed=seed, streams=streams, on_token=on_token
    ) as generate_batch:
        for number, wanted in enumerate(left):
            for batch in generate_batch(number, wanted):
                found += batch
                if on_batch:
                    on_batch(batch)
    return sorted(found, key=lambda generation: (generation.index, generation.sample))


@contextmanager
def _batch_generator(
    loaded: "LoadedModel", requests: Requests, *, adapter: Path | None, temperature: float, seed: int,
    streams: Sequence[str] | None, on_token: OnToken | None = None,
) -> Iterator[Callable[[int, Sequence[int]], Iterator[list[Generation]]]]:  # fmt: skip
    """A function that generates one batch, given by its number, once for each named sample, while the block lasts.

    The batches may come in any order and do not affect each other.
    """
    from .decode import decoding

    generator = BatchGenerator(
        loaded, requests, adapter=adapter, temperature=temperature, seed=seed, streams=streams, on_token=on_token
    )
    with _weights(loaded, adapter) as model, decoding(model, requests.ids[0], longest=requests.longest) as decoder:
        yield partial(generator.generate, decoder)


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
    """One output per chat, in the order of the prompts: `plan_requests` and `generate_outputs` in one."""
    requests = plan_requests(loaded, prompts, max_new_tokens=max_new_tokens, batch_size=batch_size)
    return generate_outputs(loaded, requests, adapter=adapter, temperature=temperature, seed=seed, on_batch=on_batch)


@contextmanager
def _weights(loaded: "LoadedModel", adapter: Path | None) -> Iterator[Any]:
    import torch

    from ...train import merged_adapter

    with torch.inference_mode():
        if adapter is None:
            yield loaded.model
            return
        with merged_adapter(loaded, adapter) as model:
            yield model


class BatchGenerator:
    """The state that all batches share: the requests, how a token is chosen, when to stop."""

    def __init__(
        self, loaded: "LoadedModel", requests: Requests, *, adapter: Path | None, temperature: float, seed: int,
        streams: Sequence[str] | None, on_token: OnToken | None = None,
    ) -> None:  # fmt: skip
        self._tokenizer, self._requests, self._on_token = loaded.tokenizer, requests, on_token
        self._temperature, self._seed, self._streams = temperature, seed, streams
        self._stops = stop_ids(loaded)
        self._margins = answer_margins(loaded.tokenizer)
        self._guide: TokenGuide | None = None
        self._name = f'"{loaded.name}"' + (f" with the adapter {adapter}" if adapter else "")

    def generate(self, decoder: Any, number: int, samples: Sequence[int]) -> Iterator[list[Generation]]:
        """The outputs of one batch, a list for each sample; the prompts are read once for all of them."""
        if not samples:
            return
        rows, started = self._requests.batches[number], time.perf_counter()
        begun = decoder.begin([self._requests.ids[row] for row in rows], shared=self._requests.shared)
        reading = time.perf_counter() - started
        # A copy of the prompts' keys and values, only if they are needed again.
        saved = decoder.save() if len(samples) > 1 else None
        for place, sample in enumerate(samples):
            started = time.perf_counter()
            if place:
                decoder.restore(saved)
            answers = self._answers(decoder, begun, rows, sample)
            each = (reading + time.perf_counter() - started) / len(rows)
            yield [
                self._generation(row, sample, number, answer, each) for row, answer in zip(rows, answers, strict=True)
            ]

    def _generation(self, row: int, sample: int, batch: int, answer: list[int], seconds: float) -> Generation:
        stopped = bool(answer) and answer[-1] in self._stops
        text = self._tokenizer.decode(answer[:-1] if stopped else answer, skip_special_tokens=True)
        text, reasoning = without_thoughts(text, len(answer), tokenizer=self._tokenizer, margins=self._margins)
        text = text.removeprefix(self._margins[0]).removesuffix(self._margins[1])
        return Generation(
            row, text, len(self._requests.ids[row]), len(answer), seconds, "stop" if stopped else "length",
            reasoning_tokens=reasoning, sample=sample, batch=batch,
        )  # fmt: skip

    def _answers(self, decoder: Any, logits: Any, rows: Sequence[int], sample: int) -> list[list[int]]:
        """New token ids per row, including the end token if there is one."""
        chances = [random.Random(self._stream(row, sample)) for row in rows]
        answers: list[list[int]] = [[] for _ in rows]
        active = list(range(len(rows)))  # the rows of the batch that are still computed, in order
        guide = self._guided(len(rows), logits.shape[-1])
        while True:
            if guide is not None:
                logits = guide.allow(logits, active, done=lambda row: self._done(answers[row]))
            chosen = self._choose(logits, [chances[row] for row in active])
            for row, token in zip(active, chosen, strict=True):
                if not self._done(answers[row]):
                    answers[row].append(token)
                    if guide is not None:
                        guide.take(row, token)
            left = [place for place, row in enumerate(active) if not self._done(answers[row])]
            if self._on_token:  # an unfinished output counts as the share of the most tokens that it has
                most = self._requests.max_new_tokens
                self._on_token(sum(1.0 if self._done(answer) else len(answer) / most for answer in answers))
            if not left:
                return answers
            if len(left) < len(active):
                kept = decoder.keep(left)
                active, chosen = [active[place] for place in kept], [chosen[place] for place in kept]
            logits = decoder.advance(chosen)

    def _guided(self, rows: int, vocabulary: int) -> TokenGuide | None:
        """The guide of a constraint at the start of that many outputs; None without a constraint."""
        if self._requests.constraint is None:
            return None
        if self._guide is None:
            self._guide = TokenGuide(
                self._requests.constraint, self._tokenizer, stops=self._stops, vocabulary=vocabulary
            )
        self._guide.begin(rows)
        return self._guide

    def _stream(self, row: int, sample: int) -> str:
        name = str(row) if self._streams is None else self._streams[row]
        return f"{self._seed}:{name}:{sample}"

    def _done(self, answer: list[int]) -> bool:
        return len(answer) >= self._requests.max_new_tokens or bool(answer and answer[-1] in self._stops)

    def _choose(self, logits: Any, chances: list[random.Random]) -> list[int]:
        """The next token of each row from logits `(rows, vocabulary)`."""
        best = logits.argmax(-1)  # argmax over NaN is the first one
        if not logits.gather(-1, best[:, None]).isfinite().all():
            raise ModelError(
                f"{self._name} is broken: its outputs are not finite numbers.\nTrain again, or download the weights again."
            )
        if self._temperature == 0:
            return best.tolist()
        # inverse of the cumulative distribution, one uniform number per row
        sums = (logits.double() / self._temperature).softmax(-1).cumsum(-1)
        drawn = [chance.random() for chance in chances]
        return [min(int((row < point).sum()), logits.shape[-1] - 1) for row, point in zip(sums, drawn, strict=True)]


def stop_ids(loaded: "LoadedModel") -> frozenset[int]:
    """The template's end-of-turn token and all tokens that the model itself names as an end."""
    named = loaded.model.generation_config.eos_token_id
    named = [named] if isinstance(named, int) else named or []
    return frozenset({end_of_turn(loaded.tokenizer), loaded.tokenizer.eos_token_id, *named} - {None})
