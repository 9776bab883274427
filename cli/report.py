"""`tuneworth report`: the report of a finished run."""

from pathlib import Path

import click

from .talk import Talk, common_options

__all__ = ["command"]


@click.command("report", epilog="Example:  tuneworth report examples/components --no-examples")
@click.argument("run", required=False, type=click.Path(path_type=Path), default=Path())
@click.option("--no-examples", is_flag=True, help="Leave every text of the data out.")
@common_options
def command(run: Path, no_examples: bool, talk: Talk) -> None:
    """Write report.html and report.md of RUN, a run folder or a project (its newest run)."""
    from .runs import run_folder
    from .stages import report_stage

    folder = run_folder(run)
    written = report_stage(folder, examples=not no_examples)
    talk.answer(
        "\n".join(f"Written: {path}" for path in written), {"run": str(folder), "written": [str(p) for p in written]}
    )
    talk.next(f"open {written[0]}")
