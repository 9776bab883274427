"""Faults of an endpoint beyond their table (test_fault_table.py): messages, waits, parameters, limits."""

import random
import time
import tracemalloc
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from tuneworth.core import ConfigError, RunBroken

from .endpoint_server import Asked, EndpointServer, Step, ask_all, completion, echo, error


def test_the_error_of_a_request_has_its_last_problem_and_its_attempts() -> None:
    faults = [error(503, "first"), Step(cut_after=0), error(500, "last")]
    with EndpointServer(lambda asked: faults[asked.attempt - 1]) as server:
        reply = ask_all(server, tries=3, heard=True).only
    assert (reply.output, reply.error, len(server.requests)) == (None, "500: last (attempts: 3)", 3)


@pytest.mark.parametrize("status", [400, 413, 418, 422, 501])
def test_a_rejected_request_is_not_retried_and_the_error_quotes_the_endpoint(status: int) -> None:
    with EndpointServer(lambda asked: error(status, "your text is\n\x1b[31m odd")) as server:
        reply = ask_all(server).only
    assert reply.error == f"{status}: your text is [31m odd (attempts: 1)"
    assert len(server.requests) == 1


SHAPES = (
    b"", b"{}", b"plain words", b'{"error": "words"}', b'[{"error": {"message": "m"}}]', b'{"error": null}',
    b'{"detail": [{"loc": [], "msg": "m"}]}', b'{"error": [1]}', b'"x"', b"[]", b"\xff",
)  # fmt: skip


@pytest.mark.parametrize("body", SHAPES)
def test_an_error_in_any_format_becomes_a_sentence(body: bytes) -> None:
    with EndpointServer(lambda asked: Step(400, body)) as server:
        reply = ask_all(server).only
    assert reply.error is not None
    assert reply.error.startswith("400: " if body else "status 400 without a message")


