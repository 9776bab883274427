"""`tuneworth init`: a new project folder."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from ..core import Talk
from .options import common_options, reading_options

__all__ = ["command"]


@click.command("init", epilog="Example:  tuneworth init lines --from pairs.jsonl")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--from", "file", type=click.Path(path_type=Path), help="The file of pairs; its columns are mapped.")
@reading_options
@common_options
def command(folder: Path, file: Path | None, reading: dict[str, Any], talk: Talk) -> None:
    """A new project: FOLDER with tuneworth.toml and a style.yaml, inferred from the examples of --from FILE.

    Where the examples have no style, or there is no file, style.yaml is a plain one to begin with.
    """
    from ..core import ConfigError
    from ..project import create_project

    if reading and file is None:
        raise ConfigError(f"--{next(iter(reading))} says how the file of --from is read; name that file")
    made = create_project(folder, file, talk=talk, **reading)
    written = [str(path) for path in made.written]
    talk.answer(
        "\n".join(f"Written: {name}" for name in written), {"written": written, "recognised": None, **made.found}
    )
    talk.next(f"look at {folder / 'style.yaml'}, then: tuneworth curate {quote(str(folder))}")
