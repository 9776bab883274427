"""Calls to a real server: what is sent, how each answer counts, and how the work proceeds and ends."""

import asyncio
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tuneworth.core import ConfigError, RunBroken
from tuneworth.evaluate.endpoints.client import Call, Endpoint
from tuneworth.evaluate.endpoints.sending import Admission, Reply, send_calls

from .endpoint_server import Asked, EndpointServer, Step, ask_all, completion, echo, error


def test_a_call_sends_model_messages_and_settings_and_returns_the_whole_reply() -> None:
    with EndpointServer() as server:
        reply = ask_all(server, ["hello"], parameters={"top_p": 0.5, "reasoning_effort": "low"}).only
        (asked,) = server.requests
    assert asked.path == "/v1/chat/completions"
    assert asked.body == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Write."}, {"role": "user", "content": "hello"}],
        "max_tokens": 50, "temperature": 0.0, "seed": 0, "top_p": 0.5, "reasoning_effort": "low",
    }  # fmt: skip
    assert "authorization" not in asked.headers
    assert (reply.output, reply.finish_reason, reply.model) == ("HELLO", "stop", "tiny-2026")
    assert (reply.input_tokens, reply.cached_tokens, reply.output_tokens, reply.reasoning_tokens) == (7, None, 3, None)
    assert (reply.error, reply.attempts) == (None, 1)
    assert 0 < reply.seconds < 20


def test_samples_have_different_seeds_and_without_a_seed_none_is_sent() -> None:
    with EndpointServer() as server:
        ask_all(server, ["a"], samples=3, seed=7)
        ask_all(server, ["b"], seed=None)
    assert sorted(asked.body["seed"] for asked in server.requests[:3]) == [7, 8, 9]
    assert "seed" not in server.requests[3].body


def test_a_parameter_of_the_user_overrides_ours() -> None:
    with EndpointServer() as server:
        ask_all(server, parameters={"max_completion_tokens": 4000, "temperature": 1})
    body = server.requests[0].body
    assert (body["max_completion_tokens"], body["temperature"], "max_tokens" in body) == (4000, 1, False)


def test_an_address_with_path_and_query_is_kept() -> None:
    with EndpointServer() as server:
        ask_all(server.url + "/chat/completions?api-version=2026-01-01")
    assert server.requests[0].path == "/v1/chat/completions?api-version=2026-01-01"


def test_an_address_of_ipv6_is_called_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with EndpointServer(host="::1") as server:
        assert ask_all(server).only.output == "ONE"
        assert server.url.startswith("http://[::1]:")


ANSWERS: list[tuple[str, Any, str | None, str | None]] = [
    ("null", completion(None), None, "stop"),
    ("empty", completion(""), "", "stop"),
    ("parts", completion([{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]), "a b", "stop"),
    ("thinking part", completion([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "b"}]), "b", "stop"),
    ("refusal", completion(message={"content": None, "refusal": "I cannot."}), "I cannot.", "refusal"),
    ("refusal part", completion([{"type": "refusal", "refusal": "No."}]), "No.", "refusal"),
    ("no choices", {"choices": [], "usage": None}, None, None),
    ("length", completion("half of", finish_reason="length"), "half of", "length"),
    ("content filter", completion(message=None, finish_reason="content_filter"), None, "content_filter"),
    ("tool calls", completion(message={"tool_calls": [{"id": 1}]}, finish_reason="tool_calls"), None, "tool_calls"),
    ("reasoning beside", completion(message={"content": "a", "reasoning_content": "because"}), "a", "stop"),
    ("think tags", completion("<think>hm</think>a"), "<think>hm</think>a", "stop"),
    ("no reason", completion("a", finish_reason=None), "a", None),
    ("NaN", b'{"choices":[{"message":{"content":"a"},"logprobs":NaN,"score":1e999}],"usage":{"cost":NaN}}', "a", None),
    ("repeated key", b'{"choices":[],"choices":[{"message":{"content":"a","content":"b"}}]}', "b", None),
    ("mark of UTF-8", b'\xef\xbb\xbf{"choices":[{"message":{"content":"a"}}]}', "a", None),
    ("half a pair", b'{"choices":[{"message":{"content":"a\\ud800b"}}]}', "a\ufffdb", None),
    ("NUL", completion("a\0b"), "a\0b", "stop"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "output", "reason"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS]
)
def test_the_output_is_the_text_of_the_answer(body: Any, output: str | None, reason: str | None) -> None:
    with EndpointServer(lambda asked: Step(body=body)) as server:
        reply = ask_all(server).only
    assert (reply.output, reply.finish_reason, reply.error, reply.attempts) == (output, reason, None, 1)


