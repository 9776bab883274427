"""Conversations of several answers: the last is an example, or each of them with the turns before it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import DataSettings, file_parts, find_files, read_frame, read_pairs
from tuneworth.curate.read.pairs import gather, read_parts

ALL = DataSettings(path="", turns="all")


def chat(*turns, **more):
    return {"messages": [{"role": role, "content": text} for role, text in turns], **more}


TALK = chat(("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), id="t")
SHORT = chat(("user", "q"), ("assistant", "w"), id="s")


def test_each_answer_is_an_example_with_the_turns_before_it():
    raw = read_frame([TALK, SHORT], ALL)
    assert raw.pairs.select("row", "id", "input", "output", "system", "group").rows() == [
        (1, "t/1", "a", "b", "S", "chat t"),
        (2, "t/2", "user: a\nassistant: b\nuser: c", "d", "S", "chat t"),
        (3, "s", "q", "w", None, None),
    ]
    assert raw.shape.startswith("chat messages, a pair of each answer")
    assert raw.warnings == ()


def test_the_last_answer_is_the_usual_example_and_the_others_are_mentioned():
    raw = read_frame([TALK, SHORT])
    assert raw.pairs["output"].to_list() == ["d", "w"]
    assert [warning["code"] for warning in raw.warnings] == ["several_answers"]
    assert "1 conversation has several answers" in raw.warnings[0]["text"]


def test_a_stated_group_and_one_in_the_data_stay():
    assert read_frame([TALK | {"group": "g"}], ALL).pairs["group"].to_list() == ["g", "g"]
    stated = DataSettings(path="", turns="all", group="team")
    assert read_frame([TALK | {"team": "x"}], stated).pairs["group"].to_list() == ["x", "x"]


def test_answers_marked_as_bad_and_calls_leave_with_their_reason():
    turns = [dict(turn) for turn in TALK["messages"]]
    turns[2]["weight"] = 0
    raw = read_frame([{"messages": turns}], ALL)
    assert raw.pairs["output"].to_list() == ["d"]
    assert raw.rejected.select("row", "rule").rows() == [(1, "bad_example")]
    called = [*TALK["messages"][:3], {"role": "tool", "content": "x"}, {"role": "assistant", "content": "e"}]
    raw = read_frame([{"messages": called}], ALL)
    assert (raw.pairs["output"].to_list(), raw.rejected["rule"].to_list()) == (["b"], ["tool_call"])


def test_pairs_of_columns_are_as_they_were():
    rows = [{"input": "a", "output": "b"}, {"prompt": "x"}]
    assert read_frame(rows, ALL).pairs.equals(read_frame(rows).pairs)


TURN = st.tuples(st.sampled_from(["user", "assistant", "system", "tool"]), st.sampled_from(["", "x", "two\nlines"]))
CHATS = st.lists(st.lists(TURN, min_size=1, max_size=7), min_size=1, max_size=6)


@given(chats=CHATS)
def test_the_pairs_are_those_of_conversations_that_end_at_each_answer(chats):
    whole = read_frame([chat(*turns) for turns in chats], ALL)
    ends = [
        [n + 1 for n, (role, _) in enumerate(turns) if role == "assistant" and {r for r, _ in turns[:n]} - {"system"}]
        for turns in chats
    ]
    several = zip(chats, ends, strict=True)
    cut = [chat(*turns[:end]) for turns, some in several for end in (some if len(some) > 1 else [len(turns)])]
    one_by_one = read_frame(cut)
    assert whole.pairs.drop("id", "group").equals(one_by_one.pairs.drop("id", "group"))
    assert whole.rejected.equals(one_by_one.rejected)
    assert whole.rows_read == len(cut)


@pytest.mark.slow
@given(chats=CHATS, most=st.integers(10, 300))
def test_files_in_parts_give_the_same(tmp_path_factory, chats, most):
    folder = tmp_path_factory.mktemp("chats")
    for name in ("a.jsonl", "b.jsonl"):
        lines = [json.dumps(chat(*turns)) for turns in chats]
        (folder / name).write_text("\n".join(["{broken", *lines, ""]))
    parts = gather(read_parts(folder, ALL, file_parts(find_files(str(folder)), ALL, most_bytes=most)))
    whole = read_pairs(folder, ALL)
    assert parts.pairs.equals(whole.pairs)
    assert parts.rejected.equals(whole.rejected)
    assert {part.span for part in file_parts(sorted(folder.iterdir()), ALL, most_bytes=most)} == {None}


def test_an_unknown_choice_is_refused():
    with pytest.raises(ValueError, match="turns"):
        DataSettings(path="", turns="some")
