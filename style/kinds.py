"""All kinds of checks by name."""

from .facts import COVERS, GROUNDED
from .form import ENDS_WITH, LENGTH, PATTERN, PUNCTUATION, STARTS_WITH
from .kind import Kind
from .leftovers import CLEAN
from .wording import FORBIDDEN, VOCABULARY

__all__ = ["KINDS"]

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (LENGTH, PATTERN, FORBIDDEN, STARTS_WITH, ENDS_WITH, VOCABULARY, PUNCTUATION, CLEAN, GROUNDED, COVERS)
}
