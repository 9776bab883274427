"""Which functions read texts, by their source, and which of them a scan reaches, by running it."""

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import tuneworth.core

__all__ = ["reached", "scanning"]

ROOT = Path(tuneworth.core.__path__[0]).resolve().parent
FOLDERS = ("core", "style", "curate", "train", "evaluate", "reports", "project", "deploy", "review", "cli")
# Of patterns and of the module `re`, and of the texts of polars.
OF_PATTERNS = {"finditer", "findall", "sub", "subn", "search", "match", "fullmatch"}
OF_TABLES = {
    "contains",
    "contains_any",
    "count_matches",
    "extract",
    "extract_all",
    "extract_groups",
    "extract_many",
    "find",
}
OF_TABLES |= {"find_many", "replace", "replace_all", "replace_many", "split", "strip_chars", "strip_chars_end"}
OF_TEXTS = {"count", "find", "index", "partition", "replace", "rfind", "rpartition", "split", "splitlines", "translate"}


def scanning() -> set[tuple[str, str]]:
    """The functions whose source searches a text or reads it sign by sign: file and qualified name."""
    found = set()
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for name, function in _functions(tree, ""):
                if any(_scans(node, _texts(function)) for node in _own(function)):
                    found.add((file.relative_to(ROOT).as_posix(), name))
    return found


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(node: ast.AST, within: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield within + child.name, child
            yield from _functions(child, f"{within}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{within}{child.name}.")
        else:
            yield from _functions(child, within)


def _own(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions within it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, Function | ast.ClassDef)]


def _texts(function: Function) -> set[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {
        a.arg for a in every if a.annotation is not None and ast.unparse(a.annotation) in ("str", "str | None", "bytes")
    }


def _scans(node: ast.AST, texts: set[str]) -> bool:
    if isinstance(node, ast.For | ast.comprehension):
        return isinstance(node.iter, ast.Name) and node.iter.id in texts
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    owner, method = node.func.value, node.func.attr
    if isinstance(owner, ast.Attribute) and owner.attr == "str":
        return method in OF_TABLES
    if isinstance(owner, ast.Name) and owner.id in texts:
        return method in OF_TEXTS
    return method in OF_PATTERNS


def reached(run: Callable[[], Any]) -> set[tuple[str, str]]:
    """The functions of the package that are called while `run` runs: file and qualified name.

    What the package has kept from earlier calls is forgotten first, as a kept result calls nothing.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("tuneworth."):
            for value in list(vars(module).values()):
                if callable(forget := getattr(value, "cache_clear", None)):
                    forget()
    codes: set[Any] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            codes.add(frame.f_code)

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return {(file, code.co_qualname) for code in codes if (file := _file(code.co_filename)) is not None}


@cache
def _file(name: str) -> str | None:
    path = Path(name)
    try:
        return path.resolve().relative_to(ROOT).as_posix() if path.suffix == ".py" else None
    except ValueError:
        return None
