"""A server that draws its tokens although the temperature is 0."""

from ....core import say
from ..agreement import parting
from ..seen import Seen
from .cause import Cause

__all__ = ["sampling"]

# An honest server may give another text the second time: a product depends on what else is in its batch. At most this share of
# tokens then changes (llama.cpp with four slots: 1% of them, benchmarks/serve_check.md), and a claim needs a chance below RARE
# under it. A text that is drawn leaves the first one within a few tokens.
BY_ROUNDING, RARE = 0.02, 0.01


def sampling(seen: Seen) -> Cause | None:
    """Claimed if repeated requests part from their first answers earlier than rounding explains."""
    from scipy.stats import binom

    if not seen.greedy or seen.again is None:
        return None
    places = [parting(first, second, seen.split) for first, second in seen.again.select("first", "second").iter_rows()]
    parted = sum(place.parts for place in places)
    agreed = sum(place.agreed for place in places)
    chance = float(binom.sf(parted - 1, agreed + parted, BY_ROUNDING)) if parted else 1.0
    if chance >= RARE:
        return None
    return Cause(
        "sampling",
        f"The server draws its tokens although the temperature is 0: of {say.count(len(places), 'request')} sent twice, "
        f"{parted:,} got another text the second time, after {agreed / len(places):.0f} equal tokens on average.",
        "Let the server use the request's temperature: remove its own temperature, top_k or do_sample, or a default that "
        "overrides the request.",
        {"asked_twice": len(places), "other_text": parted, "equal_tokens": agreed, "chance_by_rounding": chance},
    )
