"""The verdict, its steps, risks, and what people judged."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ...core import Count, NonNegative, Positive, Proportion, Record
from .quality import Share

Decision = Literal["fine-tune", "keep prompting", "cannot tell yet", "fix first"]
Area = Literal["data", "rules", "comparison", "training"]
"""What to fix first."""
Level = Literal["low", "fair", "high"]
RiskStatus = Literal["ok", "warn", "over", "not checked"]
StepKind = Literal[
    "fix", "act", "switch", "guide", "form", "cases", "state", "try", "rule", "examples", "measure", "check"
]  # fmt: skip
_Coefficient = Annotated[float, Meta(ge=-2, le=2)]


class Amount(Record):
    """A figure with its range."""

    value: float | None
    """Figure; null if only the range is known."""
    low: float | None
    """Lower end of the range; null without one."""
    high: float | None
    """Upper end of the range; null without one."""

    def times(self, factor: float) -> "Amount":
        """The amount with this factor; a negative one exchanges the ends."""
        ends = (self.low, self.high) if factor >= 0 else (self.high, self.low)
        value, low, high = (None if part is None else part * factor for part in (self.value, *ends))
        return Amount(value=value, low=low, high=high)

    def plus(self, other: "Amount") -> "Amount":
        """The sum; the ranges add up, where an amount without one has its value at both ends."""
        one, two = self.value or 0.0, other.value or 0.0

        def end(first: float | None, second: float | None) -> float | None:
            if first is None and second is None:
                return None
            return (one if first is None else first) + (two if second is None else second)

        return Amount(value=one + two, low=end(self.low, other.low), high=end(self.high, other.high))


class StepMoney(Record):
    """What it saves, negative for what it costs."""

    per_month: Amount | None
    """Saving a month."""
    once: Amount | None
    """Saving or cost that occurs once; for a one-off batch, the whole saving."""
    currency: str
    """Currency of the amounts."""


class StepMinutes(Record):
    """Time that it takes, in minutes."""

    people: Amount | None
    """Time of people."""
    machine: Amount | None
    """Time of the machine."""


class StepDerivation(Record):
    """How each figure was computed, or why it is not known."""

    points: str
    """Of the points."""
    money: str
    """Of the money."""
    minutes: str
    """Of the time."""


class Step(Record):
    """One thing to do, with what it would bring."""

    id: str
    """Kind of the step and what it is about, unique in the list."""
    kind: StepKind
    """What is done: fix a problem, act on the decision, switch to another variant without training, drop the guide, use
    another form of the tuned model, add test cases, state a number, try a cheaper way, meet a rule, write more
    training pairs, measure, check a doubt."""
    do: str
    """Instruction, as a sentence."""
    command: str | None
    """Command that does it; null if there is more to do than a command."""
    points: Amount | None
    """Change of the acceptable share, from -1 to 1; null if it is not known."""
    money: StepMoney | None
    """What it saves, negative for what it costs; null if nothing of it is known."""
    minutes: StepMinutes | None
    """Time that it takes, in minutes; null if nothing of it is known."""
    chance: Proportion | None
    """Chance that more test cases settle the verdict; null for other steps."""
    derivation: StepDerivation
    """How each figure was computed, or why it is not known."""


class Confidence(Record):
    """Confidence in the decision."""

    level: Level
    """Confidence level."""
    sentence: str
    """Explanation of the confidence level, as a sentence."""


class VerdictFlip(Record):
    """A value of one input at which the decision changes."""

    key: str
    """Key of the input in money.assumptions, or NAME.acceptance for the acceptable share of a variant."""
    what: str
    """Description of the input."""
    from_: float | None = field(name="from")
    """Current value of the input; null if it is not stated."""
    to: float
    """Value of the input at which the decision changes."""
    decision: Decision
    """Decision just beyond that value."""


class Verdict(Record):
    """Decision on whether to fine-tune, with its reasons."""

    decision: Decision
    """Recommended course of action."""
    what: Area | None
    """Area to fix first; null for any decision other than "fix first"."""
    rule: Annotated[int, Meta(ge=1, le=9)]
    """Number of the decision rule that fired, from 1 to 9; see docs/verdict.md."""
    sentence: str
    """Decision as a sentence for readers, with its key numbers."""
    reasons: Sequence[str]
    """Up to four reasons for the decision."""
    doubt: str | None
    """Strongest reason to doubt the decision."""
    next: str | None
    """Recommended next step: what the first of steps says."""
    steps: Sequence[Step]
    """What to do next and what each step would bring: what the verdict asks for first, then by worth; see
    docs/verdict.md."""
    confidence: Confidence | None
    """Confidence in the decision."""
    flips: Sequence[VerdictFlip]
    """Values of single inputs at which the decision changes while all other inputs stay fixed."""
    not_checked: Sequence[str]
    """Risks that were not checked."""


class RiskSide(Record):
    """Result on train or on test pairs (overfitting only)."""

    share: Proportion | None
    """Share of outputs that are acceptable."""
    n: Count
    """Number of pairs."""
    n_effective: NonNegative | None
    """Effective number of independent pairs."""


class AbilityArea(Record):
    """Result for one kind of prompt."""

    area: str
    """Kind of prompt, such as arithmetic or translation."""
    n: Count
    """Number of prompts."""
    base: Count
    """Number of prompts that the base model answers correctly."""
    tuned: Count
    """Number of prompts that the tuned model answers correctly."""
    high: float | None
    """Upper end of the 95% interval of the difference in shares, tuned minus base."""


class Risk(Record):
    """A risk of the tuned model."""

    id: str
    """Id of the risk: overfitting, memorisation, forgetting, drift, flexibility, upkeep or examples."""
    status: RiskStatus
    """Result of the check; only a measured risk can be over its limit."""
    value: float | None
    """Measured or stated value, in unit; null if not checked."""
    limit: float | None
    """Limit for the value, in unit; null if there is none."""
    unit: str | None
    """Unit of value and limit."""
    measured: bool
    """Whether the value was measured in this run rather than derived from settings."""
    evidence: str | None
    """Explanation of the status."""
    to_check: str | None
    """Action that would check the risk, phrased to follow "to check it, "; null if it needs none."""
    low: float | None = None
    """Lower end of the 95% interval of the value."""
    high: float | None = None
    """Upper end of the 95% interval of the value."""
    train: RiskSide | None = None
    """Result on train pairs (overfitting only)."""
    test: RiskSide | None = None
    """Result on test pairs (overfitting only)."""
    areas: Sequence[AbilityArea] | None = None
    """Results by kind of general prompt (forgetting only)."""
    least_visible_loss: Count | None = None
    """Smallest number of lost answers that would put the risk over its limit (forgetting only); null if no loss would."""
    recited: Count | None = None
    """Number of outputs that are whole training outputs where the reference is one too (memorisation only)."""
    n: Count | None = None
    """Number of general prompts (forgetting), or of test requests that were compared (memorisation)."""
    base: Count | None = None
    """Number of prompts that the base model answers correctly (forgetting only)."""
    tuned: Count | None = None
    """Number of prompts that the tuned model answers correctly (forgetting only)."""
    days_per_change: NonNegative | None = None
    """Days that training and evaluation take for each change of style (flexibility only)."""
    few: Sequence[str] | None = None
    """What there are too few of (examples only)."""


class Problem(Record):
    """A problem that makes the comparison invalid."""

    what: Area
    """Area of the problem: data, comparison or training."""
    text: str
    """Problem as a sentence."""


class Gate(Record):
    """A condition and its result."""

    gate: str
    """Condition as written."""
    value: float | str | bool | None
    """Value found at the path of the condition; null if there is none."""
    holds: bool
    """Whether the condition holds."""


class ChangedSetting(Record):
    """A changed setting."""

    key: str
    """Dotted key, such as roi.requests_per_day; style for the style's files."""
    from_: Any = field(name="from")
    """Value that the verdict was given by; null if it was not stated."""
    to: Any
    """Value of the next verdict; null if it is not stated."""


class EarlierVerdict(Record):
    """An earlier verdict."""

    created: str
    """Time when it was given, in ISO 8601 format."""
    decision: str
    """Its decision."""
    sentence: str
    """Its sentence."""
    changed: Sequence[ChangedSetting]
    """Settings that changed between it and the next verdict."""


class Judge(Record):
    """Judgements of one person in one session."""

    judge: str
    """Name that the person gave; empty if none."""
    seed: int
    """Seed that shuffled the sides."""
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
    absent if nobody did."""
    verdict_without: Verdict | None = None
    """Verdict without the judgements; null if they do not change it."""
