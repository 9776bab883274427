"""Measures how exactly a template learnt from pairs writes held-out outputs, and how often it is right where it is sure.

Run: python benchmarks/templates.py [FILE...] [--rules STYLE]; it prints the table of benchmarks/templates.md.
Without files: sets that are made here by a convention each, and the records of examples/. Files are read as
benchmarks/near_misses.py reads them; a KiCad library (.dcm) gives the lines of its microcontrollers, with their values as
fields.

Rows with one request or one output are on one side of the split. Exact: the output is equal to the reference. Sure: the
rows for which the template's own confidence is 0.97 or more, and how many of them are exact. With --rules, the share of
outputs and of references that the must rules of a style accept.
"""

import argparse
import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from near_misses import rows_of

from tuneworth.evaluate.rivals.skeletons import SURE, learn_skeletons
from tuneworth.evaluate.rivals.templates import first_that_keeps
from tuneworth.style import StyleSchema, check_outputs, read_style

Row = tuple[Mapping[str, Any], str]
ROOT = Path(__file__).resolve().parents[1]
WOODS, COLOURS = ["Bambus", "Eiche", "Buche", "Kiefer", "Nussbaum", "Akazie"], ["natur", "weiß", "schwarz", "grau"]
PLACES = ["Köln", "Bremen", "Lübeck", "Passau", "Jena", "Görlitz", "Ulm", "Trier", "Weimar"]
KINDS = ["Kommode", "Regal", "Beistelltisch", "Hocker", "Schrank", "Sideboard"]
MONTHS = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]


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


def wine(draw: random.Random) -> Row:
    """An Italian wine list: decimal commas, capitals, an Italian list with `e`, an optional note in brackets."""
    pairings = draw.sample(["selvaggina", "formaggi", "funghi", "pesce", "arrosti", "antipasti"], draw.randint(1, 4))
    fields: dict[str, Any] = {
        "nome": draw.choice(["barolo", "chianti classico", "gavi di gavi", "soave", "taurasi", "etna rosso"]),
        "annata": draw.randint(2005, 2024), "tipo": draw.choice(["rosso", "bianco", "rosato"]),
        "alcol": draw.randint(110, 155) / 10, "volume_ml": draw.choice([375, 500, 750, 1500]),
        "prezzo": draw.randint(700, 9000) / 100, "abbinamenti": pairings,
    }  # fmt: skip
    if draw.random() < 0.4:
        fields["denominazione"] = draw.choice(["DOCG", "DOC", "IGT"])
    named = fields["nome"].title() + (f" {fields['denominazione']}" if "denominazione" in fields else "")
    alcohol, price, litres = (
        text.replace(".", ",")
        for text in (f"{fields['alcol']:.1f}", f"{fields['prezzo']:.2f}", f"{fields['volume_ml'] / 1000:g}")
    )
    goes = pairings[0] if len(pairings) == 1 else f"{', '.join(pairings[:-1])} e {pairings[-1]}"
    return (
        fields,
        f"{named} {fields['annata']} – {fields['tipo'].capitalize()}, {alcohol}% vol. ({litres} l) · € {price} · Con {goes}.",
    )


def departure(draw: random.Random) -> Row:
    """A departure board: a date with its weekday, a time of twelve hours, calls that may be missing, a singular."""
    towns = ["Ulm", "Halle", "Jena", "Bonn", "Kiel", "Gera", "Trier"]
    stops = draw.sample(towns, draw.randint(0, 3))
    day, hour, minute = date(2026, draw.randint(1, 12), draw.randint(1, 28)), draw.randint(0, 23), draw.randint(0, 59)
    fields: dict[str, Any] = {
        "train": f"{draw.choice(['ICE', 'IC', 'RE'])} {draw.randint(10, 2999)}", "to": draw.choice(towns),
        "departs": f"{day.isoformat()}T{hour:02}:{minute:02}", "platform": draw.randint(1, 24), "changes": draw.randint(0, 2),
    }  # fmt: skip
    if stops:
        fields["via"] = stops
    when = f"{day:%a} {day.day} {day:%b} at {(hour + 11) % 12 + 1}:{minute:02} {'am' if hour < 12 else 'pm'}"
    calls = (
        ""
        if not stops
        else f", calling at {stops[0] if len(stops) == 1 else ', '.join(stops[:-1]) + ' and ' + stops[-1]}"
    )
    changes = ["direct", "1 change", "2 changes"][fields["changes"]]
    return (
        fields,
        f"{fields['train']} to {fields['to']} departs {when} from platform {fields['platform']}{calls} ({changes}).",
    )


