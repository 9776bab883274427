"""How often the advised number of test cases suffices, against the chance that is stated with it.

Run: python benchmarks/advice.py [--worlds 16000]; it writes advice.md (half a minute of one core). A world has two variants
with known shares, near each other or anything, in groups or not. A test set is drawn from it; where "not worse" is not
shown, the advice of evaluate is taken, so many cases are added from the same world, and the comparison is made again.
"""

import argparse
import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from outcomes import paired_outcomes
from worlds import MARGIN

from tuneworth.curate import enough_cases
from tuneworth.evaluate import compare
from tuneworth.evaluate.statistics.planning import cases_needed

CASES, SIZES = (20, 50, 100, 200, 500), (1, 1, 2, 5, 10, 30)
MOST = 20_000  # an advice of more cases is not followed
BINS = ((0.75, 1.01), (0.65, 0.75), (0.55, 0.65), (0.45, 0.55), (0.0, 0.45))


@dataclass(frozen=True)
class Advice:
    """One advice and whether it held; `cases` and `groups` are those that it was given on."""

    chance: float
    held: bool
    asked: int
    cases: int
    groups: int
    near: bool

    @property
    def single(self) -> bool:
        """Whether each case is a group of its own."""
        return self.groups == self.cases


def follow(rng: np.random.Generator, *, near: bool) -> Advice | None:
    """The advice on a test set from a drawn world, and whether it holds; None if there is none.

    The shares are rounded, so that their latent correlations are found once.
    """
    size = int(rng.choice(SIZES))
    n = max(int(rng.choice(CASES)), size)
    first = rng.uniform(0.5, 0.98) if near else rng.uniform(0.3, 0.98)
    odds = first / (1 - first) * math.exp(rng.normal(0.5, 1.2))  # as in worlds.py
    second = first + rng.normal(0, 0.05) if near else odds / (1 + odds)
    shares = (round(first, 2), round(float(np.clip(second, 0.02, 0.99)), 2))
    rho = tuple(round(float(r), 1) if size > 1 else 0.0 for r in rng.uniform(0, 0.6, 2))
    correlation = rng.uniform(0, 0.8)

    def draw(count: int) -> list[np.ndarray]:
        sizes = np.full(math.ceil(count / size), size)
        made = paired_outcomes(rng, 1, sizes, shares=shares, rho=(rho[0], rho[1]), correlation=correlation)
        return [outcomes[0] for outcomes in made]

    now = draw(n)
    n, groups = len(now[0]), len(now[0]) // size
    found = cases_needed(*now, np.arange(n) // size, margin=MARGIN)
    if found is None or found.cases > MOST:
        return None
    both = [np.concatenate(parts) for parts in zip(now, draw(found.cases - n), strict=True)]
    later = compare(*both, np.arange(len(both[0])) // size)
    enough = enough_cases(later.n, later.n_effective, later.groups).enough
    held = enough and later.low_one_sided is not None and later.low_one_sided > -MARGIN
    return Advice(found.chance, held, found.cases, n, groups, near)


def advices(worlds: int, rng: np.random.Generator) -> list[Advice]:
    """The advices in so many worlds, of which every second has its shares near each other."""
    found = (follow(rng, near=bool(number % 2)) for number in range(worlds))
    return [advice for advice in found if advice is not None]


HEAD = """# Advice: how often the advised number of cases suffices

{day}, {machine}, {seconds:.0f} s of one core. Written by `benchmarks/advice.py`.

{worlds} worlds: in half of them the two variants' shares differ by 5 points or so (normal, standard deviation 5 points), in
the others by anything, as in [verdicts.md](verdicts.md); 20 to 500 cases, single or in groups of 2 to 30, each variant with
an intra-group correlation of its own from 0 to 0.6. In {count} of them the first test set did not show "not worse by 3
points" although the measured difference was above that. Then the advised number of cases was drawn from the same world, and
the comparison made again. *Stated* is the mean of the chances that were stated, *held* how often it was shown then, *asked*
the median number of cases in all as a multiple of the present ones. A share of {few} advices is known to about {error}.

The chance is one over what may be true. Where the variants are near each other, a good measured difference is often luck,
and the advice holds less often than it says; where anything may be true, more often.

| advices | number | stated | held | asked |
|---|---:|---:|---:|---:|"""
CHOICES: dict[str, Callable[[Advice], bool]] = {
    "all": lambda a: True,
    **{
        f"chance of {100 * low:.0f} to {min(100 * high, 100):.0f}%": (lambda a, low=low, high=high: low <= a.chance < high)
        for low, high in BINS
    },
    **{f"on {n} cases or so": (lambda a, n=n: abs(a.cases - n) < 12) for n in CASES},
    "single cases": lambda a: a.single,
    "fewer than 10 groups": lambda a: not a.single and a.groups < 10,
    "10 to 29 groups": lambda a: not a.single and 10 <= a.groups < 30,
    "30 groups or more": lambda a: not a.single and a.groups >= 30,
    "shares near each other": lambda a: a.near,
    "any shares": lambda a: not a.near,
}  # fmt: skip


def page(found: list[Advice], worlds: int, seconds: float) -> str:
    """The result as Markdown."""
    machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
    head = HEAD.format(
        day=f"{datetime.now(UTC):%Y-%m-%d}", machine=machine, seconds=seconds, worlds=f"{worlds:,}", count=f"{len(found):,}",
        few=500, error=f"{100 * math.sqrt(0.25 / 500):.0f} points",
    )  # fmt: skip
    return "\n".join([head, *(_line(name, [a for a in found if choice(a)]) for name, choice in CHOICES.items())]) + "\n"


def _line(name: str, chosen: list[Advice]) -> str:
    stated, held = (np.mean([getattr(advice, key) for advice in chosen]) for key in ("chance", "held"))
    asked = np.median([advice.asked / advice.cases for advice in chosen])
    return f"| {name} | {len(chosen):,} | {100 * stated:.0f}% | {100 * held:.0f}% | {asked:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=16_000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    start = time.process_time()
    found = advices(options.worlds, np.random.default_rng(1))
    options.out.write_text(page(found, options.worlds, time.process_time() - start), encoding="utf-8")


if __name__ == "__main__":
    main()
