"""The whole table of relations, the stars and the ties against a second implementation that compares all with all."""

import itertools
import json
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import CurateSettings, read_pairs
from tuneworth.curate.match import items as outputs
from tuneworth.curate.match import relations as forest
from tuneworth.curate.match import relations as module
from tuneworth.curate.match.duplicates import rank_rows, settle
from tuneworth.curate.match.join import SimilarPairs
from tuneworth.curate.match.relations import SiblingForest, relate
from tuneworth.curate.read.normal_forms import comparable
from tuneworth.curate.split.ties import tie_rows
from tuneworth.examples import example_path

from .by_table import as_rows, by_hand, related, rows_of, sentence, similarity, table
from .measured import check_rows, corpus_of


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(1, 45), st.sampled_from([0.5, 0.75, 0.8, 0.95, 1.0]), st.booleans())
def test_every_pair_of_rows_is_what_comparing_all_with_all_says(seed, n, threshold, fields):
    pairs = table(rows_of(seed, n, fields))
    relations = related(pairs, threshold)
    expected = by_hand(pairs, threshold)
    assert as_rows(relations) == expected
    assert relations.similar == sum(map(len, expected.values()))


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.9])
def test_every_pair_of_real_rows_is_what_comparing_all_with_all_says(threshold):
    # Neighbours in the file are of one family: many siblings, conflicts and alternatives.
    pairs = read_pairs(example_path("components") / "pairs.jsonl").pairs[600:850]
    expected = by_hand(pairs, threshold)
    assert as_rows(related(pairs, threshold)) == expected
    assert expected["sibling"]


@pytest.mark.slow
@pytest.mark.parametrize("conflicts", ["quarantine", "report", "keep best"])
@pytest.mark.parametrize("seed", range(6))
def test_stars_are_those_of_the_greedy_rule(seed, conflicts):
    pairs = table(rows_of(seed, 60))
    relations = related(pairs)
    chosen = CurateSettings(conflicts=conflicts)
    texts = [(comparable(a), comparable(b)) for a, b in pairs.select("input", "output").rows()]
    corpus = corpus_of(pairs)
    rank = rank_rows(corpus, check_rows(pairs, None), keep="longest")
    outcomes = settle(corpus, relations, rank, settings=chosen)
    by_row = as_rows(relations)
    assert outcomes.outcome.tolist() == greedy(by_row, rank.tolist(), conflicts)
    for row in np.flatnonzero(outcomes.outcome == "duplicate").tolist():
        stars = [r for r in np.flatnonzero(outcomes.kept) if tuple(sorted((row, r))) in by_row["duplicate"]]
        best = max(min(similarity(x, y) for x, y in zip(texts[row], texts[r], strict=True)) for r in stars)
        assert outcomes.other[row] in stars
        assert outcomes.similarity[row] == pytest.approx(best)


def greedy(found, rank, conflicts):
    """By rank: a row stays unless it repeats one that stays; conflicts by their option."""
    against = {frozenset(p) for p in found["conflict"]}
    repeats = {frozenset(p) for p in found["duplicate"]}
    quarantined = {row for pair in against for row in pair} if conflicts == "quarantine" else set()
    decisive = repeats | against if conflicts == "keep best" else repeats
    stays = []
    for row in sorted(set(range(len(rank))) - quarantined, key=rank.__getitem__):
        if not any(frozenset((row, other)) in decisive for other in stays):
            stays.append(row)
    outcome = ["kept" if row in stays else "conflict" for row in range(len(rank))]
    for row in set(range(len(rank))) - quarantined - set(stays):
        if any(frozenset((row, other)) in repeats for other in stays):
            outcome[row] = "duplicate"
    return outcome


@pytest.mark.slow
@pytest.mark.parametrize("tie_siblings", [True, False, "auto"])
@pytest.mark.parametrize("seed", range(8))
def test_ties_are_the_components_of_a_search_by_hand(seed, tie_siblings):
    pairs = table(rows_of(seed, 70))
    relations = related(pairs, 0.7)
    chosen = CurateSettings(near_duplicate=0.7, tie_siblings=tie_siblings, tie_outputs=False)
    none = np.full(len(pairs), -1)
    ties = tie_rows(corpus_of(pairs), np.arange(len(pairs)), none, relations, settings=chosen)
    found, texts = by_hand(pairs, 0.7), [comparable(text) for text in pairs["input"]]
    firm = found["duplicate"] | found["conflict"] | found["alternative"]
    steps = {True: [0.7], False: [1.01], "auto": [0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0]}[tie_siblings]
    limit = max(len(pairs) / 5, max(map(len, components(len(pairs), firm))))
    for start in steps:
        tied = {p for p in found["sibling"] if similarity(texts[p[0]], texts[p[1]]) >= start}
        expected = components(len(pairs), firm | tied)
        if len(steps) == 1 or max(map(len, expected)) <= limit:
            break
    assert {frozenset(np.flatnonzero(ties.component == c).tolist()) for c in set(ties.component.tolist())} == expected
    assert ties.siblings_tied_from == (start if tie_siblings else None)


def components(n, pairs):
    part = list(range(n))
    for a, b in pairs:
        low, high = sorted((part[a], part[b]))
        part = [low if p == high else p for p in part]
    return {frozenset(i for i in range(n) if part[i] == p) for p in set(part)}


