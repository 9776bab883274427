"""The loss at the labels, computed by the fastest method that suits the model."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .batches import Batch, collate, length_order
from .examples import Example
from .model.attention import Use, sequence_attention
from .model.kernels import fast_norms, lora_layers, replace_forward, restore_forward
from .model.loss import label_loss

__all__ = ["BatchLoss", "LossPath", "fast_paths", "split_head", "summed_loss"]

AGREE = 0.05  # of the logits' own spread: bf16 rounds by 0.4%, over a few dozen layers to about 1%


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
    """How to compute the loss of pairs with this model.

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


SHOWN = 24  # tokens at each end of a pair that are compared: enough to see a wrong neighbour
# Relative difference of a row's loss, in bf16 and in fp32: on the default model rounding causes up to 0.007 and 8e-7.
LOSS_AGREES = (0.02, 1e-4)


@contextmanager
def fast_paths(adapted: Any, examples: Sequence[Example]) -> Iterator[tuple[LossPath, list[str]]]:
    """Yields the fastest loss computation for this model, valid while the block lasts, and notices on what is slower.

    `examples` are all that will occur: the longest one decides whether a sliding attention window fills up.
    """
    base, notices = adapted.get_base_model(), []
    with ExitStack() as stack:
        if base.dtype == torch.bfloat16:  # in fp32 peft's own forward is as fast
            stack.callback(restore_forward, adapted)
            if stock := replace_forward(adapted):
                notices.append(f"{stock} of {len(lora_layers(adapted))} layers use peft's own, slower forward pass")
        if base.device.type == "cpu":  # 4% of a step's time; a GPU has kernels of its own
            stack.enter_context(fast_norms(base))
        use = _one_sequence(base, examples, stack)
        if use is None:
            notices.append(
                "this model has its own attention: batches are padded, and a shared prefix is computed for each row"
            )
        parts = split_head(base, examples[0])
        if parts is None:
            notices.append("this model computes logits at every position, which is slower and takes more memory")
        yield LossPath(base, parts, use), notices


def _one_sequence(base: Any, examples: Sequence[Example], stack: ExitStack) -> Use | None:
    """The function that takes each batch's layout; None if packed rows and padded rows give different losses.

    Some models name transformers' attention in their configuration but compute their own, so two short rows are run
    both ways and compared.
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
