"""Lets each step of a command go wrong, one after the other, and holds what it leaves against what it should have left."""

import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from .steps import Steps, counted

__all__ = [
    "Act", "Done", "Prepared", "Situation", "Tried", "ends_wrong", "is_left_by", "prepared", "problems_of",
    "reruns_wrong", "run", "tree_of",
]  # fmt: skip

Tree = dict[str, bytes]
Act = tuple[str, ...] | Callable[[], int]  # the words of a command, or what prints its message and returns an exit code

# What differs between two runs of the same command by its nature: times, and what the machine happened to have.
_TIMES = frozenset(
    {
        "created",
        "started",
        "ended",
        "when",
        "seconds",
        "hardware",
        "peak_bytes",
        "duration",
        "finished",
        "pid",
        "attempts",
        "pruned",
        "made",
    }
    | {"minutes"}  # of a next step, from the seconds that the run took
    | {"notices"}  # of a training that goes on without its log
    | {"split_notes"}  # how many rows keep the split of an earlier run, if there was one
)


@dataclass(frozen=True)
class Situation:
    """A command in a folder that `make` prepares, or what acts like one. `again` goes on after a fault, by default the same.

    appends: patterns of files that grow by whole lines, of which a fault may leave fewer. ignores: files that tell of the
    moment. repeats: files to which the command adds once more if all was done before. passing: files that a fault may
    leave, and the next command removes. varies: keys of JSON whose values a fault may
    change, as a lost request may have been billed. fresh: what is done before a command runs for the first time.
    """

    name: str
    words: Act
    make: Callable[[Path], None]
    again: Act = ()
    appends: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()
    may_refuse: tuple[str, ...] = field(default=())  # what `again` may say, with exit code 2, if all was done before
    fresh: Callable[[], Any] = lambda: None


@dataclass(frozen=True)
class Done:
    """A command that ended, with what it printed to standard error."""

    code: int
    err: str


@dataclass(frozen=True)
class Tried:
    """The steps of a situation by kind, and how many faults there were: each step that was chosen fails, and is a kill."""

    name: str
    steps: Counter[str]
    faults: int


def run(folder: Path, words: Act, steps: Steps | None = None) -> Done:
    """Run a command in the folder, in this process."""
    from tuneworth.cli import main

    err = io.StringIO()
    code = 0
    with chdir(folder), redirect_stdout(io.StringIO()), redirect_stderr(err), counted(steps or Steps(folder)):
        try:
            code = words() if callable(words) else main(list(words))
        except SystemExit as left:
            code = int(left.code or 0)
    return Done(code, err.getvalue())


@dataclass(frozen=True)
class Prepared:
    """A folder, its files, and the steps that led to them."""

    folder: Path
    tree: Tree
    steps: Steps


def prepared(situation: Situation, home: Path) -> tuple[Prepared, Prepared]:
    """The folder of a situation as it is before the command, and as the whole command leaves it."""
    before = home / "before"
    before.mkdir()
    situation.make(before)
    start = tree_of(before, situation)
    whole = _copied(before, home / "whole")
    count = Steps(whole)
    situation.fresh()
    done = run(whole, situation.words, count)
    assert done.code == 0, done.err
    return Prepared(before, start, Steps(before)), Prepared(whole, tree_of(whole, situation), count)


def chosen_steps(total: int, most: int | None, seed: int) -> list[int]:
    """All step numbers from 1, or a sample of `most`."""
    every = range(1, total + 1)
    return list(every) if most is None or total <= most else sorted(random.Random(seed).sample(every, most))


