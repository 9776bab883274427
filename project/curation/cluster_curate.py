"""`tuneworth curate --cluster`: curates pairs in parts, on the cores of this machine or on a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...core import ConfigError, allowed_cores, as_json
from ..load import model_name
from ..project import Project
from ..run import Run
from ..runs import ProjectFiles, Stopwatch
from .curate import note_warnings, read_decisions, record_splits, wants_tokens, warned
from .lost_lines import pinned_rows, with_counts

if TYPE_CHECKING:
    from ...curate import ClusterSettings, Executor


def cluster_settings(project: Project) -> "ClusterSettings":
    """The settings of `[cluster]`.

    Raises: ConfigError if there are none, or the project sets a method that does not work in parts.
    """
    if project.cluster is None:
        raise ConfigError(
            f"--cluster needs a section [cluster] in {project.folder / 'tuneworth.toml'}, for example:\n"
            '[cluster]\naddress = "processes"  # the cores of this machine; "auto" for its Ray cluster'
        )
    if project.curate.method == "exact":
        raise ConfigError(
            '[curate] method = "exact" is for one machine; --cluster finds candidates for near duplicates and checks each '
            'exactly.\nSet method = "auto" or "candidates".'
        )
    return project.cluster


def curate_on_cluster(run: Run, *, files: ProjectFiles | None = None) -> dict[str, Any]:
    """Curate like `curate_stage`, but in parts; returns the summary. After a kill, finished work is reused.

    Raises: ConfigError if the cluster or its storage is unavailable; else as `curate_stage`.
    """
    from ...curate import (
        CurateRequest,
        Job,
        bucket_count,
        curate_files,
        file_parts,
        find_files,
        fingerprint,
        open_storage,
        unchanged,
        write_parts,
    )

    watch, project = Stopwatch(), run.project
    settings = cluster_settings(project)
    files = files or ProjectFiles.of_project(project.folder)
    data = project.reading
    overrides, cut = read_decisions(files, run.talk)
    request = CurateRequest(
        project.style, project.curate, identifiers=tuple(data.identifiers), date=data.date,
        overrides=overrides,
        count_tokens=_token_counter(project),
    )  # fmt: skip
    assigned, lost = pinned_rows(files.splits)
    seed, path = run.seed, (project.folder / data.path).resolve()
    parts = file_parts(find_files(str(path)), data)
    with _executor(settings) as executor:
        known = fingerprint(parts, data, request, seed=seed, partitions=settings.partitions)
        job = Job.open(open_storage(settings.place(project.folder)), known, executor=executor, say=run.talk.note)
        try:
            buckets = bucket_count(job, settings.parts(executor.workers))
            curated = curate_files(job, path, data, request, pinned=assigned, seed=seed, buckets=buckets, parts=parts)
            curated = replace(curated, curation=warned(curated.curation, override_cut=cut, splits_lost=lost))
            note_warnings(curated.curation, run.talk)
            for line in job.memory_warnings(settings.memory_bytes):
                run.talk.note(f"warning: {line}")
            lines = record_splits(files, assigned, curated.ledger)
            curation = with_counts(curated.curation, splits=lines, decisions=len(overrides))
            curated = replace(curated, curation=curation)
            write_parts(curated, run.folder, each=job.each)
            job.remove()
        finally:
            job.close()
    with unchanged({part.path: part.stamp for part in parts}):  # so that the fingerprints are of what was read
        run.update(
            seconds={"curate": watch.seconds()}, data_guide=curated.raw.guide,
            inputs=[("pairs", file) for file in curated.raw.files] + project.inputs,
        )  # fmt: skip
    summary = as_json(curated.curation)
    run.keep(run.folder / "curate" / "summary.json", summary)
    return summary


@contextmanager
def _executor(settings: "ClusterSettings") -> "Iterator[Executor]":
    """The workers configured in `[cluster]`, released at the end."""
    if settings.on_ray:
        from ...curate import RayTasks

        executor: Executor = RayTasks(settings)
    else:
        from ...curate import Processes

        executor = Processes(settings.workers or allowed_cores())
    try:
        yield executor
    finally:
        executor.close()


def _token_counter(project: Project) -> "Callable[[], Callable[[Sequence[str]], Sequence[int]]] | None":
    """A factory for a token counter on a worker; None if no rule needs one."""
    if not wants_tokens(project):
        return None
    from functools import partial

    from ...train import token_counter

    return partial(token_counter, model_name(project))
