"""Finishes an evaluation: checks the gates on its results and writes the report."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from ...core import ConfigError, DataError, TuneworthError, disk_refusals, home_of, write_whole
from ...evaluate import results_text
from ...evaluate.results import RESULTS
from ..run import Run
from .gates import Gate, evaluate_gates, failed_gates


def finish_evaluation(run: Run, gates: Sequence[Gate]) -> TuneworthError | None:
    """Check the gates on the new results and write the report.

    Returns the error of gates that do not hold; that of a path that cannot exist, after which no gate is recorded.
    """
    error, results = None, run.results
    if gates and results is not None:
        try:
            outcomes = evaluate_gates(gates, results)
        except ConfigError as impossible:
            error = impossible
        else:
            results, error = replace(results, gates=outcomes), failed_gates(outcomes)
            write_whole(run.folder / RESULTS, results_text(results))
            run.keep(run.folder / RESULTS, results)
    with run.talk.progress("report"):
        write_reports(run.folder)
    return error


def renew_reports(stage: Path) -> None:
    """Write the reports of a run in a change again, if it has some and the change has other results."""
    results = stage / "results.json"
    if (stage / "report.html").exists() and not results.samefile(home_of(results)):
        write_reports(stage)


def write_reports(folder: Path, *, examples: bool = True) -> list[Path]:
    """Write `report.html`, `report.md` and `junit.xml` about what is in the run folder.

    Raises: DataError if there is nothing to report; RunBroken for disk errors.
    """
    if not (folder / "results.json").exists() and not (folder / "curate" / "summary.json").exists():
        raise DataError(
            f"{home_of(folder)} has nothing to report yet; run `tuneworth curate` or `tuneworth evaluate` first"
        )
    from ...reports import write_report

    with disk_refusals(folder):
        return write_report(folder, examples=examples)
