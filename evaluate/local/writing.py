"""One batch of requests written to its end, token by token: what is chosen, when it stops, what the text is."""

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...style.errors import ModelError
from ...train.render import answer_margins, encode_texts, end_of_turn
from .generate import Generation, Requests

if TYPE_CHECKING:
    from ...train.model import LoadedModel

__all__ = ["Writer", "stop_ids"]

# The marks between which models that think write their thoughts, so far as their templates name them.
THINK, THOUGHT = "<think>", "</think>"


class Writer:
    """What is the same for every batch: the requests, how a token is chosen, when to stop."""

    def __init__(
        self, loaded: "LoadedModel", requests: Requests, *, adapter: Path | None, temperature: float, seed: int,
        streams: Sequence[str] | None,
    ) -> None:  # fmt: skip
        self._tokenizer, self._requests = loaded.tokenizer, requests
        self._temperature, self._seed, self._streams = temperature, seed, streams
        self._stops = stop_ids(loaded)
        self._margins = answer_margins(loaded.tokenizer)
        self._thinks = THOUGHT in str(loaded.tokenizer.chat_template)
        # Where the prompt itself opens the thoughts, a text begins within them.
        self._opened = THOUGHT in self._margins[0] and THINK not in self._margins[0]
        self._name = f'"{loaded.name}"' + (f" with the adapter {adapter}" if adapter else "")

    def write(self, going: Any, number: int, samples: Sequence[int]) -> Iterator[list[Generation]]:
        """The outputs of one batch, a list for each sample; the prompts are read once for all of them."""
        if not samples:
            return
        rows, started = self._requests.batches[number], time.perf_counter()
        begun = going.begin([self._requests.ids[row] for row in rows], shared=self._requests.shared)
        reading = time.perf_counter() - started
        # A copy of the prompts' keys and values, only where they are needed again.
        saved = going.save() if len(samples) > 1 else None
        for place, sample in enumerate(samples):
            started = time.perf_counter()
            if place:
                going.restore(saved)
            answers = self._answers(going, begun, rows, sample)
            each = (reading + time.perf_counter() - started) / len(rows)
            yield [
                self._generation(row, sample, number, answer, each) for row, answer in zip(rows, answers, strict=True)
            ]

    def _generation(self, row: int, sample: int, batch: int, answer: list[int], seconds: float) -> Generation:
        stopped = bool(answer) and answer[-1] in self._stops
        text = self._tokenizer.decode(answer[:-1] if stopped else answer, skip_special_tokens=True)
        text, reasoning = self._without_thoughts(text, len(answer))
        text = text.removeprefix(self._margins[0]).removesuffix(self._margins[1])
        return Generation(
            row, text, len(self._requests.ids[row]), len(answer), seconds, "stop" if stopped else "length",
            reasoning_tokens=reasoning, sample=sample, batch=batch,
        )  # fmt: skip

    def _without_thoughts(self, text: str, tokens: int) -> tuple[str, int]:
        """The answer alone, as providers give it, and the tokens of what was thought before it.

        All tokens and no answer where the thoughts never end.
        """
        if not self._thinks or not (self._opened or text.lstrip().startswith(THINK)):
            return text, 0
        if THOUGHT in self._margins[0] and text.startswith(self._margins[0]):
            return text, 0  # thoughts that the template itself closes at once
        thought, end, answer = text.partition(THOUGHT)
        if not end:
            return "", tokens
        return answer.lstrip(), min(len(encode_texts(self._tokenizer, [thought + end])[0]), tokens)

    def _answers(self, going: Any, logits: Any, rows: Sequence[int], sample: int) -> list[list[int]]:
        """New token ids per row, the end token included where it came."""
        chances = [random.Random(self._stream(row, sample)) for row in rows]
        answers: list[list[int]] = [[] for _ in rows]
        active = list(range(len(rows)))  # the batch's rows that are still computed, in their order there
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

    def _stream(self, row: int, sample: int) -> str:
        name = str(row) if self._streams is None else self._streams[row]
        return f"{self._seed}:{name}:{sample}"

    def _done(self, answer: list[int]) -> bool:
        return len(answer) >= self._requests.max_new_tokens or bool(answer and answer[-1] in self._stops)

    def _choose(self, logits: Any, chances: list[random.Random]) -> list[int]:
        """The next token of each row from logits `(rows, vocabulary)`."""
        best = logits.argmax(-1)  # that of no number is the first of them
        if not logits.gather(-1, best[:, None]).isfinite().all():
            raise ModelError(
                f"{self._name} is broken: what it computes are no numbers.\nTrain again, or fetch the weights anew."
            )
        if self._temperature == 0:
            return best.tolist()
        # inverse of the cumulative distribution, one uniform number per row
        sums = (logits.double() / self._temperature).softmax(-1).cumsum(-1)
        drawn = [chance.random() for chance in chances]
        return [min(int((row < point).sum()), logits.shape[-1] - 1) for row, point in zip(sums, drawn, strict=True)]


def stop_ids(loaded: "LoadedModel") -> frozenset[int]:
    """The template's end-of-turn token and whatever else the model itself names as an end."""
    named = loaded.model.generation_config.eos_token_id
    named = [named] if isinstance(named, int) else named or []
    return frozenset({end_of_turn(loaded.tokenizer), loaded.tokenizer.eos_token_id, *named} - {None})
