"""Measures how exactly a template learnt from pairs writes held-out outputs, and what it claims.

Run: python benchmarks/templates.py [FILE...] [--rules STYLE]; it prints the tables of benchmarks/templates.md.
Without files: mail-merge sets that are made here, and the records of examples/. A file is read as benchmarks/near_misses.py
reads it; a KiCad library (.dcm) gives the fields and lines of its microcontrollers.

Rows with one request or one output are on one side of the split. Exact: the output is equal to the reference. Claimed: the
rows for which the template's own confidence is 0.9 or more. With --rules, the share that a style's must rules accept.
"""

import argparse
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

Row = tuple[Mapping[str, Any], str]
ROOT = Path(__file__).resolve().parents[1]
WOODS, COLOURS = ["Bambus", "Eiche", "Buche", "Kiefer", "Nussbaum", "Akazie"], ["natur", "weiß", "schwarz", "grau"]
PLACES = ["Köln", "Bremen", "Lübeck", "Passau", "Jena", "Görlitz", "Ulm", "Trier", "Weimar"]
KINDS = ["Kommode", "Regal", "Beistelltisch", "Hocker", "Schrank", "Sideboard"]
MONTHS = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"]


def furniture(draw: random.Random) -> Row:
    """A German shop: money with a comma, sizes joined, a list, a piece that only some rows have."""
    fields: dict[str, Any] = {
        "Name": draw.choice(PLACES), "Art": draw.choice(KINDS), "Material": draw.choice(WOODS), "Farbe": draw.choice(COLOURS),
        "Breite": draw.randint(30, 220), "Höhe": draw.randint(30, 220), "Tiefe": draw.randint(20, 90),
        "Preis": round(draw.randint(1999, 199999) / 100, 2), "Gewicht": draw.randint(30, 900) / 10,
    }  # fmt: skip
    if draw.random() < 0.5:
        fields["Pflege"] = draw.choice(["feucht abwischen", "ölen", "trocken abstauben"])
    if draw.random() < 0.3:
        fields["Schubladen"] = draw.randint(1, 6)
    price = f"{fields['Preis']:,.2f}".translate(str.maketrans(",.", ".,"))
    drawers = fields.get("Schubladen")
    said = "" if drawers is None else " Mit einer Schublade." if drawers == 1 else f" Mit {drawers} Schubladen."
    care = f" Pflege: {fields['Pflege']}." if "Pflege" in fields else ""
    size = f"{fields['Breite']} × {fields['Höhe']} × {fields['Tiefe']} cm"
    text = f"{fields['Art']} {fields['Name']} aus {fields['Material']}, {fields['Farbe']}. Maße (B × H × T): {size}.{said}{care}"
    return fields, f"{text} Jetzt für nur {price} €!"


MADE: dict[str, Callable[[random.Random], Row]] = {"furniture (German)": furniture}


def made(make: Callable[[random.Random], Row], count: int = 1_500) -> list[Row]:
    """So many rows of a convention."""
    draw = random.Random(7)
    return [make(draw) for _ in range(count)]


def records() -> list[Row]:
    """The records of examples/: a line's items, and a JSON object."""
    lines = (ROOT / "examples/records/pairs.jsonl").read_text("utf-8").splitlines()
    return [(row["input"], row["output"]) for row in map(json.loads, lines)]


def microcontrollers(path: Path) -> Iterator[Row]:
    """The lines of a KiCad library, each with the values that it has as fields."""
    line = re.compile(
        r"D (?P<core>.*?) MCU, (?:(?P<flash>\d+)KB [Ff]lash, )?(?:(?P<ram>\d+)KB RAM, )?(?:(?P<clock>\d+)MHz, )?"
        r"(?:(?P<supply>[\d.]+-[\d.]+)V, )?(?:(?P<pins>\d+) GPIO, )?(?P<package>\S+)"
    )
    for match in line.finditer(path.read_text("utf-8")):
        yield {name: value for name, value in match.groupdict().items() if value}, match[0][2:]
