"""Which requests two test sets share: ids may be renumbered, reused, or name the same request twice."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate.history.judged import request_contents, shared_groups, shared_requests

from .judged_sides import pairs

texts = st.sampled_from(["a", "b", "c", "d", "a b", "B"])
tables = st.lists(texts, max_size=9).map(
    lambda found: pairs([{"id": f"p{at}", "input": text} for at, text in enumerate(found)])
)


def test_renumbered_requests_are_found_by_their_content():
    before = pairs([{"id": "1", "input": "red lamp"}, {"id": "2", "input": "blue chair"}])
    after = pairs([{"id": "2", "input": "red  lamp"}, {"id": "3", "input": "blue chair"}, {"id": "4", "input": "new"}])
    found = shared_requests(before, after)
    assert (found.before, found.after) == ([0, 1], [0, 1])
    assert (found.renumbered, found.reused, found.only_before, found.only_after) == (2, ["2"], 0, 1)


def test_an_id_that_names_another_request_matches_nothing():
    found = shared_requests(pairs([{"id": "1", "input": "red"}]), pairs([{"id": "1", "input": "blue"}]))
    assert (found.before, found.reused, found.only_before, found.only_after) == ([], ["1"], 1, 1)


def test_the_same_id_comes_before_another_row_with_the_same_request():
    before = pairs([{"id": "a", "input": "x"}, {"id": "b", "input": "x"}])
    after = pairs([{"id": "b", "input": "x"}, {"id": "a", "input": "x"}])
    found = shared_requests(before, after)
    assert (found.before, found.after, found.renumbered) == ([1, 0], [0, 1], 0)


def test_a_request_is_its_fields_in_any_order_and_its_own_system_message():
    rows = [
        {"id": "1", "input": "a: 1\nb: 2", "fields": {"a": "1", "b": "2", "c": ""}},
        {"id": "2", "input": "b: 2\na: 1", "fields": {"b": "2", "a": "1"}},
        {"id": "3", "input": "a: 1\nb: 2", "fields": {"a": "1", "b": "2"}, "system": "Be brief."},
        {"id": "4", "input": "a: 2\nb: 1", "fields": {"a": "2", "b": "1"}},
        {"id": "5", "input": "a: 1\nb: 2"},
    ]
    first, *others = request_contents(pairs(rows))
    assert [other == first for other in others] == [True, False, False, False]


def test_letters_keep_their_case_since_units_differ_by_it():
    first, second = request_contents(pairs([{"id": "1", "input": "5 mW"}, {"id": "2", "input": "5 MW"}]))
    assert first != second


@given(tables, tables)
def test_every_match_is_of_the_same_content_and_used_once(before, after):
    found = shared_requests(before, after)
    contents = [request_contents(table) for table in (before, after)]
    assert [contents[0][at] for at in found.before] == [contents[1][at] for at in found.after]
    assert len(set(found.before)) == len(found.before) == len(set(found.after)) == len(found.after)
    in_both = sum(min(contents[0].count(one), contents[1].count(one)) for one in set(contents[0]))
    assert len(found.before) == in_both
    assert (found.only_before, found.only_after) == (len(before) - in_both, len(after) - in_both)


@given(tables, tables)
def test_the_other_order_of_the_runs_gives_the_same_matches(before, after):
    there, back = shared_requests(before, after), shared_requests(after, before)
    if before["input"].is_unique().all():  # of rows with one content, any match is as good
        assert set(zip(there.before, there.after, strict=True)) == set(zip(back.after, back.before, strict=True))
    assert sorted(there.reused) == sorted(back.reused)
    assert (there.only_before, there.only_after) == (back.only_after, back.only_before)


@given(tables, st.randoms())
def test_the_order_of_the_rows_does_not_matter(before, rng):
    order = list(range(len(before)))
    rng.shuffle(order)
    found = shared_requests(before, before[order] if order else before)
    assert found.before == [order[at] for at in found.after]
    assert found.renumbered == 0


def test_requests_are_tied_if_either_run_ties_them():
    first = pairs([{"id": str(at), "input": str(at), "group": group} for at, group in enumerate("aabbc")])
    second = pairs([{"id": str(at), "input": str(at), "group": group} for at, group in enumerate("vwwxy")])
    tied = shared_groups(first, second)
    assert tied is not None
    assert len(set(tied[:4])) == 1
    assert tied[4] != tied[0]
    assert (
        shared_groups(
            first.with_columns(group=pl.lit(None, pl.String)), first.with_columns(group=pl.lit(None, pl.String))
        )
        is None
    )
