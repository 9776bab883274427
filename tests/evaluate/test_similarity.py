"""chrF against sacrebleu, ratio against rapidfuzz, means and their intervals against scipy and statsmodels."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz
from sacrebleu.metrics import CHRF  # type: ignore[import-untyped]
from scipy.stats import sem, t

from tuneworth.evaluate.results import Spread
from tuneworth.evaluate.scores.references import item_similarity, lengths_of, similarities
from tuneworth.evaluate.statistics.intervals import mean_interval
from tuneworth.style import chrf, ratio
from tuneworth.style import similarity as module

TEXTS = st.one_of(
    st.text(alphabet="ab", max_size=30),
    st.text(alphabet="aé\u0301漢🙂 \n\u2003\x1cA.", max_size=30),
    st.text(max_size=30),
)
SIDES = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(SIDES)
def test_chrf_equals_sacrebleus(pairs):
    outputs, references = zip(*pairs, strict=True)
    wanted = [CHRF().sentence_score(a, [b]).score / 100 for a, b in pairs]
    assert chrf(outputs, references) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(SIDES)
def test_ratio_equals_rapidfuzzs_and_is_symmetric(pairs):
    outputs, references = zip(*pairs, strict=True)
    assert ratio(outputs, references) == pytest.approx([fuzz.ratio(a, b) / 100 for a, b in pairs])
    assert ratio(outputs, references) == pytest.approx(ratio(references, outputs))


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_equal_texts_have_a_similarity_of_one(texts):
    written = [text for text in texts if text.split()]
    assert chrf(written, written) == pytest.approx(np.ones(len(written)))
    assert ratio(written, written) == pytest.approx(np.ones(len(written)))


def test_texts_in_parts_have_the_same_scores_as_at_once(monkeypatch):
    outputs, references = ["abcdefg", "", "xy", "abab" * 9], ["abcdef", "x", "", "baba" * 9]
    whole = chrf(outputs, references)
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    assert chrf(outputs, references).tolist() == whole.tolist()


def test_a_text_of_a_million_characters_is_compared_by_its_beginning():
    found = similarities(["ab" * 500_000, None], ["ba" * 500_000, "x"])
    assert found["chrf"][0] > 0.99
    assert np.isnan(found["ratio"][1])


def test_items_are_compared_with_their_own_reference():
    rows = [("a", "one", None), ("a", "two", None), ("b", None, None), ("b", "x", None), ("c", None, "timed out")]
    table = pl.DataFrame([*rows, rows[-1]], schema=["id", "output", "error"], orient="row")
    found = item_similarity(table, pl.Series(["one", "x", "y"]), 2)["ratio"]
    assert found[0] == pytest.approx((1 + fuzz.ratio("two", "one") / 100) / 2)
    assert found[1] == pytest.approx(0.5)  # an output that is not there is like nothing
    assert np.isnan(found[2])  # one that never came is unknown


def test_lengths_ignore_blank_texts():
    found = lengths_of(pl.Series(["one two", " ", "three\nfour  five"]))
    assert (found.words.mean, found.words.median, found.words.p95) == (2.5, 2.5, pytest.approx(2.95))
    assert found.characters.mean == pytest.approx((7 + 16) / 2)
    assert lengths_of(pl.Series([], dtype=pl.String)).words == Spread(mean=None, median=None, p95=None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=30))
def test_a_mean_of_single_items_has_students_interval(values):
    found = mean_interval(np.array(values))
    if (error := sem(values)) > 1e-12:
        wanted = t.interval(0.95, len(values) - 1, np.mean(values), error)
        assert (found.low, found.high) == pytest.approx(wanted)
    assert found.mean == pytest.approx(np.mean(values))


def test_a_mean_of_grouped_items_has_the_clustered_interval():
    from statsmodels.regression.linear_model import OLS

    rng = np.random.default_rng(0)
    groups = rng.integers(0, 12, 80)
    values = rng.random(80) + 0.3 * rng.random(12)[groups]
    fit = OLS(values, np.ones(80)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    found = mean_interval(values, groups)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]))
    assert mean_interval(np.array([0.4, np.nan]), None) == (0.4, None, None, 1)
    assert mean_interval(np.array([np.nan])) == (None, None, None, 0)
