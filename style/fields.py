"""The fields that requests have, and those from which rules are inferred."""

from collections import Counter
from collections.abc import Mapping
from itertools import chain

from .schema import Columns

__all__ = ["MOST_FIELDS", "common_fields", "commonest", "given_fields", "text_fields"]

# Fields from which rules are inferred. No prompt names so many by hand; where each row has names of its own (answers to a
# survey, settings, a log), a column for each would take memory by the product of rows and names.
MOST_FIELDS = 200


def given_fields(columns: Columns) -> list[str]:
    """The names of all fields, in order of first appearance."""
    return list(dict.fromkeys(chain.from_iterable(columns.fields)))


def common_fields(columns: Columns) -> list[str]:
    """The names of all fields, or of the `MOST_FIELDS` that most rows have, in order of first appearance."""
    return columns.once("common fields", lambda: commonest(Counter(chain.from_iterable(columns.fields))))


def commonest(counts: Mapping[str, int]) -> list[str]:
    """The names with the highest counts, at most `MOST_FIELDS`, in the order given; of equal ones the first in the
    alphabet, so that the order of the rows does not matter."""
    if len(counts) <= MOST_FIELDS:
        return list(counts)
    kept = set(sorted(counts, key=lambda name: (-counts[name], name))[:MOST_FIELDS])
    return [name for name in counts if name in kept]


def text_fields(columns: Columns) -> list[str]:
    """Of the common fields, those that hold text or a number (no list, no object) in every row that has them."""
    return [name for name in common_fields(columns) if name not in columns.nested_fields]
