"""The verdict, its steps, risks, and what people judged."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ...core import Count, NonNegative, Proportion, Record
from ...style import Basis
from .comparison import Excepted

Decision = Literal["fine-tune", "keep prompting", "cannot tell yet", "fix first"]
Area = Literal["data", "rules", "comparison", "training"]
"""What to fix first."""
Level = Literal["low", "fair", "high"]
RiskStatus = Literal["ok", "warn", "over", "not checked"]
StepKind = Literal[
    "fix", "act", "switch", "guide", "form", "cases", "state", "try", "rule", "examples", "measure", "check"
]  # fmt: skip


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
    except_: Sequence[Excepted] = field(name="except", default=())
    """Requests that the tuned model should not answer, with fine-tune."""
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
    rests_on: Sequence[Basis] = ()
    """What decides whether an output counts: rules that a program can check without the right answer, references, which
    are the right answers, or both; results of earlier versions do not say."""


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
