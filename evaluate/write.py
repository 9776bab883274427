"""Writes what an evaluation found into the run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core import write_whole
from .evaluation import Evaluated
from .outputs.stored import write_raws

__all__ = ["results_text", "write_evaluated"]


def write_evaluated(evaluated: Evaluated, run: Path) -> None:
    """Write `evaluate/outputs.jsonl`, `evaluate/variants.json` and `results.json` of a run."""
    lines = (json.dumps(row, ensure_ascii=False) for row in evaluated.outputs.iter_rows(named=True))
    write_whole(run / "evaluate" / "outputs.jsonl", _valid("".join(line + "\n" for line in lines)))
    write_raws(evaluated.raws, run / "evaluate")
    write_whole(run / "results.json", results_text(evaluated.results))


def results_text(results: Mapping[str, Any]) -> bytes:
    """The content of results.json."""
    return _valid(json.dumps(results, ensure_ascii=False, indent=2, default=float))


def _valid(text: str) -> bytes:
    """UTF-8, with lone surrogates from broken data replaced."""
    return text.encode("utf-8", errors="replace")
