"""Writes a merged model as one GGUF file for llama.cpp, if the base model came from such a file.

Metadata and tokenizer are copied from the base model's own file, without guessing. For other models
llama.cpp has its own script, see `conversion_command`.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ModelError, quote
from .adapter import new_folder
from .chat import end_of_turn
from .folder import EMBEDDED_NAME, wheel_file
from .load import LoadedModel
from .merge import Agreement, adapter_logits, check_disk, check_place, compare, row_logits
from .provenance import SCHEMA, base_record, read_record, write_record

FILE = "tuned-q8_0.gguf"
KIND = "Q8_0"  # 8.5 bits per weight: half of bf16, and it changes the logits less than computing in bf16 does
BLOCK = 32  # numbers that share one scale in Q8_0: rows that are not a multiple of it are written in fp16
FAMILY = "llama"  # of GGUF, whose layout of q and k is known here
# Keys that describe how the base model's file was written, or that apply to the base model only.
OF_THE_FILE = ("general.architecture", "general.file_type", "general.quantization_version")
OF_THE_BASE = ("general.name", "general.license", "general.finetune", "general.version", "general.description")


@dataclass(frozen=True)
class GgufResult:
    """A written GGUF file, its bytes, and how its logits agree with the adapter's."""

    file: Path
    bytes: int
    seconds: float
    agreement: Agreement

    def summary(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {**asdict(self), "file": str(self.file)}


def gguf_source(model: LoadedModel) -> Path | None:
    """The GGUF that the model was made from; None if it was not made from one."""
    return wheel_file() if model.name == EMBEDDED_NAME else None


def conversion_command(merged: Path, out: Path) -> str:
    """The command with which llama.cpp's own script converts a merged folder of any family that it knows."""
    return f"python convert_hf_to_gguf.py {quote(str(merged))} --outtype q8_0 --outfile {quote(str(out))}"


def write_gguf(
    model: LoadedModel, adapter: Path, merged: Path, out: Path, *, source: Path, pairs: pl.DataFrame | None = None
) -> GgufResult:
    """Write a merged folder as a GGUF in Q8_0 into the folder `out`, with a model card.

    Metadata and tokenizer are those of `source`, the base model's own GGUF. The file is read again with transformers
    and compared with adapter and base, as `merge` does. `out` is written atomically. Raises ModelError if
    `source` is of another model, RunBroken if the disk is too small or the file does not match the adapter.
    """
    started = time.perf_counter()
    check_place(out)
    check_disk(out, needed=sum(file.stat().st_size for file in merged.glob("*.safetensors")))  # in bf16 twice of Q8_0
    rows, base, tuned = adapter_logits(model, adapter, pairs)
    with new_folder(out, then="merge again") as part:
        _write(part / FILE, merged, model=model, source=source)
        agreement = compare(row_logits(_reread(part / FILE, model), rows), tuned, base, rows=len(rows), kind=KIND)
        record = read_record(merged) or {"schema": SCHEMA, "base": base_record(model)}
        record |= {
            "merged": f"in {KIND}; {agreement.sentence()}",
            "gguf": FILE,
            "dtype": KIND,
            "agreement": asdict(agreement),
        }
        write_record(part, record)
    file = out / FILE
    return GgufResult(file, file.stat().st_size, round(time.perf_counter() - started, 3), agreement)


def _write(path: Path, merged: Path, *, model: LoadedModel, source: Path) -> None:
    import gguf

    try:
        reader = gguf.GGUFReader(source)
    except (ValueError, IndexError, KeyError) as error:  # raised by the reader for a truncated file
        raise ModelError(f"{source} cannot be read as GGUF ({error}).\nInstall or copy it again.") from error
    metadata = {
        name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer.ggml.")
    }
    if metadata["general.architecture"] != FAMILY:
        raise ModelError(
            f"{source} is of the family {metadata['general.architecture']!r}; only {FAMILY!r} can be written."
        )
    tensors = _renamed(merged, blocks=metadata[f"{FAMILY}.block_count"])
    _check_same(tensors, reader, source=source)
    writer = gguf.GGUFWriter(path, FAMILY)
    _copy_metadata(writer, reader, model=model)
    attention = f"{FAMILY}.attention"
    heads = {"attn_q": metadata[f"{attention}.head_count"], "attn_k": metadata[f"{attention}.head_count_kv"]}
    for name in [tensor.name for tensor in reader.tensors] + sorted(tensors.keys() - {t.name for t in reader.tensors}):
        if name not in tensors:  # derived from the settings alone, such as the factors of long positions
            raw = next(tensor for tensor in reader.tensors if tensor.name == name)
            writer.add_tensor(name, raw.data, raw_dtype=raw.tensor_type)
            continue
        values = tensors.pop(name).float().numpy()
        count = next((count for part, count in heads.items() if f".{part}." in name), None)
        _add(writer, name, values if count is None else interleaved(values, count))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _renamed(merged: Path, *, blocks: int) -> dict[str, Any]:
    """The merged folder's tensors by their names in GGUF."""
    import gguf
    from safetensors.torch import load_file

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, blocks)
    found = {}
    for file in sorted(merged.glob("*.safetensors")):
        for name, tensor in load_file(file).items():
            known = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if known is None:
                raise ModelError(f"GGUF has no name for the tensor {name} of {merged}.\nUse the merged folder instead.")
            found[known] = tensor
    return found


