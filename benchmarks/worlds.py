"""Worlds for verdicts.py: ways to get outputs with known shares, tokens, prices and costs, and test sets drawn from them.

Each prior is as wide as what teams report, log-uniform if possible. A kind of world is a change of the plain one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import multivariate_normal, norm

__all__ = ["CANDIDATE", "HORIZON", "KINDS", "MARGIN", "TARGET", "Sample", "Way", "World", "draw_sample", "draw_world"]

MARGIN, TARGET, HORIZON = 0.03, 90, 365
MONTH = 365.25 / 12
CANDIDATE, BASELINE = "tuned", "prompted"
FEW_GROUPS = (4, 7, 10, 15, 29)
DETECTED = 0.8  # of the failures, by the rules that a cascade can check without a reference


@dataclass(frozen=True)
class Way:
    """A way to get outputs: `acceptable` is its true share, `facts` the share that is right about facts (None: no rule).

    `tokens` are fixed, input and output tokens of a request; `price` is per million input tokens, an output token costs
    four times as much. `cascade` names the two ways that it is made of.
    """

    name: str
    acceptable: float
    tokens: tuple[float, float, float]
    price: float
    facts: float | None = None
    cascade: tuple[str, str] | None = None

    @property
    def spent(self) -> float:
        """What a request costs, without its failures."""
        fixed, content, output = self.tokens
        return (fixed + content + 4 * output) * self.price / 1e6


@dataclass(frozen=True)
class World:
    """The true values. `ways` are the rivals, the one in use today first, and at last the candidate.

    `within_group` is each way's part of the difficulty that is common to a group; `correlation` is how far the ways find
    the same requests hard. What the team does not state (`cost_stated`, `investment_stated`) is true all the same. `cases`
    is the size of its test set, None for any.
    """

    ways: tuple[Way, ...]
    correlation: float
    group_size: int
    within_group: tuple[float, ...]
    stated_volume: float
    volume: float
    failure_cost: float | None
    investment: float
    upkeep_per_month: float
    cases: int | None = None
    cost_stated: bool = True
    investment_stated: bool = True

    @property
    def tuned(self) -> Way:
        """The candidate."""
        return self.ways[-1]

    @property
    def rivals(self) -> tuple[Way, ...]:
        """The ways without training."""
        return self.ways[:-1]

    @property
    def strongest(self) -> Way:
        """The rival with the highest share; of those within the margin of it, the cheapest."""
        best = max(way.acceptable for way in self.rivals)
        return min((way for way in self.rivals if way.acceptable >= best - MARGIN), key=self._cost)

    @property
    def pays(self) -> bool:
        """Whether fine-tuning is surely right: it holds against every rival that is as good within the margin."""
        near = [way for way in self.rivals if way.acceptable > self.tuned.acceptable - MARGIN]
        return self._as_good and all(self.pays_against(way) for way in {*near, self.strongest})

    @property
    def useless(self) -> bool:
        """Whether fine-tuning is wrong: worse outputs, or a rival that is as good and against which it does not pay.

        Without a stated investment nobody can know that it pays.
        """
        good = [way for way in self.rivals if way.acceptable >= self.tuned.acceptable]
        pays = all(self.pays_against(way) for way in {*good, self.strongest})
        return not (self.investment_stated and self._as_good and pays)

    @property
    def _as_good(self) -> bool:
        """Whether outputs and facts are within the margin of every rival's."""
        worse = max(way.acceptable for way in self.rivals) - self.tuned.acceptable >= MARGIN
        ours, theirs = self.tuned.facts, self.strongest.facts
        return not worse and (ours is None or theirs is None or theirs - ours < MARGIN)

    def pays_against(self, rival: Way) -> bool:
        """Whether the investment pays back in time and gains over the horizon, in place of this rival."""
        saved = self._saved_per_day(rival)
        return saved * TARGET >= self.investment and saved * HORIZON > self.investment

    def payback_days(self, rival: Way) -> float:
        """Days until the investment pays back; inf for never."""
        saved = self._saved_per_day(rival)
        return self.investment / saved if saved > 0 else math.inf

    def _saved_per_day(self, rival: Way) -> float:
        return self.volume * (self._cost(rival) - self._cost(self.tuned)) - self.upkeep_per_month / MONTH

    def _cost(self, way: Way) -> float:
        return way.spent + (1 - way.acceptable) * (self.failure_cost or 0)


def spread(rng: np.random.Generator, low: float, high: float) -> float:
    """A log-uniform number."""
    return float(10 ** rng.uniform(math.log10(low), math.log10(high)))


def draw_world(rng: np.random.Generator, kind: str = "one rival") -> World:
    """One world of this kind; the plain one has one rival, the prompted model."""
    return KINDS[kind](rng, _plain(rng))


