"""The two-sample test: planted styles are detected, equal styles and mere length are not."""

import numpy as np
import polars as pl
import pytest

from tuneworth.evaluate.scores.references import two_sample

WORDS = "adjustable bipolar charge driver dual fast high low output power quad rail switch timer voltage".split()  # noqa: SIM905


def lines(rng, n=150, most=9):
    return [" ".join(rng.choice(WORDS, rng.integers(4, most))) for _ in range(n)]


def test_a_full_stop_at_the_end_is_detected_and_listed():
    rng = np.random.default_rng(0)
    references, outputs = lines(rng), [f"{text}." for text in lines(rng)]
    found = two_sample(pl.Series(outputs), pl.Series(references))
    assert found.accuracy > 0.95
    assert found.low > 0.85
    assert found.p_value == pytest.approx(1 / 201)
    assert found.telling[0] == "."
    assert (found.n, found.reason) == (150, None)


def test_the_same_style_is_not_distinguished():
    p_values = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        found = two_sample(pl.Series(lines(rng, 100)), pl.Series(lines(rng, 100)), seed=seed)
        p_values.append(found.p_value)
        assert found.low < 0.6
    assert 0.25 < np.mean(p_values) < 0.75
    assert np.mean(np.array(p_values) <= 0.05) <= 0.25


def test_a_difference_in_length_is_not_a_difference_in_style():
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        texts = pl.Series(lines(rng, 200, most=14)), pl.Series(lines(rng, 200, most=7))
        found.append(two_sample(*texts, seed=seed))
    assert np.mean([each.length_accuracy for each in found]) > 0.8
    assert np.mean([each.accuracy_with_length for each in found]) > 0.7
    assert np.mean([each.accuracy for each in found]) < 0.56
    assert sum(each.p_value <= 0.05 for each in found) <= 1


def test_equal_texts_are_a_toss_up():
    texts = pl.Series(lines(np.random.default_rng(1)))
    found = two_sample(texts, texts)
    assert (found.accuracy, found.length_accuracy, found.p_value) == (0.5, 0.5, 1.0)
    assert found.telling == []


def test_groups_are_swapped_whole_so_few_groups_prove_little():
    rng = np.random.default_rng(2)
    groups = np.arange(120) % 5
    marks = np.array([".", "!", "", ";", ","])[groups]  # one habit per family, the same on both sides but for chance
    outputs = [text + mark for text, mark in zip(lines(rng, 120), marks, strict=True)]
    alone = two_sample(pl.Series(outputs), pl.Series(lines(rng, 120)))
    grouped = two_sample(pl.Series(outputs), pl.Series(lines(rng, 120)), groups)
    assert alone.p_value < 0.05
    assert grouped.p_value >= 1 / 32  # of 32 patterns of signs


@pytest.mark.parametrize(
    ("n", "groups", "reason"),
    [
        (1, None, "1 output with a good reference; at least 100 are needed"),
        (99, None, "99 outputs with a good reference; at least 100 are needed"),
        (120, 4, "4 groups; at least 5 are needed"),
    ],
)
def test_too_few_items_give_a_reason_and_no_numbers(n, groups, reason):
    texts = pl.Series(lines(np.random.default_rng(1), n))
    found = two_sample(texts, texts, None if groups is None else np.arange(n) % groups)
    assert found.reason == reason
    assert found.accuracy is found.p_value is found.telling is None


@pytest.mark.slow
def test_the_same_seed_gives_the_same_sample_and_numbers():
    rng = np.random.default_rng(4)
    outputs, references = pl.Series(lines(rng, 600)), pl.Series(lines(rng, 600))
    found = two_sample(outputs, references, seed=7)
    assert found == two_sample(outputs, references, seed=7)
    assert found.n == 500
