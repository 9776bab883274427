"""The tables of the Markdown page with a row for each variant, and for each way without training."""

from collections.abc import Mapping
from typing import Any

from ..core import unbroken as say
from .sections import rivals
from .sections.order import compared_variants, other_variants
from .stored import StoredRun
from .words import share_words

__all__ = ["variant_rows", "way_rows", "ways_lead"]

MOST_VARIANTS = 10


def variant_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """Per variant: name, requests, three shares with ranges, tokens and cost per request; the compared pair comes first."""
    names = [*reversed(compared_variants(run)), *other_variants(run)]
    rows = [_variant(run, name) for name in names[:MOST_VARIANTS]]
    if len(names) > MOST_VARIANTS:
        rows.append((f"and {len(names) - MOST_VARIANTS} more", *[""] * 6))
    return rows


def way_rows(run: StoredRun) -> list[tuple[str, ...]]:
    """Per way without training, if there are several: name, what it took, share, difference, cost, payback and chance."""
    rows = rivals.rival_rows(run) if len(run.rivals) > 1 else []
    return [
        (
            f"{row.name} (strongest)" if row.strongest else row.name,
            row.took, row.acceptable, row.difference, row.cost,
            ", ".join(filter(None, (row.payback, row.chance))),
        )
        for row in rows
    ]  # fmt: skip


def ways_lead(run: StoredRun) -> str:
    """How many ways without training the candidate beats, and which one is the strongest."""
    return rivals.lead(run)


def _variant(run: StoredRun, name: str) -> tuple[str, ...]:
    scored = run.results["quality"][name]
    tokens = (run.results.get("tokens") or {}).get(name) or {}
    known = [tokens[key] for key in ("fixed", "input", "output") if tokens.get(key) is not None]
    money = run.results.get("money") or {}
    priced = (money.get("variants") or {}).get(name) or {}
    return (
        run.label(name),
        say.count(scored.get("n")),
        *(share_words(scored, key) for key in ("acceptable", "consistent", "faithful")),
        say.count(round(sum(known))) if known else "not counted",
        _cost(priced, str(money.get("currency") or "")),
    )


def _cost(variant: Mapping[str, Any], currency: str) -> str:
    """The cost of a request, or of a day if the variant runs on dedicated machines."""
    cost, machines = variant.get("cost_per_request"), variant.get("machine_cost_per_day")
    if cost is None:
        return "–"
    return f"{say.money(machines, currency)} per day" if machines else say.money(cost, currency)
