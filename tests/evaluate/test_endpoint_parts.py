"""The parts of the client that need no server: counts, waits, pace, and error messages."""

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import Complaint, Fault, fault_of_status, requested_wait, shortened
from tuneworth.evaluate.endpoints.pace import Pace, Streak
from tuneworth.evaluate.endpoints.responses import Answer, Tokens, read_answer, read_usage

SEVEN = {"completion_tokens_details": {"reasoning_tokens": 7}}
TEN = {"prompt_tokens_details": {"cached_tokens": 10}}
LIE = Tokens(contradicts=True)
USAGES: list[tuple[Any, Tokens]] = [
    (None, Tokens()),
    ({}, Tokens()),
    ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, Tokens(9, None, 4)),
    ({"prompt_tokens": 9, "completion_tokens": 4}, Tokens(9, None, 4)),
    ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 8}}, Tokens(9, 8)),
    ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 1}, Tokens(9, 8)),
    ({"prompt_tokens": 9, "cached_tokens": 0}, Tokens(9, 0)),
    ({"completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 5}}, Tokens(None, None, 9, 5)),
    # xAI and Gemini count reasoning in addition to the output, as their total shows.
    ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 20, **SEVEN}, Tokens(9, None, 11, 7)),
    ({"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 16, **SEVEN}, Tokens(9, None, 7, 7)),
    ({"prompt_tokens": 9, "prompt_tokens_details": None, "completion_tokens_details": None}, Tokens(9)),
    ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 14}, LIE),
    ({"prompt_tokens": -9, "completion_tokens": 4}, Tokens(None, None, 4, contradicts=True)),
    ({"prompt_tokens": 9, "completion_tokens": 1, **TEN}, Tokens(None, None, 1, None, True)),
    ({"completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 5}}, LIE),
    ({"prompt_tokens": "9", "completion_tokens": 4}, Tokens(None, None, 4, contradicts=True)),
    ({"prompt_tokens": 9.0, "completion_tokens": True}, LIE),
    ({"prompt_tokens": 1e30, "completion_tokens": 10**30}, LIE),
    ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, LIE),
    ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": [1]}}, Tokens(9, contradicts=True)),
    ("many", LIE),
    ([1], LIE),
]  # fmt: skip


@pytest.mark.parametrize(("usage", "tokens"), USAGES)
def test_counts_are_used_as_far_as_they_agree(usage: Any, tokens: Tokens) -> None:
    assert read_usage(usage, wrote=True) == tokens


def test_an_empty_output_may_have_used_no_tokens() -> None:
    assert read_usage({"prompt_tokens": 3, "completion_tokens": 0}, wrote=False) == Tokens(3, None, 0)


COUNT = st.none() | st.integers(-3, 40) | st.floats() | st.sampled_from(["", "7"]) | st.booleans()
DETAILS = st.none() | st.dictionaries(st.sampled_from(["cached_tokens", "reasoning_tokens"]), COUNT)
NAMES = ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens")


@given(
    st.fixed_dictionaries(
        {}, optional={**dict.fromkeys(NAMES, COUNT), "prompt_tokens_details": DETAILS, "completion_tokens_details": DETAILS}
    )
)  # fmt: skip
def test_used_counts_never_contradict_each_other(usage: dict[str, Any]) -> None:
    tokens = read_usage(usage, wrote=True)
    assert all(count is None or count >= 0 for count in (tokens.input, tokens.cached, tokens.output, tokens.reasoning))
    assert tokens.cached is None or tokens.input is None or tokens.cached <= tokens.input
    assert tokens.reasoning is None or tokens.output is None or tokens.reasoning <= tokens.output


KEYS = st.sampled_from(["choices", "message", "content", "error", "usage", "finish_reason", "refusal", "text", "code"])
LEAF = st.none() | st.booleans() | st.floats() | st.sampled_from(["", "x", "stop"])


@given(st.recursive(LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4)))
def test_any_json_has_a_result(data: Any) -> None:
    assert isinstance(read_answer(json.dumps(data).encode()), Answer | Fault | Complaint)


