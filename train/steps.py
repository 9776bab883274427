"""The arithmetic of one step: loss at the labels, and the learning rate of each step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .attention import Use
from .batches import Batch, collate, length_order
from .examples import Example
from .loss import label_loss

__all__ = ["BatchLoss", "LossPath", "learning_rate", "split_head", "summed_loss"]

WARM_UP, FLOOR = 0.06, 0.05  # shares of the steps, and of the top rate: the recipe that worked on the shipped example
AGREE = 0.05  # of the logits' own spread: bf16 rounds by 0.4 %, over a few dozen layers to about 1 %


def learning_rate(step: int, *, steps: int, top: float) -> float:
    """The rate of step 1..steps: a linear warm-up, then a cosine down to 5 % of the top."""
    warm = max(1, math.ceil(WARM_UP * steps))
    if step <= warm:
        return top * step / warm
    done = (step - warm) / max(1, steps - warm)
    return top * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * done)) / 2)


def split_head(base: Any, example: Example) -> tuple[Any, Any] | None:
    """The model as (body, head), so that logits are made at labels only; None where that would change them.

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
    """Sum of the cross-entropies at a batch's labels, and the sum of each row `(rows,)`, which has no gradient."""

    total: Tensor
    rows: Tensor


@dataclass(frozen=True)
class LossPath:
    """The ways from pairs to their loss that fit the model at hand.

    `parts` is what `split_head` gave; `use` takes each batch's layout where attention knows one.
    """

    base: Any
    parts: tuple[Any, Any] | None = None
    use: Use | None = None

    def batch(self, examples: Sequence[Example]) -> Batch:
        """The examples as the batch that this way takes."""
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
    """Sum of the losses of all labels of the examples, and how many labels there are: their mean is no mean of means."""
    total, count = 0.0, 0
    with torch.no_grad():
        for rows in length_order([len(e.ids) for e in examples], size=size):
            batch = path.batch([examples[i] for i in rows])
            total += float(path.loss(batch).total)
            count += len(batch.labels)
    return total, count