def laboratory(draw: random.Random) -> Row:
    """A laboratory line: whether a value is low or high depends on two other fields."""
    name, unit, low, high = draw.choice(
        [("Haemoglobin", "g/dL", 12.0, 15.5), ("Ferritin", "µg/L", 15.0, 150.0), ("Glucose", "mmol/L", 3.9, 5.5)]
    )
    value = round(draw.uniform(low * 0.7, high * 1.3), 1)
    fields = {
        "analyte": name,
        "value": value,
        "unit": unit,
        "reference": [low, high],
        "method": draw.choice(["A", "B"]),
    }
    said = "LOW" if value < low else "HIGH" if value > high else "normal"
    return fields, f"{name}: {value:.1f} {unit} (ref. {low:.1f}–{high:.1f}) — {said}"


def house(draw: random.Random) -> Row:
    """A property of an American agent: abbreviations, thousands, a price in millions or thousands."""
    fields: dict[str, Any] = {
        "bedrooms": draw.randint(1, 6), "bathrooms": draw.choice([1, 1.5, 2, 2.5, 3]),
        "style": draw.choice(["colonial", "ranch", "split-level"]), "city": draw.choice(["Newton", "Salem", "Quincy", "Lowell"]),
        "state": "MA", "area_sqft": draw.randint(600, 5200),
        "price_usd": draw.choice([draw.randint(180, 999) * 1000, draw.randint(100, 420) * 10_000]),
        "built": draw.randint(1890, 2024),
    }  # fmt: skip
    if draw.random() < 0.5:
        fields["hoa_monthly"] = draw.randint(80, 900)
    price = fields["price_usd"]
    offered = f"${price / 1e6:.2f}M" if price >= 1_000_000 else f"${price // 1000}K"
    fee = f" HOA ${fields['hoa_monthly']}/mo." if "hoa_monthly" in fields else ""
    text = f"{fields['bedrooms']}BR/{fields['bathrooms']:g}BA {fields['style'].title()} in {fields['city']}, {fields['state']}."
    return fields, f"{text} {fields['area_sqft']:,} sq ft, built {fields['built']}.{fee} Offered at {offered}"


def nutrition(draw: random.Random) -> Row:
    """A label of food: energy in two units, salt from sodium, allergens in capitals."""
    fields: dict[str, Any] = {
        "product": draw.choice(["oat biscuit", "tomato soup", "rye bread", "almond bar"]), "energy_kcal": draw.randint(20, 620),
        "fat_g": draw.randint(0, 400) / 10, "sugars_g": draw.randint(0, 600) / 10, "sodium_mg": draw.randint(0, 900),
    }  # fmt: skip
    if draw.random() < 0.6:
        fields["allergens"] = draw.sample(["milk", "gluten", "nuts", "soya"], draw.randint(1, 3))
    energy = f"{fields['energy_kcal'] * 4.184:.0f} kJ / {fields['energy_kcal']} kcal"
    contains = f" Contains: {', '.join(fields['allergens']).upper()}." if "allergens" in fields else ""
    salt = f"{fields['sodium_mg'] * 2.5 / 1000:.2f} g"
    body = f"fat {fields['fat_g']:g} g, of which sugars {fields['sugars_g']:g} g, salt {salt}"
    return fields, f"{fields['product'].capitalize()} (per 100 g): energy {energy}, {body}.{contains}"


MADE: dict[str, Callable[[random.Random], Row]] = {
    "furniture (German)": furniture, "wine (Italian)": wine, "departures": departure, "laboratory": laboratory, "houses": house,
    "nutrition": nutrition,
}  # fmt: skip


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


