"""`tuneworth run` and `tuneworth demo`: curate, train, evaluate and report in one go."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..core import Console, quote
from .help import Grouped
from .options import RunName, code_option, common_options

if TYPE_CHECKING:
    from ..project import Run


@click.command("run", cls=Grouped, epilog="Example:  tuneworth run examples/components")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", type=RunName(), help="Resume this run; finished stages are kept.")
@click.option(
    "--gate", "gates", multiple=True, help='A condition on the results, such as "quality.tuned.acceptable.low >= 0.9".'
)
@code_option
@common_options
def run(project: Path | None, name: str | None, gates: tuple[str, ...], allow_code: bool, talk: Console) -> None:
    """Curate, train, evaluate and report in one go.

    PROJECT is a folder with tuneworth.toml (default: the current one). Everything that later stages need is checked before
    the first one starts.
    """
    from ..project import run_project

    _print_result(run_project(project, run=name, gates=gates, allow_code=allow_code, talk=talk), talk)


@click.command("demo", cls=Grouped, epilog="Example:  tuneworth demo --collected --out /tmp/demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder for the project (default: tuneworth-demo, or tuneworth-demo-collected).",
)
@click.option(
    "--collected", is_flag=True, help="Judge the outputs of a live demo that came with the package: seconds, no torch."
)
@common_options
def demo(out: Path | None, collected: bool, talk: Console) -> None:
    """Run the included example end to end: offline, on two CPU cores.

    Copies the project of catalogue lines for electronic parts, curates its 2,966 pairs, fits a LoRA on a sample of
    them, compares it with the prompted model, and writes the report. Nothing is prerecorded: all numbers are measured.
    A few steps measure the machine first: the sample is as large as eight minutes allow, 150 to 300 pairs.

    With --collected, or if the packages for training are not installed, the outputs come from a live demo that was run
    before the release; everything else is computed here.
    """
    from ..project import run_demo

    _print_result(run_demo(out, collected=collected, talk=talk), talk)


def _print_result(run: "Run", talk: Console) -> None:
    """Print the result of a whole run, then check its gates, since the report is written even if one fails.

    Raises: GateFailed, or ConfigError for a gate on something that is not in the results.
    """
    from ..core import as_json
    from ..reports import verdict_text

    if run.results is not None:
        brief = {
            key: as_json(getattr(run.results, key)) for key in ("verdict", "quality", "comparison", "money", "gates")
        }
        text = f"\n{verdict_text(run.results)}\n\nReport: {run.report}"
        talk.answer(text, {"run": str(run.folder), "report": str(run.report), **brief})
    run.check_gates()
    talk.next(f"open {run.report}, or see what happened to a row: tuneworth why {quote(str(run.folder))} ROW")
