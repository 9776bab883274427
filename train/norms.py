"""RMS normalisation with a frozen weight: four passes over the data backward, where autograd makes a dozen in fp32."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["fast_norms"]

AGREE = 0.02  # of the output's spread: bf16 rounds by 0.4 %, the library's own order of rounding differs by one or two


class FastNorm(torch.autograd.Function):
    """`y = w x / sqrt(mean(x^2) + eps)` over the last axis (Zhang and Sennrich, 2019); w has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        """The sum of squares in fp32, the rest in the type of x."""
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        inverse = norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        hat = torch.mul(x, inverse).to(x.dtype)
        ctx.save_for_backward(hat, inverse, weight)
        return hat * weight

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """dx = (g w - hat mean(g w hat)) / rms."""
        hat, inverse, weight = ctx.saved_tensors
        grad = grad * weight
        along = torch.linalg.vecdot(grad, hat).unsqueeze(-1).div_(-grad.shape[-1])
        return torch.addcmul(grad, hat, along).mul_(inverse.to(grad.dtype)), None, None


@contextmanager
def fast_norms(model: nn.Module) -> Iterator[int]:
    """Run the model's RMS norms this way while the block lasts; yields how many were replaced.

    A class of norms is replaced only where ours gives its output on a sample: some families add 1 to the weight.
    """
    fit: dict[type, bool] = {}
    replaced = []
    for module in model.modules():
        kind, eps = type(module), _eps(module)
        if eps is None:
            continue
        if kind not in fit:
            fit[kind] = _agrees(module, eps)
        if fit[kind]:
            module.forward = MethodType(_forward, module)
            replaced.append(module)
    try:
        yield len(replaced)
    finally:
        for module in replaced:
            vars(module).pop("forward", None)


def _eps(module: nn.Module) -> float | None:
    """The norm's small number, under either of the names that transformers has for it; None for another module."""
    if not type(module).__name__.endswith("RMSNorm") or not isinstance(getattr(module, "weight", None), Tensor):
        return None
    return getattr(module, "variance_epsilon", getattr(module, "eps", None))


@torch.no_grad()
def _agrees(module: nn.Module, eps: float) -> bool:
    weight: Tensor = module.weight  # type: ignore[assignment]
    if weight.requires_grad:
        return False
    sample = torch.sin(torch.arange(4 * weight.shape[0], device=weight.device)).view(4, -1).to(weight.dtype)
    theirs = module(sample)
    ours = FastNorm.apply(sample, weight, eps)
    return bool((theirs - ours).abs().max() <= AGREE * theirs.std())  # type: ignore[operator]


def _forward(module: Any, x: Tensor) -> Tensor:
    return FastNorm.apply(x, module.weight, _eps(module))  # type: ignore[return-value]
