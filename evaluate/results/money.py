"""Costs, savings and payback."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import field
from msgspec.structs import replace

from ...core import Count, NonNegative, Proportion, Record, as_json, notebook_page, say
from ...curate import Notice
from .money_inputs import Assumption, Derivation, Failures, FormulaInputs
from .quality import Good


class VariantCost(Record):
    """Cost of one variant; figures that are unknown are null."""

    cost_per_request: NonNegative | None
    """Cost of the tokens of one request, or of its machine time for a batch on your own machine; 0 for machines paid by
    the day."""
    cost_per_acceptable_output: NonNegative | None
    """Cost per request divided by the acceptable share; null if that share is 0 or unknown."""
    effective_cost_per_request: NonNegative | None
    """Cost of one request including repairs or retries of failures; per acceptable output if failures are dropped."""
    cost_with_machines: NonNegative | None
    """Cost of one output including its share of the daily machine cost: per acceptable output if failures are ignored
    or dropped, otherwise per request including its failures; null if the machines have no volume to share their
    cost, or no output is acceptable."""
    machine_cost_per_day: NonNegative | None
    """Daily cost of your own always-on machines; 0 if there are none."""
    fixed_tokens: NonNegative | None
    """Mean tokens of the prompt part that all requests share."""
    input_tokens: NonNegative | None
    """Mean tokens of the request itself, without the fixed prompt."""
    output_tokens: NonNegative | None
    """Mean tokens of the answer."""
    acceptance: Proportion | None
    """Share of outputs that are acceptable."""


class SavingParts(Record):
    """Saving per request by cause, which adds up to saving_per_request."""

    guide: float | None
    """Saving from the different fixed prompt, per request."""
    model: float | None
    """Saving from different prices and lengths, per request."""
    failures: float | None
    """Saving from fewer failures, per request; negative if there are more failures."""


class VolumePoint(Record):
    """Payback and net present value at one volume."""

    requests_per_day: NonNegative
    """Number of requests per day."""
    payback_days: NonNegative | None
    """Days until the investment pays back; null if it never does."""
    npv: float | None
    """Net present value over the horizon."""
    npv_p5: float | None
    """5th percentile of the net present value over the draws, at this fixed volume."""
    npv_p95: float | None
    """95th percentile of the net present value over the draws, at this fixed volume."""


class CachedGuide(Record):
    """Cost of the baseline with its whole fixed prompt read from the cache."""

    cost_per_request: NonNegative | None
    """Cost of the tokens of one request."""
    effective_cost_per_request: NonNegative | None
    """Cost of one request including repairs or retries of failures; per acceptable output if failures are dropped."""


class Chances(Record):
    """What the draws of the uncertain inputs say about a comparison."""

    probability_of_payback_in_target: Proportion | None
    """Share of the draws in which the investment pays back within the target; null for a one-off batch or if it cannot
    be computed."""
    probability_npv_positive: Proportion | None
    """Share of the draws with a positive net present value; null if it cannot be computed."""
    payback_days_p5: NonNegative | None
    """5th percentile of the payback over the draws, in days; null if it never pays back there, or if there is no
    payback to compute."""
    payback_days_p50: NonNegative | None
    """Median payback over the draws, in days; null if it never pays back there, or if there is no payback to compute."""
    payback_days_p95: NonNegative | None
    """95th percentile of the payback over the draws, in days; null if it never pays back there, or if there is no
    payback to compute."""
    npv_p5: float | None
    """5th percentile of the net present value over the draws; null if infinite or not computable."""
    npv_p50: float | None
    """Median net present value over the draws; null if infinite or not computable."""
    npv_p95: float | None
    """95th percentile of the net present value over the draws; null if infinite or not computable."""


class RemainingBenefit(Chances):
    """Remaining benefit of tuning if this alternative were used instead of the baseline; null where its outputs are
    unknown."""

    saving_per_request: float | None
    """Saving per request of the candidate compared with this alternative."""
    saving_share: float | None
    """Share of the alternative's cost that the candidate saves; negative if the candidate costs more."""
    saving_per_day: float | None
    """Saving per day of the candidate compared with this alternative, after running costs; null for a one-off batch."""
    saving_total: float | None = None
    """Saving of the candidate over a whole one-off batch."""
    payback_days: NonNegative | None
    """Days until the investment pays back; null if it never does or for a one-off batch."""
    requests_to_pay_back: NonNegative | None = None
    """Number of requests until the investment pays back; null if it never does."""
    npv: float | None
    """Net present value over the horizon, or over a one-off batch."""
    pays: bool | None
    """Whether the net present value is positive; null if unknown."""