def problems_of(situation: Situation, home: Path, *, most: int | None, seed: int) -> tuple[Tried, list[str]]:
    """What was tried, and a line for each thing that was not as it should be.

    Each chosen step fails once, and once the process is killed before it: what a killed process leaves is its folder at
    that moment, so one run that copies the folder at each step stands for all of them. Then, of both: no file that is
    neither as before nor as it should become; and after the command is run again the same files, without leftovers.
    """
    before, whole = prepared(situation, home)
    start, reference, count = before.tree, whole.tree, whole.steps
    numbers = chosen_steps(len(count.names), most, seed)

    def place(fault: str, at: int) -> str:
        return f"{situation.name}, {fault} step {at} of {len(count.names)} ({count.names[at - 1]})"

    found = []
    for at in numbers:
        folder = _copied(before.folder, home / "fails")
        situation.fresh()
        left = run(folder, situation.words, Steps(folder, fails=at))
        _bury(folder)
        wrong = [*ends_wrong(left), *is_left_by(tree_of(folder, situation), start, reference, situation)]
        found += [f"{place('failed', at)}: {what}" for what in [*wrong, *reruns_wrong(folder, situation, reference)]]
        shutil.rmtree(folder)
    for at, folder in _killed(situation, before.folder, home, set(numbers)):
        wrong = is_left_by(tree_of(folder, situation), start, reference, situation)
        found += [f"{place('killed at', at)}: {what}" for what in [*wrong, *reruns_wrong(folder, situation, reference)]]
        shutil.rmtree(folder)
    return Tried(situation.name, Counter(count.names), 2 * len(numbers)), found


def _killed(situation: Situation, before: Path, home: Path, numbers: set[int]) -> Iterator[tuple[int, Path]]:
    """The folder as it was when each of these steps was about to be done; it is moved to where the command ran."""
    folder = _copied(before, home / "fails")

    def copied(number: int) -> None:
        killed = home / f"killed-{number}" / "project"
        shutil.copytree(folder, killed, symlinks=True, ignore_dangling_symlinks=True)
        _bury(killed)

    situation.fresh()
    done = run(folder, situation.words, Steps(folder, tells=numbers, tell=copied))
    assert done.code == 0, done.err
    shutil.rmtree(folder)
    for number in sorted(numbers):
        yield number, (home / f"killed-{number}" / "project").rename(folder)


