"""The pairs of examples/records, made from examples/components: a catalogue line that people wrote, and its facts as JSON.

    python benchmarks/records.py

The record's ratings are the data's own field, its kind is the library's category; function, features and package are
texts of the line. A line gets no record if it states no rating, or says nowhere what the part is in the words of `NOUN`;
nor does one whose record breaks a rule of the style. Writes examples/records/pairs.jsonl.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from tuneworth.curate import DataSettings, read_frame
from tuneworth.style import check_outputs, read_style

EXAMPLES = Path(__file__).parent.parent / "examples"
KINDS = {
    "Amplifier_Operational": "operational amplifier",
    "Converter_DCDC": "DC/DC converter",
    "Diode": "diode",
    "Reference_Voltage": "voltage reference",
    "Regulator_Linear": "linear regulator",
    "Regulator_Switching": "switching regulator",
    "Transistor_BJT": "bipolar transistor",
    "Transistor_FET": "field-effect transistor",
}
# A text that has one of these says what the part is.
NOUN = re.compile(
    r"(?i)(?<![a-z])(?:mosfets?|jfets?|fets?|hemt|transistors?|regulators?|ldos?|amplifiers?|op-?\s?amps?|converters?"
    r"|references?|diodes?|switchers?|controllers?|modules?|rectifiers?)(?![a-z])"
)
PACKAGE = re.compile(
    r"(?i)^(?:texas |supersot|(?:pg|power|thin|[a-z]{1,3}|[0-9])-?)*(?:sot|soic|sop|son|so|dfn|qfn|dip|sip|smd|to|sc|bga|csp"
    r"|pak|melf|sod|do|sm[abcf]|directfet|mlp|mlf|sil|hsof|micro)[-\s]?[\w./()\- ]*$"
)
_ENDS = re.compile(r"\0+|;|\(|\)|\bwith\b|\bin\b|\bfor\b")  # where a phrase that stands between ratings ends


def items_of(line: str) -> list[str]:
    """The parts of a line between its commas."""
    return [item for item in (part.strip(" .;") for part in re.split(r",\s+", line)) if item]


def places(line: str, ratings: list[str]) -> list[tuple[int, int, str]]:
    """Where the line states each rating, in its order; the longest is searched first, as it may hold another one."""
    found: list[tuple[int, int, str]] = []
    for rating in sorted(ratings, key=len, reverse=True):
        text = r"\s*".join(map(re.escape, re.sub(r"\s", "", rating)))
        for match in re.finditer(rf"(?<![\w.]){text}(?![\wΩ%])", line):
            if all(match.end() <= start or match.start() >= end for start, end, _ in found):
                found.append((*match.span(), rating))
                break
    return sorted(found)


def function_of(item: str, ratings: list[str]) -> str | None:
    """The words of an item that say what the part is: all of them, or the phrase between the ratings."""
    spans = places(item, ratings)
    if not spans:
        return item if NOUN.search(item) else None
    for start, end, _ in reversed(spans):
        item = f"{item[:start]}\0{item[end:]}"
    phrases = [phrase.strip(" -:./") for phrase in _ENDS.split(item)]
    return next((phrase for phrase in phrases if NOUN.search(phrase)), None)


def record(pair: dict[str, Any]) -> tuple[list[str], dict[str, Any]] | str:
    """The items of the pair's line and its record, or why it has none."""
    fields, items = pair["input"], items_of(pair["output"])
    line, ratings = ", ".join(items), fields["ratings"]
    stated = places(line, ratings)
    if not ratings or len(stated) < len(ratings):
        return "states no rating"
    package = items[-1] if PACKAGE.match(items[-1]) and not NOUN.search(items[-1]) else None
    rest = items if package is None else items[:-1]
    functions = {number: said for number, item in enumerate(rest) if (said := function_of(item, ratings))}
    if not functions:
        return "does not say what the part is"
    chosen = next(iter(functions))
    features = [item for n, item in enumerate(rest) if n != chosen and not re.search(r"\d", item)]
    return items, {
        "kind": KINDS[fields["category"]],
        "function": functions[chosen],
        "ratings": [rating for *_, rating in stated],
        "features": features,
        "package": package,
    }


def all_records(file: Path) -> tuple[list[dict[str, Any]], Counter[str]]:
    """A pair for each different line that has a record, and how many lines have none for which reason."""
    rows: dict[str, dict[str, Any]] = {}
    left_out: Counter[str] = Counter()
    for text in file.read_text(encoding="utf-8").splitlines():
        pair = json.loads(text)
        made = record(pair)
        line = made if isinstance(made, str) else ", ".join(made[0])
        if isinstance(made, str) or line in rows:
            left_out[made if isinstance(made, str) else "the same line again"] += 1
            continue
        items, facts = made
        output = json.dumps(facts, ensure_ascii=False)
        rows[line] = {"id": pair["id"], "family": pair["family"], "input": {"line": items}, "output": output}
    return list(rows.values()), left_out


def keeping_rules(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The pairs whose records keep all rules of the style, and how many records break each rule."""
    table = read_frame(pl.DataFrame(rows), DataSettings(path="", id="id", group="family")).pairs
    results = check_outputs(table, read_style(EXAMPLES / "records" / "style.yaml"))
    good = results.shares()["acceptable"].to_list()
    broken = {f"breaks {name}": int((results.status[name] == "fail").sum()) for name in results.status.columns}
    return [row for row, right in zip(rows, good, strict=True) if right], Counter(broken)


def main() -> None:
    """Write the pairs and say what was left out."""
    rows, left_out = all_records(EXAMPLES / "components" / "pairs.jsonl")
    pairs, broken = keeping_rules(rows)
    lines = (json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
    (EXAMPLES / "records" / "pairs.jsonl").write_text("".join(lines), encoding="utf-8")
    print(f"{len(pairs)} pairs")
    for reason, count in (left_out + broken).most_common():
        print(f"{count:>5} {reason}")


if __name__ == "__main__":
    main()
