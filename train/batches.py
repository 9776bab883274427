"""Which pairs each step of a fit sees and at what learning rate, and the batches they make."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .examples import Example
from .model.attention import Layout
from .model.chat import common_beginning
from .settings import TrainSettings

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


# --- batches -----------------------------------------------------------------------------------------------------

POOL = 16  # batches sorted by length together: 21 to 30% less padding, and batches still differ by epoch


@dataclass(frozen=True)
class Batch:
    """Token ids, the positions and values of labels, and the rows they belong to; all on one device.

    With a layout, ids and positions are `(1, tokens)`. Without one, ids are `(rows, longest)`, padded on the right,
    and positions None. `places` are positions in the flattened hidden states whose next token is `labels`; `owners`
    the rows they belong to.
    """

    ids: Tensor
    positions: Tensor | None
    places: Tensor
    labels: Tensor
    owners: Tensor
    rows: int
    tokens: int  # real tokens of all rows, without padding, with shared prefixes counted in each row
    computed: int  # tokens that the model computes: fewer with a shared prefix, more with padding
    layout: Layout | None = None


def epoch_order(examples: Sequence[Example], *, size: int, seed: int, epoch: int) -> list[list[int]]:
    """Which examples are in which batch of this epoch, each example once."""
    chance = random.Random(f"{seed}:{epoch}")  # a text seed is hashed, so epochs of neighbouring seeds differ
    order = list(range(len(examples)))
    chance.shuffle(order)
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = sorted(order[start : start + POOL * size], key=lambda i: len(examples[i].ids))
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    chance.shuffle(batches)
    return batches


def length_order(lengths: Sequence[int], *, size: int) -> list[list[int]]:
    """Batches from the longest to the shortest: a pure function of the lengths and their order."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [order[i : i + size] for i in range(0, len(order), size)]


def collate(examples: Sequence[Example], *, device: Any, one_sequence: bool = False) -> Batch:
    """The examples as one batch: padded rows, or one sequence, which needs an attention that supports the layout."""
    return _in_one_sequence(examples, device=device) if one_sequence else _padded(examples, device=device)


def _padded(examples: Sequence[Example], *, device: Any) -> Batch:
    """Padding needs no mask: it is on the right, and attention is causal."""
    longest = max(len(e.ids) for e in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
    starts = [row * longest for row in range(len(examples))]
    return _batch(examples, ids=ids, positions=None, starts=starts, layout=None, device=device)


def _in_one_sequence(examples: Sequence[Example], *, device: Any) -> Batch:
    shared = _shared(examples)
    rests = [e.ids[shared:] for e in examples]
    longest = max(len(rest) for rest in rests)
    ids, positions = list(examples[0].ids[:shared]), list(range(shared))
    gather, scatter, starts = [], [], []
    for row, rest in enumerate(rests):
        begins = len(ids)
        starts.append(begins - shared)
        gather += [begins + min(at, len(rest) - 1) for at in range(longest)]
        scatter += [row * longest + at for at in range(len(rest))]
        ids += rest
        positions += range(shared, shared + len(rest))
    layout = Layout(
        shared, len(rests), longest, torch.tensor(gather, device=device), torch.tensor(scatter, device=device)
    )
    return _batch(
        examples, ids=torch.tensor([ids]), positions=torch.tensor([positions], device=device), starts=starts,
        layout=layout, device=device,
    )  # fmt: skip


def _shared(examples: Sequence[Example]) -> int:
    """The length of the prefix shared by all rows, without the last token of a prompt, which predicts a label."""
    if len(examples) < 2:
        return 0
    return min(common_beginning([e.ids for e in examples]), *(e.prompt_tokens - 1 for e in examples))


def _batch(
    examples: Sequence[Example],
    *,
    ids: Tensor,
    positions: Tensor | None,
    starts: Sequence[int],
    layout: Layout | None,
    device: Any,
) -> Batch:
    """`starts[row] + n` is the position of the row's token n, for all tokens that predict a label."""
    places, labels, owners = [], [], []
    for row, (example, start) in enumerate(zip(examples, starts, strict=True)):
        places += range(start + example.prompt_tokens - 1, start + len(example.ids) - 1)
        labels += example.ids[example.prompt_tokens :]
        owners += [row] * example.answer_tokens
    return Batch(
        ids=ids.to(device),
        positions=positions,
        places=torch.tensor(places, device=device),
        labels=torch.tensor(labels, device=device),
        owners=torch.tensor(owners, device=device),
        rows=len(examples),
        tokens=sum(len(e.ids) for e in examples),
        computed=ids.numel(),
        layout=layout,
    )
