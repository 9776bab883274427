"""The shapes of data that are recognised without configuration."""

import pytest

from tuneworth.core import DataError
from tuneworth.curate import DataSettings, read_frame
from tuneworth.curate.read.conversation import read_turns, split_turns

USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"input": "Hi", "output": "Hello"}, "input and output"),
        ({"prompt": "Hi", "completion": "Hello"}, "prompt and completion"),
        ({"prompt": [USER], "completion": [ANSWER]}, "prompt and completion"),
        ({"messages": [USER, ANSWER]}, "chat messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, ANSWER]}, "chat messages"),
        ({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}, "ShareGPT"),
        ({"instruction": "Hi", "input": "", "output": "Hello"}, "Alpaca"),
        ({"Input": "Hi", " OUTPUT ": "Hello"}, "Input and  OUTPUT "),
        ({"prompt": "Hi", "response": "Hello"}, "prompt and response"),
        ({"instruction": "Hi", "response": "Hello", "context": None}, "instructions (instruction, context, response)"),
        ({"Question": "Hi", "Answer": "Hello"}, "Question and Answer"),
        ({"source": "Hi", "target": "Hello"}, "source and target"),
        (
            {
                "contents": [
                    {"role": "user", "parts": [{"text": "Hi"}]},
                    {"role": "model", "parts": [{"text": "Hello"}]},
                ]
            },
            "Gemini contents",
        ),
    ],
)
def test_each_shape_gives_the_same_pair(row, said):
    raw = read_frame([row])
    assert raw.pairs.select("input", "output").row(0) == ("Hi", "Hello")
    assert raw.shape.startswith(said)


def test_fields_are_rendered_in_their_order_and_kept():
    raw = read_frame([{"input": {"b": [1, 2], "a": None, "c": {"x": 1}}, "output": "o"}])
    assert raw.pairs.row(0)[2:4] == ('b: 1, 2\nc: {"x":1}', '{"b": [1, 2], "a": null, "c": {"x": 1}}')


def test_columns_can_be_named_as_fields():
    raw = read_frame(
        [{"title": "T", "specs": "S", "text": "o"}], DataSettings(path="", input=("title", "specs"), output="text")
    )
    assert raw.pairs["input"][0] == "title: T\nspecs: S"
    assert raw.pairs["meta"][0] is None


def test_a_conversation_goes_up_to_the_last_answer():
    raw = read_frame(
        [
            {
                "messages": [
                    USER,
                    ANSWER,
                    {"role": "user", "content": "And?"},
                    {"role": "assistant", "content": "So."},
                    USER,
                ]
            }
        ]
    )
    assert raw.pairs.row(0)[2] == "user: Hi\nassistant: Hello\nuser: And?"
    assert raw.pairs["output"][0] == "So."


def test_a_system_message_of_nearly_all_rows_is_the_guide():
    rows = [
        {"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": str(i)}, ANSWER]}
        for i in range(19)
    ]
    raw = read_frame([*rows, {"messages": [{"role": "system", "content": "Be long."}, USER, ANSWER]}])
    assert raw.guide == "Be short."
    assert raw.pairs["system"].drop_nulls().to_list() == ["Be long."]


def test_system_messages_that_differ_stay_with_their_rows():
    raw = read_frame([{"system": s, "input": "i", "output": "o"} for s in ("a", "b")])
    assert raw.guide is None
    assert raw.pairs["system"].to_list() == ["a", "b"]


