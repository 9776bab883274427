"""Tool calls: they wait for a person, or are answers as JSON."""

import json

import pytest

from tuneworth.curate import DataSettings, read_frame
from tuneworth.curate.read.conversation import with_calls_as_text

ASK = {"role": "user", "content": "Weather in Oslo?"}
ARGUMENTS = {"city": "Oslo"}
CALL = {"name": "weather", "arguments": ARGUMENTS}
OUTPUT = DataSettings(path="", tool_calls="output")


def openai(**more):
    function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": function}],
        **more,
    }


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [ASK, openai()]},
        {"messages": [ASK, {"role": "assistant", "content": "", "function_call": CALL}]},
        {"messages": [ASK, {"role": "assistant", "content": [{"type": "tool_use", "name": "weather", "input": ARGUMENTS}]}]},
        {"contents": [{"role": "user", "parts": [{"text": "Weather in Oslo?"}]},
                      {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}]}]},
        {"conversations": [{"from": "human", "value": "Weather in Oslo?"}, {"from": "function_call", "value": json.dumps(CALL)}]},
    ],
)  # fmt: skip
def test_a_call_is_the_same_answer_in_every_format(row):
    raw = read_frame([row], OUTPUT)
    assert raw.pairs["input"].to_list() == ["Weather in Oslo?"]
    assert json.loads(raw.pairs["output"][0]) == [CALL]
    assert read_frame([row]).rejected.select("outcome", "rule").rows() == [("quarantined", "tool_call")]


def test_calls_and_results_before_the_answer_are_turns():
    result = {"role": "tool", "tool_call_id": "1", "content": "3 degrees"}
    raw = read_frame(
        [{"messages": [ASK, openai(), result, {"role": "assistant", "content": "It is 3 degrees."}]}], OUTPUT
    )
    assert raw.pairs["input"][0] == f"user: Weather in Oslo?\nassistant: {json.dumps([CALL])}\ntool: 3 degrees"
    assert raw.pairs["output"][0] == "It is 3 degrees."


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "3 degrees"}]},
        {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "3 degrees"}]}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": "3 degrees"}}]},
    ],
)
def test_results_are_what_the_tool_said(message):
    (written,) = with_calls_as_text([message])
    assert (written["role"], written["content"].strip('"')) == ("tool", "3 degrees")


def test_words_beside_a_call_are_kept_and_a_bad_one_is_none():
    raw = read_frame([{"messages": [ASK, openai(content="I look it up.")]}], OUTPUT)
    assert json.loads(raw.pairs["output"][0]) == {"content": "I look it up.", "tool_calls": [CALL]}
    assert read_frame([{"messages": [ASK, openai(weight=0)]}], OUTPUT).rejected["rule"].to_list() == ["bad_example"]


def test_each_call_is_an_example_where_each_answer_is():
    turns = [ASK, openai(), {"role": "tool", "content": "3 degrees"}, {"role": "assistant", "content": "Cold."}]
    raw = read_frame([{"messages": turns}], DataSettings(path="", tool_calls="output", turns="all"))
    assert raw.pairs["output"].to_list() == [json.dumps([CALL]), "Cold."]


@pytest.mark.parametrize(
    "call", [None, 7, "text", {}, {"function": 3}, {"function": {"name": None, "arguments": "{broken"}}]
)
def test_odd_calls_are_no_reason_to_fail(call):
    assert (
        len(
            read_frame([{"messages": [ASK, {"role": "assistant", "content": "x", "tool_calls": [call]}]}], OUTPUT).pairs
        )
        == 1
    )


def test_plain_conversations_are_as_they_were():
    turns = [ASK, {"role": "assistant", "content": "Cold."}]
    assert with_calls_as_text(turns) == turns
