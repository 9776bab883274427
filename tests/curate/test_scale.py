"""What is there for the sake of speed gives the same as what is plain: numbering, sketches, dense tiles, parts."""

import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, curate
from tuneworth.curate.match import join as join_module
from tuneworth.curate.match.join import SimilarPairs, similar_pairs, similar_tiles
from tuneworth.curate.match.ngrams import Numbering, gram_sets, may_share, shared_grams, shared_table

COLOURS = ["red", "blue", "green", "black", "white", "silver", "golden", "wooden", "plastic", "metal", "soft", "small"]


def templated(n, seed=1):
    chance = random.Random(seed)
    return [
        f"product: universal office chair with armrests, model {chance.randrange(10**4)}, colour {chance.choice(COLOURS)}, "
        f"frame {chance.choice(COLOURS)}, {chance.randrange(40, 200)} kg, delivered in a recyclable box within three days"
        for _ in range(n)
    ]


def product(texts):
    """Shared grams of all with all, from a table of which text holds which gram."""
    sets = [{text[i : i + 5] for i in range(len(text) - 4)} or {text} for text in texts]
    place = {gram: i for i, gram in enumerate(sorted(set().union(*sets)))}
    table = np.zeros((len(texts), len(place)), np.float32)
    for row, grams in enumerate(sets):
        table[row, [place[gram] for gram in grams]] = 1
    return (table @ table.T).astype(np.int64)


def reached(texts, threshold):
    shared = product(texts)
    union = shared.diagonal()[:, None] + shared.diagonal() - shared
    i, j = np.nonzero(np.triu(shared * 1000 >= round(threshold * 1000) * union, 1))
    return set(zip(i.tolist(), j.tolist(), strict=True))


def found(pairs):
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**63 - 1) | st.integers(0, 40), max_size=200), st.sampled_from([1, 3, 8]))
def test_numbers_are_equal_exactly_where_the_values_are(values, bits):
    numbering = Numbering(bits)
    values = np.array(values, np.int64)
    numbers = np.concatenate([numbering.number(part) for part in np.array_split(values, 3)])
    assert numbering.size == len(set(values.tolist())) == len(set(numbers.tolist()))
    assert len(set(zip(values.tolist(), numbers.tolist(), strict=True))) == numbering.size
    assert numbers.max(initial=-1) == numbering.size - 1


@pytest.mark.parametrize(
    "threshold", [pytest.param(0.5, marks=pytest.mark.slow), pytest.param(0.6, marks=pytest.mark.slow), 0.7]
)
def test_dense_tiles_of_templated_texts_hold_every_pair(threshold):
    texts = list(dict.fromkeys(templated(1200)))
    pairs = similar_pairs(gram_sets(texts), threshold)
    assert found(pairs) == reached(texts, threshold)
    assert len(pairs.left) * 2 * join_module._DENSE > len(texts) ** 2 > join_module._LARGE  # so the tile was dense
    assert (pairs.shared == product(texts)[pairs.left, pairs.right]).all()


@pytest.mark.slow
@pytest.mark.parametrize("rows", [3, 64, 2048])
def test_the_size_of_the_tiles_changes_nothing(rows, monkeypatch):
    texts = [text[: random.Random(i).randint(0, 150)] for i, text in enumerate(templated(300, seed=2))]
    expected = reached(texts, 0.7)
    monkeypatch.setattr(join_module, "_ROWS", rows)
    monkeypatch.setattr(join_module, "_COLUMNS", rows * 2)
    monkeypatch.setattr(join_module, "_SPANS", 10**6)
    monkeypatch.setattr(join_module, "_LARGE", rows)
    assert found(similar_pairs(gram_sets(texts), 0.7)) == expected
    assert expected


def test_every_way_to_count_shared_grams_gives_the_same():
    texts = [*templated(150), "", "a", "abc", "word " * 400, *(chr(0x4E00 + i) * 9 for i in range(20))]
    grams, expected = gram_sets(texts), product(texts)
    left, right = (part.ravel() for part in np.indices(expected.shape))
    every = np.arange(len(texts))
    assert (shared_table(grams, every, every) == expected).all()
    assert (shared_grams(grams, left, right) == expected.ravel()).all()  # many pairs: by tables
    assert (shared_grams(grams, left[:900], right[:900]) == expected.ravel()[:900]).all()  # few: pair by pair


def test_sketches_let_no_pair_go_that_shares_enough_and_most_others():
    texts = templated(200)
    grams, shared = gram_sets(texts), product(texts)
    left, right = (part.ravel() for part in np.indices(shared.shape))
    counted = shared.ravel()
    assert may_share(grams, left, right, counted).all()
    assert may_share(grams, left, right, counted + 40).mean() < 0.2


@pytest.mark.parametrize("first", [0x21, 0x4E00])
def test_many_characters_and_few_give_the_same_grams(first):
    # 6,000 distinct characters are numbered in steps; the same texts in a small alphabet are packed at once.
    chance = random.Random(3)
    alphabet = [chr(first + i) for i in range(90)]
    texts = ["".join(chance.choices(alphabet, k=chance.randint(0, 40))) for _ in range(150)]
    texts += [text[:20] + text[21:] for text in texts[:60]]
    rest = "".join(chr(0x5000 + i) for i in range(6000))
    small, large = similar_pairs(gram_sets(texts), 0.5), similar_pairs(gram_sets([*texts, rest]), 0.5)
    assert found(small) == found(large) == reached(texts, 0.5)
    assert (small.shared == large.shared).all()


@pytest.mark.slow
def test_a_text_of_a_million_characters_is_joined_with_its_like():
    chance = random.Random(4)
    long = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz     ", k=1_000_000))
    texts = ["short one", long, long[:-900] + "x" * 900, "short one too"]
    pairs = similar_pairs(gram_sets(texts), 0.9)
    assert found(pairs) == {(1, 2)}
    sets = [{text[i : i + 5] for i in range(len(text) - 4)} for text in texts[1:3]]
    assert pairs.shared.tolist() == [len(sets[0] & sets[1])]


def test_tiles_among_some_positions_are_the_pairs_of_these():
    texts = templated(120)
    grams, among = gram_sets(texts), np.arange(0, 120, 2)
    some = SimilarPairs.joined(list(similar_tiles(grams, 0.7, among=among)))
    assert found(some) == {(a, b) for a, b in found(similar_pairs(grams, 0.7)) if a % 2 == b % 2 == 0}
    assert found(some)


@pytest.mark.slow
def test_thousands_of_answers_to_one_question_take_no_more_than_their_comparison():
    chance = random.Random(5)
    rows = [
        {"input": "Write one line", "output": " ".join(chance.choices(COLOURS, k=9)) + f" {i}"} for i in range(1500)
    ]
    tracemalloc.start()
    done = curate(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert done.summary["relations"]["alternatives"] + done.summary["relations"]["conflicts"] == 1500 * 1499 // 2
    assert peak < 600e6


@pytest.mark.slow
def test_templated_rows_are_siblings_and_stay():
    rows = [{"input": text, "output": f"answer {i}"} for i, text in enumerate(dict.fromkeys(templated(1500)))]
    done = curate(rows, settings=CurateSettings(near_duplicate=0.7))
    assert done.summary["outcomes"]["kept"] == len(rows)
    assert done.summary["relations"]["siblings"] == done.summary["near_duplicate"]["pairs"] > 10_000
    assert done.summary["certificate"]["siblings_tied_from"] > 0.7
