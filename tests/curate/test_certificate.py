"""The certificate against a count over all pairs of a held-out row and a train row."""

import random

import polars as pl
import pytest

from tuneworth.curate import read_frame
from tuneworth.curate.certificate import certify
from tuneworth.curate.facts import text_facts
from tuneworth.curate.grams import gram_sets
from tuneworth.curate.normalise import distinct_texts, normalise

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


def certified(kept, threshold):
    inputs, outputs = ([normalise(text) for text in kept[name]] for name in ("input", "output"))
    return certify(kept, inputs, outputs, threshold=threshold, identifiers=[], siblings_tied_from=None)


@pytest.mark.parametrize("threshold", [0.6, 0.8, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_pairs_across_the_split_are_counted_as_by_hand(seed, threshold):
    kept = table(seed)
    rows = list(kept.iter_rows(named=True))
    same = siblings = 0
    near, outputs = {}, set()
    train = [row for row in rows if row["split"] == "train"]
    for own in (row for row in rows if row["split"] != "train"):
        text = normalise(own["input"])
        for other in train:
            like = similarity(text, normalise(other["input"]))
            if like >= threshold:
                equal = text == normalise(other["input"]) or text_facts(own["input"]) == text_facts(other["input"])
                same, siblings = same + equal, siblings + (not equal)
            if like >= 0.5:
                near.setdefault(text, []).append((-like, own["id"], other["id"]))
            if similarity(normalise(own["output"]), normalise(other["output"])) >= threshold:
                outputs.add(own["id"])
    told = certified(kept, threshold)
    assert (told["pairs_at_or_above"], told["siblings_at_or_above"]) == (same, siblings)
    assert told["outputs_alike"] == len(outputs)
    expected = sorted(min(found) for found in near.values())[:10]
    assert [(-n["similarity"], n["id"], n["train_id"]) for n in told["nearest"]] == expected


def test_grams_that_are_known_already_change_nothing():
    kept = table(9)
    texts = [normalise(text) for text in kept["input"]]
    more = ["a text that was dropped before", *texts]  # numbers of texts that are not kept are left over
    numbers, distinct = distinct_texts(more)
    sets = (pl.Series(numbers[1:]).to_numpy(), gram_sets(distinct))
    outputs = [normalise(text) for text in kept["output"]]
    options = {"threshold": 0.7, "identifiers": [], "siblings_tied_from": 0.8}
    assert certify(kept, texts, outputs, sets=sets, **options) == certify(kept, texts, outputs, **options)


def test_nothing_held_out_has_nothing_near():
    kept = table(1).with_columns(split=pl.lit("train"))
    told = certified(kept, 0.8)
    assert told["nearest"] == []
    assert told["pairs_at_or_above"] == told["siblings_at_or_above"] == told["outputs_alike"] == 0
