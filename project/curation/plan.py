"""Estimates what curating a project needs from a sample of its pairs, before it starts."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ...core import ConfigError, Talk, disk_refusals
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


@dataclass(frozen=True)
class PlannedCuration:
    """What curating needs: the plan, the sample it is based on, and the assumed cores and memory."""

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
    room = _room(cores, memory)
    drawn, sample, planned = _measured(opened, room, talk.seed, talk)
    return PlannedCuration(planned, drawn, sample, room)


def _room(cores: int | None, memory: str | None) -> Room:
    """The given values, or those of this machine.

    Raises: ConfigError for an invalid memory size.
    """
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
    """This machine's memory in bytes; 8 GB if the system does not report it."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return 8e9


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
