"""Folders that a session makes once for all tests, results of given parts, and modules that no process may import.

A test that writes to such a folder changes what the tests after it see.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from tuneworth.core import Record, from_json
from tuneworth.evaluate.results import Results

Made = TypeVar("Made", bound=Record)
Files = dict[str, tuple[int, int]]

_SHARED: dict[str, dict[Path, Files]] = {}


def share(fixture: str, folder: Path) -> Path:
    """The folder of this session's fixture, from now on watched."""
    _SHARED.setdefault(fixture, {})[folder] = _files(folder)
    return folder


def changed(fixtures: list[str]) -> list[str]:
    """The files of these fixtures that are no longer as they were, each named once."""
    found = []
    for fixture in _SHARED.keys() & set(fixtures):
        for folder, before in _SHARED[fixture].items():
            now = _files(folder)
            names = sorted(name for name, _ in now.items() ^ before.items())
            found += [f"{fixture}: {name}" for name in dict.fromkeys(names)]
            _SHARED[fixture][folder] = now
    return found


def _files(folder: Path) -> Files:
    """Size and time of each file; a fixture has a few dozen of them."""
    files = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (stat.st_size, stat.st_mtime_ns) for path, stat in files}


def unsealed(run: Path) -> Path:
    """The run as a person leaves it who changes its files on purpose: without its manifest, so that sizes are not checked."""
    if (run / "manifest.json").exists():
        facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
        facts.pop("id", None)
        (run / "run.json").write_text(json.dumps(facts), encoding="utf-8")
        (run / "manifest.json").unlink()
    return run


def decoys(folder: Path, *names: str) -> Callable[[], list[str]]:
    """Modules of these names in the folder; returns what tells which of them were imported."""
    told = folder / "imported.txt"
    for name in names:
        (folder / f"{name}.py").write_text(f"with open({str(told)!r}, 'a') as told:\n    print({name!r}, file=told)\n")
    return lambda: told.read_text().split() if told.exists() else []


def results_of(parts: Mapping[str, Any] = {}, /, **more: Any) -> Results:
    """Results with these parts, and nothing where they say nothing."""
    return record_of({"schema": "tuneworth/results/1", **parts, **more}, Results)


def record_of(parts: Mapping[str, Any], kind: type[Made]) -> Made:
    """A record with these parts; a part that must be and is not given is null, 0, empty or the first of its choices."""
    return from_json(_whole(parts, inspect.type_info(kind)), kind)


def _whole(value: Any, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.UnionType):
        if value is None or value is msgspec.UNSET:
            return None
        fitting = [
            one for one in kind.types if isinstance(one, inspect.StructType | inspect.DictType | inspect.ListType)
        ]
        return _whole(value, fitting[0]) if fitting and isinstance(value, Mapping | list | tuple) else value
    given = value is not msgspec.UNSET and value is not None
    match kind:
        case inspect.StructType():
            found = value if isinstance(value, Mapping) else {} if not given else value
            if not isinstance(found, Mapping):
                return found
            wanted = [field for field in kind.fields if field.required or field.encode_name in found]
            return {f.encode_name: _whole(found.get(f.encode_name, msgspec.UNSET), f.type) for f in wanted}
        case inspect.DictType():
            return {key: _whole(one, kind.value_type) for key, one in value.items()} if given else {}
        case inspect.CollectionType():
            return [_whole(one, kind.item_type) for one in value] if given else []
        case inspect.LiteralType():
            return value if given else kind.values[0]
        case inspect.StrType():
            return value if given else ""
        case inspect.BoolType():
            return value if given else False
        case inspect.IntType() | inspect.FloatType():
            return value if given else kind.ge or 0
        case _:
            return value if given else None
