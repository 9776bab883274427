"""Another model altogether: its tokenizer, or its choice of tokens, is not that of the judged one."""

from ....core import say
from ..agreement import rounding_noise
from ..seen import Seen
from .cause import Cause
from .context import context
from .quantised import ANOTHER

__all__ = ["another"]

LEAST, SPREAD = 3, 2  # requests; tokens by which the offset of the counts may vary
OTHER_TEXTS = 0.8  # of next tokens: below it, no number format explains the difference


def another(seen: Seen) -> Cause | None:
    """Claimed if the server's token counts differ from request to request as those of another tokenizer do, or if it chooses
    other tokens where the judged model was sure."""
    return _other_tokenizer(seen) or _other_choice(seen)


def _other_tokenizer(seen: Seen) -> Cause | None:
    offsets = seen.prompt_offsets.to_list()
    if len(offsets) < LEAST or max(offsets) - min(offsets) <= SPREAD or context(seen) is not None:
        return None
    return _cause(
        f"its tokenizer counts the same requests otherwise ({min(offsets):+,} to {max(offsets):+,} tokens)",
        {"least_offset": min(offsets), "most_offset": max(offsets), "requests": len(offsets)},
    )


def _other_choice(seen: Seen) -> Cause | None:
    share = seen.next_token_share
    noise = None if seen.margins is None else rounding_noise(seen.margins)
    if share is None or share >= OTHER_TEXTS or noise is None or noise <= ANOTHER:
        return None
    return _cause(
        f"it writes the judged next token at {say.percent(share)} of places, and others even where the judged model was sure",
        {"next_token_share": share, "noise_nats": noise},
    )


def _cause(what: str, evidence: dict[str, object]) -> Cause:
    return Cause(
        "another",
        f"Another model answers: {what}.",
        "Check the model's name at the server and the files that it loads; the run's base model is stated in its model card.",
        evidence,
    )