def split(rows: Sequence[Row], train: int) -> tuple[list[Row], list[Row]]:
    """So many rows to learn from, and 300 others of which none has a request or an output of theirs."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            text = parent[text]
        return text

    for fields, output in rows:
        parent[root(f"request {json.dumps(fields, sort_keys=True)}")] = root(f"output {output}")
    places = [hashlib.sha256(root(f"output {output}").encode()).digest() for _, output in rows]
    order, train = sorted(range(len(rows)), key=places.__getitem__), min(train, len(rows) * 2 // 3)
    known, others = order[:train], [at for at in order[train:] if places[at] != places[order[train - 1]]]
    draw = random.Random(1)
    draw.shuffle(known)
    draw.shuffle(others)
    return [rows[at] for at in known], [rows[at] for at in others[:300]]


def misspelt(rows: Sequence[Row]) -> list[Row]:
    """The rows with two letters exchanged in the outputs of a fifth of them."""
    draw, found = random.Random(2), list[Row]()
    for fields, output in rows:
        at = draw.randrange(len(output) - 1)
        swapped = output[:at] + output[at + 1] + output[at] + output[at + 2 :]
        found.append((fields, swapped if draw.random() < 0.2 else output))
    return found


def accepted(rows: Sequence[Row], options: Sequence[Sequence[str]], style: StyleSchema) -> str:
    """The shares of outputs and of references that the rules accept."""
    told = [json.dumps(fields) for fields, _ in rows]
    table = pl.DataFrame(
        {"id": list(map(str, range(len(rows)))), "input": told, "fields": told, "output": [o for _, o in rows]}
    )
    ours = table.with_columns(output=pl.Series(first_that_keeps(options, table, style)))
    shares = [check_outputs(each, style).shares()["acceptable"].fill_null(False).mean() for each in (ours, table)]
    return f"{shares[0]:.0%} of {shares[1]:.0%}"


def line(name: str, train: Sequence[Row], test: Sequence[Row], style: StyleSchema | None = None) -> str:
    """A row of the table."""
    start = time.process_time()
    learnt = learn_skeletons([fields for fields, _ in train], [output for _, output in train])
    fitted = time.process_time()
    if learnt is None:
        return f"| {name} | {len(train)} | too few | | | | |"
    written = [learnt.options(fields) for fields, _ in test]
    took = (time.process_time() - fitted) / len(test) * 1000
    right = [options[0] == output for (options, _), (_, output) in zip(written, test, strict=True)]
    held = sum(options[0] == train[row][1] for row, options in learnt.held.items()) / len(learnt.held)
    sure = [exact for exact, (_, share) in zip(right, written, strict=True) if share >= SURE]
    kept = "" if style is None else accepted(test, [options for options, _ in written], style)
    figures = f"{sum(right) / len(right):.1%} | {held:.1%} | {sum(sure)} of {len(sure)}"
    return f"| {name} | {len(train)} | {figures} | {kept} | {fitted - start:.1f} | {took:.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--rules", type=Path)
    parser.add_argument("--train", type=int, default=500)
    given = parser.parse_args()
    style = read_style(given.rules) if given.rules else None
    learn_skeletons([{"a": n} for n in range(20)], [f"a {n} b" for n in range(20)])  # loads scikit-learn
    heads = [
        "set",
        "learnt from",
        "exact",
        "exact of held-back train rows",
        "sure and right",
        "accepted, of references",
        "fit s",
        "ms a row",
    ]
    print(f"| {' | '.join(heads)} |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for file in given.files:
        read = microcontrollers(file) if file.suffix == ".dcm" else ((one, two) for one, two, _ in rows_of(file))
        rows = [(fields if isinstance(fields, dict) else {"input": fields}, output) for fields, output in read]
        print(line(file.stem, *split(rows, given.train), style), flush=True)
    if given.files:
        return
    for name, make in MADE.items():
        train, test = split(made(make), given.train)
        print(line(name, train, test), flush=True)
        print(line(f"{name}, typos in a fifth", misspelt(train), test), flush=True)
    print(line("records", *split(records(), given.train)))
    for count in (50, 100, 2_000):
        print(line("furniture (German)", *split(made(furniture, 3_000), count)), flush=True)


if __name__ == "__main__":
    main()
