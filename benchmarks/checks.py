"""Measures the outputs per second that each kind can check and repair, on the included example repeated to many rows.

Run: python benchmarks/checks.py [--rows 50000]; it prints a Markdown table. For a kind that needs another shape (JSON,
sections, a list, key-value lines) the same catalogue lines are converted to it. Timed: finding the violations, with
parsing the fields of each request if the kind needs them, after a warm-up on other rows; then finding and repairing them,
with all repairs that the kind has, its safe ones compared for facts. Kinds about correctness compare with a reference, from
which every second output differs.
"""

import argparse
import datetime
import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tuneworth.curate import DataSettings, read_pairs
from tuneworth.examples import example_path
from tuneworth.style import KINDS, check_outputs, pair_columns, parse_style, repair_columns

# One entry per kind, as in a style file; the parameters make some rows fail.
ENTRIES = {
    "length": "unit: words, min: 3, max: 20",
    "pattern": "regex: ', '",
    "sections": "titles: [Part, Facts], extra: false",
    "list": "min: 2, max: 5, item_max_words: 6",
    "template": "text: 'Part: {part}, {facts}'",
    "json": "schema: {type: object, required: [facts], properties: {facts: {type: array, maxItems: 5}}}",
    "key_values": "keys: [Part, Facts], extra: false",
    "order": "parts: {voltage: '[0-9.]+V', current: '[0-9.]+m?A', case: 'SO[A-Z]*-[0-9]+'}",
    "numbers": "space: none, decimal: '.'",
    "case": "is: sentence",
    "forbidden": "any: ['{part}'], ignore_case: true",
    "starts_with": "any: ['{part}', Dual]",
    "ends_with": "any: ['{package}'], when: package, ignore_case: true",
    "vocabulary": "preferred: {Low Dropout: [low dropout, Low-Dropout, LDO], N-Channel: [N-channel, n-channel]}",
    "punctuation": "end: none, exclamation_marks: 0, quotes: straight, dashes: hyphen",
    "clean": "",
    "grounded": "facts: [numbers, codes]",
    "covers": "fields: [package, ratings]",
    "contradicts": "field: package, silent: true",
    "sums": "total: 100",
    "known_words": "words: [low, dropout, regulator, linear, voltage, output, fixed, mosfet, channel, amplifier, converter]",
    "known_segments": "segments: ['{package}', '{ratings} input', '{ratings} output', '{keywords}']",
    "field_context": "never: {'_ input': [package, keywords], ', _ $': [ratings]}, negations: en",
    "allowed": "field: package, regex: '\\bSO[A-Z]*-[0-9]+\\b'",
    "html": "tags: [p, ul, li], required: [ul], structure: [p, ul]",
    "language": "is: en",
    "readability": "grade_max: 12",
    "no_repeats": "words: 6, of_input: true",
    "equals": "ignore: [case, punctuation]",
    "label": "ignore_case: true",
    "same_fields": "ignore: [case]",
    "final_answer": "take: last_number",
    "same_result": "",
    "similar": "measure: chrf, at_least: 0.9",
    "python": "call: json.loads",
}
# For the kinds that compare with a reference: that of a catalogue line; its output differs in every second row.
REFERENCES: dict[str, Callable[[str, int], str]] = {
    "equals": lambda line, row: line,
    "label": lambda line, row: f"label {row % 150}",
    "same_fields": lambda line, row: json.dumps(dict(enumerate(line.split(", ")))),
    "final_answer": lambda line, row: f"{line}, so the answer is {row}",
    "same_result": lambda line, row: f"SELECT part FROM parts WHERE description = '{line}' AND row = {row}",
    "similar": lambda line, row: line,
}


def _sections(facts: list[str]) -> str:
    return f"## Part\n{facts[0]}\n\n## Facts\n" + "\n".join(facts[1:])


def _html(facts: list[str]) -> str:
    return f"<p>{facts[0]}</p><ul>" + "".join(f"<li>{fact}</li>" for fact in facts[1:]) + "</ul>"


def _key_values(facts: list[str]) -> str:
    return f"Part: {facts[0]}\nFacts: {', '.join(facts[1:])}"


def _shares(facts: list[str]) -> str:
    return f"{facts[0]}, {30 + len(facts[-1])}% silicon, 60% copper"


SHAPES: dict[str, Callable[[list[str]], str]] = {
    "sums": _shares,
    "sections": _sections,
    "list": lambda facts: "\n".join(f"- {fact}" for fact in facts),
    "template": lambda facts: f"Part: {', '.join(facts)}",
    "json": lambda facts: json.dumps({"facts": facts}),
    "key_values": _key_values,
    "html": _html,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    raw = read_pairs(example_path("components") / "pairs.jsonl", DataSettings(path="", group="family")).pairs
    pairs = pl.concat([raw] * (options.rows // len(raw) + 1)).head(options.rows)
    # A unique first word, neither number nor code, keeps repeated rows out of caches.
    words = ["".join(chr(97 + n // 26**place % 26) for place in range(4)).capitalize() for n in range(len(pairs))]
    pairs = pairs.with_columns(output=pl.Series(words) + " " + pl.col("output"))
    table = "\n".join([*_head(options.rows), *(_row(kind, pairs) for kind in options.kinds)]) + "\n"
    print(table)
    if options.kinds == list(KINDS):
        Path(__file__).with_suffix(".md").write_text(table, encoding="utf-8")


def _head(rows: int) -> list[str]:
    return [
        "# Checks: rows per second",
        "",
        f"{datetime.date.today():%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()},"
        f" polars {version('polars')}. `python benchmarks/checks.py --rows {rows}`: catalogue lines of electronic parts, each"
        " with a unique word; the fastest of three runs.",
        "",
        "| kind | entry | rows/s | fail | repaired rows/s | of checking | changed |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]


def _row(kind: str, pairs: pl.DataFrame) -> str:
    """One line of the table."""
    entry = ENTRIES[kind]
    if shape := SHAPES.get(kind):
        pairs = pairs.with_columns(output=pl.Series([shape(text.split(", ")) for text in pairs["output"]]))
    if reference := REFERENCES.get(kind):
        right = [reference(line, row) for row, line in enumerate(pairs["output"])]
        given = [text[:-2] + "7" + text[-1] if row % 2 else text for row, text in enumerate(right)]
        pairs = pairs.with_columns(output=pl.Series(given), references=pl.Series([[text] for text in right]))
    check = yaml.safe_load(f"{{kind: {kind}{', ' if entry else ''}{entry}}}")
    style = parse_style(yaml.safe_dump({"checks": [check]}), allow_code=True)
    check_outputs(pairs.head(500).with_columns(pl.col("output") + " x"), style)
    seconds, results = _fastest(lambda: check_outputs(pairs, style))
    failed = (results.status.to_series() == "fail").sum()
    checked = f"| `{kind}` | `{entry}` | {len(pairs) / seconds:,.0f} | {100 * failed / len(pairs):.0f}% |"
    if not KINDS[kind].fix.possible:
        return f"{checked} - | - | - |"
    longer, repaired = _fastest(lambda: repair_columns(pair_columns(pairs), style, unsafe=True))
    changed = f"{100 * repaired.changed / len(pairs):.0f}%"
    return f"{checked} {len(pairs) / longer:,.0f} | {100 * seconds / longer:.0f}% | {changed} |"


def _fastest(work: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds of the fastest of three runs, and its result."""
    best, result = float("inf"), None
    for _ in range(3):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return best, result


if __name__ == "__main__":
    main()
