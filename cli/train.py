"""`tuneworth train`: fit a LoRA adapter on a run's train split."""

from pathlib import Path

import click

from .reading import code_option
from .talk import Talk, common_options

__all__ = ["command"]


@click.command("train", epilog="Example:  tuneworth train examples/components")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--run", "name", help="The run to train in; the newest one if left out.")
@code_option
@common_options
def command(project: Path | None, name: str | None, allow_code: bool, talk: Talk) -> None:
    """Fit a LoRA adapter on the train split of the newest run."""
    from .project import read_project
    from .runs import find_run
    from .stages import train_stage

    settings = read_project(project, allow_code=allow_code)
    run = find_run(settings, name)
    summary = train_stage(settings, run, talk)
    lines = [f"{key}: {value}" for key, value in summary.items() if not isinstance(value, dict | list)]
    talk.answer("\n".join(lines), {"run": str(run), **summary})
    talk.next(f"tuneworth evaluate {settings.folder}")
