"""Outputs that are still to be written set no rule, no range and no known word."""

import polars as pl
import pytest

from tuneworth.style import infer_style, pair_columns
from tuneworth.style.infer.infer import unfinished

COLOURS, THINGS = ["red", "blue", "green", "white"], ["lamp", "chair", "table", "shelf", "clock"]
STAND_INS = [
    "TODO", "tbd.", "(TBA)", "xxx", "???", "[coming soon]", "Description to be added", "Lorem ipsum dolor sit amet",
    "TODO: describe the lamp", "Dear [Customer name], thank you", "I'm sorry, but I cannot help with that request.",
]  # fmt: skip
TEXTS = [
    "Today we go to the sea", "To be honest, I like it", "tobacco", "XXL shirts", "Total: 5", "None", "n/a", "-",
    "Here is the line: a lamp",
]  # fmt: skip


def table(outputs: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"output": outputs, "input": [f"request {n}" for n in range(len(outputs))]})


def sentences(n: int) -> list[str]:
    return [f"A sturdy {COLOURS[i % 4]} {THINGS[i % 5]} for the modern home, weighing {i} kg." for i in range(n)]


@pytest.mark.parametrize("text", STAND_INS)
def test_what_stands_in_for_an_output_is_seen(text: str) -> None:
    assert unfinished(pair_columns(table([text, *sentences(9)]))).to_list() == [True, *[False] * 9]


@pytest.mark.parametrize("text", TEXTS)
def test_what_may_be_an_output_is_left(text: str) -> None:
    assert not unfinished(pair_columns(table([text, *sentences(9)]))).any()


def test_what_many_outputs_are_is_how_they_are_written() -> None:
    assert not unfinished(pair_columns(table(["Dear [Customer name], thank you"] * 3 + sentences(9)))).any()
    labels = ["open", "doing", "done", "later"] * 20 + ["tbd"] * 3
    assert not unfinished(pair_columns(table(labels)), labels=True).any()


@pytest.mark.slow
def test_the_style_is_that_of_the_finished_outputs() -> None:
    whole = infer_style(table(sentences(150)))
    assert whole.schema is not None
    found = infer_style(table(sentences(150) + STAND_INS[:9] + ["TODO"] * 40))
    assert found.schema is not None
    assert [(check.kind, check.parameters) for check in found.schema.checks] == [
        (check.kind, check.parameters) for check in whole.schema.checks
    ]
    assert {"known_words", "length"} <= {check.kind for check in found.schema.checks}
    assert "# 9 different outputs are placeholders or refusals and were left out." in found.text
    assert "9 different outputs are" in found.message
    assert "left out" not in whole.message + whole.text