def _bury(folder: Path) -> None:
    """Give what this process was writing the number of one that is gone, as it would be after a kill."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for path in sorted(folder.rglob(f"*.{os.getpid()}.*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.replace(f".{os.getpid()}.", f".{gone.pid}.")))


def reruns_wrong(folder: Path, situation: Situation, reference: Tree) -> Iterator[str]:
    """What is not as it should be after the command is run again."""
    again = run(folder, situation.again or situation.words)
    refused = again.code == 2 and any(words in again.err for words in situation.may_refuse)
    if again.code != 0 and not refused:
        yield f"run again it exits with {again.code}: {again.err.strip()[-300:]}"
    for what in _differs(tree_of(folder, situation), reference, situation):
        yield f"run again, {what}"


def _copied(folder: Path, to: Path) -> Path:
    """A copy in `to`, always under the same name, as some commands name what they write by it."""
    return Path(shutil.copytree(folder, to / "project", symlinks=True))


def ends_wrong(done: Done) -> Iterator[str]:
    if done.code not in (0, 2, 3):
        yield f"exits with {done.code}: {done.err.strip()[-300:]}"
    for word in ("Traceback", "unexpected error"):
        if word in done.err:
            yield f"says {word!r}: {done.err.strip()[-300:]}"
    if done.code != 0 and done.err.count("tuneworth: ") != 1:
        yield f"has not one message: {done.err.strip()[-300:]!r}"


def is_left_by(now: Tree, start: Tree, reference: Tree, situation: Situation) -> Iterator[str]:
    """Files under their own names that are neither as before nor as they should become."""
    for name, content in now.items():
        if _temporary(name) or content in (start.get(name), reference.get(name)):
            continue
        if _matches(name, situation.passing):
            continue
        if _matches(name, situation.appends) and _begins(content, reference.get(name, b"")):
            continue
        if name not in reference and name not in start:
            yield f"leaves {name}, which the whole command does not"
        elif not _is_stage_of(name):
            yield f"leaves {name} half-written{_where(name, content, reference.get(name, b'null'))}"


def _is_stage_of(name: str) -> bool:
    """These grow with each stage; every state of them is whole JSON, which `tree_of` has seen to."""
    return name.endswith(("run.json", "job.json"))


def _begins(content: bytes, whole: bytes) -> bool:
    """Whether these are the first lines of `whole`, in any order, with at most a torn last line."""
    lines = content.split(b"\n")
    return set(lines[:-1]) <= set(whole.split(b"\n"))


def _differs(now: Tree, reference: Tree, situation: Situation) -> Iterator[str]:
    for name in sorted(now.keys() | reference.keys()):
        if _temporary(name):
            yield f"{name} is left over"
        elif name not in now:
            yield f"{name} is missing"
        elif name not in reference:
            yield f"{name} is new"
        elif not _same(name, now[name], reference[name], situation):
            yield f"{name} differs{_where(name, now[name], reference[name])}"


def _same(name: str, now: bytes, reference: bytes, situation: Situation) -> bool:
    """Whether a file is as it should be; what is appended may come in another order, or twice after a fault."""
    lines, expected = set(now.split(b"\n")), set(reference.split(b"\n"))
    added = expected <= lines if _matches(name, situation.repeats) else expected == lines
    return now == reference or (_matches(name, situation.appends) and added)


def _where(name: str, now: bytes, reference: bytes) -> str:
    """The places in JSON at which two files differ, or the first line that only one of them has."""
    if name.endswith(".jsonl"):
        extra = sorted(set(now.split(b"\n")) ^ set(reference.split(b"\n")))
        return f": {extra[0][:200]!r}" if extra else ""
    if not name.endswith(".json") or now.startswith(b"no JSON"):
        return ""
    return " at " + ", ".join(_unlike(json.loads(now), json.loads(reference), ""))


def _unlike(one: Any, other: Any, at: str) -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [place for key in keys for place in _unlike(one.get(key), other.get(key), f"{at}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [place for n, pair in enumerate(zip(one, other, strict=True)) for place in _unlike(*pair, f"{at}[{n}]")]
    return [] if one == other else [at]


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) or Path(name).match(pattern) for pattern in patterns)


def _temporary(name: str) -> bool:
    return name.endswith((".part", ".old")) or ".part/" in name or ".old/" in name


def tree_of(folder: Path, situation: Situation) -> Tree:
    """The content of each file without what tells of the moment; of a page, that it is whole."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = ((path.relative_to(folder).as_posix(), path) for path in files)
    return {
        name: _content(name, path, _TIMES.union(situation.varies))
        for name, path in names
        if not name.endswith(".lock") and not _matches(name, situation.ignores)
    }


def _content(name: str, path: Path, without: Set[str]) -> bytes:
    data = path.read_bytes()
    if name.endswith(".json"):
        try:
            return json.dumps(_timeless(json.loads(data), without), sort_keys=True).encode()
        except (ValueError, RecursionError):
            return b"no JSON: " + data
    if name.endswith((".html", ".md", "junit.xml")):  # the date and the seconds stand in them
        end = {".html": b"</html>", ".xml": b"</testsuites>"}.get(path.suffix, b"")
        return b"whole" if data and data.rstrip().endswith(end) else b"not whole: " + data
    if name.endswith(".jsonl"):
        return b"".join(_line(line, without) for line in data.splitlines(keepends=True))
    return data if len(data) < 100_000 else hashlib.sha256(data).digest()


def _line(line: bytes, without: Set[str]) -> bytes:
    """A line of JSON without times; one that is torn as it is."""
    try:
        return json.dumps(_timeless(json.loads(line), without), sort_keys=True).encode() + line[len(line.rstrip()) :]
    except (ValueError, RecursionError):
        return line


def _timeless(value: Any, without: Set[str]) -> Any:
    if isinstance(value, dict):
        if value.get("id") == "flexibility":  # a risk about the time of a training
            return {"id": value["id"]}
        of_the_moment = ("seconds", "bytes", "per_second", "runtime")
        return {
            key: _timeless(each, without)
            for key, each in value.items()
            if key not in without and not any(part in key for part in of_the_moment)
        }
    return [_timeless(each, without) for each in value] if isinstance(value, list) else value
