"""What the summary of a curation says of single rows: repairs, checks, faults of quality, personal data."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ..core import Count, Proportion, Record


class RepairedRow(Record):
    """A row whose output was repaired."""

    row: Count
    """Record number."""
    id: str | None
    """Id of the row."""
    before: str
    """Output as written, without personal data."""
    after: str
    """Output after repair, without personal data."""


class RepairOffer(Record):
    """What safe repairs would keep; null where outputs are repaired."""

    rows: Count
    """Rows that would be kept, scaled up where not all were tried."""
    rules: Mapping[str, Count]
    """Such rows by check id."""
    examples: Mapping[str, Sequence[RepairedRow]]
    """Examples of what would change, by check id."""
    failing: Count
    """Rows that were dropped because their output breaks a must rule."""
    tried: Count
    """How many of them were repaired to know it."""


class Repairs(Record):
    """Rows kept because their output was repaired by the style, or that would be; null without a style."""

    fix: Literal["off", "safe", "unsafe"]
    """The repairs that were made."""
    rows: Count
    """Rows kept with a repaired output."""
    rules: Mapping[str, Count]
    """Rows repaired by each check, by check id."""
    examples: Mapping[str, Sequence[RepairedRow]]
    """Examples of what each check repaired, by check id."""
    offer: RepairOffer | None
    """What safe repairs would keep; null where outputs are repaired."""


class ReferenceCheck(Record):
    """Rows that break one check."""

    fail: Count
    """Number of rows that break the check."""
    share: Proportion
    """Share of the pairs read that break the check."""


class UnscoredCheck(Record):
    """Rows that one check could not score."""

    rows: Count
    """Number of rows that could not be scored."""
    why: str
    """Most frequent reason."""


class FoundPlace(Record):
    """A row found by the rule."""

    row: Count
    """Row number in the input."""
    id: str
    """Id of the row."""
    where: str | None = None
    """Text that contains the finding, such as input or output."""
    what: str | None = None
    """Kind of finding."""
    start: Count | None
    """Offset of the first code point of the finding in its text; null without a place."""
    end: Count | None
    """Offset just past the last code point of the finding; null without a place."""
    evidence: str | None
    """Description of the finding."""


class QualityFinding(Record):
    """Findings of one quality rule."""

    rows: Count
    """Number of rows found by the rule."""
    share: Proportion
    """Share of the pairs read that the rule found."""
    level: str
    """Level of the rule: must or should."""
    examples: Sequence[FoundPlace] | None = None
    """Up to three examples; omitted for canned answers, which canned lists."""


class PersonalPlace(Record):
    """An occurrence of personal data."""

    row: Count | None = None
    """Row number in the input."""
    id: str | None = None
    """Id of the row."""
    where: str | None = None
    """Place in the row: id, group, input, output, system, or a value in meta or fields."""
    what: str | None = None
    """Kind of personal data."""
    start: Count | None = None
    """Offset of its first code point in the original text."""
    end: Count | None = None
    """Offset just past its last code point in the original text."""
    evidence: str | None = None
    """Description of the occurrence."""


class PersonalData(Record):
    """Personal data found in the rows; the values themselves are never stored."""

    rows: Count
    """Number of rows that contain personal data."""
    masked: bool
    """Whether the personal data was replaced by masks."""
    found: Mapping[str, Count]
    """Number of occurrences, by kind of personal data."""
    places: Sequence[PersonalPlace]
    """The first twenty occurrences."""
