"""An adapter on disk and in memory: PEFT format with tokenizer, template and model card; merging for speed."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..style.errors import ModelError
from .card import model_card
from .lora import detach_adapter, lora_layers
from .model import LoadedModel
from .settings import TrainSettings

if TYPE_CHECKING:
    from .fitting import TrainResult

__all__ = ["adapter_weights", "load_weights", "merged_adapter", "write_adapter"]


def adapter_weights(adapted: Any) -> dict[str, Any]:
    """The adapter's tensors by name (not copies)."""
    return {name: p.detach() for name, p in adapted.named_parameters() if "lora_" in name}


def load_weights(adapted: Any, weights: dict[str, Any]) -> None:
    """Put tensors from `adapter_weights` into the model, in place."""
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data.copy_(weights[name])


def write_adapter(
    folder: Path, adapted: Any, *, model: LoadedModel, settings: TrainSettings, result: "TrainResult"
) -> None:
    """A folder that `PeftModel.from_pretrained` loads anywhere; it appears whole or not at all."""
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        adapted.save_pretrained(temporary, safe_serialization=True, save_embedding_layers=False)
        model.tokenizer.save_pretrained(temporary)
        model.model.generation_config.save_pretrained(temporary)
        (temporary / "README.md").write_text(model_card(model, settings, result), encoding="utf-8")
        if folder.exists():  # a folder cannot be renamed over a full one; what is removed is the old one, set aside
            folder.rename(old := temporary.with_suffix(".old"))
            shutil.rmtree(old)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def merged_adapter(model: LoadedModel, adapter: Path) -> Iterator[Any]:
    """The model with the adapter added into its weights while the block lasts; afterwards as it was, bit for bit.

    Products and sums are made in fp32 and rounded once. Raises ModelError where the adapter is another model's.
    """
    import warnings

    from peft import PeftModel

    if not (adapter / "adapter_config.json").is_file() or not (adapter / "adapter_model.safetensors").is_file():
        raise ModelError(f"{adapter} holds no adapter.\nExpected adapter_config.json and adapter_model.safetensors.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the base model's name is ours to compare
            adapted = PeftModel.from_pretrained(model.model, str(adapter))
    except Exception as error:  # peft raises RuntimeError, ValueError, KeyError
        detach_adapter(model.model)
        raise ModelError(
            f'The adapter {adapter} does not fit the model "{model.name}".\nIt was made for another one.'
        ) from error
    changed = []
    try:
        layers = lora_layers(adapted)
        if not layers or any(layer.lora_variant for layer in layers):
            raise ModelError(f"{adapter}: only plain LoRA adapters on linear layers can be used.")
        for layer in layers:
            weight = layer.get_base_layer().weight
            changed.append((weight, weight.data))
            weight.data = _merged(layer, weight.data)
        yield adapted.unload()
    finally:
        for weight, original in changed:
            weight.data = original
        detach_adapter(model.model)


def _merged(layer: Any, weight: Any) -> Any:
    a, b = layer.lora_A["default"].weight.float(), layer.lora_B["default"].weight.float()
    return (weight.float() + layer.scaling["default"] * (b @ a)).to(weight.dtype)
