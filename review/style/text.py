"""Edits of a style.yaml: a bound, a level, one more text in a list; its comments and all other lines stay as they are."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import yaml

from ...core import ConfigError, key_of, nearest, shown_value
from ...style import Check, Level, StyleSchema, parse_style
from .yaml_text import Keys, same_key, with_item, with_value, without_key

Number = int | float
WORDINGS = "wordings"
_FIRST = ("id", "kind")  # what a check begins with, before its level
_BEFORE_WORDINGS = ("name", "about", "reviewed")


@dataclass(frozen=True)
class StyleEdit:
    """Changes of one check: its numbers by name (None removes a bound), its level, and a text to add to a list.

    The name of a list is that of a parameter, with the key for a table of lists: `any`, `preferred: DC/DC`; for accepted
    wordings it is `wordings: FIELD: VALUE`, which all checks of the style share.
    """

    check: str
    numbers: Mapping[str, Number | None] = field(default_factory=dict)
    level: Level | None = None
    add: tuple[str, str] | None = None


def read_edits(content: Any) -> tuple[StyleEdit, ...]:
    """The edits that a page sends: `{check, set: {NAME: value}}`, `{check, level}`, `{check, add: {name, value}}`.

    Raises: ConfigError naming what does not fit.
    """
    if not isinstance(content, list):
        raise ConfigError(f"edits: expected a list, found {shown_value(content)}")
    return tuple(_read(entry, f"edit {number}") for number, entry in enumerate(content, start=1))


def _read(entry: Any, where: str) -> StyleEdit:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("check"), str):
        raise ConfigError(f"{where}: expected an object with the id of a check, found {shown_value(entry)}")
    if odd := [name for name in entry if name not in ("check", "set", "level", "add")]:
        raise ConfigError(f'{where}: unknown key "{odd[0]}"; known: check, set, level, add')
    numbers, level, add = entry.get("set", {}), entry.get("level"), entry.get("add")
    if not isinstance(numbers, Mapping) or not all(value is None or _is_number(value) for value in numbers.values()):
        raise ConfigError(f"{where}.set: expected numbers by name, found {shown_value(numbers)}")
    if level not in (None, *get_args(Level)):
        raise ConfigError(f"{where}.level: expected must or should, found {shown_value(level)}")
    if add is None:
        return StyleEdit(entry["check"], dict(numbers), level)
    name, value = (add.get("name"), add.get("value")) if isinstance(add, Mapping) else (None, None)
    if not isinstance(name, str) or not isinstance(value, str):
        raise ConfigError(f"{where}.add: expected the name of a list and a text, found {shown_value(add)}")
    return StyleEdit(entry["check"], dict(numbers), level, (name, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def numbers_of(check: Check) -> dict[str, Number | None]:
    """The numbers of a check that can be changed, by name; None where one is not set."""
    hints = get_type_hints(type(check.parameters))
    return {
        key_of(parameter): getattr(check.parameters, parameter.name)
        for parameter in fields(check.parameters)
        if _members(hints[parameter.name]) <= {int, float, NoneType}
    }


def _members(hint: Any) -> set[Any]:
    return set(get_args(hint)) or {hint}


def lists_of(check: Check) -> dict[str, tuple[str, ...]]:
    """The lists of texts of a check that can be added to, by name; those of wordings only where the style has some."""
    hints, found = get_type_hints(type(check.parameters)), {}
    for parameter in fields(check.parameters):
        name, value = key_of(parameter), getattr(check.parameters, parameter.name)
        if hints[parameter.name] == tuple[str, ...]:
            found[name] = value
        elif hints[parameter.name] == dict[str, tuple[str, ...]]:
            found |= {f"{name}: {key}": tuple(texts) for key, texts in value.items()}
    for name in fields_with_wordings(check):
        texts = check.wordings.get(name, {})
        found |= {f"{WORDINGS}: {name}: {value}": given for value, given in texts.items()}
    return found


def fields_with_wordings(check: Check) -> list[str]:
    """The fields whose wordings a check reads."""
    if check.kind == "grounded":
        return list(check.wordings)
    given = {"covers": "fields", "contradicts": "field"}.get(check.kind)
    value = getattr(check.parameters, given) if given else ()
    return [value] if isinstance(value, str) else list(value)


def edited_style(
    text: str,
    edits: Sequence[StyleEdit],
    *,
    style: StyleSchema | None = None,
    path: Path | None = None,
    allow_code: bool = False,
) -> tuple[str, StyleSchema]:
    """The text of a style.yaml with the edits, and the style that it then states; `style` is what it states now, if known.

    Raises: ConfigError, in a sentence, if an edit does not fit or the edited style would not be valid.
    """
    where = str(path or "style")
    style = style or parse_style(text, where=where, path=path, allow_code=allow_code)
    for edit in edits:
        text = _edited(text, style, edit, where)
        style = parse_style(text, where=where, path=path, allow_code=allow_code)
    return text, style


def _edited(text: str, style: StyleSchema, edit: StyleEdit, where: str) -> str:
    ids = [check.id for check in style.checks]
    if edit.check not in ids:
        raise ConfigError(f"the style has no check {shown_value(edit.check)}; {nearest(edit.check, ids)}")
    at = ids.index(edit.check)
    check, entry = style.checks[at], ("checks", at)
    for place, value, after in _values(check, entry, edit):
        new = without_key(text, place) if value is None else with_value(text, place, value, after=after)
        text = _only(text, new, place, value, where)
    if edit.add is not None:
        place, item = _list_place(check, entry, edit.add[0]), edit.add[1]
        if item in lists_of(check).get(edit.add[0], ()):
            raise ConfigError(f"{shown_value(item)} is already in {edit.add[0]} of {check.id}")
        text = _only(text, with_item(text, place, item, after=_BEFORE_WORDINGS), place, [item], where)
    return text


def _values(check: Check, entry: Keys, edit: StyleEdit) -> Iterator[tuple[Keys, str | Number | None, Sequence[str]]]:
    """Each value to set: its place, the value (None removes the key), and the keys that it comes after if it is new."""
    known = numbers_of(check)
    for name, value in edit.numbers.items():
        if name not in known:
            hint = nearest(name, list(known)) if known else f"the kind {check.kind} has none"
            raise ConfigError(f"{check.id} has no number {shown_value(name)}; {hint}")
        if known[name] != value:
            yield (*entry, name), value, (*_FIRST, *_earlier(check, name))
    if edit.level not in (None, check.level):
        yield (*entry, "level"), edit.level, _FIRST


def _earlier(check: Check, name: str) -> list[str]:
    """The parameters of its kind that are stated before this one: `unit` and `min` before `max`."""
    names = [key_of(parameter) for parameter in fields(check.parameters)]
    plain = numbers_of(check)
    return [other for other in names[: names.index(name)] if other in plain or other == "unit"]


def _list_place(check: Check, entry: Keys, name: str) -> Keys:
    """Where a list stands in the file; a table of lists may get a new key."""
    hints = {key_of(parameter): parameter.name for parameter in fields(check.parameters)}
    kinds = get_type_hints(type(check.parameters))
    if name in hints and kinds[hints[name]] == tuple[str, ...]:
        return (*entry, name)
    table, _, key = name.partition(": ")
    if key and table in hints and kinds[hints[table]] == dict[str, tuple[str, ...]]:
        return (*entry, table, key)
    if table == WORDINGS:
        worded = sorted((one for one in fields_with_wordings(check) if key.startswith(f"{one}: ")), key=len)
        if worded and (value := key[len(worded[-1]) + 2 :]):
            return (WORDINGS, worded[-1], value)
    known = list(lists_of(check))
    hint = nearest(name, known) if known else f"the kind {check.kind} has none"
    raise ConfigError(f"{check.id} has no list {shown_value(name)}; {hint}")


def _only(before: str, after: str, place: Keys, value: Any, where: str) -> str:
    """The changed text, if its data are those of before with the one change.

    YAML has more ways to write a thing than an edit can know: what it did not mean to change must not change.
    """
    if _data(after) != _changed(_data(before), place, value):
        raise ConfigError(f"this edit would change more of {where} than it should; change it in the file itself")
    return after


def _data(text: str) -> Any:
    """The data of a text; None if an edit made something else of it. The C library reads ten times as fast."""
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError):
        return None


def _changed(data: Any, place: Keys, value: Any) -> Any:
    """The data with the value at a place: None removes it, a list is added to what is there."""
    data = deepcopy(data)
    inner = data
    for name in place[:-1]:
        inner = inner[name] if isinstance(name, int) else inner.setdefault(_own(inner, name), {})
    last = _own(inner, str(place[-1]))
    if value is None:
        inner.pop(last, None)
    elif isinstance(value, list):
        old = inner.get(last, [])
        inner[last] = [*(old if isinstance(old, list) else [old]), *value]
    else:
        inner[last] = value
    return data


def _own(table: Mapping[Any, Any], name: str) -> Any:
    """The key of a table that the name means, as YAML read it; the name if there is none yet."""
    return next((key for key in table if same_key(key, name)), name)
