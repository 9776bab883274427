"""The check-up of data, which needs no style, model or project."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core import Console, quote, split_command
from ...curate import Checkup, DataSettings, check_pairs, proposed_reading, proposing_columns, read_frame, read_pairs
from ..run import QUIET
from .style import reading_settings


@dataclass(frozen=True, repr=False)
class CheckedData:
    """The check-up of a file or table: its findings, and the options with which `tuneworth curate` follows its advice."""

    checkup: Checkup
    source: str
    options: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command that curates the data as they were read, with the options that the findings recommend."""
        return self.command_for(self.source)

    def command_for(self, source: str) -> str:
        """The same command for another source name."""
        return " ".join(["tuneworth curate", quote(source), *map(quote, self.options), "--out clean"])

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {"source": self.source, **self.checkup.to_json(), "command": self.command}

    def __repr__(self) -> str:
        return f"{self.checkup!r}\nNext: {self.command}"

    def _repr_html_(self) -> str:
        return self.checkup.html(notes=[f"Next: {self.command}"])


def check_data(
    pairs: Any, *, identifiers: Collection[str] = (), mispaired: bool = True, talk: Console = QUIET, **columns: Any
) -> CheckedData:
    """What to know about pairs before curating them, the most important first, with the options to use.

    `pairs` and `columns` are as for `infer_style`; `columns` may also set `group`. If no column is named or recognised, the
    one with the longest texts is taken as the output, and all others as the input. `mispaired` says whether to look for rows
    whose output fits the request of another row better.

    Raises: ConfigError for invalid columns; DataError if there is no pair.
    """
    path = pairs if isinstance(pairs, str | Path) else None
    settings = reading_settings(pairs, identifiers=tuple(identifiers), **columns)
    table: Any = list(pairs) if isinstance(pairs, Iterator) else pairs  # read twice
    chosen = proposed_reading(table, settings)
    reading = chosen or settings
    with proposing_columns(table, reading):
        raw = read_frame(table, reading) if path is None else read_pairs(path, reading)
    columns = {name: value for name in ("input", "output", "id") if (value := getattr(reading, name)) is not None}
    proposed = {name: value for name, value in columns.items() if value != getattr(settings, name)}
    checkup = check_pairs(raw, identifiers=identifiers, proposed=proposed, mispaired=mispaired)
    source = "FILE" if path is None else str(path)
    return CheckedData(checkup, source, tuple(_options(reading, checkup)))


def _options(reading: DataSettings, checkup: Checkup) -> list[str]:
    """The options that repeat how the data were read, and those that the findings recommend."""
    advised = [split_command(option) for option in checkup.options]
    added = [name for words in advised if words[0] == "--input" for name in words[1::2]]
    inputs = (reading.input,) if isinstance(reading.input, str) else reading.input or ()
    options = [("--input", name) for name in dict.fromkeys(added or inputs)]
    options += [
        (f"--{name}", value)
        for name in ("output", "id", "encoding", "delimiter", "sheet")
        if (value := _stated(reading, name))
    ]
    options += [("--group", reading.group)] if reading.group else []
    options += [("--limit", limit) for limit in reading.limits.options()]
    options += [("--turns", reading.turns)] if reading.turns != "last" else []
    options += [("--identifier", name) for name in reading.identifiers]
    rest = [word for words in advised if words[0] != "--input" for word in words]
    return [word for option in options for word in option] + rest


def _stated(reading: DataSettings, name: str) -> str | None:
    value = getattr(reading, name)
    return None if name == "encoding" and value == "utf-8" else value
