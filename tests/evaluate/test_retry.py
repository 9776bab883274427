"""Retries: only outputs that break rules are asked for again, with the rules named; every call is counted."""

import json
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, RunBroken
from tuneworth.evaluate import (
    Again,
    Budget,
    EvaluateSettings,
    Raw,
    Variant,
    VariantSettings,
    answer_chats,
    ask_again,
    open_answers,
    plan_chats,
    prompt_tokens,
    prompts_of,
    race,
    race_endpoints,
    request_chats,
    score_variant,
)
from tuneworth.evaluate.endpoints.budget import TokenPrice
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.style import parse_style

from .endpoint_server import Asked, EndpointServer, Step, counted
from .remote_plans import a_variant, the_plans

STYLE = parse_style("""
name: S
checks:
  - {kind: starts_with, any: [Box], id: starts}
  - {kind: punctuation, end: none, id: no-stop}
  - {kind: length, unit: words, max: 3, id: short, level: should}
  - {kind: grounded}
""")
GOOD, BAD = "Box {}", "A crate of 7 kg."


def some_pairs(count: int) -> pl.DataFrame:
    rows = [
        {"id": f"p{n}", "input": f"box {n}", "output": GOOD.format(n), "fields": None, "system": None, "group": None}
        for n in range(count)
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(("id", "input", "output", "fields", "system", "group"), pl.String))


def outputs_of(texts: list[list[str | None]], *, variant: str = "prompted", **same: Any) -> pl.DataFrame:
    """A row for each pair and sample, every call with 10 tokens in and 3 out, in half a second."""
    known = {
        "input_tokens": 10, "cached_tokens": 4, "output_tokens": 3, "reasoning_tokens": 0, "seconds": 0.5,
        "finish_reason": "stop", "model": "m", "error": None,
    } | same  # fmt: skip
    rows = [
        {"id": f"p{pair}", "variant": variant, "sample": sample, "output": text, **known}
        for pair, samples in enumerate(texts)
        for sample, text in enumerate(samples)
    ]
    return pl.DataFrame(rows, schema=OUTPUT_SCHEMA)


def first(texts: list[list[str | None]], **same: Any) -> Raw:
    variant = Variant("prompted", "base model", guide="Write a label.", examples=(("q", "a"),))
    return Raw(variant, outputs_of(texts, **same), fixed_tokens=8, guide_tokens=4, few_shot_tokens=2)


class Scripted:
    """Answers by (row, call); the calls that came are in `calls`."""

    def __init__(self, answers: dict[tuple[int, int], Any]) -> None:
        self.answers, self.calls = answers, []

    def __call__(self, wanted: Any) -> pl.DataFrame:
        self.calls += wanted
        rows = [outputs_of([[BAD]]).row(0, named=True) for _ in wanted]
        for row, again in zip(rows, wanted, strict=True):
            row |= {"id": again.id, "sample": again.sample, **self.answers.get((again.row, again.call), {})}
        return pl.DataFrame(rows, schema=OUTPUT_SCHEMA)


def said(wanted: Again) -> str:
    return wanted.chat[-1]["content"]


def test_only_outputs_that_break_a_must_rule_are_asked_for_again_with_the_rules_named():
    raw = first([["Box 0"], [BAD], ["Box 2 of many more words"]])
    script = Scripted({(1, 2): {"output": "Box 1"}})
    found = ask_again(raw, some_pairs(3), STYLE, ask=script, tries=3, repeats=True)
    (again,) = script.calls
    assert (again.row, again.id, again.call) == (1, "p1", 2)
    assert [message["role"] for message in again.chat] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert again.chat[:4] == prompts_of(raw.variant, some_pairs(3))[1]
    assert again.chat[4]["content"] == BAD
    assert said(again).splitlines() == [
        "Your last answer breaks these rules:",
        '- Start with "Box". In your answer: found "A crate", expected "Box" at the start.',
        '- Put no full stop or other mark at the end. In your answer: found ".", expected no mark at the end.',
        '- State only numbers and codes given in the request; never invent or change one. In your answer: "7 kg" is not in '
        "the request.",
        "Write the whole answer again and keep every rule. Write nothing else.",
    ]
    assert (found.asked, found.fixed, found.no_room) == (1, 1, 0)
    assert found.raw.outputs["output"].to_list() == ["Box 0", "Box 1", "Box 2 of many more words"]