def _plain(rng: np.random.Generator) -> World:
    prompted = rng.uniform(0.3, 0.98)  # from a model that cannot follow the guide to one that is almost always right
    # Tuning helps more often than it hurts, and sometimes a lot: odds times 0.15 to 18 in 90% of the worlds.
    tuned = _better(prompted, rng.normal(0.5, 1.2))
    guide, content, output = spread(rng, 100, 3000), spread(rng, 30, 1000), spread(rng, 30, 1000)
    volume = spread(rng, 30, 100_000)
    group = int(rng.choice([1, 1, 1, 2, 5, 10, 30]))  # in three of seven worlds there are no groups
    price = spread(rng, 0.1, 10)  # per million input tokens; output four times as much
    part = rng.uniform(0, 0.6) if group > 1 else 0.0
    return World(
        ways=(
            Way(BASELINE, prompted, (guide, content, output), price),
            # A smaller model at a quarter of the price, a hosted one at three times.
            Way(CANDIDATE, tuned, (0.0, content, output * math.exp(rng.normal(0, 0.2))), price * 2 ** rng.uniform(-2, 1.5)),
        ),
        correlation=rng.uniform(0, 0.8),  # the ways find the same requests hard, more or less
        group_size=group,
        within_group=(part, part),
        stated_volume=volume,
        volume=volume * rng.triangular(0.5, 1.0, 1.5),  # a forecast with the error that Tuneworth assumes
        failure_cost=None if rng.random() < 0.4 else spread(rng, 0.001, 1),  # two of five teams do not state it
        investment=spread(rng, 100, 30_000),
        upkeep_per_month=0.0 if rng.random() < 0.5 else spread(rng, 10, 1000),
    )  # fmt: skip


def _better(share: float, by: float) -> float:
    """The share with its odds multiplied by e to this power."""
    odds = share / (1 - share) * math.exp(by)
    return odds / (1 + odds)


def _with_rivals(world: World, rivals: Sequence[Way]) -> World:
    """The world with these rivals after the one in use."""
    ways = (*world.rivals, *rivals, world.tuned)
    return replace(world, ways=ways, within_group=(world.within_group[0],) * len(ways))


def _as_it_is(rng: np.random.Generator, world: World) -> World:
    return world


def _several(rng: np.random.Generator, world: World) -> World:
    """A retry, nearest examples and a larger model: usually better than the prompt in use, and dearer."""
    prompted = world.rivals[0]
    fixed, content, output = prompted.tokens
    tries = 1 + rng.uniform(0.2, 1.5) * (1 - prompted.acceptable)
    retry = replace(
        prompted, name="retry", acceptable=_better(prompted.acceptable, rng.uniform(0, 2)),
        tokens=(fixed * tries, content * tries, output * tries),
    )  # fmt: skip
    nearest = replace(
        prompted, name="nearest", acceptable=_better(prompted.acceptable, rng.normal(0.4, 0.7)),
        tokens=(fixed + 3 * (content + output), content, output),
    )  # fmt: skip
    larger = replace(
        prompted, name="larger", acceptable=_better(prompted.acceptable, rng.normal(0.8, 0.8)),
        price=prompted.price * spread(rng, 1.5, 10),
    )  # fmt: skip
    return _with_rivals(world, (retry, nearest, larger))


def _template(rng: np.random.Generator, world: World) -> World:
    """A template, which costs nothing: in half of the worlds as good as the tuned way within 2 points, else anything."""
    near = float(np.clip(world.tuned.acceptable + rng.normal(0, 0.02), 0.01, 0.995))
    share = near if rng.random() < 0.5 else rng.uniform(0.02, 0.98)
    return _with_rivals(world, (Way("template", share, (0.0, 0.0, 0.0), 0.0),))


def _cascade(rng: np.random.Generator, world: World) -> World:
    """A small model, whose outputs that break a rule go to the prompted one: both without training."""
    prompted = world.rivals[0]
    small = replace(
        prompted, name="small", acceptable=_better(prompted.acceptable, rng.normal(-0.8, 0.6)),
        price=prompted.price * rng.uniform(0.05, 0.5),
    )  # fmt: skip
    ends = norm.ppf([small.acceptable, prompted.acceptable])
    both = float(multivariate_normal.cdf(ends, cov=[[1, world.correlation], [world.correlation, 1]]))
    sent, saved = DETECTED * (1 - small.acceptable), DETECTED * (prompted.acceptable - both)
    # Its tokens in those of the prompted model, at whose price they are counted.
    tokens = tuple(count * (small.price / prompted.price + sent) for count in prompted.tokens)
    cascade = replace(
        prompted, name="small, else prompted", acceptable=small.acceptable + saved, tokens=tokens,
        cascade=("small", BASELINE),
    )  # fmt: skip
    return _with_rivals(world, (small, cascade))


