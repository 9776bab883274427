"""Runs that the command itself makes: outputs given, everything else judged and counted as for a user."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tuneworth.cli import main
from tuneworth.examples import example_path

from ..shared import unsealed

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
TEMPLATE = """[evaluate.template]
template = "{part}, {package}"
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
    rivals: str = "none",
) -> Path:
    """The run folder; `change` alters each output line before it is judged, `options` are added to the command.

    Without `rivals` there are only the given variants; "auto" adds those that need no call.

    What is asked for once more, also by another worker of the tests, is a copy of the first such run.
    """
    named = change and f"{change.__module__}.{change.__qualname__}"
    assert "<" not in (named or ""), "a function within a test is not known by its name"
    made = (
        HOME[0]
        / hashlib.sha256(repr((n, variants, roi, sorted(good.items()), named, options, rivals)).encode()).hexdigest()[
            :16
        ]
    )
    HOME[0].mkdir(exist_ok=True)
    with FileLock(f"{made}.lock"):
        if not (made / "run").is_dir():
            shutil.rmtree(made, ignore_errors=True)
            _judge(made, n, variants, roi, good, change, options, rivals)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return unsealed(folder / "run")  # tests change its files


HOME: list[Path] = []  # where the first runs are, for all workers; filled by a fixture


def _judge(
    folder: Path,
    n: int,
    variants: tuple[str, ...],
    roi: str | None,
    good: Mapping[str, int],
    change: Callable[[dict[str, Any]], None] | None,
    options: tuple[str, ...],
    rivals: str,
) -> None:
    """Project, outputs and run in the folder."""
    project = folder / "project"
    project.mkdir(parents=True)
    example = example_path("components")
    pairs = [json.loads(line) for line in (example / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    pairs = pairs[:: len(pairs) // n][:n]
    _write(project / "pairs.jsonl", pairs)
    settings = (example / "tuneworth.toml").read_text(encoding="utf-8").split("[curate]")[0]
    priced = [part for part in (roi or "").split("[roi.") if part.split("]")[0] not in set(GOOD) - set(variants)]
    settings += f'[evaluate]\nrivals = "{rivals}"\n{TEMPLATE if rivals == "auto" else ""}'
    (project / "tuneworth.toml").write_text(settings + "[roi.".join(priced), encoding="utf-8")
    for name in ("style.yaml", "words.txt"):
        (project / name).write_bytes((example / name).read_bytes())
    words = ["evaluate", str(project), "--pairs", str(project / "pairs.jsonl"), "--out", str(folder / "run"), "--quiet"]
    for name in variants:
        lines = [_line(pair, number, good[name], name) for number, pair in enumerate(pairs)]
        for line in lines if change else ():
            change(line)  # type: ignore[misc]
        _write(folder / f"{name}.jsonl", lines)
        words += ["--outputs", f"{name}={folder / name}.jsonl"]
    with pytest.raises(SystemExit) as left:
        main([*words, *options])
    if left.value.code not in (0, None):
        shutil.rmtree(folder / "run", ignore_errors=True)
        pytest.fail(f"evaluating ended with exit code {left.value.code}")


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
