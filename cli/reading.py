"""The options that say how a file of pairs is read, for commands that read one without a project."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core import Talk

if TYPE_CHECKING:
    from ..curate import RawPairs

__all__ = ["code_option", "read_file", "reading_options"]

code_option = click.option(
    "--allow-code", is_flag=True, help="Let the style's python checks run: they are code from beside the style file."
)


def reading_options(command: Callable) -> Callable:
    """`--input`, `--output`, `--encoding` and `--delimiter`; the command gets what was given as one `reading`."""

    def with_reading(
        *args: Any,
        inputs: tuple[str, ...],
        output: str | None,
        encoding: str | None,
        delimiter: str | None,
        **kwargs: Any,
    ) -> Any:
        column = inputs[0] if len(inputs) == 1 else inputs or None
        stated = {"input": column, "output": output, "encoding": encoding, "delimiter": delimiter}
        return command(*args, reading={key: value for key, value in stated.items() if value is not None}, **kwargs)

    with_reading.__name__, with_reading.__doc__ = command.__name__, command.__doc__
    with_reading.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option("--delimiter", help="What stands between the cells of a CSV file, where it is guessed wrongly."),
        click.option("--encoding", help="The file's encoding, where it is not UTF-8."),
        click.option("--output", help="The column of outputs, where it is not recognised."),
        click.option(
            "--input", "inputs", multiple=True, help="The column of inputs; several, one --input each, become fields."
        ),
    ):
        with_reading = option(with_reading)
    return with_reading


def read_file(file: Path, reading: dict[str, Any], talk: Talk) -> "RawPairs":
    """The pairs of a file, with what was recognised said on standard error.

    Raises: ConfigError for an option that cannot be; DataError where the file holds no pair.
    """
    from ..core import ConfigError, DataError
    from ..curate import DataSettings, read_pairs

    try:
        settings = DataSettings(path=str(file), **reading)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    raw = read_pairs(file, settings)
    if not len(raw.pairs):
        raise DataError(f"{file} holds no pair that can be read ({raw.rows_read} rows read)")
    unread = raw.rows_read - len(raw.pairs)
    talk.note(raw.shape + (f"; {unread:,} of {raw.rows_read:,} rows are no pairs and are left out" if unread else ""))
    return raw
