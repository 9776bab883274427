"""One finished page of each kind that a run can lead to, for what has to hold on all of them."""

from pathlib import Path
from typing import Any

from tuneworth.curate import curate, write_curated
from tuneworth.reports import write_report

from .invented_run import write_run
from .real_run import write_real_run

LONG_NAME = "a-variant-with-a-name-that-nobody-would-call-short-" * 3
LONG_WORD = "W" * 300


def write_kinds(folder: Path) -> dict[str, Path]:
    """The pages by kind, each run in a folder of its own."""
    runs = {
        "invented": write_run(folder / "invented"),
        "long names": write_run(folder / "long", change=_lengthen),
        "real": write_real_run(folder / "real"),
        "five variants": write_real_run(
            folder / "five", n=42, variants=("plain", "prompted", "short", "rival", "tuned")
        ),
        "ways without training": write_real_run(
            folder / "ways", n=42, variants=("plain", "prompted", "rival", "tuned"), rivals="auto"
        ),
        "no prices": write_real_run(folder / "unpriced", n=42, variants=("prompted", "tuned"), roi=None),
        "one variant": write_real_run(folder / "one", n=42, variants=("tuned",)),
        "nothing acceptable": write_real_run(folder / "none", n=42, good={"plain": 0, "prompted": 0, "tuned": 0}),
        "curated": _curated(folder / "curated"),
    }
    return {kind: write_report(run)[0] for kind, run in runs.items()}


def _curated(run: Path) -> Path:
    run.mkdir()
    rows = [
        {"input": f"{LONG_WORD} thing number {n} of a kind {n * n}", "output": f"{LONG_WORD} is {n}", "id": f"{LONG_WORD}{n}"}
        for n in range(60)
    ]  # fmt: skip
    write_curated(curate(rows + rows[:9]), run)
    return run


def _lengthen(results: dict[str, Any]) -> None:
    for part in ("quality", "tokens", "seconds", "variants"):
        results[part][LONG_NAME] = results[part].pop("tuned")
    results["money"]["variants"][LONG_NAME] = results["money"]["variants"].pop("tuned")
    results["comparison"]["candidate"] = LONG_NAME
    results["project"] = results["verdict"]["doubt"] = "W" * 400
    results["risks"][0]["evidence"] = "x" * 300
