"""What must be stated before the money can decide."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from .measured import MeasuredVariant
from .origins import priced_by
from .settings import RoiSettings

__all__ = ["missing_keys"]

# Any of these keys answers what training costs, and what keeping the tuned model up costs.
INVESTED = {f"investment.{key}" for key in ("compute", "labelling_pairs", "engineering_hours", "evaluation")}
PRICED = (
    {"investment.compute_hours", "investment.compute_hourly"},
    {"investment.training_tokens", "investment.training_price"},
)
KEPT_UP = {
    f"running.{key}"
    for key in ("monitoring_hours_per_month", "retrain_every_days", "style_changes_per_year", "per_month")
}


def missing_keys(
    settings: RoiSettings,
    values: Mapping[str, Decimal],
    names: Sequence[str],
    measured: Mapping[str, MeasuredVariant],
) -> list[str]:
    """The keys of the project file that must be stated before the money can be computed.

    What a derived variant lacks is missing from the variant that it is made from. The investment and the upkeep count as
    0 until they are stated, but a decision for training needs them: 0 is an answer too.
    """
    missing = []
    if settings.requests_per_day is None and settings.requests_total is None:
        missing.append("roi.requests_per_day")
    owners = [owner for name in names for owner in priced_by(settings, name, measured)]
    for name in dict.fromkeys(owners):
        table = settings.variants.get(name)
        if table is not None and not table.metered:
            needed = ["requests_per_second"]
        elif table is None or not table.priced:
            needed = ["price_input", "price_output", "fixed_tokens", "input_tokens", "output_tokens"]
        else:
            needed = ["fixed_tokens", "input_tokens", "output_tokens"]
            needed += ["requests_per_second"] if table.self_hosted else []
        missing += [f"roi.{name}.{key}" for key in needed if f"{name}.{key}" not in values]
        if settings.failures != "ignore" and name in names and f"{name}.acceptance" not in values:
            missing.append(f"roi.{name}.acceptance")
    return missing + [key for key, known in _spending(settings, values).items() if not known]


def _spending(settings: RoiSettings, values: Mapping[str, Decimal]) -> dict[str, bool]:
    """Whether the investment and the upkeep are stated, or measured and priced; a one-off batch has no upkeep."""
    trained = any(both <= set(values) for both in PRICED)
    charged = "investment.compute" in values  # by the provider that trained the run
    known = {"roi.investment": trained or charged or not settings.stated.isdisjoint(INVESTED)}
    return (
        known
        if settings.requests_total is not None
        else known | {"roi.running": not settings.stated.isdisjoint(KEPT_UP)}
    )