def test_tokens_and_seconds_are_those_of_all_calls():
    raw = first([["Box 0"], [BAD], [BAD]])
    script = Scripted({(1, 2): {"output": "A tin"}, (1, 3): {"output": "Box 1", "cached_tokens": None}})
    found = ask_again(raw, some_pairs(3), STYLE, ask=script, tries=3, repeats=False).raw
    assert found.calls is not None
    assert found.calls.to_list() == [1, 3, 3]
    table = found.outputs
    assert (table["input_tokens"].to_list(), table["output_tokens"].to_list()) == ([10, 30, 30], [3, 9, 9])
    assert table["cached_tokens"].to_list() == [4, None, 12]  # unknown stays unknown
    assert table["seconds"].to_list() == [0.5, 1.5, 1.5]
    assert (found.fixed_tokens, found.guide_tokens, found.few_shot_tokens) == (8 * 7 / 3, round(4 * 7 / 3), 5)
    assert (found.variant.name, found.variant.way, found.variant.of) == ("prompted + retry", "retry", ("prompted",))
    assert dict(table.schema) == OUTPUT_SCHEMA
    assert set(table["variant"]) == {"prompted + retry"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"output": ""}, "The last answer to this request was empty."),
        ({"output": None}, "The last answer to this request was empty."),
        ({"output": "Box " * 40, "finish_reason": "length"}, "That answer was too long and was cut off."),
        ({"output": "Sorry, I cannot help with that request."}, "That does not answer the request."),
    ],
)
def test_empty_cut_and_refused_outputs_are_told_so(change: dict[str, Any], told: str):
    script = Scripted({(0, 2): {"output": "Box 0"}})
    raw = first([["x"]])
    raw = replace(raw, outputs=raw.outputs.with_columns(**{k: pl.lit(v, pl.String) for k, v in change.items()}))
    found = ask_again(raw, some_pairs(1), STYLE, ask=script, tries=2, repeats=True)
    (again,) = script.calls
    assert found.fixed == 1
    assert told in said(again)
    assert "breaks" not in said(again)
    # An empty turn is refused by many templates, so the request itself says what was wrong.
    assert len(again.chat) == (6 if change["output"] else 4)
    assert said(again).startswith("box 0\n\n") == (not change["output"])


def test_an_output_that_never_arrived_and_a_call_that_fails_change_nothing():
    raw = first([["x"], [BAD]])
    lost = raw.outputs.with_columns(
        output=pl.Series([None, BAD], dtype=pl.String), error=pl.Series(["timeout", None], dtype=pl.String)
    )
    script = Scripted({(1, 2): {"output": None, "error": "503", "input_tokens": None}})
    found = ask_again(replace(raw, outputs=lost), some_pairs(2), STYLE, ask=script, tries=5, repeats=False)
    assert [again.row for again in script.calls] == [1]
    assert found.raw.outputs.drop("variant").equals(lost.drop("variant"))
    assert (found.asked, found.raw.calls.to_list()) == (0, [1, 1])  # type: ignore[union-attr]


def test_an_output_that_comes_again_ends_its_retries_where_nothing_is_drawn():
    answers = {(0, 2): {"output": "A tin."}, (0, 3): {"output": BAD}, (0, 4): {"output": "Box 0"}}
    for repeats, calls in ((True, 3), (False, 4)):
        script = Scripted(answers)
        found = ask_again(first([[BAD]]), some_pairs(1), STYLE, ask=script, tries=6, repeats=repeats).raw
        assert found.calls.to_list() == [calls]  # type: ignore[union-attr]
        assert found.outputs["output"].to_list() == [BAD if repeats else "Box 0"]


