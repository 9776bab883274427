"""`tuneworth curate`: raw pairs to clean splits."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from ..core import Talk
from .options import common_options
from .reading import code_option, reading_options

if TYPE_CHECKING:
    from ..project import Beside, Project

__all__ = ["command"]

# Options that a project's file says itself, with the section that does.
_OF_A_FILE = {
    "style": "[style] path", "out": "", "group": "[data] group", "identifiers": "[data] identifiers",
    "date": "[data] date", "stratify": "[curate] stratify", "near_duplicate": "[curate] near_duplicate",
    "keep": "[curate] keep", "conflicts": "[curate] conflicts", "overrides": "", "splits": "", "input": "[data] input",
    "output": "[data] output", "encoding": "[data] encoding", "delimiter": "[data] delimiter",
}  # fmt: skip
_PATH = click.Path(path_type=Path)


@click.command("curate", epilog="Example:  tuneworth curate pairs.jsonl --style style.yaml --out clean")
@click.argument("source", required=False, type=_PATH)
@click.option("--style", type=_PATH, help="The style schema; with a FILE. Without one the pairs are cleaned alone.")
@click.option("--out", type=_PATH, help="The folder to write to; with a FILE.")
@click.option("--group", help="The column that must stay on one side of the split; with a FILE.")
@click.option(
    "--identifier",
    "identifiers",
    multiple=True,
    help="A field that names the item and says nothing about it; with a FILE.",
)
@click.option("--date", help="The column or field by which the newest pairs go to test; with a FILE.")
@click.option("--stratify", help="The column or field of which each split gets its share; with a FILE.")
@click.option("--near-duplicate", type=float, help="How alike is a duplicate, 0.5 to 1 (default 0.8); with a FILE.")
@click.option("--keep", type=click.Choice(["best style", "first", "longest"]), help="Which copy stays; with a FILE.")
@click.option(
    "--conflicts",
    type=click.Choice(["quarantine", "report", "keep best"]),
    help="What becomes of one input with two answers; with a FILE.",
)
@click.option(
    "--mask", is_flag=True, help="Put marks in the place of e-mail addresses, phone, card and account numbers."
)
@click.option("--overrides", type=_PATH, help="Decisions about rows; with a FILE (else overrides.jsonl in --out).")
@click.option("--splits", type=_PATH, help="Where placed rows are held for the next time; with a FILE.")
@click.option("--dry-run", is_flag=True, help="Say what would become of the rows; write nothing.")
@click.option("--threshold-table", is_flag=True, help="How many rows each near-duplicate threshold would drop.")
@click.option("--run", "name", help="Curate into this run again.")
@click.option("--cluster", is_flag=True, help="In parts, by the workers that [cluster] of the project names.")
@code_option
@reading_options
@common_options
def command(
    source: Path | None, mask: bool, dry_run: bool, threshold_table: bool, name: str | None, cluster: bool,
    allow_code: bool, talk: Talk, **stated: Any,
) -> None:  # fmt: skip
    """Raw pairs to clean, leak-proof splits, with a ledger of every row.

    SOURCE is a project folder (the current one if left out), or a file of pairs with --out and, for its rules, --style.
    A project keeps placed rows in splits.jsonl and replays the decisions of overrides.jsonl.
    """
    reading = stated.pop("reading")
    given = {key: value for key, value in (stated | reading).items() if value not in (None, ())}
    if _is_file(source, given, dry_run=dry_run):
        assert source is not None
        _refuse_run(name, source)
        project, beside = _from_file(source, given, mask=mask, dry_run=dry_run, allow_code=allow_code)
        run = given.get("out")
    else:
        project, beside = _from_project(source, given, mask=mask, allow_code=allow_code)
        run = None
    if cluster:
        _on_cluster(project, run, name, talk, beside, refused={"dry-run": dry_run, "threshold-table": threshold_table})
    elif dry_run:
        _say_only(project, beside, talk, thresholds=threshold_table, source=source)
    else:
        _write(project, beside, run, name, talk, thresholds=threshold_table)


def _is_file(source: Path | None, given: dict[str, Any], *, dry_run: bool) -> bool:
    from ..project import PROJECT_FILE

    if source is None or source.name == PROJECT_FILE or (source / PROJECT_FILE).is_file():
        return False
    # A folder of files is one of pairs too, where the options say so.
    return source.is_file() or any(mark in str(source) for mark in "*?[") or "out" in given or dry_run


def _refuse_run(name: str | None, source: Path) -> None:
    if name is not None:
        from ..core import ConfigError

        raise ConfigError(
            f"--run goes with a project; a file is curated again by the same --out: tuneworth curate {source}"
        )


def _say_only(project: "Project", beside: "Beside", talk: Talk, *, thresholds: bool, source: Path | None) -> None:
    from ..project import curated_pairs
    from ..reports import curated_text

    *_, curated = curated_pairs(project, talk, seed=talk.seed, beside=beside, thresholds=thresholds)
    talk.answer(f"{curated_text(curated.summary)}\n\nA dry run: nothing was written.", {"run": None, **curated.summary})
    talk.next("the same command without --dry-run writes the splits")


def _on_cluster(
    project: "Project", run: Path | None, name: str | None, talk: Talk, beside: "Beside", *, refused: dict[str, bool]
) -> None:
    from ..core import ConfigError, disk_refusals
    from ..project import cluster_settings, curate_on_cluster, find_run, new_run, nothing_half_written
    from ..reports import curated_text

    if run is not None:
        raise ConfigError("--cluster goes with a project, whose [cluster] names the workers; a file is curated here")
    for option in (option for option, asked in refused.items() if asked):
        raise ConfigError(f"--{option} goes without --cluster: it works on one machine, on a sample where need be")
    cluster_settings(project)
    with disk_refusals(project.runs):
        folder = find_run(project, name) if name else new_run(project, talk, command="tuneworth curate")
    with nothing_half_written(folder):
        summary = curate_on_cluster(project, folder, talk, beside=beside)
    talk.answer(f"{curated_text(summary)}\n\nWritten to {folder / 'curate'}", {"run": str(folder), **summary})
    talk.next(f"ask what happened to a row: tuneworth why {quote(str(folder))} ROW")


def _write(
    project: "Project", beside: "Beside", run: Path | None, name: str | None, talk: Talk, *, thresholds: bool
) -> None:
    from ..core import disk_refusals
    from ..project import curate_stage, find_run, new_run, nothing_half_written, start_run
    from ..reports import curated_text

    with disk_refusals(run or project.runs):
        if run is not None:
            start_run(run, talk, config=project.resolved, command="tuneworth curate", name=Path(project.data.path).stem)
        else:
            run = find_run(project, name) if name else new_run(project, talk, command="tuneworth curate")
    with nothing_half_written(run):
        summary = curate_stage(project, run, talk, beside=beside, thresholds=thresholds)
    talk.answer(f"{curated_text(summary)}\n\nWritten to {run / 'curate'}", {"run": str(run), **summary})
    talk.next(f"ask what happened to a row: tuneworth why {quote(str(run))} ROW")


def _from_project(
    source: Path | None, given: dict[str, Any], *, mask: bool, allow_code: bool
) -> tuple["Project", "Beside"]:
    """The project of a folder, and the files beside it."""
    from ..core import ConfigError, DataError
    from ..project import PROJECT_FILE, Beside, find_project, read_project

    if source is not None and not source.exists():
        raise DataError(f"no file or project at {source}")
    if source is not None and source.is_dir() and not (source / PROJECT_FILE).is_file():
        raise ConfigError(
            f"no {PROJECT_FILE} in {source.resolve()}, so it is no project\n"
            f"With --out DIR the files in it are read as pairs: tuneworth curate {quote(str(source))} --out DIR"
        )
    folder = find_project(source)
    if given:
        option = next(iter(given))
        where = f"{_OF_A_FILE[option]} in {folder / 'tuneworth.toml'} says it" if _OF_A_FILE[option] else "leave it out"
        raise ConfigError(f"--{_option(option)} goes with a file of pairs; for a project {where}")
    project = read_project(source, allow_code=allow_code)
    return _masked(project) if mask else project, Beside.of_project(folder)


def _from_file(
    source: Path, given: dict[str, Any], *, mask: bool, dry_run: bool, allow_code: bool
) -> tuple["Project", "Beside"]:
    """A project made of a file's options; the decisions in the folder to write to are replayed."""
    from ..core import ConfigError
    from ..curate import CurateSettings, DataSettings
    from ..evaluate import EvaluateSettings
    from ..project import OVERRIDES, Beside, Project
    from ..style import StyleSchema, read_style
    from ..train import TrainSettings

    out, style = given.get("out"), given.get("style")
    if out is None and not dry_run:
        raise ConfigError(
            f"curating a file needs --out DIR, the folder to write to: tuneworth curate {quote(str(source))} --out DIR"
        )
    if (
        out is not None
        and out.exists()
        and not (out / "run.json").is_file()
        and (not out.is_dir() or any(out.iterdir()))
    ):
        raise ConfigError(f"{out} is there already and is no run of Tuneworth; name another folder")
    schema = read_style(style, allow_code=allow_code) if style else StyleSchema("no style", ())
    data = {
        k: given[k] for k in ("input", "output", "group", "identifiers", "date", "encoding", "delimiter") if k in given
    }
    rules = {k: given[k] for k in ("stratify", "near_duplicate", "keep", "conflicts") if k in given}
    try:
        # Absolute, since a project's paths are read from its folder.
        settings = DataSettings(path=str(source.absolute()), **data), CurateSettings(mask=mask, **rules)
    except ValueError as error:
        raise ConfigError(f"--{str(error).replace('_', '-', 1)}") from None
    config = {"data": {"path": source.name, **data}, "curate": {"mask": mask, **rules}}
    project = Project(
        Path(), settings[0], schema, settings[1], TrainSettings(), EvaluateSettings(), resolved=config, style_path=style
    )
    overrides = given.get("overrides")
    if overrides is not None and not overrides.is_file():
        raise ConfigError(f"--overrides: no file at {overrides}")
    return project, Beside(overrides or (out / OVERRIDES if out is not None else None), given.get("splits"))


def _masked(project: "Project") -> "Project":
    from dataclasses import replace

    return replace(project, curate=replace(project.curate, mask=True))


def _option(name: str) -> str:
    return {"identifiers": "identifier"}.get(name, name.replace("_", "-"))
