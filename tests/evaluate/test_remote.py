"""Variants at an endpoint: what is requested, what is stored, and what the next run requests."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tuneworth.core import ConfigError, DataError, RunBroken
from tuneworth.evaluate import token_limit_without_tokenizer
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA

from .endpoint_server import Asked, EndpointServer, Step, completion, error
from .remote_plans import a_variant, asked_for, race, some_pairs, the_plans, words


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "evaluate" / "answers.jsonl"


def test_the_outputs_come_in_the_order_of_pairs_and_samples(file):
    with EndpointServer(words) as server:
        raced = race(the_plans(a_variant(server.url), samples=2, temperature=1.0), file)[0]
    table = raced.outputs
    assert dict(table.schema) == OUTPUT_SCHEMA
    assert table.select("id", "sample").rows() == [(f"p{n}", k) for n in range(5) for k in range(2)]
    assert table["output"].to_list() == [f"ASK {n}" for n in range(5) for _ in range(2)]
    assert table["variant"].unique().to_list() == ["prompted"]
    assert table["model"].unique().to_list() == ["tiny-2026"]
    assert table["output_tokens"].to_list() == [4] * 10
    assert table["error"].null_count() == 10


def test_an_endpoint_gets_the_messages_that_a_model_on_this_machine_gets(file):
    with EndpointServer(words) as server:
        variant = replace(a_variant(server.url), examples=(("a", "b"),))
        race(the_plans(variant, seed=3, temperature=0.5), file)
        body = next(asked.body for asked in server.requests if asked.text == "ask 1")
    assert body["messages"] == [
        {"role": "system", "content": "Be very brief.\n\nfor 1"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "ask 1"},
    ]
    assert (body["seed"], body["temperature"], body["max_tokens"]) == (3, 0.5, 64)


def test_a_second_run_requests_nothing_in_any_order(file):
    with EndpointServer(words) as server:
        first = race(the_plans(a_variant(server.url)), file)[0]
        server.requests.clear()
        plans = the_plans(a_variant(server.url), pairs=some_pairs().reverse())
        second = race(plans, file)[0]
        assert server.requests == []
    assert second.outputs.reverse().equals(first.outputs)
    assert (second.fixed_tokens, second.guide_tokens) == (first.fixed_tokens, first.guide_tokens)


def test_a_changed_guide_regenerates_only_its_variant(file):
    with EndpointServer(words) as server:
        other = a_variant(server.url, "tuned", guide=None)
        race(the_plans(a_variant(server.url), other), file)
        asked_for(server)
        race(the_plans(a_variant(server.url, guide="Be longer."), other), file)
        assert sorted(asked_for(server)) == [f"ask {n}" for n in range(5)]


def test_one_more_sample_or_pair_requests_only_these(file):
    with EndpointServer(words) as server:
        race(the_plans(a_variant(server.url), samples=2, temperature=1.0), file)
        asked_for(server)
        race(the_plans(a_variant(server.url), samples=3, temperature=1.0), file)
        assert sorted(asked_for(server)) == [f"ask {n}" for n in range(5)]
        race(the_plans(a_variant(server.url), pairs=some_pairs(6), samples=3, temperature=1.0), file)
        assert asked_for(server) == ["ask 5"] * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed", [{"temperature": 0.3}, {"max_new_tokens": 65}, {"seed": 1}, {"parameters": {"top_p": 0.5}}]
)
def test_changes_that_affect_an_answer_request_it_again(file, changed):
    with EndpointServer(words) as server:
        race(the_plans(a_variant(server.url)), file)
        asked_for(server)
        own = {"parameters": changed.pop("parameters")} if "parameters" in changed else {}
        race(the_plans(a_variant(server.url, **own), **changed), file)
        assert len(asked_for(server)) == 5


def test_patience_and_key_do_not_affect_stored_answers(file, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-of-the-test-123456")
    with EndpointServer(words) as server:
        race(the_plans(a_variant(server.url)), file)
        server.requests.clear()
        race(the_plans(a_variant(server.url, key_env="SOME_KEY", concurrency=2, seconds_per_call=9.0)), file)
        assert server.requests == []
    assert "sk-of-the-test" not in file.read_text()


def test_the_key_is_stored_nowhere_even_if_an_endpoint_sends_it_back(file, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-of-the-test-123456")

    def echo_key(asked: Asked) -> Step:
        key = asked.headers["authorization"]
        return Step(body=completion(f"you sent {key}", model=key, usage={"note": key}))

    with EndpointServer(echo_key) as server:
        raced = race(the_plans(a_variant(server.url, key_env="SOME_KEY")), file)[0]
    assert len(raced.outputs) == 5
    assert "sk-of-the-test" not in file.read_text() + str(raced.outputs.to_dicts())


def test_a_failure_is_not_an_answer_and_the_next_run_requests_only_it(file):
    broken = {"ask 2", "ask 4"}
    said: list[str] = []
    with EndpointServer(lambda asked: error(400) if asked.text in broken else words(asked)) as server:
        table = race(the_plans(a_variant(server.url)), file, warn=said.append)[0].outputs
        failed = table.filter(pl.col("error").is_not_null())
        assert failed["id"].to_list() == ["p2", "p4"]
        assert failed["output"].null_count() == 2
        assert "2 of 5 outputs failed" in said[-1]
        asked_for(server)
        broken.clear()
        table = race(the_plans(a_variant(server.url)), file)[0].outputs
        assert sorted(asked_for(server)) == ["ask 2", "ask 4"]
    assert table["error"].null_count() == 5


@pytest.mark.slow
def test_one_request_takes_no_longer_than_the_projects_limit(file):
    def behave(asked: Asked) -> Step:
        return Step(body=completion(), wait=30) if asked.text == "ask 3" else words(asked)

    with EndpointServer(behave) as server:
        (raced,) = race(the_plans(a_variant(server.url, most_seconds=2.0)), file)
    lost = raced.outputs.filter(pl.col("error").is_not_null())
    assert lost["id"].to_list() == ["p3"]
    assert lost["error"][0].startswith("given up after 2 s")


def test_an_answer_without_output_is_an_answer(file):
    refusal = completion(message={"role": "assistant", "content": None}, finish_reason="content_filter")
    with EndpointServer(lambda asked: Step(body=refusal)) as server:
        table = race(the_plans(a_variant(server.url)), file)[0].outputs
        assert table["output"].null_count() == table["error"].null_count() == 5
        server.requests.clear()
        race(the_plans(a_variant(server.url)), file)
        assert server.requests == []


@pytest.mark.slow
def test_a_file_cut_anywhere_loses_only_the_last_answer(file):
    with EndpointServer(words) as server:
        plans = the_plans(a_variant(server.url, concurrency=1))
        whole = race(plans, file)[0].outputs.drop("seconds")
        content = file.read_bytes()
        last = content.rstrip(b"\n").rfind(b"\n") + 1
        for end in range(last, len(content), 29):
            file.write_bytes(content[:end])
            server.requests.clear()
            assert race(plans, file)[0].outputs.drop("seconds").equals(whole)
            assert len(server.requests) == 1
            server.requests.clear()
            assert race(plans, file)[0].outputs.drop("seconds").equals(whole)
            assert server.requests == []


@pytest.mark.parametrize("line", ["[]", "7", '{"key": 7}', "\x00", '{"key": "KEY", "output": 5}', '{"key": "KEY"}'])
def test_a_line_that_is_no_answer_is_named_and_nothing_is_asked(file, line):
    with EndpointServer(words) as server:
        plans = the_plans(a_variant(server.url))
        file.parent.mkdir()
        file.write_text(line.replace("KEY", plans[0].requests[0].key) + "\n")
        with pytest.raises(DataError, match=r"answers.jsonl, line 1: .*\n.*remove this line"):
            race(plans, file)
        assert server.requests == []


def test_pairs_with_the_same_request_get_separate_answers(file):
    pairs = some_pairs().with_columns(input=pl.lit("same"), system=pl.lit(None, dtype=pl.String))
    with EndpointServer(lambda asked: Step(body=completion(f"answer {asked.number}"))) as server:
        plans = the_plans(a_variant(server.url), pairs=pairs)
        table = race(plans, file)[0].outputs
        assert table["output"].n_unique() == 5
        assert race(plans, file)[0].outputs.equals(table)


def test_a_lone_surrogate_in_an_answer_is_handled(file):
    broken = completion("good \ud83d end", model="m\ud83d", finish_reason="s\ud83d", usage={"note\ud83d": "\ud83d"})
    with EndpointServer(lambda asked: Step(body=broken)) as server:
        plans = the_plans(a_variant(server.url))
        first = race(plans, file)[0].outputs
        assert race(plans, file)[0].outputs.equals(first)
    assert first["output"][0].startswith("good ")


def test_the_prompt_without_a_request_is_counted_by_the_endpoint(file):
    with EndpointServer(words) as server:
        raced = race(the_plans(replace(a_variant(server.url), examples=(("a b", "c"),))), file)[0]
    # Guide 3 + 2, example 2 + 2 and 1 + 2, the request's marks 2; the full stop itself does not count.
    assert raced.fixed_tokens == 5 + 4 + 3 + 2
    assert (raced.guide_tokens, raced.few_shot_tokens) == (5, 4 + 3)


def test_without_a_guide_there_is_one_count_and_no_guide(file):
    with EndpointServer(words) as server:
        raced = race(the_plans(a_variant(server.url, guide=None)), file)[0]
        assert sum(asked.text == "." for asked in server.requests) == 1
    assert (raced.fixed_tokens, raced.guide_tokens, raced.few_shot_tokens) == (2, 0, 0)


def test_without_usage_tokens_are_unknown(file):
    with EndpointServer(lambda asked: Step(body=completion("x", usage=None))) as server:
        raced = race(the_plans(a_variant(server.url)), file)[0]
    assert (raced.fixed_tokens, raced.guide_tokens) == (None, None)
    assert raced.outputs["input_tokens"].null_count() == 5


def test_a_model_that_rejects_a_low_limit_is_counted_with_the_limit_of_the_run(file):
    def thinks(asked: Asked) -> Step:
        limit = asked.body.get("max_tokens", asked.body.get("max_completion_tokens", 0))
        return words(asked) if limit > 50 else error(400, "the model output limit was reached")

    with EndpointServer(thinks) as server:
        raced = race(the_plans(a_variant(server.url)), file)[0]
    assert (raced.fixed_tokens, raced.guide_tokens) == (7, 5)


def test_a_warning_for_all_requests_is_given_once(file):
    said: list[str] = []
    refusing = error(400, "unsupported", param="seed", code="unsupported_parameter")
    with EndpointServer(lambda asked: refusing if "seed" in asked.body else words(asked)) as server:
        plans = the_plans(a_variant(server.url), a_variant(server.url, "tuned", None))
        raced = race(plans, file, warn=said.append)
        asked = len(server.requests)
        again = race(plans, file)
        assert len(server.requests) == asked
    assert len(said) == 1, said
    assert "seed" in said[0]
    # Later evaluations also report the dropped parameter.
    assert [each.refused for each in (*raced, *again)] == [("seed",)] * 4


def test_a_variant_without_any_output_stops_the_run(file):
    with EndpointServer(
        lambda asked: words(asked) if asked.body["model"] == "tiny" and asked.text == "." else error(500)
    ) as server:
        with pytest.raises(RunBroken, match=r'"prompted": no output came from 127.0.0.1.*\n0 of 5 outputs are kept'):
            race(the_plans(a_variant(server.url)), file)
        server.behave = words
        assert race(the_plans(a_variant(server.url)), file)[0].outputs["error"].null_count() == 5


def test_after_an_answer_to_a_counting_request_a_web_page_costs_its_request_alone(file):
    page = Step(body=b"<html>")
    with EndpointServer(lambda asked: words(asked) if asked.text in (".", "ask 3") else page) as server:
        (found,) = race(the_plans(a_variant(server.url)), file)
    assert found.outputs["error"].null_count() == 1
    with EndpointServer(lambda asked: page) as server, pytest.raises(ConfigError, match="a web page instead"):
        race(the_plans(a_variant(server.url)), file.with_name("other"))


def test_answers_of_an_endpoint_that_dies_are_kept(file):
    pairs = some_pairs(60)
    with EndpointServer(lambda asked: words(asked) if asked.number < 30 else error(500)) as server:
        with pytest.raises(RunBroken):
            race(the_plans(a_variant(server.url), pairs=pairs), file)
        kept = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(kept) == 30
        server.behave = words
        server.requests.clear()
        race(the_plans(a_variant(server.url), pairs=pairs), file)
        assert len(server.requests) == 62 - 30


def test_a_full_disk_is_a_clear_error_and_stored_answers_are_kept(file):
    import resource

    with EndpointServer(words) as server:
        race(the_plans(a_variant(server.url)), whole := file.with_name("whole.jsonl"))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (whole.stat().st_size // 2, limits[1]))
        try:
            with pytest.raises(RunBroken, match=r"cannot be written: .*\. \d answers are kept"):
                race(the_plans(a_variant(server.url)), file)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert file.read_bytes().endswith(b"\n")  # no part of an answer that did not fit
        kept = file.read_bytes().splitlines()
        server.requests.clear()
        again = race(the_plans(a_variant(server.url)), file)[0].outputs
        assert 0 < len(kept) == 7 - len(server.requests)  # five outputs, and two requests that count the prompt
    assert file.read_bytes().splitlines()[: len(kept)] == kept
    assert again["output"].to_list() == [f"ASK {n}" for n in range(5)]


def test_numbers_in_a_project_file_are_sent_as_numbers(file):
    from decimal import Decimal

    with EndpointServer(words) as server:
        plans = the_plans(a_variant(server.url, parameters={"top_p": Decimal("0.9"), "stop": [Decimal("1.5")]}))
        race(plans, file)
        assert (server.requests[0].body["top_p"], server.requests[0].body["stop"]) == (0.9, [1.5])


@pytest.mark.parametrize(("texts", "limit"), [([], 16), (["ab"], 16), (["a" * 20], 30), (["日本語" * 5], 68)])
def test_the_limit_without_a_tokenizer_is_by_bytes(texts, limit):
    assert token_limit_without_tokenizer(texts) == limit


def test_answers_of_several_models_give_a_warning(file):
    """A router that falls back to another model for some requests."""
    with EndpointServer(lambda asked: Step(body=completion("x", model=f"m{asked.text[-1] == '2'}"))) as server:
        told: list[str] = []
        race(the_plans(a_variant(server.url)), file, warn=told.append)
    assert any('its answers name 2 models: "mFalse" (4), "mTrue" (1); check that prompted' in text for text in told)
