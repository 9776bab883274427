"""docs/verdict.md shows the real sentences, numbers of cases, and table of the simulation."""

import re
from pathlib import Path

import pytest
from scipy.stats import norm

from tuneworth.evaluate.statistics.power import pairs_needed

from .situations import costs, decide, later, situation
from .test_verdict import judged

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "verdict.md").read_text(encoding="utf-8")
BENCHMARK = (ROOT / "benchmarks" / "verdicts.md").read_text(encoding="utf-8")


def cut_off():
    results = situation((134, 54, 6, 6), roi=costs(), draws=10_000)
    results["variants"]["prompted"]["guide_cut"] = True
    return results


EXAMPLES = [
    ("**Fine-tune** (rule 7)", later((134, 54, 6, 6), roi=costs(), draws=10_000)),
    ("**Keep prompting** (rule 8)", later((960, 10, 10, 20), roi=costs(20), draws=10_000)),
    ("**Cannot tell yet** (rule 3)", later((140, 20, 20, 20), roi=costs(), draws=10_000)),
    ("**Cannot tell yet** (rule 6)", later((134, 54, 6, 6), roi=costs(tuned=12), draws=10_000)),
    ("**Fix first** (rule 1)", cut_off),
    ("**Fix first** (rule 1, people)", lambda: judged(rule_noise=0.4)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("begin", "results"), EXAMPLES, ids=[begin for begin, _ in EXAMPLES])
def test_each_example_is_the_real_sentence(begin, results):
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"- {begin}"))
    found, quoted = decide(results()), re.findall(r"\*([^*]+)\*(?!\*)", line.partition(").")[2])[0]
    assert found["rule"] == int(re.search(r"rule (\d)", begin).group(1))
    assert quoted.lower().rstrip(".") in found["sentence"].lower()


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, below its head."""
    part = text[text.index(heading) :]
    rows = re.search(r"\n\|[-:| ]+\|\n((?:\|.*\n)+)", part).group(1)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def test_the_table_equals_the_benchmarks():
    assert table(PAGE, "## How often it is right") == table(BENCHMARK, "## Verdicts\n")


def test_the_cases_for_a_difference_equal_the_formula():
    rows = table(PAGE, "To show a *difference*")
    for before, after, power, cases in rows:
        p, q, wanted = (float(text.removesuffix("%")) / 100 for text in (before, after, power))
        alone = pairs_needed(p, q - p, power=wanted)
        correlated = pairs_needed(p, q - p, power=wanted, correlation=0.3)
        numbers = [int(number) for number in re.findall(r"(?<![.\d])\d+", cases)]
        assert numbers == ([alone] if len(numbers) == 1 else [correlated, alone]), (before, after)
    assert len(rows) == 3


def test_the_cases_for_not_worse_equal_the_normal_approximation():
    rows = table(PAGE, "To show *not worse*")
    for share, *cells in rows:
        p = float(share.removesuffix("%")) / 100
        chances = [(0.5, 0.0), (0.5, 0.5), (0.8, 0.0), (0.8, 0.5)]
        for (chance, correlation), cell in zip(chances, cells, strict=True):
            z = norm.ppf(0.95) + norm.ppf(chance)
            needed = z**2 * 2 * p * (1 - p) * (1 - correlation) / 0.03**2
            assert int(cell.replace(",", "")) == pytest.approx(needed, abs=5.1), (share, chance, correlation)
    assert len(rows) == 4
