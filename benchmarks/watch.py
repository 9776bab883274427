"""How often `tuneworth watch` is wrong in a year of looks, and how soon it is right.

Run: python benchmarks/watch.py [--years 2000]; it writes watch.md (about two minutes on one core). A world is a test set
whose rows each have a chance of an acceptable answer: 1 or 0, or one half where the model's answers vary. The recorded
outcomes are one draw of these chances, each look asks k rows for another draw, and nothing else is known to the test.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tuneworth.deploy.watch.sequential import follow, luck_of

WEEKS = np.arange(52) * 7.0
FALL = 0.10
Table = list[list[str]]


@dataclass(frozen=True)
class World:
    """A kind of test set and server. varying: how many outcomes differ from the recorded ones although nothing changed, as
    a share. group: rows that break together. gained: rows that become acceptable with a swap, as a share. swap: the look at
    which the fall begins, from 1; later than the year: never."""

    tested: int = 200
    recorded: float = 0.9
    varying: float = 0.0
    group: int = 1
    fall: float = 0.0
    gained: float = 0.0
    swap: int = 99
    rows: int = 40


def looks_of(world: World, years: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows of each look and their falls, `(years, rows)` each."""
    before, recorded = _recorded(world, years, rng)
    after = _swapped(world, before, rng)
    for look in range(1, len(WEEKS) + 1):
        chance = after if look >= world.swap else before
        places = np.argsort(rng.random((years, world.tested)), axis=1)[:, : world.rows]
        now = rng.random(places.shape) < np.take_along_axis(chance, places, axis=1)
        yield places, np.take_along_axis(recorded, places, axis=1) - now