@pytest.mark.parametrize("seed", range(5))
def test_a_forest_connects_at_every_similarity_what_all_pairs_connect(seed, monkeypatch):
    monkeypatch.setattr(forest, "_WAITING", 40)  # so that it grows several times
    chance = np.random.default_rng(seed)
    left, right = chance.integers(0, 60, 900), chance.integers(0, 60, 900)
    keys = np.unique((np.minimum(left, right) * 60 + np.maximum(left, right))[left != right])
    left, right = keys // 60, keys % 60
    shared = chance.integers(80, 101, len(left))
    pairs = SimilarPairs(left, right, shared, np.full(len(left), 100))
    grown = SiblingForest(60, 0.8)
    for part in np.array_split(np.arange(len(left)), 7):
        grown.add(pairs.take(part))
    thin = grown.pairs()
    assert len(thin.left) < 60
    for at in range(80, 101):
        kept, every = thin.take(thin.shared >= at), pairs.take(shared >= at)
        as_sets = [set(zip(p.left.tolist(), p.right.tolist(), strict=True)) for p in (kept, every)]
        assert components(60, as_sets[0]) == components(60, as_sets[1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_more_siblings_than_are_listed_tie_the_same_rows(seed, monkeypatch):
    chance = random.Random(seed)
    templated = [
        f"the chair number {i} is {chance.choice('abc') * 9} in {chance.choice('xyz') * 12}" for i in range(60)
    ]
    rows = [{"input": text, "output": sentence(chance, 9)} for text in templated]
    pairs = table([*rows, *({**row, "output": sentence(chance, 2)} for row in rows[::9]), *rows_of(seed, 30)])
    every = related(pairs, 0.6)
    monkeypatch.setattr(module, "LISTED", 5)
    thinned = related(pairs, 0.6)
    assert len(thinned.siblings.left) < len(every.siblings.left) / 2
    assert thinned.sibling_pairs == every.sibling_pairs
    corpus = corpus_of(pairs)
    rank = rank_rows(corpus, check_rows(pairs, None), keep="first")
    kept = np.flatnonzero(settle(corpus, every, rank, settings=CurateSettings()).kept)
    for tie_siblings in (True, "auto"):
        chosen = CurateSettings(near_duplicate=0.6, tie_siblings=tie_siblings)
        none = np.full(len(pairs), -1)
        ties = [tie_rows(corpus, kept, none, r, settings=chosen) for r in (every, thinned)]
        assert ties[0].siblings_tied_from == ties[1].siblings_tied_from
        same = [t.component[:, None] == t.component for t in ties]
        assert (same[0] == same[1]).all()


@pytest.mark.slow
def test_more_pairs_than_can_be_held_are_an_error_that_names_the_way_out(monkeypatch):
    rows = [{"input": f"a birthday card for our colleague called {chr(97 + i) * 4}", "output": "x"} for i in range(20)]
    monkeypatch.setattr(outputs, "MOST", 100)
    with pytest.raises(
        DataError, match=r"more than 100 pairs of similar inputs(.|\n)*as fields(.|\n)*near_duplicate from 0.6"
    ):
        related(table(rows), 0.6)
    fields = [
        {"input": {"task": "a birthday card for our colleague called", "name": chr(97 + i) * 4}, "output": "x"}
        for i in range(20)
    ]
    assert related(table(fields), 0.6).sibling_pairs == 190
    one = [{"input": "one question", "output": f"label {i}"} for i in range(20)]
    with pytest.raises(DataError, match="more than 100 pairs of outputs"):
        related(table(one))


def test_facts_of_one_text_written_in_two_ways_are_the_same():
    one = "a cable for the USB port of the old machine in the cellar"
    rows = [{"input": one, "output": "1"}, {"input": one.lower(), "output": "2"}, {"input": one + "!", "output": "3"}]
    found = as_rows(related(pl.DataFrame(table(rows)), 0.8))
    assert found["sibling"] == {(1, 2)}  # "usb" is no fact, "USB" is one; equal texts are the same all the same
    assert found["conflict"] == {(0, 1), (0, 2)}


def test_an_empty_table_has_no_relations():
    relations = related(table([{"input": "a", "output": "b"}])[:0])
    assert relations.similar == relations.alternatives == relations.sibling_pairs == len(relations.same.left) == 0


def test_fields_without_their_identifiers_are_compared_by_value():
    rows = [{"input": {"sku": sku, "name": "a chair of wood", "legs": 4}, "output": "out"} for sku in ("A1", "B2")]
    pairs = table(rows)
    corpus = corpus_of(pairs, ["sku"])
    assert corpus.inputs(np.arange(2)) == ["legs: 4 name: a chair of wood"] * 2
    relations = relate(corpus, threshold=0.8, rank=np.arange(2))
    assert json.loads(pairs["fields"][0])["sku"] == "A1"
    assert relations.item.tolist() == [0, 0]


@pytest.mark.slow
def test_of_components_of_one_size_the_one_with_the_smallest_id_is_described():
    rows = [
        {"id": "b", "input": "one thing to ask for", "output": "x", "group": "g"},
        {"id": "d", "input": "quite another question", "output": "y", "group": "g"},
        {"id": "a", "input": "how long is a piece of string?", "output": "z"},
        {"id": "c", "input": "how long is a piece of strings?", "output": "w"},
    ]
    for order in itertools.permutations(range(4)):
        pairs = table([rows[place] for place in order])
        relations = related(pairs)
        groups = np.where(pairs["group"].is_null().to_numpy(), -1, 0)
        ties = tie_rows(corpus_of(pairs), np.arange(4), groups, relations, settings=CurateSettings())
        assert (ties.largest, ties.joined_by) == (2, "1 similar input with the same facts")
