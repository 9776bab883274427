"""What a verdict is given by: every measured way without training and what training gains against it; and what a rule finds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..money.alternatives import beats_tuning
from ..money.simulate import Weight, weigh
from ..results import (
    Alternative,
    Area,
    Comparison,
    Decision,
    Difference,
    Money,
    NeededCases,
    RemainingBenefit,
    Results,
    StepKind,
)
from ..results import Rival as RivalRow
from .money_sentences import chance
from .names import variant_name

HAIR = 1e-9  # a difference of exactly the margin must not depend on the last bit of a float
WAYS = {
    "cached_guide": "with its guide in the prompt cache",
    "short_guide": "with a shorter guide",
    "no_few_shot": "without its examples",
    "batch": "in batches, which may take hours",
}


@dataclass(frozen=True)
class Gain:
    """What training gains against one rival.

    `chance` is that of paying back in time (of a batch: of saving more than it costs), `earned` that of a value above 0,
    `median` the median value.
    """

    chance: float
    earned: float | None
    median: float | None
    saving_per_request: float | None

    @property
    def weight(self) -> Weight:
        """Whether it pays."""
        return weigh(self.chance, self.median)


def _gain(money: Money | RemainingBenefit | None, *, batch: bool) -> Gain | None:
    """None if the chance is unknown."""
    if money is None or (likely := chance(money, batch=batch)) is None:
        return None
    return Gain(likely, money.probability_npv_positive, money.npv_p50, money.saving_per_request)


@dataclass(frozen=True)
class Rival:
    """A measured way without training: the candidate's difference to it, and what training gains against it, if known."""

    name: str
    strongest: bool
    share: float
    value: float
    low: float
    high: float
    low_one_sided: float
    facts: Difference | None
    needed: NeededCases | None
    gain: Gain | None

    @property
    def label(self) -> str:
        """The rival in words."""
        return variant_name(self.name)

    @property
    def weight(self) -> Weight | None:
        """Whether training pays against it; None if that is unknown."""
        return None if self.gain is None else self.gain.weight

    def surely_better(self, margin: float) -> bool:
        """Whether the candidate is surely worse than this rival, by at least the margin as measured."""
        return self.high < 0 and self.value <= -margin + HAIR

    def may_be_better(self, margin: float) -> bool:
        """Whether the candidate is not shown to be as good as this rival within the margin."""
        return self.low_one_sided <= -margin + HAIR


@dataclass(frozen=True)
class CheaperWay:
    """A way without training that was priced, but whose outputs were not scored.

    `key` and `name` are those of its entry in `money.alternatives`. `standing` is `same outputs` if the prompt is
    unchanged and only its price is assumed, `assumed` if its outputs may differ or arrive later.
    """

    key: str
    name: str
    what: str
    standing: Literal["same outputs", "assumed"]
    cost: float | None


