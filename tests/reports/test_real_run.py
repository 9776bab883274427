"""The runs that the other tests report on are runs as users have them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("variants", [("prompted", "tuned"), ("plain", "prompted", "short", "rival", "tuned")])
def test_a_real_run_is_judged_counted_and_reported(
    evaluated_run: Callable[..., Path], variants: tuple[str, ...]
) -> None:
    run = evaluated_run(variants=variants)
    results = json.loads((run / "results.json").read_text())
    assert list(results["quality"]) == list(variants)
    assert results["verdict"]["decision"] in ("fine-tune", "keep prompting", "cannot tell yet", "fix first")
    assert results["money"]["payback_days"] > 0
    assert (run / "report.html").stat().st_size > 50_000
