"""`tuneworth report`: write the report of a finished run."""

from pathlib import Path

import click

from ..core import Console
from .help import Grouped
from .options import code_option, common_options


@click.command("report", cls=Grouped, epilog="Example:  tuneworth report examples/components --no-examples")
@click.argument("run", required=False, type=click.Path(path_type=Path), default=Path())
@click.option("--no-examples", is_flag=True, help="Omit all texts of the data.")
@click.option(
    "--judgements", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help='The preferences of a person, saved from "Judge blind" in the report; once for each person.',
)  # fmt: skip
@code_option
@common_options
def command(run: Path, no_examples: bool, files: tuple[Path, ...], allow_code: bool, talk: Console) -> None:
    """Write report.html, report.md and junit.xml of RUN, a run folder or a project (its newest run).

    The verdict is updated from the current tuneworth.toml and style, using the stored outputs. Judgements are kept in the
    run for later reports; new ones replace them. Those made in `tuneworth review` are always counted.
    """
    from ..project import Run, report_run

    opened = Run(run, talk=talk)
    written = report_run(opened, examples=not no_examples, judgements=files, allow_code=allow_code)
    data = {"run": str(opened.folder), "written": [str(path) for path in written]}
    talk.answer("\n".join(f"Written: {path}" for path in written), data)
    talk.next(f"open {written[0]}")
