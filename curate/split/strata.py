"""The values of a field or column named in the settings: to stratify by, or as a date."""

import json
from collections.abc import Collection, Sequence

import polars as pl

from ...core import ConfigError, InputError, nearest
from ...style import field_text

__all__ = [
    "find_values",
    "names_found",
    "no_such_identifiers",
    "no_such_value",
]

_COLUMNS = ("group", "system")


def find_values(pairs: pl.DataFrame, name: str) -> tuple[list[str | None], bool]:
    """The value of the input field or column `name` in each pair as text, None if it is absent or empty; and whether
    any pair has such a field or column.

    If both a field and a column have the name, the field is used.
    """
    if name in _COLUMNS:
        return pairs[name].to_list(), True
    quoted = json.dumps(name, ensure_ascii=False)
    # Parsing dominates the time, so objects that cannot contain the name are skipped.
    texts = [
        pairs.select(pl.when(pl.col(column).str.contains(quoted, literal=True)).then(column)).to_series().to_list()
        for column in ("fields", "meta")
    ]
    found, values = False, []
    for row in zip(*texts, strict=True):
        value = None
        for text in row:
            values_of = json.loads(text) if text else {}
            if name in values_of:
                found, value = True, field_text(values_of[name]) or None
                break
        values.append(value)
    return values, found


def no_such_value(pairs: pl.DataFrame, name: str, *, where: str) -> ConfigError:
    """The error that no pair has a field or column of that name, with the closest existing name."""
    return ConfigError(f'{where}: no pair has a field or column "{name}"; {_hint(name, _names(pairs))}')


def names_found(pairs: pl.DataFrame, wanted: Collection[str]) -> list[str]:
    """The names among these that are fields of some input, sorted."""
    missing = set(wanted)
    for text in pairs["fields"].drop_nulls() if missing else ():
        missing -= json.loads(text).keys()
        if not missing:
            break
    return sorted(set(wanted) - missing)


def no_such_identifiers(pairs: pl.DataFrame, missing: Sequence[str]) -> InputError:
    """The error that no input has fields of these names, with the closest existing name."""
    known = sorted(_keys(pairs, "fields"))
    problems = [f'no input has a field "{name}"; {_hint(name, known)}' for name in missing]
    return ConfigError.of(problems, where="[data] identifiers")


def _names(pairs: pl.DataFrame) -> list[str]:
    return sorted({*_keys(pairs, "fields"), *_keys(pairs, "meta"), *_COLUMNS})


def _keys(pairs: pl.DataFrame, column: str) -> set[str]:
    return {key for text in pairs[column].drop_nulls().to_list() for key in json.loads(text)}


def _hint(name: str, known: list[str]) -> str:
    return nearest(name, known) if known else "the inputs are plain texts without fields"
