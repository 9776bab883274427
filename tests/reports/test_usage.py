"""Tokens and time: what was counted is drawn, what was not is said."""

import re
from pathlib import Path
from typing import Any

import pytest

from tuneworth.reports.sections.usage import lead, time_figure, tokens_figure
from tuneworth.reports.stored import StoredRun

from ..shared import results_of

PROMPTED = {"fixed": 700, "input": 80, "output": 70, "cached": 600}
TUNED = {"fixed": 30, "input": 80, "output": 31, "cached": 0}
TIMES = {"prompted": {"p50": 0.26, "p95": 0.31, "per_second": 3.9}, "tuned": {"p50": 0.11, "p95": None}}


def run(tokens: Any = None, seconds: Any = None, **more: Any) -> StoredRun:
    parts = {"tokens": tokens or {}, "seconds": seconds or {}, **more}
    return StoredRun(Path("r"), results_of(quality={"prompted": {}, "tuned": {}}, **parts), {}, {})


def bars(drawn: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'class="bar r-t-(\w+)" x="([\d.]+)%" width="([\d.]+)%"', drawn)
    return [(key, float(x), float(width)) for key, x, width in found]


@pytest.mark.parametrize(
    ("tokens", "seconds", "said"),
    [
        (
            {"prompted": PROMPTED, "tuned": TUNED}, TIMES,
            "A request of the tuned model takes 110 tokens in and 31 out, 670 fewer in than the prompted model, "
            "because its fixed prompt is shorter; half of its answers took less than 0.11\u00a0s, compared with "
            "0.26\u00a0s for the prompted model.",
        ),
        (
            {"prompted": {**PROMPTED, "fixed": None, "input": 780}, "tuned": {**TUNED, "output": None}}, None,
            "A request of the tuned model takes 110 tokens in, 670 fewer in than the prompted model.",
        ),
        (
            {"prompted": TUNED, "tuned": PROMPTED}, {},
            "A request of the tuned model takes 780 tokens in and 70 out, 670 more in than the prompted model.",
        ),
        ({"prompted": TUNED, "tuned": TUNED}, None,
         "A request of the tuned model takes 110 tokens in and 31 out, as many in as the prompted model."),
        ({"tuned": {"input": 1}}, None, "A request of the tuned model takes 1 token in."),
        ({"prompted": PROMPTED}, {"tuned": {"p50": 2.0}},
         "Half of the answers of the tuned model took less than 2\u00a0s."),
        (None, None, "This run counted neither tokens nor times."),
    ],
)  # fmt: skip
def test_the_section_opens_with_what_a_request_takes(tokens: Any, seconds: Any, said: str) -> None:
    assert lead(run(tokens, seconds)) == said


def test_cached_fixed_request_and_answer_follow_one_another() -> None:
    assert bars(tokens_figure(run({"prompted": PROMPTED, "tuned": TUNED}))) == [
        ("cached", 0, 60), ("fixed", 60, 10), ("input", 70, 8), ("output", 78, 7),
        ("fixed", 0, 3), ("input", 3, 8), ("output", 11, 3.1),
    ]  # fmt: skip


def test_a_cache_that_reaches_into_the_request_counts_no_token_twice() -> None:
    drawn = tokens_figure(run({"tuned": {"fixed": 300, "input": 200, "output": 500, "cached": 400}}))
    assert bars(drawn) == [("cached", 0, 40), ("input", 40, 10), ("output", 50, 50)]
    more = tokens_figure(run({"tuned": {"fixed": 30, "input": 20, "output": 50, "cached": 400}}))
    assert bars(more) == [("cached", 0, 50), ("output", 50, 50)]


def test_what_was_not_counted_is_said_and_not_taken_for_nothing() -> None:
    drawn = tokens_figure(run({"tuned": {"fixed": None, "input": 100, "output": None, "cached": None}}))
    assert [key for key, _, _ in bars(drawn)] == ["whole"]
    assert "<b>100</b> <small>answer not counted</small>" in drawn
    assert drawn.count("<td>not counted</td>") == 3
    assert tokens_figure(run()) == ""
    assert tokens_figure(run({"tuned": {"input": None, "output": None}})) == ""


def test_thinking_has_a_column_where_a_model_thinks() -> None:
    assert "thinking" not in tokens_figure(run({"tuned": {**TUNED, "reasoning": 0}}))
    assert "Reasoning, within the answer" in tokens_figure(run({"tuned": {**TUNED, "reasoning": 5}}))


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (3.94, "3.94 answers a second"),
        (1, "1 answer a second"),
        (0.01, "36 answers an hour"),
        (1200.0, "1,200 answers a second"),
    ],
)
def test_the_pace_is_said_in_a_unit_that_can_be_read(rate: float, said: str) -> None:
    assert f"<small>{said}</small>" in time_figure(run(seconds={"tuned": {"p50": 1.0, "p95": 2.0, "per_second": rate}}))


def test_a_time_without_its_slowest_has_a_mark_and_no_band() -> None:
    drawn = time_figure(run(seconds=TIMES))
    assert drawn.count('href="#range"') == 1
    assert drawn.count('class="point') == 2
    assert "one in twenty over 0.31\u00a0s" in drawn
    assert time_figure(run(seconds={"tuned": {"p50": None}})) == ""


def test_counts_that_came_with_the_outputs_are_called_so() -> None:
    given = {"tuned": {"source": "outputs"}}
    assert "this run called no model" in tokens_figure(run({"tuned": TUNED}, variants=given))
    assert "this run called no model" not in tokens_figure(
        run({"tuned": TUNED}, variants={"tuned": {"source": "adapter"}})
    )


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ({"guide_tokens": 408, "few_shot": 3}, "sends a style guide of 408 tokens and 3 examples"),
        ({"guide_tokens": 1, "few_shot": 0}, "sends a style guide of 1 token"),
        ({"guide_tokens": None, "few_shot": 1}, "sends 1 example"),
        ({"guide_tokens": 0, "few_shot": 0}, ""),
    ],
)
def test_what_is_sent_each_time_stands_under_the_name(variant: Any, said: str) -> None:
    drawn = tokens_figure(run({"tuned": TUNED}, variants={"tuned": variant}))
    assert f'<span class="name">tuned{f"<small>{said}</small>" if said else ""}</span>' in drawn


def test_no_time_on_the_scale_is_written_with_an_exponent() -> None:
    drawn = time_figure(run(seconds={"tuned": {"p50": 1e-5, "p95": 3e-5}}))
    assert "0.00003\u00a0s" in drawn
    assert "e-0" not in drawn
