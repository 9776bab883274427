"""The values of a field or column that is named in the settings: to stratify by, or as a date."""

import json
from collections.abc import Sequence

import polars as pl

from ..style.errors import ConfigError
from ..style.fields import field_text
from ..style.settings import nearest

__all__ = ["check_identifiers", "column_values", "strata"]

_COLUMNS = ("group", "system")


def strata(pairs: pl.DataFrame, name: str | None) -> list[str | None]:
    """The value of the field or column `name` in each pair; all None without a name.

    Raises:
        ConfigError: no pair has it.
    """
    return [None] * len(pairs) if name is None else column_values(pairs, name, where="[curate] stratify")


def column_values(pairs: pl.DataFrame, name: str, *, where: str) -> list[str | None]:
    """The value of the input field or column `name` in each pair as text, None where it is absent or empty.

    Where both a field and a column bear the name, the field counts.

    Raises:
        ConfigError: no pair has it; `where` says which setting named it.
    """
    if name in _COLUMNS:
        return pairs[name].to_list()
    quoted = json.dumps(name, ensure_ascii=False)
    # Parsing is what takes the time: objects that cannot hold the name are left alone.
    texts = [
        pairs.select(pl.when(pl.col(column).str.contains(quoted, literal=True)).then(column)).to_series().to_list()
        for column in ("fields", "meta")
    ]
    found, values = False, []
    for row in zip(*texts, strict=True):
        value = None
        for text in row:
            held = json.loads(text) if text else {}
            if name in held:
                found, value = True, field_text(held[name]) or None
                break
        values.append(value)
    if len(pairs) and not found:
        raise ConfigError(f'{where}: no pair has a field or column "{name}"; {_hint(name, _names(pairs))}')
    return values


def check_identifiers(pairs: pl.DataFrame, identifiers: Sequence[str]) -> None:
    """Refuse an identifier that no pair has: a misspelt one would let every row differ.

    Raises:
        ConfigError: naming the nearest field.
    """
    missing = set(identifiers) if len(pairs) else set()
    for text in pairs["fields"].drop_nulls().to_list():
        if not missing:
            return
        missing -= json.loads(text).keys()
    if missing:
        known = sorted(_keys(pairs, "fields"))
        problems = [f'no input has a field "{name}"; {_hint(name, known)}' for name in identifiers if name in missing]
        raise ConfigError.of(problems, where="[data] identifiers")


def _names(pairs: pl.DataFrame) -> list[str]:
    return sorted({*_keys(pairs, "fields"), *_keys(pairs, "meta"), *_COLUMNS})


def _keys(pairs: pl.DataFrame, column: str) -> set[str]:
    return {key for text in pairs[column].drop_nulls().to_list() for key in json.loads(text)}


def _hint(name: str, known: list[str]) -> str:
    return nearest(name, known) if known else "the inputs are plain texts without fields"
