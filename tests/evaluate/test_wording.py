import doctest
import importlib
import re
from pathlib import Path

import pytest

from tuneworth.evaluate.wording import count, days, money_text, percent, points, span_of_days


@pytest.mark.parametrize("name", ["statistics.holm", "statistics.intervals", "statistics.power", "wording"])
def test_the_examples_in_the_docstrings_are_true(name):
    found = doctest.testmod(importlib.import_module(f"tuneworth.evaluate.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_a_percentage_stands_apart_from_its_sign_wherever_one_is_written():
    """Python's own percent format writes 41%; all pages, warnings and tables write 41 %."""
    root = Path(__file__).parents[2]
    folders = ("style", "curate", "train", "evaluate", "reports", "cli", "benchmarks")
    files = [path for folder in folders for path in (root / folder).rglob("*.py")]
    assert len(files) > 100
    assert [path.name for path in files if re.search(r":[,.\d]*%\}", path.read_text(encoding="utf-8"))] == []
    tables = (root / "benchmarks").glob("*.md")
    assert [path.name for path in tables if re.search(r"\d% \|", path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (percent(0.0), "0 %"),
        (percent(1.0), "100 %"),
        (percent(0.996), "99.6 %"),
        (points(0.067), "6.7 points"),
        (points(-0.01), "1 point"),
        (points(0.0999999), "10 points"),
        (points(0.0696), "7 points"),
        (days(0.2), "less than a day"),
        (days(1), "1 day"),
        (days(1.49), "1.5 days"),
        (days(14.0000001), "14 days"),
        (days(900), "2.5 years"),
        (days(40e6), "more than 100 years"),
        (span_of_days(10.4, 21.3), " (10 to 21)"),
        (span_of_days(10.4, None), " (from 10 days to never)"),
        (span_of_days(3000, 6200), " (8.2 to 17)"),
        (span_of_days(0.5, 3), " (less than a day to 3 days)"),
        (span_of_days(14.1, 14.2), ""),
        (span_of_days(None, None), ""),
        (count(190476.2), "190,476"),
        (count(1.63), "1.63"),
        (money_text(134.287, "EUR"), "134.29 EUR"),
        (money_text(0.0119, "EUR"), "0.0119 EUR"),
        (money_text(5014.3, "EUR"), "5,014 EUR"),
    ],
)
def test_numbers_read_as_a_person_says_them(said, expected):
    assert said == expected
