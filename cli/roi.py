"""`tuneworth roi`: compare costs without a report."""

from pathlib import Path

import click

from ..core import Console, quote
from .help import Grouped
from .options import code_option, common_options


@click.command("roi", cls=Grouped, epilog="Example:  tuneworth roi --config examples/article.toml")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A TOML file with a [roi] table: alone, or for a run of collected outputs.",
)
@click.option("--explain", is_flag=True, help="Show how each figure is calculated.")
@code_option
@common_options
def command(run: Path | None, config: Path | None, explain: bool, allow_code: bool, talk: Console) -> None:
    """What fine-tuning costs and saves, from stated numbers or from a run, whose verdict is updated.

    With --config alone, the [roi.NAME] tables describe the two variants: `prompted` and `tuned` if both exist. RUN is a
    run folder, the --out folder of collected outputs, or a project for its newest evaluated run. Its stored outputs are
    judged by the current tuneworth.toml and style; nothing is generated. The run keeps its earlier verdict. Collected
    outputs may have their prices in the file of --config.
    """
    from ..core import as_json, filled
    from ..project import decide_by_money, stated_money
    from ..reports import derivation_text, money_text, verdict_sentence

    if config is not None and run is None:
        money = stated_money(config, seed=talk.seed)
        text, data = money_text(money), as_json(money)
        step = "put your own numbers into [roi]; --explain shows each calculation"
    else:
        opened, money, changed = decide_by_money(run or Path(), config, allow_code=allow_code, talk=talk)
        verdict = None if opened.results is None else opened.results.verdict
        sentence = filled(verdict_sentence(verdict)) if verdict else []
        text = "\n".join([*sentence, *([""] if sentence else []), money_text(money, run=opened.name)])
        data = {**as_json(money), "verdict": as_json(verdict), "changed": as_json(changed)}
        step = f"`tuneworth report {quote(str(opened.folder))}` writes the report of this verdict"
    talk.answer(f"{text}\n\n{derivation_text(money)}" if explain else text, data)
    talk.next(step)
