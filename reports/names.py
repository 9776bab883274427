"""Variants as sentences name them to people who do not know the settings' words."""

__all__ = ["named", "sentence"]

KNOWN = {"tuned": "the tuned model", "prompted": "the prompted model", "plain": "the plain model without a guide"}


def named(name: str | None) -> str:
    """`the tuned model`; a name that says nothing of what it is stands in quotes: `“rival”`.

    The verdict's words (`evaluate/wording.py`) in the page's typography.
    """
    return KNOWN.get(str(name), f"“{name}”")


def sentence(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]