@given(st.binary(max_size=60))
def test_any_bytes_have_a_result(body: bytes) -> None:
    assert isinstance(read_answer(body), Answer | Fault | Complaint)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None), ({"retry-after": "3"}, 3), ({"retry-after": "0.5"}, 0.5), ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5), ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None), ({"retry-after": "nan"}, None), ({"retry-after": "inf"}, None),
        ({"retry-after": "Sun, 01 Nov 2026 12:00:30 GMT"}, 30), ({"retry-after": "Sun, 01 Nov 2026 12:00:30"}, 30),
        ({"retry-after": "Sun, 01 Nov 2026 11:00:00 GMT"}, 0), ({"retry-after": "Sun, 99 Nov 2026 11:00:00 GMT"}, None),
    ],
)  # fmt: skip
def test_the_wait_that_an_endpoint_requests(headers: dict[str, str], seconds: float | None) -> None:
    assert requested_wait(headers, datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("message", "param", "refused"),
    [
        ("Unsupported parameter: 'seed'", None, "seed"),
        ("Unsupported parameter: 'seed_offset'", None, None),
        ("the text holds the word seed", None, None),
        ("stop is not supported, nor is temperature", None, "stop"),
        ("temperature must be between 0 and 1", "temperature", "temperature"),
        ("messages[0].content is invalid: temperature", "messages", None),
        ("max_tokens is too large for this model", "max_tokens", None),
        ("context length exceeded; reduce max_tokens", None, None),
    ],
)
def test_the_parameter_that_a_message_rejects_is_found(message: str, param: str | None, refused: str | None) -> None:
    sent = {"max_tokens": 5, "temperature": 0.0, "seed": 1, "stop": ["x"]}
    fault = fault_of_status(
        400, Complaint(message, param=param), headers={}, url="https://a/v1", model="m", key_env=None, sent=sent
    )
    assert isinstance(fault, Fault)
    assert fault.refused == refused


def test_a_text_from_outside_becomes_one_short_line() -> None:
    assert shortened(" a\r\n\tb\x1b[0m\u202e c ") == "a b [0m c"
    assert len(shortened("x" * 10_000_000)) == 300


def test_backoff_doubles_up_to_the_longest_wait_with_full_jitter() -> None:
    pace = Pace(8, first_wait=1.0, longest_wait=5.0)
    for tries, most in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (10_000, 5.0)):
        waits = [pace.backoff(tries) for _ in range(300)]
        assert 0 <= min(waits) < 0.1 * most
        assert 0.9 * most < max(waits) <= most


def test_a_rate_limit_halves_the_calls_once_and_answers_restore_them() -> None:
    async def go() -> list[float]:
        pace = Pace(8, first_wait=0.0, longest_wait=1.0)
        seen = []
        for _ in range(8):
            pace.limited(0.05)
        seen.append(pace._allowed)
        await asyncio.sleep(0.06)
        pace.limited(0.0)
        seen.append(pace._allowed)
        for _ in range(200):
            pace.answered()
        return [*seen, pace._allowed]

    assert asyncio.run(go()) == [4.0, 2.0, 8.0]


def test_no_call_is_admitted_after_the_end() -> None:
    async def go() -> None:
        pace = Pace(8, first_wait=0.0, longest_wait=1.0)
        pace.stop()
        await asyncio.wait_for(pace.enter(), 0.02)

    with pytest.raises(TimeoutError):
        asyncio.run(go())


def test_a_streak_ends_with_an_answer_and_grows_by_calls_or_by_time() -> None:
    streak = Streak()
    assert not any(streak.failed(final=True, transport=False) for _ in range(19))
    assert streak.failed(final=True, transport=False)
    streak.answered()
    assert not any(streak.failed(final=True, transport=False) for _ in range(99))  # texts that the endpoint rejects
    assert not any(streak.failed(final=False, transport=True) for _ in range(99))
    streak.since = time.monotonic() - 121
    assert streak.failed(final=False, transport=True)


def test_the_client_is_imported_only_for_requests() -> None:
    heavy = ("httpx2", "anyio")
    code = f"import sys, tuneworth.evaluate.endpoints.client; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
