"""What people judged, and how well the rules agree with them."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from ...core import Count, NonNegative, Positive, Proportion, Record
from .quality import Share
from .verdict import Verdict

_Coefficient = Annotated[float, Meta(ge=-2, le=2)]


class JudgesTogether(Record):
    """Judgements of all people combined; a request with several judges counts in the preferred share with their mean."""

    rows: Count
    """Number of requests judged."""
    candidate: Count
    """Number of choices for the candidate."""
    baseline: Count
    """Number of choices for the baseline."""
    equal: Count
    """Number of choices of "equal"."""
    preferred: Share
    """A share with its 95% interval; values are null if nothing could be scored."""
    n: Count
    """Number of requests with a preference for one side, over which the preferred share is computed."""
    n_effective: NonNegative
    """Effective number of independent requests among them."""
    groups: Count | None
    """Number of groups among these requests; null if they have no groups."""
    method: str
    """Method used to compute the interval."""
    p_value: Proportion | None
    """Exact two-sided p value of the test against a share of one half; null without any preference."""


class Judge(JudgesTogether):
    """Judgements of one person in one session."""

    judge: str
    """Name that the person gave; empty if none."""
    seed: int
    """Seed that shuffled the sides."""


class JudgesAgreement(Record):
    """Agreement between people who judged the same request."""

    rows: Positive
    """Number of requests judged by several people."""
    share: Proportion
    """Mean share of pairs of judges who made the same choice."""
    low: Proportion
    """Lower end of the 95% interval."""
    high: Proportion
    """Upper end of the 95% interval."""


class Choices(Record):
    """Choices where only the candidate's output is acceptable."""

    choices: Count
    """Number of choices on such requests."""
    same: Count
    """Number of choices for the candidate."""
    other: Count
    """Number of choices for the baseline."""
    equal: Count
    """Number of choices of "equal"."""


class ChoicesByCheck(Record):
    """Choices on requests where the style accepts the output of only one variant."""

    candidate: Choices
    """Choices where only the candidate's output is acceptable."""
    baseline: Choices
    """Choices where only the baseline's output is acceptable."""


class Coefficient(Record):
    """Cohen's kappa, or a difference of two, with its 95% interval; values are null if it is undefined."""

    value: _Coefficient | None
    """Value."""
    low: _Coefficient | None
    """Lower end of the 95% interval."""
    high: _Coefficient | None
    """Upper end of the 95% interval."""


class RaterAgreement(Record):
    """Agreement with the majority of the other people."""

    agreement: Proportion
    """Share of equal decisions."""
    kappa: Coefficient
    """Cohen's kappa, or a difference of two, with its 95% interval; values are null if it is undefined."""


class Raters(Record):
    """Rules and one person, each against the majority of the other people."""

    n: Positive
    """Number of outputs (for preferences: requests) decided by several people."""
    decisions: Positive
    """Number of decisions of one person that have a majority of others to compare with."""
    groups: Positive
    """Number of groups among the outputs; a request without a group is one of its own."""
    one_person: RaterAgreement
    """Agreement with the majority of the other people."""
    rules: RaterAgreement
    """Agreement with the majority of the other people."""
    difference: Coefficient
    """Cohen's kappa, or a difference of two, with its 95% interval; values are null if it is undefined."""


class ApartOutput(Record):
    """An output, or for preferences a request."""

    id: str
    """Identifier of the pair."""
    variant: str | None
    """Name of the variant; null for preferences."""


class Agreement(Record):
    """Agreement of the style's decisions with those of people."""

    n: Positive
    """Number of outputs (for preferences: requests) on which most people agree."""
    groups: Positive
    """Number of groups among them; a request without a group is one of its own."""
    agreement: Share
    """A share with its 95% interval; values are null if nothing could be scored."""
    kappa: Coefficient
    """Cohen's kappa, or a difference of two, with its 95% interval; values are null if it is undefined."""
    precision: Share | None
    """Share of the outputs rejected by the rules that most people reject; null if there are none, and for preferences."""
    recall: Share | None
    """Share of the outputs rejected by most people that the rules reject; null if there are none, and for preferences."""
    raters: Raters | None
    """Rules and one person, each against the majority of the other people; null if no output was decided by several
    people."""
    apart: Sequence[ApartOutput]
    """Outputs on which the rules and most people differ, at most 20."""


class RulesAndPeople(Record):
    """Agreement of the style's rules with people; reports written by earlier versions do not have it."""

    acceptable: Agreement | None
    """Agreement of the style's decisions with those of people; null if people and rules decided about no common output."""
    preferences: Agreement | None
    """Agreement of the style's decisions with those of people; null if people and rules decided about no common output."""


class Judgements(Record):
    """Blind judgements by people of the baseline and the candidate; present after `tuneworth report --judgements`."""

    baseline: str
    """Name of the variant that the candidate was judged against."""
    candidate: str
    """Name of the variant to decide about."""
    outputs: str
    """SHA-256 hash of the compared outputs that were judged."""
    judges: Sequence[Judge]
    """Judgements of each session, in the order given."""
    together: JudgesTogether
    """Judgements of all people combined; a request with several judges counts in the preferred share with their mean."""
    agreement: JudgesAgreement | None
    """Agreement between people who judged the same request; null if no request was judged twice."""
    checks: ChoicesByCheck
    """Choices on requests where the style accepts the output of only one variant."""
    rules: RulesAndPeople | None = None
    """Agreement of the style's rules with people; reports written by earlier versions do not have it."""
    live: Count | None = None
    """How many of the people judged in `tuneworth review`, where every request with two different outputs is shown;
    absent if there were none."""
    verdict_without: Verdict | None = None
    """Verdict without the judgements; null if they do not change it."""
