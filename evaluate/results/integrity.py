"""Outputs that are not whole answers of their variant to their own requests, and requests that were in training."""

from collections.abc import Sequence
from typing import Literal

from ...core import Count, Positive, Record

IntegrityKind = Literal["shifted", "other requests", "cut", "recited", "leaked"]
IntegrityEffect = Literal["invalid", "doubt", "left out"]


class IntegrityFinding(Record):
    """Outputs of one variant that are not what they should be."""

    what: IntegrityKind
    """shifted: they answer the request some rows away. other requests: they answer various other requests. cut: they end
    in mid-sentence or mid-word at one length, and no finish_reason says why. recited: they are training outputs word for
    word, more often than references are. leaked: a row stated for training repeats their request."""
    variant: str
    """Variant whose outputs these are."""
    n: Positive
    """Number of such outputs; of leaked, of the test pairs."""
    of: Positive
    """Number of outputs that were checked, or of test pairs."""
    ids: Sequence[str]
    """The first of their pairs."""
    effect: IntegrityEffect
    """invalid: the comparison is invalid. doubt: it is named as a doubt. left out: these pairs are not scored."""
    shift: int | None = None
    """How many rows further on the requests are that the outputs answer (shifted only)."""
    length: Count | None = None
    """The length at which the outputs end; null if it is known only that they end at about one length (cut only)."""
    unit: Literal["characters", "tokens"] | None = None
    """Unit of the length (cut only)."""
