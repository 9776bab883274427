"""The fastest number format on this hardware, found by timing matrix products."""

import time
from functools import cache

import torch

__all__ = ["bf16_ratio", "fastest_dtype", "format_notices", "product_rate"]

WORTH_IT = 1.3  # bf16 rounds, so it must pay off; 2.2 on AVX-512 bf16, 0.2 to 0.4 without such instructions
ROWS, INNER, OUTER = 512, 576, 1536  # a feed-forward product of the default model

AUTO = 'dtype = "auto" takes the faster format'


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


def format_notices(dtype: torch.dtype, *, device: str) -> tuple[str, ...]:
    """What a user should know about this number format on this device, "cpu" or "cuda"."""
    if device == "cpu" and dtype == torch.bfloat16 and bf16_ratio() < 1:
        return (f"bfloat16 is {1 / bf16_ratio():.1f} times as slow as float32 on this processor; {AUTO}",)
    return ()
