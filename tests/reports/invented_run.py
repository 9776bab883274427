"""A development run for the report's tests: invented scores over real pairs of the shipped example.

Test data only: its outputs are the references themselves or altered copies, no model made them.
"""

import json
import random
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tuneworth.core import as_json, completed
from tuneworth.evaluate.results import Results
from tuneworth.examples import example_path

from ..shared import results_of
from .invented_results import results


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _pairs(n: int, *, start: int = 0) -> list[dict[str, Any]]:
    source = (example_path("components") / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = []
    for number, line in enumerate(source[start :: len(source) // n][:n], start=1):
        pair = json.loads(line)
        fields = pair["input"]
        text = "\n".join(f"{name}: {value}" for name, value in fields.items() if value is not None)
        pairs.append(
            {
                "id": pair["id"],
                "input": text,
                "fields": fields,
                "output": pair["output"],
                "system": None,
                "group": pair["family"],
                "row": number,
                "split": "test",
                "reference_ok": number % 3 != 0,
                "meta": None,
            }
        )
    return pairs


def _prompted(pair: dict[str, Any], chance: random.Random) -> tuple[str, list[dict[str, Any]]]:
    if chance.random() < 0.22:
        return pair["output"], []
    part = pair["fields"]["part"]
    text = f"The {part} is a {pair['fields']['keywords'].lower()} component. It runs from 2.7 V to 36 V."
    end = len(text)
    return text, [
        {"check": "no-part-name", "found": part, "start": 4, "end": 4 + len(part), "expected": "the part is not named"},
        {
            "check": "grounded",
            "found": "2.7 V",
            "start": end - 14,
            "end": end - 9,
            "expected": "a number of the request",
        },
        {"check": "grounded", "found": "36 V", "start": end - 5, "end": end - 1, "expected": "a number of the request"},
        {"check": "no-full-stop", "found": ".", "start": end - 1, "end": end, "expected": "no full stop at the end"},
        {"check": "package-last", "found": None, "start": None, "end": None, "expected": pair["fields"]["package"]},
    ]


def _tuned(pair: dict[str, Any], chance: random.Random) -> tuple[str, list[dict[str, Any]]]:
    draw = chance.random()
    if draw < 0.81:
        return pair["output"], []
    text = f"3A {pair['output']}"
    found = [{"check": "grounded", "found": "3A", "start": 0, "end": 2, "expected": "a number of the request"}]
    return (
        ("", [{"check": "one-line", "found": None, "start": None, "end": None, "expected": "a line"}])
        if draw > 0.98
        else (text, found)
    )


def outputs(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Scored lines of both variants."""
    chance, rows = random.Random(7), []
    for variant, write in (("prompted", _prompted), ("tuned", _tuned)):
        for pair in pairs:
            text, violations = write(pair, chance)
            ids = {found["check"] for found in violations}
            form, facts = not (ids - {"grounded", "one-spelling"}), "grounded" not in ids
            rows.append(
                {
                    "id": pair["id"],
                    "variant": variant,
                    "sample": 0,
                    "output": text,
                    "input_tokens": 104,
                    "cached_tokens": 0,
                    "output_tokens": len(text) // 3,
                    "seconds": 0.4,
                    "finish_reason": "stop",
                    "acceptable": form and facts,
                    "consistent": form,
                    "faithful": facts,
                    "violations": violations,
                }
            )
    return rows


def write_run(folder: Path, *, n: int = 60, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """A run folder with everything; `change` alters the results before they are written."""
    texts = _texts(n)
    found = json.loads(texts["results.json"])
    if change:
        change(found)
        found = as_json(results_of(completed(found, Results)))
        texts = {
            **texts,
            "evaluate/outputs.jsonl": _outputs_of(found.get("quality") or (), texts["evaluate/outputs.jsonl"]),
        }
    for name, text in {**texts, "results.json": json.dumps(found, ensure_ascii=False)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _outputs_of(variants: Iterable[str], lines: str) -> str:
    """The lines, and those of "tuned" once more for each variant that a change has added or renamed."""
    rows = [json.loads(line) for line in lines.splitlines()]
    added = set(variants) - {row["variant"] for row in rows}
    tuned = [row for row in rows if row["variant"] == "tuned"]
    return lines + _lines([{**row, "variant": name} for name in sorted(added) for row in tuned])


@cache
def _texts(n: int) -> dict[str, str]:
    """Each file of the run before a change."""
    pairs = _pairs(n)
    lines = outputs(pairs)
    train = [{**pair, "id": f"train-{n}", "split": "train"} for n, pair in enumerate(_pairs(20, start=1))]
    return {
        "curate/test.jsonl": _lines(pairs),
        "curate/train.jsonl": _lines(train),
        "evaluate/outputs.jsonl": _lines(lines),
        "results.json": json.dumps(results(pairs, lines)),
    }
