"""The schedule of a fit: which pairs each step sees, its learning rate, and when validation loss is measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .batches import epoch_order
from .examples import Example
from .settings import TrainSettings

__all__ = ["Schedule", "evaluation_steps", "learning_rate"]

WARM_UP, FLOOR = 0.06, 0.05  # shares of the steps, and of the peak rate: the recipe that worked on the shipped example
# A tenth of the time for measuring the validation loss; a forward pass takes a third of a step's time.
EVALUATION_SHARE, FORWARD_SHARE = 0.1, 1 / 3
FEWEST_EVALUATIONS, MOST_EVALUATIONS = 5, 20


@dataclass(frozen=True)
class Schedule:
    """A pure function of settings and pairs, so a resumed fit continues with the same batches. Steps count from 1.

    `evaluations` are the steps after which the validation loss is measured.
    """

    examples: Sequence[Example]
    settings: TrainSettings
    steps_per_epoch: int
    steps: int
    evaluations: tuple[int, ...]
    _orders: dict[int, list[list[int]]] = field(default_factory=dict, repr=False, compare=False)  # the current epoch's

    @classmethod
    def of(cls, settings: TrainSettings, examples: Sequence[Example], validation: Sequence[Example]) -> "Schedule":
        """The schedule under resolved settings (epochs and learning rate are numbers)."""
        steps_per_epoch = math.ceil(len(examples) / settings.batch_size)
        steps = settings.max_steps or (settings.epochs or 1) * steps_per_epoch
        evaluations = evaluation_steps(
            steps,
            train_tokens=sum(len(e.ids) for e in examples) * steps // steps_per_epoch,
            validation_tokens=sum(len(e.ids) for e in validation),
        )
        return cls(examples, settings, steps_per_epoch, steps, tuple(evaluations) if validation else ())

    def rows(self, step: int) -> list[int]:
        """The positions of this step's pairs."""
        epoch, batch = divmod(step - 1, self.steps_per_epoch)
        if epoch not in self._orders:
            self._orders.clear()
            self._orders[epoch] = self.batches(epoch)
        return self._orders[epoch][batch]

    def batches(self, epoch: int) -> list[list[int]]:
        """The positions of the pairs in each batch of this epoch, which counts from 0."""
        return epoch_order(self.examples, size=self.settings.batch_size, seed=self.settings.seed, epoch=epoch)

    def learning_rate(self, step: int) -> float:
        """The learning rate of this step."""
        return learning_rate(step, steps=self.steps, peak=self.settings.learning_rate or 0.0)

    def epoch(self, step: int) -> float:
        """How many epochs are done after this step."""
        return step / self.steps_per_epoch


def learning_rate(step: int, *, steps: int, peak: float) -> float:
    """The rate of step 1..steps: a linear warm-up, then a cosine down to 5% of the peak."""
    warm = max(1, math.ceil(WARM_UP * steps))
    if step <= warm:
        return peak * step / warm
    done = (step - warm) / max(1, steps - warm)
    return peak * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * done)) / 2)


def evaluation_steps(steps: int, *, train_tokens: int, validation_tokens: int) -> list[int]:
    """The steps after which the validation loss is measured: evenly spaced, including the last one.

    `train_tokens` is the total over all steps. The measurements take about a tenth of the time, with at least 5 (fewer
    would miss a turning point) and at most 20 of them, and never two at one step.
    """
    affordable = EVALUATION_SHARE * train_tokens / max(1.0, FORWARD_SHARE * validation_tokens)
    count = max(FEWEST_EVALUATIONS, min(MOST_EVALUATIONS, int(affordable)))
    return sorted({math.ceil(steps * i / count) for i in range(1, count + 1)})
