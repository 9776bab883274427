"""What an adapter was made of, as it lies beside its weights in `tuneworth.json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..style.files import read_object, write_whole
from .card import model_card
from .settings import TrainSettings

if TYPE_CHECKING:
    from .fitting import TrainResult
    from .model import LoadedModel

__all__ = ["RECORD", "SCHEMA", "CardFacts", "adapter_record", "base_record", "read_record", "run_facts", "write_record"]

RECORD = "tuneworth.json"
SCHEMA = "tuneworth/adapter/1"
PACKAGES = ("tuneworth", "torch", "transformers", "peft")


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What is known of an adapter beyond its fit; None where it is not.

    `rows_read` and `rows_kept` are those of the curation, `style` the name of the style schema, `licence` that of the
    adapter, which only whoever publishes it can state. `max_new_tokens` is what an answer may take.
    """

    project: str | None = None
    style: str | None = None
    rows_read: int | None = None
    rows_kept: int | None = None
    test_pairs: int | None = None
    licence: str | None = None
    max_new_tokens: int | None = None


def run_facts(run: Path, *, max_new_tokens: int | None = None) -> CardFacts:
    """The facts that a run folder holds, from `run.json` and `curate/summary.json`, as far as they are there."""
    data = read_object(run / "curate" / "summary.json")
    return CardFacts(
        project=read_object(run / "run.json").get("project") or None,
        style=(data.get("style") or {}).get("name") or None,
        rows_read=data.get("rows_read"),
        rows_kept=(data.get("outcomes") or {}).get("kept"),
        test_pairs=(data.get("splits") or {}).get("test"),
        max_new_tokens=max_new_tokens,
    )


def adapter_record(
    model: "LoadedModel", settings: TrainSettings, result: "TrainResult", facts: CardFacts
) -> dict[str, Any]:
    """The content of `tuneworth.json`: no times and no paths, so that the same fit gives the same file."""
    told = {name: value for name, value in asdict(settings).items() if name != "model"}
    training = (
        "steps", "best_step", "stopped_early", "train_loss", "validation_loss", "trainable_parameters", "longest_tokens"
    )  # fmt: skip
    return {
        "schema": SCHEMA,
        "base": base_record(model),
        "licence": facts.licence,
        "project": facts.project,
        "style": facts.style,
        "data": {
            "rows_read": facts.rows_read,
            "rows_kept": facts.rows_kept,
            "train": result.train_pairs,
            "validation": result.validation_pairs,
            "test": facts.test_pairs,
        },
        "settings": told,
        "training": {name: getattr(result, name) for name in training},
        "versions": _versions(),
    }


def base_record(model: "LoadedModel") -> dict[str, Any]:
    """The base model: its name (of a local folder the folder's own, never a path), weights, licence, number format."""
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
    """The record of an adapter or a merged model; None where another tool made it."""
    table = read_object(folder / RECORD)
    schema = table.get("schema")
    return table if isinstance(schema, str) and schema.startswith("tuneworth/") else None


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `tuneworth.json`, and the model card that says the same to people."""
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
