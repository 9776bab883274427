"""Adapters on disk and in memory, in PEFT format: writing, checking, loading, and merging for speed."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core import ModelError, RunBroken, disk_refusal, need_regular, read_regular, whole_folder
from .chat import end_of_turn
from .kernels import detach_adapter, lora_layers
from .load import LoadedModel
from .provenance import RECORD, CardFacts, adapter_record, read_record, write_record

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PLAIN_ONLY = "Only plain LoRA adapters on linear layers can be used."
# Settings in an adapter's own file that change more than products added to linear layers, and their harmless values.
BEYOND_LORA = {
    "bias": ("none",), "modules_to_save": (None, []), "use_dora": (False, None), "target_parameters": (None, []),
    "trainable_token_indices": (None, []), "layer_replication": (None,), "lora_bias": (False, None),
    "init_lora_weights": (True, False, "gaussian", "eva", "orthogonal"),  # others change the base model's own weights
}  # fmt: skip


def adapter_weights(adapted: Any) -> dict[str, Any]:
    """The adapter's tensors by name (not copies)."""
    return {name: p.detach() for name, p in adapted.named_parameters() if "lora_" in name}


def load_weights(adapted: Any, weights: dict[str, Any]) -> None:
    """Put tensors from `adapter_weights` into the model, in place."""
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data.copy_(weights[name])


# --- writing ----------------------------------------------------------------------------------------------------


def write_adapter(
    folder: Path,
    adapted: Any,
    *,
    model: LoadedModel,
    training: Mapping[str, Any],
    facts: CardFacts | None = None,
) -> None:
    """A folder that `PeftModel.from_pretrained` can load; written atomically.

    It contains weights, tokenizer with chat template, generation settings, `tuneworth.json` (provenance) and the
    model card. `training` is the fit's `TrainResult.summary`. The same fit gives the same bytes. Raises RunBroken if
    the disk fails.
    """
    facts = facts or CardFacts()
    record = adapter_record(model, training, facts)
    limit = facts.max_new_tokens or min(training["longest_tokens"], model.context)
    with new_folder(folder, then="train again; training resumes from the last checkpoint") as part:
        adapted.save_pretrained(part, safe_serialization=True, save_embedding_layers=False)
        _in_order(part / CONFIG)
        model.tokenizer.save_pretrained(part)
        generation_settings(model, max_new_tokens=limit).save_pretrained(part)
        write_record(part, record)


def generation_settings(model: LoadedModel, *, max_new_tokens: int) -> Any:
    """transformers' generation settings that stop the model at the end of an answer: greedy, as in evaluation."""
    from transformers import GenerationConfig

    tokenizer, named = model.tokenizer, model.model.generation_config.eos_token_id
    named = [named] if isinstance(named, int) else list(named or [])
    ends = list(dict.fromkeys(id for id in [end_of_turn(tokenizer), tokenizer.eos_token_id, *named] if id is not None))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
    return GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=ends, pad_token_id=pad, do_sample=False,
        max_new_tokens=max_new_tokens,
    )  # fmt: skip


@contextmanager
def new_folder(folder: Path, *, then: str) -> Iterator[Path]:
    """A folder to write into, which replaces `folder` when the block ends; the previous content is deleted.

    Raises RunBroken if the disk fails; no partial output remains.
    """
    from safetensors import SafetensorError

    before = tuple(path.name for path in folder.iterdir()) if folder.is_dir() else ()
    try:
        with whole_folder(folder, before) as part:
            yield part
            mode = (part / RECORD).stat().st_mode
            for file in part.iterdir():  # safetensors makes its files unreadable to others, whatever the umask is
                file.chmod(mode)
    except (OSError, SafetensorError) as error:
        if (reason := disk_refusal(error)) is None:
            raise
        raise RunBroken(
            f"{folder} cannot be written: {reason}. No partial files were left there.\nFree some space and {then}."
        ) from error


def _in_order(config: Path) -> None:
    """peft writes the layers' names in an order that changes from process to process."""
    table = json.loads(config.read_text(encoding="utf-8"))
    if isinstance(table.get("target_modules"), list):
        table["target_modules"].sort()
    config.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")


# --- reading ----------------------------------------------------------------------------------------------------


def check_adapter(adapter: Path, model: LoadedModel) -> None:
    """Check that a folder holds a complete, plain LoRA adapter, made by Tuneworth for this model or by another tool.

    Raises ModelError if it does not; whether the shapes fit is checked when it is attached.
    """
    check_plain(adapter)
    base = (read_record(adapter) or {}).get("base") or {}
    if base.get("sha256", model.sha256) != model.sha256:
        raise ModelError(
            f'The adapter {adapter} was not made for the weights of "{model.name}": it belongs to {base.get("name")} with '
            f"SHA-256 {str(base['sha256'])[:12]}, not {model.sha256[:12]}.\nName that model in [train], or train again."
        )


