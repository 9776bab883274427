"""Whether live requests differ from those of a run: one permutation test over everything that can be counted of them.

Each trait (a field's value, a missing field, a length, a language, a word) has its difference in standard errors; the
largest of all is compared with the largest when the same requests are dealt to both sides at random (Westfall and Young 1993),
so all traits together raise a false alarm with the stated probability, whatever depends on what. `scores/references.py` is
for pairs of texts about one input and cannot compare two unpaired sets; a difference found here has a name at once.

The requests of a run come in groups, whole families of a catalogue: the difference of a trait that comes by the group is divided
by the standard error that this gives it (Chung and Romano 2013: a permutation test of studentised differences holds although
the two sides differ otherwise). Live requests count as independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..scores.groups import groups_of
from ..statistics.intervals import group_codes
from .traits import Trait, new_values, read_fields, traits_of

__all__ = ["DRIFT_LEVEL", "FEWEST_REQUESTS", "drift_of"]

DRIFT_LEVEL = 0.001  # of a look; 52 looks a year have 5% together
PERMUTATIONS = 2_000  # the smallest p value is half the level
MOST_REQUESTS = 1_000  # of each side, a seeded sample; 1,000 show a share that rose from 1% to 5%
FEWEST_REQUESTS = 50  # live requests; fewer hardly show anything at this level
MOST_SHOWN = 12
AT_ONCE = 250  # permutations in memory


@dataclass(frozen=True)
class _Sides:
    """The traits of the pooled requests `(requests, traits)`, which requests are live, and the group of each of the others."""

    table: np.ndarray
    live: np.ndarray
    groups: np.ndarray


def drift_of(known: pl.DataFrame, live: pl.DataFrame, *, level: float = DRIFT_LEVEL, seed: int = 0) -> dict[str, Any]:
    """How live requests differ from the `known` ones of a run: pair tables; of the live, `input` and `fields` are enough.

    drifted: whether they differ, at the `level`. p_value: of the largest difference. differences: those beyond the level,
    the largest first: `kind, field, value, known, live` (shares; for lengths and numbers the medians), `p_value` adjusted
    for all traits. new: fields and values that the known requests do not have, counted. Each distinct request counts
    once. If one side has no fields at all, only the texts are compared.
    `reason` says why nothing was tested, else it is null.
    """
    rng = np.random.default_rng(seed)
    if known["fields"].is_null().all() or live["fields"].is_null().all():
        known, live = (table.with_columns(fields=pl.lit(None, pl.String)) for table in (known, live))
    before, now = (_sample(_distinct(table), rng) for table in (known, live))
    new = new_values(read_fields(known), read_fields(live))
    result = {"level": level, "known": len(before), "live": len(now), "new": new}
    if min(len(before), len(now)) < FEWEST_REQUESTS:
        reason = f"{min(len(before), len(now))} distinct requests; at least {FEWEST_REQUESTS} are needed"
        return result | {"drifted": None, "p_value": None, "differences": [], "reason": reason}
    traits = traits_of(pl.concat([table.select("input", "fields") for table in (before, now)]))
    side = np.arange(len(before) + len(now)) >= len(before)
    table = np.stack([trait.has for trait in traits], axis=1).astype(np.float32)
    p_values, largest = _tested(_Sides(table, side, _groups(before)), rng)
    order = [place for place in np.argsort(-largest) if p_values[place] <= level]
    shown = _without_repeats([traits[place] for place in order])
    return result | {
        "drifted": bool(order),
        "p_value": float(p_values.min()),
        "differences": [_difference(traits[p], side, float(p_values[p])) for p in order if traits[p] in shown],
        "reason": None,
    }


def _distinct(table: pl.DataFrame) -> pl.DataFrame:
    """One request of each text."""
    return table.unique("input", keep="first", maintain_order=True)


def _groups(known: pl.DataFrame) -> np.ndarray:
    """The number of each request's group."""
    names = groups_of(known) if "group" in known.columns else None
    return group_codes(names, len(known))[0]


def _sample(table: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    if len(table) <= MOST_REQUESTS:
        return table
    return table[np.sort(rng.permutation(len(table))[:MOST_REQUESTS])]


def _tested(sides: _Sides, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`(traits,)` twice: the p value of each trait, adjusted for all, and its difference in standard errors."""
    spread = sides.table.std(axis=0)
    centred = (sides.table - sides.table.mean(axis=0)) / np.where(spread > 0, spread, 1)
    found = np.abs(_differences(centred, sides.live[None, :]))[0] / _by_groups(sides)
    reached = np.ones(len(found))
    for start in range(0, PERMUTATIONS, AT_ONCE):
        orders = rng.permuted(np.tile(sides.live, (min(AT_ONCE, PERMUTATIONS - start), 1)), axis=1)
        largest = np.abs(_differences(centred, orders)).max(axis=1)
        reached += (largest[:, None] >= found - 1e-5).sum(axis=0)
    return reached / (1 + PERMUTATIONS), found


def _by_groups(sides: _Sides) -> np.ndarray:
    """`(traits,)`: by how much the groups of the known requests widen the standard error of each difference, 1 or more."""
    known = sides.table[~sides.live] - sides.table[~sides.live].mean(axis=0)
    n, live = len(known), int(sides.live.sum())
    sums = np.zeros((int(sides.groups.max()) + 1, known.shape[1]))
    np.add.at(sums, sides.groups, known)
    single, grouped = (known**2).sum(axis=0), (sums**2).sum(axis=0)
    effect = np.maximum(np.divide(grouped, single, out=np.ones(len(single)), where=single > 0), 1.0)
    return np.sqrt((effect / n + 1 / live) / (1 / n + 1 / live))


def _differences(centred: np.ndarray, live: np.ndarray) -> np.ndarray:
    """`(orders, traits)`: live mean minus known mean, in standard errors, for each row of sides."""
    count, total = live.sum(axis=1, keepdims=True), live.shape[1]
    sums = live.astype(np.float32) @ centred  # the sums of both sides are opposite, as the table is centred
    return sums * np.sqrt(total / (count * (total - count)))


def _without_repeats(traits: Sequence[Trait]) -> list[Trait]:
    """The first traits that are not a word of a field or value that is shown already."""
    shown: list[Trait] = []
    for trait in traits:
        if len(shown) == MOST_SHOWN:
            break
        texts = (f"{other.field} {other.value}".casefold() for other in shown)
        within = trait.kind == "word" and any(trait.value in text for text in texts)
        if not within:
            shown.append(trait)
    return shown


def _difference(trait: Trait, live: np.ndarray, p_value: float) -> dict[str, Any]:
    values = trait.has if trait.numbers is None else trait.numbers
    mean = np.mean if trait.numbers is None else np.nanmedian
    ends = {name: float(mean(values[side])) for name, side in (("known", ~live), ("live", live))}
    return {"kind": trait.kind, "field": trait.field, "value": trait.value, **ends, "p_value": p_value}
