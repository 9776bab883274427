"""The nearest train pairs as examples: the most similar ones, never the request's own, in any order of the rows."""

import random
from collections import Counter
from math import log, sqrt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from tuneworth.core import ConfigError
from tuneworth.evaluate import (
    AnswerStore,
    EvaluateSettings,
    Variant,
    VariantSettings,
    check_privacy,
    check_room,
    plan_variants,
    prompts_of,
    race,
)
from tuneworth.evaluate.rivals.nearest import NearestExamples
from tuneworth.style import parse_style

from ..conftest import pair
from .endpoint_server import EndpointServer
from .remote_plans import a_variant, asked_for, the_plans
from .remote_plans import race as race_remote
from .remote_plans import words as counted

WORDS = [
    "brass",
    "lamp",
    "oak",
    "chair",
    "wall",
    "clock",
    "radio",
    "quartz",
    "table",
    "shelf",
    "basket",
    "mirror",
    "red",
    "blue",
    "green",
]


def table(
    texts: list[str], *, groups: list[str | None] | None = None, tied: list[str] | None = None, ids: str = "p"
) -> pl.DataFrame:
    names = [f"{ids}{n:03}" for n in range(len(texts))]
    columns = {
        "id": names, "input": texts, "output": [f"answer {n}" for n in range(len(texts))],
        "group": groups or [None] * len(texts), "component": tied or names, "system": [None] * len(texts),
    }  # fmt: skip
    return pl.DataFrame(columns, schema_overrides={"group": pl.String, "system": pl.String})


def boxes(numbers: range) -> pl.DataFrame:
    rows = [pair(n) for n in numbers]
    texts = ["\n".join(f"{key}: {value}" for key, value in row["input"].items()) for row in rows]
    found = table(texts, groups=[row["family"] for row in rows])
    return found.with_columns(id=pl.Series([row["id"] for row in rows]))


def test_the_most_similar_pair_stands_next_to_the_request():
    train = table(["a brass lamp for the desk", "an oak chair", "a brass lamp for the wall", "a wall clock"])
    (found,) = NearestExamples(train, 3).of(table(["a brass lamp for the wall, tall"], ids="r"))
    assert [text for text, _ in found] == ["a wall clock", "a brass lamp for the desk", "a brass lamp for the wall"]
    assert found[-1][1] == "answer 2"


def exhaustive(train: list[str], request: str) -> list[float]:
    """The cosine of TF-IDF vectors of 3 to 5 characters within words, written out in plain Python."""

    def grams(text: str) -> Counter[str]:
        counts: Counter[str] = Counter()
        for word in text.lower().split():
            padded = f" {word} "
            for n in (3, 4, 5):
                counts.update({padded} if len(padded) < n and n == 3 else ())
                counts.update(padded[i : i + n] for i in range(len(padded) - n + 1))
        return counts

    tables = [grams(text) for text in train]
    held = Counter(gram for one in tables for gram in one)

    def vector(counts: Counter[str]) -> dict[str, float]:
        weights = {g: c * (log((1 + len(train)) / (1 + held[g])) + 1) for g, c in counts.items() if held[g]}
        length = sqrt(sum(weight**2 for weight in weights.values()))
        return {g: weight / length for g, weight in weights.items()}

    wanted = vector(grams(request))
    return [sum(wanted.get(g, 0.0) * weight for g, weight in vector(one).items()) for one in tables]


def test_an_exhaustive_search_finds_the_same_pairs():
    draw = random.Random(4)
    train = [" ".join(draw.choices(WORDS, k=draw.randint(2, 6))) for _ in range(120)]
    requests = [" ".join(draw.choices(WORDS, k=draw.randint(2, 6))) for _ in range(30)]
    found = NearestExamples(table(train), 4).of(table(requests, ids="r"))
    for request, shown in zip(requests, found, strict=True):
        likeness = dict(zip((f"answer {n}" for n in range(120)), exhaustive(train, request), strict=True))
        values = [likeness[answer] for _, answer in shown]
        assert values == pytest.approx(sorted(values), abs=1e-5)
        others = [value for text, value in zip(train, likeness.values(), strict=True) if text != request]
        assert values[::-1] == pytest.approx(sorted(others, reverse=True)[:4], abs=1e-5)