def _check_same(tensors: dict[str, Any], reader: Any, *, source: Path) -> None:
    """Check that the tensors match the base model's file; a separate output head may be added."""
    there = {tensor.name: tuple(int(n) for n in reversed(tensor.shape)) for tensor in reader.tensors}
    made = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    computed = {"rope_freqs.weight"}
    wrong = [name for name in made if made[name] != there.get(name, made[name] if name == "output.weight" else None)]
    wrong += [name for name in there if name not in made and name not in computed]
    tokens = len(reader.fields["tokenizer.ggml.tokens"].data)
    if wrong or tokens != made["token_embd.weight"][0]:
        what = f"{len(wrong)} tensors differ, such as {wrong[0]}" if wrong else f"it has {tokens:,} tokens"
        raise ModelError(f"{source} does not belong to the merged model: {what}. Nothing was written.")


def _copy_metadata(writer: Any, reader: Any, *, model: LoadedModel) -> None:
    import gguf

    template, end = "tokenizer.chat_template", end_of_turn(model.tokenizer)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in (*OF_THE_FILE, *OF_THE_BASE, template):
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    base = base_record(model)["name"]
    writer.add_name(f"{base.rsplit('/', 1)[-1]}, tuned")
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, base)
    writer.add_chat_template(model.tokenizer.chat_template)
    if "tokenizer.ggml.eot_token_id" not in reader.fields and end != model.tokenizer.eos_token_id:
        writer.add_eot_token_id(end)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add(writer: Any, name: str, values: Any) -> None:
    import gguf

    kinds = gguf.GGMLQuantizationType
    kind = kinds.F32 if values.ndim == 1 else kinds.F16 if values.shape[-1] % BLOCK else kinds.Q8_0
    writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)


def interleaved(values: Any, heads: int) -> Any:
    """The rows of q or k `(heads * d, n)` in llama.cpp's order for rotation: adjacent pairs, not halves of a head."""
    return values.reshape(heads, 2, -1, values.shape[-1]).swapaxes(1, 2).reshape(values.shape)


def _reread(file: Path, model: LoadedModel) -> Any:
    """The written file as loaded by transformers, in the number format of the model in memory."""
    import io
    from contextlib import redirect_stderr

    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    with redirect_stderr(io.StringIO()):  # a progress bar that no setting turns off; errors are raised, not printed
        again = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=getattr(torch, model.dtype),
            quantization_config=GgufConfig(dequantize=True),
        )  # fmt: skip
    return again.to(model.model.device).eval()
