"""Causes behind a score: how outputs ended, outputs that are not a model's own, test requests in the prompt."""

import polars as pl
import pytest

from tuneworth.core import as_json
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.scores.causes import Given
from tuneworth.evaluate.scores.causes import find_causes as found_causes
from tuneworth.evaluate.scores.score import Scores

LONG = "the long answer to request number {} has quite a few words in it"
REFERENCES = [LONG.format(i) for i in range(30)]
PAIRS = pl.DataFrame(
    {"id": [str(i) for i in range(30)], "input": [f"a request {i} of more words than five" for i in range(30)],
     "output": REFERENCES}
)  # fmt: skip


def find_causes(given, pairs):
    """The causes of each variant, as in results.json."""
    return as_json(found_causes(given, pairs))


def scores(outputs, **columns):
    samples = len(outputs) // 30
    ids = [str(i) for i in range(30) for _ in range(samples)]
    table = pl.DataFrame({"id": ids, "output": outputs, **columns}, schema_overrides={"output": pl.String})
    wanted = {**OUTPUT_SCHEMA, "correct": pl.Boolean()}
    missing = [pl.lit(None, kind).alias(name) for name, kind in wanted.items() if name not in table.columns]
    return Scores(table.with_columns(missing), pl.DataFrame())


def given(outputs, *, collected=True, **more):
    columns = {name: more.pop(name) for name in list(more) if name in OUTPUT_SCHEMA or name in ("raw", "correct")}
    return Given(scores(outputs, **columns), collected, **more)


def causes(outputs, **more):
    return {cause["cause"]: cause for cause in find_causes({"v": given(outputs, **more)}, PAIRS)["v"]}


OTHER = [f"{text} said otherwise" for text in REFERENCES]


def first_of(count, changed, rest):
    return [changed] * count + list(rest)[count:]


@pytest.mark.parametrize(
    ("cause", "output", "reason", "error"),
    [
        ("missing", None, None, None),
        ("failed", None, None, "timeout"),
        ("empty", " \n", "stop", None),
        ("refused", "I'm sorry, but I can't help with that.", "stop", None),
        ("refused", None, "SAFETY", None),
        ("cut", "the long answer", "max_tokens", None),
        ("cut", "", "length", None),
        ("endless", LONG * 2, "length", None),
        ("endless", "and so on, " * 5, "length", None),
    ],
)
def test_each_output_has_one_cause(cause, output, reason, error):
    found = causes(
        first_of(2, output, OTHER),
        finish_reason=first_of(2, reason, ["stop"] * 30),
        error=first_of(2, error, [None] * 30),
    )
    assert list(found) == [cause]
    assert (found[cause]["count"], found[cause]["of"], found[cause]["ids"]) == (2, 30, ["0", "1"])


def test_the_limit_that_is_enough_follows_from_the_tokens_of_other_outputs():
    tokens = first_of(1, 3, [len(text) // 4 for text in OTHER])
    found = causes(
        first_of(1, "the long", OTHER), finish_reason=first_of(1, "length", ["stop"] * 30), output_tokens=tokens
    )
    assert (found["cut"]["limit"], found["cut"]["enough"]) == (3, 30)  # 61 letters are about 15 tokens
    assert (
        causes(first_of(1, "the long", OTHER), finish_reason=first_of(1, "length", [None] * 30))["cut"]["enough"]
        is None
    )


def test_a_text_in_most_outputs_counts_unless_the_references_have_it_too():
    assert causes(first_of(20, "none", OTHER))["same text"]["count"] == 20
    assert "same text" not in causes(first_of(15, "none", OTHER))
    pairs = PAIRS.with_columns(output=pl.lit("none"))
    assert find_causes({"v": given(["none"] * 30)}, pairs)["v"] == []


def twins(first, second, **more):
    found = find_causes({"a": given(first), "b": given(second, **more)}, PAIRS)
    return {
        name: [cause["variant"] for cause in causes if cause["cause"] == "identical"] for name, causes in found.items()
    }


def test_identical_outputs_count_where_they_differ_from_the_references():
    assert twins(OTHER, OTHER) == {"a": ["b"], "b": ["a"]}
    assert twins(OTHER, first_of(1, "x", OTHER)) == {"a": [], "b": []}
    assert twins(REFERENCES, REFERENCES) == {"a": [], "b": []}
    assert twins(first_of(4, OTHER[0], REFERENCES), first_of(4, OTHER[0], REFERENCES)) == {"a": [], "b": []}
    assert twins(first_of(19, "yes", REFERENCES), first_of(19, "yes", REFERENCES)) == {"a": [], "b": []}
    assert twins(["yes"] * 30, ["yes"] * 30) == {"a": ["b"], "b": ["a"]}


def test_identical_outputs_that_a_rule_calls_right_are_no_sign():
    written, right = ["Yes."] * 30, [True] * 11 + [False] * 19
    for correct, twin in ((right, []), ([*right[1:], False], ["a"])):
        found = find_causes({"a": given(written, correct=correct), "b": given(written, correct=correct)}, PAIRS)["b"]
        assert [cause["variant"] for cause in found if cause["cause"] == "identical"] == twin


def test_a_variant_made_from_another_may_have_its_outputs():
    assert twins(OTHER, OTHER, own=False) == {"a": [], "b": []}


def test_outputs_are_compared_as_they_were_before_repair():
    repaired = given(["fixed"] * 30, raw=OTHER)
    found = find_causes({"a": given(OTHER), "b": repaired}, PAIRS)
    assert [cause["cause"] for cause in found["b"]] == ["identical"]


def references(first, second, **more):
    return [cause["cause"] for cause in find_causes({"a": given(first, **more), "b": given(second)}, PAIRS)["a"]]


def test_a_file_of_references_is_no_file_of_outputs():
    assert references(REFERENCES, OTHER) == ["references"]
    assert references(first_of(1, "x", REFERENCES), OTHER) == []
    # Where another variant writes a tenth of them to the letter, so may a good model all of them.
    assert references(REFERENCES, REFERENCES[:3] + OTHER[3:]) == []
    assert references(REFERENCES, [f"{text.upper()}." for text in REFERENCES[:3]] + OTHER[3:]) == []
    assert references(REFERENCES, OTHER, collected=False) == []


def test_test_requests_in_the_prompt_are_counted():
    examples = ((PAIRS["input"][3].upper(), "x"), ("something else", "y"))
    guide = f"Do as here:\n{PAIRS['input'][7]}  \n gives this"
    found = causes(OTHER, examples=examples, guide=guide)["shown"]
    assert (found["count"], found["of"], found["ids"]) == (2, 30, ["3", "7"])
    assert causes(OTHER, guide="Write one line.", examples=(("x", "y"),)) == {}
