"""A context that is too short: long requests are refused, lose their beginning, or leave no room for the answer."""

import polars as pl

from ....core import say
from ..seen import Seen
from .cause import Cause

__all__ = ["context"]

SHORTAGE = 8  # tokens; a template that differs is a few tokens, and the same few for each request
REFUSED = r"(?i)context|too long|too large|maximum.{0,20}(?:length|tokens)|max_model_len|exceed"


def context(seen: Seen) -> Cause | None:
    """Claimed if exactly the longest requests are refused, counted shorter than they are, or end at a common sum of tokens."""
    return _refused(seen) or _cut_prompts(seen) or _cut_answers(seen)


def _refused(seen: Seen) -> Cause | None:
    refused = seen.rows.filter(pl.col("error").str.contains(REFUSED))
    lengths, answered = refused["recorded_prompt"].drop_nulls(), seen.answered["recorded_prompt"].drop_nulls()
    if not len(lengths) or (len(answered) and answered.max() >= lengths.min()):  # type: ignore[operator]
        return None
    says = (
        f"The server's context is too short: it refuses {say.count(len(refused), 'request')} of {len(seen.rows):,}, those from "
        f"{say.count(lengths.min(), 'token')} on."
    )
    evidence = {
        "refused": len(refused),
        "of": len(seen.rows),
        "from_tokens": lengths.min(),
        "error": refused["error"][0],
    }
    return _cause(seen, says, evidence)


def _cut_prompts(seen: Seen) -> Cause | None:
    """Long requests whose prompts are counted too short, against the offset of the short ones."""
    rows = seen.answered.drop_nulls(["recorded_prompt", "served_prompt"]).sort("recorded_prompt")
    if not len(rows):
        return None
    offset = int((rows["served_prompt"] - rows["recorded_prompt"]).head(max(1, len(rows) // 2)).median() or 0)  # type: ignore[arg-type]
    missing = rows["recorded_prompt"] + offset - rows["served_prompt"]
    short, whole = rows.filter(missing >= SHORTAGE), rows.filter(missing < SHORTAGE)
    if not len(short) or not len(whole) or whole["recorded_prompt"].max() >= short["recorded_prompt"].min():  # type: ignore[operator]
        return None
    most = rows["served_prompt"].max()
    says = (
        f"The server cuts long requests: {say.count(len(short), 'request')} of {len(rows):,} should take "
        f"{say.count(short['recorded_prompt'].min(), 'token')} or more, and the server counts at most {most:,}."
    )
    return _cause(
        seen,
        says,
        {"cut": len(short), "of": len(rows), "most_counted": most, "longest": short["recorded_prompt"].max()},
    )


def _cut_answers(seen: Seen) -> Cause | None:
    """Answers that end where request and answer together reach one sum, below the token limit of the answer."""
    rows = seen.answered.drop_nulls(["served_prompt", "served_tokens"])
    cut = rows.filter((pl.col("served_finish") == "length") & (pl.col("served_tokens") < seen.max_new_tokens - 1))
    sums = cut["served_prompt"] + cut["served_tokens"]
    if len(cut) < 2 or sums.max() - sums.min() > 1 or cut["served_tokens"].n_unique() == 1:  # type: ignore[operator]
        return None
    says = (
        f"The server's context is too short: {say.count(len(cut), 'answer')} of {len(rows):,} "
        f"{'ends' if len(cut) == 1 else 'end'} where request and answer together reach {sums.max():,} tokens."
    )
    return _cause(seen, says, {"cut": len(cut), "of": len(rows), "tokens_together": sums.max()})


def _cause(seen: Seen, says: str, evidence: dict[str, object]) -> Cause:
    longest = seen.rows["recorded_prompt"].max()
    needed = None if longest is None else int(longest) + seen.max_new_tokens  # type: ignore[arg-type]
    room = "" if needed is None else f" to at least {needed:,} tokens, the longest request with its answer"
    return Cause(
        "context",
        says,
        f"Raise the server's context{room} (n_ctx, num_ctx, max_model_len). With several slots, llama.cpp divides it among them.",
        {**evidence, "needed": needed, "declared": seen.declared_context},
    )
