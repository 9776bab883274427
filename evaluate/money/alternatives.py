"""Alternatives to tuning: what each saves against the baseline, and what tuning still saves against it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from msgspec.structs import asdict

from ...core import say
from ..results import Alternative as AlternativeRecord
from ..results import AlternativeBeyond, AlternativeOut, Chances, RemainingBenefit
from .caches import cached_guide, no_cache, unchangeable
from .comparison import Account
from .inputs.measured import MeasuredVariant, part_name
from .inputs.options import ACCEPTABLE, COST, EFFECTIVE, Pair, Way
from .inputs.prices import is_tuned_name
from .inputs.settings import RoiSettings
from .simulate import NO_CHANCES, outcomes
from .traced import value_of, where

SAVINGS = ("saving_per_day", "saving_total", "saving_per_request")
HALF = Decimal("0.5")  # of the guide, if the length of a shorter one is not stated: an assumption, and labelled as one
FORBIDDING = ("cached_guide", "variant")  # their outputs can be known, so they can rule out `fine-tune`
ZERO = Decimal(0)


@dataclass(frozen=True)
class Alternative:
    """One alternative without training: `way` is the changed baseline, or another variant.

    `acceptance_from` is measured, stated, unknown, or "assumed unchanged" from the baseline. `after` is what tuning would be
    compared as: the candidate in batches too, against a baseline in batches.
    """

    key: str
    name: str
    what: str
    way: Way
    acceptance_from: str
    account: Account
    after: Way | None = None

    @cached_property
    def switch(self) -> Pair:
        """The baseline, and this alternative in its place."""
        main = self.account.pair
        return Pair(self.account, f"{self._prefix}.", main.before, self.way, main=main, trained=False)

    @cached_property
    def tuning(self) -> Pair:
        """This alternative, and the candidate in its place."""
        main, prefix = self.account.pair, f"{self._prefix}.tuning."
        after = self.after or main.after
        return Pair(self.account, prefix, self.way, after, main=main, against=f" against {self.name}")

    @property
    def comparable(self) -> bool:
        """Whether tuning can be compared with it: an answer in a batch is not one at once."""
        return self.key != "batch" or self.after is not None

    @property
    def _prefix(self) -> str:
        return f"alternatives.{self.name if self.key == 'variant' else self.key}"

    def row(self, drawn: Account) -> AlternativeRecord:
        """An entry of `money.alternatives`."""
        return AlternativeRecord(
            **asdict(self.beyond(drawn)),
            needs_training=False,
            acceptance=self.way.plain("acceptance"),
            acceptance_from=self.acceptance_from,
            cost_per_request=self.way.plain(COST),
            cost_per_acceptable_output=self.way.plain(ACCEPTABLE),
            saving_share=self.switch.plain("saving_share"),
            spend_per_day=self.switch.plain("spend_per_day_candidate"),
        )

    def beyond(self, drawn: Account) -> AlternativeBeyond:
        """What the verdict reads of it; `tuning` also has what the draws of the inputs say."""
        switch = self.switch
        return AlternativeBeyond(
            key=self.key,
            name=self.name,
            what=self.what,
            effective_cost_per_request=self.way.plain(EFFECTIVE),
            saving_per_request=switch.plain("saving_per_request"),
            saving_per_day=switch.plain("saving_per_day"),
            saving_total=switch.plain("saving_total"),
            tuning=self._benefit(self._chances(drawn)),
        )

    def beats_tuning(self) -> bool:
        """Whether it costs less than the baseline, and tuning does not pay back against it, or not in time."""
        savings = (self.switch.plain(key) for key in SAVINGS)
        target = self.account.stated("target_payback_days")
        return _beats(savings, self._benefit(NO_CHANCES), target, batch=self.account.batch)

    def _benefit(self, chances: Chances) -> RemainingBenefit:
        """The candidate's saving against it; a payback of None is never."""
        known = self.tuning.plain if self.comparable else lambda _: None
        npv = known("npv")
        return RemainingBenefit(
            saving_per_request=known("saving_per_request"),
            saving_share=known("saving_share"),
            saving_per_day=known("saving_per_day"),
            payback_days=known("payback_days"),
            npv=npv,
            pays=None if npv is None else npv > 0,
            **asdict(chances),
        )

    def _chances(self, drawn: Account) -> Chances:
        """What the draws say about tuning against it; nothing if its outputs are unknown."""
        if self.key not in FORBIDDING:
            return NO_CHANCES
        other = drawn.pair.before
        way = cached_guide(other) if self.key == "cached_guide" else drawn.way(self.name)
        pair = Alternative(self.key, self.name, self.what, way, self.acceptance_from, drawn).tuning
        return outcomes(drawn, pair)