def test_what_is_repaired_is_not_asked_for_again():
    raw = first([["Box 0."], ["Box 8 kg."]])
    fixed = replace(raw, variant=replace(raw.variant, settings=VariantSettings(repair="safe")))
    script = Scripted({(1, 2): {"output": "Box 1."}})
    found = ask_again(fixed, some_pairs(2), STYLE, ask=script, tries=2, repeats=True)
    (again,) = script.calls
    assert (again.row, again.chat[-2]["content"]) == (1, "Box 8 kg")  # the text as it was checked
    assert (found.fixed, found.raw.outputs["output"].to_list()) == (1, ["Box 0.", "Box 1."])  # repaired when scored


def test_a_chat_without_room_loses_the_output_then_the_retry():
    fits = lambda chats: [len(chat) <= 4 and "p2" not in str(chat) for chat in chats]  # noqa: E731
    pairs = some_pairs(3).with_columns(input=pl.format("of {}", "id"))
    script = Scripted({})
    found = ask_again(first([["Box 0"], [BAD], [BAD]]), pairs, STYLE, ask=script, tries=2, repeats=True, fits=fits)
    assert [(again.id, len(again.chat)) for again in script.calls] == [("p1", 4)]
    assert said(script.calls[0]).startswith("of p1\n\nYour last answer breaks these rules:")
    assert (found.asked, found.no_room) == (1, 1)


TEXTS = st.sampled_from(["Box 0", "Box 0.", BAD, "", "tin", "Box 12"])


@pytest.mark.slow
@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=4), st.randoms(), st.integers(2, 5))
def test_the_output_is_the_first_acceptable_one_or_the_last(texts: Any, chance: random.Random, tries: int):
    pairs = some_pairs(len(texts)).with_columns(input=pl.lit("box 0"))
    raw = first(texts)
    known = score_variant(pairs, raw, STYLE).table["acceptable"].to_list()
    drawn = {
        (row, call): {"output": chance.choice(["Box 0", "tin", "", "Box 0."]), "input_tokens": chance.randrange(99)}
        for row in range(2 * len(texts))
        for call in range(2, tries + 1)
    }
    script = Scripted(drawn)
    found = ask_again(raw, pairs, STYLE, ask=script, tries=tries, repeats=False).raw
    assert found.calls is not None
    for row, (text, good) in enumerate(zip(raw.outputs["output"], known, strict=True)):
        made = [text, *(drawn[row, again.call]["output"] for again in script.calls if again.row == row)]
        right = [one == "Box 0" for one in made]
        assert right[0] == good
        assert len(made) == found.calls[row] == (right.index(True) + 1 if any(right) else tries)
        assert found.outputs["output"][row] == made[-1]
        sent = 10 + sum(drawn[row, call]["input_tokens"] for call in range(2, len(made) + 1))
        assert found.outputs["input_tokens"][row] == sent


# --- a model on this machine ----------------------------------------------------------------------------------------

LETTERS = parse_style("name: S\nchecks: [{kind: pattern, id: low, regex: '[a-z]', say: Use a small letter.}]")
LOCAL = Variant("prompted", "base model", guide="Write.")


def raced(loaded: Any, store: Path, pairs: pl.DataFrame, *, temperature: float = 0.0) -> Raw:
    settings = EvaluateSettings(temperature=temperature)
    found = race(LOCAL, pairs, loaded=loaded, settings=settings, max_new_tokens=4, store=store)
    return Raw(LOCAL, ended(found.outputs), found.fixed_tokens, found.guide_tokens, loaded.name)


def ended(outputs: pl.DataFrame) -> pl.DataFrame:
    """The outputs as if each had ended on its own: the tiny model rarely stops."""
    return outputs.with_columns(finish_reason=pl.lit("stop"))


