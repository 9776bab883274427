"""`tuneworth demo`: the shipped example, live."""

from pathlib import Path

import click

from ..core import Talk
from .options import common_options

__all__ = ["command"]


@click.command("demo", epilog="Example:  tuneworth demo --out /tmp/demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("tuneworth-demo"),
    show_default=True,
    help="The folder for the project.",
)
@common_options
def command(out: Path, talk: Talk) -> None:
    """Run the shipped example from end to end, offline, on two CPU cores.

    Copies the project of catalogue lines for electronic parts, curates its 2,966 pairs, fits a LoRA on a sample of
    them, races it against the prompted model, and writes the report. Nothing is recorded: the numbers are what they are.
    """
    from ..project import TEST_PAIRS, TRAIN_PAIRS, create_example, run_project
    from .run import tell_run

    create_example(out)
    talk.note(
        f"demo: the project is in {out}; it uses {TRAIN_PAIRS} train and {TEST_PAIRS} test pairs to finish in minutes"
    )
    tell_run(run_project(out, talk=talk), talk)
