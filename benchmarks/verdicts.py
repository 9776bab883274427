"""How often the verdict is right where the truth is known.

Run: python benchmarks/verdicts.py [--worlds 2000]; it writes verdicts.md (some minutes on one core). A world has known
true values: ways to get outputs with their shares, tokens and prices, volume, costs, drawn from the wide priors of
worlds.py. A test set is drawn from it and evaluated with the comparisons, the money and the verdict of evaluate; the
verdict is then compared with whether training pays at the true values, and with the decision of a team that looks at
point figures alone.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs
from msgspec.structs import asdict
from verdicts_page import FINE_TUNE, FREE_KINDS, KEEP, Tally, page
from worlds import CANDIDATE, HORIZON, KINDS, MARGIN, TARGET, Sample, Way, World, draw_sample, draw_world

from tuneworth.core import completed, from_json
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
from tuneworth.evaluate.money.alternatives import Alternatives, untrained
from tuneworth.evaluate.money.inputs.inputs import missing_keys
from tuneworth.evaluate.money.inputs.origins import with_origins
from tuneworth.evaluate.results import SCHEMA, Results
from tuneworth.evaluate.rivals.standing import strongest_rival

CASES = (8, 20, 50, 100, 200, 500)
DRAWS = 1000
TODAY = datetime(2026, 11, 1, tzinfo=UTC).date()


def judged(world: World, n: int, rng: np.random.Generator, *, use_groups: bool = True) -> Results:
    """The results of one test set with their verdict, computed as by evaluate, without the report's other figures."""
    sample = draw_sample(world, n, rng)
    groups = sample.groups if use_groups and world.group_size > 1 else None
    measured: dict[str, MeasuredVariant] = {}
    for way in world.ways:
        measured[way.name] = _measured(way, sample, measured, rng)
    names = [way.name for way in world.rivals]
    shares = {name: float(sample.acceptable[name].mean()) for name in names}
    costs = {way.name: Decimal(_measured_cost(world, way, shares[way.name])) for way in world.rivals}
    strongest = strongest_rival(shares, costs, margin=MARGIN, preferred=names[0])
    assert strongest is not None
    rows = [_row(sample, name, groups, strongest=name == strongest) for name in names]
    found = {
        "schema": SCHEMA,
        "project": "",
        "created": "",
        "comparison": {"baseline": strongest, "candidate": CANDIDATE, **next(row for row in rows if row["strongest"])},
        "rivals": rows,
        "quality": {name: _quality(sample, name, groups) for name in sample.acceptable},
        "money": money_of(world, measured, groups, strongest),
    }
    results = from_json(completed(found, Results), Results)
    return structs.replace(results, verdict=decide(results, margin=MARGIN))


def _measured(
    way: Way, sample: Sample, before: dict[str, MeasuredVariant], rng: np.random.Generator
) -> MeasuredVariant:
    """The tokens and outcomes of a way, in the form of evaluate: a cascade from its two parts, a template is free."""
    outcome = sample.acceptable[way.name]
    if way.cascade is not None:
        sent, (first, second) = sample.sent[way.name], (before[name] for name in way.cascade)
        assert second.input_tokens is not None
        assert second.output_tokens is not None
        calls = replace(
            second, input_tokens=second.input_tokens * sent, output_tokens=second.output_tokens * sent, acceptable=None
        )  # fmt: skip
        return replace(first, acceptable=outcome, of=way.cascade, sent=sent, second=calls)
    fixed, *rest = way.tokens
    content, output = (_tokens(mean, len(outcome), rng) for mean in rest)
    return MeasuredVariant(fixed, content, output, acceptable=outcome, free=way.price == 0)


def _measured_cost(world: World, way: Way, share: float) -> float:
    return way.spent + (1 - share) * ((world.failure_cost or 0) if world.cost_stated else 0)


def _row(sample: Sample, name: str, groups: np.ndarray | None, *, strongest: bool) -> dict[str, Any]:
    """The rival's entry of `rivals` in results.json, as far as the verdict reads it."""
    facts, ours = sample.facts[name], sample.facts[CANDIDATE]
    return {
        "name": name, "way": "model", "of": [], "measured": True, "today": False, "strongest": strongest, "why": None,
        "acceptable": _quality(sample, name, groups)["acceptable"],
        "facts": None if facts is None or ours is None else compare(facts, ours, groups).to_json()["difference"],
        **compare(sample.acceptable[name], sample.acceptable[CANDIDATE], groups).to_json(),
    }  # fmt: skip


