"""Curating in one part and in many, side by side, and data with everything that rows can have."""

import gzip
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tuneworth.core import Clock, TuneworthError, as_json
from tuneworth.curate import (
    CurateRequest,
    CurateSettings,
    DataSettings,
    Executor,
    Job,
    Override,
    PinnedSplits,
    curate,
    curate_files,
    file_parts,
    find_files,
    open_storage,
    read_pairs,
    write_curated,
    write_parts,
)
from tuneworth.curate.curated import curate_parts
from tuneworth.curate.read.pairs import read_parts
from tuneworth.curate.read.parts import MOST_BYTES
from tuneworth.style import StyleSchema

LINES = ("train", "validation", "test", "set_aside")
# What the two ways may say differently: how long it took, how the work was divided, why this method.
_OWN = ("seconds", "cluster", "parts")

WORDS = ("lampe", "chair", "table", "shelf", "clock", "Spiegel", "basket", "vase", "Stövchen", "壁掛け", "rug", "hook")
COLOURS = ("red", "blue", "green", "white", "black", "größe", "🟣 violet")
FINISHES = ("matt lacquered", "polished by hand", "brushed", "with a soft sheen", "as it grew", "oiled twice")


def record(n: int, chance: random.Random) -> dict[str, Any]:
    """A pair of its own: fields, an output that says them, a family, a date."""
    thing = f"{chance.choice(WORDS)} {chance.choice(WORDS)} {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}"
    fields = {
        "name": thing, "colour": chance.choice(COLOURS), "finish": chance.choice(FINISHES),
        "weight": f"{n % 97} kg", "kind": f"kind {n % 4}", "sku": f"SK-{n:05d}",
    }  # fmt: skip
    said = f"Box with a {fields['colour']} {thing}, {fields['finish']}, {fields['weight']}"
    return {"id": f"p{n}", "family": f"f{n // 3}", "day": f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
            "input": fields, "output": said}  # fmt: skip


