"""The learning curve, the choice of the baseline and stated risks on the page."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuneworth.core import as_json
from tuneworth.evaluate import fit_curve
from tuneworth.reports import write_report
from tuneworth.reports.sections.training import curve_figure, curve_sentence
from tuneworth.reports.stored import StoredRun

from ..shared import results_of


def tell(results: dict[str, Any]) -> None:
    """A learning curve, and a risk that is only stated."""
    outcomes = (np.random.default_rng(0).random((60, 4)) < [0.5, 0.6, 0.7, 0.75]).astype(float)
    results["learning_curve"] = as_json(fit_curve([37, 75, 150, 300], outcomes))
    results["risks"] = [
        {"id": "drift", "status": "warn", "value": 50, "limit": 365, "evidence": "x", "measured": False}
    ]


def test_the_page_says_what_more_examples_would_give(make_run):
    page = write_report(make_run(change=tell))[0].read_text()
    assert "Would more examples help?" in page
    assert "Twice the examples (600 pairs) would" in page
    assert "a concern, by stated numbers" in page


def stored(value: float = 0.05, low: float = 0.04, high: float = 0.07, **keys: Any) -> StoredRun:
    shares = [{"share": share, "low": share - 0.1, "high": share + 0.1} for share in (0.5, 0.6, 0.7)]
    curve = {"sizes": [75, 150, 300], "acceptable": shares,
             "doubling": {"to": 600, "gain": {"value": value, "low": low, "high": high}}}  # fmt: skip
    return StoredRun(Path("r"), results_of({"learning_curve": curve | keys}), {}, {})


@pytest.mark.parametrize(("gain", "said"), [
    ((0.05, 0.04, 0.07), "would increase the acceptable share by about 5 points (4 to 7 points)."),
    ((0.0, 0.0, 0.047), "would make little difference: 0 to 4.7 points more acceptable outputs."),
    ((0.001, 0.0, 0.002), "would not make a noticeable difference."),
    ((0.01, 0.0, 0.02), "would increase the acceptable share by about 1 point (0 to 2 points)."),
])  # fmt: skip
def test_what_twice_the_examples_give_is_a_sentence(gain: tuple[float, float, float], said: str):
    assert curve_sentence(stored(*gain)).replace("\xa0", " ") == f"Twice the examples (600 pairs) {said}"


def test_the_estimate_is_drawn_behind_the_last_size_and_no_further():
    figure = curve_figure(stored())
    assert "600 pairs, estimated" in figure
    assert "75%" in figure
    assert "estimated" not in curve_figure(stored(doubling=None))
    assert curve_sentence(stored(doubling=None, sentence="With 2 sizes there is no curve")).startswith("With 2 sizes")


@pytest.mark.parametrize("keys", [
    {"sizes": []}, {"sizes": [75]}, {"acceptable": None}, {"sizes": None}, {"acceptable": [{}, {"share": None}]},
])  # fmt: skip
def test_a_curve_without_two_sizes_is_not_drawn(keys: dict[str, Any]):
    assert curve_figure(stored(**keys)) == ""


def test_a_gain_beyond_everything_stays_inside_the_chart():
    assert "100%" in curve_figure(stored(0.9, 0.8, 0.99))
