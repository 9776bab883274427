"""The whole account of a comparison: point figures, their derivation, ranges, alternatives, and flip points."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from msgspec.structs import asdict

from ..results import CachedGuide, Good, Money, SavingParts, VariantCost, VolumePoint
from .alternatives import Alternatives, untrained
from .caches import cached_guide, no_cache
from .comparison import Account
from .derivation import derivation, formula_inputs
from .flips import carrying_failure_cost, solve_flips
from .inputs.inputs import collect_quantities, conditions_of, missing_keys, uncounted_cost
from .inputs.measured import MeasuredVariant, TrainingCost
from .inputs.options import ACCEPTABLE, COST, EFFECTIVE, Way
from .inputs.origins import with_origins
from .inputs.read_settings import warnings_of
from .inputs.settings import RoiSettings
from .request import TOKENS
from .simulate import draw_values, npv_distribution, outcomes, payback_distribution, percentiles, simulated, tornado

CURVE_POINTS = 25
COMPARED = (
    "saving_per_request", "saving_share", "saving_per_day", "saving_total", "spend_per_day_baseline",
    "spend_per_day_candidate", "investment", "payback_days", "npv", "requests_to_pay_back",
    "break_even_requests_per_day", "break_even_failure_cost", "break_even_fixed_tokens",
)  # fmt: skip


def compute_money(
    settings: RoiSettings,
    *,
    baseline: str,
    candidate: str,
    measured: Mapping[str, MeasuredVariant] | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    training: TrainingCost | None = None,
    good: Good = "acceptable",
    seed: int = 0,
    draws: int = 10_000,
    today: date | None = None,
) -> Money:
    """The money of `candidate` compared to `baseline`, from stated and measured numbers.

    If prices, tokens or volumes are missing, their figures are None and `missing` names them. The days until the base
    model's retirement are counted from `today`, by default the current day. `good` is what outputs are called that are
    no failures.
    """
    measured = measured or {}
    names = list(dict.fromkeys([baseline, candidate, *settings.variants, *measured]))
    settings, today = with_origins(settings, measured, baseline), today or datetime.now(UTC).date()
    quantities = collect_quantities(settings, names, measured, training, today=today)
    values = {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}
    exact = Account(values, conditions_of(settings, baseline, candidate, measured, good=good))
    drawn = Account(draw_values(quantities, groups=groups, seed=seed, draws=draws), exact.conditions, "drawn")
    sources = {key: quantity.source for key, quantity in quantities.items()}
    possible = Alternatives(settings, untrained(settings, measured), sources)
    result, target = simulated(drawn), exact.stated("target_payback_days")
    days = None if result is None else result.payback_days
    assumed = [key for key, one in quantities.items() if one.source == "default" and key.endswith(".price_cached")]
    drawn_figures = {
        **asdict(outcomes(drawn)),
        "draws": None if result is None else len(result.npv),
        "payback_distribution": None if days is None else payback_distribution(days, target or 0.0),
        "npv_distribution": None if result is None else npv_distribution(result.npv),
        "tornado": tornado(quantities, drawn),
        "flips": solve_flips(exact, drawn, possible),
        "carrying_failure_cost": carrying_failure_cost(exact, drawn, possible),
        "alternatives": [way.row(drawn) for way in possible.of(exact)],
    }
    with localcontext() as context:
        context.prec = 40  # the parts then add up far beyond the digits shown
        traced = Account(values, exact.conditions, "traced")
        pair = traced.pair
        both = all(way.value(COST) is not None for way in (pair.before, pair.after))
        parts = {key: pair.plain(f"parts.{key}") for key in ("guide", "model", "failures")}
        return Money(
            currency=settings.currency,
            baseline=baseline,
            candidate=candidate,
            requests_per_day=exact.stated("requests_per_day"),
            requests_total=exact.stated("requests_total"),
            variants={name: _cost(traced.way(name)) for name in names},
            **{key: pair.plain(key) for key in COMPARED},
            running_cost_per_day=None if traced.batch else pair.plain("running_cost_per_day"),
            parts=SavingParts(**parts) if both else None,
            volume_curve=_volume_curve(exact, drawn, pair.value("break_even_requests_per_day")),
            cached_guide=_cached_guide(pair.before),
            alternatives_out=possible.out(traced),
            derivation=list(derivation(traced, names, possible.of(traced))),
            **drawn_figures,
            target_payback_days=target,
            horizon_days=None if exact.batch else exact.plain("counted_days"),
            failures=settings.failures,
            failure_cost=exact.stated("failure_cost"),
            already_spent=exact.stated("investment.already_spent") or 0.0,
            formula_inputs=formula_inputs(exact, settings),
            missing=missing_keys(settings, values, (baseline, candidate), measured),
            assumptions=[quantity.assumption() for quantity in quantities.values()],
            warnings=[
                *warnings_of(settings, (baseline, candidate), today),
                *uncounted_cost(settings, training),
                *(
                    f"roi.{key} is unknown, so the price is drawn from 0 to the input price; state it"
                    for key in assumed
                ),
            ],
        )


def _cost(way: Way) -> VariantCost:
    keys = (COST, ACCEPTABLE, EFFECTIVE, "cost_with_machines", *TOKENS, "acceptance")
    machines = None if way.value(COST) is None else way.plain("machine_cost_per_day")
    return VariantCost(**{key: way.plain(key) for key in keys}, machine_cost_per_day=machines)


def _volume_curve(exact: Account, drawn: Account, star: Decimal | None) -> list[VolumePoint]:
    """Payback and value at 25 volumes, spaced evenly on a log scale around the stated and the break-even volume.

    The percentiles of the value are those with the volume fixed and the other inputs drawn.
    """
    if exact.batch or exact.pair.value("saving_per_request") is None:
        return []
    marks = [float(mark) for mark in (exact.inputs.get("requests_per_day"), star) if mark]
    if not marks:
        return []
    curve = []
    for volume in np.geomspace(min(marks) / 10, max(marks) * 10, CURVE_POINTS):
        requests = Decimal(f"{volume:.6g}")
        pair = exact.changed({"requests_per_day": requests}).pair
        result = simulated(drawn.changed({"requests_per_day": np.array([float(requests)])}))
        low, high = (None, None) if result is None else percentiles(result.npv, 5, 95)
        payback, npv = pair.plain("payback_days"), pair.plain("npv")
        point = VolumePoint(requests_per_day=float(requests), payback_days=payback, npv=npv, npv_p5=low, npv_p95=high)
        curve.append(point)
    return curve


def _cached_guide(baseline: Way) -> CachedGuide | None:
    """What the baseline would cost with its whole fixed prompt read from the cache, if that is cheaper."""
    if baseline.value(COST) is None or no_cache(baseline) is not None:
        return None
    cached = cached_guide(baseline)
    return CachedGuide(cost_per_request=cached.plain(COST), effective_cost_per_request=cached.plain(EFFECTIVE))
