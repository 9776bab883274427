"""All kinds of checks by name; each has a file with everything that the kind can do."""

from ..schema import Kind
from .allowed import ALLOWED
from .case import CASE
from .contradicts import CONTRADICTS
from .covers import COVERS
from .field_context import FIELD_CONTEXT
from .forbidden import FORBIDDEN
from .grounded import GROUNDED
from .html import HTML
from .json_value import JSON
from .key_values import KEY_VALUES
from .known_segments import KNOWN_SEGMENTS
from .known_words import KNOWN_WORDS
from .language import LANGUAGE
from .leftovers import CLEAN
from .length import LENGTH
from .list_items import LIST
from .no_repeats import NO_REPEATS
from .number_style import NUMBERS
from .order import ORDER
from .pattern import PATTERN
from .punctuation import PUNCTUATION
from .python_call import PYTHON
from .readability import READABILITY
from .sections import SECTIONS
from .starts_ends import ENDS_WITH, STARTS_WITH
from .sums import SUMS
from .template import TEMPLATE
from .vocabulary import VOCABULARY

__all__ = ["KINDS"]

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        LENGTH, PATTERN, SECTIONS, LIST, TEMPLATE, JSON, HTML, KEY_VALUES, ORDER, ALLOWED, NUMBERS, CASE, FORBIDDEN,
        STARTS_WITH, ENDS_WITH, VOCABULARY, KNOWN_WORDS, PUNCTUATION, CLEAN, GROUNDED, COVERS, CONTRADICTS, SUMS, KNOWN_SEGMENTS,
        FIELD_CONTEXT, LANGUAGE, READABILITY, NO_REPEATS, PYTHON,
    )
}  # fmt: skip
