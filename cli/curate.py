"""`tuneworth curate`: raw pairs to clean splits."""

from dataclasses import replace
from pathlib import Path

import click

from .reading import code_option
from .talk import Talk, common_options

__all__ = ["command"]


@click.command("curate", epilog="Example:  tuneworth curate pairs.jsonl --style style.yaml --out clean")
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--style", type=click.Path(path_type=Path), help="The style schema; with a FILE.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write to; with a FILE.")
@click.option("--group", help="The column that must stay on one side of the split; with a FILE.")
@click.option(
    "--identifier",
    "identifiers",
    multiple=True,
    help="A field that names the item and says nothing about it; with a FILE.",
)
@click.option("--run", "name", help="Curate into this run again.")
@code_option
@common_options
def command(
    source: Path | None,
    style: Path | None,
    out: Path | None,
    group: str | None,
    identifiers: tuple[str, ...],
    name: str | None,
    allow_code: bool,
    talk: Talk,
) -> None:
    """Raw pairs to clean, leak-proof splits, with a ledger of every row.

    SOURCE is a project folder (the current one if left out), or a file of pairs with --style and --out.
    """
    from .headline import curate_lines
    from .project import find_project, read_project
    from .runs import find_run, new_run, nothing_half_written
    from .stages import curate_stage

    if source is not None and source.name != "tuneworth.toml" and (source.is_file() or out is not None):
        project, run = _from_file(source, style, out, group, identifiers, talk, allow_code=allow_code)
    else:
        if source is not None and not source.exists():
            from ..style import DataError

            raise DataError(f"no file or project at {source}")
        find_project(source)
        project = read_project(source, allow_code=allow_code)
        run = find_run(project, name) if name else new_run(project, talk, command="tuneworth curate")
    with nothing_half_written(run):
        summary = curate_stage(project, run, talk)
    talk.answer(f"{curate_lines(summary)}\n\nWritten to {run / 'curate'}", {"run": str(run), **summary})
    talk.next(f"ask what happened to a row: tuneworth why {run} ROW")


def _from_file(
    source: Path, style: Path | None, out: Path | None, group: str | None, identifiers: tuple[str, ...], talk: Talk,
    *, allow_code: bool,
):  # fmt: skip
    """A project made of a file's options, and its run folder."""
    from ..curate.settings import CurateSettings, DataSettings
    from ..evaluate.settings import EvaluateSettings
    from ..style import ConfigError, StyleSchema, read_style
    from ..train.settings import TrainSettings
    from .project import Project
    from .runs import start_run

    if out is None:
        raise ConfigError(
            f"curating a file needs --out DIR, the folder to write to: tuneworth curate {source} --out DIR"
        )
    schema = read_style(style, allow_code=allow_code) if style else StyleSchema("no style", ())
    data = DataSettings(path=str(source.resolve()), group=group, identifiers=identifiers)
    project = Project(Path(), data, schema, CurateSettings(), TrainSettings(), EvaluateSettings())
    if out.exists() and not (out / "run.json").is_file() and any(out.iterdir()):
        raise ConfigError(f"{out} is there already and is no run of Tuneworth; name another folder")
    config = {"data": {"path": source.name, "group": group, "identifiers": list(identifiers)}}
    start_run(out, talk, config=config, command="tuneworth curate", name=source.stem)
    return replace(project), out
