"""A token limit of the server below the one that is asked for."""

import polars as pl

from ....core import say
from ..seen import Seen
from .cause import Cause

__all__ = ["limit"]

LEAST = 2  # answers


def limit(seen: Seen) -> Cause | None:
    """Claimed if answers are cut at the same number of tokens, below the limit that was sent, and none is longer."""
    rows = seen.answered.filter(pl.col("served_tokens").is_not_null())
    cut = rows.filter((pl.col("served_finish") == "length") & (pl.col("served_tokens") < seen.max_new_tokens - 1))
    longest = max(rows["served_tokens"].to_list(), default=0)
    if len(cut) < LEAST or cut["served_tokens"].n_unique() > 1 or cut["served_tokens"][0] != longest:
        return None
    return Cause(
        "limit",
        f"The server cuts answers at {say.count(longest, 'token')}, though {seen.max_new_tokens:,} are asked for: "
        f"{len(cut):,} of {say.count(len(rows), 'answer')} {'is' if len(cut) == 1 else 'are'} cut there.",
        f"Raise the server's limit of generated tokens (n_predict, num_predict, max_new_tokens) to {seen.max_new_tokens:,}.",
        {"limit": longest, "asked_for": seen.max_new_tokens, "cut": len(cut), "answers": len(rows)},
    )
