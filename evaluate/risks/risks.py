"""What can go wrong with a tuned model, measured where it can be; what was not measured says so."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from ..money.roi_settings import RoiSettings
from .memorisation import assess_memorisation, copies_of
from .overfitting import Outcomes, assess_overfitting
from .risk_entry import risk_entry
from .standing_risks import assess_drift, assess_examples, assess_flexibility, assess_upkeep

__all__ = ["assess_risks", "copies_of"]

TO_CHECK = "set probes = true in [evaluate] with a model on this machine"


def assess_risks(
    results: Mapping[str, Any],
    *,
    candidate_outputs: Sequence[str | None] | None = None,
    references: Sequence[str | None] | None = None,
    inputs: Sequence[str | None] | None = None,
    train_outputs: Sequence[str | None] | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    train_groups: Sequence[Any] | np.ndarray | None = None,
    acceptable: np.ndarray | None = None,
    acceptable_on_train: np.ndarray | Outcomes | None = None,
    forgetting: Mapping[str, Any] | None = None,
    roi: RoiSettings | None = None,
    today: date | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """One entry per risk (`risk_entry`); status is ok, warn, over or not checked.

    Reads `training`, `data`, `money`, `variants`, `provenance` and `comparison` of the results, as far as they are
    there. `candidate_outputs`, `references`, `inputs`, `acceptable` (of the candidate's outputs) and `groups` belong to
    the same test pairs, in one order; None leaves a pair out, and a reference is None where it breaks the rules.
    `acceptable_on_train` comes with its groups as Outcomes, `forgetting` from `assess_forgetting`.
    Only `over` holds a verdict back, and only what was measured can be over its limit.
    """
    candidate = (results.get("comparison") or {}).get("candidate") or "tuned"
    base_model = ((results.get("variants") or {}).get(candidate) or {}).get("model")
    comparable = None if references is None else np.array([reference is not None for reference in references])
    return [
        assess_overfitting(
            results.get("training"), on_train=_outcomes(acceptable_on_train), on_test=_outcomes(acceptable, groups),
            comparable=comparable,
        ),
        assess_memorisation(
            train_outputs, references, candidate_outputs, inputs=inputs, groups=groups, train_groups=train_groups,
            seed=seed,
        ),
        dict(forgetting) if forgetting is not None else risk_entry(
            "forgetting", evidence="general abilities before and after tuning were not compared", to_check=TO_CHECK
        ),
        assess_drift(results, roi, base_model=base_model, today=today or datetime.now(UTC).date()),
        assess_flexibility(results, roi),
        assess_upkeep(results, roi),
        assess_examples(results.get("data")),
    ]  # fmt: skip


def _outcomes(
    acceptable: np.ndarray | Outcomes | None, groups: Sequence[Any] | np.ndarray | None = None
) -> Outcomes | None:
    if acceptable is None or isinstance(acceptable, Outcomes):
        return acceptable
    return Outcomes(np.asarray(acceptable, dtype=float), groups)
