"""A JSON document is read from blocks of text as `json` reads it at once."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tuneworth.core import Limits
from tuneworth.curate.read.formats import json_text as json_module
from tuneworth.curate.read.formats.document import document_batches
from tuneworth.curate.read.formats.intake import Intake
from tuneworth.curate.read.formats.json_text import JsonFault, JsonText, scan_value
from tuneworth.curate.read.formats.lines import LongLine

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
SIZES = st.integers(1, 40)


def blocks_of(text, size):
    return iter([text[start : start + size] for start in range(0, len(text), size)])


def json_text(text, size, most=10**6):
    return JsonText(blocks_of(text, size), most, lambda _: None)


def read(text, size):
    """The value of a list or an object, element by element; or what is wrong with the text."""
    reader = json_text(text, size)
    try:
        mark = reader.next_mark()
        if mark == "[":
            value = list(reader.elements())
        elif mark == "{":
            value = {name: reader.value() for name in reader.names()}
        else:
            value = reader.value()
        reader.end()
    except JsonFault as fault:
        return str(fault)
    return value


def read_at_once(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return str(error)


@given(value=VALUES, size=SIZES, indent=st.none() | st.integers(0, 3), ascii=st.booleans())
def test_a_document_in_blocks_is_the_document(value, size, indent, ascii):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    assert read(text, size) == value


@given(
    value=VALUES, size=SIZES, place=st.integers(0, 200), what=st.sampled_from(["", ",", "]", "}", '"', "\\", "x", "\n"])
)
@example(value=[1, 2], size=1, place=3, what="x")
@example(value=["a", "b"], size=2, place=2, what='"')
@example(value={"a": 1}, size=3, place=8, what="{}")
def test_a_damaged_document_has_its_fault_at_the_same_place(value, size, place, what):
    text = json.dumps(value, indent=1)
    damaged = text[:place] + what + text[place + 1 :]
    expected = read_at_once(damaged)
    found = read(damaged, size)
    if isinstance(expected, dict) and isinstance(found, str):
        assert "twice" in found  # json keeps the last of two values with one name
    else:
        assert found == expected


@given(inner=VALUES, size=SIZES, depth=st.integers(0, 5))
@example(inner='\\"]', size=1, depth=1)
@example(inner=['"\\\\"', "[", {"}": "\\"}], size=7, depth=0)
def test_a_long_value_is_passed_over_to_its_end(inner, size, depth):
    long = [inner, "x" * 60]
    for _ in range(depth):
        long = {"[": long}
    for value in (long, json.dumps(long)):
        text = json.dumps([1, value, 2])
        first, found, last = json_text(text, size, most=50).elements()
        assert (first, last) == (1, 2)
        assert isinstance(found, LongLine)
        assert found.length == len(json.dumps(value))
        assert json.dumps(value).startswith(found.beginning)


def test_a_long_value_that_never_ends_is_named_by_where_it_begins():
    text = '[1,\n  ["x", ' + "[]," * 100
    with pytest.raises(JsonFault, match=r"a value that never ends: line 2 column 3 \(char 6\)"):
        list(json_text(text, 40, most=50).elements())


def test_a_value_of_many_blocks_is_tried_a_few_times(monkeypatch):
    tries = []

    def scanned(text, start):
        tries.append(len(text))
        return scan_value(text, start)

    monkeypatch.setattr(json_module, "scan_value", scanned)
    assert list(json_text(json.dumps(["x" * 4_000]), 10).elements()) == ["x" * 4_000]
    assert len(tries) < 15  # of 400 blocks


def test_no_more_than_a_batch_of_a_document_is_held(tmp_path):
    text = json.dumps([{"input": f"{n}", "output": "x" * 1_000} for n in range(10_000)])  # 10 MB
    drawn = []

    def blocks():
        for start in range(0, len(text), 100_000):
            drawn.append(start)
            yield text[start : start + 100_000]

    batches = document_batches(blocks, Intake(tmp_path / "p.json", Limits()))
    first = next(batches)
    assert first.numbers[0] == 1
    assert len(drawn) * 100_000 < len(text) / 2
    assert sum(len(batch.values) for batch in batches) + len(first.values) == 10_000
