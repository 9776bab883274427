"""`tuneworth init`: create a project folder."""

from pathlib import Path
from typing import Any

import click

from ..core import Console, quote
from .help import Grouped
from .options import common_options, option_of, reading_options


@click.command("init", cls=Grouped, epilog="Example:  tuneworth init lines --from pairs.jsonl")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--from", "file", type=click.Path(path_type=Path), help="A file of pairs, to map its columns and infer its style."
)
@reading_options
@common_options
def command(folder: Path, file: Path | None, reading: dict[str, Any], talk: Console) -> None:
    """Create a project: FOLDER with a tuneworth.toml, and a style.yaml inferred from the pairs of --from FILE.

    Without a file, or if its outputs share no style, style.yaml is a basic one to start from.
    """
    from ..core import ConfigError
    from ..project import create_project
    from ..reports import checkup_brief

    if reading and file is None:
        raise ConfigError(f"--{option_of(next(iter(reading)))} needs --from FILE: it says how to read that file")
    created = create_project(folder, file, talk=talk, **reading)
    written = [str(path) for path in created.written]
    lines = [f"Written: {name}" for name in written]
    if created.checkup is not None and (brief := checkup_brief(created.checkup)):
        lines += ["", f"Check-up of {file}:", brief]
    checkup = None if created.checkup is None else created.checkup.to_json()
    talk.answer("\n".join(lines), {"written": written, "recognised": None, **created.found, "checkup": checkup})
    talk.next(f"read {folder / 'style.yaml'}, then: tuneworth curate {quote(str(folder))}")
