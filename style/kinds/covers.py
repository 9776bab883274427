"""The check `covers`: what the input says, the output says."""

from dataclasses import dataclass

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults
from ..kind import Kind
from ..numbers import numbers_in, same_number
from ..schema import Check
from ..words import quoted

__all__ = ["COVERS"]


@dataclass(frozen=True)
class CoversParameters:
    """The input fields whose values must occur in the output; each item of a list counts."""

    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.fields:
            raise ConfigError('"fields" is empty')


def _find_covers(check: Check, columns: Columns) -> Findings:
    p: CoversParameters = check.parameters
    rows = []
    applicable = pl.Series("applies", [False], dtype=pl.Boolean).new_from_index(0, len(columns.output))
    for name in p.fields:
        applicable |= columns.field(name).is_not_null()
        for index, (output, items) in enumerate(zip(columns.output, columns.field_items(name), strict=True)):
            missing = [item for item in items if not _covered(item, output)]
            rows += [(index, None, None, None, f"{name} {quoted(item)}") for item in missing]
    return Findings(faults(sorted(rows, key=lambda row: row[0])), applicable)


def _covered(item: str, output: str) -> bool:
    """The item stands in the output as text, or every number of it does by value and unit."""
    if " ".join(item.casefold().split()) in " ".join(output.casefold().split()):
        return True
    wanted, stated = numbers_in(item), numbers_in(output)
    return bool(wanted) and all(any(same_number(number, other) for other in stated) for number in wanted)


def _say_covers(check: Check) -> str:
    p: CoversParameters = check.parameters
    names = p.fields[0] if len(p.fields) == 1 else f"{', '.join(p.fields[:-1])} and {p.fields[-1]}"
    return f"Mention every value of {names}."


COVERS = Kind("covers", "facts", CoversParameters, _find_covers, _say_covers)
