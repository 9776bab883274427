"""All kinds of checks by name: one file each, with all that the kind can do."""

from ..kind import Kind
from .affix import ENDS_WITH, STARTS_WITH
from .covers import COVERS
from .forbidden import FORBIDDEN
from .grounded import GROUNDED
from .leftovers import CLEAN
from .length import LENGTH
from .pattern import PATTERN
from .punctuation import PUNCTUATION
from .vocabulary import VOCABULARY

__all__ = ["KINDS"]

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (LENGTH, PATTERN, FORBIDDEN, STARTS_WITH, ENDS_WITH, VOCABULARY, PUNCTUATION, CLEAN, GROUNDED, COVERS)
}
