"""Changes one operator, number or `any` at a time in the code that decides, and sees whether the default tests fail.

    python benchmarks/mutations.py --mutants 200 --minutes 40 [--only curate/match] > table.md

Everything happens in a copy of the repository. Each mutant runs against those default tests of its folder that enter the
changed function, fastest first, until one fails; a mutant that none notices is a survivor, to be read by a person. The
sample is drawn by seed, evenly over the files. Two tools were looked at: mutmut finds a function's tests by the path of its
file, which here is not the name of its module (`curate/` is `tuneworth.curate`); cosmic-ray changes neither `any` nor
`min`, but type annotations, and brings 13 packages.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).parents[1]
FILES = (
    "curate/match/join.py", "curate/match/duplicates.py", "curate/split/assign_rows.py", "curate/split/assign.py",
    "curate/split/certificate.py", "evaluate/verdict/rules.py", "evaluate/verdict/money_rules.py",
    "evaluate/verdict/rivals.py", "evaluate/money/payback.py", "evaluate/money/figures.py", "evaluate/money/request.py",
    "evaluate/money/simulate.py", "train/batches.py", "train/examples.py", "style/schema.py", "style/kinds/order.py",
    "style/kinds/covers.py", "style/kinds/length.py",
)  # fmt: skip
MARKED = "not (browser or model or cluster or slow)"
FIRST_TESTS = 60  # the fastest of those that enter a function: one that fails is nearly always among them
SECONDS = 200  # for these tests, and for the rest; longer is noticed as well
SWAPS = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.And: ("and", "or"), ast.Or: ("or", "and"), ast.Add: ("+", "-"), ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
}  # fmt: skip
NAMES = {"any": "all", "min": "max", "minimum": "maximum", "left": "right", "floor": "ceil", "first": "last"}
NAMES |= {new: old for old, new in NAMES.items()}

PLUGIN = """
import json, os, sys, threading, time
import pytest

FILES, OUT, entered = set(json.loads(os.environ.get("MUTATED", "[]"))), os.environ.get("ENTERED"), set()
CHOSEN = {name: place for place, name in enumerate(json.loads(os.environ.get("CHOSEN", "[]")))}

def trace(frame, event, arg):
    if frame.f_code.co_filename in FILES:
        entered.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    if CHOSEN:
        items[:] = sorted((item for item in items if item.nodeid in CHOSEN), key=lambda item: CHOSEN[item.nodeid])

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    if not OUT:
        return (yield)
    entered.clear()
    start = time.process_time()
    threading.settrace(trace), sys.settrace(trace)
    try:
        return (yield)
    finally:
        sys.settrace(None), threading.settrace(None)
        with open(OUT, "a") as out:
            print(json.dumps([item.nodeid, time.process_time() - start, sorted(entered)]), file=out)
