"""`tuneworth plan`: what curating a project needs, estimated from a sample of its pairs before it starts."""

from pathlib import Path
from shlex import quote

import click

from ..core import Talk
from .options import code_option, common_options

__all__ = ["command"]


@click.command("plan", epilog='Example:  tuneworth plan examples/components --cores 64 --memory "256 GB"')
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--cores", type=click.IntRange(1, 1_000_000), help="Cores in all; those of this machine if left out.")
@click.option("--memory", metavar="SIZE", help='Memory of one machine, such as "64 GB"; that of this one if left out.')
@code_option
@common_options
def command(project: Path | None, cores: int | None, memory: str | None, allow_code: bool, talk: Talk) -> None:
    """What curating PROJECT takes: rows, copies, memory, storage, hours, and what to write into [cluster].

    At most about 20,000 rows are read, drawn over all files, and curated in a temporary folder; nothing is written to
    the project.
    """
    from ..project import plan_curation
    from .plan_words import plan_data, plan_text

    found = plan_curation(project, cores=cores, memory=memory, allow_code=allow_code, talk=talk)
    told = found.plan, found.drawn, found.sample, found.room
    talk.answer(plan_text(*told), plan_data(*told))
    where = "" if project is None else f" {quote(str(project))}"
    talk.next(f"tuneworth curate{where}" + (" --cluster" if found.plan.advice != "one machine" else ""))
