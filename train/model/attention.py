"""Attention for a training batch in one sequence, with the rows' common prefix stored once.

For short rows on a CPU: three products and a softmax. torch's fused kernel pays off only for long rows: at 130 tokens
it takes three times as long (18.6 against 6.2 ms per layer, batch 8, forward and backward, bf16).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

NAME = "tuneworth_sequence"
LONGEST = 512  # tokens; beyond it the stored attention weights, heads x tokens x tokens, cost more than they save


@dataclass(frozen=True)
class Layout:
    """A batch as one sequence without padding: `[common prefix | rest of row 1 | rest of row 2 | ...]`.

    The prefix that all rows share (the template's own words, a guide) is computed once. Only attention needs the
    rests as rows of `longest` tokens: `gather` `(rows * longest,)` holds the sequence position of each position in
    those rows (padding points at some token), `scatter` `(tokens - shared,)` the inverse.
    """

    shared: int
    rows: int
    longest: int
    gather: Tensor
    scatter: Tensor


Use = Callable[[Layout | None], None]


class CausalAttention(torch.autograd.Function):
    """q `(rows, heads, n, d)`, k and v `(rows, groups, before + n, d)`; heads of one group share keys and values.

    The first `before` keys precede all queries.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """The heads' outputs, `(rows, heads, n, d)`."""
        batch, heads, n, d = q.shape
        groups, m = k.shape[1:3]
        rows = q.reshape(batch * groups, heads // groups * n, d)
        keys, values = k.reshape(batch * groups, m, d), v.reshape(batch * groups, m, d)
        mask = q.new_full((n, m), float("-inf")).triu_(m - n + 1).repeat(heads // groups, 1)
        shares = torch.softmax(torch.baddbmm(mask, rows, keys.transpose(1, 2), alpha=scale), -1)
        ctx.save_for_backward(rows, keys, values, shares)
        ctx.shapes, ctx.scale = (q.shape, k.shape), scale
        return (shares @ values).view(batch, heads, n, d)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients for q, k and v."""
        rows, keys, values, shares = ctx.saved_tensors
        q_shape, k_shape = ctx.shapes
        grad = grad.reshape(rows.shape)
        grad_v = shares.transpose(1, 2) @ grad
        grad_shares = grad @ values.transpose(1, 2)
        # softmax: dS = P * (dP - sum(dP * P)); the library's kernel does it in one pass
        slope = torch.ops.aten._softmax_backward_data(grad_shares, shares, -1, shares.dtype)
        grad_q, grad_k = (slope @ keys).mul_(ctx.scale), (slope.transpose(1, 2) @ rows).mul_(ctx.scale)
        return grad_q.view(q_shape), grad_k.view(k_shape), grad_v.view(k_shape), None


@contextmanager
def sequence_attention(model: Any, *, longest: int) -> Iterator[Use | None]:
    """Let the model take batches in one sequence, of rows of up to `longest` tokens, while the block lasts.

    Yields the function to call with each batch's layout before the model (None: padded rows follow); yields None,
    and changes nothing, if the model's attention is of another kind.
    """
    layouts: list[Layout | None] = [None]

    def attend(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **settings: Any
    ) -> tuple[Tensor, None]:
        scale = settings.get("scaling") or query.shape[-1] ** -0.5
        layout = layouts[0]
        if layout is None:
            return _attend(query, key, value, scale).transpose(1, 2), None
        return _in_sequence(query, key, value, scale, layout), None

    def use(layout: Layout | None) -> None:
        layouts[0] = layout

    with own_attention(model, NAME, attend, longest=longest) as used:
        yield use if used else None


@contextmanager
def own_attention(
    model: Any, name: str, attend: Callable[..., tuple[Tensor, None]], *, longest: int | None = None, mask: Any = None
) -> Iterator[bool]:
    """Run a model with another attention, known to transformers as `name`, while the block lasts.

    `mask` is the function of transformers that makes its mask; without it there is none. Yields False, and changes
    nothing, for a model with anything but full causal attention over `longest` tokens.
    """
    before, known = model.config._attn_implementation, getattr(model, "_supports_attention_backend", False)
    if not known or not fits(model.config.get_text_config(), longest=longest) or before != "sdpa":
        yield False
        return
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(name, attend)
    if mask is not None:
        AttentionMaskInterface.register(name, mask)
    model.set_attn_implementation(name)
    try:
        yield True
    finally:
        model.set_attn_implementation(before)


def fits(config: Any, *, longest: int | None = None) -> bool:
    """Full causal attention in each layer (a window that is wider than the rows is full), nothing added to the scores."""
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    odd = ("attn_logit_softcapping", "attention_sinks", "attention_dropout", "kv_lora_rank")
    window = getattr(config, "sliding_window", None)
    if window and longest is not None and longest <= window:
        window, kinds = None, kinds - {"sliding_attention"} or {"full_attention"}
    return kinds == {"full_attention"} and not window and not any(getattr(config, name, None) for name in odd)


def _in_sequence(q: Tensor, k: Tensor, v: Tensor, scale: float, layout: Layout) -> Tensor:
    """q `(1, heads, tokens, d)`, k and v `(1, groups, tokens, d)` of one sequence; `(1, tokens, heads, d)`."""
    front = [t[:, :, : layout.shared] for t in (q, k, v)]
    rests = [_rows(t, layout) for t in (q, k, v)]
    keys, values = (
        torch.cat([common.expand(layout.rows, -1, -1, -1), own], 2) if layout.shared else own
        for common, own in zip(front[1:], rests[1:], strict=True)
    )
    found = _attend(rests[0], keys, values, scale).transpose(1, 2).flatten(0, 1).index_select(0, layout.scatter)
    if layout.shared:
        found = torch.cat([_attend(front[0], front[1], front[2], scale)[0].transpose(0, 1), found])
    return found[None]


def _rows(t: Tensor, layout: Layout) -> Tensor:
    """`(1, heads, tokens, d)` as `(rows, heads, longest, d)`."""
    return t[0].index_select(1, layout.gather).unflatten(1, (layout.rows, layout.longest)).transpose(0, 1)


def _attend(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """Causal attention, the queries being the last of the keys; `(rows, heads, n, d)`."""
    n, m = q.shape[2], k.shape[2]
    if q.device.type == "cpu" and n <= LONGEST:
        return CausalAttention.apply(q, k, v, scale)  # type: ignore[return-value]
    if n == m:
        many = q.shape[1] != k.shape[1]
        return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=many)
    # On GPUs, a mask combined with shared keys falls back to a kernel that materialises the scores.
    k, v = (t.repeat_interleave(q.shape[1] // k.shape[1], 1) for t in (k, v))
    mask = torch.ones(n, m, dtype=torch.bool, device=q.device).tril_(m - n)
    return nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