@dataclass(frozen=True)
class Alternatives:
    """The possible alternatives to tuning, for any values; `sources` gives the source of each input.

    `untrained` names the other variants that need no training.
    """

    settings: RoiSettings
    untrained: Sequence[str]
    sources: Mapping[str, str]

    def of(self, values: Account) -> list[Alternative]:
        """The alternatives for these values: cheaper forms of the baseline, then other variants with a known cost."""
        baseline = values.pair.before
        if baseline.value(COST) is None:
            return []
        return ([] if unchangeable(baseline) else self._with_baseline(values, baseline)) + self.variants(values)

    def variants(self, values: Account) -> list[Alternative]:
        """The other variants with a known cost that need no training."""
        conditions, found = values.conditions, []
        for name in self.untrained:
            way = values.way(name)
            if name not in (conditions.baseline, conditions.candidate) and way.value(COST) is not None:
                what = "no guide and no examples" if name == "plain" else f'the variant "{name}"'
                found.append(Alternative("variant", name, what, way, self._accepted(name), values))
        return found

    def cached(self, values: Account) -> Alternative | None:
        """The baseline with its guide read from the cache; None if that saves nothing."""
        baseline = values.pair.before
        if baseline.value(COST) is None or no_cache(baseline) is not None:
            return None
        way, tokens = cached_guide(baseline), f"{_count(baseline.value('fixed_tokens'))} fixed tokens"
        found, seconds = way.value("cached"), baseline.value("cache_seconds")
        what = f"its {tokens} are read from the prompt cache by {say.percent(float(found))} of the requests"
        if found != 1:
            what += f": those at most {_count(seconds)} seconds after another"
        # The prompt is the same, so the outputs are the same.
        return Alternative("cached_guide", way.title, what, way, self._accepted(baseline.variant), values)

    def out(self, values: Account) -> list[AlternativeOut]:
        """`money.alternatives_out`: the alternatives that do not apply to the baseline, each with its reason."""
        baseline = values.pair.before
        if baseline.value(COST) is None:
            return []
        keys = ("cached_guide", "short_guide", "no_few_shot", "batch")
        why = unchangeable(baseline)
        if why is not None:
            return [AlternativeOut(key=key, why=why) for key in keys]
        reasons = {
            "cached_guide": no_cache(baseline),
            "short_guide": None if _shortened(baseline) else "there is no guide to shorten, or the stated length is not shorter",
            "no_few_shot": None if baseline.value("few_shot_tokens") else "its fixed prompt has no known few-shot examples",
            "batch": None if self._batch(baseline) else "the price list has no lower batch price for this model",
        }  # fmt: skip
        return [AlternativeOut(key=key, why=why) for key, why in reasons.items() if why is not None]

    def _accepted(self, name: str) -> str:
        return self.sources.get(f"{name}.acceptance", "unknown")

    def _with_baseline(self, values: Account, baseline: Way) -> list[Alternative]:
        """The same model at a lower cost: with its guide cached or shortened, without its examples, or in a batch."""
        name, fixed, examples = (
            baseline.variant,
            baseline.value("fixed_tokens"),
            baseline.value("few_shot_tokens") or ZERO,
        )
        assumed = "assumed unchanged"
        alternatives: list[tuple[str, str, Way, str]] = []
        cached = self.cached(values)
        cut = _shortened(baseline)
        if cut is not None:
            way = _with_prompt(baseline, "short_guide", f"{name} with a shorter guide", _short_prompt)
            alternatives.append(("short_guide", cut, way, assumed))
        if ZERO < examples <= fixed:
            way = _with_prompt(baseline, "no_few_shot", f"{name} without examples", _bare_prompt)
            alternatives.append(
                ("no_few_shot", f"the {_count(examples)} tokens of its few-shot examples are left out", way, assumed)
            )
        others = [Alternative(key, way.title, what, way, source, values) for key, what, way, source in alternatives]
        others += self._in_batches(values, baseline)
        return others if cached is None else [cached, *others]

    def _in_batches(self, values: Account, baseline: Way) -> list[Alternative]:
        """The baseline at batch prices, and tuning against it in batches too; nothing if the list has no lower ones."""
        way, candidate = self._batch(baseline), values.pair.after
        if way is None:
            return []
        after = None if unchangeable(candidate) else self._batch(candidate, "batch.tuning")
        what = "the list's batch price; answers may take hours"
        what += "" if after is not None else ", and the tuned model's batch price is unknown"
        return [Alternative("batch", way.title, what, way, self._accepted(baseline.variant), values, after)]

    def _batch(self, baseline: Way, key: str = "batch") -> Way | None:
        """A variant at the list's batch price; None if there is none or it is not lower."""
        table = self.settings.variants.get(baseline.variant)
        prompt = baseline.value("fixed_tokens") + baseline.value("input_tokens")
        batch = None if table is None or table.batch or table.listed is None else table.listed.at(prompt).batch
        # If the user states a price, the price of a batch is unknown.
        if table is None or batch is None or table.price_input is not None or table.price_output is not None:
            return None
        prices = {"price_input": batch.input, "price_output": batch.output}
        # Without them in the list, writes to the cache cost as much as fresh tokens, and reads the middle of their range.
        if table.price_cached is None:
            prices["price_cached"] = batch.input / 2 if batch.cached is None else batch.cached
        if table.price_cache_write == 0:
            prices["price_cache_write"] = batch.input if batch.cache_write is None else batch.cache_write
        rated = {key: self._in_currency(price, batch.currency) for key, price in prices.items()}
        way = baseline.changed(f"alternatives.{key}", f"{baseline.variant} in batches", rated)
        return way if way.value(COST) < baseline.value(COST) else None

    def _in_currency(self, price: Decimal, currency: str) -> Callable[[Way], Any]:
        if currency == self.settings.currency:
            return lambda way: way.values.number(price)
        return lambda way: way.values.number(price) * way.values(f"exchange.{currency}")