def messy(n: int, seed: int) -> list[dict[str, Any]]:
    """Rows of all sorts: copies, near copies, siblings, conflicts, empty ones, doubled ids, e-mails, guides, tool calls."""
    chance, rows = random.Random(seed), []
    for number in range(n):
        row = record(number, chance)
        before = json.loads(json.dumps(chance.choice(rows))) if rows else row
        fields = before["input"] if "finish" in before["input"] else row["input"]
        match chance.randrange(22):
            case 0:
                row = {**before, "id": f"copy-{number}"}
            case 1:
                row = {**before, "note": "another hand"}  # the same id a second time
            case 2:
                row |= {"input": {**fields, "finish": fields["finish"] + "!"}, "output": before["output"]}
            case 3:
                row |= {"input": {**fields, "weight": f"{chance.randrange(90)} kg"}}
            case 4:
                row |= {"input": fields, "output": before["output"].replace(" kg", f"{chance.randrange(9)} kg")}
            case 5:
                row |= {"input": " " if chance.random() < 0.5 else {}}
            case 6:
                row |= {"output": ""}
            case 7:
                row |= {"id": f"a{'#2' * chance.randrange(3)}"}
            case 8:
                mail = f"jane{chance.randrange(3)}@example.org"
                row |= {"id": mail, "family": f"of {mail}", "note": f"ask {mail} or +49 30 123456{chance.randrange(3)}"}
                row["input"] = {**row["input"], "contact": mail}
                row["system"] = f"You write for {mail}."
            case 9:
                row |= {"output": row["output"] + f". Ask jane{chance.randrange(2)}@example.org."}
            case 10:
                row |= {"input": "user: " + " ".join(map(str, fields.values())), "output": row["output"]}
            case 11:
                row |= {"output": row["output"][: len(row["output"]) // 2], "id": None}
            case 12:
                row |= {"input": fields, "output": before["output"].upper()}
            case 13:
                row |= {"family": None, "day": chance.choice([None, "no date", "2031-01-01"])}
            case 14:
                row |= {"input": fields, "output": before["output"] + (", please" if number % 4 else " too")}
            case 15:  # words that inputs and outputs share are facts, in one part or in several
                colour, home = chance.choice(["red", "blue"]), chance.choice(["home to work", "work to home"])
                row |= {
                    "input": f"user: describe a {colour} box with a lid and two handles for things on the way from {home}",
                    "output": f"Box of {colour} card with a lid and two handles, made for the way from {home}",
                }
        if "system" not in row and chance.random() < 0.95:
            row["system"] = "You write labels."
        rows.append(row)
    return rows


def with_splits(rows: Sequence[Mapping[str, Any]], seed: int) -> list[dict[str, Any]]:
    """The rows, some of which say where they stand."""
    chance = random.Random(seed)
    return [{**row, "split": chance.choice([None, None, None, "train", "val", "test"])} for row in rows]


def write_files(folder: Path, rows: Sequence[Mapping[str, Any]], *, order: Sequence[int] = (0, 1, 2, 3)) -> Path:
    """The rows in a folder of four files: JSONL with broken lines, packed JSONL, Parquet, CSV; made in this `order`."""
    folder.mkdir()
    quarter = max(1, len(rows) // 4)
    parts = [rows[:quarter], rows[quarter : 2 * quarter], rows[2 * quarter : 3 * quarter], rows[3 * quarter :]]
    writers = (_write_lines, _write_packed, _write_parquet, _write_csv)
    for place in order:
        if parts[place]:
            writers[place](folder, parts[place])
    return folder


def _lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def _write_lines(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = _lines(rows)
    lines[len(lines) // 2 : len(lines) // 2] = ['{"id": "broken", "input": ', "", "[1, 2]", '{"output": "no input"}']
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n\n", encoding="utf-8")


def _write_packed(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    (folder / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(_lines(rows)).encode(), mtime=0))


def _write_parquet(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    _flat(rows).write_parquet(folder / "c.parquet")


def _write_csv(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    _flat(rows).write_csv(folder / "d.csv")


def _flat(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as a table of texts; fields as JSON text."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame(
        {
            name: [v if (v := row.get(name)) is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False)
                   for row in rows]
            for name in names
        },
        schema=dict.fromkeys(names, pl.String),
    )  # fmt: skip


# --- side by side ---------------------------------------------------------------------------------------------------


def on_one_machine(
    path: Path, run: Path, *, style: StyleSchema | None = None, data: Mapping[str, Any] | None = None,
    overrides: Sequence[Override] = (), pinned: PinnedSplits | None = None, seed: int = 0, **rules: Any,
) -> "tuple[pl.DataFrame, dict[str, Any]] | str":  # fmt: skip
    """Ledger and summary of curating by candidates, written to `run`; or what stands against it."""
    known = DataSettings(path=str(path), **(data or {}))
    try:
        curated = curate(
            read_pairs(path, known), style, settings=CurateSettings(method="candidates", **rules),
            identifiers=known.identifiers, date=known.date, overrides=overrides, pinned=pinned, seed=seed,
        )  # fmt: skip
    except TuneworthError as error:
        return str(error)
    write_curated(curated, run)
    return curated.ledger, curated.summary


def in_parts(
    path: Path, run: Path, *, style: StyleSchema | None = None, data: Mapping[str, Any] | None = None,
    overrides: Sequence[Override] = (), pinned: PinnedSplits | None = None, seed: int = 0, most_bytes: int | None = None,
    buckets: int = 3, executor: Executor | None = None, **rules: Any,
) -> "tuple[pl.DataFrame, dict[str, Any]] | str":  # fmt: skip
    """The same in parts, in memory or, with an executor, stored."""
    known = DataSettings(path=str(path), **(data or {}))
    asked = CurateRequest(
        style, CurateSettings(method="candidates", **rules), identifiers=known.identifiers, date=known.date,
        overrides=overrides,
    )  # fmt: skip
    pinned = pinned or PinnedSplits()
    try:
        parts = file_parts(find_files(str(path)), known, most_bytes=most_bytes or MOST_BYTES)
        if executor is None:
            curated = curate_parts(
                read_parts(path, known, parts), asked, pinned=pinned, seed=seed, buckets=buckets, clock=Clock({})
            )
            write_parts(curated, run)
        else:
            storage = open_storage(run.with_name(f"{run.name}-store"))
            with Job.open(storage, {"run": run.name}, executor=executor) as job:
                curated = curate_files(job, path, known, asked, pinned=pinned, seed=seed, buckets=buckets, parts=parts)
                write_parts(curated, run, each=job.each)
    except TuneworthError as error:
        return str(error)
    return curated.ledger, as_json(curated.curation)


def assert_equal(one: Any, many: Any, run: Path, run_in_parts: Path) -> None:
    """Both ways gave the same: rows of the ledger, files, summary; or the same error."""
    if isinstance(one, str) or isinstance(many, str):
        assert many == one
        return
    assert many[0].rows() == one[0].rows()
    assert many[0].equals(one[0])
    assert said(many[1]) == said(one[1])
    assert contents(run_in_parts) == contents(run)


def said(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary without what the two ways may say differently, in its order."""
    plain = {name: value for name, value in summary.items() if name not in _OWN}
    plain["near_duplicate"] = {k: v for k, v in plain["near_duplicate"].items() if k != "because"}
    return plain


def contents(run: Path) -> dict[str, Any]:
    """All that a run's curate folder says: the lines of each file, parts end to end, and the ledger's rows."""
    folder = run / "curate"
    found: dict[str, Any] = {
        name: b"".join(file.read_bytes() for file in _files(folder, name, ".jsonl")) for name in LINES
    }
    ledger = pl.concat([pl.read_parquet(file) for file in _files(folder, "ledger", ".parquet")])
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found | {"ledger": ledger.rows(), "schema": dict(ledger.schema), "summary": said(summary)}


def _files(folder: Path, name: str, suffix: str) -> list[Path]:
    whole = folder / f"{name}{suffix}"
    return [whole] if whole.exists() else sorted((folder / name).iterdir())
