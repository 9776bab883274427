"""`tuneworth roi`: compare costs without a report."""

from pathlib import Path

import click

from ..core import Talk
from .options import common_options

__all__ = ["command"]


@click.command("roi", epilog="Example:  tuneworth roi --config examples/article.toml")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="A file with a [roi] table; needs no project or run.")
@click.option("--explain", is_flag=True, help="Show how each figure is calculated.")
@common_options
def command(project: Path | None, config: Path | None, explain: bool, talk: Talk) -> None:
    """What fine-tuning costs and saves, from stated numbers or from a project's newest run.

    With --config, the [roi.NAME] tables describe the two variants: `prompted` and `tuned` if both exist. For a project,
    measured numbers come from its newest evaluated run and the others from [roi] in the project file.
    """
    from ..core import ConfigError
    from ..project import measured_money, stated_money
    from ..reports import derivation_text, money_text

    if config is not None and project is not None:
        raise ConfigError("name a project or a --config file, not both")
    if config is not None:
        comparison, measured = stated_money(config, seed=talk.seed), None
    else:
        comparison, measured = measured_money(project or Path(), seed=talk.seed if talk.seed_given else None)
    money = comparison.to_json()
    text = money_text(money, run=measured)
    talk.answer(f"{text}\n\n{derivation_text(money)}" if explain else text, money)
    talk.next("put your own numbers into [roi]; --explain shows each calculation")
