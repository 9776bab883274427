"""When a fit goes wrong: gradients that are no numbers, a loss that climbs."""

import math
from collections.abc import Sequence

from ..style.errors import RunBroken

__all__ = ["MOST_SKIPPED", "check_course", "sound"]

MOST_SKIPPED = 3  # steps in a row without a usable gradient: one can be a rare batch in bf16, three are a broken run
WINDOW = 10  # steps whose mean loss is compared: single batches scatter
CLIMB = 2.0  # times the lowest mean so far, and above where it began: no healthy fit does that


def sound(loss: float, norm: float) -> bool:
    """Whether a step may be taken: loss and gradient are numbers."""
    return math.isfinite(loss) and math.isfinite(norm)


def check_course(losses: Sequence[float], *, skipped: int, step: int, steps: int, learning_rate: float) -> None:
    """Stop a diverging fit early: `losses` are those of all steps so far, `skipped` the unusable ones in a row.

    Raises: RunBroken with what to change.
    """
    why = None
    if skipped >= min(MOST_SKIPPED, steps):
        why = f"the loss or its gradient was no number {skipped} times in a row"
    elif len(losses) >= 3 * WINDOW:
        means = [sum(losses[i : i + WINDOW]) / WINDOW for i in range(0, len(losses) - WINDOW + 1, WINDOW)]
        now = sum(losses[-WINDOW:]) / WINDOW
        if now > CLIMB * min(means) and now > means[0]:
            why = f"the loss rose to {now:.3g}, from {means[0]:.3g} at the start and {min(means):.3g} at its best"
    if why:
        raise RunBroken(
            f"Training diverged at step {step} of {steps}: {why}.\n"
            f'Lower "learning_rate" (now {learning_rate:g}) to a third of that.'
        )