def _recorded(world: World, years: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Each row's chance of an acceptable answer, alike within a group, and its recorded outcome."""
    acceptable = _by_group(world, years, rng) < world.recorded
    varies = _by_group(world, years, rng) < 2 * world.varying
    chance = np.where(varies, 0.5, acceptable)
    return chance, 1.0 * (rng.random(chance.shape) < chance)


def _swapped(world: World, chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The chances after the swap: whole groups break, and others begin to work, so that the share falls as stated."""
    mean = chance.mean(axis=1, keepdims=True)
    broken = _by_group(world, len(chance), rng) < (world.fall + world.gained) / mean
    fixed = _by_group(world, len(chance), rng) < world.gained / np.maximum(1 - mean, 1e-9)
    return np.where(chance > 0, np.where(broken, 0.0, chance), 1.0 * fixed)


def _by_group(world: World, years: int, rng: np.random.Generator) -> np.ndarray:
    groups = -(-world.tested // world.group)
    return np.repeat(rng.random((years, groups)), world.group, axis=1)[:, : world.tested]


def alarms(
    world: World, years: int, rng: np.random.Generator, *, days: np.ndarray = WEEKS, slack: float | None = None
) -> np.ndarray:
    """The look of each year's first alarm; infinite in a year without one. `slack` replaces the allowance for luck."""
    rows, falls = zip(*looks_of(world, years, rng), strict=True)
    allowed = luck_of(rows, falls, tested=world.tested) if slack is None else slack
    worse = follow(falls, days, slack=allowed, margin=0.0 if slack == 0 else 0.03).worse
    return np.where(worse.any(axis=0), worse.argmax(axis=0) + 1.0, np.inf)


def false_alarms(years: int, rng: np.random.Generator) -> Table:
    """Years with an alarm although nothing changed."""
    rows = []
    for recorded in (0.97, 0.9, 0.75, 0.5):
        for varying in (0.0, 0.02, 0.05, 0.1):
            if 2 * varying <= 1 - recorded + 0.05:
                worlds = [World(tested, recorded, varying, group) for tested, group in SETS]
                shares = [np.isfinite(alarms(world, years, rng)).mean() for world in worlds]
                rows.append([f"{recorded:.0%}", f"{varying:.0%}", *(f"{share:.1%}" for share in shares)])
    return rows


SETS = ((60, 1), (100, 1), (200, 1), (200, 10), (1000, 1))


def allowances(years: int, rng: np.random.Generator) -> Table:
    """Years with a false alarm by what is done about the luck of the recorded outcomes."""
    rows = []
    for tested in (60, 100, 200):
        for varying in (0.02, 0.05, 0.1):
            world = World(tested, 0.75, varying)
            shares = [np.isfinite(alarms(world, years, rng, slack=slack)).mean() for slack in (0.0, 0.01, None)]
            rows.append([f"{tested}", f"{varying:.0%}", *(f"{share:.1%}" for share in shares)])
    return rows


def found(years: int, rng: np.random.Generator) -> Table:
    """How many looks a fall of 10 points takes, by when it begins."""
    rows = []
    for recorded in (0.9, 0.75):
        for varying, gained in ((0.0, 0.0), (0.02, 0.0), (0.05, 0.0), (0.0, 0.02), (0.0, 0.05), (0.0, 0.08)):
            cells = []
            for swap in (1, 9, 30):
                world = World(recorded=recorded, varying=varying, fall=FALL, gained=gained, swap=swap)
                cells.append(_needed(world, years, rng))
            rows.append([f"{recorded:.0%}", f"{varying:.0%}", f"{gained:.0%}", *cells])
    return rows


def _needed(world: World, years: int, rng: np.random.Generator) -> str:
    """The median of the looks needed, and the most in nine of ten years."""
    first = alarms(world, years, rng)
    needed = first[first >= world.swap] - world.swap + 1
    return f"{_looks(np.quantile(needed, 0.5, method='lower'))} ({_looks(np.quantile(needed, 0.9, method='lower'))})"


def _looks(number: float) -> str:
    return f"{number:.0f}" if np.isfinite(number) else "not within the year"


def by_rows(years: int, rng: np.random.Generator) -> Table:
    """False alarms and the looks needed, by the rows of a look."""
    rows = []
    for k in (10, 20, 40, 80, 160):
        quiet = World(varying=0.05, rows=k)
        cells = [f"{np.isfinite(alarms(quiet, years, rng)).mean():.1%}"]
        for fall in (0.05, 0.1, 0.2):
            cells += [_needed(replace(World(varying=0.02, rows=k), fall=fall, swap=9), years, rng)]
        rows.append([f"{k}", *cells])
    return rows


def below_margin(years: int, rng: np.random.Generator) -> Table:
    """Years with an alarm at true falls around the margin of 3 points, from the first look on."""
    shares = [
        np.isfinite(alarms(World(fall=fall, swap=1), years, rng)).mean() for fall in (0.005, 0.01, 0.02, 0.03, 0.05)
    ]
    return [["years with an alarm", *(f"{share:.1%}" for share in shares)]]


def swapped_on_day_nine(years: int, rng: np.random.Generator) -> Table:
    """A look a day, another model from the ninth day on: how many days it takes."""
    rows = []
    for fall, gained in ((0.1, 0.0), (0.1, 0.05), (0.2, 0.05), (0.3, 0.05)):
        world = World(fall=fall, gained=gained, swap=9)
        first = alarms(world, years, rng, days=np.arange(52.0))
        needed = first[first >= 9] - 8
        caught = f"{np.isfinite(needed).mean():.1%}"
        rows.append([f"{fall:.0%}", f"{gained:.0%}", caught, _looks(np.quantile(needed, 0.5, method="lower"))])
    return rows


def page(years: int, tables: dict[str, Table], seconds: float) -> str:
    """The Markdown of all tables."""
    import polars as pl

    head = [
        "# Watching a served model: simulated years",
        f"{datetime.now(UTC).date()}, numpy {np.__version__}, polars {pl.__version__}; {seconds:,.0f} processor seconds of one "
        f"core. `python benchmarks/watch.py`: {years:,} years a figure, 52 looks at 40 rows where nothing else is said, margin "
        "3 points. A figure of 5% is known to within a point.",
        "*Varying*: outcomes that differ from the recorded ones although nothing changed. Such a model's recorded outcomes "
        "are one draw of many, and every look compares with the same one.",
    ]  # fmt: skip
    parts = [_part(title, tables[title], *SECTIONS[title]) for title in SECTIONS]
    return "\n\n".join([*head, *parts]) + "\n"


SECTIONS = {
    "False alarms": (
        "Years with an alarm although nothing changed. The last column but one has rows that are alike in groups of ten.",
        ["recorded", "varying", "60 rows", "100 rows", "200 rows", "200 in groups", "1,000 rows"],
    ),
    "The luck of the recorded outcomes": (
        "Years with an alarm although nothing changed, recorded 75%: by the evidence alone, with a fall of up to a point "
        "counted as none and the margin, and with the allowance learnt from rows that are asked again.",
        ["test rows", "varying", "evidence alone", "one point and the margin", "as it is"],
    ),
    "A fall of 10 points": (
        "Looks needed: the median, and in brackets the most in nine of ten years. Test set of 200 rows. *Gained*: rows that "
        "the new model solves and the old one did not; as many more are lost, so that the share falls by 10 points.",
        ["recorded", "varying", "gained", "from the first look", "from the ninth", "from the thirtieth"],
    ),
    "A look a day, another model on day nine": (
        "Recorded 90%, 200 rows. The budget of a day is a seventh of a week's, so a daily look needs more evidence.",
        ["fall", "gained", "caught within 44 days", "days needed (median)"],
    ),
    "Rows of a look": (
        "False alarms with 5% varying; looks needed for a fall from the ninth look on with 2% varying.",
        ["rows", "false alarms", "5 points", "10 points", "20 points"],
    ),
    "Around the margin": (
        "A true fall from the first look on, nothing varying, margin 3 points. Each row breaks with that chance, so the fall of "
        "a test set of 200 rows is about a point more or less.",
        ["fall", "half a point", "1 point", "2 points", "3 points", "5 points"],
    ),
}  # fmt: skip


def _part(title: str, rows: Table, lead: str, columns: list[str]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return f"## {title}\n\n{lead}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=2000, help="of each false-alarm figure (default 2000)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    start, rng = time.process_time(), np.random.default_rng(0)
    makers = (false_alarms, allowances, found, swapped_on_day_nine, by_rows, below_margin)
    tables = {title: make(options.years, rng) for title, make in zip(SECTIONS, makers, strict=True)}
    options.out.write_text(page(options.years, tables, time.process_time() - start), encoding="utf-8")


if __name__ == "__main__":
    main()
