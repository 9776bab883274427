"""Compares the files that a command left with those that it should have left."""

import hashlib
import json
import re
from collections.abc import Iterator, Set
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tuneworth.core import DataError, check_digests

from .situation import Situation

__all__ = ["Tree", "final_tree_problems", "partial_file_problems", "run_problems", "tree_of"]

Tree = dict[str, bytes]  # comparable content by path, relative to the folder

# Keys whose values differ between two runs of the same command: times, and facts about the machine at that moment.
_VOLATILE = frozenset({
    "created", "started", "ended", "when", "seconds", "hardware", "peak_bytes", "duration", "finished", "pid", "attempts",
    "pruned", "made",
    "minutes",  # of a next step: derived from the seconds that the run took
    "notices",  # of a training that continued without its log
    "split_notes",  # the number of rows that keep the split of an earlier run, if there was one
})  # fmt: skip
_VOLATILE_PARTS = ("seconds", "bytes", "per_second", "runtime")  # of a key


def tree_of(folder: Path, situation: Situation) -> Tree:
    """The content of each file without volatile values; of a page, only whether it is complete."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = ((path.relative_to(folder).as_posix(), path) for path in files)
    return {
        name: _content(name, path, _VOLATILE.union(situation.varies))
        for name, path in names
        if not name.endswith(".lock") and not _matches(name, situation.ignores)
    }


def partial_file_problems(now: Tree, before: Tree, expected: Tree, situation: Situation) -> Iterator[str]:
    """Files under their final names that are neither as before the command nor as the complete command leaves them."""
    for name, content in now.items():
        if _is_temporary(name) or content in (before.get(name), expected.get(name)):
            continue
        if _matches(name, situation.passing):
            continue
        if _matches(name, situation.appends) and _has_only_lines_of(_confirmed(name, content), expected.get(name, b"")):
            continue
        if name not in expected and name not in before:
            yield f"leaves {name}, which the complete command does not"
        elif not _grows_by_stage(name):
            yield f"leaves {name} half-written{_difference(name, content, expected.get(name, b'null'))}"


def final_tree_problems(now: Tree, expected: Tree, situation: Situation) -> Iterator[str]:
    """How the files after a rerun differ from the expected ones, including leftovers."""
    for name in sorted(now.keys() | expected.keys()):
        if _is_temporary(name):
            yield f"{name} is left over"
        elif name not in now:
            yield f"{name} is missing"
        elif name not in expected:
            yield f"{name} is new"
        elif not _is_equivalent(name, now[name], expected[name], situation):
            yield f"{name} differs{_difference(name, now[name], expected[name])}"


def _grows_by_stage(name: str) -> bool:
    """These gain keys with each stage; `tree_of` has checked that they are valid JSON in between."""
    return name.endswith(("run.json", "manifest.json", "job.json"))


def _confirmed(name: str, content: bytes) -> bytes:
    """Without the batch of decisions at the end whose first byte is zero: readers skip it until that byte is set."""
    return re.split(rb"(?:\A|(?<=\n))\0", content)[0] if name.endswith("overrides.jsonl") else content


def _has_only_lines_of(content: bytes, whole: bytes) -> bool:
    """Whether all lines are lines of `whole`, in any order, except for a torn last one."""
    lines = content.split(b"\n")
    return set(lines[:-1]) <= set(whole.split(b"\n"))


def _is_equivalent(name: str, now: bytes, expected: bytes, situation: Situation) -> bool:
    """Whether a file is as expected; appended lines may be in another order, or repeated after a fault."""
    lines, expected_lines = set(now.split(b"\n")), set(expected.split(b"\n"))
    complete = expected_lines <= lines if _matches(name, situation.repeats) else expected_lines == lines
    return now == expected or (_matches(name, situation.appends) and complete)


def _difference(name: str, now: bytes, expected: bytes) -> str:
    """The paths in JSON at which two files differ, or the first line that only one of them has."""
    if name.endswith(".jsonl"):
        extra = sorted(set(now.split(b"\n")) ^ set(expected.split(b"\n")))
        return f": {extra[0][:200]!r}" if extra else ""
    if not name.endswith(".json") or now.startswith(b"no JSON"):
        return ""
    return " at " + ", ".join(_differing_paths(json.loads(now), json.loads(expected), ""))


def _differing_paths(one: Any, other: Any, at: str) -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [path for key in keys for path in _differing_paths(one.get(key), other.get(key), f"{at}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [path for n, pair in pairs for path in _differing_paths(*pair, f"{at}[{n}]")]
    return [] if one == other else [at]


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) or Path(name).match(pattern) for pattern in patterns)


def _is_temporary(name: str) -> bool:
    return name.endswith((".part", ".old")) or any(part in name for part in (".part/", ".old/", ".next-run/"))


def _content(name: str, path: Path, volatile: Set[str]) -> bytes:
    data = path.read_bytes()
    if path.name in ("run.json", "manifest.json"):
        data = _without_id(data)
    if name.endswith(".json"):
        try:
            return json.dumps(_stable(json.loads(data), volatile), sort_keys=True).encode()
        except (ValueError, RecursionError):
            return b"no JSON: " + data
    if name.endswith((".html", ".md", "junit.xml")):  # they contain the date and durations
        end = {".html": b"</html>", ".xml": b"</testsuites>"}.get(path.suffix, b"")
        return b"complete" if data and data.rstrip().endswith(end) else b"incomplete: " + data
    if name.endswith(".jsonl"):
        return b"".join(_line(line, volatile) for line in data.splitlines(keepends=True))
    return data if len(data) < 100_000 else hashlib.sha256(data).digest()


def _without_id(data: bytes) -> bytes:
    """A run's facts, or the names of its files, without what each run has for itself."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    return json.dumps(sorted(value["files"]) if "state" in value else value | {"id": ""}).encode()


def run_problems(folder: Path) -> Iterator[str]:
    """Runs that are a mixture. A reader completes a change that was interrupted after its commit, so it comes first."""
    for run in {path.parent for name in ("run.json", ".later-run") for path in folder.rglob(name)}:
        if not {".next-run", ".later-run", ".pruned"} & set(run.parts):
            try:
                check_digests(run)
            except DataError as error:
                yield f"leaves a run that is not whole: {error}"


def _line(line: bytes, volatile: Set[str]) -> bytes:
    """A line of JSON without volatile values; a torn line as it is."""
    try:
        return json.dumps(_stable(json.loads(line), volatile), sort_keys=True).encode() + line[len(line.rstrip()) :]
    except (ValueError, RecursionError):
        return line


def _stable(value: Any, volatile: Set[str]) -> Any:
    """Parsed JSON without volatile keys."""
    if isinstance(value, list):
        return [_stable(item, volatile) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("id") == "flexibility":  # a risk that states the time of a training
        return {"id": value["id"]}
    return {
        key: _stable(item, volatile)
        for key, item in value.items()
        if key not in volatile and not any(part in key for part in _VOLATILE_PARTS)
    }
