"""The names that Tuneworth gives to rivals that prompt a model, and what each is made from."""

from collections.abc import Collection
from typing import Final

from ..results import Way

NEAREST: Final = "nearest"
_ADDED: dict[str, Way] = {"retry": "retry", "constrained": "constrained", "short guide": "short guide"}


def retry_name(name: str) -> str:
    """The name of a variant that is prompted again for outputs that break rules."""
    return f"{name} + retry"


def constrained_name(name: str) -> str:
    """The name of a variant that can only generate what the style's constraint allows."""
    return f"{name} + constrained"


def short_guide_name(name: str) -> str:
    """The name of a variant with the must rules as its guide."""
    return f"{name} + short guide"


def made_from(name: str, variants: Collection[str]) -> tuple[Way, tuple[str, ...]] | None:
    """How the outputs of a rival with this name come about, and from which of the `variants`; None for other names.

    >>> made_from("prompted + retry", ["prompted", "tuned"]), made_from("best", ["prompted", "tuned"])
    (('retry', ('prompted',)), None)
    """
    of, _, how = name.rpartition(" + ")
    if how in _ADDED and of in variants:
        return _ADDED[how], (of,)
    return (NEAREST, ("prompted",)) if name == NEAREST and "prompted" in variants else None
