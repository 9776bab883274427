"""The join by candidates: what it gives is exact, what it misses is what the bands promise."""

import random

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, curate
from tuneworth.curate.match import candidates as minhash
from tuneworth.curate.match import candidates as module
from tuneworth.curate.match.candidates import (
    CAPS,
    Caps,
    Skew,
    band_keys,
    buckets_of,
    candidate_tiles,
    choose_method,
    expected_recall,
    meetings,
    signatures,
)
from tuneworth.curate.match.join import SimilarPairs, estimated_work, similar_pairs
from tuneworth.curate.match.ngrams import gram_sets

WORDS = ("red", "green", "blue", "black")


def edited(seed, n):
    """Texts of which many differ from an earlier one in a few places, so that similarities lie all along the range."""
    chance = random.Random(seed)
    texts = []
    while len(texts) < n:
        text = chance.choice(texts) if texts and chance.random() < 0.7 else ""
        text = text or " ".join("".join(chance.choices("abcdefghij", k=6)) for _ in range(20))
        for _ in range(chance.randint(0, 4)):
            place = chance.randrange(len(text))
            text = text[:place] + chance.choice("xyz") + text[place + 1 :]
        texts.append(text)
    return texts


def distinct(texts):
    return list(dict.fromkeys(texts))


def components(pairs, n):
    ones = np.ones(len(pairs.left), bool)
    graph = sparse.coo_matrix((ones, (pairs.left, pairs.right)), shape=(n, n))
    return sparse.csgraph.connected_components(graph, directed=False)[0]


def met(keys, ranks, caps=CAPS):
    parts = list(meetings(buckets_of(keys, lambda: ranks, caps=caps), most=3))
    pairs = [(a, b) for left, right in parts for a, b in zip(left.tolist(), right.tolist(), strict=True)]
    assert len(pairs) == len(set(pairs))
    return set(pairs)


def as_set(pairs):
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.shared.tolist(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_candidates_are_exact_pairs_and_almost_all_of_them(threshold):
    texts = edited(1, 600)
    grams = gram_sets(texts)
    found = SimilarPairs.joined(list(candidate_tiles(texts, threshold)))
    exact = as_set(similar_pairs(grams, threshold))
    assert len(found.left) == len(as_set(found))  # each pair once
    assert as_set(found) <= exact
    assert len(as_set(found)) >= 0.999 * len(exact) > 100


def test_the_share_that_is_missed_is_what_the_bands_promise(monkeypatch):
    # Bands of eight rows miss many pairs at 0.7, so that the promise can be measured.
    monkeypatch.setattr(minhash, "bands_of", lambda threshold: (8, 16))
    texts = edited(2, 900)
    grams = gram_sets(texts)
    exact = similar_pairs(grams, 0.6)
    promised = (1 - (1 - exact.similarity**8) ** 16).sum() / len(exact.left)
    found = len(SimilarPairs.joined(list(candidate_tiles(texts, 0.6))).left) / len(exact.left)
    assert 0.3 < promised < 0.95
    assert found == pytest.approx(promised, abs=0.05)


@pytest.mark.parametrize("threshold", [0.5, 0.65, 0.8, 0.95, 1.0])
def test_the_expected_recall_is_high_at_every_threshold(threshold):
    assert 0.999 <= expected_recall(threshold) <= 1


def test_the_same_candidates_come_every_time():
    texts = edited(3, 200)
    one, other = (SimilarPairs.joined(list(candidate_tiles(texts, 0.8))) for _ in range(2))
    assert as_set(one) == as_set(other)
    assert one.left.tolist() == other.left.tolist()


def test_no_text_and_one_text_have_no_candidates():
    for texts in ([], ["alone"]):
        assert not SimilarPairs.joined(list(candidate_tiles(texts, 0.8))).left.size


def test_auto_is_exact_until_the_work_is_too_much(monkeypatch):
    grams = gram_sets(edited(4, 300))
    assert choose_method(lambda: grams, 0.8, setting="auto").name == "exact"
    monkeypatch.setattr(module, "_EXACT_WORK", estimated_work(grams, 0.8) - 1)
    chosen = choose_method(lambda: grams, 0.8, setting="auto")
    assert chosen.name == "candidates"
    assert chosen.expected_recall == pytest.approx(1 - (1 - 0.8**5) ** 25)
    assert choose_method(lambda: grams, 0.8, setting="exact").name == "exact"


def test_the_estimated_work_is_the_meetings_of_grams_in_prefixes():
    # Five equal sets of six grams at 0.5: prefixes of 3 (smaller set) and 4 grams, each gram of the shorter in all five.
    grams = gram_sets(["abcdefghij"] * 5)
    assert estimated_work(grams, 0.5) == 3 * 5 * 5 // 2


@pytest.mark.slow
def test_the_summary_names_the_method_and_its_recall():
    texts = edited(5, 60)
    rows = [{"input": text, "output": f"answer {i} to this one question"} for i, text in enumerate(texts)]
    said = {
        method: curate(rows, settings=CurateSettings(method=method, conflicts="report")).summary
        for method in ("exact", "candidates", "auto")
    }
    assert [s["near_duplicate"]["method"] for s in said.values()] == ["exact", "candidates", "exact"]
    assert said["exact"]["near_duplicate"]["expected_recall"] == 1
    assert 0.999 < said["candidates"]["near_duplicate"]["expected_recall"] < 1
    assert said["candidates"]["outcomes"] == said["exact"]["outcomes"]
    assert all(s["certificate"]["pairs_at_or_above"] == 0 for s in said.values())


def test_texts_of_one_bucket_meet_in_parts():
    keys = np.array([3, 1, 3, 3, 2, 1, 3], np.uint64)
    assert len(list(meetings(buckets_of(keys, lambda: keys), most=3))) > 1
    assert met(keys, keys) == {(1, 5), (0, 2), (0, 3), (0, 6), (2, 3), (2, 6), (3, 6)}


def test_in_a_large_bucket_each_text_meets_the_smallest_keys_only():
    keys = np.array([5, 5, 5, 5, 5, 8, 8], np.uint64)
    ranks = np.array([30, 10, 40, 20, 50, 1, 1], np.uint32)
    caps = Caps(texts=4, hubs=2)
    assert met(keys, ranks, caps) == {(0, 1), (1, 2), (1, 3), (1, 4), (0, 3), (2, 3), (3, 4), (5, 6)}
    buckets = buckets_of(keys, lambda: ranks, caps=caps)
    assert buckets.skew == Skew(largest=5, capped=1)
    assert buckets.meets_all.tolist() == [False, True, False, True, False, True, True]


def test_equal_ranks_are_hubs_together():
    keys, ranks = np.zeros(5, np.uint64), np.array([7, 7, 9, 7, 8], np.uint32)
    expected = {(0, 1), (0, 3), (1, 3), (0, 2), (1, 2), (2, 3), (0, 4), (1, 4), (3, 4)}
    assert met(keys, ranks, Caps(texts=1, hubs=1)) == expected


@given(st.data())
def test_which_texts_meet_does_not_depend_on_their_order(data):
    keys = np.array(data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=40)), np.uint64)
    ranks = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(keys), max_size=len(keys))), np.uint32)
    order = np.array(data.draw(st.permutations(range(len(keys)))))
    caps = Caps(texts=data.draw(st.integers(1, 8)), hubs=data.draw(st.integers(1, 3)))
    moved = {tuple(sorted((int(order[a]), int(order[b])))) for a, b in met(keys[order], ranks[order], caps)}
    assert moved == met(keys, ranks, caps)


