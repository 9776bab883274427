"""The computation of one step: loss at the labels, and the learning rate of each step."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from ..core import RunBroken
from .batches import Batch, collate, length_order
from .examples import Example
from .model.attention import Use, sequence_attention
from .model.kernels import fast_norms, lora_layers, replace_forward, restore_forward
from .model.loss import label_loss

__all__ = [
    "BatchLoss",
    "Course",
    "LossPath",
    "fast_paths",
    "learning_rate",
    "sound",
    "split_head",
    "summed_loss",
    "untuned",
]


WARM_UP, FLOOR = 0.06, 0.05  # shares of the steps, and of the peak rate: the recipe that worked on the shipped example
AGREE = 0.05  # of the logits' own spread: bf16 rounds by 0.4%, over a few dozen layers to about 1%


def learning_rate(step: int, *, steps: int, top: float) -> float:
    """The rate of step 1..steps: a linear warm-up, then a cosine down to 5% of the peak."""
    warm = max(1, math.ceil(WARM_UP * steps))
    if step <= warm:
        return top * step / warm
    done = (step - warm) / max(1, steps - warm)
    return top * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * done)) / 2)


def split_head(base: Any, example: Example) -> tuple[Any, Any] | None:
    """The model as (body, head), so that logits are computed only at labels; None if that would change them.

    Some families scale or cap their logits after the head: one short example is run both ways and compared.
    """
    body, head = base.base_model, base.get_output_embeddings()
    capped = getattr(base.config.get_text_config(), "final_logit_softcapping", None)
    if body is base or type(head) is not torch.nn.Linear or capped:
        return None
    ids = torch.tensor([example.ids[-64:]], device=base.device)
    with torch.no_grad():
        whole = base(input_ids=ids, use_cache=False).logits.float()
        apart = head(body(input_ids=ids, use_cache=False).last_hidden_state).float()
    return (body, head) if (whole - apart).abs().max() <= AGREE * whole.std() else None


@dataclass(frozen=True)
class BatchLoss:
    """Sum of the cross-entropies at a batch's labels, and the sum of each row `(rows,)`, without gradient."""

    total: Tensor
    rows: Tensor


@dataclass(frozen=True)
class LossPath:
    """The methods to compute the loss of pairs that work for this model.

    `parts` is the result of `split_head`; `use` takes each batch's layout if the attention supports one.
    """

    base: Any
    parts: tuple[Any, Any] | None = None
    use: Use | None = None

    def batch(self, examples: Sequence[Example]) -> Batch:
        """The examples as a batch for this method."""
        return collate(examples, device=self.base.device, one_sequence=self.use is not None)

    def loss(self, batch: Batch) -> BatchLoss:
        """The batch's loss."""
        if self.use is not None:
            self.use(batch.layout)
        total, each = self._label_losses(batch)
        rows = torch.zeros(batch.rows, dtype=torch.float32, device=each.device)
        return BatchLoss(total, rows.index_add_(0, batch.owners, each.detach()))

    def _label_losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self.parts is None:
            logits = self.base(input_ids=batch.ids, position_ids=batch.positions, use_cache=False).logits
            picked = logits.flatten(0, 1)[batch.places].float()
            each = torch.nn.functional.cross_entropy(picked, batch.labels, reduction="none")
            return each.sum(), each
        body, head = self.parts
        hidden = body(input_ids=batch.ids, position_ids=batch.positions, use_cache=False).last_hidden_state
        return label_loss(hidden.flatten(0, 1)[batch.places], head.weight, batch.labels, bias=head.bias)


def summed_loss(path: LossPath, examples: Sequence[Example], *, size: int) -> tuple[float, int]:
    """Sum of the losses of all labels of the examples, and the number of labels: avoids a mean of means."""
    total, count = 0.0, 0
    with torch.no_grad():
        for rows in length_order([len(e.ids) for e in examples], size=size):
            batch = path.batch([examples[i] for i in rows])
            total += float(path.loss(batch).total)
            count += len(batch.labels)
    return total, count


