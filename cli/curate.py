"""`tuneworth curate`: raw pairs to clean splits."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from ..core import ConfigError, DataError, Talk
from .options import code_option, common_options, reading_options

__all__ = ["command"]

# Options that a project file sets itself, with their section.
_OF_A_FILE = {
    "style": "[style] path", "out": "", "group": "[data] group", "identifiers": "[data] identifiers",
    "date": "[data] date", "stratify": "[curate] stratify", "near_duplicate": "[curate] near_duplicate",
    "keep": "[curate] keep", "conflicts": "[curate] conflicts", "overrides": "", "splits": "", "input": "[data] input",
    "output": "[data] output", "encoding": "[data] encoding", "delimiter": "[data] delimiter",
}  # fmt: skip
_COLUMNS = ("input", "output", "group", "identifiers", "date", "encoding", "delimiter")
_RULES = ("stratify", "near_duplicate", "keep", "conflicts")
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
    alone = {"dry-run": dry_run, "threshold-table": threshold_table}
    how = {"thresholds": threshold_table, "allow_code": allow_code, "talk": talk}
    if _is_file(source, given, dry_run=dry_run):
        assert source is not None
        if name is not None:
            raise ConfigError(
                f"--run goes with a project; a file is curated again by the same --out: tuneworth curate {source}"
            )
        if cluster:
            raise ConfigError(
                "--cluster goes with a project, whose [cluster] names the workers; a file is curated here"
            )
        summary = _of_file(source, given, mask=mask, dry_run=dry_run, **how)
        folder = None if dry_run else given["out"]
    else:
        _refuse_options(source, given)
        for option in (option for option, there in alone.items() if there and cluster):
            raise ConfigError(f"--{option} goes without --cluster: it works on one machine, on a sample where need be")
        summary, folder = _of_project(source, name, dry_run=dry_run, cluster=cluster, mask=mask, **how)
    _tell(summary, folder, talk)


def _tell(summary: dict[str, Any], folder: Path | None, talk: Talk) -> None:
    from ..reports import curated_text

    where = "A dry run: nothing was written." if folder is None else f"Written to {folder / 'curate'}"
    talk.answer(f"{curated_text(summary)}\n\n{where}", {"run": None if folder is None else str(folder), **summary})
    if folder is None:
        talk.next("the same command without --dry-run writes the splits")
    else:
        talk.next(f"ask what happened to a row: tuneworth why {quote(str(folder))} ROW")


def _is_file(source: Path | None, given: dict[str, Any], *, dry_run: bool) -> bool:
    from ..project import PROJECT_FILE

    if source is None or source.name == PROJECT_FILE or (source / PROJECT_FILE).is_file():
        return False
    # A folder of files is also a source of pairs if the options say so.
    return source.is_file() or any(mark in str(source) for mark in "*?[") or "out" in given or dry_run


def _of_project(
    source: Path | None, name: str | None, *, dry_run: bool, cluster: bool, **how: Any
) -> tuple[dict[str, Any], Path | None]:
    """The summary of a project's pairs, and the run; no run in a dry run."""
    from ..project import curate_project, preview_curation

    if dry_run:
        return preview_curation(source, **how).summary, None
    run = curate_project(source, run=name, cluster=cluster, **how)
    return run.curation, run.folder


def _refuse_options(source: Path | None, given: dict[str, Any]) -> None:
    """Raises: DataError or ConfigError if the source is not a project, or options for a file are given."""
    from ..project import PROJECT_FILE, find_project

    if source is not None and not source.exists():
        raise DataError(f"no file or project at {source}")
    if source is not None and source.is_dir() and not (source / PROJECT_FILE).is_file():
        raise ConfigError(
            f"no {PROJECT_FILE} in {source.resolve()}, so it is no project\n"
            f"With --out DIR the files in it are read as pairs: tuneworth curate {quote(str(source))} --out DIR"
        )
    folder = find_project(source)
    for option in given:
        where = f"{_OF_A_FILE[option]} in {folder / PROJECT_FILE} says it" if _OF_A_FILE[option] else "leave it out"
        raise ConfigError(f"--{_option(option)} goes with a file of pairs; for a project {where}")


def _of_file(source: Path, given: dict[str, Any], *, mask: bool, dry_run: bool, **how: Any) -> dict[str, Any]:
    """The summary of a file's pairs; errors in an option name the option."""
    from ..curate import CurateSettings, DataSettings
    from ..project import curate_pairs

    out, overrides = given.get("out"), given.get("overrides")
    if out is None and not dry_run:
        raise ConfigError(
            f"curating a file needs --out DIR, the folder to write to: tuneworth curate {quote(str(source))} --out DIR"
        )
    columns = {key: given[key] for key in _COLUMNS if key in given}
    rules: dict[str, Any] = {"mask": mask} | {key: given[key] for key in _RULES if key in given}
    try:
        DataSettings(path=str(source), **columns)
        CurateSettings(**rules)
    except ValueError as error:
        raise ConfigError(f"--{str(error).replace('_', '-', 1)}") from None
    if overrides is not None and not overrides.is_file():
        raise ConfigError(f"--overrides: no file at {overrides}")
    return curate_pairs(
        source, given.get("style"), settings=rules, **columns, overrides=overrides, splits=given.get("splits"), out=out,
        dry_run=dry_run, **how,
    ).summary  # fmt: skip


def _option(name: str) -> str:
    return {"identifiers": "identifier"}.get(name, name.replace("_", "-"))
