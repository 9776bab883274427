"""`tuneworth check`: what to know about a file of pairs before anything else is done with it."""

from pathlib import Path
from typing import Any

import click

from ..core import Console, quote
from .help import Grouped
from .options import common_options, reading_options

_PATH = click.Path(path_type=Path)
_GROUPS = {"Options": "--page --no-mispaired --input --output --id --group --identifier --turns"}


@click.command(
    "check", cls=Grouped, groups=_GROUPS, epilog="Example:  tuneworth check products.csv --page products.html"
)
@click.argument("file", type=_PATH)
@click.option("--group", help="The column whose rows belong in the same split.")
@click.option(
    "--identifier", "identifiers", multiple=True, help="A field that only names the item, such as a part number."
)
@click.option("--turns", type=click.Choice(["last", "all"]), help="The answers of a conversation that are examples.")
@click.option("--page", type=_PATH, help="Write the check-up as an HTML page as well.")
@click.option("--no-mispaired", is_flag=True, help="Do not look for rows whose output fits another request better.")
@reading_options
@common_options
def command(
    file: Path,
    group: str | None,
    identifiers: tuple[str, ...],
    turns: str | None,
    page: Path | None,
    no_mispaired: bool,
    reading: dict[str, Any],
    talk: Console,
) -> None:
    """Check up on the pairs in FILE: missing facts, duplicates, mispaired rows, columns, personal data, and what to type.

    FILE may be a folder or a quoted glob. No style, model or project is needed, and nothing is changed. If no columns are
    named with --input and --output, or recognised, some are proposed by their names and texts, with the reason.
    """
    from ..project import check_data
    from ..reports import checkup_text, write_checkup

    columns = reading | {key: value for key, value in (("group", group), ("turns", turns)) if value}
    checked = check_data(file, identifiers=identifiers, mispaired=not no_mispaired, talk=talk, **columns)
    data = checked.to_json()
    text = f"{file}\n{checkup_text(checked.checkup)}"
    if page is not None:
        write_checkup(checked.checkup, page, source=file.name, command=checked.command_for(file.name))
        text += f"\n\nWritten to {page}"
    talk.answer(text, data | {"page": None if page is None else str(page)})
    talk.next(checked.command if page is None else f"open {quote(str(page))}, then: {checked.command}")
