"""People's judgements of a run: files that are stored in the run, and live ones made in `tuneworth review`."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ...core import DataError, home_of, read_regular, say, whole_folder, write_whole
from ...evaluate.results import RESULTS, Results, read_results
from ..run import Run
from ..runs import JUDGEMENTS, with_files
from .finish import renew_reports

if TYPE_CHECKING:
    from ...evaluate import JudgedRun, Judgements
    from ...evaluate.results import Judgements as Counted
    from ...reports import StoredRun


def store_judgements(run: Run, files: Sequence[Path]) -> None:
    """Store these files in the run instead of earlier ones, and count them together with live judgements.

    Raises: DataError if a file has no judgements, or those of another run.
    """
    from ...reports import read_run

    stored = read_run(run.folder)
    judgements = _count(stored, files)
    kept = {f"{number}.json": read_regular(file) for number, file in enumerate(files)}
    folder = _kept(run.folder)
    with whole_folder(folder, tuple(path.name for path in folder.glob("*"))) as part:
        for name, content in kept.items():
            write_whole(part / name, content)
    _write(run, judgements)


def recount_judgements(run: Run) -> None:
    """Count the stored and live judgements of the run's current outputs."""
    from ...reports import read_run

    if (judgements := count_people(run, lambda: read_run(run.folder))) is not None:
        _write(run, judgements)


def _write(run: Run, judgements: "Counted") -> None:
    from ...evaluate import results_text, same_results, with_judgements

    before = read_results(run.folder)
    results = with_judgements(with_people_named(run, before), judgements)
    if not same_results(results, before):
        with run.changing() as staged:
            write_whole(staged.folder / RESULTS, results_text(results))
            renew_reports(staged.folder)


def with_people_named(run: Run, results: Results) -> Results:
    """The results with the folder of live judgements, whose files name people, among the inputs of their provenance."""
    folder, provenance = home_of(run.folder) / JUDGEMENTS, results.provenance
    if provenance is None or not any(folder.glob("*.json")):
        return results
    return replace(results, provenance=with_files(provenance, run.folder, [("judgements", folder)]))


def count_people(run: Run, read: Callable[[], "StoredRun"]) -> "Counted | None":
    """What people's stored and live judgements say together; None if there are none.

    `read` is called only if there are some. Notes say which are not counted, such as those of earlier outputs, and how many
    people are. Raises: DataError if no two variants were compared.
    """
    files, home = sorted(_kept(run.folder).glob("*.json")), home_of(run.folder)
    if not files and not any((home / JUDGEMENTS).glob("*.json")):
        return None
    stored = read()
    live, problems = usable_judgements(run.folder, judged_run(stored))
    kept, others = _sessions(files, judged_run(stored))
    for problem in (*problems, *others):
        run.talk.note(f"note: not counted: {problem}")
    if live:
        run.talk.note(
            f"judgements: counting those of {say.count(len(live), 'person', 'people')} in {home / JUDGEMENTS}"
        )
    return _count(stored, list(kept)) if kept or live else None


def _kept(folder: Path) -> Path:
    return home_of(folder) / "evaluate" / "judgements"


def usable_judgements(folder: Path, run: "JudgedRun") -> tuple[list[Path], list[str]]:
    """The files with live judgements of these outputs, and why other files are not counted.

    Of two states of one session, the one with more choices counts.
    """
    sessions: dict[int, tuple[int, Path]] = {}
    read, problems = _sessions(sorted((home_of(folder) / JUDGEMENTS).glob("*.json")), run)
    for file, session in read.items():
        state = len(session.choices), file
        sessions[session.seed] = max(state, sessions.get(session.seed, state), key=lambda one: one[0])
    return [file for choices, file in sessions.values() if choices], problems


def _sessions(files: Iterable[Path], run: "JudgedRun") -> tuple[dict[Path, "Judgements"], list[str]]:
    """The judgements in each file that is about these outputs, and why other files are not counted."""
    from ...evaluate import read_judgements

    found, problems = {}, []
    for file in files:
        try:
            [found[file]] = read_judgements([file], run)
        except DataError as error:
            problems.append(str(error).partition("\n")[0])
    return found, problems


def _count(stored: "StoredRun", files: Sequence[Path]) -> "Counted":
    """What these files and live judgements say together; a session in both counts once.

    `live` is the number of people who judged live.

    Raises: DataError if a file has no judgements, or those of another run.
    """
    from ...evaluate import judgement_results, read_judgements

    run = judged_run(stored)
    live, _ = usable_judgements(stored.path, run)
    both = _newer(files, live, run)
    judgements = judgement_results(read_judgements(both, run), run)
    if judgements is None:
        raise DataError(f"{files[0]}: the file has no choices yet")
    return replace(judgements, live=len(set(live) & set(both))) if live else judgements


def _newer(files: Sequence[Path], live: Sequence[Path], run: "JudgedRun") -> list[Path]:
    """All files, but of a session that is in both only the state that contains all choices of the other."""
    from ...evaluate import read_judgements

    sessions = {session.seed: (file, session) for file in live for session in read_judgements([file], run)}
    found = []
    for file in files:
        [session] = read_judgements([file], run)
        other = sessions.get(session.seed)
        if other is not None and other[1].choices.items() >= session.choices.items():
            continue
        if other is not None and session.choices.items() >= other[1].choices.items():
            sessions.pop(session.seed)
        found.append(file)
    return [*found, *(file for file, _ in sessions.values())]


def judged_run(stored: "StoredRun") -> "JudgedRun":
    """What judgements of a run refer to.

    Raises: DataError if it compared no two variants.
    """
    from ...evaluate import JudgedRun, groups_by_id

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
