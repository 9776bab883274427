"""A rival that no ladder can try by itself: a program written for the task of examples/records.

    python benchmarks/records_parser.py

It sees only the line, as a model does: it finds numbers by their units and the kind by words of the function. Its patterns
of packages and functions are those of the script that made the records. Writes examples/records/outputs/parser.jsonl for
the pairs of test.jsonl.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from records import EXAMPLES, NOUN, PACKAGE, function_of

_NUMBER = r"[±+\-<>~]?\d+(?:\.\d+)?"
_UNIT = r"(?:[kMGmunpµμ]?(?:VDC|VAC|Vdc|V|A|W|Hz|Ohm|Ω|F|C|s)|°C|%|ppm/°C|dB)"
_RATING = re.compile(
    rf"(?<![\w.])({_NUMBER}(?:\s?{_UNIT})?(?:\s?(?:-|\.\.+|to|~|/)\s?{_NUMBER})?)\s?({_UNIT})(?![a-zA-Z])"
)
_KINDS = {  # the first that fits
    "field-effect transistor": r"(?i)mosfet|jfet|fet|hemt",
    "bipolar transistor": r"(?i)\b[np]np\b|transistor",
    "operational amplifier": r"(?i)op-?\s?amp|amplifier",
    "diode": r"(?i)diode|rectifier",
    "voltage reference": r"(?i)reference",
    "DC/DC converter": r"(?i)isolated|dc.dc.*(?:regulated|module)",
    "switching regulator": r"(?i)step|buck|boost|switch|converter",
    "linear regulator": "",
}


def parse(items: list[str]) -> dict[str, Any]:
    """The record of a line; empty if it does not say what the part is."""
    ratings = [f"{number} {unit}" for number, unit in _RATING.findall(", ".join(items))]
    package = items[-1] if PACKAGE.match(items[-1]) and not NOUN.search(items[-1]) else None
    rest = items if package is None else items[:-1]
    said = [function_of(item, [rating.replace(" ", "") for rating in ratings]) for item in rest]
    chosen = next((n for n, function in enumerate(said) if function), None)
    if chosen is None:
        return {}
    function = said[chosen] or ""
    return {
        "kind": next(kind for kind, words in _KINDS.items() if re.search(words, function)),
        "function": function,
        "ratings": ratings,
        "features": [item for n, item in enumerate(rest) if n != chosen and not re.search(r"\d", item)],
        "package": package,
    }


def main() -> None:
    """Write the parser's outputs for the test requests."""
    folder = EXAMPLES / "records"
    pairs = [json.loads(line) for line in (folder / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [
        {"id": pair["id"], "output": json.dumps(parse(pair["input"]["line"]), ensure_ascii=False)} for pair in pairs
    ]
    counts = {"input_tokens": 0, "output_tokens": 0, "seconds": 0.0, "finish_reason": "stop"}
    lines = (json.dumps({**row, **counts}, ensure_ascii=False) + "\n" for row in rows)
    (folder / "outputs" / "parser.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
