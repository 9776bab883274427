"""Which rows an edit of a check can change: where few, only they need be checked again."""

from dataclasses import fields
from typing import Any

import polars as pl

from ..core import key_of
from .kinds import KINDS
from .schema import Check, Columns
from .wordings import start_of

__all__ = ["touched_rows"]

Lists = dict[tuple[str, str], tuple[Any, ...]]  # by the name of a parameter, and the key where it is a table of lists


def touched_rows(before: Check, after: Check, failed: pl.Series, columns: Columns) -> pl.Series | None:
    """The rows (true or false for each) whose results may differ between two forms of a check; None: all of them may.

    `failed` says for which rows the form of before fails or could not be scored. A text more in a list of exceptions can
    change these alone; a text more that says a value, only rows with its first word.
    """
    old, new = _lists(before), _lists(after)
    longer = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    added = {key: new.get(key, ())[len(old.get(key, ())) :] for key in longer}
    if (
        not added
        or _rest(before) != _rest(after)
        or any((*old.get(key, ()), *added[key]) != new.get(key) for key in added)
    ):
        return None
    kind, names = KINDS[after.kind], {name for name, _ in added}
    if names <= kind.loosens:
        return failed
    # The first text of a value is more than a text: until then the value was compared in another way.
    starts = {start_of(text) for texts in added.values() for text in texts}
    if names <= kind.looked_for and all(old.get(key) for key in added) and all(starts):
        return columns.once(("touched", *sorted(starts)), lambda: _with_any(columns, starts))
    return None


def _lists(check: Check) -> Lists:
    """The lists of a check, those of wordings among them."""
    found: Lists = {
        ("wordings", f"{name}\0{value}"): tuple(texts)
        for name, values in check.wordings.items()
        for value, texts in values.items()
    }
    for parameter in fields(check.parameters):
        value, name = getattr(check.parameters, parameter.name), key_of(parameter)
        tables = value if isinstance(value, dict) else {"": value} if isinstance(value, tuple) else {}
        found |= {
            (name, str(key)): tuple(texts) if isinstance(texts, tuple) else (texts,) for key, texts in tables.items()
        }
    return found


def _rest(check: Check) -> tuple[Any, ...]:
    """What else decides the results of a check."""
    values = {parameter.name: getattr(check.parameters, parameter.name) for parameter in fields(check.parameters)}
    single = {name: value for name, value in values.items() if not isinstance(value, dict | tuple)}
    return check.kind, single, check.when, check.ignore_case, check.each, check.part


def _with_any(columns: Columns, starts: set[str]) -> pl.Series:
    """Whether the output or the request of each row has one of these beginnings of words, in any case."""
    pattern = f"(?i){'|'.join(sorted(pl.Series(list(starts)).str.escape_regex()))}"
    folded = "|".join(sorted(pl.Series([start.casefold() for start in starts]).str.escape_regex()))
    given = pl.DataFrame(
        {"output": columns.output, "input": columns.input, "fields": columns.fields_json.fill_null("")}
    )
    texts = given.select(text=pl.concat_str(pl.all(), separator="\n"))["text"]
    return texts.str.contains(pattern) | _casefolded(texts).str.contains(folded)


def _casefolded(texts: pl.Series) -> pl.Series:
    """As Python folds case, which the comparison of values does: ß is ss."""
    return pl.Series([text.casefold() for text in texts.to_list()], dtype=pl.String)