def check_plain(adapter: Path) -> dict[str, Any]:
    """The settings of a folder that holds a complete, plain LoRA adapter, whatever model it is for.

    Raises ModelError if it holds none.
    """
    missing = [name for name in (CONFIG, WEIGHTS) if not (adapter / name).is_file()]
    if missing:
        pickle = (
            " (adapter_model.bin is a pickle, which Tuneworth does not read)"
            if (adapter / "adapter_model.bin").exists()
            else ""
        )
        raise ModelError(f"{adapter} holds no adapter: it lacks {' and '.join(missing)}{pickle}.")
    if read_record(adapter) is None and (adapter / RECORD).exists():
        raise ModelError(f"{adapter / RECORD} is damaged.\nTrain again, or copy the adapter again.")
    config = _config(adapter)
    if config.get("peft_type") != "LORA":
        raise ModelError(f"The adapter {adapter} is of kind {config.get('peft_type')!r}.\nExpected a LoRA adapter.")
    beyond = [name for name, harmless in BEYOND_LORA.items() if config.get(name, harmless[0]) not in harmless]
    if beyond:
        raise ModelError(f"The adapter {adapter} is not a plain LoRA: {CONFIG} sets {', '.join(beyond)}.\n{PLAIN_ONLY}")
    return config


def _config(adapter: Path) -> dict[str, Any]:
    try:
        table = json.loads(read_regular(adapter / CONFIG, error=ModelError).decode())
    except ValueError as error:
        raise ModelError(
            f"{adapter / CONFIG} cannot be read: {error}\nTrain again, or copy the adapter again."
        ) from error
    if not isinstance(table, dict):
        raise ModelError(
            f"{adapter / CONFIG} does not hold an adapter's settings.\nTrain again, or copy the adapter again."
        )
    return table


@contextmanager
def attached_adapter(model: LoadedModel, adapter: Path) -> Iterator[Any]:
    """The model as a peft model with the adapter separate from its weights, as other tools use it, within the block.

    Raises ModelError if the adapter belongs to another model, is damaged or incomplete.
    """
    import warnings

    from peft import PeftModel

    check_adapter(adapter, model)
    names = _names(adapter, model)
    try:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # we compare the base model's name ourselves
                adapted = PeftModel.from_pretrained(
                    model.model, str(adapter), torch_device=str(model.model.device)
                ).eval()
        except Exception as error:  # peft raises RuntimeError, ValueError, KeyError, TypeError
            raise ModelError(
                f'The adapter {adapter} does not fit the model "{model.name}": it was made for another model, or its '
                "settings were changed."
            ) from error
        _check_layers(adapted, names, adapter)
        yield adapted
    finally:
        detach_adapter(model.model)


def _names(adapter: Path, model: LoadedModel) -> set[str]:
    """The names of the adapter's tensors. peft may also store tensors of the base model: those must be unchanged.

    Checked before anything is attached, as peft would load them into the model in memory.
    """
    from safetensors import SafetensorError, safe_open

    own = model.model.state_dict()
    try:
        need_regular(adapter / WEIGHTS, error=ModelError)
        with safe_open(adapter / WEIGHTS, framework="pt") as file:
            names = {name for name in file.keys() if "lora_" in name}  # noqa: SIM118 - not a dict
            others = {name: file.get_tensor(name) for name in file.keys() if name not in names}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{adapter / WEIGHTS} is damaged ({error}).\nTrain again, or copy the adapter again."
        ) from error
    for name, tensor in others.items():
        base = own.get(name.removeprefix("base_model.model.").replace(".base_layer.", "."))
        if base is None or base.shape != tensor.shape or not bool((base.cpu() == tensor.to(base.dtype)).all()):
            raise ModelError(f"The adapter {adapter} also changes {name}.\n{PLAIN_ONLY}")
    return names


def _check_layers(adapted: Any, names: set[str], adapter: Path) -> None:
    """Check that tensors and layers match one to one: peft would silently initialise missing tensors."""
    from peft import get_peft_model_state_dict
    from peft.tuners.tuners_utils import BaseTunerLayer

    expected = {name for name in get_peft_model_state_dict(adapted, save_embedding_layers=False) if "lora_" in name}
    if expected != names:
        sides = {"lacks": sorted(expected - names), "has": sorted(names - expected)}
        differences = "; ".join(
            f"it {side} {len(tensors)} unmatched tensors ({tensors[0]}, ...)"
            for side, tensors in sides.items()
            if tensors
        )
        raise ModelError(f"The weights of the adapter {adapter} do not match its settings: {differences}.")
    layers = lora_layers(adapted)
    tuned = sum(isinstance(module, BaseTunerLayer) for module in adapted.modules())
    if not layers or tuned > len(layers) or any(layer.lora_variant for layer in layers):
        raise ModelError(f"The adapter {adapter} is not a plain LoRA.\n{PLAIN_ONLY}")


@contextmanager
def merged_adapter(model: LoadedModel, adapter: Path) -> Iterator[Any]:
    """The model with the adapter merged into its weights while the block lasts; afterwards restored bit for bit.

    Products and sums are computed in fp32 and rounded once. An output head that shares its weights with the embeddings
    gets its own if the adapter changes it. For a quantised model the adapter is not merged: rounded to
    4 bits, little of it would remain. Raises ModelError as `attached_adapter` does.
    """
    from torch.nn import Parameter

    changed = []
    with attached_adapter(model, adapter) as adapted:
        if model.quantised:
            yield adapted.get_base_model()
            return
        try:
            for layer in lora_layers(adapted):
                base = layer.get_base_layer()
                changed.append((base, base.weight))
                base.weight = Parameter(_merged(layer, base.weight.data), requires_grad=False)
            yield adapted.unload()
        finally:
            for base, weight in changed:
                base.weight = weight


def _merged(layer: Any, weight: Any) -> Any:
    return (weight.float() + layer.get_delta_weight("default").float()).to(weight.dtype)
