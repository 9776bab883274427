"""The provenance of an adapter, stored with its weights in `tuneworth.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import disk_refusals, read_stored, sha256_file, write_whole
from .card import SHARES, model_card
from .chat import end_of_turn

if TYPE_CHECKING:
    from .load import LoadedModel

__all__ = [
    "RECORD",
    "SCHEMA",
    "CardFacts",
    "adapter_record",
    "base_record",
    "read_record",
    "refresh_card",
    "run_facts",
    "write_record",
]


RECORD = "tuneworth.json"
SCHEMA = "tuneworth/adapter/1"
PACKAGES = ("tuneworth", "torch", "transformers", "peft")


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Facts about an adapter beyond its fit; None if unknown.

    `rows_read` and `rows_kept` are those of the curation, `style` the name of the style schema, `licence` that of the
    adapter, which only its publisher can state. `max_new_tokens` is the limit of an answer, `fields` the order of the
    fields in a request.
    """

    project: str | None = None
    style: str | None = None
    rows_read: int | None = None
    rows_kept: int | None = None
    test_pairs: int | None = None
    licence: str | None = None
    max_new_tokens: int | None = None
    fields: tuple[str, ...] = ()


def run_facts(run: Path, *, max_new_tokens: int | None = None, fields: tuple[str, ...] = ()) -> CardFacts:
    """The facts in a run folder, from `run.json` and `curate/summary.json`, as far as they exist."""
    data = read_stored(run / "curate" / "summary.json", "curate/summary.json")
    return CardFacts(
        project=read_stored(run / "run.json", "run.json").get("project") or None,
        style=(data.get("style") or {}).get("name") or None,
        rows_read=data.get("rows_read"),
        rows_kept=(data.get("outcomes") or {}).get("kept"),
        test_pairs=(data.get("splits") or {}).get("test"),
        max_new_tokens=max_new_tokens,
        fields=fields,
    )


def adapter_record(model: "LoadedModel", training: Mapping[str, Any], facts: CardFacts) -> dict[str, Any]:
    """The content of `tuneworth.json`: no times and no paths, so that the same fit gives the same file.

    `training` is the fit's `TrainResult.summary`.
    """
    kept = (
        "steps", "best_step", "stopped_early", "train_loss", "validation_loss", "trainable_parameters", "longest_tokens"
    )  # fmt: skip
    return {
        "schema": SCHEMA,
        "base": base_record(model),
        "licence": facts.licence,
        "project": facts.project,
        "style": facts.style,
        "request": {
            "fields": list(facts.fields),
            "stop": model.tokenizer.convert_ids_to_tokens(end_of_turn(model.tokenizer)),
        },
        "data": {
            "rows_read": facts.rows_read,
            "rows_kept": facts.rows_kept,
            "train": training["train_pairs"],
            "validation": training["validation_pairs"],
            "test": facts.test_pairs,
        },
        "settings": {name: value for name, value in training["settings"].items() if name != "model"},
        "training": {name: training[name] for name in kept},
        "versions": _versions(),
    }


def base_record(model: "LoadedModel") -> dict[str, Any]:
    """The base model: its name (for a local folder its last part, never a path), weights, licence, number format."""
    local = model.path == Path(model.name)
    return {
        "name": Path(model.name).resolve().name if local else model.base_name,
        "local": local,
        "embedded": not local and model.base_name != model.name,
        "sha256": model.sha256,
        "licence": model.licence,
        "dtype": model.dtype,
        "quantised": model.quantised,
        "template": model.template,
        "architecture": type(model.model).__name__,
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of an adapter or a merged model; None if another tool made it."""
    table = read_stored(folder / RECORD, "train/adapter/tuneworth.json")
    schema = table.get("schema")
    return table if isinstance(schema, str) and schema.startswith("tuneworth/") else None


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `tuneworth.json`, and the model card with the same content."""
    write_whole(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_whole(folder / "README.md", model_card(record))


def _versions() -> dict[str, str]:
    from importlib import metadata
    from platform import python_version

    found = {"python": python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


Table = Mapping[str, Any]


def refresh_card(run: Path) -> None:
    """Add the scores of a run's `results.json` to its adapter's folder and to the card, which is rewritten.

    The same for models merged from this very adapter. Does nothing if there is no adapter of ours, or if
    the results are of something else. Raises RunBroken if the disk fails.
    """
    adapter = run / "train" / "adapter"
    record, results = read_record(adapter), _results(run)
    scores = None if record is None or results is None else _scores_of(results, base=record["base"]["sha256"])
    if scores is None:
        return
    digest = sha256_file(adapter / "adapter_model.safetensors")
    with disk_refusals(run):
        for folder in (adapter, run / "train" / "merged", run / "train" / "gguf"):
            made = read_record(folder)
            if made is not None and made.get("adapter_sha256", digest) == digest:
                write_record(folder, {**made, "scores": scores})


def _results(run: Path) -> Table | None:
    try:
        table = json.loads((run / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table if isinstance(table, dict) else None


def _scores_of(results: Table, *, base: str) -> dict[str, Any] | None:
    """The card's summary of the results; None if no variant is an adapter on these base weights."""
    model = (results.get("provenance") or {}).get("model") or {}
    quality, sources = results.get("quality") or {}, results.get("variants") or {}
    own = next((name for name in quality if (sources.get(name) or {}).get("source") == "adapter"), None)
    if own is None or model.get("sha256", base) != base:
        return None
    variants = {name: {key: values.get(key) for key in ("n", *SHARES)} for name, values in quality.items()}
    return {"own": own, "sentence": (results.get("verdict") or {}).get("sentence"), "variants": variants}
