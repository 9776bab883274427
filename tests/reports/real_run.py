"""Runs that the command itself makes: outputs given, everything else judged and counted as for a user."""

import json
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest

from tuneworth.cli import main
from tuneworth.examples import example_path

# A provider's model with and without its guide; ranges, a cache and upkeep, so that every figure has something to say.
ROI = """
[roi]
currency = "EUR"
requests_per_day = 2000
ramp_days = 30
failures = "repair"
failure_cost = [0.05, 0.10, 0.20]
[roi.investment]
compute = 120
engineering_hours = [16, 24, 40]
engineering_hourly = 60
[roi.running]
monitoring_hours_per_month = 1
monitoring_hourly = 60
[roi.prompted]
price_input = 0.60
price_cached = 0.15
price_output = 2.40
fixed_tokens = 1400
min_cached_tokens = 1024
[roi.tuned]
price_input = 1.20
price_output = 4.80
fixed_tokens = 20
[roi.plain]
price_input = 0.60
price_output = 2.40
fixed_tokens = 20
[roi.short]
price_input = 0.60
price_output = 2.40
fixed_tokens = 200
[roi.rival]
price_input = 0.30
price_output = 1.20
fixed_tokens = 1400
"""
# How many of seven requests each variant answers well.
GOOD = {"plain": 0, "prompted": 3, "short": 2, "rival": 4, "tuned": 6}


def write_real_run(
    folder: Path,
    *,
    n: int = 84,
    variants: tuple[str, ...] = ("plain", "prompted", "tuned"),
    roi: str | None = ROI,
    good: Mapping[str, int] = GOOD,
    change: Callable[[dict[str, Any]], None] | None = None,
    options: tuple[str, ...] = (),
) -> Path:
    """The run folder; `change` alters each output line before it is judged, `options` are added to the command.

    The command judges what it is given once: a second run of the same kind is a copy of the first one.
    """
    first = _judged(n, variants, roi, tuple(good.items()), change, options)
    shutil.copytree(first, folder, dirs_exist_ok=True)
    return folder / "run"


@cache
def _home() -> TemporaryDirectory[str]:
    """Where the first run of each kind is, until the tests end."""
    return TemporaryDirectory(prefix="runs-")


@cache
def _judged(
    n: int,
    variants: tuple[str, ...],
    roi: str | None,
    good: tuple[tuple[str, int], ...],
    change: Callable[[dict[str, Any]], None] | None,
    options: tuple[str, ...],
) -> Path:
    """The folder of project, outputs and run."""
    folder = Path(mkdtemp(dir=_home().name))
    project = folder / "project"
    project.mkdir(parents=True)
    example = example_path("components")
    pairs = [json.loads(line) for line in (example / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    pairs = pairs[:: len(pairs) // n][:n]
    _write(project / "pairs.jsonl", pairs)
    settings = (example / "tuneworth.toml").read_text(encoding="utf-8").split("[curate]")[0]
    priced = [part for part in (roi or "").split("[roi.") if part.split("]")[0] not in set(GOOD) - set(variants)]
    (project / "tuneworth.toml").write_text(settings + "[roi.".join(priced), encoding="utf-8")
    (project / "style.yaml").write_bytes((example / "style.yaml").read_bytes())
    words = ["evaluate", str(project), "--pairs", str(project / "pairs.jsonl"), "--out", str(folder / "run"), "--quiet"]
    for name in variants:
        lines = [_line(pair, number, dict(good)[name], name) for number, pair in enumerate(pairs)]
        for line in lines if change else ():
            change(line)  # type: ignore[misc]
        _write(folder / f"{name}.jsonl", lines)
        words += ["--outputs", f"{name}={folder / name}.jsonl"]
    with pytest.raises(SystemExit) as left:
        main([*words, *options])
    assert left.value.code in (0, None), left.value.code
    return folder


def _line(pair: dict[str, Any], number: int, good: int, name: str) -> dict[str, Any]:
    """An output with its tokens: the reference, or one that breaks a rule of form and one of facts."""
    text = pair["output"] if number % 7 < good else f"The {pair['input']['part']} runs at 9.75 V ({name})."
    guide = {"prompted": 1400, "rival": 1400, "short": 200}.get(name, 20)
    return {
        "id": pair["id"],
        "output": text,
        "input_tokens": guide + 70 + number % 11,
        "output_tokens": 12 + len(text) // 5,
        "seconds": 0.3 + 0.01 * (number % 13),
        "model": "small-model",
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