def _few_groups(groups: int, rng: np.random.Generator, world: World) -> World:
    """All cases from so many groups; in half of the worlds each way has its own part that is common to a group."""
    world = _several(rng, world) if rng.random() < 0.5 else world
    parts = (
        rng.uniform(0, 0.7, len(world.ways)) if rng.random() < 0.5 else np.full(len(world.ways), rng.uniform(0, 0.7))
    )
    size = int(rng.choice([5, 10, 30]))
    within = tuple(float(part) for part in parts)
    return replace(world, group_size=size, cases=groups * size, within_group=within)


def _worse_facts(rng: np.random.Generator, world: World) -> World:
    """The tuned way is better in form (69% to 99%) and in half of the worlds worse in facts (99% to 85%)."""
    prompted, lost = world.rivals[0], rng.random() < 0.5
    before, form = rng.uniform(0.93, 0.995), rng.uniform(0.5, 0.8)
    after = before - (rng.uniform(0.05, 0.2) if lost else rng.uniform(-0.005, 0.01))
    better = rng.uniform(0.95, 0.99)
    ways = (
        replace(prompted, acceptable=before * form, facts=before),
        replace(world.tuned, acceptable=after * better, facts=after),
    )
    return replace(world, ways=ways)


def _no_investment(rng: np.random.Generator, world: World) -> World:
    """The team does not state what training costs."""
    return replace(world, investment_stated=False)


def _slightly_worse(least: float, most: float, rng: np.random.Generator, world: World) -> World:
    """The tuned way is this much worse and much cheaper, and the team does not say what a failure costs."""
    prompted = replace(world.rivals[0], acceptable=rng.uniform(0.8, 0.99))
    tuned = replace(
        world.tuned, acceptable=prompted.acceptable - rng.uniform(least, most), price=prompted.price * rng.uniform(0.1, 0.5)
    )  # fmt: skip
    return replace(
        world, ways=(prompted, tuned), cases=int(rng.choice([1000, 2000, 4000])), correlation=rng.uniform(0.6, 0.95),
        group_size=1, within_group=(0.0, 0.0), failure_cost=spread(rng, 0.001, 1), cost_stated=False,
    )  # fmt: skip


KINDS: dict[str, Callable[[np.random.Generator, World], World]] = {
    "one rival": _as_it_is,
    "several rivals": _several,
    "a free template": _template,
    "a cascade": _cascade,
    **{f"{groups} groups": partial(_few_groups, groups) for groups in FEW_GROUPS},
    "worse facts": _worse_facts,
    "investment not stated": _no_investment,
    "0.5 to 2 points worse, cheaper": partial(_slightly_worse, 0.005, 0.02),
    "2 to 3 points worse, cheaper": partial(_slightly_worse, 0.02, 0.0299),
}


@dataclass(frozen=True)
class Sample:
    """Outcomes of each way `{name: (n,)}`, those about facts where there is such a rule, and the items' groups.

    `sent` says which items a cascade sent on to its second way.
    """

    acceptable: dict[str, np.ndarray]
    facts: dict[str, np.ndarray | None]
    sent: dict[str, np.ndarray]
    groups: np.ndarray


def draw_sample(world: World, n: int, rng: np.random.Generator) -> Sample:
    """Outcomes of n items.

    A normal deviate per group and per item, each correlated between the ways, against a threshold that gives each way its
    share; facts and form have their own deviates.
    """
    groups = np.arange(n) // world.group_size
    acceptable, sent, facts = {}, {}, dict[str, Any].fromkeys(way.name for way in world.ways)
    passed = _passed(world, [way.acceptable / (way.facts or 1) for way in world.ways], groups, rng)
    right = _passed(world, [way.facts or 1 for way in world.ways], groups, rng)
    for way, form, fact in zip(world.ways, passed, right, strict=True):
        acceptable[way.name] = form * fact
        if way.facts is not None:
            facts[way.name] = fact
    found = rng.random(n) < DETECTED
    for way in world.ways:
        if way.cascade is not None:
            first, second = (acceptable[name] for name in way.cascade)
            sent[way.name] = ((first < 1) & found).astype(float)
            acceptable[way.name] = np.where(sent[way.name] > 0, second, first)
    return Sample(acceptable, facts, sent, groups)


def _passed(world: World, shares: Sequence[float], groups: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Which items each way passes, at these shares."""
    of_items, of_groups = (_deviates(world, count, rng) for count in (len(groups), groups[-1] + 1))
    passed = []
    for index, share in enumerate(shares):
        part = world.within_group[index]
        latent = math.sqrt(1 - part) * of_items[index] + math.sqrt(part) * of_groups[index][groups]
        passed.append((latent < norm.ppf(min(share, 1.0))).astype(float))
    return passed


def _deviates(world: World, count: int, rng: np.random.Generator) -> np.ndarray:
    shared, own = rng.standard_normal(count), rng.standard_normal((len(world.ways), count))
    return math.sqrt(world.correlation) * shared + math.sqrt(1 - world.correlation) * own
