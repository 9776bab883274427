"""Scores of variants, and comparisons of two."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ...core import Count, NonNegative, Positive, Proportion, Record

CauseKind = Literal[
    "missing", "failed", "empty", "refused", "cut", "endless", "same text", "identical", "references", "shown"
]  # fmt: skip
Way = Literal[
    "model", "template", "majority", "classifier", "repair", "retry", "nearest", "short guide", "cascade", "constrained",
    "searched"
]  # fmt: skip
"""How outputs come about beyond the plain call of a model."""
NO_MODEL: frozenset[Way] = frozenset({"template", "majority", "classifier"})  # ways that call no language model


Good = Literal["acceptable", "correct"]
"""What an output is called that breaks no must rule: correct where its reference alone decides that."""
A_GOOD: dict[Good, str] = {"acceptable": "an acceptable", "correct": "a correct"}
BAD: dict[Good, str] = {"acceptable": "unacceptable", "correct": "incorrect"}


class Cause(Record):
    """One such cause."""

    cause: CauseKind
    """missing: no line. failed: the call failed. empty, refused: as the output says. cut: ended by the token limit
    before it was as long as the longest reference. endless: ended by the token limit although that leaves room for
    every reference, or in a loop. same text: one text in more than half of the outputs. identical: all outputs are
    those of another variant. references: all outputs are the references. shown: the test request is in the variant's
    own prompt."""
    count: Positive
    """Number of such outputs, or of requests that are shown."""
    of: Positive
    """Number of outputs, or of requests."""
    ids: Sequence[str]
    """The first of their pairs."""
    variant: str | None
    """The variant with the same outputs (identical only)."""
    limit: Count | None
    """The token limit, if tokens were counted (cut and endless only)."""
    enough: Positive | None
    """A token limit that leaves room for every reference, if it is known (cut only)."""


class Share(Record):
    """A share with its 95% interval; values are null if nothing could be scored."""

    share: Proportion | None
    """Share, from 0 to 1."""
    low: Proportion | None
    """Lower end of the 95% interval."""
    high: Proportion | None
    """Upper end of the 95% interval."""


class RawShare(Record):
    """Acceptable share of the outputs before repair."""

    share: Proportion | None
    """Share of cases with an acceptable output before repair."""
    low: Proportion | None
    """Lower end of its range."""
    high: Proportion | None
    """Upper end of its range."""
    changed: Count
    """Number of outputs that repair changed."""


class AloneShare(Record):
    """Outputs that only this must check keeps from being acceptable; null for a should check."""

    outputs: Count
    """Number of these outputs."""
    share: Proportion | None
    """Share of the outputs that would become acceptable if they all met it."""
    low: Proportion | None
    """Lower end of the 95% interval of the share."""
    high: Proportion | None
    """Upper end of the 95% interval of the share."""


class CheckScore(Record):
    """Results of one check."""

    fail: Count
    """Number of outputs that break the check."""
    share: Proportion | None
    """Share of outputs that break the check, among those it applies to; null if there are none."""
    low: Proportion | None
    """Lower end of the 95% interval of the share."""
    high: Proportion | None
    """Upper end of the 95% interval of the share."""
    n: Count
    """Number of outputs that the check applies to and could score."""
    not_applicable: Count
    """Number of outputs that the check does not apply to."""
    unscored: Count
    """Number of outputs that the check could not score."""
    level: Literal["must", "should"]
    """Severity: an output that breaks a must rule is unacceptable."""
    about: Literal["form", "wording", "facts", "correctness"]
    """Aspect of the output that it checks."""
    alone: AloneShare | None
    """Outputs that only this must check keeps from being acceptable; null for a should check."""


class SimilarityScore(Record):
    """ChrF score, from 0 to 1."""

    mean: float | None
    """Mean chrF score; null without references."""
    low: float | None
    """Lower end of the 95% interval."""
    high: float | None
    """Upper end of the 95% interval."""
    n: Count
    """Number of cases with a reference to compare with."""


class SimilarityScores(Record):
    """Similarity of the outputs to references that pass the rules."""

    chrf: SimilarityScore
    """chrF score, from 0 to 1."""
    ratio: SimilarityScore
    """Edit similarity, from 0 to 1."""


class Spread(Record):
    """Distribution of the length of texts; values are null if there are no texts."""

    mean: NonNegative | None
    """Mean length."""
    median: NonNegative | None
    """Median length."""
    p95: NonNegative | None
    """95th percentile of the length."""


class Lengths(Record):
    """Length of texts in words and characters."""

    words: Spread | None
    """Length in words."""
    characters: Spread | None
    """Length in characters."""


class OutputLengths(Record):
    """Length of the outputs and of the references for the same cases."""

    words: Spread | None
    """Length of the outputs in words."""
    characters: Spread | None
    """Length of the outputs in characters."""
    references: Lengths | None
    """Length of the references that pass the rules; null if there are none."""


class TwoSample(Record):
    """Test of whether a simple classifier can tell the outputs from the references."""

    accuracy: Proportion | None
    """Share of cases in which the classifier picks the output, independent of text length; 0.5 is chance; null with too
    few cases or groups."""
    low: Proportion | None
    """Lower end of the 95% interval of the accuracy."""
    high: Proportion | None
    """Upper end of the 95% interval of the accuracy."""
    p_value: Proportion | None
    """Probability of at least this accuracy if outputs and references did not differ."""
    length_accuracy: Proportion | None
    """Accuracy based on text length alone."""
    accuracy_with_length: Proportion | None
    """Accuracy without removing the effect of text length."""
    telling: Sequence[str] | None
    """Character sequences most typical of the outputs."""
    telling_references: Sequence[str] | None
    """Character sequences most typical of the references."""
    n: Count
    """Number of pairs of an output and a reference."""
    reason: str | None
    """Reason why the test was not run; null if it was."""


class Quality(Record):
    """Scores of one variant."""

    n: Count
    """Number of cases scored for every variant; no other case counts."""
    unscored: Count
    """Number of cases that could not be scored for this variant."""
    no_output: Count
    """Number of missing or empty outputs, which count as failures."""
    causes: Sequence[Cause]
    """What outputs were instead of answers of this variant; only what occurred."""
    groups: Count | None
    """Number of groups of cases; null if the data has no groups."""
    n_effective: NonNegative | None
    """Effective number of independent cases."""
    acceptable: Share
    """Share of acceptable outputs, which break no must rule."""
    consistent: Share
    """Share of outputs that pass every must rule about form and wording."""
    faithful: Share
    """Share of outputs that pass every must rule about facts."""
    correct: Share | None = None
    """Share of outputs that pass every must rule about the reference, among those with one; omitted without such rules."""
    samples: Positive
    """Number of outputs per case."""
    pass_all: Mapping[str, Proportion | None]
    """Probability that k outputs of one case are all acceptable, by k."""
    unstable: Share
    """Share of cases with both acceptable and unacceptable outputs; null with one output per case."""
    raw: RawShare | None
    """Acceptable share of the outputs before repair; null if the variant is not repaired."""
    checks: Mapping[str, CheckScore]
    """Results of each check, by check id."""
    similarity: SimilarityScores | None
    """Similarity of the outputs to references that pass the rules."""
    length: OutputLengths | None
    """Length of the outputs and of the references for the same cases."""
    two_sample: TwoSample | None
    """Test of whether a simple classifier can tell the outputs from the references; null if no reference passes the
    rules."""


class Reference(Record):
    """Scores of the reference outputs under the same rules."""

    n: Count
    """Number of references scored."""
    acceptable: Share
    """Share of references that pass every must rule."""
    consistent: Share
    """Share of references that pass every must rule about form and wording."""
    faithful: Share
    """Share of references that pass every must rule about facts."""


class Requests(Record):
    """How the requests of the test pairs repeat; results of earlier versions do not have it."""

    n: Count
    """Number of test pairs."""
    distinct: Count
    """Number of different requests, compared as in curation."""
    largest: Count
    """Number of test pairs with the most frequent request."""
    untied: Count
    """Number of test pairs whose request others repeat without counting as one case with them, as they would join more
    than a fifth of the pairs."""


class Tokens(Record):
    """Mean tokens per request of one variant."""

    fixed: NonNegative | None
    """Tokens of the prompt part that all requests share."""
    input: NonNegative | None
    """Tokens of the rest of the prompt, or of the whole prompt if fixed is null."""
    output: NonNegative | None
    """Tokens of the answer, including reasoning tokens."""
    cached: NonNegative | None
    """Prompt tokens read from the cache."""
    reasoning: NonNegative | None
    """Reasoning tokens, which are also counted in output."""

    @property
    def total(self) -> float | None:
        """Fixed prompt, request and answer together, as far as they were counted; None if none of them was."""
        known = [part for part in (self.fixed, self.input, self.output) if part is not None]
        return sum(known) if known else None


class Speed(Record):
    """Seconds per output of one variant."""

    p50: NonNegative | None
    """Median seconds per output."""
    p95: NonNegative | None
    """95th percentile of the seconds per output."""
    per_second: NonNegative | None
    """Outputs per second when generated one after another."""
