"""How often the verdict is right where the truth is known.

Run: python benchmarks/verdicts.py [--scenarios 2000]; it writes verdicts.md (some minutes on one core). A scenario has
known true values: shares of acceptable outputs, tokens, prices, volume, costs, drawn from the wide priors below. A test
set is drawn from it and evaluated with the comparison, the money and the verdict of evaluate; the verdict is then compared
with whether training pays at the true values, and with the decision of a team that looks at point figures alone.
"""

import argparse
import math
import platform
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from tuneworth.evaluate import compare, decide, share_interval
from tuneworth.evaluate.money import (
    Account,
    MeasuredVariant,
    carrying_failure_cost,
    collect_quantities,
    conditions_of,
    draw_values,
    outcomes,
    read_roi,
)

CASES = (8, 20, 50, 100, 200, 500)
MARGIN, TARGET, HORIZON = 0.03, 90, 365
DRAWS = 1000
FINE_TUNE, KEEP, OPEN = "fine-tune", "keep prompting", "cannot tell yet"


@dataclass(frozen=True)
class Scenario:
    """The true values: `accepted`, `tokens` (fixed, input, output), `price` (input) are (prompted, tuned)."""

    accepted: tuple[float, float]
    correlation: float
    group_size: int
    within_group: float
    tokens: tuple[tuple[float, float, float], tuple[float, float, float]]
    price: tuple[float, float]
    stated_volume: float
    volume: float
    failure_cost: float | None
    investment: float
    upkeep_per_month: float

    @property
    def pays(self) -> bool:
        """Whether fine-tuning is right: outputs within the margin, a payback in time, and a gain over the horizon."""
        not_worse = self.accepted[1] - self.accepted[0] > -MARGIN
        saved = self.volume * (self._cost(0) - self._cost(1)) - self.upkeep_per_month / (365.25 / 12)
        return not_worse and saved * TARGET >= self.investment and saved * HORIZON > self.investment

    @property
    def payback_days(self) -> float:
        """Days until the investment pays back; inf for never."""
        saved = self.volume * (self._cost(0) - self._cost(1)) - self.upkeep_per_month / (365.25 / 12)
        return self.investment / saved if saved > 0 else math.inf

    def _cost(self, which: int) -> float:
        fixed, content, output = self.tokens[which]
        spent = (fixed + content + 4 * output) * self.price[which] / 1e6
        return spent + (1 - self.accepted[which]) * (self.failure_cost or 0)


def draw_scenario(rng: np.random.Generator) -> Scenario:
    """One scenario; each prior is as wide as what teams report, log-uniform if possible."""

    def spread(low: float, high: float) -> float:
        return float(10 ** rng.uniform(math.log10(low), math.log10(high)))

    prompted = rng.uniform(0.3, 0.98)  # from a model that cannot follow the guide to one that is almost always right
    # Tuning helps more often than it hurts, and sometimes a lot: odds times 0.15 to 18 in 90% of the scenarios.
    odds = prompted / (1 - prompted) * math.exp(rng.normal(0.5, 1.2))
    guide, content, output = spread(100, 3000), spread(30, 1000), spread(30, 1000)
    volume = spread(30, 100_000)
    group = int(rng.choice([1, 1, 1, 2, 5, 10, 30]))  # in three of seven scenarios there are no groups
    price = spread(0.1, 10)  # per million input tokens; output four times as much
    return Scenario(
        accepted=(prompted, odds / (1 + odds)),
        correlation=rng.uniform(0, 0.8),  # both variants find the same items hard, more or less
        group_size=group,
        within_group=rng.uniform(0, 0.6) if group > 1 else 0.0,
        tokens=((guide, content, output), (0.0, content, output * math.exp(rng.normal(0, 0.2)))),
        price=(price, price * 2 ** rng.uniform(-2, 1.5)),  # a smaller model at a quarter, a hosted one at three times
        stated_volume=volume,
        volume=volume * rng.triangular(0.5, 1.0, 1.5),  # a forecast with the error that Tuneworth assumes
        failure_cost=None if rng.random() < 0.4 else spread(0.001, 1),  # two of five teams do not state it
        investment=spread(100, 30_000),
        upkeep_per_month=0.0 if rng.random() < 0.5 else spread(10, 1000),
    )


