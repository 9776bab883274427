"""Variants as a run keeps them, so that its outputs can be scored again by other rules without generating anything."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError, write_whole
from ..rivals.nearest import NearestExamples
from ..settings import EvaluateSettings, VariantSettings
from ..variants import Variant
from .raw import Raw
from .table import OUTPUT_SCHEMA

__all__ = ["read_lines", "read_raws", "write_raws"]

FILE = "variants.json"
AGAIN = "Run `tuneworth evaluate` again to write it."
_OWN = ("name", "source", "guide", "guide_origin", "model", "endpoint", "tuned", "way")
_MEASURED = ("fixed_tokens", "guide_tokens", "few_shot_tokens")
Counter = Callable[[Sequence[str]], Sequence[int]]


def write_raws(raws: Sequence[Raw], folder: Path) -> None:
    """Write `variants.json`: all facts about each variant but its outputs, which outputs.jsonl has."""
    text = json.dumps([_plain(raw) for raw in raws], ensure_ascii=False, indent=2, default=float)
    write_whole(folder / FILE, text.encode("utf-8", errors="replace"))


def _plain(raw: Raw) -> dict[str, Any]:
    variant = raw.variant
    return {
        **{key: getattr(variant, key) for key in _OWN},
        "of": list(variant.of),
        "system_role": variant.system_role,
        "examples": [list(pair) for pair in variant.examples],
        "nearest": None if variant.nearest is None else variant.nearest.count,
        "file": None if variant.file is None else variant.file.name,
        "repair": variant.settings.repair,
        **{key: getattr(raw, key) for key in _MEASURED},
        "loaded_model": raw.model,
        "settings": None if raw.settings is None else dict(raw.settings),
        "refused": list(raw.refused),
        "doubt": raw.doubt,
        "counts_tokens": raw.count_tokens is not None,
        "calls": None if raw.calls is None else raw.calls.to_list(),
    }


def read_raws(
    folder: Path, *, settings: EvaluateSettings | None = None, counter: Callable[[str], Counter | None] | None = None
) -> list[Raw]:
    """The variants of an `evaluate` folder with their outputs as they came, before any repair.

    What can be decided after generating follows the `settings`: repair, fallback, template, and whether a variant counts
    as tuned. `counter` gives the token counter of a model.

    Raises: DataError if a file is missing or damaged.
    """
    stored, lines = _json(folder / FILE), read_lines(folder / "outputs.jsonl")
    return [_raw(entry, lines, settings, counter) for entry in stored]


def _raw(
    stored: Mapping[str, Any], lines: pl.DataFrame, settings: EvaluateSettings | None,
    counter: Callable[[str], Counter | None] | None,
) -> Raw:  # fmt: skip
    outputs = lines.filter(pl.col("variant") == stored["name"]).select(list(OUTPUT_SCHEMA))
    model = stored["loaded_model"]
    return Raw(
        _variant(stored, settings),
        outputs,
        model=model,
        settings=stored["settings"],
        refused=tuple(stored["refused"]),
        doubt=stored.get("doubt"),
        count_tokens=counter(model) if counter is not None and stored["counts_tokens"] and model else None,
        calls=None if stored["calls"] is None else pl.Series(stored["calls"]),
        **{key: stored[key] for key in _MEASURED},
    )


def _variant(stored: Mapping[str, Any], settings: EvaluateSettings | None) -> Variant:
    name, own = stored["name"], {key: stored[key] for key in _OWN}
    table = VariantSettings(repair=stored["repair"])
    if settings is not None and name in settings.variants:
        table = settings.of(name)
        own["tuned"] = settings.is_tuned(name)
    shown = stored["nearest"]
    return Variant(
        **own,
        of=tuple(stored["of"]),
        examples=tuple((text, answer) for text, answer in stored["examples"]),
        file=None if stored["file"] is None else Path(stored["file"]),
        settings=table,
        system_role=stored.get("system_role", True),
        nearest=None if shown is None else NearestExamples(pl.DataFrame(schema={"id": pl.String}), shown),
    )


def read_lines(file: Path) -> pl.DataFrame:
    """The outputs of a file that a run wrote (columns of OUTPUT_SCHEMA, and `raw`), each as it came.

    Raises: DataError if it cannot be read.
    """
    schema = {**OUTPUT_SCHEMA, "raw": pl.String}
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error})\n{AGAIN}") from None
    table = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema, strict=False)
    return table.with_columns(output=pl.coalesce("raw", "output"))


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{file} is missing, so nothing can be decided again\n{AGAIN}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read ({error})\n{AGAIN}") from None
