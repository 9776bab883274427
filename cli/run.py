"""`tuneworth run`: curate, train, evaluate, report."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ..core import Talk
from .options import code_option, common_options

if TYPE_CHECKING:
    from ..project import Run

__all__ = ["command", "tell_run"]


@click.command("run", epilog="Example:  tuneworth run examples/components")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", help="Go on with this run: stages that are done are kept.")
@click.option(
    "--gate", "gates", multiple=True, help='A condition on the results, such as "quality.tuned.acceptable.low >= 0.9".'
)
@code_option
@common_options
def command(project: Path | None, name: str | None, gates: tuple[str, ...], allow_code: bool, talk: Talk) -> None:
    """Curate, train, evaluate and report in one go.

    PROJECT is a folder with tuneworth.toml, the current one if left out. All that the later stages need is checked
    before the first one starts.
    """
    from ..project import run_project

    tell_run(run_project(project, run=name, gates=gates, allow_code=allow_code, talk=talk), talk)


def tell_run(run: "Run", talk: Talk) -> None:
    """The result of a whole run; then its failed gates, as the report is written anyway.

    Raises: GateFailed, or ConfigError for a gate that names no part of the results.
    """
    from ..reports import verdict_text

    brief = {key: run.results[key] for key in ("verdict", "quality", "comparison", "money", "gates")}
    text = f"\n{verdict_text(run.results)}\n\nReport: {run.report}"
    talk.answer(text, {"run": str(run.folder), "report": str(run.report), **brief})
    run.check_gates()
    talk.next(f"open {run.report}, or ask what happened to a row: tuneworth why {quote(str(run.folder))} ROW")
