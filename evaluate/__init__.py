"""Variants to outputs, scores, money and a verdict; each part is imported at first use, so that money alone is quick."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .collected import read_outputs
    from .evaluation import Evaluated, Raw, Surroundings, evaluate_outputs, write_evaluated
    from .intervals import share_interval, wilson
    from .money import compute_money
    from .paired import compare
    from .prices import price_of
    from .roi_settings import RoiSettings, check_roi, read_roi
    from .score import score_outputs
    from .settings import EvaluateSettings, VariantSettings
    from .variants import Variant, plan_variants
    from .verdict import decide

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
    "RoiSettings": "roi_settings",
    "Surroundings": "evaluation",
    "Variant": "variants",
    "VariantSettings": "settings",
    "check_roi": "roi_settings",
    "compare": "paired",
    "compute_money": "money",
    "decide": "verdict",
    "evaluate_outputs": "evaluation",
    "plan_variants": "variants",
    "price_of": "prices",
    "read_outputs": "collected",
    "read_roi": "roi_settings",
    "score_outputs": "score",
    "share_interval": "intervals",
    "wilson": "intervals",
    "write_evaluated": "evaluation",
}


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{PLACES[name]}", __name__), name)
