"""`tuneworth plan`: what curating a project takes, from a sample of its pairs, before anything is started."""

import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ..core import Talk
from .options import common_options
from .reading import code_option

if TYPE_CHECKING:
    from ..curate import Drawn, Measured, Plan, Room
    from ..project import Project

__all__ = ["command"]

_MOST = 20_000  # rows of the sample: some ten seconds of curating


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
    from ..project import read_project
    from .plan_words import plan_data, plan_text

    found = read_project(project, allow_code=allow_code)
    room = _room(found, cores, memory)
    drawn, whole, said = _planned(found, room, talk)
    talk.answer(plan_text(said, drawn, whole, room), plan_data(said, drawn, whole, room))
    where = "" if project is None else f" {quote(str(project))}"
    talk.next(f"tuneworth curate{where}" + (" --cluster" if said.advice != "one machine" else ""))


def _room(project: "Project", cores: int | None, memory: str | None) -> "Room":
    """What is given, else what this machine has.

    Raises: ConfigError for a memory that is no size.
    """
    from ..core import ConfigError
    from ..curate import ClusterSettings, Room

    cores = cores or _cores()
    if memory is None:
        return Room(cores, _memory())
    try:
        size = ClusterSettings(memory_per_task=memory).memory_bytes
    except ValueError as error:
        raise ConfigError(f"--memory: {str(error).removeprefix('memory_per_task ')}") from None
    return Room(cores, float(size or 0))


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> float:
    """This machine's memory in bytes; 8 GB where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return 8e9


def _planned(project: "Project", room: "Room", talk: Talk) -> "tuple[Drawn, Measured, Plan]":
    """The sample, what curating it took, and the plan."""
    import tempfile

    from ..core import disk_refusals
    from ..curate import Asked, draw_sample, find_files, measure_sample, plan

    data = project.data
    asked = Asked(project.style, project.curate, identifiers=tuple(data.identifiers), date=data.date)
    files = find_files(str((project.folder / data.path).resolve()))
    with tempfile.TemporaryDirectory(prefix="tuneworth-plan-") as temporary, disk_refusals(Path(temporary)):

        def measured(name: str, most: int) -> "tuple[Drawn, Measured]":
            drawn = draw_sample(files, data, Path(temporary) / name, most=most, seed=talk.seed)
            talk.note(f"sample: {sum(drawn.blocks):,} of about {drawn.rows:,} rows are curated")
            work = Path(temporary) / f"{name}-work"
            return drawn, measure_sample(drawn.data, asked, drawn.blocks, work, seed=talk.seed)

        drawn, quarter = measured("quarter", _MOST // 4)
        whole = quarter
        if not drawn.whole:
            drawn, whole = measured("whole", _MOST)
    cluster = project.cluster
    said = plan(quarter, whole, drawn.rows, room, partitions=cluster.partitions if cluster else None)
    return drawn, whole, said
