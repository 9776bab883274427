"""The whole account of a comparison: point figures, their derivation, ranges, alternatives, and flip points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from ...core import notebook_page, say
from .comparison import Account
from .flips import carrying_failure_cost, solve_flips
from .inputs.inputs import collect_quantities, conditions_of, uncounted_cost
from .inputs.measured import MeasuredVariant, TrainingCost
from .inputs.missing import missing_keys
from .inputs.origins import with_origins
from .inputs.quantity import Quantity
from .inputs.read_settings import warnings_of
from .inputs.settings import RoiSettings, Triangular
from .point import alternatives_of, known_values, point_account
from .recount import formula_inputs
from .simulate import VOLUME_RANGE, draw_values, outcomes, spreads, tornado, with_bands

__all__ = ["Money", "compute_money"]

ZERO = Decimal(0)


@dataclass(frozen=True, repr=False)
class Money:
    """The account of one comparison: point figures in Decimal, ranges from draws, every assumption with its source."""

    keys: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The `money` of results.json and of `tuneworth roi --json`: numbers, lists, texts and None only."""
        return {key: _plain(value) for key, value in self.keys.items()}

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self._figures())

    def _figures(self) -> list[tuple[str, str]]:
        money = self.to_json()
        currency, payback = money["currency"], money["payback_days"]
        figures = [
            ("saving per request", say.money(money["saving_per_request"], currency)),
            ("investment", say.money(money["investment"], currency)),
        ]
        if money["saving_per_request"] is not None and money["requests_per_day"] is not None:
            likely = say.days_range(money["payback_days_p5"], money["payback_days_p95"])
            figures.append(("payback", f"{say.days(payback)} (5 to 95%: {likely})"))
        return figures

    def _repr_html_(self) -> str:
        lead = f"{self.keys['candidate']} compared with {self.keys['baseline']}"
        return notebook_page(lead, figures=self._figures())


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
    """The money of `candidate` compared to `baseline`, from stated and measured numbers.

    If prices, tokens or volumes are missing, their figures are None and `missing` names them. The days until the base
    model's retirement are counted from `today`, by default the current day.
    """
    measured = measured or {}
    names = list(dict.fromkeys([baseline, candidate, *settings.variants, *measured]))
    settings, today = with_origins(settings, measured, baseline), today or datetime.now(UTC).date()
    quantities = collect_quantities(settings, names, measured, training, today=today)
    keys = point_account(quantities, settings, baseline=baseline, candidate=candidate, names=names, measured=measured)
    values = known_values(quantities)
    exact = Account(values, conditions_of(settings, baseline, candidate, measured))
    drawn = Account(draw_values(quantities, groups=groups, seed=seed, draws=draws), exact.conditions, "drawn")
    keys |= outcomes(drawn)
    keys |= spreads(drawn, target_days=float(values.get("target_payback_days", ZERO)))
    possible = alternatives_of(settings, quantities, measured)
    keys["alternatives"] = [way.row(drawn) for way in possible.of(exact)]
    keys["volume_curve"] = with_bands(keys["volume_curve"], drawn)
    keys |= {
        "tornado": tornado(quantities, drawn),
        "flips": solve_flips(exact, drawn, possible),
        "carrying_failure_cost": carrying_failure_cost(exact, drawn, possible),
    }
    keys |= {
        "target_payback_days": values.get("target_payback_days"),
        "horizon_days": None if exact.batch else exact.value("counted_days"),
        "failures": settings.failures,
        "failure_cost": values.get("failure_cost"),
        "already_spent": values.get("investment.already_spent", ZERO),
        "formula_inputs": formula_inputs(exact, settings),
        "missing": missing_keys(settings, values, (baseline, candidate), measured),
        "assumptions": [_assumption(quantity) for quantity in quantities.values()],
    }
    warnings = warnings_of(settings, (baseline, candidate), today) + uncounted_cost(settings, training)
    assumed = [key for key, one in quantities.items() if one.source == "default" and key.endswith(".price_cached")]
    warnings += [f"roi.{key} is unknown, so the price is drawn from 0 to the input price; state it" for key in assumed]
    return Money(keys | {"warnings": warnings})


def _assumption(quantity: Quantity) -> dict[str, Any]:
    """One entry of `money.assumptions`; a single volume shows the range drawn around it and the source of that range."""
    if quantity.key != "requests_per_day" or quantity.value is None or quantity.range is not None:
        return quantity.to_json()
    ends = Triangular(*(quantity.value * Decimal(str(share)) for share in VOLUME_RANGE))
    return replace(quantity, range=ends, detail="the range is Tuneworth's own; state [low, likely, high]").to_json()


def _plain(value: Any) -> Any:
    """Values as JSON can hold them: Decimals become floats (17 digits)."""
    if isinstance(value, Decimal | np.floating):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
