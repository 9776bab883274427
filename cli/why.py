"""`tuneworth why`: what happened to a row."""

from dataclasses import asdict
from pathlib import Path

import click

from .talk import Talk, common_options

__all__ = ["command"]


@click.command("why", epilog="Example:  tuneworth why examples/components 817")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("row")
@common_options
def command(run: Path, row: str, talk: Talk) -> None:
    """What happened to ROW (its number or id) in RUN, by which rule, beside which other row."""
    from ..curate import why
    from .runs import run_folder

    folder = run_folder(run)
    explanation = why(folder, row)
    talk.answer(str(explanation), asdict(explanation))
    talk.next(f"every row stands in {folder / 'curate' / 'ledger.parquet'}")
