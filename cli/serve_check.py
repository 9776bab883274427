"""`tuneworth serve-check`: is the deployed model the one that was judged?"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from ..core import Console
from .help import Grouped
from .options import Amount, code_option, common_options

_GROUPS = {
    "Options": "--endpoint --model --key-env --dry-run",
    "Requests": "--variant --rows --max-cost",
    "Output": "--markdown",
}


@click.command(
    "serve-check",
    cls=Grouped,
    groups=_GROUPS,
    epilog="Example:  tuneworth serve-check runs/NAME --endpoint http://127.0.0.1:8080/v1 --rows 100",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--endpoint", required=True, help="The address of the deployed model, such as http://127.0.0.1:8080/v1.")
@click.option("--model", help="The model's name there (default: the server's only model).")
@click.option("--key-env", metavar="NAME", help="The environment variable with the endpoint's key.")
@click.option("--variant", help="The judged variant to compare with (default: the candidate of the comparison).")
@click.option("--rows", type=click.IntRange(1), help="Send a seeded sample of this many test requests (default: all).")
@click.option("--max-cost", type=Amount(), help="Stop before the requests cost more, in the currency of [roi].")
@click.option("--dry-run", is_flag=True, help="Show the requests and their cost; send none.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the outcome to this file as Markdown.")
@code_option
@common_options
def command(
    run: Path, endpoint: str, model: str | None, key_env: str | None, variant: str | None, rows: int | None,
    max_cost: Decimal | None, dry_run: bool, markdown: Path | None, allow_code: bool, talk: Console,
) -> None:  # fmt: skip
    """Send a deployed model the requests that the judged one answered, and report whether it answers the same.

    RUN is a run folder, or a project for its newest run. Messages, temperature and token limit are those of the evaluation;
    the answers are compared with the recorded ones. Where they differ, tests look for the cause: the chat template, the
    stop, the base model without its adapter, the number format, the context, the sampling. Answers are kept in RUN/served;
    after an interruption, the same command requests only what is missing. The exit code is 1 if what is served is not what
    was judged.
    """
    from ..core import write_whole
    from ..deploy import check_serving, plan_serving, served_markdown, served_text

    settings: dict[str, Any] = {
        "model": model, "key_env": key_env, "variant": variant, "rows": rows, "max_cost": max_cost,
        "allow_code": allow_code, "talk": talk,
    }  # fmt: skip
    if dry_run:
        plan = plan_serving(run, endpoint, **settings)
        talk.answer("\n".join(plan.lines()), plan.data())
        talk.next("nothing was sent; without --dry-run the requests are sent")
        return
    found = check_serving(run, endpoint, **settings)
    if markdown is not None:
        write_whole(markdown, served_markdown(found.content))
    talk.answer(served_text(found.content), found.content)
    found.raise_if_different()
