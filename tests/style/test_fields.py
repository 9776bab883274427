"""Fields that an input has as text: each form is read, and read again after rendering; other texts are left alone."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import curate, identifier_like, read_frame
from tuneworth.style import all_fields, check_outputs, parse_style, read_fields, render_fields

ACT = {"act": "inform", "name": "Kočár z Vídně", "food": "Indian"}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("name[The Mill], area[city centre]", {"name": "The Mill", "area": "city centre"}),
        ("name[The Mill]", {"name": "The Mill"}),
        ("colour: red\nsize: M; L\n", {"colour": "red", "size": "M; L"}),
        ("colour: red; size: M", {"colour": "red", "size": "M"}),
        ("- Colour: red\n- Burn time h: 5", {"Colour": "red", "Burn time h": "5"}),
        ('{"a": 1, "b": {"c": [2]}}', {"a": 1, "b": {"c": [2]}}),
        ("inform(name='Kočár z Vídně',food=Indian)", ACT),
        ('inform(name="Kočár z Vídně";food=Indian)', ACT),
        ("inform(a=b,c='d, e')", {"act": "inform", "a": "b", "c": "d, e"}),
        ("inform(name=Joe's, the old one,food=x)", {"act": "inform", "name": "Joe's, the old one", "food": "x"}),
        ("suggest(size=S;size=M)", {"act": "suggest", "size": ["S", "M"]}),
        ("?request(price_range)", {"act": "?request", "requested": "price_range"}),
        ("inform(a=b)&request(area)", {"act": ["inform", "request"], "a": "b", "requested": "area"}),
        ("goodbye()", {"act": "goodbye"}),
    ],
)
def test_each_form_is_read(text, fields):
    assert read_fields(text) == fields


@pytest.mark.parametrize(
    "text",
    [
        "Anna: hi", "Anna: hi\nBob: hello", "Anna: Where were you?\nBob: At home.", "user: red\nassistant: blue",
        "Speaker 1: red\nSpeaker 2: blue", "a: 1\na: 2", "Note: one only", "I have one question: why?\nHe said: because",
        "From: a\nTo: b\n\nDear Bob,\nit rains", "see [1]", "array of items[0]", "shoe(s)", "print(x)", "f(x) = 1",
        "name[a], area[b] and more", '{"a": 1} and more', "[1, 2]", "at http://x.y; and: more", "", "(", "]",
    ],
)  # fmt: skip
def test_other_texts_are_not_fields(text):
    assert read_fields(text) is None


OPENINGS = {"an", "and", "but", "he", "here", "if", "it", "please", "she", "so", "that", "the", "there", "these", "they", "this",
            "we", "when", "you"}  # fmt: skip
SPEAKERS = {"agent", "ai", "bot", "caller", "human", "person", "system", "tool", "user"}
NAMES = st.from_regex(r"[a-z]{2,6}( [a-z]{2,6})?", fullmatch=True).filter(
    lambda name: name not in SPEAKERS and (" " not in name or name.split()[0] not in OPENINGS)
)
VALUES = st.from_regex(r"[A-Za-z0-9äß€%+.-]{1,8}( [A-Za-z0-9']{1,8}){0,3}", fullmatch=True)
FIELDS = st.dictionaries(NAMES, VALUES, min_size=2, max_size=5)
FORMS = {
    "lines": render_fields,
    "brackets": lambda fields: ", ".join(f"{name}[{value}]" for name, value in fields.items()),
    "JSON": lambda fields: json.dumps(fields, ensure_ascii=False),
}


def test_with_known_names_one_line_is_enough_and_other_names_are_none():
    assert read_fields("question: why; how?", known={"question"}) == {"question": "why; how?"}
    assert read_fields("question: why\nwho: me", known={"question"}) is None


@given(FIELDS, st.sampled_from(sorted(FORMS)))
def test_rendered_fields_are_read_back(fields, form):
    assert read_fields(FORMS[form](fields)) == fields


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{2,8}", fullmatch=True), VALUES, min_size=1, max_size=5),
    st.sampled_from(",;"),
)
def test_rendered_acts_are_read_back(slots, mark):
    slots = {name: value for name, value in slots.items() if name not in ("act", "requested")}
    text = "inform(" + mark.join(f'{name}="{value}"' for name, value in slots.items()) + ")"
    assert read_fields(text) == {"act": "inform", **slots}


WORDS = st.sampled_from(["we", "saw", "the", "old", "mill", "near", "Rome,", "cost", "5", "euros;", "they", "(twice)"])
SENTENCE = st.lists(WORDS, min_size=6, max_size=12).map(" ".join)


@given(st.lists(st.tuples(SENTENCE, st.sampled_from([".", ":", ": ", "?", ", "]), SENTENCE), min_size=1, max_size=4))
def test_prose_is_never_read(sentences):
    text = "\n".join(f"{before}{mark}{after}" for before, mark, after in sentences)
    assert read_fields(text) is None


@given(st.lists(st.one_of(SENTENCE, FIELDS.map(FORMS["lines"]), FIELDS.map(FORMS["JSON"])), max_size=6))
def test_many_texts_are_read_like_each_of_them(texts):
    none = pl.Series([None] * len(texts), dtype=pl.String)
    assert all_fields(none, pl.Series(texts, dtype=pl.String)) == [read_fields(text) or {} for text in texts]


def test_fields_that_are_given_win_over_those_of_the_text():
    rows = all_fields(pl.Series(['{"a": 1}', None]), pl.Series(["b[2]", "b[2]"]))
    assert rows == [{"a": 1}, {"b": "2"}]


RULES = parse_style(
    "checks: [{kind: covers, fields: [colour]}, {kind: contradicts, field: colour, values: [red, blue]}]"
)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_rule_gives_the_same_for_fields_as_text_and_as_an_object(form):
    given = [{"thing": "chair", "colour": colour} for colour in ("red", "blue")]
    table = {"input": [FORMS[form](fields) for fields in given], "output": ["A red chair.", "A red chair."]}
    as_text = check_outputs(pl.DataFrame(table), RULES).status
    as_object = check_outputs(pl.DataFrame({**table, "fields": list(map(json.dumps, given))}), RULES).status
    assert as_text.equals(as_object)
    assert as_text.rows() == [("pass", "pass"), ("fail", "fail")]


@pytest.mark.slow
def test_identifiers_are_found_and_left_out_where_fields_are_text():
    colours = ["red", "blue", "green", "white", "grey"]
    rows = [
        {
            "input": f"part[Q{n:03}], thing[wooden chair], colour[{colours[n % 5]}]",
            "output": f"A {colours[n % 5]} chair.",
        }
        for n in range(40)
    ]
    assert identifier_like(read_frame(rows).pairs) == ["part"]
    assert curate(rows).summary["outcomes"]["duplicate"] == 0
    assert curate(rows, identifiers=["part"]).summary["outcomes"]["duplicate"] == 35
