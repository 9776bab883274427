"""`tuneworth why`: show what happened to a row, or record a person's decision about it."""

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
    help="Decide for every later curate: keep or drop the row, or put it into this split.",
)
@click.option("--because", default="", help="The reason for the decision.")
@click.option("--who", help="The person who decides (default: this machine's user).")
@common_options
def command(run: Path, row: str, decide: "Decision | None", because: str, who: str | None, talk: Talk) -> None:
    """Show what happened to ROW (its id or number) in RUN, by which rule and compared with which other row.

    If ids look like numbers, write "row 817" for the row with that number.

    --decide adds a decision to overrides.jsonl, next to the project file or in the folder of a run that was made from
    a file. It takes effect with the next curate.
    """
    from ..core import ConfigError
    from ..project import Run, decide_row, explain_row

    if decide is None and (because or who):
        raise ConfigError("--because and --who need --decide")
    opened = Run(run)
    if decide is None:
        explanation = explain_row(opened, row)
        talk.answer(str(explanation), asdict(explanation))
        talk.next(_hint(run, row, explanation, opened.folder))
        return
    explanation, file = decide_row(opened, row, decide, because=because, who=who)
    subject = f'"{explanation.id}" (row {explanation.row}, currently {explanation.outcome})'
    text = f"Decision for {subject}: {decide}\nWritten to {file}"
    talk.answer(text, {**asdict(explanation), "decision": decide, "overrides": str(file)})
    talk.next(f"apply it: {_curate_again(opened.folder)}")


def _hint(run: Path, row: str, explanation: "Explanation", folder: Path) -> str:
    # A rule may be wrong about a row, but an unreadable row cannot be kept.
    if explanation.outcome != "leaked" and explanation.input is not None and explanation.rule != "override":
        decision = "drop" if explanation.outcome == "kept" else "keep"
        return f'override it: tuneworth why {quote(str(run))} {_typed(row, explanation)} --decide {decision} --because "..."'
    from ..curate import table_name

    return f"see all rows in {folder / (table_name(folder, 'curate/ledger.parquet') or '')}"


def _typed(row: str, explanation: "Explanation") -> str:
    """The row as the user wrote it, if it is easy to type again; else its number."""
    return quote(row) if _TYPED.fullmatch(row) else f'"row {explanation.row}"'


def _curate_again(folder: Path) -> str:
    from ..project import decisions_file

    file = decisions_file(folder)
    if file.parent == folder:
        return f"tuneworth curate FILE --out {quote(str(folder))}, with the same options as before"
    return f"tuneworth curate {quote(str(file.parent))}"
