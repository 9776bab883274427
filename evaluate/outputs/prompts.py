"""The chat messages that prompt a variant for one output, the same for local models and endpoints."""

from ...train import chat_messages
from ..variants import Variant

__all__ = ["prompt_of"]


def prompt_of(variant: Variant, text: str, system: str | None) -> list[dict[str, str]]:
    """The variant's guide and the pair's system message, the examples, then the request."""
    system_text = "\n\n".join(part for part in (variant.guide, system) if part)
    return chat_messages(text, system=system_text or None, examples=variant.examples)