def again_on(loaded: Any, store: Path, raw: Raw, pairs: pl.DataFrame, *, temperature: float = 0.0) -> Any:
    calls = []

    def ask(wanted: Any) -> pl.DataFrame:
        calls.extend(wanted)
        made = answer_chats(
            LOCAL, [one.id for one in wanted], [one.chat for one in wanted], loaded=loaded, temperature=temperature,
            max_new_tokens=4, store=store, streams=[f"{one.id}\0{one.sample}\0{one.call}" for one in wanted],
        )  # fmt: skip
        return ended(made)

    return ask_again(raw, pairs, LETTERS, ask=ask, tries=3, repeats=temperature == 0), calls


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_on_this_machine_keeps_what_passed_and_sums_its_tokens(
    tiny_model: Any, tmp_path: Path, temperature: float
):
    pairs = some_pairs(12)
    raw = raced(tiny_model, tmp_path / "store", pairs, temperature=temperature)
    good = score_variant(pairs, raw, LETTERS).table["acceptable"]
    assert 0 < good.sum() < 12
    found, calls = again_on(tiny_model, tmp_path / "store", raw, pairs, temperature=temperature)
    assert {again.row for again in calls} == set((~good).arg_true())
    assert found.raw.outputs.filter(good).drop("variant").equals(raw.outputs.filter(good).drop("variant"))
    sent = dict(enumerate(raw.outputs["input_tokens"]))
    for again in calls:
        sent[again.row] += prompt_tokens(tiny_model, [again.chat])[0]
    assert found.raw.outputs["input_tokens"].to_list() == list(sent.values())
    assert found.asked == len({again.row for again in calls})
    # A second time, everything is in the store.
    written = (tmp_path / "store").read_bytes()
    same, _ = again_on(tiny_model, tmp_path / "store", raw, pairs, temperature=temperature)
    assert same.raw.outputs.equals(found.raw.outputs)
    assert (tmp_path / "store").read_bytes() == written


@pytest.mark.slow
def test_retries_that_were_stopped_resume_with_the_same_texts(
    tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tuneworth.evaluate.outputs.race.BATCH", 4)
    pairs, store = some_pairs(12), tmp_path / "store"
    raw = raced(tiny_model, store, pairs, temperature=1.0)
    whole, _ = again_on(tiny_model, store, raw, pairs, temperature=1.0)
    lines = store.read_bytes().splitlines(keepends=True)
    assert len(lines) > 3 + 2  # those of the variant, then of two rounds
    for kept in range(3, len(lines)):
        part = tmp_path / f"{kept}"
        part.write_bytes(b"".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2])
        found, _ = again_on(tiny_model, part, raw, pairs, temperature=1.0)
        assert found.raw.outputs.drop("seconds").equals(whole.raw.outputs.drop("seconds"))
        made = [line for line in part.read_bytes().splitlines(keepends=True) if line.endswith(b"}\n")]
        assert made[:kept] == lines[:kept]
        assert len(made) == len(lines)


# --- an endpoint ----------------------------------------------------------------------------------------------------


def stubborn(asked: Asked) -> Step:
    """A bad answer first; the number of the pair once the rules are named, for every third only at the second time."""
    turns = [turn for turn in asked.body["messages"] if turn["role"] != "system"]
    number = int(turns[0]["content"].removeprefix("box ").removeprefix(".") or 0)
    known = len(turns) > 1
    earlier = turns[1]["content"] if known else ""
    good = (known and number % 3) or earlier == "A tin." or number == 4
    return counted(asked, GOOD.format(number) if good else "A tin." if known else BAD)


def hosted(server: EndpointServer, file: Path, *, count: int = 6, max_cost: Any = None, price: Any = None) -> Any:
    """The variant at the endpoint, then its retries."""
    pairs = some_pairs(count)
    (plan,) = the_plans(a_variant(server.url), pairs=pairs)
    plan = replace(plan, price=price)
    budget = Budget(max_cost, currency="EUR")
    with open_answers(file) as store:
        (made,) = race_endpoints([plan], store=store, budget=budget)
        raw = Raw(plan.variant, made.outputs, made.fixed_tokens)

        def ask(wanted: Any) -> pl.DataFrame:
            further = plan_chats(
                plan, plan.variant, rows=[one.row for one in wanted], chats=[one.chat for one in wanted],
                samples=[one.call - 1 for one in wanted],
            )  # fmt: skip
            return request_chats(further, store=store, budget=budget)

        return raw, ask_again(raw, pairs, STYLE, ask=ask, tries=3, repeats=True)


