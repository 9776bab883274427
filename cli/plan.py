"""`tuneworth plan`: estimate what curating a project needs, from a sample of its pairs."""

from pathlib import Path

import click

from ..core import Talk, quote
from .help import Grouped
from .options import code_option, common_options

__all__ = ["command"]


@click.command("plan", cls=Grouped, epilog='Example:  tuneworth plan examples/components --cores 64 --memory "256 GB"')
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--cores", type=click.IntRange(1, 1_000_000), help="Total number of cores (default: this machine's).")
@click.option("--memory", metavar="SIZE", help='Memory of one machine, such as "64 GB" (default: this one\'s).')
@code_option
@common_options
def command(project: Path | None, cores: int | None, memory: str | None, allow_code: bool, talk: Talk) -> None:
    """Estimate what curating PROJECT needs: rows, copies, memory, storage, hours, and the settings for [cluster].

    A sample of at most about 20,000 rows from all files is curated in a temporary folder; nothing is written to the
    project.
    """
    from ..project import plan_curation
    from .words.plan import plan_data, plan_text

    planned = plan_curation(project, cores=cores, memory=memory, allow_code=allow_code, talk=talk)
    parts = planned.plan, planned.drawn, planned.sample, planned.room
    talk.answer(plan_text(*parts), plan_data(*parts))
    where = "" if project is None else f" {quote(str(project))}"
    talk.next(f"tuneworth curate{where}" + (" --cluster" if planned.plan.advice != "one machine" else ""))
