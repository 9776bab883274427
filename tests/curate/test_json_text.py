"""A JSON document is read value by value as `json` reads it at once."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from tuneworth.curate.read.formats.document import JsonFault, JsonText
from tuneworth.curate.read.formats.text import LongLine

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def read(text):
    """The value of a list or an object, element by element; or what is wrong with the text."""
    reader = JsonText(text, 10**6)
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


@given(value=VALUES, indent=st.none() | st.integers(0, 3), ascii=st.booleans())
def test_a_document_is_read_as_json_reads_it(value, indent, ascii):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    assert read(text) == value


@given(value=VALUES, place=st.integers(0, 200), what=st.sampled_from(["", ",", "]", "}", '"', "\\", "x", "\n"]))
@example(value=[1, 2], place=3, what="x")
@example(value=["a", "b"], place=2, what='"')
@example(value={"a": 1}, place=8, what="{}")
def test_a_damaged_document_has_its_fault_at_the_same_place(value, place, what):
    text = json.dumps(value, indent=1)
    damaged = text[:place] + what + text[place + 1 :]
    expected = read_at_once(damaged)
    found = read(damaged)
    if isinstance(expected, dict) and isinstance(found, str):
        assert "twice" in found  # json keeps the last of two values with one name
    else:
        assert found == expected


def test_a_long_value_has_its_length_and_its_beginning():
    long = {"a": ["]", '"\\"', "x" * 60]}
    first, found, last = JsonText(json.dumps([1, long, 2]), 50).elements()
    assert (first, last) == (1, 2)
    assert isinstance(found, LongLine)
    assert found.length == len(json.dumps(long))
    assert json.dumps(long).startswith(found.beginning)
