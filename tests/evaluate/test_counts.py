"""Token counts that cannot be true are said to be that, and count as unknown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate.endpoints.counts import Counted, doubt_about, fewest_tokens, possible_tokens
from tuneworth.evaluate.endpoints.responses import Tokens

from .endpoint_server import Asked, EndpointServer, Step, completion
from .remote_plans import a_variant, race, some_pairs, the_plans, words

GUIDE = "Write one line about the part. " * 6


def counting(prompt: Any, output: Any = None) -> Any:
    """An endpoint that counts prompts and outputs by these functions of the words."""

    def behave(asked: Asked) -> Step:
        sent = sum(len(message["content"].split()) for message in asked.body["messages"])
        text = "word " * 40
        used = 50 if output is None else output
        usage = {"prompt_tokens": prompt(sent), "completion_tokens": used, "total_tokens": prompt(sent) + used}
        return Step(body=completion(text, usage=usage))

    return behave


def raced(behave: Any, path: Any, *, guide: str | None = GUIDE, pairs: int = 12) -> tuple[Any, list[str]]:
    said: list[str] = []
    table = some_pairs(pairs).with_columns(input=some_pairs(pairs)["input"] + " and more" * 3)
    with EndpointServer(behave) as server:
        (found,) = race(the_plans(a_variant(server.url, guide=guide), pairs=table), path, warn=said.append)
        asked = len(server.requests)
        (again,) = race(the_plans(a_variant(server.url, guide=guide), pairs=table), path)
        assert len(server.requests) == asked
    assert again.doubt == found.doubt  # stored answers are doubted too
    assert again.outputs.equals(found.outputs)
    return found, said


def test_counts_that_can_be_true_are_used(tmp_path):
    found, said = raced(counting(lambda sent: sent + 4), tmp_path / "answers")
    assert (found.doubt, said) == (None, [])
    assert found.guide_tokens == 36
    assert found.outputs["input_tokens"].null_count() == 0


def test_a_system_message_that_the_server_adds_where_none_is_sent_gives_no_doubt(tmp_path):
    """As llama.cpp does with SmolLM2's template: a request without a guide takes more tokens than one with a short guide."""
    pairs = some_pairs(12).with_columns(input=some_pairs(12)["input"] + " and more" * 3)

    def behave(asked: Asked) -> Step:
        sent = sum(len(message["content"].split()) for message in asked.body["messages"])
        sent += 0 if asked.body["messages"][0]["role"] == "system" else 17
        usage = {"prompt_tokens": sent, "completion_tokens": 5, "total_tokens": sent + 5}
        return Step(body=completion("fine", usage=usage))

    with EndpointServer(behave) as server:
        (found,) = race(the_plans(a_variant(server.url, guide="Write a line."), pairs=pairs), tmp_path / "answers")
    assert found.doubt is None


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (counting(lambda sent: 7), "7 prompt tokens for a text of"),
        (counting(lambda sent: 0), "0 prompt tokens for a text of"),
        (counting(lambda sent: 1), "1 prompt token for a text of"),
        (counting(lambda sent: 900), "900 prompt tokens with the guide, 900 without"),
        (counting(lambda sent: sent, output=1), "1 output token for a text of 40 words or more"),
    ],
)
def test_counts_that_cannot_be_true_count_as_unknown_and_are_said_to_be_that(tmp_path, behave, said):
    found, warnings = raced(behave, tmp_path / "answers")
    assert said in found.doubt
    (warning,) = warnings
    assert warning.startswith(f"127.0.0.1: its token counts cannot be true: {found.doubt}")
    assert "state fixed_tokens, input_tokens and output_tokens under [roi.prompted]" in warning
    assert (found.fixed_tokens, found.guide_tokens, found.few_shot_tokens) == (None, None, None)
    assert found.outputs.select("input_tokens", "cached_tokens", "output_tokens").null_count().row(0) == (12, 12, 12)
    assert found.outputs["output"].null_count() == 0


def test_the_same_count_for_requests_of_any_length_is_doubted(tmp_path):
    pairs = some_pairs(8)
    pairs = pairs.with_columns(input=pairs["input"] + pairs["id"].map_elements(lambda id: " word" * (3 * int(id[1:]))))
    with EndpointServer(counting(lambda sent: 300)) as server:
        (found,) = race(the_plans(a_variant(server.url, guide=None), pairs=pairs), tmp_path / "answers")
    assert found.doubt.startswith("300 prompt tokens for each of 9 requests of ")


def test_texts_of_one_length_may_have_the_same_count(tmp_path):
    with EndpointServer(words) as server:
        pairs = some_pairs(8).with_columns(system=None)
        (found,) = race(the_plans(a_variant(server.url, guide=None), pairs=pairs), tmp_path / "answers")
    assert found.doubt is None


@pytest.mark.parametrize(("spread", "doubted"), [(1, False), (20, True)])
def test_the_same_count_is_doubted_only_where_the_lengths_differ_enough(spread: int, doubted: bool):
    counted = [Counted(50, 9, 100 + spread * n, 0, 0) for n in range(6)]
    assert (doubt_about(counted, {}) is not None) is doubted
    assert doubt_about([*counted, Counted(51, 9, 100, 0, 0)], {}) is None


def test_one_odd_count_of_many_is_unknown_by_itself(tmp_path):
    def behave(asked: Asked) -> Step:
        odd = asked.text.startswith("ask 3 ")
        return counting(lambda sent: 1 if odd else sent)(asked)

    found, said = raced(behave, tmp_path / "answers", pairs=40)
    assert (found.doubt, said) == (None, [])
    assert found.outputs["input_tokens"].null_count() == 1
    assert json.loads((tmp_path / "answers").read_text().splitlines()[5])["usage"] is not None


def test_a_count_of_nothing_is_doubted_for_any_text():
    counted = Counted.of([{"role": "user", "content": "a"}], {"usage": {"prompt_tokens": 0}, "output": "b"})
    assert doubt_about([counted] * 3, {}) == "0 prompt tokens"


@given(st.lists(st.text(max_size=60), max_size=5))
def test_the_fewest_tokens_are_no_more_than_half_the_words(texts):
    assert 0 <= fewest_tokens(texts) <= sum(len(text.split()) for text in texts) / 2


def test_unknown_counts_are_neither_possible_nor_doubted():
    chat = [{"role": "user", "content": "word " * 99}]
    assert possible_tokens(Tokens(), chat, "word " * 99) == Tokens()
    line = {"usage": None, "output": "word " * 99}
    assert doubt_about([Counted.of(chat, line)] * 9, {"fixed": None}) is None
    assert doubt_about([], {}) is None
