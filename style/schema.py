"""The style schema: what a good output looks like, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ..core import Fix

__all__ = [
    "FAULT_SCHEMA",
    "UNSCORED_SCHEMA",
    "About",
    "Check",
    "Findings",
    "Level",
    "StyleResults",
    "StyleSchema",
    "Wordings",
    "faults",
    "no_faults",
]


UNSCORED_SCHEMA = {"index": pl.UInt32, "check": pl.String, "why": pl.String}

Level = Literal["must", "should"]
About = Literal["form", "wording", "facts"]
Wordings = Mapping[str, Mapping[str, tuple[str, ...]]]  # field -> value -> texts that also say it


@dataclass(frozen=True)
class Check:
    """One rule. `parameters` are those of its kind; `when` limits it to pairs whose input fields match.

    fix: the repairs that it allows. None: safe ones, and unsafe ones where the caller asks for them.
    `part` and `each` limit it to pieces of the output: `first paragraph`, each `sentence`; with both, to each piece of
    the part. `wordings` are those of the style, for the kinds that compare values.
    """

    kind: str
    id: str
    level: Level
    about: About
    parameters: Any  # the frozen dataclass of the kind
    when: Mapping[str, tuple[str, ...] | None] | None = None  # field -> wanted values; None: present and not empty
    say: str | None = None
    ignore_case: bool = False
    fix: Fix | None = None
    each: str | None = None
    part: str | None = None
    wordings: Wordings = field(default_factory=dict)


@dataclass(frozen=True)
class StyleSchema:
    """A named list of checks. `reviewed` is False until a person has reviewed an inferred schema."""

    name: str
    checks: tuple[Check, ...]
    about: str = ""
    reviewed: bool = True
    path: Path | None = field(default=None, compare=False)
    wordings: Wordings = field(default_factory=dict)

    @property
    def sources(self) -> list[tuple[str, Path]]:
        """("style", file) for the style file and those that its checks read, such as lists of words and JSON Schemas."""
        values = [
            getattr(check.parameters, parameter.name)
            for check in self.checks
            for parameter in fields(check.parameters)
            if parameter.metadata.get("file")
        ]
        named = (Path(value) for value in values if isinstance(value, str))
        return [("style", path) for path in dict.fromkeys((self.path, *named)) if path is not None]


@dataclass(frozen=True)
class StyleResults:
    """The results of all checks on a table of outputs; a row is identified by its position in that table.

    status: one column per check id, values `pass`, `fail`, `not applicable`, `unscored`; one row per output.
    violations: index (u32), check, found (null: something is missing), start, end (code points, end
    excluded; null if there is no span), expected; sorted by index and by the order of the checks.
    unscored: index, check, why, one row per check that could not be scored.
    """

    style: StyleSchema
    status: pl.DataFrame
    violations: pl.DataFrame
    unscored: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNSCORED_SCHEMA))

    def shares(self) -> pl.DataFrame:
        """Columns `consistent`, `faithful`, `acceptable`, one row per output; null = could not be scored.

        `consistent` is null throughout if no must rule is about form or wording, `faithful` if none is about facts.
        """
        form = [c.id for c in self.style.checks if c.level == "must" and c.about != "facts"]
        facts = [c.id for c in self.style.checks if c.level == "must" and c.about == "facts"]
        return self.status.select(
            consistent=_none_failed(form, none=None),
            faithful=_none_failed(facts, none=None),
            acceptable=_none_failed(form + facts, none=True),
        )


def _none_failed(checks: list[str], *, none: bool | None) -> pl.Expr:
    """False if any check failed; else null if any is unscored; else True. `none` is the answer without checks."""
    if not checks:
        return pl.repeat(none, pl.len(), dtype=pl.Boolean)
    return (
        pl.when(pl.any_horizontal(pl.col(c) == "fail" for c in checks))
        .then(False)
        .when(pl.any_horizontal(pl.col(c) == "unscored" for c in checks))
        .then(None)
        .otherwise(True)
    )


FAULT_SCHEMA = {
    "index": pl.UInt32, "found": pl.String, "start": pl.Int64, "end": pl.Int64, "expected": pl.String
}  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """Violations (columns of FAULT_SCHEMA), the rows to which the check applies, and those that cannot be scored.

    A row with a violation fails; a row where the check does not apply has none. `applicable` None: it applies
    everywhere. `unscored`: the reason for each row that cannot be scored, null for the others; None: all rows are scored.
    """

    violations: pl.DataFrame
    applicable: pl.Series | None = None
    unscored: pl.Series | None = None


def no_faults() -> pl.DataFrame:
    """An empty table of violations."""
    return pl.DataFrame(schema=FAULT_SCHEMA)


def faults(rows: Sequence[tuple[int, str | None, int | None, int | None, str]]) -> pl.DataFrame:
    """A table of violations from (index, found, start, end, expected)."""
    return pl.DataFrame(rows, schema=FAULT_SCHEMA, orient="row")
