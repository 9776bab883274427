"""What a comparison of runs finds, typed: the records of comparison.json."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ...core import Count, NonNegative, Proportion, Record, Signed
from ..results import Difference, Failures, Gate, Good, Share

Direction = Literal["better", "worse"]


class ComparedRun(Record):
    """A run."""

    name: str
    """What the comparison calls it."""
    folder: str
    """Name of its folder."""
    project: str
    """Name of its project."""
    created: str
    """Start time of the run."""
    variant: str
    """Variant compared."""
    requests: Count
    """Requests with outputs."""
    decision: str | None
    """Its verdict; null without one."""


class ComparedVariants(Record):
    """Variant compared in each run."""

    before: str
    """In the first run."""
    after: str
    """In the second run."""
    candidates: bool
    """Whether each is the candidate of its run."""
    in_both: Sequence[str]
    """Variants that both runs scored."""


class BothShares(Record):
    """The share of each run."""

    before: Share
    """In the first run."""
    after: Share
    """In the second run."""


class BothSamples(Record):
    """Most outputs per request in each run."""

    before: Count
    """In the first run."""
    after: Count
    """In the second run."""


class SharedCounts(Record):
    """What the two test sets share."""

    requests: Count
    """Requests in both, by content."""
    scored: Count
    """Of these, scored in both runs."""
    unscored: Count
    """Of these, not scored in one or both."""
    only_before: Count
    """Requests only in the first run."""
    only_after: Count
    """Requests only in the second run."""
    renumbered: Count
    """Shared requests with another id in each run."""
    reused_ids: Sequence[str]
    """Ids that name different requests in the two runs."""
    same_outputs: Count
    """Shared requests with the same output in both runs."""
    samples: BothSamples
    """Most outputs per request."""


class ComparedStyles(Record):
    """How outputs were judged."""

    same: bool
    """Whether both runs have the same rules."""
    rescored: str | None
    """File of the style that scored all outputs again; null if each run's own scores count."""
    files_differ: bool
    """Whether the files of the style differ although the rules read the same."""
    rules: Sequence[str]
    """Rules that both have, which decide."""
    changed: Sequence[str]
    """Rules that read differently."""
    only_before: Sequence[str]
    """Rules of the first run alone."""
    only_after: Sequence[str]
    """Rules of the second run alone."""
    unscored: Sequence[str]
    """Rules that could not be checked on some outputs."""


class ChangedRequest(Record):
    """A request that changed."""

    id: str
    """Its id in the second run."""
    id_before: str
    """Its id in the first run."""
    change: Literal["works now", "no longer works"]
    """Direction of the change."""
    before: Proportion
    """Mean over its outputs in the first run: 1 is acceptable."""
    after: Proportion
    """The same in the second run."""
    broken_before: Sequence[str]
    """Rules that the first run's output breaks."""
    broken_after: Sequence[str]
    """Rules that the second run's output breaks."""


class MovedRule(Record):
    """One rule on the shared requests."""

    sentence: str
    """Rule as written in the guide."""
    level: Literal["must", "should"]
    """Severity."""
    about: Literal["form", "wording", "facts", "correctness", "answer"]
    """Aspect of the output; answer for what an output did instead of answering."""
    broken_before: Proportion | None
    """Share of the requests whose output breaks it in the first run."""
    broken_after: Proportion | None
    """The same in the second run."""
    newly_broken: Count
    """Requests that break it only in the second run."""
    newly_kept: Count
    """Requests that break it only in the first run."""
    difference: Difference
    """Difference in keeping the rule; positive is better."""
    n: Count
    """Requests compared."""
    p_value: Proportion | None
    """Exact p value."""
    p_holm: Proportion | None
    """p value corrected for the number of must rules (Holm); null for a should rule."""
    moved: Direction | None
    """Direction of the change if it is statistically significant after correction; null otherwise."""


class SliceName(Record):
    """A part of the requests by name."""

    field: str | None
    """Name of the field; null for another kind."""
    value: str | None
    """Value; null for requests without the field."""


class MovedSlice(SliceName):
    """A part of the requests."""

    kind: Literal["group", "field", "length"]
    """What the part is made by."""
    also: Sequence[SliceName]
    """Parts of the very same requests."""
    n: Count
    """Scored requests."""
    groups: Count | None
    """Groups among them."""
    before: Proportion | None
    """Acceptable share in the first run."""
    after: Proportion | None
    """Acceptable share in the second run."""
    difference: Difference
    """Difference in the acceptable share."""
    p_value: Proportion | None
    """Exact p value."""
    p_holm: Proportion | None
    """p value corrected for all parts (Holm)."""
    moved: Direction | None
    """Direction of the change if it is statistically significant after correction; null otherwise."""


class MeanTokens(Record):
    """Mean tokens of a request; null if not counted."""

    input: float | None
    """Tokens of the whole prompt."""
    output: float | None
    """Tokens of the answer."""


class BothTokens(Record):
    """Mean tokens of a request in each run."""

    before: MeanTokens
    """In the first run."""
    after: MeanTokens
    """In the second run."""


class CostParts(Record):
    """The parts of a change in cost, which add up to it."""

    tokens: float
    """Because of other numbers of tokens."""
    prices: float
    """Because of other prices."""
    failures: float
    """Because of other shares of failures."""
    volume: float
    """Because of another number of requests per day, which share the machines."""


