"""Curates a project into a run, and runs the whole pipeline: curate, train, evaluate, report."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core import (
    UNKNOWN,
    ConfigError,
    Console,
    Fix,
    alone_in_run,
    completed,
    from_json,
    quote,
    read_regular,
    say,
    write_whole,
)
from ..curate import Curated, Curation
from ..reports import curated_text
from .curation.curate import curate_pairs, curate_stage, curate_unwritten, replacing_curation
from .evaluation.gate_paths import Gate, project_gates
from .load import check_project, load, runs_here
from .project import PROJECT_FILE, Project
from .run import TRAINED, At, Run, console_for, project_at, resumable
from .runs import find_run, new_run, start_run, to_path
from .training.train import finished, train_stage


def curate_project(
    project: At = None,
    *,
    run: str | None = None,
    mask: bool = False,
    fix: Fix | None = None,
    thresholds: bool = False,
    cluster: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> Run:
    """Curate a project's pairs into a new run, or again into the named `run`.

    `mask` replaces personal data, `fix` overrides [curate] fix, `thresholds` adds the table of near-duplicate thresholds,
    and `cluster` curates in parts on the workers of [cluster]. `splits.jsonl` records the split assignments; the decisions
    in `overrides.jsonl` are replayed.

    Raises: ConfigError or DataError for errors in the project or its pairs; RunBroken for disk errors.
    """
    talk, opened = console_for(talk, seed), stated_project(project, mask=mask, fix=fix, allow_code=allow_code)
    if cluster:
        from .curation.cluster_curate import cluster_settings

        cluster_settings(opened)
    folder = find_run(opened, run) if run else new_run(opened)
    with _curating(opened, folder, talk, "tuneworth curate", {"mask": mask, "fix": fix, "cluster": cluster}) as curated:
        if cluster:
            from .curation.cluster_curate import curate_on_cluster

            curate_on_cluster(curated)
        else:
            curate_stage(curated, thresholds=thresholds)
    return Run(folder, project=opened, talk=talk)


@contextmanager
def _curating(
    project: Project, folder: Path, talk: Console, command: str, options: Mapping[str, Any] | None = None
) -> Iterator[Run]:
    """A run of this project to curate into, new or again, which is at `folder` once the block ends."""
    with replacing_curation(folder, talk) as stage:
        if (folder / "run.json").is_file():
            write_whole(stage / "run.json", read_regular(folder / "run.json"))
        else:
            start_run(stage, talk, config=project.resolved, command=command, name=project.name)
        run = Run(stage, project=project, talk=talk)
        if options is not None:
            run.update(curated=options)
        yield run


def curate_again(run: str | Path | Run, *, allow_code: bool = False, talk: Console | None = None) -> Run:
    """Curate a run's pairs again as before, with the decisions made since.

    The result is a new run of its project; a run that was made from a file is replaced.

    Raises: as `curate_project`; ConfigError if the run does not name the file it was made from, or that file is gone.
    """
    opened = Run.of(run, parts=("run.json",))
    facts, home = opened.facts, opened.folder.resolve().parent.parent
    stated = facts.get("curated") or {}
    options = {"allow_code": allow_code, "seed": facts["seed"] if facts.get("seed_stated") else None, "talk": talk}
    if (home / PROJECT_FILE).is_file():
        return curate_project(home, **stated, **options)
    paths = {role: path and to_path(opened.folder, path) for role, path in stated.items()}
    _check_source(paths.get("pairs"), opened.folder)
    data = {name: value for name, value in facts["config"]["data"].items() if name != "path"}
    curate_pairs(
        paths.pop("pairs"), settings=facts["config"]["curate"], out=opened.folder, **paths, **data, **options
    )  # fmt: skip
    return Run(opened.folder, talk=talk)


def _check_source(pairs: Path | None, run: Path) -> None:
    """Raises: ConfigError if the file of pairs is unknown or missing."""
    how = f"tuneworth curate FILE --out {quote(str(run))}, with the same options as before"
    if pairs is None:
        raise ConfigError(f"{run} does not name the file it was made from\nCurate it like this: {how}")
    if not any(mark in str(pairs) for mark in "*?[") and not pairs.exists():
        raise ConfigError(f"the file that {run} was made from is no longer at {pairs}\nCurate it like this: {how}")


def preview_curation(
    project: At = None,
    *,
    mask: bool = False,
    fix: Fix | None = None,
    thresholds: bool = False,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> Curated:
    """The result of `curate_project` without writing anything. Raises: as `curate_project`."""
    opened = stated_project(project, mask=mask, fix=fix, allow_code=allow_code)
    return curate_unwritten(opened, thresholds=thresholds, talk=console_for(talk, seed))


def run_project(
    project: At = None,
    *,
    run: str | None = None,
    gates: Sequence[str] = (),
    command: str = "tuneworth run",
    loaded: Any = None,
    preflight: Any = None,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> Run:
    """Curate, train, evaluate and report: the whole pipeline. A named `run` resumes; finished stages are kept.

    Everything that later stages need is checked before the first one starts. `gates` are as for `evaluate_run`; `command` is
    recorded in the run. `loaded` is the `LoadedModel` of [train], if already in memory, and `preflight` its `Preflight`,
    whose steps are not repeated.

    Raises: ConfigError, DataError or ModelError for wrong input; RunBroken if a stage aborts.
    """
    from .gather.sources import check_addresses

    talk, opened_project = console_for(talk, seed), project_at(project, allow_code=allow_code)
    conditions = project_gates(opened_project, gates)
    local, trains = runs_here(opened_project)
    check_project(opened_project, train=local)
    if not run:  # a resumed run may already have every answer
        check_addresses(opened_project)
    opened = _curated(opened_project, run, talk, command)
    with alone_in_run(opened.folder), resumable(opened):
        _after_curating(opened, conditions, local=local, trains=trains, loaded=loaded, preflight=preflight)
    return opened


def _after_curating(
    opened: Run, gates: Sequence[Gate], *, local: bool, trains: bool, loaded: Any, preflight: Any
) -> None:
    """Train the run if necessary, evaluate it and write its report."""
    from .evaluation.evaluate import evaluate_stage
    from .gather.baselines import check_endpoints
    from .gather.output_plan import check_prompts, required_outputs

    opened_project, talk = opened.project, opened.talk
    check_endpoints(opened, required_outputs(opened, adapter=opened.adapter))
    loaded = (loaded or load(opened_project, talk)) if local else None
    if loaded is not None:
        check_prompts(opened, loaded)
    if trains and finished(opened) is None:
        summary = train_stage(opened, loaded=loaded, earlier=preflight)
        loss = summary["validation_loss"]
        talk.note(
            f"train: {say.count(summary['steps'], 'step')} in {say.duration(summary['seconds'])}, "
            f"{say.count(summary['tokens_per_second'])} tokens/s, "
            f"validation loss {UNKNOWN if loss is None else f'{loss:.3f}'} at step {summary['best_step']}"
        )
    evaluate_stage(opened, gates, loaded=loaded)


def _curated(project: Project, name: str | None, talk: Console, command: str) -> Run:
    """The run to resume, or a new one, curated if necessary."""
    folder = find_run(project, name) if name else new_run(project)
    if not (folder / "curate" / "summary.json").exists():
        with _curating(project, folder, talk, command) as run:
            talk.note(curated_text(from_json(completed(curate_stage(run).summary, Curation), Curation)))
    return Run(folder, project=project, talk=talk, parts=TRAINED)


def stated_project(path: At, *, allow_code: bool, mask: bool, fix: Fix | None) -> Project:
    """The project with the settings that a command states. Raises: ConfigError if `fix` is unknown."""
    project = project_at(path, allow_code=allow_code)
    try:
        curate = replace(project.curate, mask=mask or project.curate.mask, fix=fix or project.curate.fix)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return replace(project, curate=curate)