def test_an_endpoint_gets_its_own_output_and_the_rules_once(tmp_path: Path):
    with EndpointServer(stubborn) as server:
        raw, found = hosted(server, tmp_path / "answers")
        chats = [asked.body["messages"] for asked in server.requests]
        again = [chat for chat in chats if len(chat) > 2]
        assert (len(chats), len(again)) == (2 + 6 + 5 + 2, 7)
        assert {len(chat) for chat in again} == {4}
        server.requests.clear()
        _, same = hosted(server, tmp_path / "answers")
        assert server.requests == []
    assert raw.outputs["output"].to_list() == [BAD] * 4 + ["Box 4", BAD]
    assert found.raw.outputs["output"].to_list() == [GOOD.format(n) for n in range(6)]
    assert found.raw.calls.to_list() == [3, 2, 2, 3, 1, 2]
    tokens = Counter[str]()
    for chat in chats:
        tokens[next(turn["content"] for turn in chat if turn["role"] == "user")] += sum(
            len(turn["content"].split()) + 2 for turn in chat
        )
    assert found.raw.outputs["input_tokens"].to_list() == [tokens[f"box {n}"] for n in range(6)]
    assert (found.asked, found.fixed) == (5, 5)
    assert same.raw.outputs.equals(found.raw.outputs)


def test_answers_that_came_before_a_stop_are_not_requested_again(tmp_path: Path):
    limit = 2 + 6 + 3  # the counting requests, the first outputs, three of the retries

    def dying(asked: Asked) -> Step:
        return stubborn(asked) if asked.number < limit else Step(401, {"error": {"message": "no"}})

    with EndpointServer(dying) as server:
        with pytest.raises(ConfigError, match="401"):
            hosted(server, tmp_path / "answers")
        kept = [json.loads(line)["key"] for line in (tmp_path / "answers").read_text().splitlines()]
        answered = server.succeeded.total()
        server.behave = stubborn
        _, found = hosted(server, tmp_path / "answers")
        assert len(kept) == answered >= 2 + 6
        assert server.succeeded.total() == 2 + 6 + 7
    assert found.fixed == 5
    keys = [json.loads(line)["key"] for line in (tmp_path / "answers").read_text().splitlines()]
    assert keys[: len(kept)] == kept
    assert len(set(keys)) == len(keys) == 2 + 6 + 7


def test_a_failing_retry_leaves_the_output_and_the_run(tmp_path: Path):
    def failing(asked: Asked) -> Step:
        again = len(asked.body["messages"]) > 2
        return Step(500, {"error": {"message": "no"}}) if again else stubborn(asked)

    with EndpointServer(failing) as server:
        raw, found = hosted(server, tmp_path / "answers", count=1)
    assert found.raw.outputs["output"].to_list() == raw.outputs["output"].to_list() == [BAD]
    assert found.raw.calls.to_list() == [1]


def test_a_retry_that_could_exceed_the_limit_is_not_sent(tmp_path: Path):
    price = TokenPrice(Decimal(1), Decimal(1), Decimal(1), "EUR", "stated")
    with EndpointServer(stubborn) as server:
        with pytest.raises(RunBroken, match=r"max_cost: 0\.0001 of 0\.0006 EUR are spent, .* could cost 0\.000[6-9]"):
            hosted(server, tmp_path / "answers", max_cost=Decimal("0.0006"), price=price)
        assert all(len(asked.body["messages"]) <= 2 for asked in server.requests)


def test_a_stated_temperature_is_that_of_the_retries_alone(tmp_path: Path):
    with EndpointServer(stubborn) as server:
        (plan,) = the_plans(a_variant(server.url, parameters={"temperature": 0.3}), pairs=some_pairs(2))
        chats = [request.messages for request in plan.requests]
        hot = plan_chats(plan, plan.variant, rows=[1, 0], chats=chats, samples=[1, 2], temperature=0.9)
        with open_answers(tmp_path / "answers") as store:
            request_chats(hot, store=store, budget=Budget(None, currency="EUR"))
        assert sorted((asked.body["temperature"], asked.body["seed"]) for asked in server.requests) == [
            (0.9, 1),
            (0.9, 2),
        ]
    assert plan.endpoint.parameters == {"temperature": 0.3}
    assert not {request.key for request in hot.requests} & {request.key for request in plan.requests}
