"""Options that commands share (verbosity, output format, permission to run code, how to read pairs), and option types."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..core import Console, Limits


class Amount(click.ParamType):
    """An exact amount of money, 0 or more; or above 0 if it must be `positive`."""

    name = "amount"

    def __init__(self, *, positive: bool = False) -> None:
        self.positive = positive

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """The amount. Raises: BadParameter if the text is not one."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount < 0 or (self.positive and not amount):
            wanted = "an amount above 0, such as 25" if self.positive else "an amount of money"
            self.fail(f"{value!r} is not {wanted}", param, ctx)
        return amount


class RunName(click.ParamType):
    """The name of a run; the shell completes the runs of the project on the command line, the newest first."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names of runs that start with `incomplete`."""
        # While `--run` has no value yet, click leaves the argument before it in `ctx.args`.
        stated = ctx.params.get("project") or ctx.params.get("source") or next(iter(ctx.args), "")
        place = Path(stated)
        project = place.parent if place.is_file() else place
        found = sorted((file.parent.name for file in project.glob("runs/*/run.json")), reverse=True)
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def common_options(command: Callable) -> Callable:
    """Add the options of every command, passed to the command as one `talk`."""

    def with_talk(*args: Any, json: bool, quiet: bool, seed: int | None, debug: bool, **kwargs: Any) -> Any:
        return command(*args, talk=Console(json, quiet, seed or 0, seed is not None, debug), **kwargs)

    with_talk.__name__, with_talk.__doc__ = command.__name__, command.__doc__
    with_talk.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="Seed of all random draws (default 0)."
        ),
        click.option("--quiet", is_flag=True, help="Print only the answer."),
        click.option("--json", is_flag=True, help="Print the answer as JSON, and nothing else, on standard output."),
    ):
        with_talk = option(with_talk)
    return with_talk


code_option = click.option(
    "--allow-code", is_flag=True, help="Allow python checks, which run code from the style file's folder."
)


def _limits(context: click.Context, option: click.Parameter, stated: tuple[str, ...]) -> dict[str, str | int] | None:
    """The limits by name; None if none is given. Raises: BadParameter for a text other than KEY=SIZE."""
    limits: dict[str, str | int] = {}
    for text in stated:
        name, sign, size = (part.strip() for part in text.partition("="))
        if not sign or not size:
            raise click.BadParameter(f'expected KEY=SIZE, such as record=32MB, found "{text[:60]}"', context, option)
        limits[name] = int(size) if size.isdecimal() and len(size) < 16 else size
    try:
        Limits.stated(limits)
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from None
    return limits or None


limit_option = click.option(
    "--limit", "limits", multiple=True, metavar="KEY=SIZE", callback=_limits,
    help="How much a file may hold, such as record=32MB; keys: those of [data.limits].",
)  # fmt: skip


def option_of(name: str) -> str:
    """The name of the option for a setting, as it is typed."""
    return {"identifiers": "identifier", "limits": "limit"}.get(name, name.replace("_", "-"))


def reading_options(command: Callable) -> Callable:
    """Add the options that say how to read a file of pairs, passed to the command as one `reading`."""

    def with_reading(
        *args: Any,
        inputs: tuple[str, ...],
        output: str | None,
        id: str | None,
        encoding: str | None,
        delimiter: str | None,
        sheet: str | None,
        leave_out_constant: bool,
        limits: dict[str, str | int] | None,
        **kwargs: Any,
    ) -> Any:
        column = inputs[0] if len(inputs) == 1 else inputs or None
        stated = {"input": column, "output": output, "id": id, "encoding": encoding, "delimiter": delimiter}
        stated |= {"sheet": sheet, "leave_out_constant": leave_out_constant or None, "limits": limits}
        return command(*args, reading={key: value for key, value in stated.items() if value is not None}, **kwargs)

    with_reading.__name__, with_reading.__doc__ = command.__name__, command.__doc__
    with_reading.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        limit_option,
        click.option(
            "--leave-out-constant", is_flag=True, help="Leave out input columns that have one value in every row."
        ),
        click.option("--sheet", help="The sheet of a workbook (.xlsx), if not the first."),
        click.option("--delimiter", help="The delimiter of a CSV file, if detected incorrectly."),
        click.option("--encoding", help="The file's encoding, if not UTF-8."),
        click.option("--id", help="The column that names each row, such as a sku, if not recognised."),
        click.option("--output", help="The column of outputs, if not recognised."),
        click.option(
            "--input", "inputs", multiple=True, help="The column of inputs; repeat it for several as fields; '*': all."
        ),
    ):
        with_reading = option(with_reading)
    return with_reading