def roi_of(world: World) -> dict[str, Any]:
    """The [roi] table that the team of this world writes."""
    paid = (way for way in world.ways if way.price and way.cascade is None)
    prices = {way.name: {"price_input": way.price, "price_output": 4 * way.price} for way in paid}
    costs = {"failures": "repair", "failure_cost": world.failure_cost}
    return {
        "requests_per_day": world.stated_volume,
        "target_payback_days": TARGET,
        "horizon_days": HORIZON,
        **({"investment": {"compute": world.investment}} if world.investment_stated else {}),
        "running": {"monitoring_hours_per_month": world.upkeep_per_month, "monitoring_hourly": 1},
        **(costs if world.cost_stated and world.failure_cost is not None else {}),
        **prices,
    }


def money_of(
    world: World, measured: dict[str, MeasuredVariant], groups: np.ndarray | None, strongest: str
) -> dict[str, Any]:
    """The part of the money that the verdict reads; the whole account, with curve and flip points, takes ten times as long."""
    settings = with_origins(read_roi(roi_of(world)), measured, strongest)
    quantities = collect_quantities(settings, list(measured), measured, None, today=TODAY)
    values = {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}
    drawn_values = draw_values(quantities, groups=groups, seed=0, draws=DRAWS)

    def against(rival: str) -> tuple[Account, Account]:
        conditions = conditions_of(settings, rival, CANDIDATE, measured)
        return Account(values, conditions), Account(drawn_values, conditions, "drawn")

    def gains(rival: str) -> dict[str, Any]:
        exact, drawn = against(rival)
        keys = ("saving_per_request", "saving_per_day", "payback_days", "npv")
        return {**{key: _float(exact.pair.value(key)) for key in keys}, **asdict(outcomes(drawn))}

    account, drawn = against(strongest)
    sources = {key: quantity.source for key, quantity in quantities.items()}
    possible = Alternatives(settings, untrained(settings, measured), sources)
    spent = {way.name: way.spent for way in world.ways}
    return {
        "currency": "EUR", "baseline": strongest, "candidate": CANDIDATE,
        "variants": {name: {"effective_cost_per_request": None} for name in measured},
        "requests_per_day": float(values["requests_per_day"]),
        "missing": missing_keys(settings, values, (strongest, CANDIDATE), measured),
        "investment": float(account.value("investment")),
        "target_payback_days": TARGET, "failures": settings.failures, "failure_cost": _float(settings.failure_cost),
        "carrying_failure_cost": (
            carrying_failure_cost(account, drawn, possible) if settings.failures == "ignore" else None
        ),
        "alternatives": [
            {
                "key": "variant", "name": name, "needs_training": False, "effective_cost_per_request": spent[name],
                "tuning": gains(name),
                **dict.fromkeys(("saving_per_day", "saving_total", "saving_per_request")),
            }
            for name in spent if name not in (strongest, CANDIDATE)
        ],
        **gains(strongest),
    }  # fmt: skip


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _tokens(mean: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Tokens of n items; their standard deviation is half their mean."""
    return rng.gamma(4, mean / 4, n) if mean else np.zeros(n)


def _quality(sample: Sample, name: str, groups: np.ndarray | None) -> dict[str, Any]:
    found, facts = share_interval(sample.acceptable[name], groups), sample.facts[name]
    return {
        "n": found.n, "unscored": 0, "no_output": 0, "samples": 1, "consistent": {}, "unstable": {},
        "acceptable": {"share": found.share, "low": found.low, "high": found.high},
        "faithful": {"share": None if facts is None else float(facts.mean())},
    }  # fmt: skip


def naive(results: Results) -> str:
    """The decision by point figures: fine-tune if the tuned model is within the margin and the median payback is in time."""
    assert results.money is not None
    in_time, value = results.money.payback_days_p50, results.compared.difference.value
    good = value is not None and value > -MARGIN
    return FINE_TUNE if good and in_time is not None and in_time <= TARGET else KEEP


def tally(
    worlds: Iterable[World], rng: np.random.Generator, *, n: int | None = None, label: str = "", use_groups: bool = True
) -> tuple[Tally, Tally]:
    """The verdicts for these worlds with n cases, or with each world's own number, and the decisions by point figures."""
    own, point = (Tally(label or str(n), *(Counter() for _ in range(3)), 0, Counter(), Counter()) for _ in range(2))
    near = 0
    for world in worlds:
        results = judged(world, n or world.cases or 200, rng, use_groups=use_groups)
        verdict = results.verdict
        assert verdict is not None
        _count(point, world, naive(results))
        if _count(own, world, verdict.decision):
            days = world.payback_days(world.strongest)
            near += TARGET / 1.5 <= days <= TARGET * 1.5
            own.wrong_rules[verdict.decision, verdict.rule] += 1
        own.rules[verdict.rule] += 1
    return replace(own, near=near), point


def _count(tally: Tally, world: World, decision: str) -> bool:
    """Count the decision; whether it is wrong."""
    tally.all[decision] += 1
    tally.pays[decision] += world.pays
    tally.useless[decision] += world.useless
    return (decision == FINE_TUNE and world.useless) or (decision == KEEP and world.pays)


def hard(world: World) -> bool:
    """Whether it is a close call: payback within a factor of two of the target, or shares near the margin."""
    by = world.tuned.acceptable - world.strongest.acceptable
    return TARGET / 2 <= world.payback_days(world.strongest) <= TARGET * 2 or -2 * MARGIN < by < 0


def draw_worlds(count: int, rng: np.random.Generator, kind: str = "one rival", *, close: bool = False) -> list[World]:
    """This number of worlds of a kind; with `close` only close calls."""
    worlds: list[World] = []
    while len(worlds) < count:
        world = draw_world(rng, kind)
        if hard(world) or not close:
            worlds.append(world)
    return worlds


def both_truths(count: int, rng: np.random.Generator, kind: str) -> list[World]:
    """Worlds of a kind, half of which training surely pays in, and half in which it is useless.

    The errors are shares of each half, so its size changes only how well they are known.
    """
    halves: tuple[list[World], list[World]] = ([], [])
    while min(map(len, halves)) < count // 2:
        world = draw_world(rng, kind)
        half = halves[0] if world.pays else halves[1]
        if (world.pays or world.useless) and len(half) < count // 2:
            half.append(world)
    return [*halves[0], *halves[1]]


def of_each_kind(count: int) -> dict[str, tuple[Tally, Tally]]:
    """Verdicts and point figures for each kind of world, with its own number of cases, or with 50 and 200."""
    found = {}
    for number, kind in enumerate(KINDS):
        worlds = both_truths(count, np.random.default_rng([4, number]), kind)
        own = sorted({world.cases for world in worlds if world.cases})
        for n in (None,) if own else (50, 200):
            label = f"{kind}, {f'{own[0]:,} to {own[-1]:,}' if own else n} cases"
            found[label] = tally(worlds, np.random.default_rng([5, number, n or 0]), n=n, label=label)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=2000, help="per number of cases (default 2000)")
    parser.add_argument("--of-kind", type=int, default=600, help="of each kind (default 600)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    start, share = time.process_time(), options.worlds // len(FREE_KINDS)
    worlds = [w for i, kind in enumerate(FREE_KINDS) for w in draw_worlds(share, np.random.default_rng([0, i]), kind)]
    both = [tally(worlds, np.random.default_rng(n), n=n) for n in CASES]
    close = draw_worlds(options.worlds // 4, np.random.default_rng(1), close=True)
    grouped = [w for w in draw_worlds(2 * options.worlds, np.random.default_rng(2)) if w.group_size >= 5]
    grouped = grouped[: options.worlds // 4]
    parts = {
        "Verdicts": [own for own, _ in both],
        "Verdicts in close calls": [tally(close, np.random.default_rng(n), n=n)[0] for n in (50, 200, 500)],
        "Groups of 5 and more": [tally(grouped, np.random.default_rng(3), n=200)[0]],
        "Groups of 5 and more, ignored": [tally(grouped, np.random.default_rng(3), n=200, use_groups=False)[0]],
        "Point figures": [point for _, point in both],
    }
    kinds = of_each_kind(options.of_kind)
    pays = sum(world.pays for world in worlds) / len(worlds)
    seconds = time.process_time() - start
    options.out.write_text(page(len(worlds), options.of_kind, seconds, parts, kinds, pays), encoding="utf-8")


if __name__ == "__main__":
    main()
