"""What can go wrong with a tuned model, measured where it can be; what was not measured says so."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from .intervals import wilson
from .paired import compare
from .roi_settings import RoiSettings
from .wording import percent

__all__ = ["assess_risks", "copies_of"]

COPIED_WORDS = 8
TRAIN_GAP = 0.10  # points by which acceptable on train may stand above test
LOSS_RISE = 0.02  # of the best validation loss; less than this is noise between evaluations
LIFETIME_DAYS = 365.0
FEW_DISTINCT = 0.2
FEW_EXAMPLES = 100
FEW_GROUPS = 20  # the statistics need that many for a bootstrap over groups


def assess_risks(
    results: Mapping[str, Any],
    *,
    candidate_outputs: Sequence[str | None] | None = None,
    references: Sequence[str | None] | None = None,
    train_outputs: Sequence[str] | None = None,
    groups: Sequence[Any] | np.ndarray | None = None,
    acceptable_on_train: np.ndarray | None = None,
    roi: RoiSettings | None = None,
    today: date | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """One `{id, status, value, limit, evidence}` per risk; status is ok, warn, over or not checked.

    Reads `training`, `data`, `money`, `variants`, `quality` and `comparison` of the results, as far as they are there.
    `references` and `candidate_outputs` belong to the same test pairs, in one order; None leaves a pair out.
    Only `over` holds a verdict back, and only what was measured can be over its limit.
    """
    money, candidate = results.get("money"), (results.get("comparison") or {}).get("candidate") or "tuned"
    on_test = (results.get("quality") or {}).get(candidate) or {}
    base_model = ((results.get("variants") or {}).get(candidate) or {}).get("model")
    return [
        _overfitting(results.get("training"), acceptable_on_train, on_test),
        _memorisation(train_outputs, references, candidate_outputs, groups, seed),
        _risk("forgetting", evidence="general abilities before and after tuning were not compared"),
        _drift(base_model, roi, today or datetime.now(UTC).date()),
        _flexibility(roi, money),
        _upkeep(roi, money),
        _examples(results.get("data")),
    ]


def _risk(
    name: str, status: str = "not checked", value: float | None = None, limit: float | None = None, *, evidence: str
) -> dict[str, Any]:
    return {"id": name, "status": status, "value": value, "limit": limit, "evidence": evidence}


def _overfitting(
    training: Mapping[str, Any] | None, on_train: np.ndarray | None, on_test: Mapping[str, Any]
) -> dict[str, Any]:
    """Acceptable on train pairs against test where both were generated, else the validation loss since its best."""
    share = (on_test.get("acceptable") or {}).get("share")
    if on_train is not None and len(on_train) and share is not None:
        gap, low = _gap(float(np.mean(on_train)), len(on_train), share, on_test.get("n_effective") or on_test["n"])
        evidence = (
            f"acceptable on {len(on_train)} train pairs {percent(float(np.mean(on_train)))}, "
            f"on {on_test['n']} test pairs {percent(share)}"
        )
        status = "over" if gap > TRAIN_GAP and low > 0 else "ok"
        return _risk("overfitting", status, gap, TRAIN_GAP, evidence=evidence)
    losses = [
        (int(entry["step"]), float(entry["validation_loss"]))
        for entry in (training or {}).get("log") or []
        if entry.get("validation_loss") is not None
    ]
    if len(losses) < 2:
        return _risk("overfitting", evidence="fewer than two validation losses, and no outputs for train pairs")
    step, best = min(losses, key=lambda loss: loss[1])
    rise = losses[-1][1] / best - 1
    evidence = f"validation loss {best:.3f} at its best (step {step}), {losses[-1][1]:.3f} at the end"
    # The adapter of the best step is the one that is kept, so a rise after it warns and does not fire.
    if rise > LOSS_RISE:
        return _risk("overfitting", "warn", rise, LOSS_RISE, evidence=f"{evidence}; the best step's adapter is used")
    return _risk("overfitting", "ok", rise, LOSS_RISE, evidence=evidence)


def _gap(on_train: float, n_train: float, on_test: float, n_test: float) -> tuple[float, float]:
    """Difference of two independent shares and its lower end: Newcombe 1998 (Statist. Med. 17, 873), method 10."""
    train, test = wilson(on_train * n_train, n_train), wilson(on_test * n_test, n_test)
    down = on_train - (train.low or 0.0)
    up = (1.0 if test.high is None else test.high) - on_test
    return on_train - on_test, on_train - on_test - (down**2 + up**2) ** 0.5


def copies_of(outputs: Sequence[str], train_outputs: Sequence[str], *, words: int = COPIED_WORDS) -> np.ndarray:
    """Whether each output holds a run of `words` words that stands in a train output: `(n,)` of bool.

    Words are compared without case and without punctuation at their ends; shorter outputs hold no such run.
    """
    known = {run for text in train_outputs for run in _runs(text, words)}
    return np.array([any(run in known for run in _runs(text, words)) for text in outputs], dtype=bool)


def _runs(text: str, words: int) -> list[tuple[str, ...]]:
    found = [word for raw in text.casefold().split() if (word := raw.strip(".,;:!?()[]{}\"'“”‘’"))]
    return [tuple(found[i : i + words]) for i in range(len(found) - words + 1)]


def _memorisation(
    train_outputs: Sequence[str] | None,
    references: Sequence[str | None] | None,
    outputs: Sequence[str | None] | None,
    groups: Sequence[Any] | np.ndarray | None,
    seed: int,
) -> dict[str, Any]:
    """Copies of train outputs, above how often the references of the same pairs hold them anyway."""
    if not train_outputs or references is None or outputs is None:
        return _risk("memorisation", evidence="needs the train outputs, the references and the candidate's outputs")
    kept = [i for i, both in enumerate(zip(references, outputs, strict=True)) if None not in both]
    if not kept:
        return _risk("memorisation", evidence="no test pair has both a usable reference and an output")
    theirs = copies_of([references[i] or "" for i in kept], train_outputs)
    ours = copies_of([outputs[i] or "" for i in kept], train_outputs)
    found = compare(theirs, ours, None if groups is None else [groups[i] for i in kept], seed=seed)
    evidence = (
        f"{int(ours.sum())} of {len(kept)} outputs repeat {COPIED_WORDS} or more words in a row of a train output; "
        f"of the references {int(theirs.sum())} do"
    )
    over = found.low is not None and found.low > 0
    warned = found.difference is not None and found.difference > 0.05
    return _risk(
        "memorisation", "over" if over else "warn" if warned else "ok", found.difference, 0.0, evidence=evidence
    )


def _drift(base_model: str | None, roi: RoiSettings | None, today: date) -> dict[str, Any]:
    """How long the base model will be there; the adapter fits no other."""
    named = f"the adapter fits {base_model} only" if base_model else "the base model is not named"
    retires = None if roi is None else roi.running.base_model_retires
    if not isinstance(retires, date):
        return _risk("drift", evidence=f"{named}; no retirement date is stated (running.base_model_retires)")
    left = (retires - today).days
    evidence = f"{named}; it retires on {retires}, in {left} days" if left >= 0 else f"{named}; it retired on {retires}"
    return _risk("drift", "warn" if left < LIFETIME_DAYS else "ok", float(left), LIFETIME_DAYS, evidence=evidence)


def _flexibility(roi: RoiSettings | None, money: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a change of style costs: a prompt is edited, a tuned model trained again."""
    cost = _stated(money, "running.retrain_cost")
    if roi is None or cost is None:
        return _risk("flexibility", evidence="what a change of style costs is not stated (running.retrain_cost)")
    changes = _stated(money, "running.style_changes_per_year") or 0.0
    saved = _yearly_saving(money)
    evidence = f"each change of style costs {cost:,.0f} {roi.currency}; {changes:g} a year are planned"
    warned = saved is not None and changes * cost > 0.25 * max(saved, 0.0)
    limit = None if saved is None else 0.25 * saved
    return _risk("flexibility", "warn" if warned else "ok", changes * cost, limit, evidence=evidence)


