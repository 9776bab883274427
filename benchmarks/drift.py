"""What the drift test of `tuneworth watch` says about the data of others.

Run: python benchmarks/drift.py MOVIES COMMITS; it writes drift.md. MOVIES is data/movies.json of github.com/vega/vega-datasets,
COMMITS a JSON list of `date, title` of the commits of github.com/encode/httpx:
`git log --reverse --date=short --format='%ad %s'`. The requests are split by time, by group and at random.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tuneworth.deploy.watch.drift import drift_of

HALVES = 300
LEVEL = 0.05  # of the random halves: at the 0.1% of a watch, thousands would be needed
Rows = list[dict[str, Any]]


def as_requests(rows: Rows, *, fields: bool) -> pl.DataFrame:
    """The rows as requests: a line for each field, or one text."""
    texts = ["\n".join(f"{name}: {value}" for name, value in row.items() if value is not None) for row in rows]
    kept = [json.dumps(row) if fields else None for row in rows]
    return pl.DataFrame({"input": texts, "fields": kept}, schema_overrides={"fields": pl.String})


def films(path: Path) -> Rows:
    """Films with a year of release, as a catalogue would describe them."""
    found = []
    for film in json.loads(path.read_text(encoding="utf-8")):
        year = str(film["Release Date"])[-4:]
        if year.isdigit() and 1980 <= int(year) <= 2010:
            kept = {
                key: film[key] for key in ("Title", "MPAA Rating", "Distributor", "Source", "Major Genre", "Director")
            }
            found.append({"year": int(year), **kept})
    return sorted(found, key=lambda row: row["year"])


def commits(path: Path) -> Rows:
    """Titles of commits in the order of time."""
    return json.loads(path.read_text(encoding="utf-8"))


def split(rows: Rows, late: Callable[[dict[str, Any]], bool], hidden: str, *, fields: bool) -> dict[str, Any]:
    """The drift of the rows that are `late` against the others; the column that splits them is not shown to the test."""
    parts: tuple[Rows, Rows] = ([], [])
    for row in rows:
        parts[late(row)].append({key: value for key, value in row.items() if key != hidden})
    return drift_of(*(as_requests(part, fields=fields) for part in parts))


def false_alarms(rows: Rows, hidden: str, *, fields: bool) -> str:
    """Random halves of 400 rows that count as drifted at 5%."""
    table = as_requests([{key: row[key] for key in row if key != hidden} for row in rows], fields=fields).unique(
        "input"
    )
    rng, alarms = np.random.default_rng(0), 0
    for seed in range(HALVES):
        order = rng.permutation(len(table))[:400]
        alarms += bool(drift_of(table[order[:200]], table[order[200:]], level=LEVEL, seed=seed)["drifted"])
    return f"{alarms} of {HALVES} ({alarms / HALVES:.1%})"


def line(data: str, how: str, found: dict[str, Any]) -> str:
    """A row of the table, with the first differences."""
    named = "; ".join(_named(one) for one in found["differences"][:4]) or "none"
    p = f"{found['p_value']:.4f}"
    return (
        f"| {data} | {how} | {found['known']:,} and {found['live']:,} | {p} | {len(found['differences'])} | {named} |"
    )


def _named(one: dict[str, Any]) -> str:
    what = " ".join(part for part in (one["kind"], one["field"], f'"{one["value"]}"' if one["value"] else "") if part)
    ends = (
        f"{one[key]:.0f}" if one["kind"] in ("length", "number") else f"{one[key]:.1%}" for key in ("known", "live")
    )
    return f"{what}: {' to '.join(ends)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movies", type=Path)
    parser.add_argument("commits", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    start, shown, titles = time.process_time(), films(options.movies), commits(options.commits)
    middle = titles[len(titles) // 2]["date"]
    ordered = [row for row in shown if row["year"] >= 2000]
    lines = [
        line("films", "before 2000, from 2000 on", split(shown, lambda row: row["year"] >= 2000, "year", fields=True)),
        line("films", "2005, 2006", split([r for r in shown if r["year"] in (2005, 2006)], lambda r: r["year"] == 2006,
             "year", fields=True)),
        line("films from 2000 on", "comedies and the rest",
             split(ordered, lambda row: row["Major Genre"] == "Comedy", "Major Genre", fields=True)),
        line("commit titles", "first half, second half",
             split(titles, lambda row: row["date"] >= middle, "date", fields=False)),
    ]  # fmt: skip
    halves = [
        f"| films | {false_alarms(shown, 'year', fields=True)} |",
        f"| commit titles | {false_alarms(titles, 'date', fields=False)} |",
    ]
    seconds = time.process_time() - start
    options.out.write_text(
        "# Drift of requests, on the data of others\n\n"
        f"{datetime.now(UTC).date()}, numpy {np.__version__}, polars {pl.__version__}; {seconds:,.0f} processor seconds. "
        "`python benchmarks/drift.py MOVIES COMMITS`: films of vega-datasets by year, titles of commits of httpx. The column "
        "that splits the rows is hidden. Level 0.1% for all traits together; at most 12 differences are listed.\n\n"
        "| data | split | requests | p | differences | the first |\n|---|---|---:|---:|---:|---|\n" + "\n".join(lines) +
        "\n\n## False alarms\n\nRandom halves of 400 different requests, 200 against 200, that differ at the 5% level.\n\n"
        "| data | alarms |\n|---|---:|\n" + "\n".join(halves) + "\n",
        encoding="utf-8",
    )  # fmt: skip


if __name__ == "__main__":
    main()
