"""Causal attention for short training rows on a CPU: three products and a softmax.

torch's fused kernel pays for long rows only: at 130 tokens it takes three times as long (18.6 against 6.2 ms per
layer, batch 8, forward and backward, bf16).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["own_attention", "plain_attention"]

NAME = "tuneworth_causal"
LONGEST = 512  # tokens; beyond it the stored shares, heads x tokens x tokens, cost more than they save


class CausalAttention(torch.autograd.Function):
    """q `(batch, heads, n, d)`, k and v `(batch, groups, n, d)`; heads of one group share keys and values."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float) -> Tensor:
        """The heads' outputs, `(batch, n, heads, d)`."""
        batch, heads, n, d = q.shape
        groups = k.shape[1]
        rows = q.reshape(batch * groups, heads // groups * n, d)
        keys, values = k.reshape(batch * groups, n, d), v.reshape(batch * groups, n, d)
        shares = torch.softmax(torch.baddbmm(mask, rows, keys.transpose(1, 2), alpha=scale), -1)
        ctx.save_for_backward(rows, keys, values, shares)
        ctx.shapes, ctx.scale = (q.shape, k.shape), scale
        return (shares @ values).view(batch, heads, n, d).transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients for q, k and v."""
        rows, keys, values, shares = ctx.saved_tensors
        q_shape, k_shape = ctx.shapes
        grad = grad.transpose(1, 2).reshape(rows.shape)
        grad_v = shares.transpose(1, 2) @ grad
        grad_shares = grad @ values.transpose(1, 2)
        # softmax: dS = P * (dP - sum(dP * P)); the library's kernel does it in one pass
        slope = torch.ops.aten._softmax_backward_data(grad_shares, shares, -1, shares.dtype)
        grad_q, grad_k = (slope @ keys).mul_(ctx.scale), (slope.transpose(1, 2) @ rows).mul_(ctx.scale)
        return grad_q.view(q_shape), grad_k.view(k_shape), grad_v.view(k_shape), None, None


@contextmanager
def plain_attention(model: Any) -> Iterator[bool]:
    """Train the model with it while the block lasts; yields False, and changes nothing, where it does not fit."""
    with own_attention(model, NAME, _attend) as used:
        yield used


@contextmanager
def own_attention(model: Any, name: str, attend: Callable[..., tuple[Tensor, None]]) -> Iterator[bool]:
    """Run a model on a CPU with another attention, known to transformers as `name`, while the block lasts.

    Yields False, and changes nothing, for a model on a GPU or with anything but full causal attention.
    """
    before = model.config._attn_implementation
    if model.device.type != "cpu" or not fits(model.config.get_text_config()) or before != "sdpa":
        yield False
        return
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(name, attend)
    AttentionMaskInterface.register(name, sdpa_mask)
    model.set_attn_implementation(name)
    try:
        yield True
    finally:
        model.set_attn_implementation(before)


def fits(config: Any) -> bool:
    """Full causal attention in each layer, heads of one size, nothing added to the scores."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    odd = ("attn_logit_softcapping", "sliding_window", "attention_sinks", "attention_dropout", "kv_lora_rank")
    return kinds == {"full_attention"} and not any(getattr(config, name, None) for name in odd)


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **settings: Any
) -> tuple[Tensor, None]:
    """The signature that transformers calls; what is not a short training row goes to torch's kernel."""
    n = query.shape[2]
    if attention_mask is not None or n != key.shape[2] or n > LONGEST:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
    mask = query.new_full((n, n), float("-inf")).triu_(1).repeat(query.shape[1] // key.shape[1], 1)
    scale = settings.get("scaling") or query.shape[-1] ** -0.5
    return CausalAttention.apply(query, key, value, mask, scale), None  # type: ignore[return-value]
