"""The import graph, read from the sources: one direction, no cycle, faces that are complete."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from .sources import LAYERS, ROOT

# Sub-folders in the order in which they may import each other; those that are not named here stand beside each other.
INSIDE = {
    "style": ["facts", "kinds", "infer"],
    "curate": ["read", "check", "match", "split"],
    "evaluate": ["statistics", "scores", "risks"],
    "deploy": ["hosted", "check", "export", "watch"],
    "review": ["judging", "queue", "style", "server"],
}
MOST_IMPORTS = 15
# The records of results are many: they have a face of their own, which counts as one with that of their folder.
FACES = {"evaluate.results": "evaluate"}
# Rows of equals, by the module that lists them: check kinds, sections of the report. They count as one import.
EQUALS = {"style.kinds": "style.kinds.", "reports.report": "reports.sections."}


class Import(NamedTuple):
    """`importer` takes `name` from the module or package `source`."""

    importer: str
    source: str
    name: str


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name without `tuneworth`, stubs of faces in place of their `.py`."""
    found = {}
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.py")):
            stub = path.with_suffix(".pyi")
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = stub if stub.is_file() else path
    return found


# Of one's own modules alone, as the formatter writes them: to parse whole files takes seconds.
IMPORT = re.compile(r"^[ \t]*(from \.[\w.]* import (?:\([^)]*\)|[^(\n]+))", re.MULTILINE)


def _imports(name: str, path: Path) -> Iterator[Import]:
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for statement in IMPORT.findall(path.read_text(encoding="utf-8")):
        node = ast.parse(statement).body[0]
        if isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            source = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{source}.{alias.name}"
                face = source in modules() and alias.name in names_of(source)
                yield Import(name, whole if whole in modules() and not face else source, alias.name)


@cache
def names_of(face: str) -> frozenset[str]:
    """The names that a package's `__init__` imports."""
    tree = ast.parse(modules()[face].read_text(encoding="utf-8"))
    return frozenset(
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    )


@cache
def graph() -> tuple[Import, ...]:
    """Imports of our own modules, in functions and for type checkers too."""
    found = [entry for name, path in modules().items() for entry in _imports(name, path)]
    return tuple(entry for entry in found if entry.source in modules())


def test_every_folder_imports_from_those_below_it_alone():
    upward = [
        entry
        for entry in graph()
        if LAYERS.index(entry.source.partition(".")[0]) > LAYERS.index(entry.importer.partition(".")[0])
    ]
    assert upward == []


@pytest.mark.parametrize("folder", INSIDE)
def test_sub_folders_import_from_those_below_them_alone(folder):
    order = [f"{folder}.{name}" for name in INSIDE[folder]]

    def layer(module: str) -> int | None:
        return next((place for place, name in enumerate(order) if f"{module}.".startswith(f"{name}.")), None)

    upward = []
    for entry in graph():
        source, importer = layer(entry.source), layer(entry.importer)
        if source is not None and importer is not None and source > importer:
            upward.append(entry)
    assert upward == []


def test_no_module_imports_itself_by_a_detour():
    edges = defaultdict(set)
    for entry in graph():
        if entry.source != entry.importer:
            edges[entry.importer].add(entry.source)
    assert cycle_in(edges) is None


def cycle_in(edges: dict[str, set[str]]) -> list[str] | None:
    """The modules of a cycle, the first one named again at its end; None where there is none."""
    done: set[str] = set()

    def search(path: list[str]) -> list[str] | None:
        for following in sorted(edges.get(path[-1], ())):
            if following in path:
                return [*path[path.index(following) :], following]
            if following not in done and (found := search([*path, following])):
                return found
        done.add(path[-1])
        return None

    return next((found for start in sorted(edges) if start not in done and (found := search([start]))), None)


def test_a_cycle_is_found():
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle_in({a: {b} for a, b in pairwise("abcd")}) is None


def test_no_module_imports_more_than_fifteen_of_ours():
    sources = defaultdict(set)
    for entry in graph():
        equals = EQUALS.get(entry.importer)
        if equals is not None or modules()[entry.importer].suffix == ".py":  # the face of a folder lists all it has
            one = equals is not None and entry.source.startswith(equals)
            sources[entry.importer].add(equals if one else FACES.get(entry.source, entry.source))
    assert {name: len(found) for name, found in sources.items() if len(found) > MOST_IMPORTS} == {}


def test_folders_import_each_others_faces():
    past = [
        entry
        for entry in graph()
        if entry.importer.partition(".")[0] != entry.source.partition(".")[0]
        if "." in entry.source and entry.source not in FACES
    ]
    assert past == []


def test_faces_name_what_other_folders_use():
    missing = [
        entry
        for entry in graph()
        if entry.importer.partition(".")[0] != entry.source
        and entry.source in LAYERS
        and entry.name not in names_of(entry.source)
    ]
    assert missing == []
