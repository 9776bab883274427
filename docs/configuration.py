"""Writes docs/configuration.md: every key of `tuneworth.toml`, from the settings classes.

Run it after a key was added: `python docs/configuration.py`. A test holds the page to the classes.
"""

import ast
import inspect
import types
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from tuneworth.core import MOST_WRITTEN, key_of
from tuneworth.core.config_text import MAX_DEPTH, MAX_NUMBER
from tuneworth.curate import ClusterSettings, CurateSettings, DataSettings
from tuneworth.evaluate import EvaluateSettings, RoiSettings, VariantSettings
from tuneworth.evaluate.money.inputs.settings import VariantMoney
from tuneworth.project import HostedSettings
from tuneworth.project.project import StyleSettings
from tuneworth.train import TrainSettings

PAGE = Path(__file__).with_suffix(".md")
INTRODUCTION = f"""\
# Configuration: every key of tuneworth.toml

A project is a folder with `tuneworth.toml` and `style.yaml`; `tuneworth init DIR --from FILE` writes both from your data.
Only `[data]` with its `path` is required. A key that is unknown or has a wrong value ends a command before it does
anything, with all such problems at once, each with its line. The file, like a price file, may have {MOST_WRITTEN:,} bytes,
{MAX_DEPTH} levels and numbers of {MAX_NUMBER:,} characters; no setting raises these limits. The checks of `style.yaml` are
described in [Style](style.md), the formulas behind
`[roi]` in [Money](money.md). A number of `[roi]` may be a range, `[low, likely, high]`.

This page is generated from the code by `docs/configuration.py`.
"""


class Table(NamedTuple):
    """A table of the file and the class that reads it; `without` are fields that no key of the table sets."""

    name: str
    kind: type
    without: tuple[str, ...] = ()


TABLES = (
    Table("data", DataSettings),
    Table("style", StyleSettings),
    Table("curate", CurateSettings),
    Table("train", TrainSettings),
    Table("train.hosted", HostedSettings),
    Table("evaluate", EvaluateSettings, without=("named",)),
    Table("evaluate.NAME", VariantSettings),
    Table("roi", RoiSettings, without=("facts_failure_cost",)),
    Table("roi.NAME", VariantMoney),
    Table("cluster", ClusterSettings),
)


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(part for table in TABLES for part in sections(table))])


def sections(table: Table) -> Iterator[str]:
    """The table's section and those of the tables inside it."""
    inside = []
    yield f"## `[{table.name}]`\n\n{summary(table.kind)}\n\n| key | value | default | meaning |\n|---|---|---|---|"
    hints, meanings = get_type_hints(table.kind), attribute_docstrings(table.kind)
    for entry in fields(table.kind):
        if not entry.init or entry.name in table.without:
            continue
        key, hint = key_of(entry), hints[entry.name]
        if part := next((one for one in (hint, *get_args(hint)) if is_dataclass(one)), None):
            inside.append(Table(f"{table.name}.{key}", part))
        yield f"| `{key}` | {cell(value_text(hint))} | {cell(default_text(entry))} | {cell(meanings[entry.name])} |"
    yield ""
    for part in inside:
        yield from sections(part)


def summary(kind: type) -> str:
    """The docstring of a class without its line breaks."""
    return " ".join(inspect.getdoc(kind).split())


def attribute_docstrings(kind: type) -> dict[str, str]:
    """The string below each field of a class."""
    body = ast.parse(inspect.getsource(kind)).body[0].body
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


WORDS = {
    str: "text", int: "whole number", float: "number", bool: "`true`, `false`", dict: "table", tuple: "list", Any: "any",
}  # fmt: skip
NAMES = {"Decimal": "number", "Triangular": "`[low, likely, high]`", "date": "date"}


def value_text(hint: Any) -> str:
    """What may be written for a key of this type."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(value_text(one) for one in get_args(hint) if one is not types.NoneType))
    if get_origin(hint) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(hint))
    if get_origin(hint) is tuple:
        return "list of texts"
    if is_dataclass(hint):
        return "table"
    kind = get_origin(hint) or hint
    return WORDS[kind] if kind in WORDS else NAMES[kind.__name__]


def default_text(entry: Field) -> str:
    """The default as it is written in the file; nothing where the meaning says it, or there is none."""
    if entry.default is MISSING and entry.default_factory is MISSING:
        return "required"
    value = entry.default if entry.default is not MISSING else entry.default_factory()
    if value is None or value in ({}, ()) or is_dataclass(value):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(written(one) for one in value)}]`"
    return f"`{written(value)}`"


def written(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def cell(text: str) -> str:
    """A text that does not end its cell."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
