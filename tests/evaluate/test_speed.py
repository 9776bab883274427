"""How fast a model generates, and the time of a set of outputs by that."""

from typing import Any

import pytest

from tuneworth.evaluate import GenerationSpeed, GenerationWork, measure_generation, plan_requests
from tuneworth.evaluate.outputs.generate import generate_outputs
from tuneworth.train import chat_messages

SPEED = GenerationSpeed(per_prompt_token=0.001, per_pass=0.1, per_row=0.01)


def test_prompts_are_read_once_and_every_batch_has_as_many_passes_as_its_longest_output():
    work = GenerationWork(outputs=60, shared=700, own=6_000, written=1_800, longest=119)
    assert work.seconds(SPEED) == pytest.approx(6.7 + 11.9 + 18)
    larger = work.of(80)  # two batches
    assert larger == GenerationWork(80, 700, 8_000, 2_400, 119)
    assert larger.seconds(SPEED) == pytest.approx(8.7 + 23.8 + 24)


class Counted:
    """A decoder that counts the tokens that it is given, in place of the real one."""

    def __init__(self, decoder: Any) -> None:
        self.decoder, self.begun, self.rows = decoder, [], []

    def begin(self, prompts: list[list[int]], *, shared: int = 0) -> Any:
        self.begun.append(prompts)
        return self.decoder.begin(prompts, shared=shared)

    def advance(self, tokens: list[int]) -> Any:
        self.rows.append(len(tokens))
        return self.decoder.advance(tokens)

    def keep(self, places: Any) -> list[int]:
        return self.decoder.keep(places)


def test_some_prompts_are_read_and_a_few_tokens_are_generated(tiny_model: Any, monkeypatch: pytest.MonkeyPatch):
    from contextlib import contextmanager

    from tuneworth.evaluate.outputs import decode

    seen: list[Counted] = []
    real = decode.decoding

    @contextmanager
    def counted(*words: Any, **settings: Any) -> Any:
        with real(*words, **settings) as decoder:
            seen.append(Counted(decoder))
            yield seen[-1]

    monkeypatch.setattr(decode, "decoding", counted)
    chats = [chat_messages("item " * (n % 3 + 1), system="Write one line about the part.") for n in range(12)]
    requests = plan_requests(tiny_model, chats, max_new_tokens=20)
    speed = measure_generation(tiny_model, requests)
    whole, short = seen[0].begun
    assert [tuple(row) for row in whole] == [requests.ids[row] for row in requests.batches[0][:8]]
    assert {len(row) - requests.shared for row in short} <= set(range(1, 9))
    assert seen[0].rows == [12] * 5 + [3] * 5
    assert speed.per_prompt_token > 0
    assert speed.per_pass >= 0
    assert speed.per_row >= 0


def test_the_work_of_requests_counts_their_tokens(tiny_model: Any):
    chats = [chat_messages(text, system="Write one line about the part.") for text in ("a", "bb", "ccc")]
    requests = plan_requests(tiny_model, chats, max_new_tokens=4)
    work = GenerationWork.asked(requests, written=4, longest=4)
    outputs = generate_outputs(tiny_model, requests)
    assert work.outputs == len(outputs)
    assert work.shared * 3 + work.own == sum(output.input_tokens for output in outputs)
    assert work.written >= sum(output.output_tokens for output in outputs)
