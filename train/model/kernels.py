"""LoRA without peft's overhead outside the matrix products.

In bf16, peft casts each input to fp32 for the adapter and back, and autograd keeps every intermediate. Here one
autograd function per linear layer keeps two tensors and reads the input once. The model is still a peft model:
saving, loading and merging are peft's; only `forward` of its LoRA layers is replaced during training.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import MethodType
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import Linear as LoraLinear
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.nn import functional

from ...core import ConfigError, ModelError


class FastLora(torch.autograd.Function):
    """`y = x W' + b + (x A') (s B')`, with A and B cast from fp32 masters to the type of x.

    Shapes: x `(n, d_in)`, W `(d_out, d_in)`, A `(r, d_in)`, B `(d_out, r)`. Gradients for A and B come in fp32,
    for x only where something below needs it (not in the first layer), for W never.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        """The layer's output, `(n, d_out)` in the type of x."""
        a_low, b_low = a.to(x.dtype), (b * scale).to(x.dtype)
        narrow = x @ a_low.T
        y = functional.linear(x, weight, bias).addmm_(narrow, b_low.T)
        ctx.save_for_backward(x, narrow, a_low, b_low)
        ctx.weight, ctx.scale = weight, scale
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Gradients for x, A and B."""
        x, narrow, a_low, b_low = ctx.saved_tensors
        grad_narrow = grad @ b_low
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = (grad @ ctx.weight).addmm_(grad_narrow, a_low)
        grad_a = (grad_narrow.T @ x).float()
        grad_b = (grad.T @ narrow).float() * ctx.scale
        return grad_x, None, None, grad_a, grad_b, None


def attach_adapter(model: Any, *, rank: int, alpha: float, seed: int, name: str) -> PeftModel:
    """The model with a fresh adapter on every linear layer except the head; `model` itself is changed.

    `detach_adapter` undoes it. The seed is set before the adapter is initialised; the caller's random state is kept.
    """
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # annotated as int, used as a number
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    cards = [model.device] if model.device.type == "cuda" else []  # otherwise every GPU of the machine is initialised
    with torch.random.fork_rng(devices=cards), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft reads attributes that transformers is about to rename
        torch.manual_seed(seed)
        try:
            adapted = get_peft_model(model, config)  # type: ignore[arg-type]
        except ValueError as error:  # peft knows no layers to adapt in this family, or refuses them
            detach_adapter(model)
            raise ModelError(f'peft cannot adapt "{name}": {str(error).splitlines()[0]}\nUse another model.') from error
    adapted.peft_config["default"].base_model_name_or_path = name  # peft puts the cache's path here
    return adapted  # type: ignore[return-value]


def detach_adapter(model: Any) -> None:
    """Remove every adapter layer, even from a half-attached adapter, so that the model serves the untuned variants."""
    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            model.set_submodule(name, module.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config  # peft's unload leaves it, and then warns at the next adapter
    model.eval().requires_grad_(False)


def lora_layers(model: nn.Module) -> list[LoraLinear]:
    """The model's LoRA layers over linear layers in order, including quantised ones (subclasses of `nn.Linear`)."""
    layers = (m for m in model.modules() if isinstance(m, LoraLayer) and isinstance(m.get_base_layer(), nn.Linear))
    return list(layers)  # type: ignore[arg-type]  # quantised ones have the same parts as LoraLinear


def replace_forward(model: nn.Module) -> int:
    """Use the fast forward in every LoRA layer that supports it; returns how many keep peft's own."""
    layers = lora_layers(model)
    fit = [layer for layer in layers if _fits(layer)]
    for layer in fit:
        layer.forward = partial(_forward, layer)
    return len(layers) - len(fit)


def restore_forward(model: nn.Module) -> None:
    """Restore peft's own forward in every LoRA layer."""
    for layer in lora_layers(model):
        vars(layer).pop("forward", None)


def _fits(layer: LoraLinear) -> bool:
    """Plain LoRA, one adapter, no dropout, over an ordinary linear layer with a frozen weight."""
    base = layer.get_base_layer()
    return (
        type(base) is nn.Linear
        and not base.weight.requires_grad
        and not layer.merged
        and list(layer.lora_A) == layer.active_adapters == ["default"]
        and isinstance(layer.lora_dropout["default"], nn.Identity)
        and not layer.lora_variant
        and layer.lora_A["default"].bias is None
        and layer.lora_B["default"].bias is None
    )


def _forward(layer: LoraLinear, x: Tensor, *_: Any, **__: Any) -> Tensor:
    base: Any = layer.get_base_layer()
    flat = x.reshape(-1, x.shape[-1])
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    y = FastLora.apply(flat, base.weight.detach(), base.bias, a, b, layer.scaling["default"])
    return y.view(*x.shape[:-1], -1)  # type: ignore[union-attr]


AGREE = 0.02  # of the output's spread: bf16 rounds by 0.4%, the library's own order of rounding differs by one or two


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

    A class of norms is replaced only if ours reproduces its output on a sample: some families add 1 to the weight.
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
            module.forward = MethodType(_norm_forward, module)
            replaced.append(module)
    try:
        yield len(replaced)
    finally:
        for module in replaced:
            vars(module).pop("forward", None)


def _eps(module: nn.Module) -> float | None:
    """The norm's epsilon, under either of its names in transformers; None for another module."""
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


def _norm_forward(module: Any, x: Tensor) -> Tensor:
    return FastNorm.apply(x, module.weight, _eps(module))  # type: ignore[return-value]


@contextmanager
def recomputed(model: Any) -> Iterator[None]:
    """Keep only each layer's input while the block lasts, and recompute the rest when its gradients are needed.

    Only if the model is in training mode and gradients are on; the loss, its gradients and the fast paths are
    unaffected. Raises ConfigError if the model's layers do not support it.
    """
    if not model.supports_gradient_checkpointing:
        raise ConfigError(
            f"{type(model).__name__} does not support gradient checkpointing.\nSet gradient_checkpointing = false."
        )
    model.activation_checkpointing_enable({"use_reentrant": False})
    model.disable_input_require_grads()  # only the older, re-entrant method needs gradients at the embeddings
    try:
        yield
    finally:
        model.activation_checkpointing_disable()
