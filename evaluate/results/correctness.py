"""How often the outputs are right, by class or field, where a rule compares them with a reference."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ...core import Count, Proportion, Record, Signed
from .quality import Share


class PartScore(Record):
    """Scores of one class (labels) or one field (records), over outputs."""

    name: str
    """Label, or path of the field."""
    support: Count
    """Number of outputs whose reference has it."""
    found: Count
    """Number of outputs that have it."""
    right: Count
    """Number of outputs that have it as the reference does."""
    precision: Share
    """Share of those found that are right."""
    recall: Share
    """Share of those in the references that are right."""
    f1: Proportion | None
    """Harmonic mean of precision and recall; null without support and outputs."""
    wrong: Count = 0
    """Number of outputs that have it with another value; the rest of support is missing, that of found is extra."""


class Confused(Record):
    """How often outputs name one label where the reference has another, or name the right one."""

    reference: str
    """Label of the reference."""
    output: str | None
    """Label that the output names; null if it names none, or not exactly one."""
    n: Count
    """Number of outputs."""


ErrorKind = Literal[
    "no answer", "wrong label", "no label", "wrong value", "missing field", "extra field", "no record", "other answer",
    "query fails", "other result", "other text",
]  # fmt: skip


class Errors(Record):
    """The incorrect outputs of one kind."""

    kind: ErrorKind
    """What is wrong; no answer is an output that is missing, empty, cut off or a refusal, or has none where it is expected."""
    n: Count
    """Number of outputs; one may have faults of several kinds."""
    ids: Sequence[str]
    """The first of their pairs."""


class VariantCorrectness(Record):
    """Correctness of one variant's outputs."""

    accuracy: Share
    """Share of outputs that are right as a whole: accuracy, exact match, or execution accuracy."""
    macro_f1: Proportion | None = None
    """Mean F1 of the classes or fields that references have; omitted without them."""
    classes: Sequence[PartScore] | None = None
    """Scores of each label, the worst first; omitted unless the outputs are labels."""
    fields: Sequence[PartScore] | None = None
    """Scores of each field, the worst first; omitted unless the outputs are records."""
    errors: Sequence[Errors] = ()
    """Kinds of errors, the most frequent first; results of earlier versions have none."""
    confusion: Sequence[Confused] | None = None
    """Labels of references against those of outputs, the most frequent first; omitted unless the outputs are labels."""


class PartDifference(Record):
    """Difference in the recall of one class or field."""

    name: str
    """Label, or path of the field."""
    n: Count
    """Number of cases whose reference has it."""
    value: Signed
    """Candidate minus baseline."""
    low: Signed
    """Lower end of the 95% interval."""
    high: Signed
    """Upper end of the 95% interval."""
    p_holm: Proportion | None
    """p value adjusted for the number of classes or fields by Holm's method."""


class Correctness(Record):
    """How often the outputs are right, by the first must rule that compares them with the references."""

    metric: Literal["labels", "fields", "answer", "query", "text"]
    """What is compared."""
    rule: str
    """Id of the rule."""
    n: Count
    """Number of cases with a reference."""
    without_reference: Count
    """Number of cases without one, which the other rules judge alone."""
    several_references: Count
    """Number of cases with several right answers."""
    contradicted: Count = 0
    """Number of cases of which another has the same request and another answer: each is compared with its own."""
    variants: Mapping[str, VariantCorrectness]
    """Correctness of each variant."""
    differences: Sequence[PartDifference] | None = None
    """Candidate against the strongest rival, by class or field; omitted where there are none or nothing is compared."""

    @property
    def exact(self) -> bool:
        """Whether answers are compared as such, so that the similarity of texts says nothing about them."""
        return self.metric != "text"
