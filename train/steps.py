"""The arithmetic of one step: loss at the labels, and the learning rate of each step."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .batches import Batch, collate, length_order
from .examples import Example
from .loss import label_loss

__all__ = ["batch_loss", "learning_rate", "mean_loss", "split_head", "stock_logits"]

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
    if body is base or type(head) is not torch.nn.Linear:
        return None
    ids = torch.tensor([example.ids[-64:]], device=base.device)
    with torch.no_grad():
        whole = base(input_ids=ids, use_cache=False).logits.float()
        apart = head(body(input_ids=ids, use_cache=False).last_hidden_state).float()
    return (body, head) if (whole - apart).abs().max() <= AGREE * whole.std() else None


def batch_loss(base: Any, parts: tuple[Any, Any] | None, batch: Batch) -> Tensor:
    """Sum of the cross-entropies at the batch's labels."""
    if parts is None:
        return torch.nn.functional.cross_entropy(stock_logits(base, batch), batch.labels, reduction="sum")
    body, head = parts
    hidden = body(input_ids=batch.ids, use_cache=False).last_hidden_state
    return label_loss(hidden.flatten(0, 1)[batch.places], head.weight, batch.labels, bias=head.bias)


def stock_logits(base: Any, batch: Batch) -> Tensor:
    """The model's own logits at the batch's labels, in fp32, `(labels, vocabulary)`."""
    return base(input_ids=batch.ids, use_cache=False).logits.flatten(0, 1)[batch.places].float()


def mean_loss(base: Any, parts: tuple[Any, Any] | None, examples: Sequence[Example], *, size: int) -> float:
    """Mean loss per label over the examples: sum over all labels by their number, never a mean of means."""
    total, count = 0.0, 0
    with torch.no_grad():
        for rows in length_order([len(e.ids) for e in examples], size=size):
            batch = collate([examples[i] for i in rows], device=base.device)
            total += float(batch_loss(base, parts, batch))
            count += len(batch.labels)
    return total / count
