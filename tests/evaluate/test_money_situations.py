"""Every figure of random situations against a stored file: point, range, derivation, flips.

The file comes from an earlier program with separate code for points, draws, derivation and inputs, so it is an oracle
for the one list of figures. Rewrite it after an intended change: python -m tests.evaluate.test_money_situations
"""

import hashlib
import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from .money_situations import situation

GOLDEN = Path(__file__).with_name("money_situations.jsonl")
SITUATIONS, TOGETHER = 210, 7
DRAWS = 200
DRAWN = (
    "probability_of_payback_in_target", "payback_days_p5", "payback_days_p50", "payback_days_p95",
    "probability_npv_positive", "npv_p5", "npv_p50", "npv_p95", "carrying_failure_cost",
)  # fmt: skip
OF_DRAWS = {
    *DRAWN,
    "draws",
    "payback_distribution",
    "npv_distribution",
    "volume_curve",
    "tornado",
    "flips",
    "derivation",
}
WORDS = {"words", "formula", "what", "why", "detail", "warnings"}  # texts for people, which may be reworded


def line(seed: int, folder: Path) -> dict[str, Any]:
    """The figures of one situation, compactly: exact ones as the start of a hash, drawn ones as sums."""
    money = situation(seed, folder).money(draws=DRAWS)
    curve = money["volume_curve"]
    exact = without_words({key: value for key, value in money.items() if key not in OF_DRAWS})
    exact["volume_curve"] = [[row[key] for key in ("requests_per_day", "payback_days", "npv")] for row in curve]
    lines = [without_words({k: v for k, v in entry.items() if k != "inputs"}) for entry in money["derivation"]]
    spread = [money[f"{what}_distribution"] or {"bins": []} for what in ("payback", "npv")]
    sums = [
        total(end for row in curve for end in (row["npv_p5"], row["npv_p95"])),
        total(row[end] for row in money["tornado"] for end in ("low", "high", "npv_low", "npv_high")),
        total(part["from"] * part["share"] for each in spread for part in each["bins"]),
        total(flip["to"] for flip in money["flips"]),
    ]
    return {
        "seed": seed,
        "points": [money["saving_per_request"], money["payback_days"], money["npv"]],
        "figures": digest(exact),
        "derivation": digest(lines),
        "inputs": digest([[entry["key"], entry["inputs"]] for entry in money["derivation"]]),
        "moved": digest([[row["key"] for row in money[what]] for what in ("tornado", "flips")]),
        "drawn": [short(number) for number in [*(money[key] for key in DRAWN), *sums]],
    }


def without_words(value: Any) -> Any:
    """The value without its texts for people."""
    if isinstance(value, dict):
        return {key: without_words(part) for key, part in value.items() if key not in WORDS}
    return [without_words(part) for part in value] if isinstance(value, list) else value


def digest(value: Any) -> str:
    """The start of the hash of a value: floats in their shortest form, so to the last digit."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def total(numbers: Any) -> float:
    return math.fsum(number for number in numbers if number is not None)


def short(number: float | None) -> float | None:
    """Ten digits: other processors sum in another order."""
    return None if number is None else float(f"{number:.10g}")


def golden() -> list[Mapping[str, Any]]:
    return [json.loads(text) for text in GOLDEN.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "start",
    [pytest.param(n, marks=[pytest.mark.slow] if n else []) for n in range(0, SITUATIONS, TOGETHER)],
)
def test_every_figure_equals_the_stored_one(start, tmp_path):
    for wanted in golden()[start : start + TOGETHER]:
        found, seed = line(wanted["seed"], tmp_path), wanted["seed"]
        assert {k: v for k, v in found.items() if k != "drawn"} == {k: v for k, v in wanted.items() if k != "drawn"}
        for here, there in zip(found["drawn"], wanted["drawn"], strict=True):
            assert here == (there if there is None else pytest.approx(there, rel=1e-8, abs=1e-9)), seed


def test_the_situations_cover_every_kind_of_case(tmp_path):
    tables = [situation(seed, tmp_path).table for seed in range(SITUATIONS)]
    points = [wanted["points"] for wanted in golden()]
    assert len(points) == SITUATIONS
    assert {table["failures"] for table in tables} == {"ignore", "drop", "repair", "retry"}
    for key in ("requests_total", "ramp_days", "discount_rate", "exchange", "plain", "other"):
        assert 15 < sum(key in table for table in tables) < SITUATIONS
    for key in ("hourly", "cached_share", "batch", "model", "short_guide_tokens"):
        assert sum(key in table["prompted"] for table in tables if "prompted" in table) > 3, key
    assert sum("base_model_retires" in table["running"] for table in tables) > 20
    for index, least in ((0, 20), (1, 60), (2, 20)):
        assert least < sum(point[index] is None for point in points) < SITUATIONS - 20


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        lines = (json.dumps(line(seed, Path(place)), separators=(",", ":")) for seed in range(SITUATIONS))
        GOLDEN.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
