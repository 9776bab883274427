"""Where the decision about the money flips: one input at a time, solved for instead of read off a grid."""

import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property

import numpy as np

from ..results import BAD, BeyondFlip, MoneyFlip
from .alternatives import Alternative, Alternatives
from .comparison import Account
from .figures import Conditions
from .inputs.options import Pair
from .simulate import Chance, Weight, chance_of, simulated, surely_worse

# Inputs that a person could change or find out, with the words that the verdict uses.
FLIPS = {
    "requests_per_day": "requests a day",
    "requests_total": "total requests",
    "failure_cost": "cost of an {bad} output",
    "{candidate}.price_input": 'input price of "{candidate}"',
    "{candidate}.price_output": 'output price of "{candidate}"',
    "{candidate}.hourly": 'hourly price of the machine of "{candidate}"',
    "{candidate}.requests_per_second": 'requests a second of the machine of "{candidate}"',
    "{candidate}.acceptance": '{good} share of "{candidate}"',
    "{baseline}.price_input": 'input price of "{baseline}"',
    "{baseline}.fixed_tokens": 'fixed prompt tokens of "{baseline}"',
    "{baseline}.cached_share": 'cached share of the fixed prompt of "{baseline}"',
    "investment.compute": "investment in compute",
    "running.retrain_every_days": "days between retrainings",
    "horizon_days": "days over which savings count",
    "target_payback_days": "days of the payback target",
}
VOLUMES = ("requests_per_day", "requests_total")
FACTORS = tuple(
    4.0**power for power in range(1, 11)
)  # of a volume: up to a million times the current one, or a millionth
REACH = 3  # steps for a price or a count: a price 64 times as high is not realistic
SMALLEST = 1e-7  # where the search for a failure cost starts: a thousandth of what the cheapest requests cost
NEAR, CLOSE = 0.02, 5e-4  # relative; a verdict names a root with two or three digits
BEYOND = 0.01  # how far beyond a root the answer must still be the new one
SHARES = ("acceptance", "cached_share")
THIN = 1000  # draws to bracket a root; all draws then refine it
WEIGHTS: tuple[Weight, ...] = ("does not pay", "open", "pays")
WORST = WEIGHTS[0]
Label = Callable[[float], Hashable]


def solve_flips(values: Account, drawn: Account, alternatives: Alternatives) -> list[MoneyFlip]:
    """Each value of one input, the others fixed, at which the answer changes.

    `to` is the value at which it changes, starting at `from`; `beyond` holds the keys of `money` that the verdict reads,
    1% past that value. `drawn` are the draws of the inputs. An input with a range moves with its range; a share moves by
    as much as its middle. Inputs that change nothing within reach, or only in a short stretch, are omitted.
    """
    money, names = MovedMoney(values, drawn, alternatives), values.conditions
    flips = []
    for pattern, words in FLIPS.items():
        key, what = _named(names, pattern, words)
        for to, past in sorted([*_weight_roots(money, key), *_cache_roots(money, key)]):
            beyond = money.beyond(key, past)
            flips.append(MoneyFlip(key=key, what=what, from_=values.stated(key), to=to, beyond=beyond))
    return flips


def _named(names: Conditions, pattern: str, words: str) -> tuple[str, str]:
    """The key of an input and the verdict's words for it, by the variant that it is stated for."""
    side, _, number = pattern.rpartition(".")
    if not side.startswith("{"):
        return pattern, words
    key = pattern.format(baseline=names.baseline, candidate=names.candidate)
    owner = names.like.get(key, key).removesuffix(f".{number}")
    return f"{owner}.{number}", words.format(baseline=owner, candidate=owner, good=names.good, bad=BAD[names.good])


def carrying_failure_cost(values: Account, drawn: Account, alternatives: Alternatives | None = None) -> float | None:
    """The lowest cost of an unacceptable output at which it pays, also against each rival that is not surely worse.

    None if failures are dropped, if it already pays at cost 0, or if no cost is enough.
    """
    key = "failure_cost"
    money = MovedMoney(values.changed({key: Decimal(0)}), drawn, alternatives)
    here = money.answer(key, 0.0)
    if values.conditions.failures == "drop" or here is None or set(here) == {"pays"}:
        return None
    for to, past in _weight_roots(money, key):
        if money.answer(key, past) == ("pays", "pays"):
            return to
    return None


