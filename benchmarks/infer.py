"""Measures what `style infer` finds: how many of the rules that an expert would write, and whether a must rule does harm.

Run: python benchmarks/infer.py FOLDER; it writes benchmarks/infer.md. FOLDER holds checkouts of the public repositories
named in SETS, each under its name; a set whose checkout is missing is left out. The rules that an expert would write are
in benchmarks/infer_expert.yaml: each says which kind of check, with which parameters, states it. With `--files
FILE:INPUT:OUTPUT ...` (INPUT may be several columns with commas between) it only prints a row of the second table for
each file; with `--tasks FILE:INPUT:OUTPUT ...` a row of the third, with its time.

A style is inferred from one half of the different outputs. A must rule does harm if more of the outputs of the
other half break it than the 5% that its level allows.
"""

import argparse
import csv
import json
import random
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
from tuneworth.style import InferredStyle, check_outputs, infer_style, recognise_task

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


# The sections of the page from this heading on are written by hand and kept.
BY_HAND = "## A set that was not looked at before"


def pairs_of(argument: str) -> tuple[str, pl.DataFrame]:
    """The name of a file and its pairs."""
    path, inputs, output = argument.rsplit(":", 2)
    columns = tuple(inputs.split(","))
    data = DataSettings(path=path, input=columns if len(columns) > 1 else columns[0], output=output)
    return Path(path).stem, read_pairs(path, data).pairs


def measure_task(argument: str) -> str:
    """A row of the third table."""
    name, pairs = pairs_of(argument)
    started = time.process_time()
    found = recognise_task(pairs)
    seconds = time.process_time() - started
    rule = {key: value for key, value in (found.rule or {}).items() if key != "labels"}
    written = f"`{json.dumps(rule)}`" if rule else "none"
    wrong = "-"
    if found.task == "fields":
        half = pairs["output"].hash(seed=1) % 2 == 0
        style = infer_style(pairs.filter(half)).schema
        planted = planted_records(pairs.filter(~half))
        accepted = 0 if style is None else int((check_outputs(planted, style).shares()["acceptable"]).sum())
        wrong = f"{accepted} of {len(planted)}"
    return f"| {name} | {len(pairs):,} | {found.says} | {written} | {wrong} | {seconds:.2f} |"


def planted_records(pairs: pl.DataFrame, most: int = 300) -> pl.DataFrame:
    """JSON records with one wrong value: swapped with another, or replaced by other words of the same request."""
    draw, rows = random.Random(1), []
    for text, output in pairs.select("input", "output").iter_rows():
        record = json.loads(output) if output.startswith("{") else {}
        flat = record.get("slots", record)
        names = [name for name, value in flat.items() if isinstance(value, str)]
        words = text.split()
        if not names or len(rows) == most:
            continue
        one, *others = draw.sample(names, len(names))
        if others and len(rows) % 2:
            flat[one], flat[others[0]] = flat[others[0]], flat[one]
        else:
            size = min(len(flat[one].split()), len(words))
            at = draw.randrange(len(words) - size + 1)
            flat[one] = " ".join(words[at : at + size])
        if record != json.loads(output):
            rows.append((text, json.dumps(record, ensure_ascii=False), [output]))
    schema = {"input": pl.String, "output": pl.String, "references": pl.List(pl.String)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def measure_file(argument: str) -> str:
    """A row of the second table, but for the rules that a reader found wrong."""
    name, pairs = pairs_of(argument)
    started = time.process_time()
    found = infer_style(pairs, name=name)
    seconds = time.process_time() - started
    shares = found.discrimination
    accepts = f"{shares.own:.1%} / {shares.shuffled:.1%}" if shares else "-"
    musts = sum(one.level == "must" for one in found.evidence)
    rules = f"{musts} + {len(found.evidence) - musts}"
    return f"| {name} | {len(pairs):,} | {accepts} | {rules} | {seconds:.1f} |"


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
    parser.add_argument("--tasks", nargs="*", default=[], metavar="FILE:INPUT:OUTPUT")
    arguments = parser.parse_args()
    for argument in arguments.files:
        print(measure_file(argument), flush=True)
    for argument in arguments.tasks:
        print(measure_task(argument), flush=True)
    if arguments.files or arguments.tasks:
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
        "## Rules that were not found", "", *missed, "", "",
    ])  # fmt: skip
    page = Path(__file__).with_suffix(".md")
    by_hand = page.read_text(encoding="utf-8").partition(BY_HAND)
    page.write_text(text + "".join(by_hand[1:]), encoding="utf-8")


if __name__ == "__main__":
    main()
