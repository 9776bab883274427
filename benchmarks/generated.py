"""Generates seeded pairs of any number for `cluster.py`, written to many files without holding all of them in memory.

Each row is a function of the seed, the variety and its number alone, so neither the files nor their format change it.

- `products`: product-like lines; made-up words, codes and numbers. Every tenth row is a near copy of an earlier one: a
  typo, two words swapped, other spacing and case, another number (a sibling), the same input with another number in the
  output (a conflict), the same input with another sentence (an alternative).
- `templated`: the same, but the lines follow 2,000 templates and differ in the code, the volts and one word of 30: most
  5-grams are those of a hundred rows, and many rows are alike with other facts.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

__all__ = ["FORMATS", "VARIETIES", "Generated", "generated_rows", "write_generated"]

Variety = Literal["products", "templated"]
Format = Literal["jsonl", "parquet"]
VARIETIES: tuple[Variety, ...] = ("products", "templated")
FORMATS: tuple[Format, ...] = ("jsonl", "parquet")

_COPY_EACH = 10  # the last row of each ten is a copy
_TEMPLATES = 2_000
_OWN = 30  # words of which a line of a template has one
_TAIL = 12  # words of the description
_KNOWN = ("typo", "swap", "spacing", "sibling", "conflict", "alternative")
_COPY_KINDS = np.repeat(np.arange(len(_KNOWN)), (30, 20, 15, 20, 10, 5))  # of 100 copies

_NOUNS = [
    "shelf", "lamp", "kettle", "drill", "pump", "valve", "filter", "sensor", "motor", "cable", "switch", "fuse",
    "relay", "battery", "charger", "heater", "fan", "hose", "ladder", "trolley", "cabinet", "bench", "stool",
    "desk", "chair", "tent", "lantern", "backpack", "bottle", "knife", "grinder", "mixer", "toaster", "scale",
    "thermometer", "compass", "speaker", "headset", "keyboard", "monitor", "router", "printer", "scanner",
    "projector", "tripod", "camera", "bracket", "hinge",
]  # fmt: skip
_MATERIALS = [
    "steel", "aluminium", "brass", "copper", "oak", "beech", "birch", "bamboo", "cotton", "linen", "wool",
    "nylon", "rubber", "glass", "ceramic",
]  # fmt: skip
_COLOURS = [
    "black", "white", "grey", "silver", "red", "green", "blue", "yellow", "orange", "brown", "beige",
    "turquoise",
]  # fmt: skip
_USES = [
    "kitchens", "workshops", "offices", "gardens", "schools", "laboratories", "warehouses", "vans", "boats",
    "greenhouses", "studios",
]  # fmt: skip


@dataclass(frozen=True)
class Generated:
    """What is generated. rows: how many pairs; seed: of everything drawn by chance."""

    rows: int
    variety: Variety = "products"
    seed: int = 1


def write_generated(
    folder: Path, made: Generated, *, format: Format = "jsonl", rows_per_file: int = 50_000
) -> list[Path]:
    """Write part-00000.jsonl and so on with the columns id, input, output; returns the files in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for start in range(0, made.rows, rows_per_file):
        path = folder / f"part-{len(paths):05d}.{format}"
        table = generated_rows(made, start, min(start + rows_per_file, made.rows))
        if format == "jsonl":
            table.write_ndjson(path)
        else:
            table.write_parquet(path)
        paths.append(path)
    return paths


