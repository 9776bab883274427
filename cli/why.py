"""`tuneworth why`: what happened to a row; and what a person decides about it."""

from dataclasses import asdict
from pathlib import Path

import click

from .talk import Talk, common_options

__all__ = ["command"]


@click.command("why", epilog="Example:  tuneworth why examples/components 817")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("row")
@click.option(
    "--decide",
    type=click.Choice(["keep", "drop", "train", "validation", "test"]),
    help="Decide about the row, for this and every later curate: keep or drop it, or the split that it stands in.",
)
@click.option("--because", default="", help="The reason of the decision.")
@click.option("--who", help="Who decides (default: the user of this machine).")
@common_options
def command(run: Path, row: str, decide: str | None, because: str, who: str | None, talk: Talk) -> None:
    """What happened to ROW (its number or id) in RUN, by which rule, beside which other row.

    With --decide the decision is added to overrides.jsonl: beside the project file, or in the folder of a run that was
    made from a file. It holds from the next curate on.
    """
    from ..curate import why
    from ..style import ConfigError
    from .runs import run_folder

    if decide is None and (because or who):
        raise ConfigError("--because and --who go with --decide")
    folder = run_folder(run)
    explanation = why(folder, row)
    if decide is None:
        talk.answer(str(explanation), asdict(explanation))
        talk.next(_hint(run, row, explanation.outcome, folder))
        return
    file = _decide(folder, explanation.id, decide, because, who)
    text = f'Decided about "{explanation.id}" (row {explanation.row}, so far {explanation.outcome}): {decide}\nWritten to {file}'
    talk.answer(text, {**asdict(explanation), "decision": decide, "overrides": str(file)})
    talk.next(f"replay it: {_curate_again(folder)}")


def _hint(run: Path, row: str, outcome: str, folder: Path) -> str:
    if outcome in ("kept", "duplicate", "conflict", "quarantined"):
        decision = "drop" if outcome == "kept" else "keep"
        return f'decide otherwise: tuneworth why {run} {row} --decide {decision} --because "..."'
    return f"every row stands in {folder / 'curate' / 'ledger.parquet'}"


def _decide(folder: Path, id: str | None, decision: str, because: str, who: str | None) -> Path:
    """Append the decision to the file that this run's curate replays; the file."""
    from ..curate import Override, add_override
    from ..curate.whole import disk_refusals
    from ..style import ConfigError
    from .beside import decisions_file

    if id is None:
        raise ConfigError("this row has no id, since it could not be read; mend it in the file")
    file = decisions_file(folder)
    with disk_refusals(file):
        add_override(file, Override(id=id, decision=decision, who=_user() if who is None else who, why=because))  # type: ignore[arg-type]
    return file


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        return ""


def _curate_again(folder: Path) -> str:
    from .beside import decisions_file

    file = decisions_file(folder)
    if file.parent == folder:
        return f"tuneworth curate FILE --out {folder}"
    return f"tuneworth curate {file.parent}"
