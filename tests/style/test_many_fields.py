"""A style is inferred from wide tables: the cost grows with rows times fields, and nothing of it is in the result."""

from collections import Counter

import polars as pl
import pytest

from tuneworth.style import field_text, pair_columns
from tuneworth.style.infer import wordings
from tuneworth.style.infer.wordings import _Phrases, _Row


def test_the_words_of_other_fields_are_read_only_where_a_phrase_needs_them(monkeypatch):
    read = []
    words_of = wordings._words
    monkeypatch.setattr(wordings, "_words", lambda text: read.append(text) or words_of(text))
    row = _Row(frozenset(["by the river"]), {f"field {n}": f"river {n}" for n in range(400)})
    assert wordings._foreign(frozenset(), row, "field 3") == set()
    assert read == []
    assert wordings._foreign(frozenset(["by the river"]), row, "area") == {"by the river"}
    assert len(read) == 2  # the value, and all values together
    assert row.foreign("field 3") >= {"4", "5"}
    assert "river" not in row.foreign("field 3")


@pytest.mark.parametrize("rows", [range(40), range(0, 100, 3), range(75)])
def test_telling_phrases_are_those_that_counting_one_by_one_finds(rows):
    texts = [
        frozenset(f"phrase {n}" for n in range(1, 30) if number % n == 0 or (number < 40) == (n > 20))
        for number in range(100)
    ]
    phrases = _Phrases.of([_Row(text, {}) for text in texts])
    everywhere, within = Counter(), Counter()
    for number, text in enumerate(texts):
        everywhere.update(text)
        within.update(text if number in rows else ())
    expected = set()
    for text, count in within.items():
        ratio = ((count + 0.5) / (len(rows) + 1)) / ((everywhere[text] - count + 0.5) / (100 - len(rows) + 1))
        if ratio >= 10 and count >= 0.9 * everywhere[text]:
            expected.add(text)
    assert phrases.telling(list(rows)) == expected
    assert expected or rows != range(40)


def test_rows_that_are_nearly_all_tell_nothing():
    phrases = _Phrases.of([_Row(frozenset(["a"]), {})] * 30)
    assert phrases.telling(list(range(15))) == set()


def test_the_items_of_a_field_are_those_of_its_values_row_by_row():
    values = ['["a", "", null, 2]', "[]", '"text"', "null", '""', "true", '{"x": [1]}', "7.5", '["b"]']
    columns = pair_columns(
        pl.DataFrame({"output": ["-"] * 9, "input": ["-"] * 9, "fields": [f'{{"n": {value}}}' for value in values]})
    )
    expected = [
        (index, text)
        for index, row in enumerate(columns.fields)
        for item in (row["n"] if isinstance(row["n"], list) else [row["n"]])
        if (text := field_text(item))
    ]
    assert columns.field_items("n").rows() == expected
    assert columns.field_items("other").is_empty()
