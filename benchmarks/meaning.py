"""Measures how often rules about meaning break on right answers, and how often on answers to other requests.

Run: python benchmarks/meaning.py E2E SQL; it writes benchmarks/meaning.md. E2E is a checkout of the public repository
tuetschek/e2e-dataset, SQL one of jkkummerfeld/text2sql-data; neither is part of this repository. The right answers are
the references that people wrote, which are not all right: what was read by hand is stated beside the rates. False alarms
of words and values learnt from the texts themselves: benchmarks/alarms.py.
"""

import argparse
import csv
import datetime
import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import polars as pl

from tuneworth.curate import DataSettings, read_pairs
from tuneworth.examples import example_path
from tuneworth.style import StyleSchema, check_outputs, parse_style, read_style

RESTAURANTS = Path(__file__).with_name("people_e2e.yaml")
SQL_RULES = r"""
checks:
  - {kind: allowed, id: allowed tables, field: tables, ignore_case: true, regex: '(?:FROM|JOIN) +([A-Za-z_]+)'}
  - {kind: allowed, id: allowed columns, field: columns, ignore_case: true, regex: '\b[A-Za-z_0-9]+alias[0-9]+\.([A-Za-z_0-9]+)'}
  - {kind: contradicts, id: contradicts state, field: state, silent: true}
  - {kind: pattern, id: 'pattern with {state}', regex: '\b{state}\b', ignore_case: true}
"""
PART_RULES = "checks: [{kind: contradicts, id: contradicts package, field: package, silent: true}]"
DATABASES = ("geography", "restaurants", "academic", "scholar", "imdb", "yelp")
# What a person found among the broken rules of right answers (a sample with seed 7).
READ = {
    "price": "20 read: 3 state another price, 17 the same or the next one in words (cheap for less than £20)",
    "rating": "20 read: 13 state another rating, 3 are misread (3 out 5 stars), 4 say the same in other words (lower than average"
    " for low)",
    "area": "20 read: 17 name the other area, 3 deny it or its like (in the outskirts of the city center)",
    "family": "20 read: 13 state the opposite, 7 deny it in other words (don't bring your family)",
    "allowed columns": "6 read: names that the query gives to its own expressions",
    "contradicts package": "14 read: 9 name another package, 5 the same under its other name (SO-8 for SOIC-8)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("e2e", type=Path)
    parser.add_argument("sql", type=Path)
    options = parser.parse_args()
    parts = read_pairs(example_path("components") / "pairs.jsonl", DataSettings(path="", group="family")).pairs
    lines = [
        *_head(),
        *_rows("restaurants", read_e2e(options.e2e), read_style(RESTAURANTS)),
        *_rows("SQL", read_sql(options.sql), parse_style(SQL_RULES)),
        *_rows("catalogue lines", parts, parse_style(PART_RULES)),
    ]
    text = "\n".join(lines) + "\n"
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def read_e2e(folder: Path) -> pl.DataFrame:
    """The development set: output, input, fields."""
    table = pl.read_csv(folder / "devset.csv", infer_schema=False)
    return table.select(output="ref", input="mr", fields=pl.Series([mr_fields(mr) for mr in table["mr"]]))


def mr_fields(mr: str) -> str:
    """The attributes of a meaning representation (`name[The Mill], area[riverside]`) as a JSON object."""
    return json.dumps(dict(re.findall(r"(\w[\w ]*)\[([^\]]*)\]", mr)), ensure_ascii=False)


def read_sql(folder: Path) -> pl.DataFrame:
    """Questions about six databases with their queries; the fields name tables, columns and, if there is one, the state."""
    rows = [row for name in DATABASES for row in _questions(folder / "data", name)]
    return pl.DataFrame(rows, schema=["output", "input", "fields"], orient="row").unique(maintain_order=True)


def _questions(folder: Path, name: str) -> Iterator[tuple[str, str, str]]:
    with (folder / f"{name}-schema.csv").open(encoding="utf-8") as file:
        columns = [(row[0].strip(), row[1].strip()) for row in csv.reader(file) if len(row) > 1][1:]
    given = {"tables": sorted({t for t, _ in columns} - {"-"}), "columns": sorted({c for _, c in columns} - {"-"})}
    for query in json.loads((folder / f"{name}.json").read_text(encoding="utf-8")):
        for sentence in query["sentences"]:
            question, answer, fields = sentence["text"], query["sql"][0], dict(given)
            for variable, value in sentence["variables"].items():
                question, answer = question.replace(variable, value), answer.replace(variable, value)
                fields |= {"state": value} if variable == "state_name0" else {}
            yield answer, question, json.dumps({"question": question, **fields})


def _head() -> list[str]:
    return [
        "# Rules about meaning: right answers and answers to other requests that break them",
        "",
        f"{datetime.date.today():%Y-%m-%d}, polars {version('polars')}. `python benchmarks/meaning.py E2E SQL`: references that"
        " people wrote (E2E development set, six databases of text2sql-data, the included component lines), and the same"
        " texts shuffled among the requests (seed 0). Shares are of the rows to which the rule applies.",
        "",
        "| data | rule | rows | break it | shuffled | read by hand |",
        "|---|---|---:|---:|---:|---|",
    ]


def _rows(data: str, pairs: pl.DataFrame, style: StyleSchema) -> Iterator[str]:
    own = check_outputs(pairs, style).status
    other = check_outputs(pairs.with_columns(pl.col("output").shuffle(seed=0)), style).status
    for check in style.checks:
        rows, broken, shuffled = (
            (own[check.id] != "not applicable").sum(),
            _share(own[check.id]),
            _share(other[check.id]),
        )
        name = check.id if check.kind in check.id else f"{check.kind} {check.id}"
        yield f"| {data} | {name} | {rows:,} | {broken:.1%} | {shuffled:.1%} | {READ.get(check.id, '')} |"


def _share(status: pl.Series) -> float:
    return len(status.filter(status == "fail")) / max(len(status.filter(status != "not applicable")), 1)


if __name__ == "__main__":
    main()
