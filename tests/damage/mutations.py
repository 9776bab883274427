"""Damage to a file as bad days, other programs and hands leave it, drawn by a seed."""

import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

__all__ = ["damage"]

# Text that stands for a value of JSON; some of it is none, and some of it Python reads although it is none.
WRONG = (
    "null", "true", '"x"', "-7", "0.5", "[]", "{}", "[null]", '{"": null}', "NaN", "-Infinity", "1e999", "1e300",
    str(2**70), "9" * 5_000, '"\\ud800"', '"\\u0000"', '"' + "x" * 50_000 + '"', "[" * 400 + "]" * 400, "[" * 100_000,
)  # fmt: skip


def damage(file: Path, rng: random.Random) -> str:
    """Damage the file, and say what was done to it."""
    ways: list[Callable[[Path, random.Random], str]] = [_bytes, _bytes, _replaced]
    if file.suffix == ".json":
        ways += [_object] * 5
    elif file.suffix == ".jsonl":
        ways += [_one_line] * 4 + [_lines]
    elif file.suffix == ".parquet":
        ways += [_table] * 4
    try:
        return rng.choice(ways)(file, rng)
    except ValueError:  # the list of runs keeps a hash before its JSON
        return _bytes(file, rng)


def _bytes(file: Path, rng: random.Random) -> str:
    data = bytearray(file.read_bytes())
    place = rng.randrange(len(data) + 1)
    kind = rng.choice(
        ("a flipped byte", "cut", "empty", "invalid UTF-8", "zero bytes", "zero bytes at the end", "twice")
    )
    if kind == "a flipped byte" and data:
        data[place - 1] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[place:]
    elif kind == "empty":
        data.clear()
    elif kind == "invalid UTF-8":
        data[place:place] = b"\xff\xfe"
    elif kind == "zero bytes":
        data[place : place + 64] = bytes(64)
    elif kind == "zero bytes at the end":
        data += bytes(100)
    else:
        data += bytes(data)
    file.write_bytes(data)
    return f"{kind} at {place}"


def _replaced(file: Path, rng: random.Random) -> str:
    kind = rng.choice(("a folder", "a pipe", "missing", "a link to nothing", "another kind of file"))
    file.unlink()
    if kind == "a folder":
        file.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file)
    elif kind == "a link to nothing":
        file.symlink_to("nothing")
    elif kind == "another kind of file":
        file.write_bytes(b"PK\x03\x04" + rng.randbytes(200))
    return kind


def _object(file: Path, rng: random.Random) -> str:
    value = json.loads(file.read_text(encoding="utf-8"))
    text, said = _altered(value, rng)
    file.write_text(text, encoding="utf-8")
    return said


def _one_line(file: Path, rng: random.Random) -> str:
    lines = file.read_text(encoding="utf-8").split("\n")
    places = [place for place, line in enumerate(lines) if line]
    if not places:
        return _replaced(file, rng)
    place = rng.choice(places)
    lines[place], said = _altered(json.loads(lines[place]), rng)
    file.write_text("\n".join(lines), encoding="utf-8")
    return f"line {place + 1}: {said}"


def _lines(file: Path, rng: random.Random) -> str:
    lines = file.read_text(encoding="utf-8").split("\n")
    place = rng.randrange(len(lines))
    kind = rng.choice(("doubled", "removed", "no JSON", "blank", "joined with the next", "cut"))
    line = lines[place]
    lines[place : place + 1] = {
        "doubled": [line, line], "removed": [], "no JSON": ["hello"], "blank": ["", "  ", line],
        "joined with the next": [line + "".join(lines[place + 1 : place + 2])], "cut": [line[: len(line) // 2]],
    }[kind]  # fmt: skip
    file.write_text("\n".join(lines), encoding="utf-8")
    return f"line {place + 1} {kind}"


def _altered(value: Any, rng: random.Random) -> tuple[str, str]:
    """The value as JSON with one place changed, and which."""
    places = list(_places(value))
    if not places:
        return rng.choice(WRONG), "another value"
    # Each depth alike: most places are deep, and the outer ones matter most.
    depth = rng.choice(sorted({len(place) for place in places}))
    *outer, key = rng.choice([place for place in places if len(place) == depth])
    part = value
    for name in outer:
        part = part[name]
    shown = ".".join(map(str, (*outer, key)))
    if rng.random() < 0.25:
        del part[key]
        return json.dumps(value), f"{shown} removed"
    wrong = rng.choice(WRONG)
    part[key] = "\x01here"
    return json.dumps(value).replace('"\\u0001here"', wrong), f"{shown} = {wrong[:20]}"


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from _places(item, (*at, key))


def _table(file: Path, rng: random.Random) -> str:
    table = pl.read_parquet(file)
    name = rng.choice(table.columns)
    kind = rng.choice(("removed", "all null", "of lists", "of text", "of numbers", "no rows", "rows twice"))
    changed = {
        "removed": lambda: table.drop(name),
        "all null": lambda: table.with_columns(pl.lit(None).alias(name)),
        "of lists": lambda: table.with_columns(pl.concat_list(pl.col(name)).alias(name)),
        "of text": lambda: table.with_columns(pl.lit("x").alias(name)),
        "of numbers": lambda: table.with_columns(pl.lit(-1.5).alias(name)),
        "no rows": lambda: table.clear(),
        "rows twice": lambda: pl.concat([table, table]),
    }[kind]()  # fmt: skip
    written = io.BytesIO()
    changed.write_parquet(written)
    file.write_bytes(written.getvalue())
    return f"column {name} {kind}"


def restored(copy: Path, whole: Path) -> None:
    """Make a folder again what another one is."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy, symlinks=True)
