"""How much one file of data may hold before reading it ends: no file may hold the machine.

The defaults are beyond every honest file that was looked at (docs/limits.md has the measurements), so a file
that meets one is damaged, made to do harm, or not what its name says. Each limit can be raised.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from .errors import DataError
from .numbers import say
from .settings import misfits, nearest, shown_value

GRACE_BYTES = 16_000_000  # unpacked, before the ratio is looked at: templated rows in a small file compress further
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]I?B|B)\s*", re.IGNORECASE)


def read_size(size: str | int) -> int | None:
    """The bytes of a size such as `"2 GB"`, `"512 MiB"` or a whole number of bytes; None if the text is no size.

    >>> read_size("2 GB"), read_size("1.5MiB"), read_size(7), read_size("many")
    (2000000000, 1572864, 7, None)
    """
    if isinstance(size, int):
        return size
    found = _SIZE.fullmatch(size)
    return None if found is None else int(float(found[1]) * _UNITS[found[2].upper()])


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much one file of data may hold: whole bytes, or texts such as `"2 GB"`. A character counts as one byte."""

    unpacked: str | int = "32 GB"
    """What a compressed file may unpack to."""
    ratio: int = 500
    """How many times its own size a compressed file may unpack to, once more than 16 MB came out; a line or row counts 100
    bytes more, which it takes in memory."""
    record: str | int = "16 MB"
    """The text of one record: a line, a row, an element of a list. A longer one is an unreadable row of its own."""
    document: str | int = "1 GB"
    """What must be in memory at once: a workbook; what reading a Parquet or Arrow file takes, besides four times its size."""
    gap: str | int = "64 MB"
    """What may stand before the first record, or between two: blank lines, and lines that are no records."""
    unreadable: int = 100_000
    """How many records of a file may be unreadable."""

    def __post_init__(self) -> None:
        problems = misfits(self)
        for field in fields(self) if not problems else ():
            value = getattr(self, field.name)
            size = read_size(value)
            if size is None:
                problems.append(f'{field.name} must be a size such as "2 GB", found {shown_value(value)}')
            elif size < 1:
                problems.append(f"{field.name} must be above 0, found {shown_value(value)}")
        if problems:
            raise ValueError("; ".join(problems))

    @classmethod
    def stated(cls, limits: Mapping[str, str | int]) -> "Limits":
        """The limits with some stated by their names.

        Raises: ValueError if there is no such limit, or one is wrong.
        """
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in limits if name not in known]:
            raise ValueError(f'unknown limit "{unknown[0][:60]}"; {nearest(unknown[0], known)}')
        return cls(**limits)  # type: ignore[arg-type] - checked when they are made

    def but(self, limits: Mapping[str, str | int] | None) -> "Limits":
        """These limits with some others, stated by their names.

        Raises: ValueError if there is no such limit, or one is wrong.
        """
        return self.stated({**self.changed(), **limits}) if limits else self

    def of(self, name: str) -> int:
        """The limit of this name in bytes, or as a count."""
        size = read_size(getattr(self, name))
        assert size is not None  # checked when the limits were made
        return size

    def changed(self) -> dict[str, str | int]:
        """The limits that are not the defaults."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}

    def options(self) -> list[str]:
        """The limits that are not the defaults as `--limit` takes them: `record=32MB`."""
        return [f"{name}={value}".replace(" ", "") for name, value in self.changed().items()]

    def way_out(self, name: str, *, needed: int | None = None) -> str:
        """How to raise a limit: to `needed`, or to twice what it is."""
        size = max(needed or 0, 2 * self.of(name))
        value = f"{size}" if name in _COUNTS else f'"{_round_size(size)}"'
        option = value.strip('"').replace(" ", "")
        return f"{name} = {value} in [data.limits], or --limit {name}={option}"

    def exceeded(self, where: Path | str, name: str, what: str, *, needed: int | None = None) -> DataError:
        """The error for a file that meets a limit: `what` was found there. `needed` is what it would take, if known."""
        limit = f"{self.of(name):,}" if name in _COUNTS else say.size(self.of(name))
        return DataError(
            f"{where}: {what}; the limit is {limit}\n"
            f"If the file is as it should be, raise the limit: {self.way_out(name, needed=needed)}."
        )


_COUNTS = ("ratio", "unreadable")


def _round_size(size: int) -> str:
    """At least this size, in the largest unit of which it is one or more, without decimals."""
    unit, factor = next(
        (pair for pair in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)) if size >= pair[1]), ("kB", 1000)
    )
    return f"{-(-size // factor)} {unit}"
