"""Results in the form of evaluate, from outcomes and a [roi] table with the real comparison and money."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from tuneworth.core import as_json
from tuneworth.evaluate import compare, share_interval
from tuneworth.evaluate import decide as decide_results
from tuneworth.evaluate.money import MeasuredVariant, compute_money, read_roi
from tuneworth.evaluate.results import Results
from tuneworth.evaluate.rivals.standing import costs_of_requests, strongest_rival
from tuneworth.evaluate.statistics.agreement import people_agreement
from tuneworth.evaluate.statistics.planning import cases_needed

from ..shared import results_of

TODAY = date(2026, 11, 1)


def decide(parts, **margins) -> dict[str, Any]:
    """The verdict on results with these parts, as in results.json."""
    return as_json(decide_results(whole(parts), **margins))


def whole(parts) -> Results:
    """Results with these parts; what is not said is the usual: measured risks, models that are called, reviewed rules."""
    parts = dict(parts)
    parts["risks"] = [{"measured": True, **risk} for risk in parts.get("risks") or []]
    parts["variants"] = {name: {"way": "model", **one} for name, one in (parts.get("variants") or {}).items()}
    parts["rivals"] = [{"way": "model", **row} for row in parts.get("rivals") or []]
    if parts.get("style"):
        parts["style"] = {"reviewed": True, **parts["style"]}
    return results_of(parts)


def situation(
    cells=(134, 54, 6, 6), *, others=None, roi=None, groups=None, tuned_settings=None, **parts
) -> dict[str, Any]:
    """Results from the counts both / only tuned / only prompted / neither; `others` are shares of other variants."""
    outcomes = {
        "prompted": np.repeat([1.0, 0.0, 1.0, 0.0], cells),
        "tuned": np.repeat([1.0, 1.0, 0.0, 0.0], cells),
    }
    n = len(outcomes["tuned"])
    for name, share in (others or {}).items():
        # Right where the prompted model is right, so that the two are correlated.
        order = np.argsort(-outcomes["prompted"], kind="stable")
        outcomes[name] = np.zeros(n)
        outcomes[name][order[: round(share * n)]] = 1.0
    return built(outcomes, roi=roi, groups=groups, **parts)


def later(*args, **parts) -> Callable[[], dict[str, Any]]:
    """A function that returns the situation, so that a table of cases costs nothing if its cases do not run."""
    return partial(situation, *args, **parts)


def built(outcomes, *, roi=None, groups=None, baseline=None, candidate="tuned", draws=400, tokens=None, **parts):
    """Results from each variant's outcomes on the same items; `tokens` are (fixed, input, output) of each.

    The comparison is with the strongest rival, as in `evaluate_outputs`, or with a stated baseline.
    """
    names = [name for name in outcomes if name != candidate]
    settings = None if roi is None else read_roi(roi)
    measured = {name: _measured(values, (tokens or {}).get(name)) for name, values in outcomes.items()}
    if baseline is None:
        costs = costs_of_requests(settings, names, measured, today=TODAY)
        shares = {name: float(np.nanmean(outcomes[name])) for name in names}
        baseline = strongest_rival(shares, costs, margin=0.03, preferred="prompted")
    results: dict[str, Any] = {
        "quality": {name: _quality(values, groups) for name, values in outcomes.items()},
        "comparison": _compared(outcomes, baseline, candidate, groups),
        "rivals": [_rival(outcomes, name, candidate, groups, strongest=name == baseline) for name in names],
        "money": None,
        "risks": [],
        "variants": {
            name: {"source": "adapter", "tuned": True, "guide": None}
            if name == candidate
            else {"source": "base model", "tuned": False, "guide": "the team's own", "guide_tokens": 500}
            for name in outcomes
        },
    }
    if settings is not None:
        results["money"] = compute_money(
            settings, baseline=baseline, candidate=candidate, measured=measured, groups=groups, draws=draws, today=TODAY
        ).to_json()
    return results | parts


def _rival(outcomes, name, candidate, groups, *, strongest):
    found = _compared(outcomes, name, candidate, groups)
    return {
        "name": name, "way": "model", "of": [], "measured": True, "strongest": strongest, "why": None, "facts": None,
        "acceptable": _quality(outcomes[name], groups)["acceptable"],
        "needed": as_json(cases_needed(outcomes[name], outcomes[candidate], groups, margin=0.03)), "calls": 1.0,
        "seconds": None, **found,
    }  # fmt: skip


def _measured(values, tokens):
    fixed, content, output = tokens or (None, None, None)
    return MeasuredVariant(fixed_tokens=fixed, input_tokens=content, output_tokens=output, acceptable=values)


def _quality(values, groups):
    found = share_interval(values, groups)
    acceptable = {"share": found.share, "low": found.low, "high": found.high}
    return {"n": len(values), "unscored": 0, "acceptable": acceptable, "n_effective": found.n_effective}


def _compared(outcomes, baseline, candidate, groups):
    found = compare(outcomes[baseline], outcomes[candidate], groups).to_json()
    return {"baseline": baseline, "candidate": candidate, **found}


def simulated_people(rng, *, base, noise, rule_noise, requests, people, mirrored=False) -> dict[str, Any]:
    """The rules against people on two outputs of each request, a share `base` of which is good.

    Each person sees it otherwise with the chance `noise`, the rules with the chance `rule_noise`.
    """
    good = rng.random(2 * requests) < base
    votes = (rng.random((people, 2 * requests)) < noise) ^ good
    rules, groups = (rng.random(2 * requests) < rule_noise) ^ good, np.arange(2 * requests) // 2
    found = people_agreement(rules, votes.sum(axis=0), np.full(2 * requests, people), groups, mirrored=mirrored)
    assert found is not None
    return as_json(found)


def costs(volume: Any = 5000, *, tuned: Any = 5, prompted: Any = 5, investment: Any = 200, guide: Any = 500, **more):
    """A [roi] table: both variants at prices per million tokens, output four times the input."""
    tokens = {"input_tokens": 150, "output_tokens": 150}
    table = {
        "investment": {"compute": investment},
        "running": {"monitoring_hours_per_month": 0},
        "prompted": {"price_input": prompted, "price_output": 4 * prompted, "fixed_tokens": guide, **tokens},
        "tuned": {"price_input": tuned, "price_output": 4 * tuned, "fixed_tokens": 0, **tokens},
    }
    return table | ({"requests_per_day": volume} if volume else {}) | more


def other(price=5, *, fixed=500):
    """The [roi.NAME] table of another variant."""
    return {
        "price_input": price, "price_output": 4 * price, "fixed_tokens": fixed, "input_tokens": 150, "output_tokens": 150
    }  # fmt: skip
