"""Merges an adapter into its base model's weights, and checks that the result behaves like the adapter."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ConfigError, ModelError, RunBroken, free_bytes, say, sha256_file
from .adapter import attached_adapter, generation_settings, merged_adapter, new_folder
from .chat import chat_messages, render_text
from .load import LoadedModel, load_model
from .provenance import SCHEMA, base_record, read_record, write_record

# --- agreement of a written model with the adapter -----------------------------------------------------------------

ROWS = 8
TOKENS = 64  # at each row's end: enough positions, and logits over a large vocabulary take less than a gigabyte
# The allowed mean difference of the logits (root mean square, as a share of their spread) by format of the weights.
# Measured on a tuned SmolLM2-135M: 2e-6 in fp32; computed in bf16 0.024 from bf16 files, 0.032 from Q8_0.
ROUNDING = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.1, "Q8_0": 0.15}
# The most drift as a share of the effect: it is 1 if nothing of the adapter is left. Measured in bf16 with the
# adapter of the shipped example, scaled down: 0.37 where its effect was 10% of the spread, 0.77 at 3.5%, 1.0 at 2.6%,
# which is what bf16's rounding causes alone.
LOST = 0.8
TEXTS = (
    "What is the capital of France?",
    "part: resistor\nvalue: 4.7 kohm\npackage: 0603",
    "Schreibe einen Satz über den Herbst.",
    "def add(a, b):\n    return a + b",
    "Rewrite: the cat sat on the mat, and it was warm there.",
    "1, 2, 4, 8, 16,",
    "Name three fruits.",
    "name: Blue mug\ncolour: blue\nvolume: 300 ml",
)


@dataclass(frozen=True)
class Agreement:
    """How far a written model's logits are from the expected ones and from the base model's.

    `drift` and `effect` are root mean square differences to the adapter's logits and between adapter and base,
    `largest` is the largest difference to the adapter's; all as shares of the spread (standard deviation) of the
    adapter's logits. `same_token_share` is the share of positions with the same most likely token.
    """

    rows: int
    positions: int
    drift: float
    largest: float
    effect: float
    from_base: float
    same_token_share: float

    def sentence(self) -> str:
        """The numbers as a sentence."""
        apart, largest = say.percent(self.drift), say.percent(self.largest)
        return (
            f"on {self.rows} rows its logits differ from the adapter's by {apart} of their spread on average and by {largest} "
            f"at most, and from the base model's by {say.percent(self.from_base)} on average; the most likely token is the "
            f"same at {say.percent(self.same_token_share)} of {self.positions:,} positions"
        )


def rows_to_compare(model: LoadedModel, pairs: pl.DataFrame | None = None) -> list[list[int]]:
    """Token ids of at most 8 rows, the last 64 of each: of the pairs with their answers, or of built-in texts."""
    table = pairs.head(ROWS) if pairs is not None and len(pairs) else None
    chats = (
        [(chat_messages(text), None) for text in TEXTS]
        if table is None
        else [
            (chat_messages(row["input"], system=row.get("system")), row.get("output"))
            for row in table.iter_rows(named=True)
        ]
    )
    texts = [render_text(model.tokenizer, chat, answer=answer or None) for chat, answer in chats]
    return [ids[-TOKENS:] for ids in model.tokenizer(texts, add_special_tokens=False)["input_ids"]]


def row_logits(model: Any, rows: Sequence[Sequence[int]]) -> Any:
    """Logits at every position of the rows in fp32, `(positions, vocabulary)`; row by row, so nothing is padded."""
    import torch

    with torch.no_grad():
        found = [model(input_ids=torch.tensor([ids], device=model.device), use_cache=False).logits[0] for ids in rows]
    return torch.cat([logits.float().cpu() for logits in found])


def check_effect(adapter: Any, base: Any) -> None:
    """Check that an adapter changes the logits (both from `row_logits`) to finite numbers.

    Raises ModelError if it does not.
    """
    if not bool(adapter.isfinite().all()):
        raise ModelError(
            "The adapter is broken: with it, the model's outputs are not finite numbers.\nTrain again with a lower learning rate."
        )
    if bool((adapter == base).all()):
        raise ModelError(
            "The adapter changes nothing: with it, the model's outputs equal the base model's.\nTrain longer."
        )


def coarser(one: str, other: str) -> str:
    """The coarser of two number formats: that of a model's files and the one it computes in."""
    return max(one, other, key=ROUNDING.__getitem__)


def compare(written: Any, adapter: Any, base: Any, *, rows: int, kind: str) -> Agreement:
    """The agreement of three tensors from `row_logits`; `kind` is the format of the written weights, or a
    coarser one used in computing.

    Raises RunBroken if the written model does not match the adapter: too different, not finite, or equal to the base.
    """
    spread = float(adapter.std())
    share = lambda difference: float(difference.pow(2).mean().sqrt()) / spread  # noqa: E731
    found = Agreement(
        rows=rows,
        positions=len(adapter),
        drift=share(written - adapter),
        largest=float((written - adapter).abs().max()) / spread,
        effect=share(adapter - base),
        from_base=share(written - base),
        same_token_share=float((written.argmax(-1) == adapter.argmax(-1)).float().mean()),
    )
    if found.drift <= min(ROUNDING[kind], LOST * found.effect):  # never so for NaN
        return found
    raise RunBroken(_why(found, kind))


def _why(found: Agreement, kind: str) -> str:
    if found.drift <= ROUNDING[kind]:
        return (
            f"The adapter changes the logits by {say.percent(found.effect)} of their spread, and rounding to {kind} changes "
            f"them by {say.percent(found.drift)}, so too little of the adapter would survive.\nTrain longer, or use the adapter "
            "unmerged."
        )
    return (
        f"The merged model does not match the adapter: {found.sentence()}, and at most {say.percent(ROUNDING[kind])} on "
        f"average was expected in {kind}. The merged model was deleted.\nUse the adapter unmerged."
    )


# --- merging -------------------------------------------------------------------------------------------------------

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
