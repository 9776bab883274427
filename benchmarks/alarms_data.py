"""The texts of `alarms.py`, read from checkouts of public repositories, none of which is part of this one."""

import html
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from meaning import mr_fields

__all__ = ["read_blinds", "read_dialogues", "read_e2e_test", "read_percentages", "read_webnlg"]

COLUMNS = ["output", "input", "fields"]
TOLD = frozenset(["INFORM", "OFFER", "CONFIRM", "INFORM_COUNT"])  # acts whose values the utterance says
SUFFIXES = frozenset([".csv", ".json", ".md", ".txt", ".ts", ".tsx", ".js", ".jsx", ".liquid", ".html"])
LONGEST = 400  # characters of a line
COLOUR = re.compile(r"\s*(\w+) Colou?r\b.*")


def read_webnlg(folder: Path) -> pl.DataFrame:
    """English sentences about one to five facts (version 1.5): output, input, fields."""
    rows = []
    for file in sorted((folder / "data" / "v1.5" / "en").rglob("*.xml")):
        for entry in ET.parse(file).getroot().iter("entry"):
            triples = [triple.text or "" for triple in entry.iterfind("modifiedtripleset/mtriple")]
            fields: dict[str, list[str]] = {}
            for triple in triples:
                subject, name, value = (part.strip().strip('"').replace("_", " ") for part in triple.split(" | "))
                fields.setdefault("subject", [subject])
                fields.setdefault(name, []).append(value)
            given = json.dumps({name: v[0] if len(v) == 1 else v for name, v in fields.items()}, ensure_ascii=False)
            texts = [lex.findtext("text") for lex in entry.iter("lex") if lex.get("comment") == "good"]
            rows += [(text, "\n".join(triples), given) for text in texts if text]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def read_e2e_test(folder: Path) -> pl.DataFrame:
    """The test set, whose requests are others than those of the development set."""
    table = pl.read_csv(folder / "testset_w_refs.csv", infer_schema=False)
    return table.select(output="ref", input="mr", fields=pl.Series([mr_fields(mr) for mr in table["mr"]]))


def read_dialogues(folder: Path) -> pl.DataFrame:
    """What the system says in the development dialogues about two slots or more, which are the fields."""
    rows = []
    for file in sorted((folder / "dev").glob("dialogues_*.json")):
        for dialogue in json.loads(file.read_text(encoding="utf-8")):
            for turn in dialogue["turns"]:
                actions = [action for frame in turn["frames"] for action in frame["actions"]]
                told = {a["slot"]: a["values"] for a in actions if a["act"] in TOLD and a["slot"] and a["values"]}
                fields = {slot: values[0] if len(values) == 1 else values for slot, values in told.items()}
                if turn["speaker"] == "SYSTEM" and len(fields) > 1:
                    given = "\n".join(f"{slot}: {value}" for slot, value in fields.items())
                    rows.append((turn["utterance"], given, json.dumps(fields)))
    return pl.DataFrame(rows, schema=COLUMNS, orient="row").unique(maintain_order=True)


def read_blinds(folder: Path) -> pl.DataFrame:
    """Names of blinds in a shop, with the colours under which it lists them."""
    table = pl.read_csv(folder / "exports" / "shopify-products.csv", infer_schema=False)
    rows = []
    for name, listed in table.select("product_name", "collection").iter_rows():
        colours = [match[1] for part in (listed or "").split(";") if (match := COLOUR.fullmatch(part))]
        if colours:
            colour = colours[0] if len(colours) == 1 else colours
            rows.append((name, listed, json.dumps({"colour": colour})))
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def read_percentages(folders: Sequence[Path]) -> pl.DataFrame:
    """The different lines with a percentage in the text files of some folders, tags taken off."""
    lines = {line for folder in folders for line in _lines(folder) if re.search(r"[0-9]\s?%", line)}
    return pl.DataFrame({"output": sorted(lines), "input": "", "fields": None}, schema_overrides={"fields": pl.String})


def _lines(folder: Path) -> Iterator[str]:
    for file in sorted(folder.rglob("*")):
        if file.suffix in SUFFIXES and file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace").replace("\\n", "\n")
            text = text.replace("\\u003c", "<").replace("\\u003e", ">")
            plain = html.unescape(re.sub(r"<[^>]{0,2000}>", "\n", text))
            yield from (line.strip()[:LONGEST] for line in plain.splitlines() if "%" in line)
