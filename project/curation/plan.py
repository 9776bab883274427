"""Estimates what curating a project needs from a sample of its pairs, before it starts."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ...core import ConfigError, Talk, allowed_cores, disk_refusals, machine_memory, say
from ...curate import (
    ClusterSettings,
    CurateRequest,
    Drawn,
    Measured,
    Plan,
    Room,
    draw_sample,
    find_files,
    measure_sample,
    plan,
)
from ..project import Project, read_project
from ..run import console_for

__all__ = ["PlannedCuration", "plan_curation"]

_MOST = 20_000  # rows of the sample: about ten seconds of curating
_ASSUMED = 8_000_000_000  # bytes of memory, where the system does not report it


@dataclass(frozen=True)
class PlannedCuration:
    """What curating needs: the plan, the sample it is based on, and the cores and memory that it assumes."""

    plan: Plan
    drawn: Drawn
    sample: Measured
    room: Room


def plan_curation(
    project: str | Path | None = None,
    *,
    cores: int | None = None,
    memory: str | None = None,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Talk | None = None,
) -> PlannedCuration:
    """What curating a project needs: rows, copies, memory, storage, hours.

    At most about 20,000 rows are sampled from all files and curated in a temporary folder; nothing is written to the
    project. The total `cores` and the `memory` of one machine, such as "64 GB", default to those of this machine.

    Raises: ConfigError for an invalid memory size; else as `read_project` and `curate_project`.
    """
    talk = console_for(talk, seed)
    opened = read_project(None if project is None else Path(project), allow_code=allow_code)
    room = _room(cores, memory, talk)
    drawn, sample, planned = _measured(opened, room, talk.seed, talk)
    return PlannedCuration(planned, drawn, sample, room)


def _room(cores: int | None, memory: str | None, talk: Talk) -> Room:
    """The given values, or those of this machine; a note says if its memory had to be assumed.

    Raises: ConfigError for an invalid memory size.
    """
    cores = cores or allowed_cores()
    if memory is None:
        found = machine_memory()
        if found is None:
            talk.note(
                f"plan: this system does not report its memory; {say.size(_ASSUMED)} are assumed\nState it: --memory SIZE"
            )
        return Room(cores, float(found or _ASSUMED))
    try:
        size = ClusterSettings(memory_per_task=memory).memory_bytes
    except ValueError as error:
        raise ConfigError(f"--memory: {str(error).removeprefix('memory_per_task ')}") from None
    return Room(cores, float(size or 0))


def _measured(project: Project, room: Room, seed: int, talk: Talk) -> tuple[Drawn, Measured, Plan]:
    """The sample, the measurements of curating it, and the plan."""
    data = project.reading
    request = CurateRequest(project.style, project.curate, identifiers=tuple(data.identifiers), date=data.date)
    files = find_files(str((project.folder / data.path).resolve()))
    with tempfile.TemporaryDirectory(prefix="tuneworth-plan-") as temporary, disk_refusals(Path(temporary)):

        def measured(name: str, most: int) -> tuple[Drawn, Measured]:
            drawn = draw_sample(files, data, Path(temporary) / name, most=most, seed=seed)
            talk.note(f"sample: {sum(drawn.blocks):,} of about {drawn.rows:,} rows are curated")
            work = Path(temporary) / f"{name}-work"
            return drawn, measure_sample(drawn.data, request, drawn.blocks, work, seed=seed)

        drawn, quarter = measured("quarter", _MOST // 4)
        whole = quarter
        if not drawn.whole:
            drawn, whole = measured("whole", _MOST)
    cluster = project.cluster
    estimate = plan(quarter, whole, drawn.rows, room, partitions=cluster.partitions if cluster else None)
    return drawn, whole, estimate
