"""The risks of a tuned model, measured where possible; a risk that was not measured says so."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from ...core import say
from ...curate import Curation
from ..money.inputs.settings import RoiSettings
from ..results import ModelFacts, Money, Results, Risk
from .entry import risk_entry
from .memorisation import assess_memorisation
from .overfitting import Outcomes, assess_overfitting

# Risks of any tuned model, however good: its base model is retired, the style changes, it needs upkeep, or it was
# trained on few examples.

LIFETIME_DAYS = 365.0  # a base model that retires within a year means training again within a year
CHANGES_SHARE = 0.25  # of the yearly saving; spending more than a quarter of it on style changes deserves attention
UPKEEP_SHARE = 0.5  # of the daily saving; upkeep of more than half of it leaves little gain
SLOW_CHANGE_DAYS = 1.0  # a prompt can be changed in minutes
FEW_DISTINCT = 0.2  # of the pairs: below this share, most outputs repeat another
FEW_EXAMPLES = 100  # fewer pairs teach a form at best
FEW_GROUPS = 20  # with fewer, the intervals depend on the prior for groups, not on the data
DAYS_A_YEAR = 365.25


def assess_drift(results: Results, roi: RoiSettings | None, *, base_model: str | None, today: date) -> Risk:
    """The risk `drift`: how long the base model will be available, as an adapter fits no other model.

    The days until the stated retirement are compared with a year or the payback, whichever is longer. The date is stated,
    not measured, so it can warn but not be `over`; the money already takes it into account.
    """
    retires = None if roi is None else roi.running.base_model_retires
    named = _fits(base_model, results)
    if not isinstance(retires, date):
        return risk_entry(
            "drift", evidence=f"{named}; no retirement date is stated",
            to_check="state base_model_retires in [roi.running]",
        )  # fmt: skip
    days_to_retirement = (retires - today).days
    payback = None if results.money is None else results.money.payback_days
    saving = None if results.money is None else results.money.saving_per_day
    # If it saves money every day and still never pays back, the retirement comes first.
    too_soon = days_to_retirement < payback if payback is not None else (saving or 0) > 0
    limit = max(LIFETIME_DAYS, payback or 0.0)
    evidence = (
        f"{named}; it retires on {retires}, in {say.count(days_to_retirement, 'day')}"
        if days_to_retirement >= 0
        else f"{named}; it retired on {retires}"
    )
    if too_soon:
        evidence += ", before the investment pays back" + (f" ({say.days(payback)})" if payback is not None else "")
    return risk_entry(
        "drift",
        "warn" if too_soon or days_to_retirement < limit else "ok",
        float(days_to_retirement),
        limit,
        evidence=evidence,
        unit="days",
    )


def _fits(base_model: str | None, results: Results) -> str:
    """The name and the fingerprint of the base model, if known."""
    known = None if results.provenance is None else results.provenance.model
    known = known if isinstance(known, ModelFacts) else None
    name = base_model or (None if known is None else known.name)
    if name is None:
        return "the base model is unknown"
    digest = known.sha256 if known is not None and known.name == name else None
    return f"the adapter fits {name} only" + (f" (weights with SHA-256 {digest[:12]})" if digest else "")


def assess_flexibility(results: Results, roi: RoiSettings | None) -> Risk:
    """The risk `flexibility`: the cost of a style change, which edits a prompt but retrains a tuned model.

    If that cost is stated, the cost per year is compared with a quarter of the yearly saving; otherwise the days that
    training and evaluation took in this run are compared with one day.
    """
    money, took = results.money, _took(results)
    again = (
        f"a style change means training and testing again, which took {say.duration(took)} in this run" if took else ""
    )
    cost = _stated(money, "running.retrain_cost")
    if roi is None or cost is None:
        if not took:
            return risk_entry(
                "flexibility", evidence="the cost of a style change is unknown",
                to_check="state retrain_cost and style_changes_per_year in [roi.running], or train in this run to "
                "measure the time",
            )  # fmt: skip
        status = "warn" if took / 86_400 > SLOW_CHANGE_DAYS else "ok"
        evidence = f"{again}; its cost is not stated (retrain_cost in [roi.running])"
        return risk_entry(
            "flexibility", status, took / 86_400, SLOW_CHANGE_DAYS, evidence=evidence, unit="days per change",
            measured=True,
        )  # fmt: skip
    changes, saved = _stated(money, "running.style_changes_per_year") or 0.0, _yearly_saving(money)
    evidence = f"each style change costs {say.money(cost, roi.currency)}; {changes:g} a year are planned"
    limit = None if saved is None else max(CHANGES_SHARE * saved, 0.0)
    warned = limit is not None and changes * cost > limit
    return risk_entry(
        "flexibility", "warn" if warned else "ok", changes * cost, limit,
        evidence=f"{evidence}; {again}" if again else evidence, unit=f"{roi.currency} a year", measured=False,
        days_per_change=took / 86_400 if took else None,
    )  # fmt: skip


def _took(results: Results) -> float | None:
    """The seconds of this run's training and evaluation: the minimum for a style change."""
    trained = None if results.training is None else results.training.seconds
    if trained is None:
        return None
    seconds = (None if results.provenance is None else results.provenance.seconds) or {}
    return trained + seconds.get("evaluate", 0.0)