class AlternativeBeyond(Record):
    """An alternative to the baseline that needs no training, beyond a flip point."""

    key: str
    """Kind of alternative: cached_guide, short_guide, no_few_shot, batch or variant."""
    name: str
    """Name of the alternative for readers, or of the variant."""
    what: str | None
    """Description of the change."""
    effective_cost_per_request: float | None
    """Cost of one request including repairs or retries of failures; per acceptable output if failures are dropped."""
    saving_per_request: float | None
    """Saving per request compared with the current baseline."""
    saving_per_day: float | None
    """Saving per day compared with the baseline; null for a one-off batch."""
    saving_total: float | None
    """Saving over a whole one-off batch; null otherwise."""
    tuning: RemainingBenefit
    """Remaining benefit of tuning if this alternative were used instead of the baseline."""


class Alternative(AlternativeBeyond):
    """An alternative to the baseline that needs no training."""

    needs_training: bool
    """Whether it needs training; currently always false."""
    acceptance: Proportion | None
    """Share of outputs that are acceptable; null if unknown."""
    acceptance_from: str | None
    """Source of the acceptable share: measured, stated, assumed unchanged or unknown."""
    cost_per_request: NonNegative | None
    """Cost of the tokens of one request."""
    spend_per_day: NonNegative | None
    """Daily cost, including failures and machines; null for a one-off batch."""
    cost_per_acceptable_output: NonNegative | None
    """Cost per request divided by the acceptable share; null if that share is 0 or unknown."""
    saving_share: float | None
    """Share of the baseline's cost that is saved; negative if the alternative costs more."""


class AlternativeOut(Record):
    """An alternative that does not apply."""

    key: str
    """Kind of alternative: cached_guide, short_guide, no_few_shot or batch."""
    why: str
    """Reason why it does not apply."""


class Bin(Record):
    """A bin of the distribution."""

    from_: float = field(name="from")
    """Lower edge of the bin, in days, included."""
    to: float
    """Upper edge of the bin, in days, excluded."""
    share: Proportion
    """Share of all draws in the bin."""


class PaybackDistribution(Record):
    """Distribution of the payback over the draws, whose shares in bins, beyond and never add up to 1; null for a one-
    off batch or if it cannot be computed."""

    bins: Sequence[Bin]
    """Bins of equal width, in days."""
    never: Proportion
    """Share of the draws that never pay back."""
    beyond: Proportion
    """Share of the draws that pay back after the last bin."""
    target_days: NonNegative | None
    """Target for the payback, in days."""


class NpvDistribution(Record):
    """Distribution of the net present value over the draws, whose shares in below, bins and beyond add up to 1."""

    bins: Sequence[Bin]
    """Bins of equal width, in money.currency."""
    below: Proportion
    """Share of the draws below the first bin."""
    beyond: Proportion
    """Share of the draws beyond the last bin."""
    never: Proportion | None = None
    """Share of the draws without a net present value."""
    negative: Proportion | None = None
    """Share of the draws with a negative net present value."""


