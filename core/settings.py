"""Builds a frozen dataclass of settings from a parsed file, and reports all problems at once."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal
from difflib import get_close_matches
from reprlib import Repr
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .config_text import toml_name
from .errors import ConfigError, Problem, line_of, line_of_named

Settings = TypeVar("Settings")
Fix = Literal["off", "safe", "unsafe"]  # repairs of an output: none, only safe ones, or also those that remove content


def nearest(name: str, known: list[str]) -> str:
    """A hint that names the closest known key, or all of them if none is close."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {shown_value(close[0])}?"
    # Names may come from a file, so long or unprintable ones are shortened and quoted.
    shown = [one if one.isprintable() and len(one) <= 60 else shown_value(one) for one in known]
    return f"known: {', '.join(shown)}"


def unknown_keys(table: Mapping[str, Any], known: list[str], *, where: str) -> list[str]:
    """One problem per key of `table` that is not in `known`; `where` is empty for the file itself."""
    place = f"{where}: " if where else ""
    return [
        Problem(f"{place}unknown key {shown_value(str(key))}; {nearest(str(key), known)}", line_of(table, key))
        for key in table
        if key not in known
    ]


def build_settings(
    kind: type[Settings], table: Mapping[str, Any], *, where: str, problems: list[str]
) -> Settings | None:
    """An instance of the dataclass `kind` from a parsed table; None if there are problems.

    Unknown keys, missing required keys and values of the wrong type are added to `problems`, each with its place, what was
    expected and what was found. A Decimal is accepted for a float, a list for a tuple, a table for a nested dataclass. The
    field `is_` holds the key `is`, which is a keyword in Python. A field with the metadata `own_names` holds tables that
    appear in the file next to the other keys, so its name is not part of their place.
    """
    if not isinstance(table, Mapping):
        problems.append(f"{where}: expected a table, found {shown_value(table)}")
        return None
    before = len(problems)
    hints = get_type_hints(kind)
    known = [f for f in fields(kind) if f.init]  # type: ignore[arg-type]
    problems += unknown_keys(table, [key_of(f) for f in known], where=where)
    values: dict[str, Any] = {}
    for field in known:
        key = key_of(field)
        if key in table:
            place = where if field.metadata.get("own_names") else f"{where}.{key}"
            values[field.name] = _convert(table[key], hints[field.name], place, problems, line_of(table, key))
        elif field.default is MISSING and field.default_factory is MISSING:
            problems.append(Problem(f'{where}: "{key}" is missing', line_of(table)))
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except (ConfigError, ValueError) as error:  # __post_init__ checks ranges
        problems.append(Problem(f"{where}: {error}", line_of_named(table, str(error))))
        return None


def misfits(settings: Any) -> list[str]:
    """One problem per field of a settings dataclass with a value of the wrong type, which Python does not check."""
    hints, problems = get_type_hints(type(settings)), []
    for field in fields(settings):
        value, hint = getattr(settings, field.name), hints[field.name]
        if is_dataclass(hint):
            fits, expected = isinstance(value, hint), f"{hint.__name__}(...)"  # type: ignore[arg-type]
        else:
            fits, expected = _fit(value, hint, field.name, problems, None)[1], _name(hint)
        if not fits:
            problems.append(f"{key_of(field)} must be {expected}, found {shown_value(value)}")
    return problems


def key_of(field: Field[Any]) -> str:
    """The key in a file for a dataclass field."""
    return field.name.rstrip("_")


def _convert(value: Any, hint: Any, where: str, problems: list[str], line: int | None) -> Any:
    """The value converted to the type `hint`; if that fails, the value itself, and a problem with the `line` of its key."""
    converted, ok = _fit(value, hint, where, problems, line)
    if not ok:
        quote = f' (quote it to make it text: "{value}")' if hint is str and type(value) in (bool, int, float) else ""
        # The value of a `key_env` may be the key itself.
        found = "another value, not repeated here" if where.endswith("key_env") else f"{shown_value(value)}{quote}"
        problems.append(Problem(f"{where}: expected {_name(hint)}, found {found}", line))
    return converted


def _fit(value: Any, hint: Any, where: str, problems: list[str], line: int | None) -> tuple[Any, bool]:
    """The value converted to the type `hint`, and whether it fits."""
    origin = get_origin(hint)
    if hint is Any:
        return value, True
    if origin in (Union, types.UnionType):
        # The first member that fits wins, so exact types are listed before conversions.
        for member in get_args(hint):
            fitted, ok = _fit(value, member, where, problems, line)
            if ok:
                return fitted, True
        return value, False
    if hint is type(None):
        return None, value is None
    if origin is Literal:
        return value, value in get_args(hint) and type(value) in {type(choice) for choice in get_args(hint)}
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return value, False
        member = get_args(hint)[0]
        items = enumerate(value)
        return tuple(
            _convert(item, member, f"{where}[{i}]", problems, line_of(item) or line) for i, item in items
        ), True
    if origin is dict:
        if not isinstance(value, Mapping):
            return value, False
        member = get_args(hint)[1]
        return {
            str(k): _convert(v, member, f"{where}.{toml_name(str(k))}", problems, line_of(value, k) or line)
            for k, v in value.items()
        }, True
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            return value, False
        return build_settings(hint, value, where=where, problems=problems), True  # type: ignore[arg-type]
    return _fit_scalar(value, hint)


def _fit_scalar(value: Any, hint: type) -> tuple[Any, bool]:
    if isinstance(value, bool):
        return value, hint is bool
    if hint is float and isinstance(value, int | float | Decimal):
        return float(Decimal(value)), True  # a whole number beyond all floats is infinite, as 1e400 is
    if hint is Decimal and isinstance(value, int | float | Decimal):
        return Decimal(str(value)), True
    return value, isinstance(value, hint)


def _name(hint: Any) -> str:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_name(member) for member in get_args(hint) if member is not type(None))
    if origin is Literal:
        return " or ".join(
            f'"{choice}"' if isinstance(choice, str) else str(choice).lower() for choice in get_args(hint)
        )
    if origin is tuple:
        return f"a list of {_names(get_args(hint)[0])}"
    if origin is dict or is_dataclass(hint):
        return "a table"
    return {str: "a text", int: "a whole number", float: "a number", Decimal: "a number", bool: "true or false"}.get(
        hint, getattr(hint, "__name__", str(hint))
    )


def _names(hint: Any) -> str:
    """The plural: `texts`, `numbers`; choices are unchanged."""
    name = _name(hint)
    return f"{name[2:]}s" if name.startswith("a ") else name


def shown_value(value: Any) -> str:
    """A value for a message, shortened, since a value from a file may have any size."""
    if isinstance(value, str):
        text = f'"{value[:60]}"' if value.isprintable() else repr(value[:60])
        return text if len(value) <= 60 else f"{text[:57]}..."
    if isinstance(value, bool | Decimal):  # as written in the file
        return str(value).lower()
    return _SHORT.repr(value) if value is not None else "nothing"


_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxstring, _SHORT.maxother = 2, 3, 3, 40, 60