def test_another_measure_of_similarity_agrees_on_what_is_near():
    train, requests = boxes(range(60)), boxes(range(60, 90))
    ratios = []
    for request, shown in zip(requests["input"], NearestExamples(train, 3).of(requests), strict=True):
        every = sorted((fuzz.token_set_ratio(request, text) for text in train["input"]), reverse=True)
        ratios.append(sum(fuzz.token_set_ratio(request, text) for text, _ in shown) / sum(every[:3]))
    assert sum(ratios) / len(ratios) > 0.95


@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_no_pair_of_the_requests_group_or_set_or_itself_is_shown(chance: random.Random, count: int):
    texts = [" ".join(chance.choices(WORDS[:5], k=2)) for _ in range(20)]
    train = table(
        texts,
        groups=[chance.choice(["a", "b", "c", None]) for _ in texts],
        tied=[chance.choice(["x", "y", "z", f"own {n}"]) for n in range(20)],
    )
    by_answer = {row["output"]: row for row in train.iter_rows(named=True)}
    for row, shown in zip(train.iter_rows(named=True), NearestExamples(train, count).of(train), strict=True):
        others = [by_answer[answer] for _, answer in shown]
        assert all(other["id"] != row["id"] and other["input"] != row["input"] for other in others)
        assert all(other["group"] is None or other["group"] != row["group"] for other in others)
        assert all(other["component"] != row["component"] for other in others)
        allowed = [
            other for other in by_answer.values()
            if other["input"] != row["input"] and other["component"] != row["component"]
            and (other["group"] is None or other["group"] != row["group"])
        ]  # fmt: skip
        assert len(shown) == min(count, len(allowed))


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(chance: random.Random):
    texts = [" ".join(chance.choices(WORDS[:4], k=2)) for _ in range(15)]  # many are equally similar
    train, requests = table(texts), table(texts[:6], ids="r")
    mixed = train[chance.sample(range(15), 15)]
    expected = NearestExamples(train, 3).of(requests)
    assert NearestExamples(mixed, 3).of(requests) == expected
    assert NearestExamples(mixed, 3).of(requests.reverse()) == expected[::-1]


@pytest.mark.parametrize("texts", [[], ["", " "]])
def test_no_pairs_and_blank_inputs_are_no_error(texts: list[str]):
    (found,) = NearestExamples(table(texts), 3).of(table(["x"], ids="r"))
    assert [text for text, _ in found] == texts[::-1]


def test_many_requests_are_compared_block_by_block(monkeypatch: pytest.MonkeyPatch):
    whole = NearestExamples(boxes(range(60)), 3).of(boxes(range(60, 90)))
    monkeypatch.setattr("tuneworth.evaluate.rivals.nearest._CELLS", 7 * 60)
    assert NearestExamples(boxes(range(60)), 3).of(boxes(range(60, 90))) == whole


# --- in prompts ---------------------------------------------------------------------------------------------------


def test_a_variant_may_ask_for_nearest_examples():
    named = {"near": VariantSettings(examples="nearest"), "prompted": VariantSettings(examples="nearest", few_shot=2)}
    settings = EvaluateSettings(variants=("prompted", "near", "tuned"), named=named)
    style = parse_style("name: S\nchecks: [{kind: clean}]")
    train = boxes(range(30))
    prompted, near, tuned = plan_variants(settings, folder=Path(), style=style, train=train, adapter=Path("a"))
    assert (prompted.few_shot, near.few_shot, tuned.few_shot) == (2, 3, 0)
    assert near.nearest is not None
    (chat,) = prompts_of(near, boxes(range(40, 41)))
    assert [message["role"] for message in chat] == [*["user", "assistant"] * 3, "user"]
    assert near.examples == ()
    with pytest.raises(ConfigError, match='examples = "nearest" needs "few_shot" above 0'):
        VariantSettings(examples="nearest", few_shot=0)