@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=latin-1", "application/octet-stream"])
def test_valid_json_with_a_wrong_content_type_counts(kind: str) -> None:
    with EndpointServer(lambda asked: Step(body=completion("ö"), headers={"Content-Type": kind})) as server:
        assert ask_all(server).only.output == "ö"


def test_a_content_filter_that_answers_with_an_error_is_an_answer() -> None:
    with EndpointServer(lambda asked: error(400, "filtered", code="content_filter")) as azure:
        reply = ask_all(azure).only
    flagged = {"flagged_input": "one", "reasons": ["violence"]}
    with EndpointServer(lambda asked: error(403, "flagged", code=403, metadata=flagged)) as router:
        other = ask_all(router).only
    for found in (reply, other):
        assert (found.output, found.finish_reason, found.error, found.attempts) == (None, "content_filter", None, 1)


def test_calls_are_taken_as_slots_become_free_and_never_exceed_the_limit() -> None:
    taken, answered = [], []

    def calls() -> Any:
        for index in range(60):
            taken.append(len(answered))
            yield Call(index, 0, [{"role": "user", "content": str(index)}])

    with EndpointServer(lambda asked: Step(body=completion("x"), wait=0.003)) as server:
        send_calls(
            Endpoint(url=server.url, model="m", concurrency=5), calls(),
            max_new_tokens=5, temperature=0, seed=None, on_reply=answered.append,
        )  # fmt: skip
    assert len(answered) == 60
    assert max(index - done for index, done in enumerate(taken)) <= 5
    assert 2 <= server.most_at_once <= 5
    assert server.connections <= 5 + 1  # the first is not kept: one answer does not show that ids differ


def test_the_first_call_is_sent_alone() -> None:
    seen: list[float] = []

    def behave(asked: Asked) -> Step:
        seen.append(time.monotonic())
        return Step(body=completion("x"), wait=0.02)

    with EndpointServer(behave) as server:
        ask_all(server, map(str, range(9)), concurrency=4)
    assert seen[1] - seen[0] >= 0.02
    assert server.most_at_once == 4
    with EndpointServer(lambda asked: error(401)) as locked, pytest.raises(ConfigError):
        ask_all(locked, map(str, range(50)), concurrency=50)
    assert len(locked.requests) == 1


def test_a_refused_call_stops_new_calls_and_those_in_flight_finish() -> None:
    replies: list[Reply] = []
    asked_for: list[int] = []

    def admit(call: Call) -> bool:
        asked_for.append(call.index)
        return call.index < 7

    with EndpointServer(lambda asked: Step(body=completion("x"), wait=0.005)) as server:
        send_calls(
            Endpoint(url=server.url, model="m", concurrency=3), _calls(100),
            max_new_tokens=5, temperature=0, seed=None, on_reply=replies.append, admission=Admission(first=admit),
        )  # fmt: skip
    assert sorted(reply.index for reply in replies) == list(range(7))
    assert len(server.requests) == 7
    assert max(asked_for) == 7


def test_an_error_of_on_reply_is_raised_at_once() -> None:
    kept: list[Reply] = []

    def on_reply(reply: Reply) -> None:
        kept.append(reply)
        if len(kept) == 5:
            raise OSError("no space left on device")

    def behave(asked: Asked) -> Step:
        return Step(body=completion("x"), wait=30 if asked.number > 20 else 0)

    with EndpointServer(behave) as server:
        started = time.monotonic()
        with pytest.raises(OSError, match="no space left"):
            send_calls(
                Endpoint(url=server.url, model="m"), _calls(100),
                max_new_tokens=5, temperature=0, seed=None, on_reply=on_reply,
            )  # fmt: skip
        assert time.monotonic() - started < 5
    assert len(kept) == 5


