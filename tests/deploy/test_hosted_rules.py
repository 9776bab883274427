"""A provider's rules for files: what passes here passes the server's own strict check, and problems are named by line."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tuneworth.deploy.hosted.fireworks import Fireworks
from tuneworth.deploy.hosted.provider import file_problems
from tuneworth.deploy.hosted.together import Together

from .hosted_shapes import valid

PROVIDERS = {"together": Together(), "fireworks": Fireworks(account="acme")}
TEXTS = st.text(max_size=12) | st.sampled_from(["", " ", "ok", "\n"])
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "", None])
MESSAGES = st.fixed_dictionaries({"role": ROLES, "content": TEXTS | st.none() | st.integers()}) | st.dictionaries(
    st.sampled_from(["role", "content", "weight"]), TEXTS, max_size=3
)
GOOD = st.builds(
    lambda system, turns: [*system, *turns],
    st.sampled_from([[], [{"role": "system", "content": "Be brief."}]]),
    st.integers(1, 2).map(
        lambda n: [{"role": role, "content": f"{role} says"} for _ in range(n) for role in ("user", "assistant")]
    ),
)
# A line that breaks one rule at most, so that the other lines decide nothing.
ROLE_LISTS = st.lists(st.sampled_from(["system", "user", "assistant"]), max_size=4) | st.permutations(
    ["system", "user", "assistant"]
)
NEARLY = ROLE_LISTS.map(lambda roles: [{"role": role, "content": "a text"} for role in roles]) | GOOD.map(
    lambda chat: [*chat[:-1], {**chat[-1], "content": ""}]
)
LINES = st.lists((NEARLY | GOOD).map(lambda messages: json.dumps({"messages": messages})), max_size=1) | st.lists(
    st.lists(MESSAGES, max_size=4).map(lambda messages: json.dumps({"messages": messages}))
    | st.sampled_from(["", "[]", "{", '{"messages": []}', '{"messages": NaN}', '{"text": "a"}', "null"]),
    max_size=2,
)


def chat(*roles: str, content: Any = "a text") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role in roles]}


def lines(*chats: Any) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in chats).encode()


@pytest.mark.parametrize("name", PROVIDERS)
@settings(max_examples=60)
@given(drawn=LINES, good=st.sampled_from([0, 2, 3, 9, 10, 12]))
@example(drawn=['{"messages": []}'], good=12)
def test_what_passes_here_passes_the_provider(name: str, drawn: list[str], good: int) -> None:
    content = "".join(line + "\n" for line in [*drawn, *[json.dumps(chat("user", "assistant"))] * good]).encode()
    if not file_problems(content, PROVIDERS[name].rules, role="train"):
        assert valid(content, name) is None


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_file_within_the_rules_has_no_problem(name: str) -> None:
    content = lines(*[chat("system", "user", "assistant")] * 12)
    assert valid(content, name) is None
    assert file_problems(content, PROVIDERS[name].rules, role="train") == []


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (b"\xff\n", "is not UTF-8"), (b"{\n", "is not JSON"), (b"\n", "is not JSON"), (b"[1]\n", "is not an object"),
        (lines(chat("user", "assistant") | {"id": 1}), "and nothing else"),
        (lines(chat("user")), "does not end with an assistant"),
        (lines(chat("user", "system", "assistant")), "a system message that is not the first"),
        (lines(chat("user", "bot", "assistant")), "has a role other than system, user, assistant"),
        (lines(chat("user", "assistant", content="")), "has an empty user message"),
        (lines(chat("user", "assistant", content=3)), "has a content that is not text"),
        (lines(chat("user", "assistant", content="\ud800")), "half a character"),
        (lines(chat("assistant")), "the user first"), (lines(chat("user", "user", "assistant")), "user and assistant in turn"),
    ],
)  # fmt: skip
def test_each_broken_rule_is_named_with_its_line_and_pair(broken: bytes, problem: str) -> None:
    content = lines(chat("user", "assistant")) + broken
    found = file_problems(content, Together().rules, role="train", name=lambda n: f'pair "p{n}"')
    assert any(text.startswith('line 2 (pair "p1"): ') and problem in text for text in found), found


def test_sizes_counts_and_lengths_are_checked_together() -> None:
    rules = replace(Fireworks(account="acme").rules, least_examples=10)
    train = lines(*[chat("user", "assistant", content=f"text {n}") for n in range(7)])
    found = file_problems(train, rules, role="train", tokens=[9, 9, 1, 9, 9, 9, 9], longest_tokens=8)
    assert found == [
        "7 examples; expected 10 or more",
        "lines 1, 2, 4, 5, 6 and 1 more: has more than the 8 tokens of an example",
    ]
    one = lines(chat("user", "assistant", content="text 3"))
    assert file_problems(one, rules, role="validation") == []
    assert file_problems(one, Fireworks(account="acme").rules, role="train") == ["1 example; expected 3 or more"]
