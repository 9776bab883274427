"""Reads `style.yaml` into a StyleSchema; one error names all of its problems."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any, get_args

from ..core import (
    ConfigError,
    Problem,
    build_settings,
    key_of,
    line_of,
    nearest,
    read_written,
    shown_value,
    unknown_keys,
    with_lines,
)
from .kinds import KINDS
from .kinds.python_call import load_code
from .schema import Check, Kind, StyleSchema, Task, Wordings
from .scope import PART, UNITS
from .wordings import read_wordings
from .words import listed
from .yaml_text import read_yaml

_TOP_KEYS = ["name", "about", "reviewed", "task", "wordings", "checks"]
_CHECK_KEYS = ["kind", "id", "level", "about", "when", "say", "ignore_case", "fix", "each", "part"]

_WITH_WORDINGS = frozenset({"covers", "contradicts", "grounded", "known_segments", "field_context", "same_fields"})


def read_style(path: Path | str, *, allow_code: bool = False) -> StyleSchema:
    """The style schema in a YAML file. Its `python` checks run code, so they are loaded only with `allow_code`.

    Raises: ConfigError naming the file and every problem in it.
    """
    path = Path(path)
    text = read_written(path, what="style file")
    return parse_style(text, where=str(path), path=path, allow_code=allow_code)


def parse_style(text: str, *, where: str = "style", path: Path | None = None, allow_code: bool = False) -> StyleSchema:
    """The style schema in a YAML text; `where` names it in messages; its file names are relative to the folder of `path`."""
    table = read_yaml(text, where=where)
    if table is None:
        raise ConfigError(f"{where}: the style is empty; it needs `checks`, a list of rules")
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where}: expected a mapping with `name` and `checks`, found {shown_value(table)}")
    problems = unknown_keys(table, _TOP_KEYS, where="top level")
    wordings = read_wordings(table.get("wordings"), problems)
    checks = _read_checks(table, wordings, problems, path.parent if path else None)
    checks = load_code(checks, problems, folder=path.parent if path else None, allow_code=allow_code)
    for key, kind, wanted in (("name", str, "a text"), ("about", str, "a text"), ("reviewed", bool, "true or false")):
        if key in table and not isinstance(table[key], kind):
            problems.append(Problem(f"{key}: expected {wanted}, found {shown_value(table[key])}", line_of(table, key)))
    if (task := table.get("task")) not in (None, *get_args(Task)):
        found = f"task: expected {listed(get_args(Task), 'or')}, found {shown_value(task)}"
        problems.append(Problem(found, line_of(table, "task")))
    if problems:
        raise ConfigError.of(problems, where=where)
    name = table.get("name", path.stem if path else "style")
    return StyleSchema(name, checks, table.get("about", ""), table.get("reviewed", True), path, wordings, task)


def _read_checks(
    table: Mapping[str, Any], wordings: Wordings, problems: list[str], folder: Path | None
) -> tuple[Check, ...]:
    entries, line = table.get("checks"), line_of(table, "checks")
    if not isinstance(entries, list) or not entries:
        problems.append(Problem("checks: expected a list with at least one check", line))
        return ()
    checks = []
    used: Counter[str] = Counter()
    for number, entry in enumerate(entries, start=1):
        kind = entry.get("kind") if isinstance(entry, Mapping) else None
        where = f"check {number}" + (f" ({kind})" if isinstance(kind, str) and kind in KINDS else "")
        before = len(problems)
        check = _read_check(entry, where, used, problems, folder) if isinstance(entry, Mapping) else None
        if check is None and len(problems) == before:
            problems.append(Problem(f"{where}: expected a mapping with `kind`, found {shown_value(entry)}", line))
        if check is not None:
            checks.append(replace(check, wordings=wordings) if check.kind in _WITH_WORDINGS else check)
    doubled = [id for id, times in Counter(check.id for check in checks).items() if times > 1]
    problems += [f'several checks have the id "{id}"; give each a different id' for id in doubled]
    return tuple(checks)


def _read_check(
    entry: Mapping[str, Any], where: str, used: Counter[str], problems: list[str], folder: Path | None
) -> Check | None:
    name = entry.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        what = f"unknown kind {shown_value(name)}; {nearest(str(name), list(KINDS))}" if name else '"kind" is missing'
        problems.append(Problem(f"{where}: {what}", line_of(entry, "kind")))
        return None
    kind = KINDS[name]
    used[name] += 1
    parameter_keys = {key_of(field): field for field in fields(kind.parameters)}
    problems += unknown_keys(entry, [*_CHECK_KEYS, *parameter_keys], where=where)
    given = {
        key: _resolved(value, parameter_keys[key], folder) for key, value in entry.items() if key in parameter_keys
    }
    parameters = build_settings(kind.parameters, with_lines(entry, _as_lists(given)), where=where, problems=problems)
    level = _choice(entry, "level", ("must", "should"), "must", where, problems)
    about = _choice(entry, "about", _abouts(kind), kind.about, where, problems)
    when = _read_when(entry, where, problems)
    fix = _read_fix(entry, kind, where, problems)
    id = entry.get("id", name if used[name] == 1 else f"{name}-{used[name]}")
    for key, value, wanted in (
        ("id", id, str),
        ("say", entry.get("say", ""), str),
        ("ignore_case", entry.get("ignore_case", False), bool),
    ):
        if not isinstance(value, wanted):
            expected = "a text" if wanted is str else "true or false"
            message = f"{where}.{key}: expected {expected}, found {shown_value(value)}"
            problems.append(Problem(message, line_of(entry, key)))
    each = _choice(entry, "each", UNITS, None, where, problems) if "each" in entry else None
    part = entry.get("part")
    if part is not None and not (isinstance(part, str) and PART.fullmatch(part)):
        message = f"{where}.part: expected a place and a piece such as first paragraph, found {shown_value(part)}"
        problems.append(Problem(message, line_of(entry, "part")))
    if parameters is None:
        return None
    say, ignore_case = entry.get("say"), entry.get("ignore_case", False)
    return Check(name, str(id), level, about, parameters, when, say, ignore_case, fix, each, part)


def _abouts(kind: Kind) -> tuple[str, ...]:
    """What a check of this kind may be about: correctness if it compares with a reference, which a function may do too."""
    if kind.about == "correctness":
        return ("correctness",)
    return ("form", "wording", "facts", *(("correctness",) if kind.name == "python" else ()))


def _read_fix(entry: Mapping[str, Any], kind: Kind, where: str, problems: list[str]) -> Any:
    """The repairs that a check allows; YAML reads a bare `off` as false."""
    if "fix" not in entry or entry["fix"] in (False, "off"):
        return "off" if "fix" in entry else None
    value = _choice(entry, "fix", ("safe", "unsafe", "off"), "off", where, problems)
    possible = kind.fix.possible
    if value in ("safe", "unsafe") and value not in possible:
        can = f'only "{possible[0]}" or "off" has an effect on' if possible else "no repair exists for"
        message = f'{where}.fix: "{value}" does nothing; {can} the kind {kind.name}'
        problems.append(Problem(message, line_of(entry, "fix")))
    return value


def _resolved(value: Any, field: Field[Any], folder: Path | None) -> Any:
    """The value; a relative path in a parameter marked `metadata={"file": True}` is resolved from the style file's folder."""
    if folder is None or not isinstance(value, str) or not field.metadata.get("file"):
        return value
    return str(folder / value)


