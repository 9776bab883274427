"""A context that is too short: long requests are refused, lose their beginning, or leave no room for the answer."""

from statistics import median

import polars as pl

from ....core import say
from ..seen import Seen
from .cause import Cause

__all__ = ["context"]

SHORTAGE, SPREAD = 8, 2  # tokens: that the longest request lacks at least, and by which whole ones may vary
REFUSED = r"(?i)context|too long|too large|maximum.{0,20}(?:length|tokens)|max_model_len|exceed"


def context(seen: Seen) -> Cause | None:
    """Claimed if exactly the longest requests are refused, counted shorter than they are, or end at a common sum of tokens."""
    return _refused(seen) or _cut_prompts(seen) or _cut_answers(seen)


def _refused(seen: Seen) -> Cause | None:
    refused = seen.rows.filter(pl.col("error").str.contains(REFUSED))
    lengths, answered = _known(refused["recorded_prompt"]), _known(seen.answered["recorded_prompt"])
    if not lengths or max(answered, default=0) >= min(lengths):
        return None
    says = (
        f"The server's context is too short: it refuses {len(refused):,} of {say.count(len(seen.rows), 'request')}, those from "
        f"{say.count(min(lengths), 'token')} on."
    )
    evidence = {
        "refused": len(refused),
        "of": len(seen.rows),
        "from_tokens": min(lengths),
        "error": refused["error"][0],
    }
    return _cause(seen, says, evidence)


def _cut_prompts(seen: Seen) -> Cause | None:
    """Long requests whose prompts are counted too short, where the short ones have one and the same offset."""
    rows = seen.answered.select("recorded_prompt", "served_prompt").drop_nulls().sort("recorded_prompt").rows()
    if not rows:
        return None
    offset = round(median(served - judged for judged, served in rows[: -(-len(rows) // 2)]))
    missing = [judged + offset - served for judged, served in rows]
    first = next((place for place, tokens in enumerate(missing) if tokens > SPREAD), len(rows))
    cut, whole = rows[first:], missing[:first]
    if not cut or not whole or max(whole) - min(whole) > SPREAD or min(missing[first:]) <= 0 or missing[-1] < SHORTAGE:
        return None
    most = max(served for _, served in rows)
    says = (
        f"The server cuts long requests: {len(cut):,} of {say.count(len(rows), 'request')} should take "
        f"{say.count(cut[0][0] + offset, 'token')} or more, and the server counts at most {most:,}."
    )
    return _cause(seen, says, {"cut": len(cut), "of": len(rows), "most_counted": most, "longest": rows[-1][0]})


def _cut_answers(seen: Seen) -> Cause | None:
    """Answers that end where request and answer together reach one sum, below the token limit of the answer."""
    rows = seen.answered.drop_nulls(["served_prompt", "served_tokens"])
    cut = rows.filter((pl.col("served_finish") == "length") & (pl.col("served_tokens") < seen.max_new_tokens - 1))
    sums = _known(cut["served_prompt"] + cut["served_tokens"])
    if len(sums) < 2 or max(sums) - min(sums) > 1 or cut["served_tokens"].n_unique() == 1:
        return None
    says = (
        f"The server's context is too short: {len(cut):,} of {say.count(len(rows), 'answer')} end where request and answer "
        f"together reach {max(sums):,} tokens."
    )
    return _cause(seen, says, {"cut": len(cut), "of": len(rows), "tokens_together": max(sums)})


def _known(counts: pl.Series) -> list[int]:
    return counts.drop_nulls().to_list()


def _cause(seen: Seen, says: str, evidence: dict[str, object]) -> Cause:
    longest = max(_known(seen.rows["recorded_prompt"]), default=None)
    needed = None if longest is None else longest + seen.max_new_tokens
    room = "" if needed is None else f" to at least {needed:,} tokens, the longest request with its answer"
    return Cause(
        "context",
        says,
        f"Raise the server's context{room} (n_ctx, num_ctx, max_model_len). With several slots, llama.cpp divides it among them.",
        {**evidence, "needed": needed, "declared": seen.declared_context},
    )
