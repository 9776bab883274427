"""The style schema: what a good output looks like, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

__all__ = ["Check", "StyleResults", "StyleSchema"]

UNSCORED_SCHEMA = {"index": pl.UInt32, "check": pl.String, "why": pl.String}

Level = Literal["must", "should"]
About = Literal["form", "wording", "facts"]


@dataclass(frozen=True)
class Check:
    """One rule. `parameters` are those of its kind; `when` limits it to pairs whose input fields fit."""

    kind: str
    id: str
    level: Level
    about: About
    parameters: Any  # the frozen dataclass of the kind
    when: Mapping[str, tuple[str, ...] | None] | None = None  # field -> wanted values; None: present and not empty
    say: str | None = None
    ignore_case: bool = False


@dataclass(frozen=True)
class StyleSchema:
    """A named list of checks. `reviewed` is False as long as nobody has looked at an inferred one."""

    name: str
    checks: tuple[Check, ...]
    about: str = ""
    reviewed: bool = True
    path: Path | None = field(default=None, compare=False)


@dataclass(frozen=True)
class StyleResults:
    """What the checks found in a table of outputs; rows are known by their position in that table.

    status: one column per check id, values `pass`, `fail`, `not applicable`, `unscored`; one row per output.
    violations: index (u32), check, found (null: something is missing), start, end (code points, end
    excluded; null where there is no place), expected; sorted by index and by the order of the checks.
    unscored: index, check, why, one row per result that could not be told.
    """

    style: StyleSchema
    status: pl.DataFrame
    violations: pl.DataFrame
    unscored: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNSCORED_SCHEMA))

    def shares(self) -> pl.DataFrame:
        """Columns `consistent`, `faithful`, `acceptable`, one row per output; null = could not be scored."""
        form = [c.id for c in self.style.checks if c.level == "must" and c.about != "facts"]
        facts = [c.id for c in self.style.checks if c.level == "must" and c.about == "facts"]
        return self.status.select(
            consistent=_none_failed(form), faithful=_none_failed(facts), acceptable=_none_failed(form + facts)
        )


def _none_failed(checks: list[str]) -> pl.Expr:
    """False where any check failed; else null where any is unscored; else True."""
    if not checks:
        return pl.repeat(True, pl.len(), dtype=pl.Boolean)
    return (
        pl.when(pl.any_horizontal(pl.col(c) == "fail" for c in checks))
        .then(False)
        .when(pl.any_horizontal(pl.col(c) == "unscored" for c in checks))
        .then(None)
        .otherwise(True)
    )
