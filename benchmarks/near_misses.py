"""Measures how many near misses inferred rules catch, with and without those that are learnt from masked texts.

Run: python benchmarks/near_misses.py FILE... [--style STEM=STYLE]; it prints the tables of benchmarks/near_misses.md.
A file is JSON Lines with `input` and `output`, or CSV: the first two columns are input and output; of more than three, the
longest is the output and the others are fields. `name[value], ...`, `act(name=value; ...)` and `a | b | c` are read as fields.

A style is inferred from one half of the requests (families, where rows have one). All figures are of the other half: the
share of its own outputs that pass the must rules, and the share of near misses made of them that break one. With --style,
the learnt rules are added to those of a style that a person wrote, and own outputs are those that follow it.
"""

import argparse
import csv
import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from tuneworth.style import (
    NearMisses,
    StyleSchema,
    check_outputs,
    infer_style,
    measure_near_misses,
    pair_columns,
    read_style,
    render_fields,
)
from tuneworth.style.check import check_columns
from tuneworth.style.discrimination import sample
from tuneworth.style.planted import near_misses

LEARNT = ("known_segments", "field_context")
_PAIRS = re.compile(r"(\w[\w ]*)\[([^\]]*)\]")
_ACT = re.compile(r"(\??\w+)\((.*)\)$", re.DOTALL)


def fields_of(text: str) -> dict[str, Any] | str:
    """The fields of a request in one of the notations; the text itself if it is in none."""
    if found := _PAIRS.findall(text):
        return dict(found)
    if act := _ACT.match(text):
        parts = re.split(r"[;,](?=\w+=)", act.group(2))
        values = dict(part.split("=", 1) for part in parts if "=" in part)
        return {"act": act.group(1)} | {name: value.strip("'\"") for name, value in values.items()}
    triples = [line.split(" | ") for line in text.split("\n")]
    if all(len(triple) == 3 for triple in triples):
        fields: dict[str, Any] = {"subject": list(dict.fromkeys(triple[0] for triple in triples))}
        for _, name, value in triples:
            fields.setdefault(name, []).append(value)
        return fields
    return text


def rows_of(path: Path) -> Iterator[tuple[Any, str, str]]:
    """Input, output and the group of each pair."""
    if path.suffix == ".jsonl":
        for line in path.open(encoding="utf-8"):
            row = json.loads(line)
            given, output = (row[name] for name in [name for name in row if name not in ("id", "family")][:2])
            yield given, output, str(row.get("family", given))
        return
    csv.field_size_limit(10**9)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        names, rows = next(reader), list(reader)
    if len(names) <= 3:
        yield from ((fields_of(row[0]), row[1], row[0]) for row in rows)
        return
    longest = max(range(len(names)), key=lambda at: sum(len(row[at]) for row in rows))
    varied = [at for at in range(len(names)) if at != longest and len({row[at] for row in rows}) > 1]
    for row in rows:
        if row[longest].strip():
            yield {names[at]: row[at] for at in varied if row[at]}, row[longest], row[longest]


