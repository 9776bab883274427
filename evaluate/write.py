"""Writes what an evaluation found into the run."""

import json
from pathlib import Path

from ..core import as_json, write_whole
from .evaluation import Evaluated
from .outputs.table import write_raws
from .results import Results


def write_evaluated(evaluated: Evaluated, run: Path) -> None:
    """Write `evaluate/variants.json` of a run, and what `write_scored` does."""
    write_raws(evaluated.raws, run / "evaluate")
    write_scored(evaluated, run)


def write_scored(evaluated: Evaluated, run: Path) -> None:
    """Write `evaluate/outputs.jsonl` and `results.json` of a run; its variants stay as they were generated."""
    lines = (json.dumps(row, ensure_ascii=False) for row in evaluated.outputs.iter_rows(named=True))
    write_whole(run / "evaluate" / "outputs.jsonl", _valid("".join(line + "\n" for line in lines)))
    write_whole(run / "results.json", results_text(evaluated.results))


def results_text(results: Results) -> bytes:
    """The content of results.json."""
    return _valid(json.dumps(as_json(results), ensure_ascii=False, indent=2))


def same_results(one: Results, other: Results | None) -> bool:
    """Whether two results are the same as stored."""
    return other is not None and json.loads(results_text(one)) == json.loads(results_text(other))


def _valid(text: str) -> bytes:
    """UTF-8, with lone surrogates from broken data replaced."""
    return text.encode("utf-8", errors="replace")
