"""`tuneworth why`: what happened to a row; and what a person decides about it."""

import re
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ..core import Talk
from .options import common_options

if TYPE_CHECKING:
    from ..curate import Explanation
    from ..project import Decision

__all__ = ["command"]

_TYPED = re.compile(r"\w[\w ./:#@+,=-]{0,79}")  # no leading dash, no character special to a shell or a terminal


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
def command(run: Path, row: str, decide: "Decision | None", because: str, who: str | None, talk: Talk) -> None:
    """What happened to ROW (its id or number) in RUN, by which rule, beside which other row.

    Where an id looks like a number, "row 817" is the row of that number.

    With --decide the decision is added to overrides.jsonl: beside the project file, or in the folder of a run that was
    made from a file. It holds from the next curate on.
    """
    from ..core import ConfigError
    from ..project import Run, decide_row, explain_row

    if decide is None and (because or who):
        raise ConfigError("--because and --who go with --decide")
    opened = Run(run)
    if decide is None:
        explanation = explain_row(opened, row)
        talk.answer(str(explanation), asdict(explanation))
        talk.next(_hint(run, row, explanation, opened.folder))
        return
    explanation, file = decide_row(opened, row, decide, because=because, who=who)
    about = f'"{explanation.id}" (row {explanation.row}, so far {explanation.outcome})'
    text = f"Decided about {about}: {decide}\nWritten to {file}"
    talk.answer(text, {**asdict(explanation), "decision": decide, "overrides": str(file)})
    talk.next(f"replay it: {_curate_again(opened.folder)}")


def _hint(run: Path, row: str, told: "Explanation", folder: Path) -> str:
    # A rule may be wrong about a row, but an unreadable row cannot be kept.
    if told.outcome != "leaked" and told.input is not None and told.rule != "override":
        decision = "drop" if told.outcome == "kept" else "keep"
        return (
            f'decide otherwise: tuneworth why {quote(str(run))} {_typed(row, told)} --decide {decision} --because "..."'
        )
    from ..curate import table_name

    return f"every row stands in {folder / (table_name(folder, 'curate/ledger.parquet') or '')}"


def _typed(row: str, told: "Explanation") -> str:
    """The row as requested, if it is easy to type again; else its number."""
    return quote(row) if _TYPED.fullmatch(row) else f'"row {told.row}"'


def _curate_again(folder: Path) -> str:
    from ..project import decisions_file

    file = decisions_file(folder)
    if file.parent == folder:
        return f"tuneworth curate FILE --out {quote(str(folder))}, with the options of before"
    return f"tuneworth curate {quote(str(file.parent))}"
