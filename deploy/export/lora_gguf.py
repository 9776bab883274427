"""Writes an adapter as a GGUF file, which llama.cpp and Ollama apply to the base model's own GGUF.

Layout: llama.cpp, convert_lora_to_gguf.py. A tensor has its base tensor's name with `.lora_a` (rank, inputs) or `.lora_b`
(outputs, rank); the rows of q's and k's `.lora_b` are in llama.cpp's order for rotation, as those of the base model are.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core import ModelError
from ...train import FAMILY, check_plain, interleaved

__all__ = ["write_lora_gguf"]

PREFIX = "base_model.model."


def write_lora_gguf(adapter: Path, file: Path, *, source: Path) -> None:
    """Write the adapter for the base model in the GGUF `source`, in fp32: nothing is rounded.

    The same adapter gives the same bytes. Raises: ModelError if the base model is of another family than Llama, or a tensor
    does not belong to it.
    """
    import gguf
    from safetensors.numpy import load_file

    config, reader = check_plain(adapter), gguf.GGUFReader(source)
    base = {name: field.contents() for name, field in reader.fields.items() if name.startswith(("general.", FAMILY))}
    if base["general.architecture"] != FAMILY:
        raise ModelError(f"{source} is of the family {base['general.architecture']!r}; only {FAMILY!r} can be written.")
    shapes = {tensor.name: tuple(int(n) for n in reversed(tensor.shape)) for tensor in reader.tensors}
    writer = gguf.GGUFWriter(file, FAMILY)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", _alpha(config))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, base[f"{FAMILY}.block_count"])
    for name, values in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        layer, _, part = name.removeprefix(PREFIX).rpartition(".lora_")
        known = names.get_name(layer)
        side = 1 if part == "A.weight" else 0  # A has the inputs, B the outputs of the base tensor
        if known is None or values.shape[side] != shapes.get(f"{known}.weight", (0, 0))[side]:
            raise ModelError(f"{source} does not belong to the adapter: it has no layer for {name}.")
        heads = _heads(known, base) if side == 0 else None
        writer.add_tensor(f"{known}.weight.lora_{'ba'[side]}", values if heads is None else interleaved(values, heads))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _alpha(config: Mapping[str, Any]) -> float:
    """llama.cpp divides by the rank; a rank-stabilised adapter divides by its root."""
    return float(config["lora_alpha"]) * (math.sqrt(config["r"]) if config.get("use_rslora") else 1.0)


def _heads(name: str, base: Mapping[str, Any]) -> int | None:
    """The number of heads of a tensor whose rows llama.cpp reorders; None for the others."""
    key = {"attn_q": "head_count", "attn_k": "head_count_kv"}.get(name.rpartition(".")[2])
    return None if key is None else int(base[f"{FAMILY}.attention.{key}"])
