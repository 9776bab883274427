"""Files that grow: one door to append, one to lock, and a table of all files that pass through them."""

import ast
import re
from collections.abc import Iterator

from .sources import ROOT, mentioning
from .test_imports import graph

# The two files whose code adds to a file in place; all else goes through `core/disk/appending.py`.
SYNCS = {"core/machine.py"}  # opens what is written already
IN_PLACE = {"core/disk/appending.py", "curate/decisions/log.py"}
LOCKS = {"core/disk/appending.py"}
OF_LOCKS = {"filelock", "fcntl", "msvcrt"}
CHANGE = {"O_APPEND", "O_RDWR", "O_WRONLY", "ftruncate", "truncate"}


def sources(*words: str) -> dict[str, ast.Module]:
    """The modules that hold one of the words, by their paths."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in mentioning(*words)
    }


def opens_to_change(tree: ast.AST) -> Iterator[int]:
    """The lines that open a file to add to what it holds, or to change it in place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CHANGE:
            yield node.lineno
        elif isinstance(node, ast.Call) and name_of(node.func) == "open":
            given = [*node.args, *(word.value for word in node.keywords if word.arg == "mode")]
            texts = [part.value for word in given for part in ast.walk(word) if isinstance(part, ast.Constant)]
            if any(re.fullmatch(r"[rwxab+t]{1,3}", text) and set(text) & set("a+") for text in map(str, texts)):
                yield node.lineno


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def rows() -> dict[str, str]:
    """The module of each row of the table, with the files that it writes."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Files that grow")[2]
    table = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| `")]
    return {cells[2].strip().strip("`"): cells[0] for cells in table}


def test_a_file_is_changed_in_place_by_the_code_for_it_alone():
    found = {f"{path}:{line}" for path, tree in sources("open", *CHANGE).items() for line in opens_to_change(tree)}
    assert {place for place in found if place.partition(":")[0] not in IN_PLACE | SYNCS} == set()
    assert {place.partition(":")[0] for place in found} == IN_PLACE | SYNCS


def test_every_way_to_append_is_noticed():
    ways = [
        'p.open("a")',
        'open(p, "ab")',
        'p.open(mode="r+b")',
        'p.open("w+b" if new else "rb")',
        "os.open(p, os.O_APPEND)",
    ]
    assert all(list(opens_to_change(ast.parse(way))) for way in ways)
    assert not list(opens_to_change(ast.parse('p.open("rb"), Image.open("data"), zstd.open(path), p.open("w")')))


def test_all_locks_are_taken_in_one_place():
    importers = {
        path
        for path, tree in sources(*OF_LOCKS).items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and node.module in OF_LOCKS)
        or (isinstance(node, ast.Import) and {name.name for name in node.names} & OF_LOCKS)
    }
    assert importers == LOCKS


def test_the_table_lists_every_module_that_appends():
    appends = {
        entry.importer.replace(".", "/") + ".py"
        for entry in graph()
        if entry.name in ("appending", "Appending") and entry.importer != "core"
    }
    assert rows().keys() == appends | IN_PLACE - {"core/disk/appending.py"}
    assert all(re.search(r"`[\w/*.]+\.jsonl`", files) for files in rows().values())