class TornadoBar(Record):
    """Effect of one input, with all other inputs at their likely values."""

    key: str
    """Key of the input in assumptions."""
    low: float | None
    """Low value of the input: the lower end of its range, or the 5th percentile if it was measured."""
    high: float | None
    """High value of the input: the upper end of its range, or the 95th percentile if it was measured."""
    npv_low: float | None
    """Net present value at the low value of the input."""
    npv_high: float | None
    """Net present value at the high value of the input."""


class BeyondFlip(Record):
    """Figures about 1% past that value, which replace the same keys of money."""

    probability_of_payback_in_target: Proportion | None = None
    """Share of the draws in which the investment pays back within the target."""
    npv_p50: float | None
    """Median net present value over the draws; null if infinite."""
    probability_npv_positive: Proportion | None = None
    """Share of the draws with a positive net present value."""
    payback_days: NonNegative | None = None
    """Days until the investment pays back; null if it never does."""
    failure_cost: NonNegative | None = None
    """Cost of one unacceptable output, if it is the input that changes; carrying_failure_cost is then null."""
    failures: Failures | None = None
    """Treatment of unacceptable outputs."""
    target_payback_days: NonNegative | None = None
    """Target for the payback, in days."""
    alternatives: Sequence[AlternativeBeyond]
    """The cached guide and every variant without training, with their money there."""

    def moved(self, money: "Money") -> "Money":
        """The money with these figures in place of its own."""
        changed = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        carrying = money.carrying_failure_cost if self.failure_cost is None else None
        return replace(money, **{"npv_p50": None, "carrying_failure_cost": carrying, **changed})


class MoneyFlip(Record):
    """A value of one input at which the answer changes."""

    key: str
    """Key of the input in assumptions."""
    what: str
    """Description of the input."""
    from_: float | None = field(name="from")
    """Current value of the input; null if it is not stated."""
    to: float
    """Value of the input at which the answer changes."""
    beyond: BeyondFlip | None
    """Figures about 1% past that value, which replace the same keys of money; null if they cannot be computed."""