NEAR = Variant("nearest", "base model", guide="Write one line.", nearest=NearestExamples(boxes(range(60)), 3))


def test_examples_count_as_tokens_of_the_request(tiny_model: Any, tmp_path: Path):
    pairs = boxes(range(60, 64)).with_columns(input=pl.lit("x"))
    alone = Variant("nearest", "base model", guide="Write one line.", nearest=NearestExamples(boxes(range(60)), 1))
    found = race(
        alone, pairs, loaded=tiny_model, settings=EvaluateSettings(), max_new_tokens=4, store=tmp_path / "store"
    )
    bare = race(
        Variant("bare", "base model", guide="Write one line."), pairs, loaded=tiny_model, settings=EvaluateSettings(),
        max_new_tokens=4, store=tmp_path / "store",
    )  # fmt: skip
    assert (found.fixed_tokens, found.guide_tokens, found.few_shot_tokens) == (bare.fixed_tokens, bare.guide_tokens, 0)
    assert (found.outputs["input_tokens"] > bare.outputs["input_tokens"] + 40).all()


def test_examples_that_do_not_fit_are_left_out_from_the_least_similar_on(tiny_model: Any, tmp_path: Path):
    pairs = boxes(range(60, 66))
    assert check_room(NEAR, pairs, loaded=tiny_model, max_new_tokens=4) == 6  # of 256 tokens, an example takes about 80
    found = race(
        NEAR, pairs, loaded=tiny_model, settings=EvaluateSettings(), max_new_tokens=4, store=tmp_path / "store"
    )
    assert len(found.outputs) == 6
    assert found.outputs["input_tokens"].max() <= tiny_model.context - 4  # type: ignore[operator]
    from tuneworth.evaluate.outputs.prompts import fitting_prompts

    chats, fewer = fitting_prompts(NEAR, pairs, lambda chats: [len(chat) <= 4 for chat in chats])
    assert fewer == 6
    for whole, fitted in zip(prompts_of(NEAR, pairs), chats, strict=True):
        assert fitted == [whole[0], *whole[5:]]  # the guide, the most similar example, the request


def test_an_endpoint_gets_the_examples_of_each_request(tmp_path: Path):
    with EndpointServer(counted) as server:
        pairs = boxes(range(60, 63))
        hosted = a_variant(server.url, "nearest")
        near = Variant(
            "nearest", "endpoint", "Be very brief.", model="tiny", endpoint=server.url, settings=hosted.settings,
            nearest=NearestExamples(boxes(range(60)), 2),
        )  # fmt: skip
        (plain,) = race_remote(the_plans(hosted, pairs=pairs), tmp_path / "answers")
        server.requests.clear()
        (found,) = race_remote(the_plans(near, pairs=pairs), tmp_path / "answers")
        sent = [asked.body["messages"] for asked in server.requests if asked.text != "."]
        assert sorted(message["content"] for chat in sent for message in chat[1:-1]) == sorted(
            text
            for shown in near.nearest.of(pairs)
            for example in shown
            for text in example  # type: ignore[union-attr]
        )
        assert sorted(asked_for(server)) == sorted(pairs["input"])
    assert (found.fixed_tokens, found.few_shot_tokens) == (plain.fixed_tokens, 0)
    assert (found.outputs["input_tokens"] > plain.outputs["input_tokens"] + 10).all()


def test_personal_data_in_a_nearest_example_is_refused(tmp_path: Path):
    train = boxes(range(60)).with_columns(output=pl.format("write to ann{}@example.org", pl.int_range(60)))
    near = Variant(
        "nearest", "endpoint", model="tiny", endpoint="https://api.example.com/v1",
        settings=VariantSettings(endpoint="https://api.example.com/v1", model="tiny"), nearest=NearestExamples(train, 2),
    )  # fmt: skip
    with pytest.raises(ConfigError, match='2 e-mail; in the few-shot examples of "nearest"'):
        check_privacy(the_plans(near, pairs=boxes(range(60, 61))), store=AnswerStore(tmp_path / "answers"))