MOST_SKIPPED = 3  # consecutive steps without a usable gradient: one can be a rare batch in bf16, three are a broken run
SKIPPED_SHARE = 0.25  # of all steps so far, once there are more than three
FIRST_LOOK = 10  # steps: a rate that is far too high shows by then
JUDGED = 3  # latest steps whose median counts: one bad batch means nothing, and a check costs the time of one step
CLIMB = 2.0  # times the lowest loss so far: a reason to check, not to stop
WORSE = 1.5  # times the untuned model's loss on the same pairs: no healthy fit is that high after its first steps
NEXT_LOOK = 0.25  # of the steps so far until the next check: if every check is needed, they cost 3% of 1,000 steps


def sound(loss: float | None, norm: float | None) -> bool:
    """Whether a step may be taken: loss and gradient are finite."""
    return loss is not None and norm is not None and math.isfinite(loss) and math.isfinite(norm)


class Course:
    """The course of a fit so far, updated at each step in constant time.

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
        if loss is not None and sound(loss, norm):
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
                f"the loss of the latest pairs is {self._now():.3g}, and without the adapter it is {self.untuned:.3g}",
                f'Lower "learning_rate" (now {self.learning_rate:g}) to a third of that.',
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
        why = f"the loss or its gradient was no number at {self.skipped} of {self.step} steps"
        if self.skipped == self.step:  # nothing was learnt yet that could have diverged
            raise self._broken(
                f"{why}, from the first one on",
                'Not "learning_rate" does that: the model\'s weights are damaged, or too large for its number format. '
                'Try dtype = "float32".',
            )
        raise self._broken(why, f'Lower "learning_rate" (now {self.learning_rate:g}) to a third of that.')

    def _broken(self, why: str, what_to_do: str) -> RunBroken:
        return RunBroken(f"Training diverged at step {self.step} of {self.steps}: {why}.\n{what_to_do}")


@contextmanager
def untuned(adapted: Any) -> Iterator[None]:
    """The model as if it had no adapter while the block lasts, whichever method computes its layers.

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


SHOWN = 24  # tokens at each end of a pair that are compared: enough to see a wrong neighbour
# Relative difference of a row's loss, in bf16 and in fp32: on the default model rounding causes up to 0.007 and 8e-7.
LOSS_AGREES = (0.02, 1e-4)


@contextmanager
def fast_paths(adapted: Any, examples: Sequence[Example]) -> Iterator[tuple[LossPath, list[str]]]:
    """The fastest loss computation that this model allows, while the block lasts; and what could not be used.

    `examples` are all that will occur: the longest decides whether a window of attention is full.
    """
    base, notices = adapted.get_base_model(), []
    with ExitStack() as stack:
        if base.dtype == torch.bfloat16:  # in fp32 peft's own forward is as fast
            stack.callback(restore_forward, adapted)
            if stock := replace_forward(adapted):
                notices.append(f"{stock} of {len(lora_layers(adapted))} layers keep peft's own, slower forward")
        if base.device.type == "cpu":  # 4% of a step's time; a GPU has kernels of its own
            stack.enter_context(fast_norms(base))
        use = _one_sequence(base, examples, stack)
        if use is None:
            notices.append("this model's attention is its own: batches are padded, beginnings computed in each row")
        parts = split_head(base, examples[0])
        if parts is None:
            notices.append("this model's logits are made at every position, which is slower and takes more memory")
        yield LossPath(base, parts, use), notices


def _one_sequence(base: Any, examples: Sequence[Example], stack: ExitStack) -> Use | None:
    """The function that takes each batch's layout, if a batch in one sequence gives the losses of padded rows.

    Some models name transformers' attention in their configuration and compute their own: two short rows are run with
    both methods and compared.
    """
    ids = [examples[0].ids, examples[-1].ids]
    rows = [Example("", ids[0][:SHOWN] + own[-SHOWN:], min(len(ids[0]), SHOWN) + 1) for own in ids]
    with torch.no_grad():
        padded = LossPath(base)
        theirs = padded.loss(padded.batch(rows))
        attempt = ExitStack()
        use = attempt.enter_context(sequence_attention(base, longest=max(len(e.ids) for e in examples)))
        if use is not None:
            ours = LossPath(base, None, use)
            found = ours.loss(ours.batch(rows))
            use(None)
            off = ((found.rows - theirs.rows).abs() / theirs.rows.clamp(min=1e-6)).max()
            if off <= LOSS_AGREES[base.dtype == torch.float32]:
                stack.push(attempt.pop_all())
                return use
    attempt.close()
    return None
