"""Projects with run folders written by hand: small, but with the shapes that the stages write. Test data only."""

import hashlib
import json
from pathlib import Path
from typing import Any

PROJECT = '[data]\npath = "pairs.jsonl"\n'


def made_project(folder: Path, runs: int = 0, **of_each: Any) -> Path:
    """A project with that many evaluated runs, a day apart."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tuneworth.toml").write_text(PROJECT, encoding="utf-8")
    for day in range(1, runs + 1):
        made_run(folder, day, **of_each)
    return folder


def run_name(day: int) -> str:
    return f"202610{day:02}-120000-{day:04x}"


def made_run(
    project: Path,
    day: int = 1,
    *,
    name: str | None = None,
    results: bool = True,
    candidate: float | None = 0.8,
    decision: str = "fine-tune",
    data: str = "pairs",
    style: str = "style",
    price: float = 1,
    model: str = "small",
    test_set: str = "tested",
    uses: int = 1,
    payback: float | None = 20.0,
) -> Path:
    """A run of October 2026, evaluated unless `results` is false; the texts become the fingerprints of its inputs."""
    run = project / "runs" / (name or run_name(day))
    (run / "curate").mkdir(parents=True)
    inputs = [
        {"path": f"{role}.txt", "role": role, "sha256": sha(text)} for role, text in (("pairs", data), ("style", style))
    ]
    facts: dict[str, Any] = {
        "project": project.name, "created": f"2026-10-{day:02}T12:00:00+00:00",
        "config": {"train": {"model": model}, "roi": {"requests_per_day": 100, "tuned": {"price_input": price}}},
        "inputs": inputs,
    }  # fmt: skip
    if results:
        facts |= {"test_set": test_set, "test_set_used": uses}
        found = made_results(candidate, decision, payback=payback)
        (run / "results.json").write_text(json.dumps(found), encoding="utf-8")
    (run / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    (run / "curate" / "summary.json").write_text(json.dumps({"splits": {"train": 40, "test": 20}}), encoding="utf-8")
    return run


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def made_results(candidate: float | None, decision: str, *, payback: float | None) -> dict[str, Any]:
    shares = {"prompted": 0.5, "tuned": candidate}
    quality = {
        name: {
            "n": 80,
            "acceptable": {"share": share, "low": share and share - 0.1, "high": share and min(share + 0.1, 1)},
        }
        for name, share in shares.items()
    }
    costs = {"prompted": {"effective_cost_per_request": 0.08}, "tuned": {"effective_cost_per_request": 0.02}}
    return {
        "schema": "tuneworth/results/1",
        "verdict": {"decision": decision, "sentence": f"{decision}: said.", "confidence": {"level": "fair", "sentence": "F"}},
        "quality": quality,
        "comparison": {
            "baseline": "prompted", "candidate": "tuned",
            "difference": {"value": candidate and candidate - 0.5, "low": 0.1, "high": 0.4},
        },
        "variants": {},
        "money": {
            "currency": "EUR", "failures": "repair", "requests_per_day": 100, "saving_per_request": 0.06,
            "payback_days": payback, "payback_days_p5": payback and payback / 2, "payback_days_p95": payback and payback * 2,
            "variants": costs,
        },
    }  # fmt: skip
