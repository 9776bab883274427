"""Measures how often the intervals contain the true value, and how often the paired test finds a difference by chance.

Run: python benchmarks/coverage.py [--sets 4000]; it writes coverage.md and, cell by cell, data/coverage.csv (some three
minutes of one core). Each cell is one truth (shares, number of items, group sizes, correlations) and thousands of made
data sets, through the functions that evaluate uses. Beside them, on the same sets: the same interval with the groups
ignored, for a difference the one with a single design effect for both variants, and the bootstrap over groups.
"""

import argparse
import csv
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from coverage_table import page
from outcomes import LAYOUTS, paired_outcomes, share_outcomes, sizes_of
from scipy.stats import norm, t

from tuneworth.evaluate.statistics.difference import difference_ends, difference_size, newcombe_ends
from tuneworth.evaluate.statistics.intervals import Grouping, grouped, quantile, share_ends, wilson_ends
from tuneworth.evaluate.statistics.paired import sign_flip

SHARES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
PAIRS = ((0.5, 0.5), (0.8, 0.8), (0.9, 0.9), (0.95, 0.95), (0.99, 0.99), (0.7, 0.94), (0.9, 0.94), (0.95, 0.99))
ITEMS = (20, 50, 100, 200, 500)
TESTED = 100  # sets of a cell that the test processes too, one by one
DRAWS, RESAMPLED = 400, 1000  # of the bootstrap, and the sets that it runs on: it serves only for comparison
HAIR = 1e-9  # tolerance for rounding at an end


@dataclass(frozen=True)
class Cell:
    """One scenario."""

    question: str
    layout: str
    n: int
    baseline: float
    candidate: float
    rho: float
    rho_candidate: float
    correlation: float
    repeats: int = 1


def cells() -> Iterator[Cell]:
    """All scenarios: one share, pairs, pairs of which one variant fails in whole groups, means over five repeats."""
    for layout, n in _layouts(ITEMS):
        for share, rho in itertools.product(SHARES, (0.0, 0.1, 0.3, 0.5) if layout != "alone" else (0.0,)):
            yield Cell("share", layout, n, share, share, rho, rho, 0.0)
        for pair, rho, agreement in itertools.product(
            PAIRS, (0.0, 0.2, 0.5) if layout != "alone" else (0.0,), (0.0, 0.8)
        ):
            yield Cell("difference", layout, n, *pair, rho, rho, agreement)
    for layout, n in _layouts((50, 200)):
        if layout != "alone":
            for share in (0.8, 0.9, 0.95):
                yield Cell("one by groups", layout, n, share, share, 0.0, 0.5, 0.4)
        for share, rho in itertools.product((0.5, 0.8, 0.95, 0.99), (0.0, 0.3) if layout != "alone" else (0.0,)):
            yield Cell("share of repeats", layout, n, share, share, rho, rho, 0.0, 5)
            yield Cell("difference of repeats", layout, n, share, share, rho, rho, 0.5, 5)


