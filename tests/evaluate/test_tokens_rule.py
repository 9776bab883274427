"""A rule about lengths in tokens: counted with the variant's tokenizer, otherwise unscored."""

import polars as pl

from tuneworth.evaluate import score_outputs
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.style import parse_style

STYLE = parse_style("checks:\n  - {kind: length, unit: tokens, max: 2}")
PAIRS = pl.DataFrame({"id": ["a", "b"], "input": ["x", "y"], "fields": [None, None], "output": ["", ""]}).cast(
    {"fields": pl.String}
)
OUTPUTS = pl.DataFrame(
    [{"id": "a", "sample": 0, "output": "one two"}, {"id": "b", "sample": 0, "output": "one two three"}],
    schema=OUTPUT_SCHEMA,
)


def test_tokens_are_counted_if_there_is_a_counter():
    scores = score_outputs(PAIRS, OUTPUTS, STYLE, count_tokens=lambda texts: [len(text.split()) for text in texts])
    assert scores.table["acceptable"].to_list() == [True, False]


def test_without_a_tokenizer_the_rule_is_unscored():
    assert score_outputs(PAIRS, OUTPUTS, STYLE).table["acceptable"].to_list() == [None, None]