def test_templated_texts_are_each_proposed_once_and_connected_despite_the_cap():
    texts = distinct(
        [f"{word} is the colour of item {i} in our long list of things" for word in WORDS for i in range(60)]
    )
    grams, told = gram_sets(texts), []
    found = SimilarPairs.joined(list(candidate_tiles(texts, 0.7, caps=Caps(20, 4), report=told.append)))
    exact = as_set(similar_pairs(grams, 0.7))
    assert len(found.left) == len(as_set(found))
    assert as_set(found) < exact
    assert told[0].capped > 0
    assert told[0].largest > 20
    assert components(found, len(texts)) == components(similar_pairs(grams, 0.7), len(texts))


@pytest.mark.slow
def test_a_signature_depends_on_its_text_alone():
    texts = ["", "a", "abcd", "a b c d e f", "\U0001f600 smile", "x" * 3_000_000, *edited(6, 50), "z" * 4]
    together = signatures(texts)
    assert together.shape == (len(texts), 128)
    for place, text in enumerate(texts):
        assert signatures([text]).tolist() == [together[place].tolist()]
    assert signatures([]).shape == (0, 128)
    assert len(np.unique(together, axis=0)) == len(set(texts))


def test_signatures_agree_as_often_as_the_texts_are_alike():
    texts = distinct(edited(7, 300))
    exact = similar_pairs(gram_sets(texts), 0.5)
    found = signatures(texts)
    share = (found[exact.left] == found[exact.right]).mean(axis=1)
    assert len(share) > 100
    assert abs(share - exact.similarity).mean() < 0.04
    assert (share - exact.similarity).mean() == pytest.approx(0, abs=0.01)


def test_bands_have_keys_of_their_own():
    keys = band_keys(["one and the same text"] * 2, 0.8)
    assert keys.shape == (2, 25)
    assert keys[0].tolist() == keys[1].tolist()
    assert len(set(keys[0].tolist())) == 25
