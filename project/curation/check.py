"""The check-up of data, which needs no style, model or project."""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core import Console, Limits, quote, split_command
from ...curate import (
    Checkup,
    Finding,
    check_pairs,
    proposed_reading,
    proposing_columns,
    read_frame,
    read_pairs,
)
from ..run import QUIET
from .style import reading_settings


@dataclass(frozen=True)
class Advised:
    """A setting that says how the data were read, or that a finding recommends for this `reason`."""

    value: Any
    reason: str = ""


@dataclass(frozen=True, repr=False)
class CheckedData:
    """The check-up of a file or table: its findings, and the options with which `tuneworth curate` follows its advice.

    settings: the same as settings of tuneworth.toml, by table and name.
    """

    checkup: Checkup
    source: str
    options: tuple[str, ...]
    settings: Mapping[str, Mapping[str, Advised]]

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

    `pairs` and `columns` are as for `infer_style`; `columns` may also set `group`. Columns that are neither
    named nor recognised are proposed by their names and their texts. `mispaired` says whether to look for rows whose output
    fits the request of another row better.

    Raises: ConfigError for invalid columns; DataError if there is no pair.
    """
    path = pairs if isinstance(pairs, str | Path) else None
    stated = reading_settings(pairs, identifiers=tuple(identifiers), **columns)
    table: Any = list(pairs) if isinstance(pairs, Iterator) else pairs  # read twice
    chosen = proposed_reading(table, stated)
    reading, reason = (stated, "") if chosen is None else (chosen.reading, chosen.reason)
    with proposing_columns(table, reading):
        raw = read_frame(table, reading) if path is None else read_pairs(path, reading)
    named = {name: value for name in ("input", "output", "id") if (value := getattr(reading, name)) is not None}
    proposed = {name: value for name, value in named.items() if value != getattr(stated, name)}
    checkup = check_pairs(raw, identifiers=identifiers, proposed=proposed, reason=reason, mispaired=mispaired)
    source = "FILE" if path is None else str(path)
    given = {**columns, **({"identifiers": [*identifiers]} if identifiers else {})}
    settings = _settings(given, checkup)
    return CheckedData(checkup, source, tuple(_options(settings, reading.limits)), settings)


def _settings(given: Mapping[str, Any], checkup: Checkup) -> dict[str, dict[str, Advised]]:
    """How the data were read, and what the findings recommend, as settings of tables in tuneworth.toml."""
    first = next(iter(checkup.proposed), None)
    data = {name: Advised(value) for name, value in given.items() if name not in checkup.proposed}
    data |= {n: Advised(value, checkup.reason if n == first else "") for n, value in checkup.proposed.items()}
    tables, inputs = {"data": data}, dict[str, None]()
    for finding in checkup.advised:
        words = split_command(finding.option or "")
        inputs |= dict.fromkeys(words[1::2]) if words[0] == "--input" else {}
        setting = {"data": {"input": [*inputs]}} if words[0] == "--input" else _parsed(finding)
        for table, values in setting.items():
            made = {name: Advised(value, finding.title) for name, value in values.items()}
            tables[table] = {**tables.get(table, {}), **made}
    return tables


def _parsed(finding: Finding) -> dict[str, dict[str, Any]]:
    """The setting of a finding, such as `[data] group = "family"`, by table."""
    table, _, line = (finding.setting or "").partition(" ")
    return tomllib.loads(f"{table}\n{line}") if table.startswith("[") else {}


_FIRST = ("input", "output", "id", "encoding", "delimiter", "sheet", "group", "limits", "turns", "identifiers")
_NAMED = {"identifiers": "identifier", "limits": "limit"}


def _options(settings: Mapping[str, Mapping[str, Advised]], limits: Limits) -> Iterator[str]:
    """The settings as options of `tuneworth curate`."""
    values = {name: one.value for table in settings.values() for name, one in table.items()} | {
        "limits": limits.options()
    }
    for name in [*(name for name in _FIRST if name in values), *(name for name in values if name not in _FIRST)]:
        option, value = f"--{_NAMED.get(name, name.replace('_', '-'))}", values[name]
        if value is True and name != "tie_outputs":
            yield option
        else:
            for one in value if isinstance(value, list | tuple) else [value]:
                yield from (option, "true" if one is True else str(one))