def test_set(scenario: Scenario, n: int, rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Outcomes of both variants on n items, and the items' groups.

    A normal deviate per group and per item, each correlated between the variants, against a threshold that gives
    each variant its share.
    """
    groups = np.arange(n) // scenario.group_size
    part, correlation = scenario.within_group, scenario.correlation
    deviates = [
        math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
        for shared, own in (
            (rng.standard_normal(n), rng.standard_normal((2, n))),
            (rng.standard_normal(groups[-1] + 1)[groups], rng.standard_normal((2, groups[-1] + 1))[:, groups]),
        )
    ]
    latent = math.sqrt(1 - part) * deviates[0] + math.sqrt(part) * deviates[1]
    return [(latent[i] < norm.ppf(scenario.accepted[i])).astype(float) for i in (0, 1)], groups


def judged(scenario: Scenario, n: int, rng: np.random.Generator, *, use_groups: bool = True) -> dict[str, Any]:
    """The results of one test set with their verdict, computed as by evaluate, without the report's other figures."""
    (before, after), groups = test_set(scenario, n, rng)
    given = groups if use_groups and scenario.group_size > 1 else None
    settings = read_roi(roi_of(scenario))
    measured = {
        name: MeasuredVariant(fixed, *(_tokens(mean, n, rng) for mean in rest), acceptable=accepted)
        for name, (fixed, *rest), accepted in zip(("prompted", "tuned"), scenario.tokens, (before, after), strict=True)
    }
    comparison = {"baseline": "prompted", "candidate": "tuned", **compare(before, after, given).to_json()}
    results = {
        "comparison": comparison,
        "quality": {"prompted": _quality(before, given), "tuned": _quality(after, given)},
        "money": money_of(settings, measured, given),
    }
    results["verdict"] = decide(results, margin=MARGIN)
    return results


def roi_of(scenario: Scenario) -> dict[str, Any]:
    """The [roi] table that the team of this scenario writes."""
    price = {
        name: {"price_input": scenario.price[i], "price_output": 4 * scenario.price[i]}
        for i, name in enumerate(("prompted", "tuned"))
    }
    costs = {} if scenario.failure_cost is None else {"failures": "repair", "failure_cost": scenario.failure_cost}
    return {
        "requests_per_day": scenario.stated_volume,
        "target_payback_days": TARGET,
        "horizon_days": HORIZON,
        "investment": {"compute": scenario.investment},
        "running": {"monitoring_hours_per_month": scenario.upkeep_per_month, "monitoring_hourly": 1},
        **costs,
        **price,
    }


def money_of(settings: Any, measured: dict[str, MeasuredVariant], groups: np.ndarray | None) -> dict[str, Any]:
    """The part of the money that the verdict reads; the whole account, with curve and flip points, takes ten times as long."""
    names = ("prompted", "tuned")
    quantities = collect_quantities(settings, names, measured, None, today=datetime(2026, 11, 1, tzinfo=UTC).date())
    values = {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}
    drawn = draw_values(quantities, groups=groups, seed=0, draws=DRAWS)
    conditions = conditions_of(settings, *names)
    account, drawn = Account(values, conditions), Account(drawn, conditions, "drawn")
    found = outcomes(drawn)
    unset = settings.failures == "ignore"
    return {
        "currency": "EUR", "baseline": "prompted", "candidate": "tuned",
        "variants": {name: {"effective_cost_per_request": None} for name in names},
        "requests_per_day": float(values["requests_per_day"]), "saving_per_request": 0.0, "missing": [],
        "investment": float(account.value("investment")), "payback_days": None, "npv": None,
        "target_payback_days": TARGET, "failures": settings.failures, "failure_cost": settings.failure_cost,
        "carrying_failure_cost": carrying_failure_cost(account, drawn) if unset else None,
        **found,
    }  # fmt: skip


def _tokens(mean: float, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.gamma(4, mean / 4, n)  # their standard deviation is half their mean


def _quality(values: np.ndarray, groups: np.ndarray | None) -> dict[str, Any]:
    found = share_interval(values, groups)
    return {"n": len(values), "acceptable": {"share": found.share, "low": found.low, "high": found.high}}


def naive(scenario: Scenario, results: dict[str, Any]) -> str:
    """The decision by point figures: fine-tune if the tuned model is within the margin and the median payback is in time."""
    in_time = results["money"]["payback_days_p50"]
    value = results["comparison"]["difference"]["value"]
    return FINE_TUNE if value > -MARGIN and in_time is not None and in_time <= TARGET else KEEP


@dataclass(frozen=True)
class Tally:
    """Counts for one number of cases, by truth and decision, and how many wrong ones were close to the target."""

    n: int
    counts: Counter[tuple[bool, str]]
    near: int
    rules: Counter[int]

    def share(self, decision: str, *, pays: bool) -> float:
        """The share of this decision among the scenarios where training pays, or where it does not."""
        total = sum(count for (truth, _), count in self.counts.items() if truth is pays)
        return self.counts[pays, decision] / total if total else math.nan

    def given(self, decision: str) -> float:
        """The share of this decision among all scenarios."""
        return sum(self.counts[truth, decision] for truth in (True, False)) / self.counts.total()

    def wrong(self, decision: str) -> float:
        """The share of wrong verdicts among those with this decision."""
        false = self.counts[decision == KEEP, decision]
        both = self.counts[True, decision] + self.counts[False, decision]
        return false / both if both else math.nan


def tally(
    n: int, scenarios: Iterable[Scenario], rng: np.random.Generator, *, use_groups: bool = True
) -> tuple[Tally, Tally]:
    """The verdicts for these scenarios with n cases, and the decisions by point figures."""
    own, point, rules, near = Counter(), Counter(), Counter(), 0
    for scenario in scenarios:
        results = judged(scenario, n, rng, use_groups=use_groups)
        decision = results["verdict"]["decision"]
        own[scenario.pays, decision] += 1
        rules[results["verdict"]["rule"]] += 1
        point[scenario.pays, naive(scenario, results)] += 1
        wrong = decision == (KEEP if scenario.pays else FINE_TUNE)
        near += wrong and TARGET / 1.5 <= scenario.payback_days <= TARGET * 1.5
    return Tally(n, own, near, rules), Tally(n, point, 0, Counter())


def hard(scenario: Scenario) -> bool:
    """Whether it is a close call: payback within a factor of two of the target, or shares near the margin."""
    by = scenario.accepted[1] - scenario.accepted[0]
    return TARGET / 2 <= scenario.payback_days <= TARGET * 2 or -2 * MARGIN < by < 0


def draw_scenarios(count: int, rng: np.random.Generator, *, close: bool = False) -> list[Scenario]:
    """This number of scenarios; with `close` only close calls."""
    scenarios: list[Scenario] = []
    while len(scenarios) < count:
        scenario = draw_scenario(rng)
        if hard(scenario) or not close:
            scenarios.append(scenario)
    return scenarios


HEAD = (
    "| cases | fine-tune, of scenarios where it does not pay | keep prompting, of scenarios where it pays | "
    "cannot tell yet | given fine-tune, and wrong | given keep prompting, and wrong |\n|---:|---:|---:|---:|---:|---:|"
)


def row(tally: Tally) -> str:
    """One line of the table."""
    both = [f"{_percent(tally.given(d))}, {_percent(tally.wrong(d))}" for d in (FINE_TUNE, KEEP)]
    wrong = _percent(tally.share(FINE_TUNE, pays=False)), _percent(tally.share(KEEP, pays=True))
    return f"| {tally.n} | {' | '.join([*wrong, _percent(tally.given(OPEN)), *both])} |"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}%"


def page(scenarios: int, seconds: float, parts: dict[str, list[Tally]], pays: float) -> str:
    """The result as Markdown."""
    machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
    tables = [f"## {title}\n\n{HEAD}\n" + "\n".join(row(t) for t in tallies) for title, tallies in parts.items()]
    wrong = [t for t in parts["Verdicts"] for _ in range(t.counts[False, FINE_TUNE] + t.counts[True, KEEP])]
    close = sum(t.near for t in parts["Verdicts"])
    return "\n\n".join(
        [
            "# The verdict where the truth is known",
            f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {seconds:.0f} s of one core. Written by `benchmarks/verdicts.py`, "
            "which explains how a scenario is drawn, and why.",
            f"{scenarios:,} scenarios per number of cases; in {_percent(pays)} of them fine-tuning pays: at the true values the "
            f"investment pays back within {TARGET} days and saves more than it costs, and the outputs are acceptable in at "
            f"most {100 * MARGIN:.0f} points fewer cases. Aim: both kinds of error at most 5%. Of the {len(wrong)} wrong "
            f"verdicts, {close} are close calls: the true payback is within a factor of 1.5 of the target.",
            tables[0],
            _why_open(parts["Verdicts"]),
            *tables[1:],
            "- *Close calls*: only scenarios whose true payback is within a factor of two of the target, or whose tuned "
            "model is up to 6 points worse. A verdict given at a chance of 80% must sometimes be wrong, and most of all here.\n"
            "- *Groups ignored*: scenarios with groups of 5 and more, evaluated as if each item were independent; the table "
            "above has the same scenarios evaluated with their groups.\n"
            "- *Point figures*: fine-tune if the tuned model is within the margin on the test set and the median payback is "
            "in time.\n"
            "- *Left out*: an invalid comparison, measured risks, alternatives without training, and the choice of the "
            "baseline. If no cost of a failure is stated, the truth counts it as nothing. Stated prices are true.",
        ]
    ) + "\n"  # fmt: skip


def _why_open(tallies: list[Tally]) -> str:
    """The reasons for `cannot tell yet` with the most cases."""
    last = tallies[-1]
    why = {
        3: "there are too few cases for these shares",
        6: "a failure has no stated cost",
        9: "the chance is in between",
    }
    text = ", ".join(f"{words} in {_percent(last.rules[rule] / last.counts.total())}" for rule, words in why.items())
    return f"With {last.n} cases the verdict is *cannot tell yet* because {text} of the scenarios."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", type=int, default=2000, help="per number of cases (default 2000)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    start = time.process_time()
    scenarios = draw_scenarios(options.scenarios, np.random.default_rng(0))
    both = [tally(n, scenarios, np.random.default_rng(n)) for n in CASES]
    close = draw_scenarios(options.scenarios // 2, np.random.default_rng(1), close=True)
    grouped = [s for s in draw_scenarios(3 * options.scenarios, np.random.default_rng(2)) if s.group_size >= 5]
    grouped = grouped[: options.scenarios // 2]
    parts = {
        "Verdicts": [own for own, _ in both],
        "Verdicts in close calls": [tally(n, close, np.random.default_rng(n))[0] for n in (50, 200, 500)],
        "Groups of 5 and more": [tally(200, grouped, np.random.default_rng(3))[0]],
        "Groups of 5 and more, ignored": [tally(200, grouped, np.random.default_rng(3), use_groups=False)[0]],
        "Point figures": [point for _, point in both],
    }
    pays = sum(scenario.pays for scenario in scenarios) / len(scenarios)
    options.out.write_text(page(options.scenarios, time.process_time() - start, parts, pays), encoding="utf-8")


if __name__ == "__main__":
    main()
