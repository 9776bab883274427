"""Overfitting: whether the tuned model is better on its training pairs than on others."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import say
from ..results import Good, Risk, RiskSide, Training
from ..statistics.intervals import ShareInterval, share_interval
from .entry import risk_entry

TRAIN_GAP = 0.10  # points by which acceptable on train may exceed test
LOSS_RISE = 0.02  # of the best validation loss; less is noise between evaluations
TO_CHECK = "set probes = true in [evaluate] with a model on this machine, which then also answers train pairs"


class Outcomes(NamedTuple):
    """The outcomes of pairs: whether each is acceptable (0 to 1, NaN if it could not be scored), and the groups."""

    acceptable: np.ndarray
    groups: Sequence[Any] | np.ndarray | None = None


class _Rise(NamedTuple):
    """The rise of the validation loss since its best value, as a share of that value and in words."""

    share: float
    text: str


def assess_overfitting(
    training: Training | None,
    *,
    on_train: Outcomes | None = None,
    on_test: Outcomes | None = None,
    comparable: np.ndarray | None = None,
    good: Good = "acceptable",
) -> Risk:
    """The risk `overfitting` from the tuned model's outputs for train and test pairs, or else from its losses.

    `over`: the acceptable share on train is more than 10 points above test, and the lower end of that gap is above 0
    (with groups on both sides). All train pairs have references that follow the rules; `comparable` marks the test pairs
    that do too, and only those are compared if there are any, since inputs with a good answer are easier to answer.
    A validation loss that rose since its best step is a `warn`, not `over`: the adapter of the best step is kept.
    """
    rise = _rise(training)
    if on_train is None or on_test is None:
        return _by_loss(rise)
    train, (test, comparable_only) = _share(on_train), _comparable(on_test, comparable)
    if not train.n or not test.n:
        return _by_loss(rise)
    gap, low = gap_of(train, test)
    # The losses are added to the evidence if there are any.
    evidence = f"{_both(train, test, comparable_only, good)}{f'; {rise.text}' if rise else ''}"
    risen = rise is not None and rise.share > LOSS_RISE
    status = "over" if gap > TRAIN_GAP and low > 0 else "warn" if gap > TRAIN_GAP or risen else "ok"
    return risk_entry(
        "overfitting", status, gap, TRAIN_GAP, evidence=evidence, unit="share", measured=True, low=low,
        train=RiskSide(share=train.share, n=train.n, n_effective=train.n_effective),
        test=RiskSide(share=test.share, n=test.n, n_effective=test.n_effective),
    )  # fmt: skip


def gap_of(train: ShareInterval, test: ShareInterval) -> tuple[float, float]:
    """Difference of two independent shares and its lower end, from their intervals: Newcombe 1998 (Statist. Med. 17,
    873), method 10."""
    first, second = train.share or 0.0, test.share or 0.0
    down, up = first - (train.low or 0.0), (1.0 if test.high is None else test.high) - second
    return first - second, first - second - (down**2 + up**2) ** 0.5


def _share(outcomes: Outcomes, rows: np.ndarray | None = None) -> ShareInterval:
    """The share over the scored rows."""
    values = np.asarray(outcomes.acceptable, dtype=float)
    kept = ~np.isnan(values) if rows is None else ~np.isnan(values) & rows
    groups = outcomes.groups
    return share_interval(values[kept], None if groups is None else [groups[i] for i in np.flatnonzero(kept).tolist()])


def _comparable(on_test: Outcomes, comparable: np.ndarray | None) -> tuple[ShareInterval, bool]:
    """The test share on pairs that are comparable to the train pairs, if there are any; and whether that is fewer than all."""
    every = _share(on_test)
    chosen = every if comparable is None else _share(on_test, np.asarray(comparable, dtype=bool))
    return (chosen, True) if 0 < chosen.n < every.n else (every, False)


def _both(train: ShareInterval, test: ShareInterval, comparable_only: bool, good: Good) -> str:
    pairs = f"{test.n} test pairs"
    if comparable_only:
        pairs = f"the {test.n} test pairs whose references follow the rules, as those of all train pairs do"
    return (
        f"the tuned model gives {good} outputs for {say.percent(train.share or 0.0)} of {train.n} train pairs and "
        f"{say.percent(test.share or 0.0)} of {pairs}"
    )


def _rise(training: Training | None) -> _Rise | None:
    """None if there are fewer than two validation losses."""
    log = () if training is None else training.log
    losses = [(line.step, line.validation_loss) for line in log if line.validation_loss is not None]
    if len(losses) < 2:
        return None
    step, best = min(losses, key=lambda loss: loss[1])
    text = f"validation loss {best:.3f} at its best (step {step}), {losses[-1][1]:.3f} at the end"
    rise = losses[-1][1] / best - 1 if best > 0 else 0.0
    return _Rise(rise, f"{text}, and the best step's adapter is used" if rise > LOSS_RISE else text)


def _by_loss(rise: _Rise | None) -> Risk:
    if rise is None:
        return risk_entry(
            "overfitting", evidence="there are fewer than two validation losses and no outputs for train pairs",
            to_check=TO_CHECK,
        )  # fmt: skip
    status = "warn" if rise.share > LOSS_RISE else "ok"
    evidence = f"{rise.text}; no outputs for train pairs were generated"
    return risk_entry(
        "overfitting", status, rise.share, LOSS_RISE, evidence=evidence, unit="share of the best loss", measured=True
    )
