"""`tuneworth review`: decide about rows, change the style and judge outputs, in the browser."""

from pathlib import Path

import click

from ..core import Console
from .help import Grouped
from .options import code_option, common_options

_GROUPS = {"The address": "--port --host --allow-remote"}


@click.command("review", cls=Grouped, groups=_GROUPS, epilog="Example:  tuneworth review examples/components")
@click.argument("run", required=False, type=click.Path(path_type=Path), default=Path())
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The port (default: one of its own, or a free one)."
)
@click.option(
    "--host", default="127.0.0.1", help="The address to listen on (needs --allow-remote if not this machine)."
)
@click.option("--allow-remote", is_flag=True, help="Let other machines reach the page, which is not encrypted.")
@click.option("--who", help="The person who decides (default: this machine's user).")
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
@code_option
@common_options
def command(
    run: Path, port: int, host: str, allow_remote: bool, who: str | None, no_open: bool, allow_code: bool, talk: Console
) -> None:
    """Open the workbench of RUN in the browser: the rows that wait for a decision, the style, and outputs to judge.

    RUN is a project (its newest run; default: the current folder), a run folder, or the --out of a curated file.

    Each decision is on disk in overrides.jsonl before the page confirms it, and takes effect with the next curate, which
    the page can start. The address contains a token; nothing leaves this machine.
    """
    from ..review import need_review, open_reviewed, serve_review

    need_review()
    opened = open_reviewed(run, allow_code=allow_code)
    serve_review(
        opened, host=host, port=port, allow_remote=allow_remote, who=who, open_page=not no_open, allow_code=allow_code,
        talk=talk,
    )  # fmt: skip
