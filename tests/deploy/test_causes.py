"""Each cause is named by its own test, and by no other; an honest server is accused of nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.deploy.check.compare import compare_served, find_causes
from tuneworth.deploy.check.observations import (
    Margins,
    Marks,
    Observations,
    Reading,
    next_token_share,
    parting,
    rounding_noise,
    words,
)

from .observed import margins, probes, row, seen, text

MARKS = Marks("<|im_end|>", ("<|im_start|>", "<|im_end|>"), "<|im_start|>")
OTHER = {f"r{number}": f"Here is something quite unlike it, number {number}, and at length." for number in range(40)}


def names(what: Observations) -> list[str]:
    return [cause.id for cause in find_causes(what)]


def parted(_: dict[str, Any], number: int) -> dict[str, Any]:
    """Every third text leaves the recorded one after eight words, as in another number format."""
    return {"served": " ".join([*text(number).split()[:8], "otherwise"])} if number % 3 == 0 else {}


def counted(by: int) -> Any:
    return lambda one, number: {"served_prompt": one["served_prompt"] + by}


def crowded(one: dict[str, Any], number: int) -> dict[str, Any]:
    """Long requests leave no room for the answer in a context of 64 tokens."""
    left = 64 - one["served_prompt"]
    return {"served": text(number)[:10], "served_finish": "length", "served_tokens": left} if left < 12 else {}


def reading(server: list[int], expected: list[int] | None = None) -> Reading:
    return Reading(expected or [1, 5, 6, 7, 2], server, lambda id: f"<{id}>")


FAULTS = {
    "begin": [
        seen(reading=reading([1, 1, 5, 6, 7, 2])),
        seen(reading=reading([9, 1, 5, 6, 7, 2])),
        seen(counted(1), probes=probes(1, 1, 1)),
    ],
    "template": [
        seen(reading=reading([1, 5, 6])),
        seen(reading=reading([1, 5, 8, 7, 2])),
        seen(counted(20), reading=reading([1, 20, 21, 5, 6, 7, 2])),
        seen(counted(20), probes=probes(20, 0, 20)),
        seen(counted(-20), probes=probes(-20, 0, -20)),
        seen(counted(-3), probes=probes(-3, -3, -3)),
        seen(counted(-4), probes=probes(-4, -4, -8)),
        seen(counted(5)),
    ],
    "tokenizer": [
        seen(
            lambda one, number: {"served": "Quite another text."},
            reading=replace(reading([1, 5, 9, 2]), server_text="x", expected_text="x"),
        ),
    ],
    "stop": [
        seen(lambda one, number: {"served": one["served"] + "<|im_end|>"}, marks=MARKS),
        seen(lambda one, number: {"served": one["served"] + "\nuser\nAnd", "served_finish": "length", "served_tokens": 64}),
    ],
    "limit": [
        seen(lambda one, number: {"served": text(number)[:30], "served_finish": "length", "served_tokens": 10}),
    ],
    "context": [
        seen(lambda one, number: {"served_prompt": min(one["served_prompt"], 40)}),
        seen(
            lambda one, number: {"served": None, "error": "400: exceeds the available context size (attempts: 1)"}
            if one["recorded_prompt"] > 50
            else {}
        ),
        seen(crowded),
    ],
    "thinking": [
        seen(lambda one, number: {"served": f"<think>Let me see.</think>{one['served']}"}),
        seen(lambda one, number: {"reasoning_tokens": 40, "served": "Hm. " + one["served"]}),
    ],
    "sampling": [
        seen(again=pl.DataFrame({"id": list("abcd"), "first": ["a b c d e"] * 4, "second": ["a b x", "a y", "z", "a b c d e"]})),
    ],
    "base": [
        seen(lambda one, number: {"served": OTHER[one["id"]]}, base=OTHER),
        seen(lambda one, number: {"served": OTHER[one["id"]].replace("length", "some length")}, base=OTHER, margins=margins(8)),
    ],
    "quantised": [
        seen(parted, margins=margins(0.6)),
        seen(parted, declared_bits=4.8),
    ],
    "another": [
        seen(lambda one, number: {"served": "Quite another text."}, margins=margins(9)),
        seen(lambda one, number: {"served": "Quite another text.", "served_prompt": one["served_prompt"] + number % 7}),
        seen(lambda one, number: {"served": "Quite another text.", "served_prompt": one["served_prompt"] * 3 // 4}),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("cause", "what"), [(name, one) for name, seen_so in FAULTS.items() for one in seen_so])
def test_a_fault_is_named_by_its_own_test_alone(cause: str, what: Observations) -> None:
    assert names(what) == [cause]


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ([1, 5, 6], "it does not begin the answer; token 4 of the first request is none and was '<7>' at judging"),
        ([1, 5, 6, 7, 2, 8], "it writes 1 token after the request; token 6"),
        ([1, 20, 21, 1, 5, 6, 7, 2], "it adds 3 tokens, such as a default system message; token 2"),
        ([1, 7, 2], "it leaves out 2 tokens, such as a default system message; token 2"),
        ([1, 5, 9, 7, 2], "another one: token 3 of the first request is '<9>' and was '<6>'"),
    ],
)
def test_the_tokens_show_what_another_template_does(server: list[int], says: str) -> None:
    (found,) = find_causes(seen(reading=reading(server)))
    assert says in found.says


@pytest.mark.parametrize("cause", FAULTS)
def test_a_cause_is_a_sentence_with_numbers_and_advice(cause: str) -> None:
    for what in FAULTS[cause]:
        (found,) = find_causes(what)
        assert found.says[0].isupper()
        assert found.says.endswith(".")
        assert found.advice.endswith(".")
        assert found.evidence
        assert found.to_json()["id"] == cause


def test_an_honest_server_is_accused_of_nothing() -> None:
    honest = seen(
        probes=probes(0, 0, 0), reading=reading([1, 5, 6, 7, 2]), marks=MARKS, base=OTHER, declared_bits=8.5,
        again=pl.DataFrame({"id": list("abc"), "first": list("abc"), "second": list("abc")}),
    )  # fmt: skip
    assert names(honest) == []
    assert names(seen(parted, margins=margins(0.05), base=OTHER)) == []
    harmless = replace(reading([1, 5, 9, 2]), server_text="x", expected_text="x")
    assert names(seen(reading=harmless)) == []


@given(st.integers(0, 10_000), st.floats(0.01, 0.12))
def test_rounding_is_no_cause_whatever_it_hits(seed: int, noise: float) -> None:
    draw = np.random.default_rng(seed)
    hit = set(draw.choice(40, draw.integers(0, 7), replace=False).tolist())

    def rounded(_: dict[str, Any], number: int) -> dict[str, Any]:
        kept = text(number).split()
        place = int(draw.integers(0, len(kept)))
        return {"served": " ".join([*kept[:place], "else", *kept[place + 1 :]])} if number in hit else {}

    texts = [text(number, words=40) for number in range(8)]
    again = [" ".join([*one.split()[:30], "other"]) if number < 4 else one for number, one in enumerate(texts)]
    twice = pl.DataFrame({"id": list("abcdefgh"), "first": texts, "second": again})
    honest = seen(
        rounded, margins=margins(noise, seed=seed), base=OTHER, again=twice, probes=probes(0, 0, 0), marks=MARKS
    )
    assert names(honest) == []


def test_a_text_drawn_at_judging_is_not_compared() -> None:
    drawn = replace(
        seen(lambda one, number: {"served": OTHER[one["id"]]}, base=OTHER, margins=margins(8)), temperature=0.7
    )
    assert names(drawn) == []
    assert drawn.next_token_share is None


@given(st.floats(0.05, 2.0), st.integers(0, 1000))
def test_the_noise_of_a_server_is_found_again(noise: float, seed: int) -> None:
    found = rounding_noise(margins(noise, seed=seed, places=6000))
    assert found is not None
    assert noise / 2 < found < noise * 2


def test_noise_without_a_place_is_unknown_and_without_a_difference_small() -> None:
    assert rounding_noise(Margins(np.array([]), np.array([]))) is None
    assert rounding_noise(Margins(np.array([1.0, 2.0]), np.array([]))) == pytest.approx(0.001)


@given(st.text("ab ", max_size=12), st.text("ab ", max_size=12))
def test_two_texts_part_where_their_tokens_do(one: str, other: str) -> None:
    place = parting(one, other, words)
    assert place.parts == (one != other)
    assert words(one)[: place.agreed] == words(other)[: place.agreed]
    assert "".join(words(one)) == one


def test_the_share_of_next_tokens_counts_places_up_to_the_first_difference() -> None:
    places = [parting("a b c", "a b c", words), parting("a b c", "a x y", words)]
    assert next_token_share(places) == pytest.approx((4 + 1) / (4 + 1 + 1))
    assert next_token_share([]) is None


def check(what: Observations, recorded: list[int], served: list[int], margin: float = 0.03) -> dict[str, Any]:
    return compare_served(
        what, recorded=np.array(recorded, float), served=np.array(served, float), groups=None, margin=margin
    )


def test_the_same_texts_are_the_same_model_even_in_few_rows() -> None:
    few = check(seen(count=5), [1, 1, 1, 0, 1], [1, 1, 1, 0, 1])
    assert (few["status"], few["same"]) == ("same", True)
    assert few["sentence"] == (
        "What is served is what was judged: 5 of 5 answers have the recorded text and 80% are acceptable, 80% at judging."
    )


def test_a_few_rows_of_a_rounding_server_pass_though_their_interval_is_wide() -> None:
    few = seen(parted, count=12, margins=margins(0.3, places=150))
    found = check(few, [1] * 12, [1] * 11 + [0])
    assert found["acceptable"]["not_worse"] is False
    assert (found["status"], found["texts"]["within_rounding"]) == ("same", True)
    assert check(few, [1] * 12, [1] * 4 + [0] * 8)["status"] == "cause not found"


def test_worse_answers_without_a_cause_are_said_to_have_none() -> None:
    outcomes = [1] * 40, [0] * 12 + [1] * 28
    found = check(seen(lambda one, number: {"served": text(number).replace("box", "bax")}), *outcomes)
    assert found["status"] == "cause not found"
    assert "no cause was found: " in found["sentence"]
    assert "acceptable answers changed by" in found["sentence"]


def test_a_named_cause_is_in_the_sentence() -> None:
    found = check(FAULTS["sampling"][0], [1] * 40, [1] * 40)
    assert found["status"] == "named cause"
    assert found["sentence"].startswith("What is served is not what was judged. The server draws its tokens")


def test_failed_requests_are_no_agreement() -> None:
    def lost(_: dict[str, Any], number: int) -> dict[str, Any]:
        return {"served": None, "error": "503: busy (attempts: 6)"} if number < 4 else {}

    found = check(seen(lost), [1] * 36, [1] * 36)
    assert (found["status"], found["failed"]) == ("cause not found", 4)
    assert "4 of 40 requests failed" in found["sentence"]


def test_a_server_that_answers_nothing_has_no_figures() -> None:
    found = check(seen(lambda one, number: {"served": None, "error": "gone"}), [], [])
    assert found["status"] == "cause not found"
    assert found["acceptable"]["served"] is None
    assert found["seconds"]["served"] == {"p50": None, "p95": None}


def test_figures_are_those_of_both_sides() -> None:
    slower = seen(lambda one, number: {"served_seconds": 0.3, "served_tokens": 16, "served_finish": None})
    found = check(slower, [1] * 40, [1] * 40)
    assert found["seconds"] == {"recorded": {"p50": 0.1, "p95": 0.1}, "served": {"p50": 0.3, "p95": 0.3}}
    assert found["tokens"]["output"] == {"recorded": 14, "served": 16}
    assert found["finish"] == {"recorded": {"stop": 40}, "served": {"not stated": 40}}
    assert row(3)["recorded"] == text(3)
