"""Each outcome explained from what a run left on disk."""

import json

import pytest

from tuneworth.core import DataError
from tuneworth.curate import CurateSettings, Override, curate, read_frame, why, write_curated
from tuneworth.curate.read.normal_forms import normalise
from tuneworth.style import parse_style

STYLE = parse_style("name: t\nchecks: [{kind: pattern, regex: '[.]$', min: 0, max: 0, id: no-stop}]")
QUESTION, ANSWER = "What does the red part with 5V cost today?", "It costs a lot of money for this, friend"
ROWS = [
    {"id": "first", "input": QUESTION, "output": ANSWER, "split": "test"},
    {"id": "copy", "input": QUESTION.upper(), "output": ANSWER, "split": None},
    {"id": "leak", "input": QUESTION, "output": "Nobody ever painted that one, so it is grey", "split": "train"},
    {
        "id": "one",
        "input": "which colour has the house on the hill",
        "output": "it is red and white with many windows, doors 2",
        "split": None,
    },
    {
        "id": "two",
        "input": "which colour has the house on the hill",
        "output": "it is red and white with many windows, doors 3",
        "split": None,
    },
    {"id": "stops", "input": "a text about nothing else 12", "output": "A sentence.", "split": "train"},
    {"id": "stops-in-test", "input": "a story of 77 boats", "output": "A sentence.", "split": "test"},
    {"id": "empty", "input": "", "output": "x", "split": None},
    {"id": "gone", "input": "dropped by somebody", "output": "words", "split": None},
    {"id": "row", "input": {"row": 41, "name": "a field that is called row"}, "output": "y", "split": "train"},
    *(
        {"id": f"f{i}", "input": f'{i} said "row": 2, {i * 7919}', "output": f"text {i}", "split": None}
        for i in range(30)
    ),
    {"id": "last", "input": "the last one of them all, 8", "output": "words", "split": "train"},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    overrides = [Override(id="gone", decision="drop", who="Ada", why="wrong")]
    write_curated(curate(read_frame(ROWS), STYLE, overrides=overrides), folder)
    return folder


@pytest.mark.parametrize(
    ("id", "outcome", "words"),
    [
        ("copy", "duplicate", 'Compared with "first" (similarity 1.00, row 1, kept, test)'),
        ("leak", "leaked", 'Stated for train, but repeats "first", which is stated for test'),
        ("one", "conflict", '"two" with another answer'),
        ("two", "conflict", 'Compared with "one" (similarity 0.'),
        ("stops", "invalid", "Rule: style:no-stop"),
        ("empty", "invalid", "could not be read as a pair. See that row"),
        ("gone", "decided", "Why: Decided by Ada: drop (wrong)"),
        ("stops-in-test", "kept", "it is no reference"),
        ("f3", "kept", "Most similar kept row: "),
    ],
)
def test_every_outcome_has_its_reason_and_its_texts(run, id, outcome, words):
    found = why(run, id)
    assert found.outcome == outcome
    assert words in str(found)
    own = next(row for row in ROWS if row["id"] == id)
    assert (found.input, found.output) == ((None, None) if id == "empty" else (own["input"], own["output"]))
    assert found == why(run, str(found.row))
    json.dumps(found.__dict__)


def test_a_row_number_in_a_text_is_not_taken_for_the_row(run):
    assert why(run, "2").input == QUESTION.upper()
    assert why(run, "row").row == 10
    assert why(run, "last").input == "the last one of them all, 8"
    assert why(run, "f0").input == '0 said "row": 2, 0'


def test_the_nearest_kept_row_is_the_one_that_exhaustive_search_finds(tmp_path):
    texts = [f"a {a} line about {b} boats {n}" for n, (a, b) in enumerate([(x, y) for x in "pqrs" for y in "tuvw"])]
    rows = [
        {"id": f"{i:02}", "input": {"sku": f"S{i}", "text": text}, "output": f"o {i}"} for i, text in enumerate(texts)
    ]
    write_curated(curate(rows, identifiers=["sku"], settings=CurateSettings(tie_siblings=False)), tmp_path)

    def likeness(one, other):
        a, b = (
            {t[i : i + 5] for i in range(len(t) - 4)} for t in (normalise(f"text: {one}"), normalise(f"text: {other}"))
        )
        return len(a & b) / len(a | b)

    for place, text in enumerate(texts):
        others = [(-likeness(text, other), f"{i:02}") for i, other in enumerate(texts) if i != place]
        found = why(tmp_path, f"{place:02}")
        assert (found.similarity, found.other_id) == (pytest.approx(-min(others)[0]), min(others)[1])


def test_unknown_rows_and_foreign_folders_are_named(run, tmp_path):
    with pytest.raises(DataError, match=r'similar ids: "stops"(.|\n)*Row numbers go from 1 to 41'):
        why(run, "stop")
    for row in ("0", "42", "99999999999999999999", "-1", "²"):
        with pytest.raises(DataError, match="has no row"):
            why(run, row)
    with pytest.raises(DataError, match="there is no ledger"):
        why(tmp_path, "1")


def test_an_id_that_is_the_number_of_another_row_is_told_from_it(tmp_path):
    rows = [{"id": f"{40 - i}", "input": f"a question of {i * 7919}", "output": f"text {i}"} for i in range(40)]
    write_curated(curate([*rows, {"id": "long " * 90, "input": "something else", "output": "text"}, 3]), tmp_path)
    told = why(tmp_path, "38")
    assert (told.row, told.id, told.numbered_id) == (3, "38", '"3"')
    assert 'Note: "38" is its id; for the row with that number, "3", write "row 38"' in str(told)
    assert (why(tmp_path, "row 38").row, why(tmp_path, "row 38").numbered_id) == (38, None)
    assert why(tmp_path, "20").numbered_id is not None
    assert why(tmp_path, "row 42").outcome == "invalid"
    assert max(map(len, str(why(tmp_path, "41")).splitlines())) < 120


def test_fields_that_differ_come_first_and_equal_ones_are_only_named(tmp_path):
    fields = {"kind": "chair", "wood": "oak", "legs": 4, "colour": "red", "none": None}
    rows = [
        {"id": "a", "input": fields, "output": "a red chair made of oak, with legs"},
        {"id": "b", "input": {**fields, "colour": "blue"}, "output": "a blue chair made of oak, with legs"},
        {
            "id": "c",
            "input": {**fields, "colour": "blue", "kind": "stool"},
            "output": "a blue stool made of oak, with legs 5",
        },
        {
            "id": "d",
            "input": {**fields, "colour": "blue", "kind": "stool"},
            "output": "a blue stool made of oak, with legs 6",
        },
    ]
    rows += [{"id": f"f{n}", "input": f"a story about {n * 7919} boats", "output": f"text {n}"} for n in range(20)]
    write_curated(curate(rows, settings=CurateSettings(conflicts="report")), tmp_path)
    said = str(why(tmp_path, "a"))
    assert "Input:\n  colour: red\n  kind: chair\n  wood: oak\n  legs: 4\nOutput:" in said
    assert "Input:\n  colour: blue\n  (the same: kind, wood, legs)\nOutput:" in said
    assert "Input:\n  (the same)\nOutput:" in str(why(tmp_path, "d"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        (["x"] * 2, ["20", "25"], 'The same input as "b" with another answer: 20 against 25.'),
        (["x"] * 2, ["20", "none"], 'The same input as "b" with another answer: this one states 20, the other does not.'),
        (["x"] * 2, ["none", "20"], 'The same input as "b" with another answer: the other one states 20, this one does not.'),
        (["x", "<b>X</b>"], ["20", "25"], 'The same input as "b", but for identifiers, case, spacing or markup, with another'),
        (["x", "the x"], ["20", "25"], 'Nearly the same input as "b" (similarity 0.'),
        (["x"] * 2, ['{"a": "red", "b": 1}', '{"a": "blue", "b": 1}'], "another answer: a: red against a: blue."),
    ],
)  # fmt: skip
def test_a_conflict_says_what_is_the_same_and_what_is_not(inputs, outputs, words):
    asked = "how much does the chair by the window cost in the shop of the old town, and what about "
    answer = "it is the price of the chair that you asked about in the shop by the river: "
    json_answers = outputs[0].startswith("{")
    rows = [
        {"id": id, "input": asked + text, "output": output if json_answers else answer + output}
        for id, text, output in zip("ab", inputs, outputs, strict=True)
    ]
    rows += [{"id": f"f{n}", "input": f"a story about {n * 7919} boats", "output": f"text {n}"} for n in range(9)]
    assert words in curate(rows).ledger["evidence"][0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A  TEXT that is read twice", "but for case, spacing and identifiers."),
        ("a <b>text</b> that is read twice", "only markup, hidden or similar letters or the order of fields differ."),
    ],
)
def test_a_copy_says_what_is_not_the_same(text, words):
    rows = [
        {"input": t, "output": "the output of this request, in many words"} for t in ("a text that is read twice", text)
    ]
    rows += [{"input": f"a story about {n * 7919} boats", "output": f"text {n}"} for n in range(9)]
    found = curate(rows).ledger.filter(outcome="duplicate")
    assert found["rule"].to_list() == ["exact_duplicate"]
    assert words in found["evidence"][0]
