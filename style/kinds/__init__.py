"""All kinds of checks by name; each has a file with everything that the kind can do."""

from ..schema import Kind
from .allowed import ALLOWED
from .case import CASE
from .contradicts import CONTRADICTS
from .covers import COVERS
from .equals import EQUALS, FINAL_ANSWER, SIMILAR
from .field_context import FIELD_CONTEXT
from .forbidden import FORBIDDEN
from .grounded import GROUNDED
from .html import HTML
from .json_value import JSON
from .key_values import KEY_VALUES
from .known_segments import KNOWN_SEGMENTS
from .known_words import KNOWN_WORDS
from .label import LABEL
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
from .same_fields import SAME_FIELDS
from .same_result import SAME_RESULT
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
        FIELD_CONTEXT, LANGUAGE, READABILITY, NO_REPEATS, EQUALS, LABEL, SAME_FIELDS, FINAL_ANSWER, SAME_RESULT, SIMILAR, PYTHON,
    )
}  # fmt: skip