"""


@dataclass(frozen=True)
class Mutant:
    """One changed place: `was` and `now` are the line before and after."""

    file: str
    line: int
    was: str
    now: str
    text: bytes


def mutants(file: str, source: bytes) -> Iterator[Mutant]:
    """Every mutant of a module, but for annotations and module level, which no single test enters."""
    tree, starts = ast.parse(source), [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(line: int, column: int) -> int:
        return starts[line - 1] + column

    def changed(low: int, high: int, old: str, new: str) -> Iterator[Mutant]:
        """The mutant with the word `old` replaced between two places."""
        pattern = re.escape(old.encode()) if not old.isalpha() else rb"\b" + old.encode() + rb"\b"
        if found := re.search(pattern, source[low:high]):
            text = source[: low + found.start()] + new.encode() + source[low + found.end() :]
            line = source.count(b"\n", 0, low + found.start())
            was, now = (body.splitlines()[line].decode().strip() for body in (source, text))
            yield Mutant(file, line + 1, was, now, text)

    def between(left: ast.expr, right: ast.expr, swap: tuple[str, str]) -> Iterator[Mutant]:
        low = at(left.end_lineno or 0, left.end_col_offset or 0)
        yield from changed(low, at(right.lineno, right.col_offset), *swap)

    for node in _inside_functions(tree):
        if isinstance(node, ast.Compare):
            for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
                if type(operator) in SWAPS:
                    yield from between(left, right, SWAPS[type(operator)])
        elif isinstance(node, ast.BoolOp):
            yield from between(*node.values[:2], SWAPS[type(node.op)])
        elif isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
            yield from between(node.left, node.right, SWAPS[type(node.op)])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield from changed(
                at(node.lineno, node.col_offset), at(node.operand.lineno, node.operand.col_offset), "not", ""
            )
        elif isinstance(node, ast.Constant) and type(node.value) in (int, bool):
            now = str(not node.value) if isinstance(node.value, bool) else str(node.value + 1)
            place = at(node.lineno, node.col_offset)
            old = source[place : at(node.end_lineno or 0, node.end_col_offset or 0)].decode()
            yield from changed(place, place + len(old), old, now)
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in NAMES and isinstance(node.ctx, ast.Load):
                end = at(node.end_lineno or 0, node.end_col_offset or 0)
                yield from changed(end - len(name), end, name, NAMES[name])


def _inside_functions(node: ast.AST, inside: bool = False) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and name not in ("annotation", "returns", "decorator_list"):
                if inside:
                    yield child
                yield from _inside_functions(child, inside or (isinstance(node, ast.FunctionDef) and name == "body"))


def functions(source: bytes) -> dict[int, range]:
    """The lines of each function by the one where its code begins, decorators included."""
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.Lambda))
    return {
        min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]): range(
            node.lineno, (node.end_lineno or 0) + 1
        )
        for node in found
    }


class Copy:
    """A copy of the repository whose tests import the package from it."""

    def __init__(self, home: Path) -> None:
        self.home, self._written = home, 0
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in tracked.splitlines():
            if (ROOT / name).is_file():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, home / name)
        package = home / "package" / "tuneworth"
        shutil.copytree(home / "tuneworth", package)
        for face in home.glob("*/__init__.py"):
            if face.parent.name != "tuneworth":
                (package / face.parent.name).symlink_to(face.parent, target_is_directory=True)
        (home / "plugin").mkdir()
        (home / "plugin" / "entered.py").write_text(PLUGIN)

    def pytest(self, *words: str, seconds: float, **variables: str) -> int:
        """The exit code of pytest; 1, a failure, if it takes longer."""
        path = os.pathsep.join([str(self.home / "package"), str(self.home / "plugin")])
        pytest = str(Path(sys.executable).parent / "pytest")
        command = [pytest, "-p", "entered", "-p", "no:cacheprovider", "-m", MARKED, *words]
        environment = {**os.environ, "PYTHONPATH": path, "CI": "1", **variables}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each start would compile the package
        try:
            done = subprocess.run(
                command, cwd=self.home, env=environment, timeout=seconds, stdout=subprocess.DEVNULL, check=False,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return 1
        return done.returncode

    def write(self, file: str, text: bytes) -> None:
        """Write a module; bytecode is told apart by the size and the second of its source, so each has another second."""
        self._written += 1
        (self.home / file).write_bytes(text)
        os.utime(self.home / file, (self._written, self._written))

    def fails(self, tests: list[str]) -> bool:
        """Whether one of these tests fails, or cannot be imported."""
        files = sorted({test.partition("::")[0] for test in tests})
        code = self.pytest("-x", *files, seconds=SECONDS, CHOSEN=json.dumps(tests))
        if code not in (0, 1, 2):
            raise RuntimeError(f"pytest ended with {code}")
        return code != 0

    def entered(self, folders: set[str], files: list[str]) -> dict[str, list[tuple[str, float, set[tuple[str, int]]]]]:
        """By file its default tests: each with its seconds and the functions that it enters."""
        # A module that is imported through a link is known by the link's name.
        names = {str(self.home / "package" / "tuneworth" / file): file for file in files}
        out = self.home / "entered.jsonl"
        every, mutated = (f"tests/{folder}" for folder in sorted(folders)), json.dumps(list(names))
        if self.pytest(*every, seconds=1800, ENTERED=str(out), MUTATED=mutated):
            sys.exit("a test fails without any mutation")
        tests: dict[str, list[tuple[str, float, set[tuple[str, int]]]]] = defaultdict(list)
        for line in out.read_text().splitlines():
            test, seconds, places = json.loads(line)
            for file in {names[path] for path, _ in places}:
                tests[file].append((test, seconds, {(names[path], line) for path, line in places}))
        return tests


def sample(files: list[str], count: int, seed: int) -> list[Mutant]:
    """Mutants drawn by seed, one file after the other, so that a long file does not take them all."""
    chance = random.Random(seed)
    piles = []
    for file in files:
        found = list({mutant.text: mutant for mutant in mutants(file, (ROOT / file).read_bytes())}.values())
        chance.shuffle(found)
        piles.append(found)
    turns = [pile[turn] for turn in range(max(map(len, piles))) for pile in piles if turn < len(pile)]
    return turns[:count]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mutants", type=int, default=200)
    options.add_argument("--minutes", type=float, default=40)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="files whose paths begin like this")
    given = options.parse_args()
    files = [file for file in FILES if file.startswith(given.only)]
    end = monotonic() + 60 * given.minutes
    ran: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as home:
        copy = Copy(Path(home))
        tests = copy.entered({file.partition("/")[0] for file in files}, files)
        survivors = []
        for mutant in sample(files, given.mutants, given.seed):
            if monotonic() > end:
                break
            places = functions((ROOT / mutant.file).read_bytes())
            inside = max((start for start, lines in places.items() if mutant.line in lines), default=0)
            here = [one for one in tests[mutant.file] if (mutant.file, inside) in one[2]] or tests[mutant.file]
            names = [name for name, _, _ in sorted(here, key=lambda one: one[1])]
            copy.write(mutant.file, mutant.text)
            portions = filter(None, (names[:FIRST_TESTS], names[FIRST_TESTS:]))
            noticed = any(copy.fails(portion) for portion in portions)
            copy.write(mutant.file, (ROOT / mutant.file).read_bytes())
            ran[mutant.file] += 1
            caught[mutant.file] += noticed
            if not noticed:
                survivors.append((mutant, len(names)))
            print(
                f"{mutant.file}:{mutant.line} {'noticed' if noticed else 'SURVIVES'} {mutant.now}",
                file=sys.stderr,
                flush=True,
            )
    print("| file | mutants | noticed |\n|---|--:|--:|")
    for file in files:
        print(f"| {file} | {ran[file]} | {caught[file]} |")
    print(
        f"| all | {ran.total()} | {caught.total()} |\n\n| survivor | line before | line after | tests |\n|---|---|---|--:|"
    )
    for mutant, count in survivors:
        print(f"| {mutant.file}:{mutant.line} | `{mutant.was}` | `{mutant.now}` | {count} |")


if __name__ == "__main__":
    main()