def _upkeep(roi: RoiSettings | None, money: Mapping[str, Any] | None) -> dict[str, Any]:
    """Monitoring, retraining and machines against what the requests save."""
    running = None if money is None else money.get("running_cost_per_day")
    if roi is None or running is None:
        return _risk("upkeep", evidence="no running cost is stated ([roi.running])")
    saved = _yearly_saving(money)
    evidence = f"running a tuned model costs {running:,.2f} {roi.currency} a day more than running a prompt"
    if saved is None:
        return _risk("upkeep", "ok" if running <= 0 else "warn", running, None, evidence=evidence)
    limit = 0.5 * saved / 365.25
    return _risk("upkeep", "warn" if running > max(limit, 0.0) else "ok", running, limit, evidence=evidence)


def _yearly_saving(money: Mapping[str, Any] | None) -> float | None:
    saved, volume = ((money or {}).get(key) for key in ("saving_per_request", "requests_per_day"))
    return None if saved is None or volume is None else saved * volume * 365.25


def _stated(money: Mapping[str, Any] | None, key: str) -> float | None:
    return next((entry["value"] for entry in (money or {}).get("assumptions", []) if entry["key"] == key), None)


def _examples(data: Mapping[str, Any] | None) -> dict[str, Any]:
    """Few pairs, few distinct outputs or few groups: little to learn from, and little to measure on."""
    if not data or "outcomes" not in data:
        return _risk("examples", evidence="the examples were not curated in this run")
    kept, distinct, groups = data["outcomes"].get("kept", 0), data.get("distinct_outputs"), data.get("groups")
    read = data.get("rows_read") or kept
    evidence = f"{kept:,} pairs kept of {read:,} read"
    evidence += f", {distinct:,} distinct outputs among those read" if distinct is not None else ""
    evidence += f", {groups:,} groups" if groups else ""
    share = None if distinct is None or not read else distinct / read
    few = kept < FEW_EXAMPLES or (share is not None and share < FEW_DISTINCT) or (bool(groups) and groups < FEW_GROUPS)
    return _risk("examples", "warn" if few else "ok", share, FEW_DISTINCT, evidence=evidence)
