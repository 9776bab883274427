"""Which rows of a run wait for a person, and which fit a filter."""

import pytest

from tuneworth.core import ConfigError
from tuneworth.curate import CurateSettings, Override, RowFilter, SplitShares, curate, find_rows, write_curated
from tuneworth.style import parse_style

STYLE = parse_style(
    "checks: [{kind: punctuation, id: stop, end: '.'}, {kind: pattern, id: no-x, regex: x, min: 0, max: 0}]"
)
QUESTION, ANSWER = "What does the red part with 5V cost today?", "It costs a lot of money for this, friend"


def rows():
    filler = [
        {"id": f"f{n}", "input": {"kind": f"k{n % 3}", "text": f"{n} other things {n * 7919}"}, "output": f"words {n}."}
        for n in range(40)
    ]
    return [
        {"id": "one", "input": {"text": QUESTION, "tags": ["a", "b"]}, "output": ANSWER + "."},
        *filler,
        {"id": "two", "input": {"text": QUESTION, "tags": ["a", "b"]}, "output": ANSWER + " 7."},
        {"id": "open", "input": {"text": "a sentence without an end"}, "output": "so it goes"},
        {"id": "broken", "input": {"text": "something quite different"}, "output": "an x."},
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    settings = CurateSettings(fix="safe", split=SplitShares(train=1))
    write_curated(curate(rows(), STYLE, settings=settings), folder)
    return folder


def ids(run, **which):
    return find_rows(run, RowFilter(**which))["id"].to_list()


def test_conflicts_wait_side_by_side_and_repairs_after_them(run):
    found = find_rows(run, RowFilter())
    assert found.select("id", "outcome", "rule").rows() == [
        ("one", "conflict", "conflict"), ("two", "conflict", "conflict"), ("open", "repaired", "stop"),
    ]  # fmt: skip


@pytest.mark.parametrize("decided", [["one"], ["two"], ["one", "two"]])
def test_a_decision_about_one_side_settles_the_conflict(run, decided):
    assert find_rows(run, RowFilter(), decided=decided)["id"].to_list() == ["open"]


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Three answers to one question, the first of them twice, and two to another."""
    folder = tmp_path_factory.mktemp("several")
    answers = {"a": ANSWER + " 7.", "again": ANSWER + " 7.", "b": ANSWER + " 8.", "c": ANSWER + " 9."}
    table = [{"id": name, "input": QUESTION, "output": text} for name, text in answers.items()]
    table += [
        {"id": name, "input": "How dear is the blue one?", "output": f"{ANSWER} {n}."}
        for n, name in ((4, "x1"), (5, "x2"))
    ]
    table += [{"id": f"f{n}", "input": f"{n} other {n * 7919}", "output": f"words {n * 31}."} for n in range(40)]
    write_curated(curate(table, settings=CurateSettings(split=SplitShares(train=1))), folder)
    return folder


@pytest.mark.parametrize(
    ("decided", "dropped", "left"),
    [
        ((), (), {"a", "again", "b", "c", "x1", "x2"}),
        (["a"], (), {"x1", "x2"}),
        (["again"], (), {"x1", "x2"}),
        (["b"], (), {"c", "x1", "x2"}),  # the ledger does not tell whether c contradicts b as well
        (["a"], ["a"], {"again", "b", "c", "x1", "x2"}),
        (["b"], ["b"], {"a", "again", "c", "x1", "x2"}),
        (["x1"], ["x1"], {"a", "again", "b", "c"}),
        (["x2"], (), {"a", "again", "b", "c"}),
    ],
)
def test_whichever_side_is_kept_nothing_that_it_settles_waits(several, decided, dropped, left):
    found = find_rows(several, RowFilter(), decided=decided, dropped=dropped)
    assert set(found["id"]) == left


def test_filters_narrow_one_another(run):
    assert ids(run, rules=("no-x",)) == ids(run, rules=("style:no-x",)) == ids(run, outcomes=("invalid",)) == ["broken"]
    assert ids(run, rules=("style:*", "stop")) == ["open", "broken"]
    assert ids(run, fields={"tags": "b"}) == ["one", "two"]
    assert len(ids(run, fields={"kind": "k1"})) == 13
    assert ids(run, fields={"kind": "k1"}, outcomes=("conflict",)) == []
    assert len(ids(run, outcomes=("kept",))) == 41
    assert ids(run, outcomes=("repaired", "invalid")) == ["open", "broken"]


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ({"rules": ("no-y",)}, 'by the rule "no-y"; known: conflict, stop'),
        ({"fields": {"kinds": "k1"}}, 'no pair has a field "kinds"; did you mean "kind"'),
        ({"outcomes": ("lost",)}, 'unknown outcome "lost"'),
    ],
)
def test_names_that_no_row_has_are_errors(run, which, said):
    with pytest.raises(ConfigError, match=said):
        find_rows(run, RowFilter(**which))


def test_rows_dropped_by_a_person_are_decided(tmp_path):
    write_curated(curate(rows(), STYLE, overrides=[Override(id="broken", decision="drop")]), tmp_path)
    assert ids(tmp_path, outcomes=("decided",)) == ["broken"]