def _layouts(items: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    for layout, n in itertools.product(LAYOUTS, items):
        # Two groups, or one large group among single items.
        if n >= 2 * max(LAYOUTS[layout]) or (n > 30 and LAYOUTS[layout][0] == 30):
            yield layout, n


def measured(cell: Cell, sets: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """A row per method: how often it contained the true value, and its width."""
    sizes = sizes_of(cell.layout, cell.n)
    grouping = grouped(np.repeat(np.arange(len(sizes)), sizes), cell.n)
    if cell.question.startswith("share"):
        values = share_outcomes(rng, sets, sizes, share=cell.baseline, rho=cell.rho, repeats=cell.repeats)
        truth, estimate, ways = cell.baseline, values.mean(axis=1), SHARE_WAYS
        found = {name: way(values, grouping) for name, way in ways.items()}
    else:
        both = paired_outcomes(
            rng, sets, sizes, shares=(cell.baseline, cell.candidate), rho=(cell.rho, cell.rho_candidate),
            correlation=cell.correlation, repeats=cell.repeats,
        )  # fmt: skip
        truth, estimate = cell.candidate - cell.baseline, (both[1] - both[0]).mean(axis=1)
        found = {name: way(*both, grouping) for name, way in DIFFERENCE_WAYS.items()}
    # The width of 95% of the estimates if they were normal, which an interval can hardly undercut.
    ideal = 2 * 1.96 * float(estimate.std())
    for name, ends in found.items():
        if ends is None:
            continue
        row = {**asdict(cell), "method": name, **_coverage(ends, truth), "width": float(np.mean(ends[1] - ends[0]))}
        row["width_of_ideal"] = row["width"] / ideal if ideal > 0 else None
        if name == "ours" and len(ends) == 4:
            row |= _tested(both[1] - both[0], ends, grouping)
        yield row


def _coverage(ends: tuple[np.ndarray, ...], truth: float) -> dict[str, float]:
    low, high, *one_sided = ends
    shares = {"coverage": float(np.mean((low <= truth + HAIR) & (high >= truth - HAIR)))}
    if one_sided:
        shares["low_one_sided"] = float(np.mean(one_sided[0] <= truth + HAIR))
        shares["high_one_sided"] = float(np.mean(one_sided[1] >= truth - HAIR))
    return shares


def _tested(differences: np.ndarray, ends: tuple[np.ndarray, ...], grouping: Grouping) -> dict[str, float]:
    """How often p < .05, and how often the interval disagrees: 0 outside although p is not small, or inside although it is."""
    known: dict[bytes, float] = {}
    sums = np.sort(grouping.sums(differences[:TESTED]), axis=1)
    p = np.array([known.setdefault(row.tobytes(), -1.0) for row in sums])
    for index, row in enumerate(sums):
        key = row.tobytes()
        if known[key] < 0:
            known[key] = sign_flip(row).exact
        p[index] = known[key]
    small = p < 0.05
    outside = (ends[0][:TESTED] > HAIR) | (ends[1][:TESTED] < -HAIR)
    return {
        "p_small": float(small.mean()),
        "only_interval": float(np.mean(outside & ~small)),
        "only_p": float(np.mean(small & ~outside)),
    }


def _bootstrap(values: np.ndarray, grouping: Grouping) -> tuple[np.ndarray, ...] | None:
    """Percentiles over resampled groups, widened for few groups (Hesterberg 2015, section 3.3); from 20 groups on."""
    count = len(grouping.sizes)
    if count < 20 or grouping.alone:
        return None
    weights = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWS).astype(float)
    means = (grouping.sums(values[:RESAMPLED]) @ weights.T) / (weights @ grouping.sizes)
    ends: list[np.ndarray] = []
    for confidence in (0.95, 0.90):
        tail = norm.cdf(-np.sqrt(count / (count - 1)) * t.ppf(0.5 + confidence / 2, count - 1))
        ends += list(np.quantile(means, [tail, 1 - tail], axis=1))
    return tuple(ends)


def _cells(baseline: np.ndarray, candidate: np.ndarray) -> list[np.ndarray]:
    """Both, only the candidate, only the baseline, neither, for each set."""
    shared, difference = np.minimum(baseline, candidate).sum(axis=1), candidate - baseline
    more, less = np.maximum(difference, 0).sum(axis=1), np.maximum(-difference, 0).sum(axis=1)
    return [shared, more, less, np.maximum(baseline.shape[1] - shared - more - less, 0.0)]


def _ignoring(baseline: np.ndarray, candidate: np.ndarray, grouping: Grouping) -> tuple[np.ndarray, ...] | None:
    if grouping.alone:
        return None
    counts = _cells(baseline, candidate)
    return (*newcombe_ends(counts, norm.ppf(0.975)), *newcombe_ends(counts, norm.ppf(0.95)))


def _one_effect(baseline: np.ndarray, candidate: np.ndarray, grouping: Grouping) -> tuple[np.ndarray, ...] | None:
    """The cells on n / the design effect of the differences, which both variants share."""
    if grouping.alone:
        return None
    size = difference_size(baseline, candidate, grouping)
    scaled = [count * size.outcomes / grouping.items for count in _cells(baseline, candidate)]
    ends = [newcombe_ends(scaled, quantile(confidence, size.freedom)) for confidence in (0.95, 0.90)]
    return (*ends[0], *ends[1])


Ends = tuple[np.ndarray, ...] | None
SHARE_WAYS: dict[str, Callable[[np.ndarray, Grouping], Ends]] = {
    "ours": lambda values, grouping: share_ends(values, grouping)[:2],
    "groups ignored": lambda values, grouping: (
        None if grouping.alone else wilson_ends(values.mean(axis=1), grouping.items, norm.ppf(0.975))
    ),
    "bootstrap": lambda values, grouping: None if (ends := _bootstrap(values, grouping)) is None else ends[:2],
}
DIFFERENCE_WAYS: dict[str, Callable[[np.ndarray, np.ndarray, Grouping], Ends]] = {
    "ours": lambda baseline, candidate, grouping: tuple(difference_ends(baseline, candidate, grouping)),
    "one design effect": _one_effect,
    "groups ignored": _ignoring,
    "bootstrap": lambda baseline, candidate, grouping: _bootstrap(candidate - baseline, grouping),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    started, rows = time.process_time(), []
    for number, cell in enumerate(cells()):
        rows += measured(cell, options.sets, np.random.default_rng([7, number]))
    options.out.joinpath("data").mkdir(parents=True, exist_ok=True)
    _write_cells([row for row in rows if row["method"] == "ours"], options.out / "data" / "coverage.csv")
    text = page(rows, sets=options.sets, tested=min(TESTED, options.sets), seconds=time.process_time() - started)
    options.out.joinpath("coverage.md").write_text(text, encoding="utf-8")
    print(text)


def _write_cells(rows: Sequence[dict[str, Any]], path: Path) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "method"))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _short(value) for key, value in row.items()} for row in rows)


def _short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value


if __name__ == "__main__":
    main()
