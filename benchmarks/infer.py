"""Measures what `style infer` finds: how many of the rules that an expert would write, and whether a must rule does harm.

Run: python benchmarks/infer.py FOLDER; it writes benchmarks/infer.md. FOLDER holds checkouts of the public repositories
named in SETS, each under its name; a set whose checkout is missing is left out. The rules that an expert would write are
in benchmarks/infer_expert.yaml: each says which kind of check, with which parameters, states it. With `--files
FILE:INPUT:OUTPUT ...` (INPUT may be several columns with commas between) it only prints a row of the second table for
each file.

A style is inferred from one half of the different outputs. A must rule does harm if more of the outputs of the
other half break it than the 5% that its level allows.
"""

import argparse
import csv
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tuneworth.curate import DataSettings, read_pairs
from tuneworth.style import InferredStyle, check_outputs, infer_style

EXPERT = Path(__file__).with_name("infer_expert.yaml")
EXAMPLE = Path(__file__).parents[1] / "examples" / "components" / "pairs.jsonl"
HARM = 0.05  # of the outputs of the other half
Pair = tuple[Any, str]  # input: fields or text; output


@dataclass(frozen=True)
class Set:
    """A public data set: its repository, where its pairs are read, and what it is."""

    about: str
    repository: str | None
    read: Callable[[Path], Iterator[Pair]]


def read_example(folder: Path) -> Iterator[Pair]:
    for line in EXAMPLE.open(encoding="utf-8"):
        pair = json.loads(line)
        yield pair["input"], pair["output"]


def read_restaurants(folder: Path) -> Iterator[Pair]:
    with (folder / "testset_w_refs.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            yield dict(re.findall(r"(\w[\w ]*)\[([^\]]*)\]", row["mr"])), row["ref"]


