"""The learning curve, the choice of the baseline and stated risks on the page."""

from typing import Any

import numpy as np

from tuneworth.evaluate.learning_curve import fit_curve
from tuneworth.reports import write_report


def tell(results: dict[str, Any]) -> None:
    """A learning curve, a chosen baseline and a risk that is only stated."""
    outcomes = (np.random.default_rng(0).random((60, 4)) < [0.5, 0.6, 0.7, 0.75]).astype(float)
    curve = fit_curve([37, 75, 150, 300], outcomes).to_json()
    results["learning_curve"] = {**curve, "evidence": "four <b>adapters</b>"}
    share = {"acceptable": {"share": 0.25, "low": 0.1, "high": 0.4}}
    results["choice"] = {
        "baseline": "short",
        "how": "validation",
        "n": 40,
        "considered": {"short": share, "long": share},
    }
    results["risks"] = [
        {"id": "drift", "status": "warn", "value": 50, "limit": 365, "evidence": "x", "measured": False}
    ]


def test_the_page_says_what_more_examples_would_give(make_run):
    page = write_report(make_run(change=tell))[0].read_text()
    assert "Would more examples help?" in page
    assert "Twice the examples (600 pairs) would" in page
    assert "four &lt;b&gt;adapters" in page.lower()
    assert "chosen on 40 validation pairs" in page
    assert "to watch, as stated" in page
