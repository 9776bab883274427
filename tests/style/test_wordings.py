"""Wordings of values, and the check that the output names no other value than the pair's own."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.style import (
    KINDS,
    check_outputs,
    explain,
    infer_style,
    missing_fields,
    pair_columns,
    parse_style,
    write_guide,
)
from tuneworth.style.kinds import contradicts

WORDINGS = """
wordings:
  colour: {red: [crimson, deep red], blue: navy, US: [stars and stripes]}
  family: {yes: [family friendly, kids welcome], no: [adults only, not for kids]}
  price: {high: [expensive, high prices], low: [cheap, low prices]}
  rating: {high: [highly rated], low: [poorly rated]}
"""


def pairs(*rows) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "output": [output for output, _ in rows],
            "input": ["; ".join(map(str, (fields or {}).values())) for _, fields in rows],
            "fields": [json.dumps(fields) if fields is not None else None for _, fields in rows],
        },
        schema=dict.fromkeys(("output", "input", "fields"), pl.String),
    )


def result(check: str, output: str, fields, wordings: str = WORDINGS) -> tuple[str, list[str | None]]:
    """The status of one check on one output, and what it found; each place must hold what was found."""
    style = parse_style(f"{wordings}\nchecks:\n  - {check}")
    results = check_outputs(pairs((output, fields)), style)
    for found, start, end in results.violations.select("found", "start", "end").iter_rows():
        assert start is None or output[start:end] == found
    return results.status.row(0)[0], results.violations["found"].to_list()


COLOUR = "{kind: contradicts, field: colour}"
SILENT = "{kind: contradicts, field: colour, silent: true}"
FAMILY = "{kind: contradicts, field: family}"
RED, BLUE = {"colour": "red"}, {"colour": "blue"}
CASES = [
    (COLOUR, "A crimson chair in red.", RED, "pass", []),
    (COLOUR, "A navy chair.", RED, "fail", ["navy"]),
    (COLOUR, "A CRIMSON chair.", BLUE, "fail", ["CRIMSON"]),
    (COLOUR, "It comes in red or blue.", RED, "fail", ["blue"]),
    (COLOUR, "It comes in red or blue.", {"colour": ["red", "blue"]}, "pass", []),
    (COLOUR, "It comes in red or blue.", {"colour": "red / blue"}, "pass", []),
    (COLOUR, "A red chair, not blue.", RED, "pass", []),
    (COLOUR, "A chair, not at all red.", RED, "fail", ["not at all red"]),
    (COLOUR, "A chair in blue rather than red.", BLUE, "pass", []),
    (COLOUR, "A chair that isn’t red or blue.", BLUE, "fail", ["blue"]),
    (COLOUR, "A red chair in no reds but these.", RED, "pass", []),
    (COLOUR, "Two blues.", RED, "fail", ["blues"]),
    (COLOUR, "A bluebird on a redundant chair.", RED, "pass", []),
    (COLOUR, "Ask us about this red chair.", RED, "pass", []),
    (COLOUR, "A chair for the US.", RED, "fail", ["US"]),
    (COLOUR, "Deep-red\nwood.", BLUE, "fail", ["Deep-red"]),
    (COLOUR, "A red chair.", {"colour": "dark red"}, "pass", []),
    (COLOUR, "A blue chair.", {"size": "L"}, "not applicable", []),
    (COLOUR, "A blue chair.", None, "not applicable", []),
    (SILENT, "A blue chair.", {"size": "L"}, "fail", ["blue"]),
    (SILENT, "A chair.", {"size": "L"}, "pass", []),
    (SILENT, "A blue chair.", None, "not applicable", []),
    (COLOUR, "Blue Spice sells a red chair.", {"colour": "red", "name": "Blue Spice"}, "pass", []),
    (COLOUR, "A red chair with blue legs.", {"colour": "red", "legs": "Blue"}, "pass", []),
    (COLOUR, "A blue chair of Blue Spice.", {"colour": "red", "name": "Blue Spice"}, "fail", ["blue"]),
    (COLOUR, "A red house north of the blue one, near blue.", RED, "pass", []),
    (COLOUR, "A house north of the navy one.", RED, "pass", []),
    (COLOUR, "A navy house north of it.", RED, "fail", ["navy"]),
    (FAMILY, "A family-friendly pub.", {"family": "yes"}, "pass", []),
    (FAMILY, "A family-friendly pub.", {"family": False}, "fail", ["family-friendly"]),
    (FAMILY, "It is not a family friendly pub.", {"family": True}, "fail", ["not a family friendly"]),
    (FAMILY, "It is not family friendly.", {"family": "no"}, "pass", []),
    (FAMILY, "Not suitable for kids welcome times.", {"family": "no"}, "pass", []),
    (FAMILY, "Not only family friendly.", {"family": "no"}, "fail", ["family friendly"]),
    (FAMILY, "There is no garden.", {"family": "yes"}, "pass", []),
    (FAMILY, "A pub for adults, not for kids.", {"family": "no"}, "pass", []),
    ("{kind: contradicts, field: rating}", "It has low prices.", {"rating": "high"}, "pass", []),
    ("{kind: contradicts, field: size, values: ['5', '5.5']}", "Size 5 or 3.5, 15.", {"size": "5"}, "pass", []),
    (
        "{kind: contradicts, field: c, values: [blue, navy, red], near: {navy: [blue]}}",
        "A blue one.",
        {"c": "navy"},
        "pass",
        [],
    ),
    (
        "{kind: contradicts, field: c, values: [blue, navy, red], near: {navy: [blue]}}",
        "A red one.",
        {"c": "navy"},
        "fail",
        ["red"],
    ),
    (
        "{kind: contradicts, field: c, values: [blue, navy], near: {navy: [blue]}}",
        "A navy one.",
        {"c": "blue"},
        "fail",
        ["navy"],
    ),
    (
        "{kind: contradicts, field: c, values: [Colombia, Italy]}",
        "From Colombia.",
        {"c": "Colombian cuisine"},
        "pass",
        [],
    ),
    ("{kind: contradicts, field: c, values: [Livorno, Italy]}", "In Livorno.", {"c": "Livorno, Tuscany"}, "pass", []),
    (
        "{kind: contradicts, field: c, values: [Livorno, Italy]}",
        "In Italy.",
        {"c": "Livorno, Tuscany"},
        "fail",
        ["Italy"],
    ),
    (
        "{kind: contradicts, field: c, values: [Marks & Spencer, Boots]}",
        "By Marks and Spencer",
        {"c": "Boots"},
        "fail",
        ["Marks and Spencer"],
    ),
    (
        "{kind: contradicts, field: c, values: [Marks and Spencer]}",
        "By Marks & Spencer",
        {"c": "Marks & Spencer"},
        "pass",
        [],
    ),
    ("{kind: contradicts, field: c, values: [grey, white]}", "A white one.", {"c": "grey/white"}, "pass", []),
    ("{kind: contradicts, field: size, values: ['5', '5.5']}", "Size 5.5.", {"size": "5"}, "fail", ["5.5"]),
    ("{kind: covers, fields: [colour]}", "A crimson chair.", RED, "pass", []),
    ("{kind: covers, fields: [colour]}", "A chair that is not red.", RED, "fail", [None]),
    ("{kind: covers, fields: [colour]}", "A pink chair.", {"colour": "pink"}, "pass", []),
    ("{kind: covers, fields: [family]}", "Not family friendly.", {"family": "yes"}, "fail", [None]),
    ("{kind: covers, fields: [family]}", "Not family friendly.", {"family": "no"}, "pass", []),
    ("{kind: covers, fields: [family]}", "No kids. Yes.", {"family": "yes"}, "fail", [None]),
    ("{kind: covers, fields: [rating]}", "High prices.", {"rating": "high"}, "fail", [None]),
    ("{kind: covers, fields: [rating]}", "Highly rated.", {"rating": "high"}, "pass", []),
    ("{kind: covers, fields: [weight]}", "It weighs 2 kg.", {"weight": "2000 g"}, "pass", []),
]


@pytest.mark.slow
@pytest.mark.parametrize(("check", "output", "fields", "status", "found"), CASES)
def test_values_are_covered_and_contradicted_by_their_wordings(check, output, fields, status, found):
    assert result(check, output, fields) == (status, found)


def test_a_number_given_as_a_wording_is_grounded():
    wordings = "wordings: {stars: {five: [5 out of 5, rated 5/5]}}"
    check = "{kind: grounded, facts: [numbers]}"
    assert result(check, "Rated 5 out of 5.", {"stars": "five"}, wordings) == ("pass", [])
    assert result(check, "Rated 5 out of 5.", {"stars": "four"}, wordings) == ("fail", ["5", "5"])
    names = "{kind: grounded, facts: [names]}"
    named = "wordings: {maker: {acme: [the Roadrunner people]}}"
    text = "It was made by the people of Roadrunner in an afternoon."
    assert result(names, text, {"maker": "acme"}, named)[0] == "pass"
    assert result(names, text, {"maker": "other"}, named)[0] == "fail"


def test_without_values_those_of_the_rows_are_looked_for():
    style = parse_style("checks: [{kind: contradicts, field: colour}]")
    results = check_outputs(pairs(("A blue chair.", RED), ("A blue chair.", BLUE), ("A red one.", {"size": 4})), style)
    assert results.status["contradicts"].to_list() == ["fail", "pass", "not applicable"]
    assert results.violations.row(0) == (0, "contradicts", "blue", 2, 6, 'colour "red"')


def test_a_contradiction_is_explained_with_the_value_given():
    check = parse_style("checks: [{kind: contradicts, field: colour, silent: true}]").checks[0]
    assert explain(check, "navy", 'colour "red"') == 'contradicts: "navy" contradicts the colour "red"'
    silent = explain(check, "navy", "no colour, since none is given")
    assert silent == 'contradicts: "navy" is stated, but the request gives no colour'


def test_the_guide_lists_the_wordings():
    guide = write_guide(parse_style(WORDINGS + "checks: [{kind: contradicts, field: colour, silent: true}]"))
    assert "- State no other colour than the one given. Where no colour is given, state none." in guide
    assert (
        '## Wordings\n\nEach of these values may also be written as:\n\n- colour red: "crimson" or "deep red"' in guide
    )


@pytest.mark.parametrize(
    ("wordings", "problem"),
    [
        ("{c: {yes: ['no'], no: [never]}}", ""),
        ("{c: {red: [], blue: 3}}", "wordings.c.blue: expected texts"),
        ("{c: {red: ['--']}}", "wordings.c.red: expected texts"),
        ("{c: red}", "wordings.c: expected {value: [texts]}"),
        ("[red]", "wordings: expected {field: {value: [texts]}}"),
    ],
)
def test_wordings_that_cannot_be_read_are_named(wordings, problem):
    text = f"wordings: {wordings}\nchecks: [{{kind: covers, fields: [c]}}]"
    if not problem:
        assert parse_style(text).wordings == {"c": {"yes": ("no",), "no": ("never",)}}
        return
    with pytest.raises(ConfigError) as error:
        parse_style(text)
    assert problem in str(error.value)


def test_wordings_of_a_field_that_no_row_has_are_reported():
    style = parse_style("wordings: {color: {red: [crimson]}}\nchecks: [{kind: covers, fields: [colour]}]")
    assert [*missing_fields(style, pair_columns(pairs(("A red chair.", RED))))] == [
        '"wordings" lists values of the field "color", which no row has; did you mean "colour"?'
    ]


def test_the_same_wording_may_say_values_of_two_fields():
    style = parse_style(
        "wordings: {rating: {'5': [top]}, price: {'1': [top]}}\n"
        "checks: [{kind: covers, fields: [rating]}, {kind: covers, fields: [price], id: price}]"
    )
    results = check_outputs(pairs(("The top choice.", {"rating": "5", "price": 1})), style)
    assert results.status.row(0) == ("pass", "pass")


@pytest.mark.parametrize(
    ("price", "text", "covers", "contradicts"),
    [
        ("less than £20", "A cheap pub.", "pass", "pass"),
        ("low", "A Cheap pub.", "pass", "pass"),
        ("low", "A low price.", "pass", "pass"),
        ("high", "A cheap pub.", "fail", "fail"),
        ("low", "Not a cheap pub.", "fail", "fail"),
        ("high", "Not cheap, but high prices.", "pass", "pass"),
    ],
)
def test_one_text_may_be_a_wording_of_two_values(price, text, covers, contradicts):
    style = parse_style(
        "wordings: {price: {less than £20: [cheap], low: [Cheap], high: [costly]}}\n"
        "checks: [{kind: covers, fields: [price]}, {kind: contradicts, field: price}]"
    )
    results = check_outputs(pairs((text, {"price": price})), style)
    assert results.status.row(0) == (covers, contradicts)


COLOURS = ["red", "dark red", "blue", "navy-blue", "green", "off white", "S", "glass", "families"]
WORDS = [*COLOURS, "not", "or", "and", "rather than", "chair", ",", ".", "’s", "\n", "İ", "\u202e", "5", "redder", ""]


@settings(deadline=None)
@given(st.sampled_from(COLOURS), st.lists(st.sampled_from(WORDS), max_size=8))
def test_every_contradiction_is_a_whole_word_at_its_place(own, words):
    output = " ".join(words)
    check = f"{{kind: contradicts, field: c, values: {COLOURS}}}"
    status, found = result(check, output, {"c": own}, "")
    assert (status == "fail") == bool(found)
    assert all(any(part in str(text).lower() for part in [own.lower(), *map(str.lower, COLOURS)]) for text in found)


RATING = "{kind: contradicts, field: customer rating, values: [low, average, high, 1 out of 5]}"
PLACE = {"customer rating": "high", "priceRange": "cheap", "area": "riverside", "near": "The Mill"}
OF_ANOTHER_FIELD = [
    # A word of degree counts where the own field's name is nearest.
    (RATING, "A pub with low prices.", PLACE, []),
    (RATING, "A low-priced pub.", PLACE, []),
    (RATING, "An average pub.", PLACE, []),
    (RATING, "Prices are low, and customers rate it well.", PLACE, []),
    (RATING, "A pub with a high rating, low prices.", PLACE, []),
    (RATING, "A pub with a low customer rating.", PLACE, ["low"]),
    (RATING, "It is low rated.", PLACE, ["low"]),
    (RATING, "A cheap price range but low ratings.", PLACE, ["low"]),
    (RATING, "A high price range. The customer rating is average.", PLACE, ["average"]),
    # The same on another scale, or the mean of the own value.
    (RATING, "A pub with an average rating.", PLACE | {"customer rating": "3 out of 5"}, []),
    (RATING, "A pub with a customer rating of 1 out of 5.", PLACE | {"customer rating": "low"}, []),
    (RATING, "Its average customer rating is high.", PLACE, []),
    ("{kind: contradicts, field: rating, values: [three stars, 5 stars, highly rated]}", "It has three stars.",
     {"rating": "average"}, []),
    ("{kind: contradicts, field: rating, values: [three stars, 5 stars, highly rated]}", "It is highly rated.",
     {"rating": "4 out of 5"}, []),
    ("{kind: contradicts, field: rating, values: [three stars, 5 stars, highly rated]}", "It has 5 stars.",
     {"rating": "average"}, ["5 stars"]),
    ("{kind: contradicts, field: rating, values: [average rating, 1 out of 5]}", "An average rating of 1 out of 5.",
     {"rating": "1 out of 5"}, []),
    (RATING, "A pub with a low rating.", PLACE | {"customer rating": "5 out of 5"}, ["low"]),
    (RATING, "A pub with a customer rating of 1 out of 5.", PLACE, ["1 out of 5"]),
    ("{kind: contradicts, field: price, values: [high, less than £20]}", "For less than £20.", {"price": "high"},
     ["less than £20"]),
    (RATING, "The rating is low and prices are fine.", PLACE, ["low"]),
    (RATING, "A 1 out of 5 price hit.", PLACE, ["1 out of 5"]),
    # Another value beside the name of another field.
    (COLOUR, "A blue chair with a red handle.", {"colour": "blue", "handle": "oak"}, []),
    (COLOUR, "A blue chair; the handle is red.", {"colour": "blue", "handle": "oak"}, []),
    (COLOUR, "A chair with a red seat.", {"colour": "blue", "handle": "oak"}, ["red"]),
    (COLOUR, "The colour is red.", {"colour": "blue", "handle": "oak"}, ["red"]),
    (COLOUR, "A chair for a seat with a handle is red.", {"colour": "blue", "handle": "oak"}, ["red"]),
    (COLOUR, "In the house at the handle is Red House.", {"colour": "blue", "handle": "oak"}, ["Red"]),
    (COLOUR, "A red chair, handle of oak.", {"colour": "blue", "handle": "oak"}, ["red"]),
    # Where something is near to.
    ("{kind: contradicts, field: area, values: [city centre, riverside]}", "A pub near the city centre.", PLACE, []),
    ("{kind: contradicts, field: area, values: [city centre, riverside]}", "In the city centre.", PLACE, ["city centre"]),
    ("{kind: contradicts, field: near, values: [The Mill, The Eagle]}", "A pub near The Eagle.", PLACE, ["The Eagle"]),
    ("{kind: contradicts, field: nearest_landmark, values: [Mill, Eagle]}", "Near the Eagle.", {"nearest_landmark": "Mill"},
     ["Eagle"]),
    # Names that another field holds, with other marks, without a qualifier, or beside the same word.
    ("{kind: contradicts, field: club, values: [Cesena, Parma]}", "A.C. Cesena's ground",
     {"club": "Parma", "subject": "AC Cesena"}, []),
    ("{kind: contradicts, field: country, values: [Angola, Kenya]}", "Angola is in Indiana",
     {"country": "Kenya", "subject": "Angola, Indiana"}, []),
    ("{kind: contradicts, field: country, values: [Angola, Kenya]}", "Indiana, Angola",
     {"country": "Kenya", "subject": "Indiana"}, ["Angola"]),
    ("{kind: contradicts, field: country, values: [Angola, Kenya]}", "It cost 5m Angola dollars.",
     {"country": "Kenya", "cost": "5 million (Angola dollars)"}, []),
    ("{kind: contradicts, field: country, values: [Angola and Kenya, Angola, Kenya]}", "From Angola and Kenya.",
     {"country": "Kenya"}, []),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("check", "output", "fields", "found"), OF_ANOTHER_FIELD)
def test_a_value_is_read_of_the_field_that_the_text_says_it_of(check, output, fields, found):
    assert result(check, output, fields) == ("fail" if found else "pass", found)


@given(st.sampled_from(COLOURS), st.sampled_from(COLOURS))
def test_a_value_contradicts_exactly_the_others(own, other):
    check = f"{{kind: contradicts, field: c, values: {COLOURS}}}"
    within = other in own.replace("-", " ").split(" ")  # red is part of dark red, blue of navy-blue
    assert result(check, f"The {other} one.", {"c": own}, "")[0] == ("pass" if own == other or within else "fail")


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["red ", "Red ", "low red handle ", "not ", "dark ", "red or ", "- ", "a", "not red or "]
)
def test_half_a_million_characters_are_read_to_the_end(piece):
    output = piece * (500_000 // len(piece))
    assert result(SILENT, output, {"colour": "blue", "handle": "oak"})[0] in ("pass", "fail")


@pytest.mark.slow
def test_infer_proposes_the_values_that_outputs_say():
    rows = [
        (f"The chair number {n} comes in {c} wood.", {"colour": c, "n": n}) for n in range(60) for c in ("red", "blue")
    ]
    rows += [(f"The chair number {n} is made of wood.", {"n": n}) for n in range(100, 130)]
    inferred = infer_style(pairs(*rows))
    rule = next(one for one in inferred.evidence if one.check.kind == "contradicts")
    assert rule.entry == {"kind": "contradicts", "field": "colour", "values": ["blue", "red"], "silent": True}
    assert rule.holds == rule.applicable == 150
    assert [*KINDS["contradicts"].propose(pair_columns(pairs(("a", {"colour": "red"}))))] == []


def test_infer_lists_values_that_go_together_in_many_outputs_as_near():
    rows = [(f"A {said} lamp {n}", {"colour": own, "n": n}) for n in range(40) for own, said in
            [("navy", "blue" if n % 4 == 0 else "navy"), ("blue", "blue"), ("red", "blue" if n == 0 else "red")]]  # fmt: skip
    [entry] = [dict(one.entry) for one in KINDS["contradicts"].propose(pair_columns(pairs(*rows)))]
    assert entry == {"field": "colour", "values": ["blue", "navy", "red"], "near": {"navy": ["blue"]}}


def test_a_wording_that_is_stated_often_is_looked_up_in_the_fields_once(monkeypatch):
    """A field of any length would be searched again for each of thousands of places."""
    searched: list[str] = []
    looked_up = contradicts.same_on_a_scale
    monkeypatch.setattr(contradicts, "same_on_a_scale", lambda *texts: searched.append(texts[0]) or looked_up(*texts))
    _, found = result(COLOUR, "A navy, crimson, Navy, navy box.", {"colour": "green", "note": "crimson " * 30})
    assert found == ["navy", "Navy", "navy"]
    assert sorted(map(str.lower, searched)) == ["crimson", "navy"]
