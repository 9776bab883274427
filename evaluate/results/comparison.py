"""Comparisons of two variants, and the rivals of the candidate."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ...core import Count, NonNegative, Proportion, Record, Signed
from .quality import Share, Way


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


# Slices that are no input field of the data.
OWN_SLICES = ("length of the request", "language of the request", "label of the reference", "length of the reference")


class Excepted(Record):
    """Requests of one kind."""

    field: str
    """What the requests have in common: an input field, a length, the language or the label."""
    value: str
    """Its value."""

    @property
    def words(self) -> str:
        """The requests in words, after "where"."""
        return f"the {self.field} is {self.value}" if self.field in OWN_SLICES else f"{self.field} = {self.value}"


class Slice(Excepted):
    """The candidate against one rival in a part of the requests."""

    n: Count
    """Number of cases."""
    share_of_requests: Proportion
    """Share of all cases."""
    rival: str
    """Name of the rival."""
    acceptable: Proportion
    """Acceptable share of the candidate."""
    rival_acceptable: Proportion
    """Acceptable share of the rival."""
    difference: Difference
    """Difference in the acceptable share, candidate minus rival."""
    p_adjusted: Proportion
    """p value adjusted for all slices and rivals by the method of Benjamini and Hochberg."""
    significant: bool
    """Whether the slices differ, so that at most a tenth of those called so differ by chance."""
    worse: bool
    """Whether the candidate is surely worse by more than the margin."""
    routable: bool
    """Whether the value is known from the request."""


class Routing(Record):
    """The candidate for all requests but those of the slices in which it is surely worse, which go to a rival."""

    rival: str
    """Name of the rival."""
    excepted: Sequence[Excepted]
    """Slices that go to the rival."""
    share_of_requests: Proportion
    """Share of the requests that go to the rival."""
    acceptable: Share
    """Acceptable share of both together; the slices were chosen by the same cases."""
    gained: Difference
    """Difference to the candidate alone."""
    over_rival: Difference
    """Difference to the rival alone."""
