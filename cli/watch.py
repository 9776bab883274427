"""`tuneworth watch`: whether a verdict still holds."""

from decimal import Decimal
from pathlib import Path

import click

from ..core import Console
from .help import Grouped
from .options import Amount, code_option, common_options, limit_option

DECIDE_AGAIN = 4  # exit code


_GROUPS = {
    "Options": "--endpoint --logs --dry-run --max-cost",
    "The served model": "--model --key-env --rows",
    "The log of live requests": "--log-share --limit",
    "Output": "--markdown --gate",
}


@click.command(
    "watch",
    cls=Grouped,
    groups=_GROUPS,
    epilog="Example:  tuneworth watch . --endpoint https://models.example.com/v1 --markdown issue.md",
)
@click.argument("run", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--endpoint", "endpoints", multiple=True, metavar="URL", help="The address of a served model; repeatable."
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="The model's name there: one for all endpoints, or one each (default: the server's only model).",
)
@click.option("--key-env", metavar="NAME", help="The environment variable with the key of the endpoints.")
@click.option("--logs", "log", type=click.Path(path_type=Path), help="A file of live requests with their outputs.")
@click.option("--log-share", type=float, default=1.0, help="The share of all requests that the log holds (default 1).")
@click.option("--rows", type=int, default=40, help="Test rows per look (default 40).")
@click.option("--max-cost", type=Amount(), help="Stop before the requests cost more, in the currency of [roi].")
@click.option("--dry-run", is_flag=True, help="Show the requests and their cost; send none.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the answer as Markdown, for an issue.")
@click.option("--gate", is_flag=True, help="Exit with code 1 if the answer is not `as judged`.")
@limit_option
@code_option
@common_options
def command(
    run: Path, endpoints: tuple[str, ...], models: tuple[str, ...], key_env: str | None, log: Path | None, log_share: float,
    rows: int, max_cost: Decimal | None, dry_run: bool, markdown: Path | None, gate: bool, limits: dict[str, str | int] | None,
    allow_code: bool, talk: Console,
) -> int:  # fmt: skip
    """Check whether a verdict still holds: the served model, live requests, prices, dates and volume.

    RUN is a run folder, or a project for its newest run. Each look sends some test requests and compares the answers with
    the recorded outputs. However often you look, the chance of a false alarm is at most 5% in a year. The answer is
    `as judged`, `worse` or `decide again`.

    \b
    Exit codes: 0 as judged or worse, 4 decide again, 1 only with --gate,
    2 wrong input, 3 stopped half-way.
    """
    from ..core import GateFailed, write_whole
    from ..deploy import WatchSettings, plan_watch, served_at, watch_markdown, watch_run, watch_text, watch_title

    served = served_at(run, endpoints, models, key_env=key_env)
    settings = WatchSettings(served, log, rows, max_cost, log_share, limits)
    if dry_run:
        lines = plan_watch(run, settings, allow_code=allow_code, talk=talk)
        talk.answer("\n".join(lines) or "No endpoint is named, so nothing would be sent.", {"plan": lines})
        return 0
    watched = watch_run(run, settings, allow_code=allow_code, talk=talk)
    if markdown is not None:
        write_whole(markdown, watch_markdown(watched.content))
    talk.answer(watch_text(watched.content), watched.content)
    if gate and watched.answer != "as judged":
        raise GateFailed(watch_title(watched.content))
    return DECIDE_AGAIN if watched.answer == "decide again" else 0
