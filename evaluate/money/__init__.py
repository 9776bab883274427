"""What requests cost, what a change saves, and when it pays back; each part is imported at its first use, which keeps
looking up prices fast."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .account import compute_money
    from .alternatives import beats_tuning
    from .chances import SURE, UNSURE, Weight, weigh
    from .comparison import Account
    from .derivation import read_inputs
    from .flips import carrying_failure_cost
    from .inputs.inputs import collect_quantities, conditions_of
    from .inputs.measured import MeasuredVariant, TrainingCost
    from .inputs.options import Pair
    from .inputs.prices import STALE_DAYS, ModelPrice, is_tuned_name, price_of, read_prices, with_price_path
    from .inputs.quantity import Quantity
    from .inputs.read_settings import check_roi, read_roi
    from .inputs.settings import Number, RoiSettings, Triangular, VariantMoney
    from .simulate import draw_values, npv_distribution, outcomes, payback_distribution, simulated

__all__ = [
    "STALE_DAYS", "SURE", "UNSURE", "Account", "MeasuredVariant", "ModelPrice", "Number", "Pair",
    "Quantity", "RoiSettings", "TrainingCost", "Triangular", "VariantMoney", "Weight",
    "beats_tuning", "carrying_failure_cost", "check_roi", "collect_quantities",
    "compute_money", "conditions_of", "draw_values", "is_tuned_name", "npv_distribution", "outcomes",
    "payback_distribution", "price_of", "read_inputs", "read_prices", "read_roi",
    "simulated", "weigh", "with_price_path",
]  # fmt: skip

PLACES = {
    "account": "compute_money",
    "alternatives": "beats_tuning",
    "comparison": "Account",
    "derivation": "read_inputs",
    "chances": "SURE UNSURE Weight weigh",
    "flips": "carrying_failure_cost",
    "inputs.inputs": "collect_quantities conditions_of",
    "inputs.measured": "MeasuredVariant TrainingCost",
    "inputs.quantity": "Quantity",
    "inputs.options": "Pair",
    "inputs.prices": "STALE_DAYS ModelPrice is_tuned_name price_of read_prices with_price_path",
    "inputs.read_settings": "check_roi read_roi",
    "inputs.settings": "Number RoiSettings Triangular VariantMoney",
    "simulate": "draw_values npv_distribution outcomes payback_distribution simulated",
}


def __getattr__(name: str) -> Any:
    module = next((module for module, names in PLACES.items() if name in names.split()), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{module}", __name__), name)
