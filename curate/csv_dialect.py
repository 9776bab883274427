"""How a CSV file is written: its delimiter, its quotes and how they are escaped, found on its first records."""

import csv
import io
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..style.errors import DataError

__all__ = ["Dialect", "find_dialect"]

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 200  # records looked at
_USUAL = frozenset(
    ("id", "input", "output", "prompt", "completion", "instruction", "response", "group", "split", "system")
)


@dataclass(frozen=True)
class Dialect:
    """How to read the records. `skip` lines stand before the header; `said` is what was guessed."""

    delimiter: str
    quote: str = '"'
    escape: str | None = None
    skip: int = 0
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Trial:
    """The first records as one dialect reads them: the header, the share of records that have its width, the errors."""

    header: tuple[str, ...]
    even_share: float
    errors: int


def find_dialect(sample: str, path: Path, *, delimiter: str | None, wanted: Collection[str]) -> Dialect:
    """The dialect of a file that begins with `sample`; `wanted` are names that its header should hold.

    Raises:
        DataError: with the stated delimiter the header is one column, with another one several.
    """
    lines = sample.splitlines(keepends=True)
    skip, told = 0, None
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].rstrip("\r\n")) == 5:  # Excel's own first line
        skip, told = 1, lines[0][4]
        sample = "".join(lines[1:])
    quote = "'" if _quoted_by(sample, "'") else '"'
    best = _best(sample, quote, wanted)
    if delimiter is not None:
        _check_stated(sample, path, delimiter, quote, best)
    chosen = delimiter or told or best
    escape = _escape(sample, chosen, quote)
    said = []
    if delimiter is None and chosen != ",":
        said.append(f"delimiter {json.dumps(chosen)} ({'its first line says so' if told else 'guessed'})")
    if quote == "'":
        said.append("quotes ' (guessed)")
    if escape:
        said.append('quotes escaped as \\" (guessed)')
    return Dialect(chosen, quote, escape, skip, tuple(said))


def _quoted_by(sample: str, mark: str) -> bool:
    header = sample.lstrip("\r\n").split("\n", 1)[0].strip()
    return len(header) > 2 and header[0] == mark == header[-1]


def _best(sample: str, quote: str, wanted: Collection[str]) -> str:
    """The delimiter that makes known names of the header, then records of one width, then the most columns."""

    def merit(delimiter: str) -> tuple[float, ...]:
        trial = _try(sample, delimiter, quote)
        if len(trial.header) < 2:
            return (0, 0, 0)
        names = {name.strip().casefold() for name in trial.header}
        known = sum(name.casefold() in names for name in wanted) or len(names & _USUAL)
        return (known, round(trial.even_share, 1), len(trial.header))

    return max(_DELIMITERS, key=merit)  # the first where none makes columns


def _check_stated(sample: str, path: Path, stated: str, quote: str, best: str) -> None:
    header = _try(sample, stated, quote).header
    other = _try(sample, best, quote)
    if len(header) == 1 and best != stated and len(other.header) > 1 and other.even_share > 0.5:
        raise DataError(
            f"{path}: delimiter {json.dumps(stated)} gives one column, {json.dumps(header[0][:80])}; "
            f"{json.dumps(best)} would give {len(other.header)}\n"
            f"State delimiter = {json.dumps(best)} in [data], or leave it out: it is guessed."
        )


def _escape(sample: str, delimiter: str, quote: str) -> str | None:
    """A backslash, where quotes inside quotes can only be read that way."""
    if f"\\{quote}" not in sample:
        return None
    doubled, escaped = (_try(sample, delimiter, quote, escape) for escape in (None, "\\"))
    better = (escaped.errors, -escaped.even_share) < (doubled.errors, -doubled.even_share)
    return "\\" if better else None


def _try(sample: str, delimiter: str, quote: str, escape: str | None = None) -> _Trial:
    reader = csv.reader(
        io.StringIO(sample, newline=""), delimiter=delimiter, quotechar=quote, escapechar=escape, strict=True
    )
    header, widths, errors = (), Counter(), 0
    while len(widths) < _SAMPLE and widths.total() + errors < _SAMPLE:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            errors += 1
            continue
        if row and not header:
            header = tuple(row)
        elif row:
            widths[len(row)] += 1
    records = widths.total() + errors
    return _Trial(header, widths[len(header)] / records if records else 1.0, errors)
