"""Text of reasoning before the answer, which the judged model did not write."""

import re

import polars as pl

from ....core import say
from ..seen import Seen
from .cause import Cause

__all__ = ["thinking"]

THOUGHT = r"(?i)</?\s*(?:think|thinking|reasoning|thought)\s*>|<\|channel\|>\s*analysis"
SHARE = 0.2  # of the answers; a text about such marks is rarer


def thinking(seen: Seen) -> Cause | None:
    """Claimed if a fifth of the answers hold thoughts, by their marks or by the server's count, where the judged ones do not."""
    marks = pl.col("served").str.contains(THOUGHT) & ~pl.col("recorded").str.contains(THOUGHT)
    thought = seen.answered.filter(marks | (pl.col("reasoning_tokens").fill_null(0) > 0))
    if not len(thought) or len(thought) < SHARE * len(seen.answered):
        return None
    return Cause(
        "thinking",
        f"The served model thinks before it answers: {len(thought):,} of {say.count(len(seen.answered), 'answer')} "
        f"{'holds' if len(thought) == 1 else 'hold'} reasoning, the judged ones none.",
        "Switch thinking off in the server's chat template (enable_thinking = false), as in training and judging.",
        {"answers": len(thought), "of": len(seen.answered), "example": _example(thought)},
    )


def _example(thought: pl.DataFrame) -> str | None:
    found = next((text for text in thought["served"] if re.search(THOUGHT, text)), None)
    return None if found is None else found[:120]
