"""Writes the report of a run, checks the gates on its results, and stores people's judgements."""

import json
from collections.abc import Sequence
from pathlib import Path

from ..core import DataError, disk_refusals, sha256_file, write_whole
from .gates import Gate, record_gates
from .run import Run

__all__ = ["finish_evaluation", "report_run"]


def report_run(run: str | Path | Run, *, examples: bool = True, judgements: Sequence[str | Path] = ()) -> list[Path]:
    """Write `report.html`, `report.md` and `junit.xml` of a run: of its results, or of its curation if it has no results.

    `run` is a run, or a project for its newest run. Without `examples` they contain no text of the data. `judgements` are
    files of people's preferences, saved by the report's "Judge blind"; they are stored in the results.

    Raises: DataError if the run has nothing to report, or a judgements file belongs to another run; RunBroken for disk
    errors.
    """
    folder = run.folder if isinstance(run, Run) else Run(run).folder
    if judgements:
        _store_judgements(folder, [Path(file) for file in judgements])
    if not (folder / "results.json").is_file() and not (folder / "curate" / "summary.json").is_file():
        raise DataError(f"{folder} has nothing to report yet; run `tuneworth curate` or `tuneworth evaluate` first")
    from ..reports import write_report

    with disk_refusals(folder):
        return write_report(folder, examples=examples)


def finish_evaluation(run: Run, gates: Sequence[Gate]) -> Run:
    """Check the gates on the new results and write the report; returns the run with the outcomes of the gates."""
    results = run.results
    run.gate_error = record_gates(run.folder, gates, results)
    run.keep(run.folder / "results.json", results)
    report_run(run)
    return run


def _store_judgements(folder: Path, files: Sequence[Path]) -> None:
    """Count the judgements in these files and store them in results.json, replacing earlier ones.

    Raises: DataError if a file has no judgements, or those of another run.
    """
    from ..evaluate import JudgedRun, groups_by_id, judgement_results, read_judgements, with_judgements
    from ..reports import read_run

    stored = read_run(folder)
    outputs = folder / "evaluate" / "outputs.jsonl"
    baseline, candidate = stored.baseline, stored.candidate
    if not outputs.is_file() or baseline is None or candidate is None:
        raise DataError(f"{folder}: no two variants were compared in this run, so there is nothing to judge")
    run = JudgedRun(
        outputs=sha256_file(outputs), baseline=baseline, candidate=candidate,
        groups=groups_by_id(stored.pairs.values()),
        acceptable={id_: _acceptable(stored.outputs, id_, baseline, candidate) for id_ in stored.pairs},
    )  # fmt: skip
    judgements = judgement_results(read_judgements(files, run), run)
    if judgements is None:
        raise DataError(f"{files[0]}: the file has no choices yet")
    text = json.dumps(with_judgements(stored.results, judgements), ensure_ascii=False, indent=2)
    write_whole(folder / "results.json", text.encode("utf-8", errors="replace"))


def _acceptable(
    outputs: dict[tuple[str, str], dict], id_: str, baseline: str, candidate: str
) -> tuple[bool, bool] | None:
    """Whether each side's output is acceptable; None if one was not scored. A missing output is not acceptable."""
    outcomes = [outputs.get((id_, name), {"acceptable": False}).get("acceptable") for name in (baseline, candidate)]
    return None if None in outcomes else (bool(outcomes[0]), bool(outcomes[1]))
