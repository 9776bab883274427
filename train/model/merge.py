"""Merges an adapter into its base model's weights, and checks that the result behaves like the adapter."""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ConfigError, ModelError, RunBroken, free_bytes, say, sha256_file
from .adapter import attached_adapter, generation_settings, merged_adapter, new_folder
from .agreement import Agreement, check_effect, coarser, compare, row_logits, rows_to_compare
from .load import LoadedModel, load_model
from .provenance import SCHEMA, base_record, read_record, write_record

__all__ = ["MergeResult", "adapter_logits", "check_disk", "check_place", "merge"]


FORMATS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
BESIDE = 64 * 2**20  # bytes on disk besides the weights, mainly the tokenizer: 35 MB for 260,000 tokens
UNKNOWN = 1024  # tokens of an answer, if nothing says how long answers are
SHARD = "5GB"  # readable by the hub's tools without trouble


@dataclass(frozen=True)
class MergeResult:
    """A merged model's folder, the number format of its weights, their bytes, and how it agrees with the adapter."""

    folder: Path
    dtype: str
    bytes: int
    seconds: float
    agreement: Agreement

    def summary(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def merge(model: LoadedModel, adapter: Path, out: Path, *, pairs: pl.DataFrame | None = None) -> MergeResult:
    """Write the model with the adapter merged into `out`, as safetensors that load without peft.

    Sums are computed in fp32 and rounded once to the number format of the base model's files. The written folder is
    read back and compared with adapter and base on 8 rows of `pairs` (columns input, output, system; built-in texts if
    there are none). `out` is written atomically. Raises ModelError for an adapter that does not fit, RunBroken
    if the disk is too small or the written model does not match the adapter.
    """
    started = time.perf_counter()
    if model.quantised:
        raise ModelError(
            f'"{model.name}" is loaded in 4 bits, and an adapter cannot be merged into 4-bit weights.\nLoad it unquantised.'
        )
    check_place(out)
    kind = _stored_format(model)
    check_disk(out, needed=_bytes(model, kind) + BESIDE)
    rows, base, tuned = adapter_logits(model, adapter, pairs)
    with new_folder(out, then="merge again") as part:
        with merged_adapter(model, adapter) as merged:
            _write_weights(part, merged, kind)
        model.tokenizer.save_pretrained(part)
        _settings(model, adapter).save_pretrained(part)
        # Files in float32 of a model that computes in bf16: the difference comes from computing, not from the files.
        agreement = compare(
            _reread_logits(part, model, rows), tuned, base, rows=len(rows), kind=coarser(kind, model.dtype)
        )
        write_record(part, _record(model, adapter, kind, agreement))
        size = sum(file.stat().st_size for file in part.glob("*.safetensors"))
    return MergeResult(out, kind, size, round(time.perf_counter() - started, 3), agreement)


def adapter_logits(model: LoadedModel, adapter: Path, pairs: pl.DataFrame | None) -> tuple[list[list[int]], Any, Any]:
    """The rows to compare on, and the logits of the base model and of the model with the adapter on them.

    Raises ModelError if the adapter does not fit or changes nothing.
    """
    rows = rows_to_compare(model, pairs)
    with attached_adapter(model, adapter) as adapted:
        tuned = row_logits(adapted, rows)
    base = row_logits(model.model, rows)
    check_effect(tuned, base)
    return rows, base, tuned


def _reread_logits(folder: Path, model: LoadedModel, rows: list[list[int]]) -> Any:
    try:
        return row_logits(load_model(str(folder), dtype=model.dtype).model, rows)
    except ModelError as error:
        raise RunBroken(
            f"The merged model cannot be loaded and was deleted: {error}\nUse the adapter unmerged."
        ) from error


def _stored_format(model: LoadedModel) -> str:
    """The number format of most tensors in the model's files; the one in memory if they have no suitable one."""
    from safetensors import safe_open

    found: Counter[str] = Counter()
    for file in model.path.glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            found.update(tensors.get_slice(name).get_dtype() for name in tensors.keys())  # noqa: SIM118 - not a dict
    usual = found.most_common(1)
    return FORMATS.get(usual[0][0], model.dtype) if usual else model.dtype


def check_place(folder: Path) -> None:
    """Check that a folder may be replaced: it is empty, or holds an earlier merged model.

    Raises ConfigError if it holds anything else, which would be lost.
    """
    if (
        folder.exists()
        and not (folder.is_dir() and not any(folder.iterdir()))
        and "merged" not in (read_record(folder) or {})
    ):
        raise ConfigError(
            f"{folder} already exists and does not hold a merged model made by Tuneworth.\nChoose a new or empty folder."
        )


def check_disk(place: Path, *, needed: int) -> None:
    """Check that the disk has room for a file or folder to be written.

    Raises RunBroken with both numbers if it has not.
    """
    free = free_bytes(place)
    if free < needed:
        raise RunBroken(
            f"{place} cannot be written: it needs {say.size(needed)}, but only {say.size(free)} is free there.\n"
            "Free some space or choose another folder."
        )


def _bytes(model: LoadedModel, kind: str) -> int:
    import torch

    return sum(p.numel() for p in model.model.parameters()) * getattr(torch, kind).itemsize


def _write_weights(folder: Path, merged: Any, kind: str) -> None:
    """Weights and configuration in the format of the base model's files; an untied output head is kept separate."""
    import torch
    from transformers.utils import logging

    config, dtype, made = merged.config, getattr(torch, kind), {}
    for tensor in (tensors := merged.state_dict()).values():
        if tensor.data_ptr() not in made:  # shared tensors are kept shared, or they would be written twice
            made[tensor.data_ptr()] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    weights = {name: made[tensor.data_ptr()] for name, tensor in tensors.items()}
    tied, head, bars = config.tie_word_embeddings, merged.get_output_embeddings(), logging.is_progress_bar_enabled()
    if tied and head is not None and head.weight is not merged.get_input_embeddings().weight:
        config.tie_word_embeddings = False
    logging.disable_progress_bar()
    try:
        merged.save_pretrained(folder, state_dict=weights, max_shard_size=SHARD)
    finally:
        config.tie_word_embeddings = tied
        if bars:
            logging.enable_progress_bar()
    written = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(
        json.dumps({**written, "dtype": kind}, indent=2) + "\n", encoding="utf-8", newline="\n"
    )


def _settings(model: LoadedModel, adapter: Path) -> Any:
    """The generation settings of the adapter; for another tool's, our own with a limit by the context."""
    from transformers import GenerationConfig

    if read_record(adapter) is not None and (adapter / "generation_config.json").is_file():
        return GenerationConfig.from_pretrained(adapter)
    return generation_settings(model, max_new_tokens=min(UNKNOWN, model.context // 2))


def _record(model: LoadedModel, adapter: Path, kind: str, agreement: Agreement) -> dict[str, Any]:
    before = read_record(adapter) or {"schema": SCHEMA, "base": base_record(model)}
    merged = f"in {kind}; {agreement.sentence()}"
    digest = sha256_file(adapter / "adapter_model.safetensors")
    return {**before, "merged": merged, "adapter_sha256": digest, "dtype": kind, "agreement": asdict(agreement)}
