"""Infers a style from pairs, and checks pairs against a style."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ConfigError, Console, DataError, notebook_page, say
from ...curate import DataSettings, RawPairs, proposing_columns, read_frame, read_pairs
from ...style import (
    Discrimination,
    InferredStyle,
    NearMisses,
    StyleResults,
    StyleSchema,
    check_columns,
    good_example,
    measure_discrimination,
    measure_near_misses,
    missing_fields,
    pair_columns,
    read_style,
    write_guide,
    write_short_guide,
)
from ...style import infer_style as infer
from ..run import QUIET

MOST_RULES = 50  # that a notebook shows


def infer_style(
    pairs: Any, *, name: str | None = None, seed: int = 0, talk: Console = QUIET, **columns: Any
) -> InferredStyle:
    """The style of the outputs in `pairs`, with the evidence for each rule; `text` is a style.yaml.

    `pairs` is a path or a table, as for `curate_pairs`; `columns` may set `input`, `output`, `encoding` and `delimiter` if
    they are not recognised. A rule that holds in at least 95% of the examples is a must rule, in at least 80% a should
    rule (by the lower end of Wilson's 95% interval).

    Raises: DataError if there is no pair; ConfigError for invalid columns.
    """
    file = pairs.name if isinstance(pairs, Path) else Path(pairs).name if isinstance(pairs, str) else ""
    read = take_pairs(pairs, talk=talk, **columns).pairs
    return infer(read, name=name or file.partition(".")[0] or "Style", source=file, seed=seed)


@dataclass(frozen=True)
class CheckedStyle:
    """Pairs checked against a style; `unread` counts the rows that are not pairs."""

    pairs: pl.DataFrame
    results: StyleResults
    unread: int

    @property
    def acceptable(self) -> int:
        """The number of outputs that follow every must rule."""
        return int(self.results.shares()["acceptable"].fill_null(False).sum())

    @property
    def undecided(self) -> int:
        """The number of outputs that break no must rule, but have one that could not be checked."""
        return self.results.shares()["acceptable"].null_count()

    @property
    def broken(self) -> int:
        """The number of outputs that break a must rule."""
        return len(self.pairs) - self.acceptable - self.undecided

    @property
    def table(self) -> pl.DataFrame:
        """A row for each rule: `check, level, pass, fail, not applicable, unscored`."""
        words = ("pass", "fail", "not applicable", "unscored")
        counts = [(check, Counter(self.results.status[check.id])) for check in self.results.style.checks]
        rows = [{"check": c.id, "level": c.level, **{word: n[word] for word in words}} for c, n in counts]
        kinds = {"check": pl.String, "level": pl.String} | dict.fromkeys(words, pl.Int64)
        return pl.DataFrame(rows, schema=kinds)

    @cached_property
    def discrimination(self) -> Discrimination | None:
        """How well the rules tell the outputs of a request from those of others; None if that cannot be measured."""
        return measure_discrimination(self.pairs, self.results.style)

    @cached_property
    def near_misses(self) -> NearMisses | None:
        """How many outputs with one wrong fact the rules catch; None if there are none."""
        return measure_near_misses(self.pairs, self.results.style)

    def __repr__(self) -> str:
        return f"{self.headline}\n{self.table}"

    def _repr_html_(self) -> str:
        return notebook_page(self.headline, table=self.table, rows=MOST_RULES)

    @property
    def headline(self) -> str:
        """A sentence with the number of acceptable outputs."""
        return f"{say.count(self.acceptable)} of {say.count(len(self.pairs))} outputs follow every must rule"


def check_style(
    pairs: Any, style: str | Path | StyleSchema, *, allow_code: bool = False, talk: Console = QUIET, **columns: Any
) -> CheckedStyle:
    """How many outputs of `pairs` break each rule of a style. `pairs` and `columns` are as for `infer_style`.

    Raises: ConfigError for an invalid style; DataError if there is no pair.
    """
    schema = style if isinstance(style, StyleSchema) else read_style(Path(style), allow_code=allow_code)
    raw = take_pairs(pairs, talk=talk, **columns)
    given = pair_columns(raw.pairs)
    for line in missing_fields(schema, given):
        talk.note(f"warning: {line}")
    return CheckedStyle(raw.pairs, check_columns(given, schema), raw.rows_read - len(raw.pairs))


def style_guide(
    style: str | Path | StyleSchema, pairs: Any = None, *, short: bool = False, allow_code: bool = False,
    talk: Console = QUIET, **columns: Any,
) -> str:  # fmt: skip
    """The style guide of a style in Markdown, with one good pair as an example if `pairs` are given.

    A `short` one is only the must rules in one paragraph. `pairs` and `columns` are as for `infer_style`. Raises:
    ConfigError for an invalid style, or an example for a short guide; DataError if there is no pair.
    """
    schema = style if isinstance(style, StyleSchema) else read_style(Path(style), allow_code=allow_code)
    if short:
        if pairs is not None:
            raise ConfigError("a short guide shows no example; leave out either of the two")
        return write_short_guide(schema)
    example = None if pairs is None else good_example(take_pairs(pairs, talk=talk, **columns).pairs, schema)
    if pairs is not None and example is None:
        where = pairs if isinstance(pairs, str | Path) else "the table"
        talk.note(f"no pair of {where} follows every rule, so the guide has no example")
    return write_guide(schema, example=example)


def reading_settings(pairs: Any, **columns: Any) -> DataSettings:
    """The settings for reading a path or table. Raises: ConfigError for invalid columns."""
    try:
        return DataSettings(path=str(pairs) if isinstance(pairs, str | Path) else "", **columns)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def take_pairs(pairs: Any, *, talk: Console = QUIET, **columns: Any) -> RawPairs:
    """The pairs of a path or table, with a note about the recognised columns.

    Raises: ConfigError for invalid columns; DataError if there is no pair.
    """
    path = pairs if isinstance(pairs, str | Path) else None
    settings = reading_settings(pairs, **columns)
    with proposing_columns(pairs, settings):
        raw = read_frame(pairs, settings) if path is None else read_pairs(path, settings)
    if not len(raw.pairs):
        where = "the table" if path is None else path
        raise DataError(f"{where} has no readable pair ({raw.rows_read} rows read)")
    unread = raw.rows_read - len(raw.pairs)
    talk.note(raw.shape + (f"; {unread:,} of {raw.rows_read:,} rows are not pairs and were skipped" if unread else ""))
    return raw