def generated_rows(made: Generated, start: int, stop: int) -> pl.DataFrame:
    """Rows `start` to `stop` (not with it): columns id, input, output."""
    numbers = np.arange(start, stop, dtype=np.uint64)
    copies = numbers % _COPY_EACH == _COPY_EACH - 1
    # An earlier row that is no copy: the originals are numbered through, and one of those before is drawn.
    originals = numbers // _COPY_EACH * (_COPY_EACH - 1) + np.minimum(numbers % _COPY_EACH, _COPY_EACH - 1)
    drawn = _draw(made, numbers, 99) % np.maximum(originals, 1)
    sources = np.where(copies, drawn // (_COPY_EACH - 1) * _COPY_EACH + drawn % (_COPY_EACH - 1), numbers)
    kinds = np.where(copies, _COPY_KINDS[_draw(made, numbers, 98) % len(_COPY_KINDS)], -1)
    table = _lines(made, sources, kinds)
    places = _draw(made, numbers, 97)
    inputs = table["input"].to_list()
    for i in np.flatnonzero(copies).tolist():
        inputs[i] = _edited(inputs[i], _KNOWN[kinds[i]], int(places[i]))
    ids = pl.Series("id", numbers).cast(pl.String).str.zfill(9)
    return pl.DataFrame([ids, pl.Series("input", inputs, pl.String), table["output"]])


def _lines(made: Generated, sources: np.ndarray, kinds: np.ndarray) -> pl.DataFrame:
    """Columns input and output of the rows that are numbered `sources`, with what a copy changes in numbers."""

    def pick(values: Sequence[str], key: int, by: np.ndarray = sources) -> pl.Series:
        return pl.Series(list(values)).gather(_draw(made, by, key) % len(values))

    words = _words(made.seed)
    # What belongs to a template is drawn by its number, the rest by the row's own.
    templated = made.variety == "templated"
    template = _draw(made, sources, 50) % _TEMPLATES if templated else sources
    volts = _draw(made, sources, 60) % 480 + 1
    changed = volts + 3
    columns = {
        "noun": pick(_NOUNS, 1, template),
        "material": pick(_MATERIALS, 2, template),
        "colour": pick(_COLOURS, 3, template),
        "use": pick(_USES, 4, template),
        "code": pl.Series(sources + 100_000).cast(pl.String),
        "volts": pl.Series(np.where(kinds == _KNOWN.index("sibling"), changed, volts)).cast(pl.String),
        "told": pl.Series(
            np.where((kinds == _KNOWN.index("sibling")) | (kinds == _KNOWN.index("conflict")), changed, volts)
        ).cast(pl.String),
        "watts": pl.Series(_draw(made, template, 61) % 2000 + 5).cast(pl.String),
        "w0": pick(words[:_OWN] if templated else words, 10),
        **{f"w{k}": pick(words, 10 + k, template) for k in range(1, _TAIL)},
    }
    told = [f"w{k}" for k in range(4)]
    first = pl.format("{} {} for {}: {} V, {} W, {} and {}, {} {}.", "material", "noun", "use", "told", "watts", *told)
    other = pl.format("Our {} choice in {} is this {}, {} V strong.", "colour", "use", "noun", "volts")
    alternative = pl.Series(kinds == _KNOWN.index("alternative"))
    return pl.DataFrame(columns).select(
        input=pl.format(
            f"{{}} of {{}}, series T{{}}, {{}}, {{}} V, {{}} W, {' '.join(['{}'] * _TAIL)}, made for {{}}",
            "noun", "material", "code", "colour", "volts", "watts", *(f"w{k}" for k in range(_TAIL)), "use",
        ),
        output=pl.when(alternative).then(other).otherwise(first),
    )  # fmt: skip


def _edited(text: str, kind: str, place: int) -> str:
    """The text as a careless copy has it; `place` chooses where."""
    words = text.split(" ")
    tail = len(words) - _TAIL - 3 + place % _TAIL  # one of the description's words
    if kind == "spacing":
        words[0] = f" {words[0].capitalize()}"
        return " ".join([*words[:tail], "", *words[tail:]])
    if kind == "swap":
        words[tail - 1], words[tail] = words[tail], words[tail - 1]
    elif kind != "sibling":
        word, at = words[tail], place // _TAIL % 3
        words[tail] = word[:at] + word[at + 1] + word[at] + word[at + 2 :] if kind != "alternative" else word[:-1]
    return " ".join(words)


def _words(seed: int) -> list[str]:
    """4,096 made-up words of two to four syllables."""
    chance = np.random.default_rng(seed)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "el", "in", "or", "us")]
    found: dict[str, None] = {}
    while len(found) < 4096:
        found.setdefault("".join(chance.choice(syllables, chance.integers(2, 5))))
    return list(found)


def _draw(made: Generated, numbers: np.ndarray, key: int) -> np.ndarray:
    """64 even bits for each number and key (splitmix64), without a state that would tie one row to the row before."""
    variety = VARIETIES.index(made.variety)
    start = (made.seed * 0x9E3779B97F4A7C15 + (key * 2 + variety) * 0xD1B54A32D192ED03) % 2**64
    mixed = numbers * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--variety", choices=VARIETIES, default="products")
    parser.add_argument("--format", choices=FORMATS, default="jsonl")
    parser.add_argument("--rows-per-file", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    made = Generated(options.rows, options.variety, options.seed)
    paths = write_generated(options.folder, made, format=options.format, rows_per_file=options.rows_per_file)
    print(f"{options.folder}: {len(paths)} files, {sum(path.stat().st_size for path in paths):,} bytes")


if __name__ == "__main__":
    main()