@dataclass(frozen=True)
class Evidence:
    """The results of a comparison, with the loss in acceptable outputs that counts as not worse, and that in outputs that
    are right about the facts."""

    results: Results
    margin: float = 0.03
    facts_margin: float = 0.03

    @property
    def comparison(self) -> Comparison:
        """The comparison with the strongest rival."""
        return self.results.compared

    @property
    def baseline(self) -> str:
        """The strongest rival."""
        return self.comparison.baseline

    @property
    def candidate(self) -> str:
        """The tuned model."""
        return self.comparison.candidate

    @property
    def money(self) -> Money:
        """The money, where rule 5 has seen that there is enough of it."""
        if self.results.money is None:
            raise ValueError("no money was stated")
        return self.results.money

    @property
    def batch(self) -> bool:
        """Whether the money is that of a one-off batch."""
        return self.results.money is not None and self.results.money.requests_total is not None

    @cached_property
    def rivals(self) -> list[Rival]:
        """All measured rivals, the strongest first, then by their share. The strongest is the baseline of the comparison."""
        found = [rival for row in self.results.rivals if (rival := self._rival(row, row.name)) is not None]
        if not any(rival.strongest for rival in found):  # a comparison alone
            found += filter(None, [self._rival(self.comparison, self.baseline)])
        return sorted(found, key=lambda rival: (not rival.strongest, -rival.share, rival.name))

    def _rival(self, row: RivalRow | Comparison, name: str) -> Rival | None:
        """None if it was not measured, or nothing could be compared."""
        difference, one_sided = row.difference, row.low_one_sided
        share = row.acceptable.share if isinstance(row, RivalRow) and row.acceptable else self.results.share_of(name)
        if difference is None or one_sided is None or share is None:
            return None
        if difference.value is None or difference.low is None or difference.high is None:
            return None
        facts, needed = (row.facts, row.needed) if isinstance(row, RivalRow) else (None, None)
        return Rival(
            name, name == self.baseline, share, difference.value, difference.low, difference.high, one_sided, facts, needed,
            self._gain_against(name),
        )  # fmt: skip

    def _gain_against(self, name: str) -> Gain | None:
        money = self.results.money
        if money is None or name == self.baseline:
            return _gain(money, batch=self.batch)
        ways = (way.tuning for way in money.alternatives if way.key == "variant" and way.name == name)
        return _gain(next(ways, None), batch=self.batch)

    @property
    def strongest(self) -> Rival:
        """The rival of the headline."""
        return self.rivals[0]

    @property
    def better_rivals(self) -> list[Rival]:
        """The rivals that the candidate is surely worse than.

        Where training pays against one as long as a failure costs nothing, and no cost is stated, the whole interval must
        lie at the margin or below: a loss within the margin may be worth its saving.
        """
        costless = self.results.money is None or not failures_cost(self.results.money)

        def may_be_worth_it(rival: Rival) -> bool:
            return costless and rival.high > -self.margin and rival.weight == "pays"

        return [rival for rival in self.rivals if rival.surely_better(self.margin) and not may_be_worth_it(rival)]

    @property
    def open_rivals(self) -> list[Rival]:
        """The rivals that may be better by more than the margin."""
        return [rival for rival in self.rivals if rival.may_be_better(self.margin)]

    @property
    def money_rivals(self) -> list[Rival]:
        """The rivals against which training must pay: the strongest, and all that the candidate does not surely beat."""
        return [rival for rival in self.rivals if rival.strongest or rival.low <= 0]

    @property
    def unmeasured(self) -> list[RivalRow]:
        """The rows of rivals that were not measured, each with its reason."""
        return [row for row in self.results.rivals if not row.measured]

    @property
    def cheaper_way(self) -> CheaperWay | None:
        """The strongest of the unmeasured `money.alternatives` against which tuning does not pay off.

        A cached guide counts only if the cached share was not stated or measured.
        """
        money = self.results.money
        if money is None:
            return None
        winning = [way for way in money.alternatives if beats_tuning(way, money.target_payback_days, batch=self.batch)]
        order = ("same outputs", "assumed")
        ways = self._ways(winning)
        return min(ways, key=lambda way: (order.index(way.standing), way.cost or 0.0), default=None)

    @property
    def cheaper_ways(self) -> list[CheaperWay]:
        """The unmeasured `money.alternatives` that cost less than the baseline of the comparison."""
        ways = [] if self.results.money is None else self.results.money.alternatives
        saved = ((way, way.saving_total if self.batch else way.saving_per_day) for way in ways)
        return self._ways(way for way, saving in saved if (saving or 0.0) > 0)

    def _ways(self, found: Iterable[Alternative]) -> list[CheaperWay]:
        return [way for each in found if (way := self._way(each)) is not None]

    def _way(self, found: Alternative) -> CheaperWay | None:
        key, name, cost = found.key, found.name, found.effective_cost_per_request
        if key == "variant":
            scored = self.results.share_of(name) is not None
            return None if scored else CheaperWay(key, name, variant_name(name), "assumed", cost)
        if key == "cached_guide" and self._cache_known:
            return None
        what = f"{variant_name(self.baseline)} {WAYS.get(key, found.what)}"
        return CheaperWay(key, name, what, "same outputs" if key == "cached_guide" else "assumed", cost)

    @property
    def _cache_known(self) -> bool:
        """Whether the cached share was stated or measured, so that the cache offers no further saving."""
        key = f"{self.baseline}.cached_share"
        entry = next((entry for entry in self.money.assumptions if entry.key == key), None)
        return entry is not None and (entry.source == "stated" or (entry.source == "measured" and bool(entry.value)))

    @property
    def useless_guide(self) -> str | None:
        """The guided model without whose guide it is no worse and gives acceptable outputs: the guide can go.

        If neither gives an acceptable output, the guide is not superfluous: the model is too weak to follow it. A different
        model without a guide shows nothing about the guide.
        """
        found = self.results.guide_comparison
        if found is None or not self.results.share_of("plain"):
            return None
        # The guided variant is the candidate there, so the plain model is no worse if the upper end is within the margin.
        high = found.difference.high
        may_go = high is not None and high < self.margin and same_model(self.results, found.candidate, "plain")
        return found.candidate if may_go else None


@dataclass(frozen=True)
class Asks:
    """What a rule asks for: the instruction, and the rival, the cases or the way that it is about; `turns` says what the
    decision turns on."""

    kind: StepKind
    do: str
    rival: str | None = None
    needed: NeededCases | None = None
    way: CheaperWay | None = None
    turns: str | None = None


@dataclass(frozen=True)
class Fault:
    """A problem to fix first; `risk` is the one that is over its limit, `cut` the variant whose outputs were cut."""

    what: Area
    text: str
    remedy: str | None = None
    risk: str | None = None
    cut: str | None = None


@dataclass(frozen=True)
class Finding:
    """The result of the rule that fired: the decision in a sentence with its reasons, and what to fix or what it asks for."""

    decision: Decision
    sentence: str
    reasons: Sequence[str]
    faults: Sequence[Fault] = ()
    asks: Asks | None = None


def failures_cost(money: Money) -> bool:
    """Whether an unacceptable output costs something."""
    return money.failure_cost is not None or money.failures in ("drop", "repair")


def same_model(results: Results, one: str, other: str) -> bool:
    """Whether two variants use the same model; true if the results do not name both models."""
    models = [results.variants[name].model if name in results.variants else None for name in (one, other)]
    return None in models or models[0] == models[1]
