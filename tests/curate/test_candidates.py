"""The join by candidates: what it gives is exact, what it misses is what the bands promise."""

import random

import numpy as np
import pytest

from tuneworth.curate import CurateSettings, curate
from tuneworth.curate import candidates as module
from tuneworth.curate.candidates import candidate_tiles, choose_method, expected_recall
from tuneworth.curate.grams import gram_sets
from tuneworth.curate.join import AlikePairs, alike_pairs, estimated_work


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


def as_set(pairs):
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.shared.tolist(), strict=True))


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_candidates_are_exact_pairs_and_almost_all_of_them(threshold):
    grams = gram_sets(edited(1, 600))
    found = AlikePairs.joined(list(candidate_tiles(grams, threshold)))
    exact = as_set(alike_pairs(grams, threshold))
    assert len(found.left) == len(as_set(found))  # each pair once
    assert as_set(found) <= exact
    assert len(as_set(found)) >= 0.999 * len(exact) > 100


def test_the_share_that_is_missed_is_what_the_bands_promise(monkeypatch):
    # Bands of eight rows miss many pairs at 0.7, so that the promise can be measured.
    monkeypatch.setattr(module, "_bands", lambda threshold: (8, 16))
    grams = gram_sets(edited(2, 900))
    exact = alike_pairs(grams, 0.6)
    promised = (1 - (1 - exact.similarity**8) ** 16).sum() / len(exact.left)
    found = len(AlikePairs.joined(list(candidate_tiles(grams, 0.6))).left) / len(exact.left)
    assert 0.3 < promised < 0.95
    assert found == pytest.approx(promised, abs=0.05)


@pytest.mark.parametrize("threshold", [0.5, 0.65, 0.8, 0.95, 1.0])
def test_the_expected_recall_is_high_at_every_threshold(threshold):
    assert 0.999 <= expected_recall(threshold) <= 1


def test_the_same_candidates_come_every_time():
    grams = gram_sets(edited(3, 200))
    one, other = (AlikePairs.joined(list(candidate_tiles(grams, 0.8))) for _ in range(2))
    assert as_set(one) == as_set(other)
    assert one.left.tolist() == other.left.tolist()


def test_no_text_and_one_text_have_no_candidates():
    for texts in ([], ["alone"]):
        assert not AlikePairs.joined(list(candidate_tiles(gram_sets(texts), 0.8))).left.size


def test_auto_is_exact_until_the_work_is_too_much(monkeypatch):
    grams = gram_sets(edited(4, 300))
    assert choose_method(grams, 0.8, asked="auto").name == "exact"
    monkeypatch.setattr(module, "_EXACT_WORK", estimated_work(grams, 0.8) - 1)
    chosen = choose_method(grams, 0.8, asked="auto")
    assert chosen.name == "candidates"
    assert chosen.expected_recall == pytest.approx(1 - (1 - 0.8**5) ** 25)
    assert choose_method(grams, 0.8, asked="exact").name == "exact"


def test_the_estimated_work_is_the_meetings_of_grams_in_prefixes():
    # Five equal sets of six grams at 0.5: prefixes of 3 (smaller set) and 4 grams, each gram of the shorter in all five.
    grams = gram_sets(["abcdefghij"] * 5)
    assert estimated_work(grams, 0.5) == 3 * 5 * 5 // 2


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


def test_many_equal_signatures_meet_in_parts(monkeypatch):
    monkeypatch.setattr(module, "_PAIRS", 7)
    parts = list(module._meetings(np.array([3, 1, 3, 3, 2, 1, 3], np.uint64)))
    pairs = {(a, b) for left, right in parts for a, b in zip(left.tolist(), right.tolist(), strict=True)}
    assert pairs == {(1, 5), (0, 2), (0, 3), (0, 6), (2, 3), (2, 6), (3, 6)}
