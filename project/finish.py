"""Ends an evaluation: checks the gates on its results, counts people's judgements, writes the report."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core import DataError, disk_refusals, write_whole
from ..evaluate import results_text
from .gates import Gate, record_gates
from .run import Run
from .runs import JUDGEMENTS, read_stored

__all__ = [
    "count_judgements",
    "finish_evaluation",
    "judged_run",
    "store_judgements",
    "stored_judgements",
    "usable_judgements",
    "write_reports",
]


def finish_evaluation(run: Run, gates: Sequence[Gate]) -> Run:
    """Check the gates on the new results and write the report; returns the run with the outcomes of the gates."""
    results = run.results
    run.gate_error = record_gates(run.folder, gates, results)
    run.keep(run.folder / "results.json", results)
    write_reports(run.folder)
    return run


def write_reports(folder: Path, *, examples: bool = True) -> list[Path]:
    """Write `report.html`, `report.md` and `junit.xml` of what the run folder has.

    Raises: DataError if that is nothing; RunBroken for disk errors.
    """
    if not (folder / "results.json").is_file() and not (folder / "curate" / "summary.json").is_file():
        raise DataError(f"{folder} has nothing to report yet; run `tuneworth curate` or `tuneworth evaluate` first")
    from ..reports import write_report

    with disk_refusals(folder):
        return write_report(folder, examples=examples)


def store_judgements(folder: Path, files: Sequence[Path]) -> None:
    """Count the judgements in these files and store both in the run, replacing earlier ones.

    Raises: DataError if a file has no judgements, or those of another run.
    """
    from ..evaluate import with_judgements
    from ..reports import read_run

    stored = read_run(folder)
    judgements = count_judgements(stored, files)
    kept = {f"{number}.json": file.read_bytes() for number, file in enumerate(files)}
    shutil.rmtree(_kept(folder), ignore_errors=True)
    for name, content in kept.items():
        write_whole(_kept(folder) / name, content)
    results = read_stored(folder / "results.json")
    write_whole(folder / "results.json", results_text(with_judgements(results, judgements)))


def _kept(folder: Path) -> Path:
    return folder / "evaluate" / "judgements"


def stored_judgements(folder: Path) -> list[Path]:
    """The files of judgements that the run keeps."""
    return sorted(_kept(folder).glob("*.json"))


def usable_judgements(folder: Path, run: Any) -> tuple[list[Path], list[str]]:
    """The files of people who judged in `tuneworth review`, about this run (`JudgedRun`), and why others do not count.

    Of two states of one session, the one with more choices counts.
    """
    from ..evaluate import read_judgements

    sessions: dict[int, tuple[int, Path]] = {}
    problems = []
    for file in sorted((folder / JUDGEMENTS).glob("*.json")):
        try:
            [session] = read_judgements([file], run)
        except DataError as error:
            problems.append(str(error).partition("\n")[0])
            continue
        state = len(session.choices), file
        sessions[session.seed] = max(state, sessions.get(session.seed, state), key=lambda one: one[0])
    return [file for choices, file in sessions.values() if choices], problems


def count_judgements(stored: Any, files: Sequence[Path]) -> dict[str, Any]:
    """The `judgements` of results.json, of these files about a run as the reports read it (`StoredRun`).

    Raises: DataError if a file has no judgements, or those of another run.
    """
    from ..evaluate import judgement_results, read_judgements

    run = judged_run(stored)
    judgements = judgement_results(read_judgements(files, run), run)
    if judgements is None:
        raise DataError(f"{files[0]}: the file has no choices yet")
    return judgements


def judged_run(stored: Any) -> Any:
    """What judgements of a run, as the reports read it (`StoredRun`), refer to (`JudgedRun`).

    Raises: DataError if it compared no two variants.
    """
    from ..evaluate import JudgedRun, groups_by_id

    baseline, candidate = stored.baseline, stored.candidate
    if not stored.outputs or baseline is None or candidate is None:
        raise DataError(f"{stored.path}: no two variants were compared in this run, so there is nothing to judge")
    return JudgedRun(
        outputs=stored.shown_outputs, baseline=baseline, candidate=candidate,
        groups=groups_by_id(stored.pairs.values()),
        acceptable={id_: _acceptable(stored.outputs, id_, baseline, candidate) for id_ in stored.pairs},
    )  # fmt: skip


def _acceptable(
    outputs: dict[tuple[str, str], dict], id_: str, baseline: str, candidate: str
) -> tuple[bool, bool] | None:
    """Whether each side's output is acceptable; None if one was not scored. A missing output is not acceptable."""
    outcomes = [outputs.get((id_, name), {"acceptable": False}).get("acceptable") for name in (baseline, candidate)]
    return None if None in outcomes else (bool(outcomes[0]), bool(outcomes[1]))
