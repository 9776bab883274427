"""A server that draws its tokens although the temperature is 0."""

from ....core import say
from ..seen import Seen
from .cause import Cause

__all__ = ["sampling"]

# An honest server may give another text the second time: in bf16 a text depends on what else is in its batch. Its share is at
# most this for the outputs of the benchmark's honest servers, and a claim needs a chance below RARE under it.
BY_ROUNDING, RARE = 0.1, 0.01


def sampling(seen: Seen) -> Cause | None:
    """Claimed if more repeated requests got another text than rounding explains."""
    from scipy.stats import binom

    if not seen.greedy or seen.again is None or not len(seen.again):
        return None
    other = sum(first != second for first, second in seen.again.select("first", "second").iter_rows())
    chance = float(binom.sf(other - 1, len(seen.again), BY_ROUNDING)) if other else 1.0
    if chance >= RARE:
        return None
    return Cause(
        "sampling",
        f"The server draws its tokens although the temperature is 0: of {say.count(len(seen.again), 'request')} sent twice, "
        f"{other:,} got another text the second time.",
        "Let the server use the request's temperature: remove its own temperature, top_k or do_sample, or a default that "
        "overrides the request.",
        {"asked_twice": len(seen.again), "other_text": other, "chance_by_rounding": chance},
    )
