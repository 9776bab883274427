"""Several models on one machine: their order, one in memory at a time, and whether each adapter fits its model."""

import gc
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ModelError, need_regular
from ..variants import Variant

if TYPE_CHECKING:
    from ...train import LoadedModel


def by_model(variants: Sequence[Variant], *, own: str | None = None) -> list[list[Variant]]:
    """The local variants grouped by model, so that every model is loaded once.

    The model of `[train]` (`own`, also under its name) comes first, as it may already be in memory; the others follow in
    the order of their variants. The order within a group does not change.
    """
    groups: dict[str | None, list[Variant]] = {None: []}
    for variant in variants:
        if variant.local:
            groups.setdefault(None if variant.model == own else variant.model, []).append(variant)
    return [group for group in groups.values() if group]


def release(loaded: "LoadedModel") -> None:
    """Free the memory of the model's weights, even if something still refers to the model; it cannot be used again.

    Its tokenizer remains usable.
    """
    import torch

    for tensor in chain(loaded.model.parameters(), loaded.model.buffers()):
        tensor.data = tensor.data.new_empty(0)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def counter_of(loaded: "LoadedModel") -> Callable[[Sequence[str]], list[int]]:
    """A token counter for this model that keeps only its tokenizer in memory."""
    from ...train import encode_texts

    tokenizer = loaded.tokenizer
    return lambda texts: [len(ids) for ids in encode_texts(tokenizer, texts)]


def check_adapters(variants: Sequence[Variant], *, own: str) -> list[str]:
    """Check before any work that the adapter of each local variant fits its model (`own` by default).

    Only headers and settings are read; a hub model that is not on this machine yet is checked when it is loaded. Returns
    notices about adapters that were made for another model with the same shapes.
    Raises: ModelError with all adapters that do not fit.
    """
    problems, notices = [], []
    for variant in variants:
        if not variant.local or variant.adapter is None:
            continue
        name = variant.model or own
        try:
            notices += [f'variant "{variant.name}": {notice}' for notice in _notices(variant.adapter, name)]
        except ModelError as error:
            problems.append(f'variant "{variant.name}": {error}')
    if problems:
        raise ModelError.of(problems, where="[evaluate]")
    return notices


def _notices(adapter: Path, name: str) -> list[str]:
    """Notices about one adapter for the named model. Raises: ModelError if it does not fit."""
    from ...train import EMBEDDED_HUB_NAME, EMBEDDED_NAME, check_plain

    base = str(check_plain(adapter).get("base_model_name_or_path") or "a model that it does not name")
    folder = local_folder(name)
    if folder is None:
        return []
    if wrong := _other_weights(adapter, folder) or _other_shapes(adapter, folder):
        raise ModelError(f'the adapter {adapter} does not fit the model "{name}": {wrong}. It was made for {base}.')
    known = EMBEDDED_HUB_NAME if name == EMBEDDED_NAME else name
    if base != known and not any(Path(place).exists() for place in (base, known)):
        return [f"its adapter was made for {base} and is used with {known}, whose layers have the same shapes"]
    return []


def local_folder(name: str) -> Path | None:
    """The model's folder; None for a hub model that is not downloaded."""
    from ...train import EMBEDDED_NAME, embedded_folder

    if name == EMBEDDED_NAME:
        return embedded_folder(None)
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except Exception:  # the client raises many kinds of errors, and loading reports the problem
        return None


def _other_weights(adapter: Path, folder: Path) -> str | None:
    """A mismatch of the weights that the adapter was trained on, which only our adapters record; None if there is none."""
    from ...train import fingerprint, read_record

    wanted = ((read_record(adapter) or {}).get("base") or {}).get("sha256")
    if not wanted or not (folder / "config.json").is_file() or wanted == (actual := fingerprint(folder)):
        return None
    return f"it belongs to weights with SHA-256 {wanted[:12]}, not {actual[:12]}"


def _other_shapes(adapter: Path, folder: Path) -> str | None:
    """The first layer of the adapter that the model does not have or has in another size; None if there is none."""
    from safetensors import SafetensorError, safe_open

    layers = _linear_layers(folder)
    if layers is None:
        return None
    try:
        need_regular(adapter / "adapter_model.safetensors", error=ModelError)
        with safe_open(adapter / "adapter_model.safetensors", framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no dict
    except (SafetensorError, OSError) as error:
        raise ModelError(f"the weights of the adapter {adapter} are damaged ({error})") from error
    for name, shape in sorted(shapes.items()):
        path, _, part = name.removeprefix("base_model.model.").rpartition(".lora_")
        if part not in ("A.weight", "B.weight"):
            continue
        if path not in layers:
            return f"the model has no linear layer {path}"
        takes, gives = layers[path]
        if (shape[1] != takes) if part == "A.weight" else (shape[0] != gives):
            mismatch = f"takes {shape[1]}" if part == "A.weight" else f"gives {shape[0]}"
            return f"in {path} it {mismatch} numbers, but the model's layer takes {takes} and gives {gives}"
    return None


def _linear_layers(folder: Path) -> dict[str, tuple[Any, Any]] | None:
    """(inputs, outputs) of each linear layer by its name in memory; None if that cannot be determined."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):  # the layers without their weights
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except Exception:  # transformers raises many kinds of errors, and loading reports the problem
        return None
    linear = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    return {name: (module.in_features, module.out_features) for name, module in linear.items()}