def beats_tuning(entry: AlternativeBeyond, target_days: float | None, *, batch: bool) -> bool:
    """Whether it costs less than the baseline, and tuning does not pay back against it, or not in time.

    A one-off batch has no days.
    """
    return _beats((getattr(entry, key) for key in SAVINGS), entry.tuning, target_days, batch=batch)


def _beats(
    savings: Iterable[float | None], tuning: RemainingBenefit, target_days: float | None, *, batch: bool
) -> bool:
    if tuning.npv is None or next((saving for saving in savings if saving is not None), 0) <= 0:
        return False
    days = tuning.payback_days
    in_time = batch or (days is not None and (target_days is None or days <= target_days))
    return tuning.npv <= 0 or not in_time


def untrained(settings: RoiSettings, measured: Mapping[str, MeasuredVariant]) -> list[str]:
    """The variants that need no training, judged by their names, their models' names, the run, and what they are made from."""

    def tuned(name: str) -> bool:
        table, run = settings.variants.get(name), measured.get(name)
        model = None if table is None else table.model
        if is_tuned_name(name) or (model and is_tuned_name(model)):
            return True
        return run is not None and (run.tuned or any(map(tuned, run.of)))

    parts = {part_name(name, run) for name, run in measured.items() if run.second is not None}
    names = dict.fromkeys([*measured, *settings.variants])
    return [name for name in names if name not in parts and not tuned(name)]


def _with_prompt(baseline: Way, key: str, title: str, tokens: Callable[[Way], Any]) -> Way:
    """The baseline with a shorter fixed prompt, with the same share of it cached."""
    return baseline.changed(
        f"alternatives.{key}",
        title,
        {"fixed_tokens": lambda _: tokens(baseline), "cached": lambda _: baseline("cached")},
    )


def _bare_prompt(baseline: Way) -> Any:
    return baseline("fixed_tokens") - baseline("few_shot_tokens")


def _guide(baseline: Way) -> tuple[Any, Any, Any]:
    """The tokens of the fixed prompt, of the guide, and of a shorter guide."""
    fixed = baseline("fixed_tokens")
    guide = baseline("guide_tokens") if baseline.knows("guide_tokens") else None
    examples = baseline.get("few_shot_tokens", ZERO)
    if guide is None:
        guide = where(fixed > examples, fixed - examples, baseline.values.number(ZERO))
    stated = baseline.knows("short_guide_tokens")
    return fixed, guide, baseline("short_guide_tokens") if stated else guide * baseline.values.constant(HALF)


def _short_prompt(baseline: Way) -> Any:
    fixed, guide, shorter = _guide(baseline)
    return fixed - guide + shorter


def _shortened(baseline: Way) -> str | None:
    """A description of the shorter guide and its assumption; None if there is no guide to shorten."""
    with baseline.values.unrecorded():
        fixed, guide, shorter = (value_of(tokens) for tokens in _guide(baseline))
    if guide <= 0 or shorter >= guide or guide > fixed:
        return None
    stated = baseline.knows("short_guide_tokens")
    length = f"the stated {_count(shorter)} tokens" if stated else "half its length (Tuneworth's own assumption)"
    return f"its guide of {_count(guide)} tokens is shortened to {length}"


def _count(tokens: Decimal) -> str:
    return f"{tokens:,.0f}"
