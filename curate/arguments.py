"""The arguments of `curate` from Python: a wrong one is named at once, with the function that makes a right one."""

from typing import Any

from ..style.schema import StyleSchema
from .overrides import Override
from .settings import CurateSettings
from .splits_file import HeldSplits

__all__ = ["check_arguments"]


def check_arguments(*, style: Any, settings: Any, identifiers: Any, overrides: Any, held: Any) -> None:
    """Refuse what is of another type than `curate` says.

    Raises:
        TypeError: naming the argument, what was expected and what was found.
    """
    _check("style", style, StyleSchema, "a StyleSchema, as read_style and parse_style make it")
    _check("settings", settings, CurateSettings, "CurateSettings(...)")
    _check("held", held, HeldSplits, "HeldSplits, as read_splits makes them")
    several = "a sequence of Override(...), as read_overrides makes it"
    if isinstance(overrides, str) or not hasattr(overrides, "__len__"):
        raise TypeError(f"overrides must be {several}; found {_named(overrides)}")
    for override in overrides:
        _check("overrides", override, Override, several)
    if isinstance(identifiers, str) or not hasattr(identifiers, "__len__"):
        raise TypeError(f'identifiers must be names of fields, for example ["sku"]; found {_named(identifiers)}')


def _check(name: str, value: Any, kind: type, said: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be {said}; found {_named(value)}")


def _named(value: Any) -> str:
    return f'"{value[:40]}"' if isinstance(value, str) else type(value).__name__