def _as_lists(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, where `preferred: {term: variant}` may name a single variant without a list."""
    preferred = given.get("preferred")
    if not isinstance(preferred, Mapping):
        return dict(given)
    return {**given, "preferred": {term: [v] if isinstance(v, str) else v for term, v in preferred.items()}}


def _choice(
    entry: Mapping[str, Any], key: str, choices: tuple[str, ...], default: str | None, where: str, problems: list[str]
) -> Any:
    value = entry.get(key, default)
    if value not in choices:
        message = f"{where}.{key}: expected {' or '.join(choices)}, found {shown_value(value)}"
        problems.append(Problem(message, line_of(entry, key)))
    return value


def _read_when(
    entry: Mapping[str, Any], where: str, problems: list[str]
) -> Mapping[str, tuple[str, ...] | None] | None:
    """The condition from a field name, `{field: value}` or `{field: [values]}`."""
    when = entry.get("when")
    if when is None:
        return None
    if isinstance(when, str):
        return {when: None}
    if isinstance(when, Mapping) and when:
        return {str(name): tuple(map(str, v)) if isinstance(v, list) else (str(v),) for name, v in when.items()}
    message = f"{where}.when: expected a field name, {{field: value}} or {{field: [values]}}, found {shown_value(when)}"
    problems.append(Problem(message, line_of(entry, "when")))
    return None
