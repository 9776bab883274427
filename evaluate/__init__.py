"""Variants to outputs, scores, money and a verdict."""

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
