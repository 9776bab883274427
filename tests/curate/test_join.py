"""The exact joins against exhaustive search in plain Python."""

import json
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate.match.join import shared_grams, similar_pairs, similar_pairs_between
from tuneworth.curate.match.ngrams import gram_sets
from tuneworth.examples import example_path


def grams(text):
    return {text[i : i + 5] for i in range(len(text) - 4)} or {text}


def exhaustive(texts, threshold):
    sets = [grams(text) for text in texts]
    share, of = Fraction(str(threshold)).as_integer_ratio()
    return {
        (i, j)
        for i, a in enumerate(sets)
        for j, b in enumerate(sets[i + 1 :], start=i + 1)
        if (shared := len(a & b)) * of >= share * (len(a) + len(b) - shared)
    }


def found(texts, threshold):
    pairs = similar_pairs(gram_sets(texts), threshold)
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


def edited(seed, n):
    chance = random.Random(seed)
    texts = ["".join(chance.choices("ab cdé", k=chance.randint(0, 60))) for _ in range(n // 3)]
    while len(texts) < n:
        text = chance.choice(texts)
        place = chance.randint(0, len(text))
        texts.append(text[:place] + chance.choice("xyz") + text[place + chance.randint(0, 2) :])
    return texts


@pytest.mark.parametrize("threshold", [0.5, 0.65, 0.8, 0.9, 1.0])
def test_the_join_finds_exactly_the_pairs_of_exhaustive_search(threshold):
    texts = edited(int(threshold * 100), 150)
    assert found(texts, threshold) == exhaustive(texts, threshold)


def test_a_pair_exactly_at_the_threshold_is_similar_and_one_below_it_is_not():
    texts = ["abcdefgh", "abcdefghi", "abcdefghij"]  # 4, 5 and 6 grams of five characters, the shorter in the longer
    assert found(texts, 0.8) == {(0, 1), (1, 2)}  # 4 of 5, 5 of 6; 4 of 6 is less
    assert found(texts, 0.81) == {(1, 2)}
    pairs = similar_pairs(gram_sets(texts), 0.5).in_order()
    assert pairs.at_least(0.8).tolist() == [True, False, True]


@given(st.lists(st.text(alphabet="ab日 ", max_size=14), max_size=14), st.sampled_from([0.5, 0.75, 0.8, 1.0]))
def test_the_join_is_exact_on_short_texts_too(texts, threshold):
    assert found(texts, threshold) == exhaustive(texts, threshold)


PIECES = ["", "a", "ab", "hello", "hello world", "日本語の文", "\U0001f600\U0001f601", "e\u0301", "\x00", "x" * 40]


@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), max_size=60), st.integers(50, 100))
def test_the_join_is_exact_on_copies_short_texts_and_any_characters(texts, percent):
    assert found(texts, percent / 100) == exhaustive(texts, percent / 100)


@pytest.mark.parametrize(("n", "threshold"), [(1, 0.5), (400, 0.55), (400, 0.77), (400, 0.8333), (400, 0.99)])
def test_the_join_is_exact_at_any_size_and_threshold(n, threshold):
    texts = edited(n, n + 2)
    assert found(texts, threshold) == exhaustive(texts, threshold)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.7, 0.8, 0.95])
def test_the_join_is_exact_on_real_inputs(threshold):
    lines = (example_path("components") / "pairs.jsonl").read_text().splitlines()[:2400:8]
    texts = [json.dumps(json.loads(line)["input"]) for line in lines]
    assert found(texts, threshold) == exhaustive(texts, threshold)
    assert threshold > 0.9 or found(texts, threshold)


def test_the_join_between_two_tables_finds_what_exhaustive_search_finds():
    texts = edited(5, 120)
    left, right = np.arange(0, 120, 3), np.arange(1, 120, 3)
    pairs = similar_pairs_between(gram_sets(texts), left, right, 0.7)
    expected = {(min(p), max(p)) for p in exhaustive(texts, 0.7)}
    across = {(a, b) for a in left.tolist() for b in right.tolist() if (min(a, b), max(a, b)) in expected}
    assert set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == across
    assert across


def test_similarity_is_the_quotient_of_whole_numbers():
    pairs = similar_pairs(gram_sets(["abcdefghij", "abcdefghik"]), 0.5)
    assert (pairs.shared.tolist(), pairs.union.tolist()) == ([5], [7])


def test_a_similarity_on_the_threshold_counts_as_alike():
    # 4 of 5 grams shared: 0.8 is reached, though 0.8 as a float is above four fifths.
    assert found(["abcdefgh", "abcdefghi"], 0.8) == {(0, 1)}


def test_grams_of_many_scripts_do_not_collide():
    texts = ["".join(map(chr, range(start, start + 40))) for start in range(0x4E00, 0x9000, 29)]
    assert found(texts, 0.5) == set()
    assert len(set(gram_sets(texts).sizes.tolist())) == 1


def test_counts_are_exact_where_texts_share_more_than_a_byte_can_count():
    texts = ["".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(9000))] * 2
    sets = gram_sets([texts[0], texts[1] + "x"])
    assert shared_grams(sets, np.array([0]), np.array([1])).tolist() == [8996]


def test_no_text_and_one_text_have_no_pairs():
    assert found([], 0.8) == found(["one"], 0.8) == set()
