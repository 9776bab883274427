"""Cross-entropy at the labels only, in chunks, so that the whole batch's logits are never in memory at once."""

from typing import Any

import torch
from torch import Tensor

__all__ = ["CHUNK", "chunk_rows", "label_loss"]

CHUNK = 128  # rows per chunk on a CPU: 128 x 49,152 fp32 logits are 25 MB; larger chunks were no faster
GPU_BYTES = 2**28  # of fp32 logits in one chunk on a GPU, which small products underuse: 1,365 rows of 49,152


def chunk_rows(vocabulary: int, *, cuda: bool) -> int:
    """How many labels' logits are in memory at once."""
    return max(CHUNK, GPU_BYTES // (4 * vocabulary)) if cuda else CHUNK


class ChunkedLoss(torch.autograd.Function):
    """Cross-entropies and their sum; the gradient for the hidden states is computed in the forward pass."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, bias: Tensor | None, labels: Tensor) -> tuple[Tensor, Tensor]:
        """hidden `(n, d)`, head `(vocabulary, d)`, labels `(n,)`; a scalar and `(n,)`, both in fp32."""
        each = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
        wanted = ctx.needs_input_grad[0]
        grad = torch.empty_like(hidden) if wanted else None
        size = chunk_rows(len(head), cuda=hidden.is_cuda)
        for start in range(0, len(labels), size):
            rows = slice(start, start + size)
            logits = torch.nn.functional.linear(hidden[rows], head, bias).float()
            log_shares = torch.log_softmax(logits, dim=-1)
            picked = labels[rows, None]
            each[rows] = -log_shares.gather(1, picked)[:, 0]
            if grad is not None:
                # d loss / d logits = softmax - one-hot
                slope = log_shares.exp_()
                slope.scatter_add_(1, picked, torch.full_like(picked, -1, dtype=slope.dtype))
                grad[rows] = slope.to(head.dtype) @ head
        ctx.save_for_backward(grad if grad is not None else hidden.new_empty(0))
        ctx.mark_non_differentiable(each)
        return each.sum(), each

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """The stored gradient times the incoming one; the single losses have no gradient."""
        (stored,) = ctx.saved_tensors
        return stored * grad, None, None, None  # a scalar times a tensor keeps the tensor's type


def label_loss(hidden: Tensor, head: Tensor, labels: Tensor, *, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Sum (not mean) of the cross-entropies of `hidden @ head.T` against `labels`, and each of them (no gradient)."""
    return ChunkedLoss.apply(hidden, head, bias, labels)  # type: ignore[return-value]
