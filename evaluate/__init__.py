"""Variants to outputs, scores, money and a verdict; each part is imported at first use, so that money alone is quick."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .collected import read_outputs
    from .evaluation import Evaluated, Raw, Surroundings, evaluate_outputs, write_evaluated
    from .money.money import compute_money
    from .money.prices import price_of
    from .money.roi_settings import RoiSettings, check_roi, read_roi
    from .scores.score import score_outputs
    from .settings import EvaluateSettings, VariantSettings
    from .statistics.intervals import share_interval, wilson
    from .statistics.paired import compare
    from .variants import Variant, plan_variants
    from .verdict.verdict import decide

__all__ = [
    "EvaluateSettings",
    "Evaluated",
    "Raw",
    "RoiSettings",
    "Surroundings",
    "Variant",
    "VariantSettings",
    "check_roi",
    "compare",
    "compute_money",
    "decide",
    "evaluate_outputs",
    "plan_variants",
    "price_of",
    "read_outputs",
    "read_roi",
    "score_outputs",
    "share_interval",
    "wilson",
    "write_evaluated",
]

PLACES = {
    "EvaluateSettings": "settings",
    "Evaluated": "evaluation",
    "Raw": "evaluation",
    "RoiSettings": "money.roi_settings",
    "Surroundings": "evaluation",
    "Variant": "variants",
    "VariantSettings": "settings",
    "check_roi": "money.roi_settings",
    "compare": "statistics.paired",
    "compute_money": "money.money",
    "decide": "verdict.verdict",
    "evaluate_outputs": "evaluation",
    "plan_variants": "variants",
    "price_of": "money.prices",
    "read_outputs": "collected",
    "read_roi": "money.roi_settings",
    "score_outputs": "scores.score",
    "share_interval": "statistics.intervals",
    "wilson": "statistics.intervals",
    "write_evaluated": "evaluation",
}


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{PLACES[name]}", __name__), name)