@pytest.mark.parametrize("status", [401, 403])
def test_a_rejected_key_stops_everything_and_names_the_variable(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-0123456789abcdef")
    with EndpointServer(lambda asked: error(status, "bad key")) as server, pytest.raises(ConfigError) as wrong:
        ask_all(server, map(str, range(50)), key_env="SOME_KEY")
    assert len(server.requests) == 1
    assert f"{status}: bad key" in str(wrong.value)
    assert "environment variable SOME_KEY" in str(wrong.value)
    with EndpointServer(lambda asked: error(status)) as server, pytest.raises(ConfigError, match="No key was sent"):
        ask_all(server)


@pytest.mark.parametrize("status", [404, 405, 307])
def test_a_wrong_address_stops_at_the_first_call_but_not_later(status: int) -> None:
    headers = {"Location": "https://elsewhere.example/v1"}
    with EndpointServer(lambda asked: error(status, "no model tiny", headers=headers)) as server:
        with pytest.raises(ConfigError) as wrong:
            ask_all(server, map(str, range(50)))
        assert len(server.requests) == 1
    assert ("elsewhere.example" if status == 307 else "no model tiny") in str(wrong.value)

    def later(asked: Asked) -> Step:
        return echo(asked) if asked.number != 5 else error(status, headers=headers)

    with EndpointServer(later) as server:
        answers = ask_all(server, map(str, range(9)), concurrency=1)
    assert [reply.error is None for reply in answers.replies] == [i != 5 for i in range(9)]


@pytest.mark.parametrize(
    "step",
    [error(429, "You exceeded your current quota", code="insufficient_quota"), error(402, "Insufficient balance")],
)
def test_an_empty_account_is_not_a_rate_limit(step: Step) -> None:
    with EndpointServer(lambda asked: echo(asked) if asked.number < 3 else step) as server:
        with pytest.raises(RunBroken, match="no credit left"):
            ask_all(server, map(str, range(50)), concurrency=1)
        assert len(server.requests) == 4


@pytest.mark.slow
def test_a_rate_limit_makes_all_calls_wait_together() -> None:
    seen: list[float] = []

    def behave(asked: Asked) -> Step:
        seen.append(time.monotonic())
        return error(429, headers={"Retry-After": "0.3"}) if asked.number == 10 else echo(asked)

    with EndpointServer(behave) as server:
        answers = ask_all(server, map(str, range(60)), concurrency=4, longest_wait=5.0)
    assert all(reply.error is None for reply in answers.replies)
    # Calls in flight at that moment may still arrive; then there is no call for 0.3 s.
    gaps = [later - sooner for sooner, later in pairwise(seen)]
    assert max(gaps[10:15]) > 0.25
    assert sum(gap > 0.25 for gap in gaps) == 1


@pytest.mark.slow
def test_a_strict_rate_limit_without_retry_after_loses_nothing() -> None:
    """Five requests per 50 ms without Retry-After: fewer are sent at once, and each call still succeeds."""
    window: dict[int, int] = {}

    def behave(asked: Asked) -> Step:
        slot = int(time.monotonic() / 0.05)
        window[slot] = window.get(slot, 0) + 1
        return echo(asked) if window[slot] <= 5 else error(429)

    with EndpointServer(behave) as server:
        answers = ask_all(server, map(str, range(100)), concurrency=32, first_wait=0.02)
    assert [reply.error for reply in answers.replies] == [None] * 100
    assert len(server.requests) < 300


@pytest.mark.slow
def test_a_text_that_always_exceeds_the_limit_is_given_up_while_others_are_answered() -> None:
    with EndpointServer(lambda asked: error(429) if asked.text == "7" else echo(asked)) as server:
        answers = ask_all(server, map(str, range(300)), concurrency=2, first_wait=0.001, longest_wait=0.001, tries=2)
    assert [reply.index for reply in answers.replies if reply.error] == [7]
    assert sum(asked.text == "7" for asked in server.requests) <= 10 * 2 + 2  # ten times its tries, then the tries


def test_an_excessive_wait_is_capped_and_reported_once() -> None:
    def behave(asked: Asked) -> Step:
        return error(429, headers={"Retry-After": "86400"}) if asked.number < 2 else echo(asked)

    with EndpointServer(behave) as server:
        answers = ask_all(server, longest_wait=0.01)
    assert answers.only.output == "ONE"
    (warning,) = answers.warnings
    assert "the endpoint limits the rate and requests a wait of 24 h; all calls wait 0.0" in warning


@pytest.mark.slow
def test_one_call_ends_after_most_seconds() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    for step in (
        error(429, "busy", headers={"Retry-After": later}),
        Step(body=completion(), wait=30),
        error(500, "busy"),
    ):
        with EndpointServer(lambda asked, step=step: step) as server:
            started = time.monotonic()
            reply = ask_all(server, most_seconds=0.2, longest_wait=30.0, first_wait=20.0).only
            assert time.monotonic() - started < 5
        assert reply.error is not None
        assert reply.error.startswith("given up after 0.2 s")


UNSUPPORTED = (
    "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) is supported."
)
FORBIDDEN = (
    "[{'type': 'extra_forbidden', 'loc': ('body', 'seed'), 'msg': 'Extra inputs are not permitted', 'input': 0}]"
)
UNKNOWN = 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'
PLACE = {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}
REFUSALS: list[tuple[str, Step, str]] = [
    ("OpenAI", error(400, UNSUPPORTED, param="temperature", code="unsupported_value"), "temperature"),
    ("by message alone", error(400, "Unrecognized request argument supplied: seed"), "seed"),
    ("vLLM", Step(400, {"object": "error", "message": FORBIDDEN, "param": None, "code": 400}), "seed"),
    ("Mistral", Step(422, {"object": "error", "message": {"detail": [PLACE]}}), "seed"),
    ("Gemini", Step(400, [{"error": {"code": 400, "message": UNKNOWN, "status": "INVALID_ARGUMENT"}}]), "seed"),
    ("FastAPI", Step(422, {"detail": [{"loc": ["body", "top_k"], "msg": "extra fields not permitted"}]}), "top_k"),
    ("nested", error(400, "no", param="reasoning.effort"), "reasoning"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("step", "name"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_a_rejected_parameter_is_dropped_with_one_warning(step: Step, name: str) -> None:
    with EndpointServer(lambda asked: step if name in asked.body else echo(asked)) as server:
        answers = ask_all(
            server, map(str, range(40)), concurrency=8, parameters={"top_k": 5, "reasoning": {"effort": "low"}}, tries=1
        )
    assert all(reply.error is None for reply in answers.replies)
    assert [text.partition(": ")[2] for text in answers.warnings] == [
        f'the endpoint rejects "{name}"; continuing without it'
    ]
    assert len(server.requests) == 41
    assert all({"model", "messages", "max_tokens"} <= set(asked.body) for asked in server.requests)


def test_a_parameter_that_is_rejected_later_is_also_dropped_by_calls_in_flight() -> None:
    def behave(asked: Asked) -> Step:
        late = asked.number >= 4 and "seed" in asked.body
        refusal = {"error": {"message": "Unsupported parameter: 'seed'", "param": "seed"}}
        return Step(400, refusal, wait=0.02) if late else Step(body=completion("x"), wait=0.005)

    with EndpointServer(behave) as server:
        answers = ask_all(server, map(str, range(30)), concurrency=8, tries=1)
    assert [reply.error for reply in answers.replies] == [None] * 30
    assert len(answers.warnings) == 1
    assert sum(reply.attempts == 2 for reply in answers.replies) > 1


@pytest.mark.parametrize("given", [{}, {"max_completion_tokens": 99}], ids=["max_tokens", "max_completion_tokens"])
def test_the_limit_uses_its_other_name_if_one_is_rejected(given: dict[str, int]) -> None:
    refused = "max_completion_tokens" if given else "max_tokens"

    def behave(asked: Asked) -> Step:
        message = f"Unsupported parameter: '{refused}' is not supported with this model."
        return error(400, message, param=refused) if refused in asked.body else echo(asked)

    with EndpointServer(behave) as server:
        answers = ask_all(server, ["a", "b"], parameters=given, concurrency=1)
    other = "max_tokens" if given else "max_completion_tokens"
    assert [asked.body.get(other) for asked in server.requests] == [None, *[given.get(refused, 50)] * 2]
    assert len(answers.warnings) == 1


def test_an_endpoint_that_rejects_both_names_of_the_limit_gets_no_call_without_one() -> None:
    def behave(asked: Asked) -> Step:
        name = "max_tokens" if "max_tokens" in asked.body else "max_completion_tokens"
        return error(400, f"unknown parameter {name}", param=name)

    with EndpointServer(behave) as server:
        reply = ask_all(server).only
    assert "400: unknown parameter" in str(reply.error)
    assert all("max_tokens" in asked.body or "max_completion_tokens" in asked.body for asked in server.requests)


def test_a_text_that_is_too_long_costs_no_parameter() -> None:
    message = "'max_tokens' is too large: 50. This model's maximum context length is 40 tokens."
    with EndpointServer(lambda asked: error(400, message, param="max_tokens")) as server:
        answers = ask_all(server)
    assert answers.only.attempts == 1
    assert answers.warnings == []


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_an_endless_answer_takes_no_memory(packed: bool) -> None:
    squeezer = zlib.compressobj(1, zlib.DEFLATED, 31)
    begin, block = squeezer.compress(b"0") + squeezer.flush(zlib.Z_FULL_FLUSH), b"0" * 2**20
    block = squeezer.compress(block) + squeezer.flush(zlib.Z_FULL_FLUSH) if packed else block
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Encoding: gzip\r\n\r\n" + begin if packed else b"\r\n")
    with EndpointServer(lambda asked: Step(raw=head, endless=block)) as server:
        tracemalloc.start()
        reply = ask_all(server, tries=3, heard=True).only
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (reply.output, reply.error) == (None, "an answer of more than 8 MiB (attempts: 1)")
    assert most < 64 * 2**20


@pytest.mark.slow
def test_an_answer_too_many_is_never_taken_for_that_of_the_next_request() -> None:
    """A server, or a proxy, that answers each request twice would shift all answers of its connections by one."""
    with EndpointServer(lambda asked: replace(echo(asked), twice=True)) as server:
        replies = ask_all(server, [f"text {n}" for n in range(40)], concurrency=4).replies
        sent = len(server.requests)
    assert [reply.output for reply in replies] == [f"TEXT {n}" for n in range(40)]
    assert sent <= 44  # once it is known, each request has its own connection


def shared_id(asked: Asked) -> Step:
    return Step(body=completion(asked.text.upper(), id="chatcmpl-0"), late=asked.text == "text 2")


def without_id(asked: Asked) -> Step:
    return Step(body=completion(asked.text.upper(), id=None), late=asked.text == "text 2")


def own_id(asked: Asked) -> Step:
    return replace(echo(asked), late=asked.number % 3 == 2)


def refused_first(asked: Asked) -> Step:
    return replace(error(503), late=True) if asked.attempt == 1 and int(asked.text[-1]) > 4 else echo(asked)


@pytest.mark.parametrize("behave", [own_id, shared_id, without_id, refused_first])
def test_a_second_answer_after_the_next_request_is_never_taken_for_its_answer(behave: Any) -> None:
    with EndpointServer(behave) as server:
        replies = ask_all(server, [f"text {n}" for n in range(10)], concurrency=1).replies
        sent, opened = len(server.requests), server.connections
    assert [reply.output for reply in replies] == [f"TEXT {n}" for n in range(10)]
    assert sent == {own_id: 11, refused_first: 15}.get(behave, 10)
    assert opened == {own_id: 9, refused_first: 7}.get(behave, 10)


@pytest.mark.parametrize(
    "place", ["https://elsewhere.example/v1/chat/completions", "/v2/chat/completions", "http://[", ""]
)
def test_a_redirect_is_never_followed(place: str) -> None:
    with EndpointServer(lambda asked: Step(308, b"", {"Location": place})) as server:
        with pytest.raises(ConfigError, match="not followed"):
            ask_all(server, map(str, range(20)))
        assert len(server.requests) == 1


def test_contradictory_usage_is_unknown_and_counted_in_one_warning() -> None:
    lies: list[Any] = [{"prompt_tokens": -1}, {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 99}, None]
    with EndpointServer(lambda asked: Step(body=completion("x", usage=lies[int(asked.text)]))) as server:
        answers = ask_all(server, "012", concurrency=1)
    assert [reply.usage for reply in answers.replies] == lies
    assert [reply.output_tokens for reply in answers.replies] == [None] * 3
    assert [text.partition(": ")[2] for text in answers.warnings] == [
        "the token counts of 2 of 3 answers contradict themselves; those numbers count as unknown"
    ]


def test_usage_is_stored_as_valid_json() -> None:
    body = b'{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":3,"cost":NaN,"price":1e999,"low":-Infinity}}'
    with EndpointServer(lambda asked: Step(body=body)) as server:
        reply = ask_all(server).only
    assert reply.usage == {"prompt_tokens": 3, "cost": None, "price": None, "low": None}


def test_very_large_usage_is_not_stored() -> None:
    with EndpointServer(lambda asked: Step(body=completion("x", usage={"a": "b" * 50_000}, model="m" * 999))) as server:
        reply = ask_all(server).only
    assert reply.usage is None
    assert len(str(reply.model)) == 200


@pytest.mark.slow
def test_connections_do_not_leak_if_calls_time_out() -> None:
    chance = random.Random(1)

    def behave(asked: Asked) -> Step:
        return Step(body=completion("x"), wait=5 if chance.random() < 0.3 else 0)

    with EndpointServer(behave) as server:
        answers = ask_all(server, map(str, range(60)), concurrency=6, seconds_per_call=0.05, tries=30)
    assert all(reply.output == "x" for reply in answers.replies)
    assert server.most_at_once <= 6 + 2  # the server notices a disconnected caller with a delay
