"""All kinds of checks by name: one file each, with all that the kind can do."""

from ..kind import Kind
from .affix import ENDS_WITH, STARTS_WITH
from .covers import COVERS
from .forbidden import FORBIDDEN
from .grounded import GROUNDED
from .language import LANGUAGE
from .leftovers import CLEAN
from .length import LENGTH
from .no_repeats import NO_REPEATS
from .pattern import PATTERN
from .punctuation import PUNCTUATION
from .python_call import PYTHON
from .readability import READABILITY
from .vocabulary import VOCABULARY

__all__ = ["KINDS"]

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        LENGTH,
        PATTERN,
        FORBIDDEN,
        STARTS_WITH,
        ENDS_WITH,
        VOCABULARY,
        PUNCTUATION,
        CLEAN,
        GROUNDED,
        COVERS,
        LANGUAGE,
        READABILITY,
        NO_REPEATS,
        PYTHON,
    )
}
