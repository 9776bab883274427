"""The examples of a prompt: one of each kind of request, typical ones, the shortest answer last."""

import polars as pl
import pytest

from tuneworth.evaluate.variants import choose_examples

KINDS = {
    "lamp": "A brass lamp with a warm light for the desk",
    "chair": "An oak chair with four legs and a straight back rest",
    "clock": "A wall clock that is set by radio, quartz",
}


def table(n: int = 60) -> pl.DataFrame:
    """Pairs of three kinds, every tenth answer far too long."""
    names = list(KINDS)
    rows = [
        {
            "id": f"r{i}",
            "group": f"g{i}",
            "input": f"kind: {(kind := names[i % 3])}\ncolour: {i}",
            "output": KINDS[kind] + f", number {i}" + " and much more" * (30 if i % 10 == 9 else 0),
        }
        for i in range(n)
    ]
    return pl.DataFrame(rows)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_example_of_each_kind_of_request(seed):
    kinds = {text.split("\n")[0].removeprefix("kind: ") for text, _ in choose_examples(table(), 3, seed=seed)}
    assert len(kinds) >= 2  # lengths matter too: a kind outside the middle half of lengths is not typical


def test_examples_are_typical_and_the_shortest_is_last():
    answers = [answer for _, answer in choose_examples(table(), 3, seed=0)]
    assert all(len(answer) < 80 for answer in answers)
    assert answers == sorted(answers, key=len, reverse=True)


def test_equal_or_empty_texts_need_no_clusters():
    same = pl.DataFrame({"id": ["a", "b", "c"], "group": [None] * 3, "input": ["x"] * 3, "output": ["y"] * 3})
    assert choose_examples(same.cast({"group": pl.String}), 2, seed=0) == (("x", "y"), ("x", "y"))
    assert choose_examples(same.clear(), 2, seed=0) == ()
