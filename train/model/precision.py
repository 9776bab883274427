"""Hardware capabilities: the fastest number format (measured), and whether weights can be packed (tested).

Packed weights are stored in the layout of the processor's matrix product, rearranged once instead of at each product:
the same numbers, bit for bit. It saves 3 to 4% of a training step, and a quarter of a new token for 32 rows.
"""

import time
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

__all__ = [
    "bf16_ratio",
    "can_pack",
    "fastest_dtype",
    "format_notices",
    "packed_product",
    "packs_bfloat16",
    "product_rate",
]

WORTH_IT = 1.3  # bf16 rounds, so it must pay off; 2.2 on AVX-512 bf16, 0.2 to 0.4 without such instructions
ROWS, INNER, OUTER = 512, 576, 1536  # a feed-forward product of the default model

UNPACKED = (
    "this processor cannot pack bfloat16 weights: training and generation use them unpacked, which is slower; "
    'dtype = "auto" takes the fastest format'
)

Product = Callable[[Tensor, Tensor | None], Tensor]
"""`x W' + bias` of x `(n, d_in)` and bias `(d_out,)` or None."""


def product_rate(dtype: torch.dtype, *, seconds: float = 0.1) -> float:
    """Matrix-product rate in GFLOP/s, from the fastest product within `seconds`."""
    left, right = torch.randn(ROWS, INNER).to(dtype), torch.randn(OUTER, INNER).to(dtype)
    torch.mm(left, right.T)  # the first product sets up the kernel
    best, until = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < until:
        torch.mm(left, right.T)
        best = min(best, time.perf_counter() - start)
    return 2 * ROWS * INNER * OUTER / best / 1e9


@cache
def bf16_ratio() -> float:
    """How much faster bf16 products are than fp32 ones on this CPU: a fifth to three times. 0.2 s, once per process."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        return product_rate(torch.bfloat16) / product_rate(torch.float32)


@cache
def fastest_dtype(device: str) -> torch.dtype:
    """bfloat16 where it is at least 1.3 times as fast as float32, else float32."""
    if device != "cpu":
        bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if bf16 else torch.float32
    return torch.bfloat16 if bf16_ratio() >= WORTH_IT else torch.float32


@cache
def packs_bfloat16() -> bool:
    """Whether this processor supports packed bfloat16 weights: tested once per process, on a small product.

    Which instructions are needed (AVX-512 or AVX-NE-CONVERT on x86) is up to torch and oneDNN.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    one = torch.eye(16, dtype=torch.bfloat16)
    try:
        return torch.equal(packed_product(one, rows=16)(one, None), one)
    except (RuntimeError, AttributeError):  # the processor lacks the instructions, or this torch the operations
        return False


def can_pack(weights: Sequence[Tensor], *, most_bytes: int) -> bool:
    """Whether all these weights benefit from packing (bf16 on a CPU with support), and a copy fits this limit."""
    fit = all(weight.device.type == "cpu" and weight.dtype == torch.bfloat16 for weight in weights)
    return fit and sum(weight.nbytes for weight in weights) <= most_bytes and packs_bfloat16()


def packed_product(weight: Tensor, *, rows: int) -> Product:
    """The product with a packed copy of this weight `(d_out, d_in)`, for about `rows` rows at a time; no gradients."""
    # The two calls that torch's own compiler substitutes for a linear layer with frozen weights.
    inner = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), rows)
    product = torch.ops.mkldnn._linear_pointwise.default
    return lambda x, bias: product(x, inner, bias, "none", [], "")


def format_notices(dtype: torch.dtype, *, device: str) -> tuple[str, ...]:
    """What a user should know about this number format on this device, "cpu" or "cuda"."""
    slow = device == "cpu" and dtype == torch.bfloat16 and not packs_bfloat16()
    return (UNPACKED,) if slow else ()
