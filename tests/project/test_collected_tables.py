"""Outputs as columns of a table: named as the pairs name them, as Series by label, or as texts in order."""

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import tuneworth as tw

from ..conftest import pair

ROWS = [pair(n) for n in range(24)]
PAIRS = pd.DataFrame(
    {
        "sku": [row["id"] for row in ROWS],
        "thing": [row["input"]["thing"] for row in ROWS],
        "specs": [f"{row['input']['colour']}, {row['input']['weight']}" for row in ROWS],
        "text": [row["output"] for row in ROWS],
    }
)
COLUMNS: dict[str, Any] = {"input": ["thing", "specs"], "output": "text"}
GOOD = PAIRS["text"]
BAD = GOOD + "."
KEYED = PAIRS.set_index("sku")
EVEN = PAIRS[PAIRS.index % 2 == 0]

GIVEN = {
    "Series in another order, and a list": (PAIRS, BAD[::-1], GOOD.tolist()),
    "polars": (pl.DataFrame(PAIRS.to_dict("list")), pl.Series(BAD.tolist()), pl.Series(GOOD.tolist())),
    "a column of its own, and the names of the pairs": (PAIRS, PAIRS.assign(output=BAD), PAIRS[["sku", "text"]][::-1]),
    "ids as a named index": (KEYED, KEYED.assign(text=BAD.tolist()), KEYED[["text"]]),
    "ids as an index without a name": (
        KEYED.rename_axis(None),
        KEYED.assign(text=BAD.tolist()).rename_axis(None),
        KEYED[["text"]][::-1].rename_axis(None),
    ),
    "part of a table": (EVEN, EVEN.assign(text=BAD), EVEN["text"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", GIVEN)
def test_outputs_find_their_pairs(kind: str, style_file: Path) -> None:
    pairs, bad, good = GIVEN[kind]
    columns = COLUMNS if kind in ("ids as an index without a name", "part of a table") else {**COLUMNS, "id": "sku"}
    judged = tw.judge_outputs(pairs, {"prompted": bad, "tuned": good}, style_file, **columns)
    quality = judged.results.quality
    assert [quality[name].acceptable.share for name in ("prompted", "tuned")] == [0, 1]
    assert [quality[name].faithful.share for name in ("prompted", "tuned")] == [1, 1]  # each beside its own input
    assert judged.to_pandas()["outputs"]["variant"].tolist() == judged.outputs["variant"].to_list()


@pytest.mark.slow
def test_a_row_that_is_no_pair_leaves_the_texts_with_their_own(style_file: Path) -> None:
    rows: list[Any] = PAIRS.to_dict("records")
    texts = [*BAD[:3], "nothing", *BAD[3:]]
    judged = tw.judge_outputs(
        [*rows[:3], "no pair", *rows[3:]], {"prompted": texts, "tuned": [None, *texts[1:]]}, style_file, **COLUMNS
    )
    assert judged.results.quality["prompted"].faithful.share == 1
    assert judged.outputs.filter(variant="tuned")["output"].null_count() == 1


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (BAD.tolist()[:9], "9 texts for 24 pairs"),
        (BAD.set_axis(range(1, 25)), r"different labels from that of the pairs\nPass \.to_list\(\)"),
        (BAD.set_axis([0] * 24), "different labels"),
        (PAIRS[["sku"]], 'no column "output"'),
    ],
)
def test_outputs_without_their_pairs_are_refused(outputs: Any, words: str, style_file: Path) -> None:
    with pytest.raises(tw.DataError, match=words):
        tw.judge_outputs(PAIRS, {"prompted": outputs, "tuned": GOOD}, style_file, **COLUMNS, id="sku")


def test_a_misspelt_column_is_named(style_file: Path) -> None:
    with pytest.raises(tw.DataError, match='no column "thng"; did you mean "thing"'):
        tw.judge_outputs(PAIRS, {"prompted": BAD, "tuned": GOOD}, style_file, input=["thng", "specs"], output="text")
