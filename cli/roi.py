"""`tuneworth roi`: the money alone."""

from pathlib import Path

import click

from ..core import Talk
from .options import common_options

__all__ = ["command"]


@click.command("roi", epilog="Example:  tuneworth roi --config examples/article.toml")
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option(
    "--config", type=click.Path(path_type=Path), help="A file with a [roi] table; no project and no run needed."
)
@click.option("--explain", is_flag=True, help="Every figure as a line that a pocket calculator can follow.")
@common_options
def command(project: Path | None, config: Path | None, explain: bool, talk: Talk) -> None:
    """What fine-tuning costs and saves, from stated numbers or from a project's newest run.

    With --config, the two variants are those that [roi.NAME] tables describe: `prompted` and `tuned` where both are
    there. A project's newest evaluated run gives what it measured; the [roi] of the project file, as it is now, the rest.
    """
    from ..core import ConfigError
    from ..project import measured_money, stated_money
    from ..reports import derivation_text, money_text

    if config is not None and project is not None:
        raise ConfigError("name a project or a --config file, not both")
    if config is not None:
        found, measured = stated_money(config, seed=talk.seed), None
    else:
        found, measured = measured_money(project or Path(), seed=talk.seed if talk.seed_given else None)
    money = found.to_json()
    text = money_text(money, run=measured)
    talk.answer(f"{text}\n\n{derivation_text(money)}" if explain else text, money)
    talk.next("your own numbers in [roi]; --explain shows how each figure comes about")
