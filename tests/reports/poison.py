"""A finished run with one hostile text in every place that holds anything of a user's or a model's."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# What is chosen from a fixed list by the program itself, never taken from data.
FIXED = {
    "schema",
    "decision",
    "status",
    "kind",
    "level",
    "about",
    "source",
    "failures",
    "finish_reason",
    "split",
    "choice",
    "outputs_tied",
    "way",
    "what",
    "fix",
    "repair",
    "rests_on",
}
FILES = (
    "results.json",
    "run.json",
    "curate/summary.json",
    "curate/test.jsonl",
    "curate/train.jsonl",
    "evaluate/pairs.jsonl",
)


def poison(run: Path, payload: str) -> None:
    """Add the payload to every text in the run's files: names of variants and checks too, wherever they stand."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    names = {*results["quality"], *results["style"]["checks"], *results.get("variants", {})}
    for path in (run / name for name in (*FILES, "evaluate/outputs.jsonl") if (run / name).exists()):
        lines = path.read_text(encoding="utf-8").splitlines() if path.suffix == ".jsonl" else [path.read_text("utf-8")]
        # ASCII alone in the file: a lone surrogate has no other way into it.
        path.write_text("".join(json.dumps(_with(json.loads(line), payload, names)) + "\n" for line in lines), "ascii")


def _with(value: Any, payload: str, names: Iterable[str]) -> Any:
    if isinstance(value, str):
        return value + payload
    if isinstance(value, list):
        return [_with(item, payload, names) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key + payload
        if (key in names and not isinstance(item, bool)) or _is_data(value, key)
        else key: item
        if key in FIXED
        else _with(item, payload, names)
        for key, item in value.items()
    }  # fmt: skip


def _is_data(value: dict[str, Any], key: str) -> bool:
    """Whether the key is a name from data: the fields of a request, whose names begin with a small or large letter."""
    return "part" in value and "category" in value and key != "id"
