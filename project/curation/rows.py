"""Single rows of a run: what happened to them, and people's decisions about them. Exports clean pairs in other formats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ConfigError, TuneworthError, check_digests, disk_refusals, read_unchanged, user_name
from ...curate import (
    Decision,
    DecisionLog,
    Explanation,
    Override,
    RowFilter,
    export_cautions,
    export_pairs,
    find_rows,
    read_overrides,
    row_contents,
    why,
    write_corrected,
)
from ..run import Run
from ..runs import decisions_file

SHOWN_ROWS = 10  # of a listing, with their texts
FORMATS = ("openai", "trl", "csv", "parquet", "datasets")


def explain_row(run: str | Path | Run, row: int | str) -> Explanation:
    """What happened to a row, by which rule, and which other row was involved.

    `run` is a run, or a project for its newest run; `row` is an id or a row number (or the text `row 817`, if ids look like
    numbers).

    Raises: DataError if there is no such row (with the nearest ids), or nothing was curated.
    """
    folder = Run.of(run).folder
    return read_unchanged(folder, lambda: why(folder, f"row {row}" if isinstance(row, int) else row))


def decide_row(
    run: str | Path | Run,
    row: int | str,
    decision: Decision,
    *,
    because: str = "",
    who: str | None = None,
    text: str | None = None,
) -> tuple[Explanation, Path]:
    """Decide about a row for all later curations: keep it, drop it, or assign it to a split.

    Returns the row's current state and the overrides.jsonl that was written: next to the project file, or in the folder of
    a run that was made from a file. `who` defaults to this machine's user. `text` replaces the output of the row.

    Raises: DataError as `explain_row`; ConfigError if the row has no id, or a text is given for a row to drop; RunBroken
    for disk errors.
    """
    opened = Run.of(run)
    explanation = explain_row(opened, row)
    if explanation.id is None:
        raise ConfigError("this row could not be read, so it has no id; fix it in the file")
    return explanation, decide_rows(opened, [explanation.id], decision, because=because, who=who, text=text)


def decide_rows(
    run: str | Path | Run,
    ids: Iterable[str],
    decision: Decision,
    *,
    because: str = "",
    who: str | None = None,
    text: str | None = None,
) -> Path:
    """Like `decide_row` for several rows at once, which one `undo_decisions` takes back; returns the written file.

    Each row is identified by its id and its content, so that a decision still applies after ids are renumbered.
    """
    folder, ids = Run.of(run).folder, list(ids)
    file, contents = decisions_file(folder), row_contents(folder, ids)
    who, when = user_name() if who is None else who, datetime.now(UTC).isoformat(timespec="milliseconds")
    about: dict[str, Any] = {"decision": decision, "who": who, "why": because, "text": text, "when": when}
    made = [Override(id=name, content=contents.get(name, ""), **about) for name in ids]
    DecisionLog(file).add(made)
    return file


def recover_decisions(run: str | Path | Run) -> str:
    """Remove a half-written decision that a killed process left; returns a sentence about it, or an empty one.

    Raises: DataError if the file cannot be read; RunBroken for disk errors.
    """
    return DecisionLog(decisions_file(Run.of(run).folder)).recover()


def undo_decisions(run: str | Path | Run) -> tuple[tuple[Override, ...], Path]:
    """Take back the last decisions made together; returns them, none if there were no decisions, and the file.

    Raises: DataError if the file cannot be read; RunBroken for disk errors.
    """
    file = decisions_file(Run.of(run).folder)
    return DecisionLog(file).take_back(), file


@dataclass(frozen=True)
class Waiting:
    """Rows as `find_rows` returns them, and the number of rows that were decided since the run was made.

    shown: the first of the rows, with their texts and those of the rows that they are compared with.
    """

    rows: pl.DataFrame
    decided: int
    shown: Sequence[Explanation] = ()


def list_rows(run: str | Path | Run, which: RowFilter | None = None) -> Waiting:
    """The rows of a run that wait for a decision, or those that match a filter.

    Raises: DataError, ConfigError as `find_rows`; DataError if overrides.jsonl cannot be read.
    """
    folder, chosen = Run.of(run).folder, which or RowFilter()

    def waiting() -> Waiting:
        made = {override.id: override.decision for override in read_overrides(decisions_file(folder))}
        dropped = [id for id, decision in made.items() if decision == "drop"]
        rows = find_rows(folder, chosen, decided=made, dropped=dropped)
        shown = [why(folder, f"row {row}", nearest=False) for row in rows["row"].head(SHOWN_ROWS)]
        return Waiting(rows, 0 if chosen else len(find_rows(folder, chosen)) - len(rows), shown)

    return read_unchanged(folder, waiting)


@dataclass(frozen=True)
class Exported:
    """The written files, and cautions about them."""

    run: Path
    written: tuple[Path, ...]
    cautions: tuple[str, ...]


def export_splits(
    run: str | Path | Run, kind: str, *, out: str | Path | None = None, with_guide: bool = False
) -> Exported:
    """Write a run's clean splits as `openai`, `trl`, `csv`, `parquet` or `datasets`; by default into RUN/export/KIND.

    As `csv` with an `out` that ends in .csv: the corrected data as one table, with a column per field, all splits, and the
    outputs as they were read where a person or a repair changed them.

    `with_guide` restores the system message that curation removed from the pairs. Chats have no system message if the
    project's candidate has `system_role = false`, so that training matches inference.

    Raises: ConfigError if there was no such message; DataError if nothing was curated, or a file is not as it was written.
    """
    opened = Run.of(run)
    folder = opened.folder
    check_digests(folder)
    guide = _guide(opened) if with_guide else None
    place = Path(out) if out is not None else folder / "export" / kind

    def write() -> list[Path]:
        if kind == "csv" and place.suffix.lower() == ".csv":
            return [write_corrected(folder, place, guide=guide)]
        return export_pairs(folder, kind, place, guide=guide, system_role=_system_role(opened))

    with disk_refusals(place):
        written = read_unchanged(folder, write)
    return Exported(folder, tuple(written), tuple(export_cautions(written, kind)))


def _system_role(run: Run) -> bool:
    """Whether the project's candidate takes a system message; true if the run is not in a readable project."""
    try:
        settings = run.project.evaluate
    except TuneworthError:
        return True
    return settings.of(settings.candidate).system_role


def _guide(run: Run) -> str:
    guide = run.facts.get("data_guide")
    if not guide:
        raise ConfigError(
            f"--with-guide: curation removed no system message from the data of {run.folder}; leave the option out"
        )
    return guide