class Money(Chances):
    """Costs, savings and payback of the candidate compared with the baseline; null without [roi] settings or without a
    comparison."""

    currency: str
    """Currency of all amounts of money."""
    baseline: str
    """Name of the strongest way without training."""
    candidate: str
    """Name of the variant to decide about."""
    requests_per_day: NonNegative | None
    """Number of requests per day; null for a one-off batch or if not stated."""
    requests_total: NonNegative | None
    """Total number of requests in a one-off batch; null otherwise."""
    variants: Mapping[str, VariantCost]
    """Cost of each variant, by variant name."""
    saving_per_request: float | None
    """Saving per request with the candidate instead of the baseline, including the cost of failures; per acceptable
    output if failures are dropped."""
    saving_share: float | None
    """Share of the baseline's cost that is saved, per request, or per day if either variant runs on always-on machines;
    negative if the candidate costs more."""
    saving_per_day: float | None
    """Saving per day at full volume, after running costs; null for a one-off batch."""
    saving_total: float | None
    """Saving over a whole one-off batch, before the investment; null otherwise."""
    spend_per_day_baseline: NonNegative | None
    """Daily cost of the baseline, including failures and machines; null for a one-off batch."""
    spend_per_day_candidate: NonNegative | None
    """Daily cost of the candidate, including failures and machines; null for a one-off batch."""
    running_cost_per_day: float | None
    """Extra daily cost of the candidate over the baseline for upkeep and machines, apart from requests; negative if it
    is lower; null for a one-off batch."""
    investment: float | None
    """Spending still ahead for the candidate minus that for the baseline, without money already spent; negative where
    the baseline needs more, such as a prompt search."""
    payback_days: NonNegative | None
    """Days until the investment pays back; null if it never does, for a one-off batch, or if inputs are missing."""
    npv: float | None
    """Net present value over the horizon, or over a one-off batch."""
    requests_to_pay_back: NonNegative | None
    """Number of requests until the investment pays back, without running costs; null if it never does."""
    break_even_requests_per_day: NonNegative | None
    """Requests per day at which the saving over the horizon covers the investment; null if no volume does, or for a
    one-off batch."""
    break_even_failure_cost: NonNegative | None
    """Cost of one unacceptable output at which the candidate costs no more to run than the baseline; null unless the
    candidate is better and more expensive."""
    break_even_fixed_tokens: NonNegative | None
    """Length of the baseline's fixed prompt, in tokens, at which both variants cost the same per request; null if there
    is no such length."""
    parts: SavingParts | None
    """Saving per request by cause, which adds up to saving_per_request; null if a cost is unknown."""
    volume_curve: Sequence[VolumePoint]
    """Payback and net present value at different volumes; empty for a one-off batch or if they cannot be computed."""
    cached_guide: CachedGuide | None
    """Cost of the baseline with its whole fixed prompt read from the cache; null if caching would save nothing or its
    cost is unknown."""
    alternatives: Sequence[Alternative]
    """Alternatives to the baseline that need no training."""
    alternatives_out: Sequence[AlternativeOut]
    """Alternatives without training that do not apply to the baseline."""
    derivation: Sequence[Derivation]
    """Step-by-step calculation of each figure, in an order in which each step uses only earlier ones."""
    formula_inputs: FormulaInputs | None
    """Inputs from which every point figure can be recomputed."""
    draws: Count | None
    """Number of random draws of the uncertain inputs; null if the money cannot be computed."""
    payback_distribution: PaybackDistribution | None
    """Distribution of the payback over the draws, whose shares in bins, beyond and never add up to 1; null for a one-
    off batch or if it cannot be computed."""
    npv_distribution: NpvDistribution | None
    """Distribution of the net present value over the draws, whose shares in below, bins and beyond add up to 1; null if
    it cannot be computed."""
    tornado: Sequence[TornadoBar]
    """Effect of each uncertain input on the net present value, strongest first."""
    flips: Sequence[MoneyFlip]
    """Values of single inputs at which the answer of the money rules changes, with all other inputs fixed."""
    carrying_failure_cost: NonNegative | None
    """Lowest cost of an unacceptable output at which the money rules say that the candidate pays; null if it already
    pays at 0, if no cost is enough, or if failures are dropped."""
    target_payback_days: NonNegative | None
    """Target for the payback, in days; null for a one-off batch."""
    horizon_days: NonNegative | None
    """Days over which savings count, cut short if the base model is retired earlier; null for a one-off batch."""
    failures: Failures
    """Treatment of unacceptable outputs."""
    failure_cost: NonNegative | None
    """Cost of one unacceptable output."""
    already_spent: NonNegative | None
    """Money already spent, which is shown but not counted."""
    missing: Sequence[str]
    """Settings that must be stated before the money can be computed."""
    assumptions: Sequence[Assumption]
    """Every number used in the calculation, with its source."""
    warnings: Sequence[str | Notice]
    """Warnings about the prices."""

    @property
    def good(self) -> Good:
        """What outputs are called that are no failures."""
        return "acceptable" if self.formula_inputs is None else self.formula_inputs.good

    def to_json(self) -> dict[str, Any]:
        """The `money` of results.json and of `tuneworth roi --json`: numbers, lists, texts and None only."""
        return as_json(self)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self._figures())

    def _repr_html_(self) -> str:
        return notebook_page(f"{self.candidate} compared with {self.baseline}", figures=self._figures())

    def _figures(self) -> list[tuple[str, str]]:
        figures = [
            ("saving per request", say.money(self.saving_per_request, self.currency)),
            ("investment", say.money(self.investment, self.currency)),
        ]
        if self.saving_per_request is not None and self.requests_per_day is not None:
            likely = say.days_range(self.payback_days_p5, self.payback_days_p95)
            figures.append(("payback", f"{say.days(self.payback_days)} (5 to 95%: {likely})"))
        return figures