@dataclass(frozen=True)
class MovedMoney:
    """An account with one input changed: what its draws say about the baseline and every rival, and a cached guide.

    `rivals` are the other variants without training whose acceptance is known, the one that decided last first. Without
    `alternatives` there are none.
    """

    values: Account
    drawn: Account
    alternatives: Alternatives | None = None
    rivals: list[str] = field(default_factory=list)
    _counted: dict[tuple[bool, bool], Account] = field(default_factory=dict)
    _moved: dict[bool, tuple[tuple[str, float], Account]] = field(default_factory=dict)
    _chances: dict[tuple[str, float, str | None, bool], Chance | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find the rivals."""
        if self.alternatives is not None:
            known = (way for way in self.alternatives.variants(self.values) if way.way.knows("acceptance"))
            self.rivals.extend(way.name for way in known)

    @cached_property
    def cacheable(self) -> bool:
        """Whether reading the baseline's guide from the cache could rule out `fine-tune`."""
        return self.alternatives is not None and self._cached(self.values) is not None

    def start(self, key: str) -> float:
        """The current value of the input; 0 if not stated."""
        return float(self.values.inputs.get(key, 0))

    def movable(self, key: str) -> bool:
        """Whether changing this input has an effect."""
        inputs = self.values.inputs
        if key == "failure_cost":
            return self.values.conditions.failures != "drop" and "facts_failure_cost" not in inputs
        if key.endswith("cached_share"):
            name = key.rpartition(".")[0]
            fixed, least = (inputs.get(f"{name}.{what}", 0) for what in ("fixed_tokens", "min_cached_tokens"))
            return fixed >= least and f"{name}.price_cached" in inputs
        return key in inputs and (self.start(key) > 0 or key.endswith(SHARES))

    def answer(self, key: str, value: float, *, thin: bool = False) -> tuple[Weight, Weight] | None:
        """The answer against the baseline, and the worst against any rival that is not surely worse, at this value.

        None if the money cannot be computed.
        """
        main = self._weight(key, value, None, thin=thin)
        if main is None:
            return None
        worst = main
        for name in list(self.rivals):
            if worst == WORST:
                break
            if self._surely_worse(key, value, name):
                continue
            weight = self._weight(key, value, name, thin=thin)
            if weight is not None and WEIGHTS.index(weight) < WEIGHTS.index(worst):
                worst = weight
                self.rivals.remove(name)
                self.rivals.insert(0, name)  # it most likely decides at the next value too
        return main, worst

    def cached_guide_wins(self, key: str, value: float) -> bool:
        """Whether tuning does not pay against a cached guide at this value."""
        changed = self._changed(key, value)
        way = self._cached(changed)
        return way is not None and way.beats_tuning()

    def beyond(self, key: str, value: float) -> BeyondFlip | None:
        """The figures that the verdict reads, if this input is `value`; None if they cannot be computed."""
        chance, batch = self._chance(key, value, None, thin=False), self.values.batch
        if chance is None:
            return None
        assert self.alternatives is not None
        changed, drawn = self._changed(key, value), self._draws(key, value, thin=False)
        cached, ways = self._cached(changed), self.alternatives.variants(changed)
        costed = key == "failure_cost"
        return BeyondFlip(
            probability_npv_positive=chance.in_time if batch else None,
            probability_of_payback_in_target=None if batch else chance.in_time,
            npv_p50=chance.median if math.isfinite(chance.median) else None,
            alternatives=[way.beyond(drawn) for way in ([] if cached is None else [cached]) + ways],
            target_payback_days=value if key == "target_payback_days" else None,
            failures=changed.conditions.failures if costed else None,
            failure_cost=value if costed else None,
        )

    def _weight(self, key: str, value: float, name: str | None, *, thin: bool) -> Weight | None:
        """Whether it pays against the baseline or this rival: by a few draws if they are clear, else by all."""
        rough = self._chance(key, value, name, thin=True)
        if rough is None or thin or rough.clear:
            return None if rough is None else rough.weight
        found = self._chance(key, value, name, thin=False)
        return None if found is None else found.weight

    def _chance(self, key: str, value: float, name: str | None, *, thin: bool) -> Chance | None:
        """A search for a root comes back to the values at its ends, so each is kept."""
        place = key, value, name, thin
        if place not in self._chances:
            changed = self._draws(key, value, thin=thin)
            pair = changed.pair if name is None else _against(changed, name)
            self._chances[place] = chance_of(changed, pair)
        return self._chances[place]

    def _surely_worse(self, key: str, value: float, name: str) -> bool:
        drawn = self._draws(key, value, thin=False) if key.endswith(".acceptance") else self.drawn
        return surely_worse(drawn, name)

    def _cached(self, values: Account) -> Alternative | None:
        assert self.alternatives is not None
        return self.alternatives.cached(values)

    def _changed(self, key: str, value: float) -> Account:
        return self._costing(self.values, key).changed({key: Decimal(repr(value))})

    def _draws(self, key: str, value: float, *, thin: bool) -> Account:
        """The draws with this input moved; the latest are kept, as all rivals are weighed at one value."""
        kept = self._moved.get(thin)
        if kept is not None and kept[0] == (key, value):
            return kept[1]
        drawn, start = self._before(key, thin=thin), self.start(key)
        now = drawn.inputs.get(key, np.zeros(1))
        moved = now * (value / start) if start else now + value
        if key.endswith(SHARES):
            moved = np.clip(now + (value - start), 0.0, 1.0)
        self._moved[thin] = (key, value), drawn.changed({key: moved})
        return self._moved[thin][1]

    def _before(self, key: str, *, thin: bool) -> Account:
        """All draws or the first ones, computed once: figures that do not depend on the input are reused."""
        place = thin, key == "failure_cost"
        if place not in self._counted:
            drawn = self._costing(self.drawn, key)
            inputs = {name: draws[:THIN] for name, draws in drawn.inputs.items()} if thin else drawn.inputs
            counted = self._counted[place] = Account(inputs, drawn.conditions, "drawn")
            for pair in (counted.pair, *(_against(counted, name) for name in self.rivals)):
                simulated(counted, pair)
        return self._counted[place]

    def _costing(self, values: Account, key: str) -> Account:
        """The values; if the changed input gives failures a cost that they did not have, they count as repaired."""
        if key != "failure_cost" or values.conditions.failures != "ignore":
            return values
        return Account(values.inputs, replace(values.conditions, failures="repair"), values.kind)


def _against(values: Account, name: str) -> Pair:
    return Alternative("variant", name, "", values.way(name), "", values).tuning


def _weight_roots(money: MovedMoney, key: str) -> Iterator[tuple[float, float]]:
    """The values at which the answer changes, against the baseline or against the rivals: by few draws, refined with all."""

    def label(value: float) -> Hashable:
        return money.answer(key, value)

    if money.movable(key) and label(money.start(key)) is not None:
        yield from _roots(key, money.start(key), label, lambda value: money.answer(key, value, thin=True))


def _cache_roots(money: MovedMoney, key: str) -> Iterator[tuple[float, float]]:
    """The values at which a cached guide starts or stops winning."""

    def label(value: float) -> Hashable:
        return money.cached_guide_wins(key, value)

    if money.cacheable and money.movable(key):
        yield from _roots(key, money.start(key), label, label)


def _roots(key: str, start: float, label: Label, rough: Label) -> Iterator[tuple[float, float]]:
    """Every value at which the label changes, upwards and downwards, each with a value a little past it."""
    for path in _paths(key, start):
        near, here = start, label(start)
        for far in path:
            while rough(far) != here:
                root = _root(near, far, lambda value, here=here: label(value) == here, lambda v, h=here: rough(v) == h)
                if root is None:
                    break
                yield root
                near = root[1]
                here = label(near)
            near = far


def _root(
    near: float, far: float, same: Callable[[float], bool], roughly: Callable[[float], bool]
) -> tuple[float, float] | None:
    """The root between a value where the label is the same and one where it differs; None if the change does not last."""
    before, after = _halved(near, far, NEAR, roughly)
    wide = 2 * (after - before)
    before, after = _between(before - wide, near, far), _between(after + wide, near, far)
    if not same(before) or same(after):  # the few draws gave a different place than all draws
        before, after = near, far
        if not same(before) or same(after):
            return None
    before, after = _halved(before, after, CLOSE, same)
    to = (before + after) / 2
    past = _between(to * (1 + math.copysign(BEYOND, far - near)), near, far)
    return None if same(past) or not same(_between(2 * to - past, near, far)) else (to, past)


def _paths(key: str, start: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The values to try upwards and downwards, each path leading away from the start."""
    if key.endswith(SHARES):
        return (1.0,) if start < 1 else (), (0.0,) if start > 0 else ()
    if start == 0:
        return tuple(SMALLEST * factor for factor in (1.0, *FACTORS, *(f * FACTORS[-1] for f in FACTORS))), ()
    factors = FACTORS if key in VOLUMES else FACTORS[:REACH]
    return tuple(start * factor for factor in factors), tuple(start / factor for factor in factors)


def _halved(before: float, after: float, width: float, same: Callable[[float], bool]) -> tuple[float, float]:
    """The interval in which `same` ends, halved until it is no wider than `width` times its far end."""
    while abs(after - before) > width * max(abs(after), abs(before)) and abs(after - before) > 1e-12:
        low, high = sorted((before, after))
        # Use the geometric mean for wide intervals: between a thousandth and a thousand it is one.
        middle = math.sqrt(low * high) if high > 2 * low > 0 else (low + high) / 2
        before, after = (middle, after) if same(middle) else (before, middle)
    return before, after


def _between(value: float, one: float, other: float) -> float:
    return min(max(value, min(one, other)), max(one, other))
