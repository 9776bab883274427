"""Ends a fit that has diverged, before it wastes hours."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

from ..core import RunBroken

__all__ = ["DivergenceGuard", "is_finite", "untuned"]

MOST_SKIPPED = 3  # consecutive steps without a usable gradient: one can be a rare batch in bf16, three are a broken run
SKIPPED_SHARE = 0.25  # of all steps so far, once there are more than three
FIRST_LOOK = 10  # steps: a rate that is far too high shows by then
JUDGED = 3  # latest steps whose median counts: one bad batch means nothing, and a check costs the time of one step
CLIMB = 2.0  # times the lowest loss so far: a reason to check, not to stop
WORSE = 1.5  # times the untuned model's loss on the same pairs: no healthy fit is that high after its first steps
NEXT_LOOK = 0.25  # of the steps so far until the next check: if every check is needed, they cost 3% of 1,000 steps


def is_finite(loss: float | None, norm: float | None) -> bool:
    """Whether a step may be taken: loss and gradient are finite."""
    return loss is not None and norm is not None and math.isfinite(loss) and math.isfinite(norm)


class DivergenceGuard:
    """Watches losses and gradients, in constant time per step, and ends a fit that has diverged.

    Losses alone do not distinguish a diverging fit from one with hard batches. So a loss that looks bad only triggers
    a measurement of the untuned model's loss on the latest pairs: a fit clearly worse than no fit at all has diverged.
    """

    def __init__(self, *, steps: int, learning_rate: float) -> None:
        self.steps, self.learning_rate = steps, learning_rate
        self.step = self.skipped = self.skipped_in_a_row = 0
        self.recent: deque[tuple[int, float]] = deque(maxlen=JUDGED)
        self.lowest, self.untuned, self.next_look = math.inf, math.nan, min(FIRST_LOOK, steps)

    def note(self, loss: float | None, norm: float | None) -> None:
        """Record a step: its loss and its gradient's norm, None or NaN if there were none."""
        self.step += 1
        if loss is not None and is_finite(loss, norm):
            self.skipped_in_a_row = 0
            self.recent.append((self.step, loss))
            if len(self.recent) == JUDGED:
                self.lowest = min(self.lowest, self._now())
        else:
            self.skipped, self.skipped_in_a_row = self.skipped + 1, self.skipped_in_a_row + 1

    def check(self, untuned: Callable[[Sequence[int]], Sequence[float]]) -> None:
        """Stop a fit that has diverged. `untuned` measures the losses of these steps without the adapter.

        Raises: RunBroken with what to change.
        """
        self._check_skipped()
        if not self._suspect():
            return
        self.next_look = self.step + max(FIRST_LOOK, math.ceil(NEXT_LOOK * self.step))
        before = untuned([step for step, _ in self.recent])
        self.untuned = median(before)
        if median(now / max(then, 1e-9) for (_, now), then in zip(self.recent, before, strict=True)) > WORSE:
            raise self._broken(
                f"the loss of the latest pairs is {self._now():.3g}; without the adapter it would be {self.untuned:.3g}",
                f'Lower "learning_rate" (now {self.learning_rate:g}) to a third.',
            )

    def _now(self) -> float:
        return median(loss for _, loss in self.recent)

    def _suspect(self) -> bool:
        if self.step < self.next_look or len(self.recent) < JUDGED:
            return False
        now = self._now()
        return math.isnan(self.untuned) or now > self.untuned or now > CLIMB * self.lowest

    def _check_skipped(self) -> None:
        often = self.skipped > MOST_SKIPPED and self.skipped > SKIPPED_SHARE * self.step
        if not often and self.skipped_in_a_row < min(MOST_SKIPPED, self.steps):
            return
        why = f"the loss or its gradient was not a finite number at {self.skipped} of {self.step} steps"
        if self.skipped == self.step:  # nothing was learnt yet that could have diverged
            raise self._broken(
                f"{why}, starting with the first",
                "The learning rate is not the cause: the model's weights are damaged or too large for the number format. "
                'Try dtype = "float32".',
            )
        raise self._broken(why, f'Lower "learning_rate" (now {self.learning_rate:g}) to a third.')

    def _broken(self, why: str, what_to_do: str) -> RunBroken:
        return RunBroken(f"Training diverged at step {self.step} of {self.steps}: {why}.\n{what_to_do}")


@contextmanager
def untuned(adapted: Any) -> Iterator[None]:
    """Switch the adapter off while the block lasts, whichever method computes its layers.

    With B = 0 the adapter's product is zero; afterwards B is restored bit for bit.
    """
    import torch

    kept = [(p, p.detach().clone()) for name, p in adapted.named_parameters() if "lora_B" in name]
    try:
        with torch.no_grad():
            for parameter, _ in kept:
                parameter.zero_()
        yield
    finally:
        with torch.no_grad():
            for parameter, value in kept:
                parameter.copy_(value)