def read_sql(folder: Path) -> Iterator[Pair]:
    with (folder / "data" / "questions_gen_postgres.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row["question"], row["query"]


def read_shop(folder: Path) -> Iterator[Pair]:
    keys = ("Title", "Vendor", "Type", "Tags", "Option1 Value", "Variant Price")
    body: Mapping[str, str] = {}
    with (folder / "products_export_1.csv").open(encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            body = row if row["Body (HTML)"].strip() else body
            if body and row["Variant Price"]:
                given = {key.lower(): row.get(key) or body.get(key) for key in keys}
                yield {key: value for key, value in given.items() if value}, body["Body (HTML)"]


def read_dialogue(folder: Path) -> Iterator[Pair]:
    for path in sorted((folder / "dev").glob("dialogues_0??.json")):
        for dialogue in json.loads(path.read_text(encoding="utf-8")):
            for turn in dialogue["turns"]:
                if turn["speaker"] == "SYSTEM":
                    yield _actions(turn["frames"][0]), turn["utterance"]


def _actions(frame: Mapping[str, Any]) -> dict[str, Any]:
    acts = dict.fromkeys(action["act"].lower().replace("_", " ") for action in frame["actions"])
    fields: dict[str, Any] = {"service": frame["service"], "act": ", ".join(acts)}
    for action in frame["actions"]:
        if action["slot"] and action["values"]:
            fields[action["slot"]] = action["values"][0] if len(action["values"]) == 1 else action["values"]
    return fields


def read_slots(folder: Path) -> Iterator[Pair]:
    for path in sorted(folder.glob("2017-06-custom-intent-engines/*/train_*_full.json")):
        ((intent, sentences),) = json.loads(path.read_text(encoding="utf-8", errors="replace")).items()
        for sentence in sentences[:300]:
            parts = sentence["data"]
            slots = {part["entity"]: part["text"].strip() for part in parts if "entity" in part}
            text = json.dumps({"intent": intent, **slots}, ensure_ascii=False)
            yield "".join(part["text"] for part in parts), text


SETS = {
    "parts": Set("lines of a parts library, the shipped example", None, read_example),
    "restaurants": Set("sentences about restaurants, from fields", "tuetschek/e2e-dataset", read_restaurants),
    "sql": Set("SQL for questions", "defog-ai/sql-eval", read_sql),
    "shop": Set("product descriptions in HTML", "dinhdungweb/Vietjewelers", read_shop),
    "service": Set(
        "replies of a service desk, from its acts", "google-research-datasets/dstc8-schema-guided-dialogue", read_dialogue
    ),
    "slots": Set("JSON extracted from requests", "sonos/nlu-benchmark", read_slots),
}  # fmt: skip


# What was found on data that nothing above was built with; the rule about case was corrected only afterwards.
UNSEEN = [
    "## A set that was not looked at before",
    "",
    "The questions about courses in jkkummerfeld/text2sql-data (`advising.json`, variables filled in; 4,387 rows, 3,147",
    "different outputs), 2026-11-28, read by hand: seven must rules and two should rules in 3 s. Of the eight rules that an",
    "expert would write five were found (one line, begin with SELECT, end with a semicolon, straight quotation marks, the",
    "query alone) and three not (key words in capitals, no number and no quoted text that the question does not state). One",
    "must rule was wrong: *small letters*, since it looked at capitalised words alone. Neither it nor *sentence case* is",
    "proposed any more where key words are in capitals.",
]


# Files read by hand, rule by rule; `wrong` counts the rules that an owner would take out.
FILES = [
    "## Public files, read rule by rule",
    "",
    "Inferred from each file as its owner would name the columns, 2026-12-01; accepted are own outputs and those of other",
    "requests. Before: when a text had no fields and rules of facts were numbers and codes alone. The files were open while",
    "the rules were built. Every rule was read by hand;",
    "wrong are those that an owner would take out: a spelling or spacing that only the copied values have. Seconds are processor",
    "time on one of two shared cores; a file without new relations takes 1.0 to 1.4 times as long as before.",
    "",
    "| file | what it is | rows | accepted before | accepted now | must + should | wrong | seconds |",
    "|---|---|---|---|---|---|---|---|",
    "| e2e | restaurants, `name[value]` (tuetschek/e2e-dataset) | 4,672 | 95.0% / 64.0% | 86.9% / 0.6% | 16 + 4 | 0 | 6.0 |",
    "| cs_restaurants | acts (UFAL-DSG/cs_restaurant_dataset) | 3,569 | 98.8% / 68.7% | 98.8% / 24.5% | 8 + 3 | 0 | 2.3 |",
    "| laptop | laptops, acts (shawnwun/RNNLG) | 7,944 | 99.3% / 5.9% | 99.3% / 0.1% | 10 + 1 | 0 | 5.6 |",
    "| webnlg_en | sentences for triples (ThiagoCF05/webnlg) | 3,638 | 97.0% / 56.7% | 96.8% / 55.4% | 9 + 4 | 1 | 2.5 |",
    "| wikisql | queries without quotes (cycycc/nl2sql) | 8,421 | 99.4% / 99.4% | 99.4% / 2.8% | 6 + 1 | 2 | 1.5 |",
    "| atis | queries (jkkummerfeld/text2sql-data) | 5,280 | 96.7% / 96.7% | 97.6% / 2.2% | 7 + 0 | 0 | 2.1 |",
    "| geography | queries (jkkummerfeld/text2sql-data) | 877 | 100.0% / 100.0% | 100.0% / 27.2% | 7 + 1 | 0 | 0.5 |",
    "| spider | queries (cycycc/nl2sql) | 1,034 | 99.6% / 99.6% | 98.2% / 67.5% | 7 + 3 | 0 | 0.6 |",
    "| nextcloud_es | translations (nextcloud/android) | 1,229 | 93.9% / 86.6% | 95.0% / 77.0% | 7 + 2 | 1 | 0.7 |",
    "| nextcloud_de | translations (nextcloud/android) | 1,231 | 95.1% / 88.1% | 97.6% / 81.5% | 7 + 2 | 1 | 0.6 |",
    "| nextcloud_pl | translations (nextcloud/android) | 1,208 | 92.8% / 85.9% | 94.6% / 76.2% | 7 + 2 | 1 | 0.7 |",
    "| snips | JSON of requests (sonos/nlu-benchmark) | 4,900 | 100.0% / 0.5% | 100.0% / 0.5% | 4 + 0 | 0 | 0.9 |",
    "| magento | product texts (magento/magento2-sample-data) | 1,994 | 97.9% / 97.9% | 97.9% / 97.9% | 7 + 3 | 0 | 0.6 |",
    "| korean_chat | chat in Korean (songys/Chatbot_data) | 11,823 | 96.6% / 96.6% | 96.8% / 96.8% | 5 + 2 | 0 | 0.9 |",
    "| dialogsum | summaries of dialogues (cylnlp/dialogsum) | 500 | 98.6% / 90.8% | 97.4% / 54.0% | 8 + 1 | 0 | 2.0 |",
    "| components | the shipped example | 2,966 | 97.7% / 7.4% | 97.7% / 7.4% | 9 + 4 | 0 | 2.7 |",
    "| records | the shipped example | 2,102 | 99.9% / 0.0% | 100.0% / 0.0% | 5 + 0 | 0 | 1.9 |",
]


def measure_file(argument: str) -> str:
    """A row of the second table, but for the rules that a reader found wrong."""
    path, inputs, output = argument.rsplit(":", 2)
    columns = tuple(inputs.split(","))
    data = DataSettings(path=path, input=columns if len(columns) > 1 else columns[0], output=output)
    pairs = read_pairs(path, data).pairs
    started = time.process_time()
    found = infer_style(pairs, name=Path(path).stem)
    seconds = time.process_time() - started
    shares = found.discrimination
    accepts = f"{shares.own:.1%} / {shares.shuffled:.1%}" if shares else "-"
    musts = sum(one.level == "must" for one in found.evidence)
    rules = f"{musts} + {len(found.evidence) - musts}"
    return f"| {Path(path).stem} | {len(pairs):,} | {accepts} | {rules} | {seconds:.1f} |"


def table_of(pairs: Iterator[Pair]) -> pl.DataFrame:
    rows = [
        (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
         None if isinstance(value, str) else json.dumps(value, ensure_ascii=False), text)
        for value, text in pairs
    ]  # fmt: skip
    schema = {"input": pl.String, "fields": pl.String, "output": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def holds(found: InferredStyle, wanted: Mapping[str, Any]) -> bool:
    """Whether an inferred rule says what is wanted: each parameter equal, or one of its items."""
    return any(_says(dict(one.entry), wanted) for one in found.evidence)


def _says(entry: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(
        key in entry and (entry[key] == value or (isinstance(entry[key], list) and value in entry[key]))
        for key, value in wanted.items()
    )


def harmful(found: InferredStyle, other: pl.DataFrame) -> list[str]:
    """The must rules that too many other outputs break, with the share."""
    if found.schema is None:
        return []
    status = check_outputs(other, found.schema).status
    shares = {
        check.id: float((status[check.id] == "fail").mean() or 0)
        for check in found.schema.checks
        if check.level == "must"
    }  # type: ignore[arg-type]
    return [f"{name} {share:.1%}" for name, share in shares.items() if share > HARM]


def measure(name: str, pairs: pl.DataFrame, expert: list[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """A row of the table, and the expert's rules that were not found."""
    different = pairs.unique("output", keep="first", maintain_order=True)
    half = different["output"].hash(seed=1) % 2 == 0
    found = infer_style(pairs, name=name)
    musts = sum(one.level == "must" for one in found.evidence)
    missed = [rule["rule"] for rule in expert if not any(holds(found, wanted) for wanted in _wanted(rule))]
    some = infer_style(pairs.filter(pairs["output"].is_in(different.filter(half)["output"].implode())))
    harm = harmful(some, different.filter(~half))
    shares = found.discrimination
    accepts = f"{shares.own:.0%} / {shares.shuffled:.0%}" if shares else "-"
    row = (
        f"| {name} | {len(pairs):,} | {len(different):,} | {musts} + {len(found.evidence) - musts} | "
        f"{len(expert) - len(missed)} of {len(expert)} | {', '.join(harm) or 'none'} | {accepts} |"
    )
    return row, [f"- {name}: {rule}" for rule in missed]


def _wanted(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = rule["found"]
    return found if isinstance(found, list) else [found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--files", nargs="*", default=[], metavar="FILE:INPUT:OUTPUT")
    arguments = parser.parse_args()
    for argument in arguments.files:
        print(measure_file(argument), flush=True)
    if arguments.files:
        return
    folder = arguments.folder
    if folder is None:
        print("Nothing was measured: name a folder with the checkouts.")
        return
    experts = yaml.safe_load(EXPERT.read_text(encoding="utf-8"))
    rows, missed = [], []
    for name, source in SETS.items():
        if source.repository is not None and not (folder / source.repository).is_dir():
            print(f"{source.repository}: no checkout in {folder}, left out")
            continue
        row, rules = measure(name, table_of(source.read(folder / (source.repository or ""))), experts[name])
        print(row, flush=True)
        rows.append(row)
        missed += rules
    sources = [f"- {name}: {s.about}" + (f" ({s.repository})" if s.repository else "") for name, s in SETS.items()]
    text = "\n".join([
        "# What `style infer` finds", "",
        f"{date.today()}. Made by `benchmarks/infer.py`, whose first lines say how.", "",
        "| data | rows | different outputs | must + should | an expert's rules found | must rules that do harm | "
        "accepts own / other outputs |",
        "|---|---|---|---|---|---|---|", *rows, "", "## The data", "", *sources, "",
        "## Rules that were not found", "", *missed, "", *UNSEEN, "", *FILES,
    ]) + "\n"  # fmt: skip
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
