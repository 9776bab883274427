"""What a reader should know of the prices before believing the money."""

from collections.abc import Sequence
from datetime import date

from .prices import STALE_DAYS, is_tuned_name, tuned_sibling
from .roi_settings import RoiSettings

__all__ = ["warnings_of"]


def warnings_of(settings: RoiSettings, names: Sequence[str], today: date) -> list[str]:
    """`money.warnings`: prices that are old, undated, or a base model's where a tuned one runs.

    `names` are (baseline, candidate).
    """
    found = []
    for name, table in settings.variants.items():
        listed = table.listed
        if listed is None or table.like is not None:
            continue
        age = listed.age_days(today)
        if age is None:
            found.append(f"roi.{name}: the price of {table.model} has no date ({listed.source})")
        elif age > STALE_DAYS:
            since = listed.listed_until or listed.date
            found.append(
                f"roi.{name}: the price of {table.model} is from a list whose newest entry is of {since}, {age:,} days "
                "old; compare it with the page of the provider"
            )
    return found + _base_for_tuned(settings, names[1])


def _base_for_tuned(settings: RoiSettings, candidate: str) -> list[str]:
    """A base model's name in the candidate's table: providers mostly charge more for a tuned model."""
    table = settings.variants.get(candidate)
    if table is None or table.listed is None or table.model is None or is_tuned_name(table.model):
        return []
    if not table.listed.source.startswith("genai-prices"):
        return []  # the user's own file says what this model costs
    tuned = tuned_sibling(table.model, on=table.listed.date)
    known = ""
    if tuned is not None:
        known = f"; the list has {tuned.input} and {tuned.output} {tuned.currency} for its tuned form ({tuned.source})"
    return [f"roi.{candidate}: {table.model} is a base model's name, and its price is not a tuned model's{known}"]
