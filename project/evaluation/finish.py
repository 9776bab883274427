"""Finishes an evaluation: checks the gates on its results and writes the report."""

from collections.abc import Sequence
from pathlib import Path

from ...core import DataError, disk_refusals
from ..run import Run
from .gates import Gate, record_gates

__all__ = ["finish_evaluation", "write_reports"]


def finish_evaluation(run: Run, gates: Sequence[Gate]) -> Run:
    """Check the gates on the new results and write the report; returns the run with the outcomes of the gates."""
    results = run.results
    run.gate_error = record_gates(run.folder, gates, results)
    run.keep(run.folder / "results.json", results)
    with run.talk.progress("report"):
        write_reports(run.folder)
    return run


def write_reports(folder: Path, *, examples: bool = True) -> list[Path]:
    """Write `report.html`, `report.md` and `junit.xml` about what is in the run folder.

    Raises: DataError if there is nothing to report; RunBroken for disk errors.
    """
    if not (folder / "results.json").exists() and not (folder / "curate" / "summary.json").exists():
        raise DataError(f"{folder} has nothing to report yet; run `tuneworth curate` or `tuneworth evaluate` first")
    from ...reports import write_report

    with disk_refusals(folder):
        return write_report(folder, examples=examples)
