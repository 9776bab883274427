"""Candidates by segments: no pair that is alike is left out, and each comes once."""

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate.match import join, join_between, partenum, sketches
from tuneworth.curate.match.join import SimilarPairs, similar_pairs, similar_pairs_between
from tuneworth.curate.match.join_between import similar_texts_between, verified_texts
from tuneworth.curate.match.ngrams import gram_sets
from tuneworth.curate.match.partenum import expected_candidates, segment_pairs, segment_seconds
from tuneworth.curate.match.sketches import may_be_similar, near_texts, signed_grams, signed_texts

THRESHOLDS = [0.5, 0.65, 0.8, 0.9, 0.97, 1.0]
PIECES = ["", "a", "ab", "hello ", "world", "日本語の文", "\U0001f600", "ha", "x" * 40, " and so on"]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), max_size=30, unique=True)


def edited(seed, n, least=0, most=90):
    """Texts of which two thirds are near copies of others."""
    chance = np.random.default_rng(seed)
    letters = list("abcdefgh é")
    texts = ["".join(chance.choice(letters, chance.integers(least, most))) for _ in range(max(1, n // 3))]
    while len(texts) < n:
        text = texts[chance.integers(len(texts))]
        place = chance.integers(len(text) + 1)
        texts.append(text[:place] + chance.choice(list("xyz")) + text[place + chance.integers(3) :])
    return list(dict.fromkeys(texts))


def grams(text):
    return {text[i : i + 5] for i in range(len(text) - 4)} or {text}


def alike(left, right, threshold):
    """Exhaustive, in plain Python."""
    share, of = Fraction(str(threshold)).as_integer_ratio()
    sets, others = [grams(text) for text in left], [grams(text) for text in right]
    return {
        (i, j)
        for i, a in enumerate(sets)
        for j, b in enumerate(others)
        if (shared := len(a & b)) * of >= share * (len(a) + len(b) - shared)
    }


def proposed(left, right, threshold, *, within=False):
    """Pairs of places in the texts that `segment_pairs` gives, each once."""
    some = signed_texts(pl.Series(left, dtype=pl.String))
    others = some if within else signed_texts(pl.Series(right, dtype=pl.String))
    pairs = [
        (int(some.order[a]), int(others.order[b]))
        for i, j in segment_pairs(some, others, Fraction(str(threshold)), within=within)
        for a, b in zip(i, j, strict=True)
    ]
    assert len(pairs) == len(set(pairs))
    return set(pairs)


@given(TEXTS, TEXTS, st.sampled_from(THRESHOLDS))
def test_no_pair_that_is_alike_is_left_out(left, right, threshold):
    assert proposed(left, right, threshold) >= alike(left, right, threshold)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_no_pair_of_one_side_is_left_out_and_each_comes_once(threshold):
    texts = edited(int(100 * threshold), 400)
    found = {tuple(sorted(pair)) for pair in proposed(texts, texts, threshold, within=True)}
    assert all(i < j for i, j in found)
    assert len(found) == len(proposed(texts, texts, threshold, within=True))
    assert found >= {(i, j) for i, j in alike(texts, texts, threshold) if i < j}


@pytest.mark.slow
def test_few_pairs_come_that_are_not_alike():
    texts = edited(1, 450, least=60)
    truth = {(i, j) for i, j in alike(texts, texts, 0.8) if i < j}
    found = {tuple(sorted(pair)) for pair in proposed(texts, texts, 0.8, within=True)}
    assert len(truth) > 150
    assert len(found) < len(truth) * 1.2


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.95])
def test_small_slices_and_filters_change_nothing(monkeypatch, threshold):
    left, right = edited(2, 150), edited(2, 300)
    expected = proposed(left, right, threshold)
    for name, small in (("_GRAMS", 300), ("_SLICES", 2), ("_HITS", 40), ("_PAIRS", 50), ("_MOST_SLOTS", 1 << 12)):
        monkeypatch.setattr(partenum, name, small)
    assert proposed(left, right, threshold) == expected
    assert expected >= alike(left, right, threshold)


def test_hashes_that_collide_leave_no_pair_out(monkeypatch):
    """With 64 hashes for all grams sets look more alike than they are: too many pairs come, none is lost."""
    texts = edited(3, 200)
    monkeypatch.setattr(sketches, "HASH_BITS", 6)
    found = {tuple(sorted(pair)) for pair in proposed(texts, texts, 0.8, within=True)}
    assert found >= {(i, j) for i, j in alike(texts, texts, 0.8) if i < j}
    sets = signed_grams(gram_sets(texts), np.arange(len(texts)))
    by_grams = {
        tuple(sorted((int(sets.order[a]), int(sets.order[b]))))
        for i, j in segment_pairs(sets, sets, Fraction(4, 5), within=True)
        for a, b in zip(i, j, strict=True)
    }
    assert by_grams >= {(i, j) for i, j in alike(texts, texts, 0.8) if i < j}


@given(TEXTS)
def test_signed_sets_are_bounded_by_the_grams_of_their_texts(texts):
    sets = signed_texts(pl.Series(texts, dtype=pl.String))
    exact = [len(grams(texts[place])) for place in sets.order]
    assert sorted(sets.order.tolist()) == list(range(len(texts)))
    assert (np.diff(sets.most) >= 0).all()
    for size, counted, most in zip(exact, sets.sizes.tolist(), sets.most.tolist(), strict=True):
        assert counted <= size <= most <= counted * 21 // 20 + (counted < size) * size
    assert sets.order[sets.places].tolist() == list(range(len(texts)))


def test_a_text_has_the_same_hashes_beside_any_others():
    texts = ["", "abc", "one text among others", "ha" * 300, "日本語の文は短い"]
    together = signed_texts(pl.Series(texts))
    for place, text in enumerate(texts):
        at = int(together.places[place])
        alone = signed_texts(pl.Series([text]))
        assert together.hashes[together.bounds[at] : together.bounds[at + 1]].tolist() == alone.hashes.tolist()
        assert together.sketches[at].tolist() == alone.sketches[0].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_sketches_rule_out_no_pair_that_is_alike(threshold):
    texts = edited(4, 250)
    a, b = (side.ravel() for side in np.triu_indices(len(texts), 1))
    near = near_texts(pl.Series(texts), a, b, Fraction(str(threshold)))
    assert set(zip(*(side.tolist() for side in near), strict=True)) >= {
        (i, j) for i, j in alike(texts, texts, threshold) if i < j
    }


def test_sketches_rule_most_pairs_out():
    sets = signed_texts(pl.Series(edited(5, 300, least=60)))
    i, j = np.triu_indices(len(sets), 1)
    assert len(may_be_similar(sets, sets, i, j, Fraction(4, 5))[0]) < 0.02 * len(i)


@pytest.mark.parametrize("way", ["numbered", "segments", pytest.param("blocks", marks=pytest.mark.slow)])
@pytest.mark.parametrize("threshold", [0.55, 0.8])
def test_two_sides_of_texts_are_joined_exactly_whatever_the_way(monkeypatch, way, threshold):
    left, right = (edited(6, 300), edited(6, 120)) if way != "blocks" else (edited(6, 60), edited(6, 40))
    if way != "numbered":
        monkeypatch.setattr(join_between, "_SMALL", 0)
        monkeypatch.setattr(join_between, "_SECONDS_PER_CHARACTER", 1.0)  # segments always pay
    if way == "blocks":
        for name, small in (("_FEW", 900), ("_MANY", 2_000), ("_ENTRIES", 7), ("_NUMBERED", 500), ("_PAIRS", 10)):
            monkeypatch.setattr(join_between, name, small)
    found = SimilarPairs.joined(list(similar_texts_between(pl.Series(left), pl.Series(right), threshold)))
    pairs = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == alike(left, right, threshold)
    for i, j, shared, union in zip(found.left, found.right, found.shared, found.union, strict=True):
        assert shared == len(grams(left[i]) & grams(right[j]))
        assert union == len(grams(left[i]) | grams(right[j]))


def test_texts_with_much_in_common_go_by_prefixes(monkeypatch):
    """Where nearly all pairs would be candidates of segments, they are not chosen, and the answer is the same."""
    texts = [f"the same long sentence about one product and another, number {i:05d}, in stock" for i in range(400)]
    called = []
    original = join_between._numbered
    monkeypatch.setattr(join_between, "_SMALL", 0)
    monkeypatch.setattr(join_between, "_numbered", lambda *sides: called.append(1) or original(*sides))
    left, right = texts[::2], texts[1::2]
    found = SimilarPairs.joined(list(similar_texts_between(pl.Series(left), pl.Series(right), 0.9)))
    assert called
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == alike(left, right, 0.9)


def test_an_empty_side_has_no_pairs():
    none, some = pl.Series([], dtype=pl.String), pl.Series(["a text", "another"])
    for left, right in ((none, some), (some, none), (none, none)):
        assert not list(similar_texts_between(left, right, 0.8))
        assert proposed(left.to_list(), right.to_list(), 0.8) == set()
        assert expected_candidates(signed_texts(left), signed_texts(right), Fraction(4, 5)) == 0
    assert not list(verified_texts(some, np.zeros(0, np.int64), np.zeros(0, np.int64), Fraction(4, 5)))


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95, 1.0])
def test_the_join_by_segments_is_that_by_prefixes(monkeypatch, threshold):
    texts = edited(7, 500)
    sets = gram_sets(texts)
    left, right = np.arange(0, len(texts), 3), np.arange(1, len(texts), 2)
    answers = []
    for short in (1e9, -1.0):  # never by segments, always
        monkeypatch.setattr(join, "_SHORT", short)
        monkeypatch.setattr(join, "_SECONDS_PER_MEETING", 1.0)
        pairs = [
            similar_pairs(sets, threshold),
            similar_pairs_between(sets, left, right, threshold),
            similar_pairs_between(sets, right, left, threshold),
        ]
        answers.append([[c.tolist() for c in (p.left, p.right, p.shared, p.union)] for p in pairs])
    assert answers[0] == answers[1]
    assert len(answers[0][0][0]) >= 1 if threshold < 1 else True


@pytest.mark.slow
def test_the_expected_candidates_are_about_those_that_come(monkeypatch):
    left, right = edited(8, 1_500, least=30, most=60), edited(9, 3_000, least=30, most=60)
    some, others = (signed_texts(pl.Series(texts)) for texts in (left, right))
    t = Fraction(3, 5)
    met = []
    original = partenum.may_be_similar
    monkeypatch.setattr(partenum, "may_be_similar", lambda *a: met.append(len(a[2])) or original(*a))
    list(segment_pairs(some, others, t))
    expected = expected_candidates(some, others, t)
    assert expected / 4 < sum(met) < 4 * expected
    assert segment_seconds(some, others, t) == segment_seconds(some, others, t) > 0
