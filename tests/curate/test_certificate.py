"""The certificate against a count over all pairs of a held-out row and a train row."""

import random

import numpy as np
import polars as pl
import pytest

from tuneworth.curate import read_frame
from tuneworth.curate.check.facts import text_facts
from tuneworth.curate.read.normal_forms import normalise
from tuneworth.curate.split import Answers, Ties, make_certificate
from tuneworth.curate.split import certificate as module

from .by_words import mirrored
from .measured import corpus_of

WORDS = ["red", "green", "blue", "part", "for", "cars", "and", "boats", "with", "a", "handle", "5V", "6V", "USB", "usb"]


def grams(text):
    return {text[i : i + 5] for i in range(len(text) - 4)} or {text}


def similarity(one, other):
    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b)


def table(seed, n=60):
    chance = random.Random(seed)
    rows = []
    for i in range(n):
        text = chance.choice(rows)["input"] if rows and chance.random() < 0.7 else " ".join(chance.choices(WORDS, k=12))
        text = chance.choice([text, text.upper(), text.replace("5V", "6V"), text.replace("USB", "usb"), text + " x"])
        split = chance.choice(["train", "train", "validation", "test"])
        output = " ".join(chance.choices(WORDS[:4], k=3))
        rows.append({"id": f"r{(i * 37) % n}", "input": text, "output": output, "split": split})
    return read_frame(rows).pairs


def same(rows, one, other):
    """Whether two inputs have the same facts, words among them going by the outputs of all rows with these inputs."""
    if normalise(one) == normalise(other):
        return True
    answers = [
        [row["output"] for row in rows
         if normalise(row["input"]) == normalise(text) and text_facts(row["input"]) == text_facts(text)]
        for text in (one, other)
    ]  # fmt: skip
    return text_facts(one) == text_facts(other) and not mirrored(one, answers[0], other, answers[1])


def certified(kept, threshold, pairs=None):
    """What is said about these rows; `pairs` are all, of which the rows are the last ones."""
    pairs = kept if pairs is None else pairs
    rows = np.arange(len(pairs) - len(kept), len(pairs))
    corpus = corpus_of(pairs)
    none, ties = np.zeros(len(kept), bool), Ties(np.arange(len(kept)), None, 1, "nothing")
    answers = Answers(np.zeros(len(kept), int), none, none, np.zeros(0, int), np.zeros(0, int), 0)
    return make_certificate(corpus, kept, rows, threshold=threshold, ties=ties, answers=answers)


@pytest.mark.parametrize(("seed", "threshold"), [(0, 0.6), (1, 0.8), (2, 1.0)])
def test_pairs_across_the_split_are_counted_as_by_hand(seed, threshold):
    kept = table(seed)
    rows = list(kept.iter_rows(named=True))
    alike = siblings = 0
    near = {}
    train = [row for row in rows if row["split"] == "train"]
    for own in (row for row in rows if row["split"] != "train"):
        text = normalise(own["input"])
        for other in train:
            like = similarity(text, normalise(other["input"]))
            if like >= threshold:
                equal = same(rows, own["input"], other["input"])
                alike, siblings = alike + equal, siblings + (not equal)
            if like >= 0.5:
                near.setdefault(text, []).append((-like, own["id"], other["id"]))
    told, _ = certified(kept, threshold)
    assert (told.pairs_at_or_above, told.siblings_at_or_above) == (alike, siblings)
    expected = sorted(min(found) for found in near.values())[:10]
    assert [(-n.similarity, n.id, n.train_id) for n in told.nearest] == expected


def test_rows_that_were_dropped_before_change_nothing():
    kept = table(9)
    more = pl.concat([table(3).with_columns(id="dropped " + pl.col("id")), kept])
    said, crossing = certified(kept, 0.7, more)
    alone, as_alone = certified(kept, 0.7)
    assert said == alone
    assert (crossing.train - 60).tolist() == as_alone.train.tolist()
    assert (crossing.held - 60).tolist() == as_alone.held.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_each_train_row_of_a_crossing_pair_is_named_with_its_most_similar_held_out_row(seed):
    kept = table(seed)
    rows = list(kept.iter_rows(named=True))
    best = {}
    for place, own in enumerate(rows):
        for other_place, other in enumerate(rows):
            a, b = normalise(own["input"]), normalise(other["input"])
            if (
                own["split"] == "train" != other["split"]
                and same(rows, own["input"], other["input"])
                and similarity(a, b) >= 0.7
            ):
                best.setdefault(place, []).append((-similarity(a, b), other["id"], other_place))
    _, crossing = certified(kept, 0.7)
    assert best
    assert crossing.train.tolist() == sorted(best)
    assert [-like for like in crossing.similarity.tolist()] == [min(best[row])[0] for row in sorted(best)]
    assert all(rows[held]["split"] != "train" for held in crossing.held)


def test_nothing_held_out_has_nothing_near():
    kept = table(1).with_columns(split=pl.lit("train"))
    told, crossing = certified(kept, 0.8)
    assert not len(crossing.train)
    assert told.nearest == []
    assert told.pairs_at_or_above == told.siblings_at_or_above == 0


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0.6, 0.8, 1.0])
@pytest.mark.parametrize("seed", range(8))
def test_too_many_siblings_hide_no_pair_with_the_same_facts(seed, threshold, monkeypatch):
    kept = table(seed)
    every, crossing = certified(kept, threshold)
    monkeypatch.setattr(module, "MOST_PAIRS", 0)
    monkeypatch.setattr(module, "_FEWER", 0)
    fewer, found = certified(kept, threshold)
    assert (every.siblings_counted, fewer.siblings_counted) == (True, False)
    assert fewer.pairs_at_or_above == every.pairs_at_or_above > 0
    assert fewer.siblings_at_or_above <= every.siblings_at_or_above
    assert (found.train.tolist(), found.held.tolist()) == (crossing.train.tolist(), crossing.held.tolist())