class Split(Record):
    """A cost in both runs and the parts of its change."""

    figure: str | None = None
    """Which cost it is, by its name in results.json."""
    before: float | None
    """Cost in the first run; null if unknown."""
    after: float | None
    """Cost in the second run; null if unknown."""
    change: float | None
    """Second minus first."""
    parts: CostParts | None
    """The parts of the change, which add up to it; null if the two ways of paying do not mix."""


class ChangedCost(Record):
    """Change in cost."""

    currency: str | None
    """Currency of both runs; null if costs are not compared."""
    per_request: Split | None
    """Cost of one request."""
    per_usable_output: Split | None
    """Cost that counts, by what happens to unacceptable outputs; null if the runs treat them differently."""
    failures: Failures | None = None
    """How failures are treated."""
    why_not: str | None
    """Why costs are not compared; null if they are."""
    method: str
    """How the change is split."""


class RunVerdict(Record):
    """Verdict of a run."""

    decision: str
    """Recommended course of action."""
    what: str | None
    """Area to fix first."""
    rule: int | None
    """Number of the decision rule that fired."""
    sentence: str
    """Decision as a sentence."""
    reasons: Sequence[str]
    """Reasons for the decision."""


class Change(Record):
    """Something that differs between the runs."""

    before: Any
    """Value in the first run; null if unknown."""
    after: Any
    """Value in the second run; null if unknown."""


class ChangedFigure(Change):
    """A figure behind the verdicts or a setting that differs between the runs."""

    key: str
    """Key of the figure."""


class ChangedContext(Change):
    """A file, model, setting or version that differs between the runs."""

    what: str
    """What differs."""


class BothVerdicts(Record):
    """Verdicts of both runs, over their whole test sets."""

    before: RunVerdict | None
    """Verdict of the first run; null without one."""
    after: RunVerdict | None
    """Verdict of the second run; null without one."""
    same: bool
    """Whether the decisions are the same."""
    basis: Sequence[ChangedFigure]
    """Figures behind the verdicts that differ."""
    settings: Sequence[ChangedFigure]
    """Settings that a verdict depends on and that differ, by dotted key."""


class RunComparison(Record):
    """Two runs compared on the requests that they share."""

    before: str
    """Name of the first run."""
    after: str
    """Name of the second run."""
    variant: ComparedVariants
    """Variant compared in each run."""
    decided: Literal["better", "worse", "no difference shown", "same outputs", "nothing scored"]
    """The answer about the second run: better or worse only if that is statistically significant, by the interval and
    the test."""
    difference: Difference
    """Difference in the acceptable share on the shared requests, second run minus first."""
    low_one_sided: Signed | None
    """Lower end of the one-sided 95% interval of the difference."""
    p_value: Proportion | None
    """Exact two-sided p value."""
    mid_p: Proportion | None
    """Two-sided mid-p value."""
    method: str
    """Methods used for the p value and the interval."""
    both: Count
    """Shared requests acceptable in both runs."""
    only_after: Count
    """Requests that work now and did not."""
    only_before: Count
    """Requests that worked and no longer do."""
    neither: Count
    """Requests acceptable in neither."""
    discordant_share: Proportion | None
    """Share of the requests that changed."""
    detectable_difference: Proportion | None
    """Difference that so many requests show with 80% power; null if none is large enough."""
    n: Count
    """Shared requests that both runs scored."""
    n_effective: NonNegative
    """How many independent requests they count as."""
    groups: Count | None
    """Number of groups that the shared requests come in; null if none depends on another."""
    acceptable: BothShares
    """Acceptable share on the shared requests."""
    good: Good = "acceptable"
    """What an output is called that counts: correct if references alone decide that in both runs."""
    shared: SharedCounts
    """What the two test sets share."""
    style: ComparedStyles
    """How outputs were judged."""
    rows: Sequence[ChangedRequest]
    """Requests that changed, those that no longer work first."""
    rules: Mapping[str, MovedRule]
    """Rules, and what outputs did instead of answering, by check id."""
    slices: Sequence[MovedSlice]
    """Parts of the requests, those that moved first."""
    slices_small: Count
    """Parts with too few requests to be judged."""
    slices_least: Count
    """Fewest scored requests of a part that is judged."""
    tokens: BothTokens
    """Mean tokens of a request on the shared requests; null if not counted."""
    cost: ChangedCost
    """Change in cost."""
    verdicts: BothVerdicts
    """Verdicts of both runs, over their whole test sets."""
    context: Sequence[ChangedContext]
    """What else differs: files, models, settings, versions."""


class Comparisons(RunComparison):
    """Content of comparison.json, written by tuneworth compare. The keys of a comparison at the top are about the last
    run and the first."""

    schema: Literal["tuneworth/comparison/1"]
    """Name and version of this format."""
    created: str
    """Time of the comparison, in ISO 8601 format."""
    runs: Sequence[ComparedRun]
    """Runs, in the order of the command."""
    steps: Sequence[RunComparison]
    """Each run compared with the one before it; empty for two runs."""
    gates: Sequence[Gate] | None
    """Gates given to the command; null without any."""
