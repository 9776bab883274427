"""A tokenizer that cuts the same text into other tokens."""

from ....core import say
from ..seen import Seen
from .begin import begin
from .cause import Cause

__all__ = ["tokenizer"]

# Above it, the answers do not suffer: llama.cpp 11549 reads an empty line as one token where SmolLM2's own tokenizer makes two.
AGREED = 0.95  # of next tokens


def tokenizer(seen: Seen) -> Cause | None:
    """Claimed if the server renders the judged text, reads other tokens in it, and writes other answers."""
    reading, share = seen.reading, seen.next_token_share
    if reading is None or not reading.same_text or begin(seen) is not None:
        return None
    place = reading.first_difference
    if place is None or share is None or share >= AGREED:
        return None
    return Cause(
        "tokenizer",
        f"The server cuts the same text into other tokens, from token {place + 1} of the first request on, and writes the judged "
        f"next token at {say.percent(share)} of places.",
        "Make the server's tokenizer from the files of the run's adapter (tokenizer.json); for a GGUF file, convert them with a "
        "current llama.cpp, which knows more kinds of tokenizers.",
        {
            "first_differing_token": place + 1,
            "judged_tokens": len(reading.expected),
            "served_tokens": len(reading.server),
        },
    )
