"""Scores of variants, and comparisons of two."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ...core import Count, NonNegative, Positive, Proportion, Record, Signed

CauseKind = Literal[
    "missing", "failed", "empty", "refused", "cut", "endless", "same text", "identical", "references", "shown"
]  # fmt: skip
Way = Literal[
    "model", "template", "repair", "retry", "nearest", "short guide", "cascade", "constrained", "searched"
]  # fmt: skip
"""How outputs come about beyond the plain call of a model."""


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
    about: Literal["form", "wording", "facts"]
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
    """Share of acceptable outputs, which are both consistent and faithful."""
    consistent: Share
    """Share of outputs that pass every must rule about form and wording."""
    faithful: Share
    """Share of outputs that pass every must rule about facts."""
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


class Difference(Record):
    """Difference between two shares, candidate minus baseline, with its 95% interval; values are null if nothing could
    be compared."""

    value: Signed | None
    """Difference, from -1 to 1; positive if the candidate is better."""
    low: Signed | None
    """Lower end of the 95% interval."""
    high: Signed | None
    """Upper end of the 95% interval."""


class CheckDifference(Record):
    """Difference in the share of outputs that pass one check."""

    value: Signed | None
    """Candidate minus baseline; positive if the candidate passes more often."""
    low: Signed | None
    """Lower end of the 95% interval."""
    high: Signed | None
    """Upper end of the 95% interval."""
    n: Count
    """Number of cases compared."""
    p_value: Proportion | None
    """Exact two-sided p value, not adjusted for the number of checks."""
    p_holm: Proportion | None
    """p value adjusted for the number of must rules by Holm's method; null for should rules."""
    level: Literal["must", "should"]
    """Severity: an output that breaks a must rule is unacceptable."""


class SimilarityDifference(Record):
    """Difference in the chrF score."""

    value: float | None
    """Mean difference, candidate minus baseline, from -1 to 1; null without references."""
    low: float | None
    """Lower end of the 95% interval."""
    high: float | None
    """Upper end of the 95% interval."""
    n: Count
    """Number of cases with a reference to compare with."""


class SimilarityDifferences(Record):
    """Difference in the similarity to references that pass the rules."""

    chrf: SimilarityDifference
    """Difference in the chrF score."""
    ratio: SimilarityDifference
    """Difference in edit similarity."""


class Comparison(Record):
    """Paired comparison of two variants on the same cases."""

    baseline: str
    """Name of the strongest way without training."""
    candidate: str
    """Name of the variant compared with it."""
    difference: Difference
    """Difference in the acceptable share, candidate minus baseline."""
    low_one_sided: Signed | None
    """Lower end of the one-sided 95% interval of the difference."""
    p_value: Proportion | None
    """Exact two-sided p value: the probability of at least this difference if the variants did not differ."""
    mid_p: Proportion | None
    """Two-sided mid-p value, in which the observed outcome counts half."""
    method: str
    """Methods used for the p value and the interval."""
    both: Count
    """Number of cases acceptable with both variants; with several outputs per case, those with equal means of one half
    or more."""
    only_candidate: Count
    """Number of cases acceptable only with the candidate; with several outputs per case, those with the higher mean."""
    only_baseline: Count
    """Number of cases acceptable only with the baseline; with several outputs per case, those with the higher mean."""
    neither: Count
    """Number of cases acceptable with neither variant; with several outputs per case, those with equal means below one
    half."""
    discordant_share: Proportion | None
    """Share of cases in which the variants differ; with several outputs per case, the mean absolute difference."""
    detectable_difference: Proportion | None
    """Smallest difference in the acceptable share that this many cases detect with 80% power; null if there is none."""
    n: Count
    """Number of cases compared."""
    n_effective: NonNegative | None
    """Effective number of independent cases."""
    groups: Count | None
    """Number of groups of cases; null if the data has no groups."""
    checks: Mapping[str, CheckDifference]
    """Difference in each check, on the cases where it applies to both variants, by check id."""
    similarity: SimilarityDifferences | None
    """Difference in the similarity to references that pass the rules."""

    @property
    def total(self) -> int:
        """Number of requests that were scored for both."""
        return self.both + self.only_candidate + self.only_baseline + self.neither


class Interval(Record):
    """How much more often its output is acceptable than that of the variant in use today, with its 95% interval; null
    for that one itself."""

    value: Signed
    """Difference, from -1 to 1."""
    low: Signed
    """Lower end of the 95% interval."""
    high: Signed
    """Upper end of the 95% interval."""


class NeededCases(Record):
    """The test set that would probably settle the comparison."""

    cases: Count
    """Number of cases in all."""
    groups: Count | None
    """Number of groups in all; null without groups."""
    chance: Proportion
    """Chance that they suffice."""


class Rival(Record):
    """One rival; the figures of one that was not measured are null."""

    name: str
    """Name of the rival."""
    way: Way | None
    """How its outputs come about beyond the plain call of a model; null if it was not measured."""
    of: Sequence[str] | None
    """Variants that its outputs are made from."""
    measured: bool
    """Whether it has outputs."""
    strongest: bool | None
    """Whether it is the one that the comparison is with."""
    today: bool
    """Whether it is the one in use today: the stated baseline, else prompted."""
    over_today: Interval | None
    """How much more often its output is acceptable than that of the variant in use today, with its 95% interval; null
    for that one itself."""
    acceptable: Share | None
    """Share of acceptable outputs."""
    difference: Difference | None
    """Acceptable share of the candidate minus its own."""
    low_one_sided: float | None
    """Lower end of the one-sided 95% interval of the difference."""
    p_value: Proportion | None
    """Exact two-sided p value of the difference."""
    n: Count | None
    """Number of requests compared."""
    n_effective: NonNegative | None
    """Effective number of independent requests among them."""
    groups: Count | None
    """Number of groups among them; null without groups."""
    facts: Difference | None
    """Share of the candidate's outputs that are right about facts minus its own; null if no rule is about facts."""
    needed: NeededCases | None
    """The test set that would probably settle the comparison; null if it is settled, or if none would."""
    cost_per_request: NonNegative | None
    """Cost of one request; null if unknown."""
    cost_per_usable_output: NonNegative | None
    """Cost per acceptable output; null if unknown."""
    payback_days: NonNegative | None
    """Days until tuning pays back against it; null if it never does or that is unknown."""
    npv: float | None
    """Net present value of tuning against it, at the likely numbers."""
    npv_p50: float | None
    """Median of that net present value over the draws."""
    probability: Proportion | None
    """Chance that tuning pays back in time against it; for a batch, that it has a positive value."""
    calls: NonNegative | None
    """Mean number of calls for one request."""
    seconds: NonNegative | None
    """Mean seconds for one request."""
    why: str | None
    """Why it was not measured; null if it was."""


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
