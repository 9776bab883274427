"""Single rows of a run: what happened to them, and people's decisions about them; the clean pairs in other formats."""

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..core import ConfigError, disk_refusals
from ..curate import Explanation, Override, add_override, export_cautions, export_pairs, why
from .run import Run
from .runs import decisions_file

__all__ = ["FORMATS", "Exported", "decide_row", "explain_row", "export_splits"]

FORMATS = ("openai", "trl", "csv", "parquet", "datasets")
Decision = Literal["keep", "drop", "train", "validation", "test"]


def explain_row(run: str | Path | Run, row: int | str) -> Explanation:
    """What happened to a row, by which rule, and which other row was involved.

    `run` is a run, or a project for its newest run; `row` is an id or a number (as text `row 817` if an id looks like
    one).

    Raises: DataError if there is no such row (with the nearest ids), or nothing was curated.
    """
    return why(_opened(run).folder, f"row {row}" if isinstance(row, int) else row)


def decide_row(
    run: str | Path | Run, row: int | str, decision: Decision, *, because: str = "", who: str | None = None
) -> tuple[Explanation, Path]:
    """Decide about a row for all later curations: keep it, drop it, or assign it to a split.

    Returns the row's current state and the overrides.jsonl that was written: next to the project file, or in the folder of
    a run that was made from a file. `who` defaults to the user of this machine.

    Raises: DataError as `explain_row`; ConfigError if the row has no id; RunBroken for disk errors.
    """
    opened = _opened(run)
    explanation = explain_row(opened, row)
    if explanation.id is None:
        raise ConfigError("this row has no id, since it could not be read; fix it in the file")
    file = decisions_file(opened.folder)
    override = Override(id=explanation.id, decision=decision, who=_user() if who is None else who, why=because)
    with disk_refusals(file):
        add_override(file, override)
    return explanation, file


@dataclass(frozen=True)
class Exported:
    """The files that were written, and cautions about them."""

    run: Path
    written: tuple[Path, ...]
    cautions: tuple[str, ...]


def export_splits(
    run: str | Path | Run, kind: str, *, out: str | Path | None = None, with_guide: bool = False
) -> Exported:
    """Write a run's clean splits as `openai`, `trl`, `csv`, `parquet` or `datasets`; by default into RUN/export/KIND.

    `with_guide` restores the system message that curating removed from the data, in front of each pair.

    Raises: ConfigError if there was no such message; DataError if nothing was curated.
    """
    folder = _opened(run).folder
    guide = _guide(_opened(run)) if with_guide else None
    place = Path(out) if out is not None else folder / "export" / kind
    with disk_refusals(place):
        written = export_pairs(folder, kind, place, guide=guide)
    return Exported(folder, tuple(written), tuple(export_cautions(written, kind)))


def _guide(run: Run) -> str:
    guide = run.facts.get("data_guide")
    if not guide:
        raise ConfigError(
            f"--with-guide: curating removed no system message from the data of {run.folder}; leave the option out"
        )
    return guide


def _opened(run: str | Path | Run) -> Run:
    return run if isinstance(run, Run) else Run(run)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        return ""
