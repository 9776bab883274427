"""What both options cost, what the difference saves, and when the investment is paid back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from ...core import quoted_page, say
from ..verdict.flips import carrying_failure_cost, solve_flips
from .account import point_account
from .alternatives import alternatives
from .distribution import spreads, with_bands
from .draws import VOLUME_RANGE, draw_values
from .formula_inputs import formula_inputs
from .formulas import ZERO
from .options import Plan, read_plan
from .price_warnings import warnings_of
from .quantities import MeasuredVariant, Quantity, TrainingCost, collect_quantities
from .roi_settings import RoiSettings, Triangular, VariantMoney
from .uncertainty import outcomes, tornado

__all__ = ["Money", "compute_money"]


@dataclass(frozen=True, repr=False)
class Money:
    """The account of one comparison: point figures in Decimal, ranges from draws, every assumption with its source."""

    keys: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The `money` of results.json and of `tuneworth roi --json`: numbers, lists, texts and None only."""
        return {key: _plain(value) for key, value in self.keys.items()}

    def __repr__(self) -> str:
        found = self.to_json()
        currency, payback = found["currency"], found["payback_days"]
        lines = [
            f"saving per request: {say.money(found['saving_per_request'], currency)}",
            f"investment: {say.money(found['investment'], currency)}",
        ]
        if found["saving_per_request"] is not None and found["requests_per_day"] is not None:
            likely = say.days_range(found["payback_days_p5"], found["payback_days_p95"])
            lines.append(f"payback: {say.days(payback)} (5 to 95%: {likely})")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return quoted_page(repr(self))


def compute_money(
    settings: RoiSettings,
    *,
    baseline: str,
    candidate: str,
    measured: Mapping[str, MeasuredVariant] | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    training: TrainingCost | None = None,
    seed: int = 0,
    draws: int = 10_000,
    today: date | None = None,
) -> Money:
    """The money of `candidate` against `baseline`, from stated and measured numbers.

    Missing prices, tokens or volumes leave their figures None and are named in `missing`. `today` is the day from
    which the base model's retirement is counted, the present one if left out.
    """
    measured = measured or {}
    settings = _shared_prices(settings, measured, baseline)
    today = today or datetime.now(UTC).date()
    names = list(dict.fromkeys([baseline, candidate, *settings.variants, *measured]))
    quantities = collect_quantities(settings, names, measured, training, today=today)
    values = {key: quantity.value for key, quantity in quantities.items() if quantity.value is not None}
    plan = read_plan(values, settings)
    drawn = draw_values(quantities, groups=groups, seed=seed, draws=draws)
    keys = point_account(quantities, settings, baseline=baseline, candidate=candidate, names=names, measured=measured)
    keys |= outcomes(drawn, settings, baseline, candidate)
    target = float(values.get("target_payback_days", ZERO))
    keys |= spreads(drawn, settings, baseline, candidate, target_days=target)
    keys["volume_curve"] = with_bands(keys["volume_curve"], drawn, settings, baseline, candidate)
    sources = {key: quantity.source for key, quantity in quantities.items()}

    def ways(changed: Mapping[str, Decimal], other: RoiSettings) -> list[dict[str, Any]]:
        return alternatives(changed, other, measured, (baseline, candidate), read_plan(changed, other), sources=sources)

    keys |= {
        "tornado": tornado(quantities, drawn, settings, baseline, candidate),
        "flips": solve_flips(values, settings, baseline, candidate, drawn=drawn, ways=ways),
        "carrying_failure_cost": carrying_failure_cost(values, settings, baseline, candidate, drawn=drawn),
    }
    said = _said(settings, values, plan, quantities, baseline, candidate)
    return Money(keys | said | {"warnings": warnings_of(settings, (baseline, candidate), today)})


def _shared_prices(settings: RoiSettings, measured: Mapping[str, MeasuredVariant], baseline: str) -> RoiSettings:
    """The settings with the baseline's prices for other variants of the run that no table names: the same model."""
    table, run = settings.variants.get(baseline), measured.get(baseline)
    if table is None or run is None or run.model is None or table.self_hosted:
        return settings
    shared = {}
    for name, other in measured.items():
        if name in settings.variants or other.model != run.model or other.tuned:
            continue
        prices = {
            key: getattr(table, key) for key in ("price_input", "price_cached", "price_cache_write", "price_output")
        }
        own = VariantMoney(**prices, model=table.model, min_cached_tokens=table.min_cached_tokens)
        object.__setattr__(own, "listed", table.listed)
        object.__setattr__(own, "like", baseline)
        shared[name] = own
    if not shared:
        return settings
    extended = replace(settings)
    object.__setattr__(extended, "variants", {**settings.variants, **shared})
    object.__setattr__(extended, "stated", settings.stated)
    return extended


def _said(
    settings: RoiSettings,
    values: Mapping[str, Decimal],
    plan: Plan,
    quantities: Mapping[str, Quantity],
    baseline: str,
    candidate: str,
) -> dict[str, Any]:
    """What the figures rest on: target, horizon, what is missing, and every assumption."""
    return {
        "target_payback_days": values.get("target_payback_days"),
        "horizon_days": None if plan.requests_total is not None else plan.horizon_days,
        "failures": settings.failures,
        "failure_cost": plan.failure_cost,
        "already_spent": values.get("investment.already_spent", ZERO),
        "formula_inputs": formula_inputs(values, settings, plan, baseline, candidate),
        "missing": _missing(settings, values, (baseline, candidate)),
        "assumptions": [_assumption(quantity) for quantity in quantities.values()],
    }


def _assumption(quantity: Quantity) -> dict[str, Any]:
    """One entry of the list; a single volume shows the range that is drawn around it, and whose it is."""
    if quantity.key != "requests_per_day" or quantity.value is None or quantity.range is not None:
        return quantity.to_json()
    ends = Triangular(*(quantity.value * Decimal(str(share)) for share in VOLUME_RANGE))
    return replace(quantity, range=ends, detail="the range is Tuneworth's own; state [low, likely, high]").to_json()


def _missing(settings: RoiSettings, values: Mapping[str, Decimal], names: Sequence[str]) -> list[str]:
    """What has to be stated before the money can be told, as keys of the project file."""
    found = []
    if settings.requests_per_day is None and settings.requests_total is None:
        found.append("roi.requests_per_day")
    for name in names:
        table = settings.variants.get(name)
        if table is not None and table.self_hosted:
            needed = ["requests_per_second"]
        elif table is None or not table.priced:
            needed = ["price_input", "price_output", "fixed_tokens", "input_tokens", "output_tokens"]
        else:
            needed = ["fixed_tokens", "input_tokens", "output_tokens"]
        if settings.failures != "ignore":
            needed.append("acceptance")
        found += [f"roi.{name}.{key}" for key in needed if f"{name}.{key}" not in values]
    return found


def _plain(value: Any) -> Any:
    """Decimals as floats (17 digits), nothing that JSON cannot hold."""
    if isinstance(value, Decimal | np.floating):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