@pytest.fixture
def _ctrl_c() -> Iterator[None]:
    """The signal raises KeyboardInterrupt, as at a terminal; a background process would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c")
@pytest.mark.parametrize("in_a_loop", [False, True], ids=["plainly", "in a notebook"])
def test_ctrl_c_drops_calls_in_flight_and_keeps_replies(in_a_loop: bool) -> None:
    kept: list[Reply] = []

    def behave(asked: Asked) -> Step:
        if asked.number == 6:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        return Step(body=completion("x"), wait=30 if asked.number >= 4 else 0)

    def work() -> None:
        send_calls(
            Endpoint(url=server.url, model="m", concurrency=3), _calls(100),
            max_new_tokens=5, temperature=0, seed=None, on_reply=kept.append,
        )  # fmt: skip

    async def notebook() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a notebook: the cell gets the exception
        work()

    started = time.monotonic()
    with EndpointServer(behave) as server, pytest.raises(KeyboardInterrupt):
        asyncio.run(notebook()) if in_a_loop else work()
    assert time.monotonic() - started < 10
    assert len(kept) == 4


def test_it_works_inside_a_running_event_loop() -> None:
    async def cell() -> list[Reply]:
        return ask_all(server, ["a", "b"]).replies

    with EndpointServer() as server:
        assert [reply.output for reply in asyncio.run(cell())] == ["A", "B"]

    async def wrong() -> None:
        with pytest.raises(ConfigError, match="rejects the key"):
            ask_all(locked)

    with EndpointServer(lambda asked: error(401)) as locked:
        asyncio.run(wrong())


@pytest.mark.slow
def test_faults_of_all_kinds_lose_and_repeat_no_output() -> None:
    chance = random.Random(5)
    faults = [
        lambda: error(429, headers={"Retry-After": "0"}), lambda: error(429), lambda: error(500), lambda: error(503),
        lambda: Step(cut_after=0), lambda: Step(body=completion("x"), cut_after=150), lambda: Step(body=b"<html>"),
        lambda: Step(body=b'{"choices"'), lambda: Step(body=completion("x"), wait=6), lambda: Step(body=[1]),
        lambda: Step(body=b"\xff\xfe"), lambda: Step(body=b"x", headers={"Content-Encoding": "gzip"}),
    ]  # fmt: skip
    seen: set[int] = set()

    def behave(asked: Asked) -> Step:
        if chance.random() >= 0.2:
            return echo(asked)
        kind = chance.randrange(len(faults))
        seen.add(kind)
        return faults[kind]()

    with EndpointServer(behave) as server:
        answers = ask_all(server, [f"text {i}" for i in range(300)], concurrency=16, tries=12, seconds_per_call=2)
    assert [reply.output for reply in answers.replies] == [f"TEXT {i}" for i in range(300)]
    assert set(server.succeeded.values()) == {1}
    assert len(server.requests) == sum(reply.attempts for reply in answers.replies)
    assert len(seen) == len(faults)
    assert server.most_at_once <= 16


def test_an_endpoint_that_never_answers_is_given_up_before_all_calls_are_sent() -> None:
    with EndpointServer(lambda asked: error(500, "out of memory")) as server, pytest.raises(RunBroken) as broken:
        ask_all(server, map(str, range(300)), tries=2)
    assert "out of memory" in str(broken.value)
    assert len(server.requests) <= 60


@pytest.mark.slow
def test_an_endpoint_that_stops_answering_midway_is_given_up_and_replies_are_kept() -> None:
    def behave(asked: Asked) -> Step:
        return echo(asked) if asked.number < 100 else Step(cut_after=0)

    replies: list[Reply] = []
    with EndpointServer(behave) as server, pytest.raises(RunBroken, match="the endpoint stopped answering"):
        send_calls(
            Endpoint(url=server.url, model="m", tries=2, first_wait=0.001), _calls(300),
            max_new_tokens=5, temperature=0, seed=None, on_reply=replies.append,
        )  # fmt: skip
    assert sum(reply.output is not None for reply in replies) == 100
    assert len(server.requests) < 160


def test_rejected_texts_among_answered_ones_do_not_stop_the_run() -> None:
    def behave(asked: Asked) -> Step:
        return echo(asked) if asked.text == "0" else error(400, "This model's maximum context length is 50 tokens.")

    with EndpointServer(behave) as server:
        answers = ask_all(server, map(str, range(60)))
    assert sum(reply.error is not None for reply in answers.replies) == 59


def _calls(count: int) -> Any:
    return (Call(index, 0, [{"role": "user", "content": str(index)}]) for index in range(count))