@pytest.mark.parametrize(
    "messages",
    [
        [USER, {"role": "assistant", "tool_calls": [{"id": "1"}], "content": None}],
        [USER, {"role": "tool", "content": "1"}, ANSWER],
        [USER, {"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]}, ANSWER],
    ],
)
def test_tool_calls_wait_for_a_person(messages):
    raw = read_frame([{"messages": messages}, {"messages": [USER, ANSWER]}])
    assert raw.rejected.select("row", "outcome", "rule").rows() == [(1, "quarantined", "tool_call")]


def test_a_conversation_without_an_answer_is_no_pair():
    raw = read_frame([{"messages": [USER]}, {"messages": "text"}, {"messages": [USER, ANSWER]}])
    assert raw.rejected["rule"].to_list() == ["empty_output", "unreadable"]


def test_images_in_messages_are_refused():
    with pytest.raises(DataError, match="image"):
        read_frame([{"messages": [{"role": "user", "content": [{"type": "image_url"}]}, ANSWER]}])


def test_group_may_be_a_field_and_unknown_splits_are_named():
    rows = [{"input": {"brand": "b", "n": 1}, "output": "o", "part": "holdout"}]
    assert read_frame(rows, DataSettings(path="", group="brand")).pairs["group"].to_list() == ["b"]
    with pytest.raises(DataError, match='"holdout"'):
        read_frame(rows, DataSettings(path="", split="part"))


def test_structured_outputs_are_compact_json_and_numbers_text():
    raw = read_frame([{"input": "a", "output": {"k": 1}}, {"input": "b", "output": 3}, {"input": "c", "output": 0}])
    assert raw.pairs["output"].to_list() == ['{"k": 1}', "3", "0"]


def test_the_turns_of_an_input_are_found_again_only_where_they_fit():
    turns = read_turns([USER, ANSWER, {"role": "user", "content": "And\nuser: you?"}], unanswered=True)
    assert split_turns(turns.input, turns.lengths) == [USER, ANSWER, {"role": "user", "content": "And\nuser: you?"}]
    assert split_turns("user: abXuser: c", [("user", 2), ("user", 1)]) is None
    assert split_turns(turns.input + "!", turns.lengths) is None
    assert split_turns("", []) is None


def test_gemini_states_its_system_message_beside_the_contents():
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Hello"}]}]
    rows = [{"contents": contents, "systemInstruction": {"parts": [{"text": f"Guide {n}"}]}} for n in range(3)]
    assert read_frame(rows).pairs["system"].to_list() == ["Guide 0", "Guide 1", "Guide 2"]


@pytest.mark.parametrize("part", [{"functionCall": {"name": "f"}}, {"functionResponse": {"name": "f"}}])
def test_calls_of_gemini_wait_for_a_person(part):
    contents = [{"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [part, {"text": "x"}]}]
    assert read_frame([{"contents": contents}]).rejected["rule"].to_list() == ["tool_call"]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "completion": "Hello", "label": False},
        {"prompt": "Hi", "completion": "Hello", "Label": "FALSE"},
        {"prompt": [USER], "completion": [ANSWER], "label": False},
        {"messages": [USER, {**ANSWER, "weight": 0}]},
        {"messages": [USER, {**ANSWER, "weight": 1}, USER, {**ANSWER, "weight": 0}]},
        {"prompt": [USER], "completion": [{**ANSWER, "weight": 0.0}]},
    ],
)
def test_an_answer_that_is_marked_as_bad_is_no_example(row):
    raw = read_frame([row])
    assert raw.pairs.is_empty()
    assert raw.rejected.select("outcome", "rule").row(0) == ("invalid", "bad_example")
    assert "marked as a bad one" in raw.rejected["evidence"][0]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "completion": "Hello", "label": True},
        {"prompt": "Hi", "completion": "Hello", "label": 0},
        {"input": "Hi", "output": "Hello", "label": False},
        {"messages": [USER, {**ANSWER, "weight": 1}]},
        {"messages": [{**USER, "weight": 0}, {**ANSWER, "weight": None}]},
    ],
)
def test_other_labels_and_weights_change_nothing(row):
    assert len(read_frame([row]).pairs) == 1


ROWS = [{"id": n, "a": "x", "b": "y" if n > 1 else "", "c": None, "n": n, "text": f"o {n}"} for n in range(4)]


def test_a_star_takes_all_columns_but_the_output_and_the_id():
    raw = read_frame(ROWS, DataSettings(path="", input="*", output="text"))
    assert raw.pairs["id"].to_list() == ["0", "1", "2", "3"]
    assert raw.pairs["input"].to_list() == ["a: x\nn: 0", "a: x\nn: 1", "a: x\nb: y\nn: 2", "a: x\nb: y\nn: 3"]


@pytest.mark.parametrize("given", ["*", ("a", "b", "c", "n")])
def test_columns_that_never_vary_are_left_out_where_this_is_wanted(given):
    raw = read_frame(ROWS, DataSettings(path="", input=given, output="text", leave_out_constant=True))
    assert raw.pairs["input"].to_list() == ["n: 0", "n: 1", "b: y\nn: 2", "b: y\nn: 3"]
    assert raw.shape.startswith('input from "b", "n", output from "text"; 2 columns that never vary left out')


def test_an_input_of_columns_that_never_vary_stays():
    raw = read_frame(ROWS, DataSettings(path="", input=("a", "c"), output="text", leave_out_constant=True))
    assert set(raw.pairs["input"]) == {"a: x"}