def assess_upkeep(results: Results, roi: RoiSettings | None) -> Risk:
    """The risk `upkeep`: the daily cost of monitoring, retraining and machines against half of the requests' saving."""
    money = results.money
    running = None if money is None else money.running_cost_per_day
    if roi is None or money is None or running is None:
        return risk_entry(
            "upkeep", evidence="the running cost of the tuned model is unknown",
            to_check="state monitoring and retraining in [roi.running]",
        )  # fmt: skip
    if running == 0 and not _any_upkeep(money):
        return risk_entry(
            "upkeep", evidence="no running cost of the tuned model is stated, so none is counted",
            to_check="state monitoring and retraining in [roi.running]; 0 counts as stated",
        )  # fmt: skip
    saved = _yearly_saving(money)
    evidence = f"running the tuned model costs {say.money(running, roi.currency)} a day more than prompting"
    evidence += _retraining(money, roi.currency)
    if saved is None:
        return risk_entry(
            "upkeep", "ok" if running <= 0 else "warn", running, None, evidence=evidence, unit=f"{roi.currency} a day"
        )
    daily = saved / DAYS_A_YEAR
    evidence += (
        f"; that is {say.percent(running / daily)} of what its requests save" if running > 0 and daily > 0 else ""
    )
    evidence += "; its requests save nothing" if running > 0 and daily <= 0 else ""
    limit = max(UPKEEP_SHARE * daily, 0.0)
    status = "warn" if running > limit else "ok"
    return risk_entry("upkeep", status, running, limit, evidence=evidence, unit=f"{roi.currency} a day")


def _any_upkeep(money: Money) -> bool:
    """Whether anything is stated in `[roi.running]`, including 0."""
    return any(line.key.startswith("running.") and line.source != "default" for line in money.assumptions)


def _retraining(money: Money | None, currency: str) -> str:
    every, cost = _stated(money, "running.retrain_every_days"), _stated(money, "running.retrain_cost")
    if not every or not cost:
        return ""
    return f", including {say.money(cost / every, currency)} for retraining every {say.count(every, 'day')}"


def _yearly_saving(money: Money | None) -> float | None:
    if money is None or money.saving_per_request is None or money.requests_per_day is None:
        return None
    return money.saving_per_request * money.requests_per_day * DAYS_A_YEAR


def _stated(money: Money | None, key: str) -> float | None:
    lines = () if money is None else money.assumptions
    values = (line.value for line in lines if line.key == key)
    return next((float(value) for value in values if isinstance(value, int | float)), None)


def assess_examples(data: Curation | None) -> Risk:
    """The risk `examples`: few pairs, distinct outputs or groups teach little and prove little."""
    if data is None:
        return risk_entry(
            "examples",
            evidence="the examples were not curated in this run",
            to_check="run `tuneworth curate`, which counts them",
        )
    kept, distinct, groups = data.outcomes.kept, data.distinct_outputs, data.groups
    read = data.rows_read or kept
    evidence = f"{kept:,} pairs kept of {read:,} read"
    evidence += f", {distinct:,} distinct outputs among those read" if distinct is not None else ""
    evidence += f", {groups:,} groups" if groups else ""
    share = None if distinct is None or not read else distinct / read
    few = {
        "pairs": kept < FEW_EXAMPLES,
        "distinct outputs": share is not None and share < FEW_DISTINCT,
        "groups": groups is not None and 0 < groups < FEW_GROUPS,
    }
    named = [what for what, is_few in few.items() if is_few]
    evidence += f": few {' and few '.join(named)}" if named else ""
    return risk_entry(
        "examples", "warn" if named else "ok", share, FEW_DISTINCT, evidence=evidence, unit="share", measured=True,
        few=named,
    )  # fmt: skip


TO_CHECK = "set probes = true in [evaluate] with a model on this machine"


def assess_risks(
    results: Results,
    *,
    candidate_outputs: Sequence[str | None] | None = None,
    references: Sequence[str | None] | None = None,
    inputs: Sequence[str | None] | None = None,
    train_outputs: Sequence[str | None] | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    train_groups: Sequence[Any] | np.ndarray | None = None,
    acceptable: np.ndarray | None = None,
    acceptable_on_train: np.ndarray | Outcomes | None = None,
    forgetting: Risk | None = None,
    roi: RoiSettings | None = None,
    today: date | None = None,
    seed: int = 0,
) -> list[Risk]:
    """Every risk; its status is ok, warn, over or not checked.

    Reads `training`, `data`, `money`, `variants`, `provenance` and `comparison` of the results, if they exist.
    `candidate_outputs`, `references`, `inputs`, `acceptable` (of the candidate's outputs) and `groups` belong to the
    same test pairs, in the same order; None drops a pair, and a reference is None if it breaks the rules.
    `acceptable_on_train` includes its groups as Outcomes; `forgetting` comes from `assess_forgetting`.
    Only `over` blocks a verdict, and only a measured risk can be over its limit.
    """
    candidate = "tuned" if results.comparison is None else results.comparison.candidate
    base_model = results.variants[candidate].model if candidate in results.variants else None
    comparable = None if references is None else np.array([reference is not None for reference in references])
    return [
        assess_overfitting(
            results.training, on_train=_outcomes(acceptable_on_train), on_test=_outcomes(acceptable, groups),
            comparable=comparable, good=results.good,
        ),
        assess_memorisation(
            train_outputs, references, candidate_outputs, inputs=inputs, groups=groups, train_groups=train_groups,
            seed=seed,
        ),
        forgetting if forgetting is not None else risk_entry(
            "forgetting", evidence="general abilities before and after tuning were not compared", to_check=TO_CHECK
        ),
        assess_drift(results, roi, base_model=base_model, today=today or datetime.now(UTC).date()),
        assess_flexibility(results, roi),
        assess_upkeep(results, roi),
        assess_examples(results.data),
    ]  # fmt: skip


def _outcomes(
    acceptable: np.ndarray | Outcomes | None, groups: Sequence[Any] | np.ndarray | None = None
) -> Outcomes | None:
    if acceptable is None or isinstance(acceptable, Outcomes):
        return acceptable
    return Outcomes(np.asarray(acceptable, dtype=float), groups)
