"""Weights of fewer bits than the judged ones: the texts agree until two tokens are nearly equally likely."""

import numpy as np

from ....core import say
from ..agreement import is_noisier, rounding_noise
from ..seen import Seen
from .cause import Cause

__all__ = ["ANOTHER", "ROUNDING", "quantised"]

# Standard deviations, in nats, of what a server adds to the margins between the judged model's tokens, measured with the
# adapter of the shipped example on 2026-11-28 (benchmarks/serve_check.md).
ROUNDING = 0.25
ANOTHER = 5.0  # beyond it, the weights are not the judged ones in fewer bits
FEW_BITS = 6.5  # per weight: Q8_0 has 8.5, Q6_K 6.6, Q5_K 5.7, Q4_K 4.8
LEAST_PARTED, AGREED = 3, 0.98  # rows that part; share of next tokens, where the weights are not at hand


def quantised(seen: Seen) -> Cause | None:
    """Claimed if what the server adds to the judged model's margins is more than rounding and less than another model.

    Without the judged weights, claimed if the server itself declares few bits per weight and texts part often.
    """
    parted = sum(place.parts for place in seen.places)
    share = seen.next_token_share
    if not seen.greedy or parted < LEAST_PARTED or share is None:
        return None
    noise = None if seen.margins is None else rounding_noise(seen.margins)
    if noise is None:
        few = seen.declared_bits is not None and seen.declared_bits < FEW_BITS
        if not few or share >= AGREED:
            return None
    elif seen.margins is None or noise > ANOTHER or not is_noisier(seen.margins, ROUNDING):
        return None
    return Cause(
        "quantised",
        f"{_what(seen)}: {say.percent(share)} of next tokens are the judged ones, and the texts part {_where(seen)}.",
        "Serve the run's own adapter, or its merged weights, in the format that was judged (bf16, F16, or Q8_0 at least); or "
        "evaluate the served model: give its address as endpoint under [evaluate.NAME].",
        {
            "noise_nats": noise,
            "rounding_nats": ROUNDING,
            "next_token_share": share,
            "parted": parted,
            "declared_bits": seen.declared_bits,
        },
    )


def _what(seen: Seen) -> str:
    """What is certain: texts alone do not tell fewer bits from another checkpoint of the same adapter."""
    if seen.declared_bits is not None and seen.declared_bits < FEW_BITS:
        return f"The weights are quantised to {seen.declared_bits:.1f} bits, as the server says"
    return "The weights are near the judged ones and not the same, as after quantisation or at another checkpoint"


def _where(seen: Seen) -> str:
    if seen.margins is None or not len(seen.margins.left):
        return f"in {sum(place.parts for place in seen.places):,} of {len(seen.places):,} outputs"
    noise = rounding_noise(seen.margins) or 0.0
    return (
        f"where the judged model preferred its token by {float(np.median(seen.margins.left)):.1f} nats (median), as if noise of "
        f"{noise:.2f} nats were added to its choices; rounding adds up to {ROUNDING:g}"
    )
