"""Chooses how many pairs and test requests a demo uses: as many as this machine can handle in eight minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ...core import ExpectedStep, say

if TYPE_CHECKING:
    from ...evaluate import GenerationSpeed, GenerationWork

LIMIT, AIM = 8 * 60, 7 * 60  # seconds of a whole demo; the difference is a reserve
RIVALS_TIME = 1 / 3  # of the run's own time at most
LADDER = 15  # sizes between the most and the fewest
# Scores, verdict and report take this many times as long as curating the example: 1.8 s and 6 s on two cores.
FINISH = 4


class DemoSizes(NamedTuple):
    """The train pairs and the test requests of a demo."""

    train_pairs: int
    test_pairs: int


MOST, FEWEST = DemoSizes(300, 80), DemoSizes(150, 60)


@dataclass(frozen=True)
class DemoWork:
    """The work of a demo of these `sizes`, in order: sets of outputs by the title of their progress.

    `variants` and `rivals` answer the test requests, `train_probe` as many train requests, and `general` a fixed number of
    general prompts.
    """

    sizes: DemoSizes
    variants: Mapping[str, "GenerationWork"]
    rivals: Mapping[str, "GenerationWork"]
    train_probe: Mapping[str, "GenerationWork"]
    general: Sequence[tuple[str, "GenerationWork"]]


@dataclass(frozen=True)
class DemoSpeed:
    """What was measured on this machine.

    `training_seconds`: of a fit on the train pairs of the measured work. `elapsed_seconds`: since the demo started.
    """

    elapsed_seconds: float
    curation_seconds: float
    preflight_seconds: float
    training_seconds: float
    tokens_per_second: float
    generation: "GenerationSpeed"


@dataclass(frozen=True)
class DemoPlan:
    """The sizes of a demo, the maximum time for its rivals as a share of its own, and the expected seconds of each step.

    `chosen` is False if the project file states the sizes.
    """

    sizes: DemoSizes
    rivals_time: float
    steps: tuple[ExpectedStep, ...]
    elapsed_seconds: float
    tokens_per_second: float
    chosen: bool = True

    @property
    def seconds_left(self) -> float:
        """The seconds from now to the end."""
        return sum(step.seconds for step in self.steps)

    @property
    def seconds(self) -> float:
        """The seconds from the start to the end."""
        return self.elapsed_seconds + self.seconds_left

    @property
    def fits(self) -> bool:
        """Whether the demo ends within eight minutes."""
        return self.seconds <= LIMIT

    def reason(self) -> str:
        """Why the sizes are what they are, for the project file."""
        return f"about {_minutes(self.seconds)} on this machine, which trains {self._rate} tokens a second"

    def sentence(self) -> str:
        """The plan in a sentence, printed at the start."""
        sizes = f"{self.sizes.train_pairs:,} pairs and {self.sizes.test_pairs:,} requests"
        time = f"about {_minutes(self.seconds_left)}"
        stated = "" if self.chosen else ", as its project file states"
        if self.fits or not self.chosen:
            return f"this machine trains {self._rate} tokens a second: {sizes}{stated}, {time}"
        return (
            f"this machine trains only {self._rate} tokens a second: even {sizes}, the fewest that are useful, take "
            f"{time}; `tuneworth demo --collected` takes seconds"
        )

    @property
    def _rate(self) -> str:
        return f"{self.tokens_per_second:,.0f}"


def plan_demo(work: DemoWork, speed: DemoSpeed, *, rivals_time: float | None = None) -> DemoPlan:
    """The plan with the largest sizes, from 300 pairs and 80 requests down to 150 and 60, that takes at most seven minutes.

    If even the smallest take longer, rivals get only what is left of the seven minutes. If `rivals_time` is given, it and
    the sizes of the work come from a project file and are kept.
    """
    if rivals_time is not None:
        return _plan(work, speed, work.sizes, rivals_time, chosen=False)
    for sizes in _ladder():
        plan = _plan(work, speed, sizes, RIVALS_TIME)
        if plan.seconds <= AIM:
            return plan
    without = _plan(work, speed, FEWEST, 0.0)
    share = max(0.0, AIM - without.seconds) / _own_seconds(work, speed, FEWEST)
    return _plan(work, speed, FEWEST, min(RIVALS_TIME, share))


def _ladder() -> list[DemoSizes]:
    """Sizes from the most to the fewest, both in proportion."""
    return [
        DemoSizes(*(round(high - (high - low) * step / LADDER) for high, low in zip(MOST, FEWEST, strict=True)))
        for step in range(LADDER + 1)
    ]


def _plan(work: DemoWork, speed: DemoSpeed, sizes: DemoSizes, rivals_time: float, *, chosen: bool = True) -> DemoPlan:
    from ...evaluate import Allowance

    share = int(rivals_time * 100) / 100  # as the project file states it
    allowance = Allowance(share, own=_own_seconds(work, speed, sizes))
    rivals = []
    for step in _generated(work.rivals, sizes.test_pairs, speed):
        if allowance.refuses(step.seconds) is None:
            allowance.spent += step.seconds
            rivals.append(step)
    finish = FINISH * speed.curation_seconds
    steps = (
        ExpectedStep("curate", speed.curation_seconds),
        ExpectedStep("preflight", speed.preflight_seconds),
        ExpectedStep("training", _training_seconds(work, speed, sizes)),
        *_generated(work.variants, sizes.test_pairs, speed),
        *rivals,
        *_generated(work.train_probe, sizes.test_pairs, speed),
        *(ExpectedStep(title, one.seconds(speed.generation)) for title, one in work.general),
        ExpectedStep("scoring", finish / 2),
        ExpectedStep("report", finish / 2),
    )
    return DemoPlan(sizes, share, steps, speed.elapsed_seconds, speed.tokens_per_second, chosen)


def _generated(sets: Mapping[str, "GenerationWork"], requests: int, speed: DemoSpeed) -> list[ExpectedStep]:
    return [ExpectedStep(title, one.of(requests).seconds(speed.generation)) for title, one in sets.items()]


def _training_seconds(work: DemoWork, speed: DemoSpeed, sizes: DemoSizes) -> float:
    """Proportional to the train pairs, since the number of validation pairs is proportional to them too."""
    return speed.training_seconds * sizes.train_pairs / work.sizes.train_pairs


def _own_seconds(work: DemoWork, speed: DemoSpeed, sizes: DemoSizes) -> float:
    """The seconds of which the time for rivals is a share: training with its preflight, and the variants' outputs."""
    variants = sum(step.seconds for step in _generated(work.variants, sizes.test_pairs, speed))
    return speed.preflight_seconds + _training_seconds(work, speed, sizes) + variants


def _minutes(seconds: float) -> str:
    return say.count(max(1, round(seconds / 60)), "minute")
