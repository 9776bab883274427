"""The value by which the split is stratified: any field, column or the group."""

import json
from collections.abc import Sequence

import polars as pl

from ..style.errors import ConfigError
from ..style.fields import field_text
from ..style.settings import nearest

__all__ = ["check_identifiers", "strata"]


def strata(pairs: pl.DataFrame, name: str | None) -> list[str | None]:
    """The value of the field or column `name` in each pair; all None without a name.

    Raises:
        ConfigError: no pair has it.
    """
    if name is None:
        return [None] * len(pairs)
    if name in ("group", "system"):
        return pairs[name].to_list()
    rows = [_objects(*row) for row in pairs.select("meta", "fields").rows()]
    if rows and not any(name in row for row in rows):
        known = sorted({key for row in rows for key in row})
        raise ConfigError(f'[curate] stratify: no pair has a field or column "{name}"; {_hint(name, known)}')
    return [field_text(row.get(name)) or None for row in rows]


def check_identifiers(pairs: pl.DataFrame, identifiers: Sequence[str]) -> None:
    """Refuse an identifier that no pair has: a misspelt one would let every row differ.

    Raises:
        ConfigError: naming the nearest field.
    """
    if not identifiers or not len(pairs):
        return
    known = sorted({key for text in pairs["fields"].drop_nulls() for key in json.loads(text)})
    problems = [f'no input has a field "{name}"; {_hint(name, known)}' for name in identifiers if name not in known]
    if problems:
        raise ConfigError.of(problems, where="[data] identifiers")


def _objects(*texts: str | None) -> dict[str, object]:
    """The fields of several JSON objects; the last one wins."""
    return {key: value for text in texts if text for key, value in json.loads(text).items()}


def _hint(name: str, known: list[str]) -> str:
    return nearest(name, known) if known else "the inputs are plain texts without fields"