def read(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The pairs of both halves: `output`, `input`, `fields`."""
    halves: list[list[tuple[str, str, str | None]]] = [[], []]
    for given, output, group in rows_of(path):
        is_fields = isinstance(given, dict)
        text = render_fields(given) if is_fields else given
        half = hashlib.md5(group.encode()).digest()[0] % 2
        halves[half].append((output, text, json.dumps(given, ensure_ascii=False) if is_fields else None))
    one, other = (
        pl.DataFrame(rows, schema=dict.fromkeys(("output", "input", "fields"), pl.String), orient="row")
        for rows in halves
    )
    return one, other


def own_share(pairs: pl.DataFrame, style: StyleSchema) -> float:
    return float(check_outputs(pairs, style).shares()["acceptable"].fill_null(True).mean() or 0)  # type: ignore[arg-type]


def show(name: str, held: pl.DataFrame, style: StyleSchema, count: int) -> None:
    """Prints near misses, and then those that no must rule rejects, each with its request and the closest reference."""
    columns = pair_columns(sample(held))
    right = check_columns(columns, style).shares()["acceptable"].fill_null(True)
    columns = columns.changed(right.arg_true().to_list(), columns.output.filter(right))
    wrong = near_misses(columns, style.wordings)
    if wrong is None:
        return
    musts = [check.id for check in style.checks if check.level == "must"]
    failed = check_columns(wrong.columns, style).status.select(pl.any_horizontal(pl.col(*musts) == "fail"))
    given = pl.DataFrame({"input": wrong.columns.input, "text": wrong.columns.output, "kind": wrong.kinds})
    table = given.with_columns(
        caught=failed.to_series(), own=pl.Series([list(own) for own in wrong.columns.references])
    )
    for title, rows in (("near misses", table), ("survivors", table.filter(~pl.col("caught")))):
        for number, row in enumerate(rows.sample(min(count, len(rows)), seed=5, shuffle=True).iter_rows(named=True), 1):
            (closest,) = get_close_matches(row["text"], row["own"], n=1, cutoff=0)
            print(f"\n{name}, {title} {number}: {row['kind']}\n  request   {row['input'][-400:]!r}")
            print(f"  closest of {len(row['own'])} references {closest!r}\n  near miss {row['text']!r}")


def measure(
    name: str, path: Path, careful: Path | None, read_count: int
) -> tuple[str, NearMisses | None, NearMisses | None]:
    """The line of the table, and the near misses caught without and with the learnt rules."""
    learn, held = read(path)
    held = held.sample(min(len(held), 2_000), seed=1)
    began = time.process_time()
    inferred = infer_style(learn).schema
    seconds = time.process_time() - began
    if inferred is None:
        return f"| {name} | {len(learn):,} | no style | | | | | {seconds:.1f} |", None, None
    learnt = tuple(check for check in inferred.checks if check.kind in LEARNT and check.level == "must")
    written = read_style(careful).checks if careful else inferred.checks
    without = tuple(check for check in written if check.kind not in LEARNT and check.about != "correctness")
    wordings = read_style(careful).wordings if careful else inferred.wordings
    plain = replace(inferred, checks=without, wordings=wordings)
    both = replace(plain, checks=(*without, *(replace(check, id=f"learnt {n}") for n, check in enumerate(learnt))))
    if careful:
        held = held.filter(check_outputs(held, plain).shares()["acceptable"])
    if read_count:
        show(name, held, both, read_count)
    before, after = measure_near_misses(held, plain), measure_near_misses(held, both)
    own, left = own_share(held, plain), own_share(held, both)
    kinds = ", ".join(dict.fromkeys(check.kind for check in learnt)) or "none"
    caught = ["-" if one is None else f"{one.caught:.0%}" for one in (before, after)]
    line = f"| {name} | {len(learn):,} | {own:.1%} | {left:.1%} | {caught[0]} | {caught[1]} | {kinds} | {seconds:.1f} |"
    return line, before, after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--style", action="append", default=[], help="STEM=STYLE: also with the rules of this style")
    parser.add_argument("--read", type=int, default=0, help="print so many near misses and survivors of each set")
    options = parser.parse_args()
    careful = dict(one.split("=", 1) for one in options.style)
    lines, by_kind = [], []
    for path in options.files:
        stem = path.parent.name if path.stem == "pairs" else path.stem
        runs = [(stem, None), *([(f"{stem}, written rules", Path(careful[stem]))] if stem in careful else [])]
        for name, style in runs:
            line, before, after = measure(name, path, style, options.read)
            print(line, flush=True)
            lines.append(line)
            for kind, one in (after.by_kind if after else {}).items():
                earlier = before.by_kind.get(kind) if before else None
                without = "-" if earlier is None else f"{earlier.caught:.0%}"
                by_kind.append(f"| {name} | {kind} | {one.n} | {without} | {one.caught:.0%} | {one.with_should:.0%} |")
    print("\n| data | rows | own pass without | with | near misses caught without | with | learnt | seconds |")
    print("|---|---|---|---|---|---|---|---|", *lines, sep="\n")
    print(
        "\n| data | near miss | n | caught without | with | with should rules |\n|---|---|---|---|---|---|",
        *by_kind,
        sep="\n",
    )


if __name__ == "__main__":
    main()
