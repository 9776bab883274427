"""A model with its tokenizer, from the embedded default, a local folder or a hub name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...core import ModelError, install_command
from ..processes import Processes
from .chat import answer_margins, chat_messages, check_template, render_prompt, settle_template, special_ids
from .folder import (
    EMBEDDED_HUB_NAME,
    EMBEDDED_LICENCE,
    EMBEDDED_NAME,
    check_folder,
    fingerprint,
    model_folder,
    quiet,
    short_reason,
    stated_licence,
)
from .hardware import fastest_dtype, format_notices

# A base model in 4 bits (QLoRA): a quarter of the memory for its weights, on NVIDIA GPUs.
#
# Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023: weights as NF4 with doubly quantised scales,
# products in bf16 (fp32 if the GPU lacks it), the adapter in fp32. Embeddings, norms and the head are not quantised;
# norms need no fp32 copy, since transformers computes them in fp32 whatever their storage format.


def check_quantised() -> None:
    """Check that a model can be loaded in 4 bits here.

    Raises: ModelError with everything that is missing.
    """
    import torch

    missing = []
    if not torch.cuda.is_available():
        missing.append("an NVIDIA GPU (torch sees none)")
    if find_spec("bitsandbytes") is None:
        missing.append(f"bitsandbytes ({install_command('qlora')})")
    if missing:
        raise ModelError(
            f"quantised = true needs {' and '.join(missing)}.\n"
            "Set quantised = false; if memory is short, set gradient_checkpointing = true or take a smaller model."
        )


def four_bits(compute: Any) -> Any:
    """The settings with which transformers loads a model's linear layers in 4 bits, except the head.

    `compute` is the torch type of products.
    """
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute
    )


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model in memory.

    `sha256` is that of its weights; `licence` is None if not stated. `template` is "own", or "plain" if the model
    has none; `notices` tell the user how the model is prompted and computed.
    """

    model: Any = field(repr=False)  # transformers.PreTrainedModel
    tokenizer: Any = field(repr=False)  # transformers.PreTrainedTokenizerFast
    name: str
    path: Path
    dtype: str
    licence: str | None
    sha256: str
    template: str = "own"
    notices: tuple[str, ...] = ()

    @property
    def base_name(self) -> str:
        """The name of the model for other tools: for the embedded one, its name on the hub."""
        return EMBEDDED_HUB_NAME if self.name == EMBEDDED_NAME else self.name

    @property
    def quantised(self) -> bool:
        """Whether its linear layers are stored in fewer bits than `dtype` says: then no adapter can be merged."""
        return bool(getattr(self.model, "is_quantized", False))

    @property
    def context(self) -> int:
        """The most tokens that the model takes, prompt and output together."""
        return int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 0) or 2**31)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The token counts of texts by this model's tokenizer, without those that a template adds."""
        return _counted(self.tokenizer, texts)


def token_counter(name: str, *, cache: Path | None = None) -> Callable[[Sequence[str]], list[int]]:
    """A token counter with the named model's tokenizer; the model itself is not loaded.

    Raises: ModelError if the model is missing or its tokenizer cannot be read.
    """
    folder = model_folder(name, cache)
    tokenizer = _tokenizer(folder, name)
    return lambda texts: _counted(tokenizer, texts)


def read_tokenizer(name: str, *, cache: Path | None = None) -> Any:
    """The tokenizer of a named model or of an adapter's folder, with the chat template that its model is prompted with.

    Raises: ModelError as `token_counter`, or if the model has neither a template nor an end token.
    """
    tokenizer = _tokenizer(model_folder(name, cache), name)
    settle_template(tokenizer)
    return tokenizer


def model_config(name: str, *, cache: Path | None = None) -> Any:
    """The configuration of a named model's text part; its weights are not loaded.

    Raises: ModelError if the model is missing or its configuration is invalid.
    """
    return _config(model_folder(name, cache), name).get_text_config()


def _config(folder: Path, name: str) -> Any:
    from transformers import AutoConfig

    try:
        with quiet():
            return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        raise ModelError(
            f'The model "{name}" cannot be loaded: its config.json is invalid.\n{short_reason(error)}'
        ) from error


def _counted(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []


def load_model(
    name: str, *, cache: Path | None = None, dtype: str | None = None, quantised: bool = False
) -> LoadedModel:
    """The named model, ready for training and generation, on the GPU if there is one.

    `name` is "smollm2-135m", a folder, or a hub name such as "org/model"; only the last one uses the network.
    `dtype` is "float32" or "bfloat16", by default the faster one on this hardware (measured); `quantised` stores the linear
    layers in 4 bits (GPUs). Raises ModelError where the model is missing, incomplete or unfit, or cannot be quantised here.
    """
    if quantised:
        check_quantised()
    folder = model_folder(name, cache)
    check_kind(check_folder(folder, name), name)
    tokenizer, model = _read(folder, name, dtype, quantised)
    template, notices = fit_together(tokenizer, model, name)
    notices += format_notices(model.dtype, device=model.device.type)
    licence = EMBEDDED_LICENCE if name == EMBEDDED_NAME else stated_licence(folder)
    kind = str(model.dtype).removeprefix("torch.")
    return LoadedModel(model, tokenizer, name, folder, kind, licence, fingerprint(folder), template, notices)


def _tokenizer(folder: Path, name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        with quiet():
            return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        raise ModelError(f'The tokenizer of "{name}" cannot be read from {folder}.\n{short_reason(error)}') from error


def _read(folder: Path, name: str, dtype: str | None, quantised: bool) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    config = _config(folder, name)
    tokenizer = _tokenizer(folder, name)
    processes = Processes.here()
    device = processes.device
    kind = getattr(torch, dtype) if dtype else processes.from_first(fastest_dtype(device))
    bits = {"quantization_config": four_bits(kind)} if quantised else {}
    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, config=config, dtype=kind, local_files_only=True, use_safetensors=True, trust_remote_code=False,
                output_loading_info=True, **bits,
            )  # fmt: skip
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, SafetensorError and others
        raise ModelError(f'The model "{name}" cannot be loaded from {folder}.\n{short_reason(error)}') from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):  # transformers would continue with random weights for them
        raise ModelError(
            f'The weights of "{name}" are incomplete: {len(missing)} of its tensors are not in {folder}, the first of which '
            f"is {missing[0]}."
        )
    if not getattr(model, "is_quantized", False):  # else it is already on the GPU of this process
        model = model.to(device)
    return tokenizer, model.eval().requires_grad_(False)


# --- whether model, tokenizer and template belong together ---------------------------------------------------------

PROBE = 16  # tokens of a prompt: enough to detect look-ahead
LOOK_AHEAD = 0.1  # of the logits' spread; rounding is far below it


def check_kind(config: dict[str, Any], name: str) -> None:
    """Check from its configuration that it is a text-only model, of a known family, that can continue a text.

    Raises ModelError if it is not.
    """
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING

    family = config["model_type"]
    if family not in CONFIG_MAPPING and "auto_map" in config:
        raise ModelError(
            f'The model "{name}" (family "{family}") comes with its own code, which Tuneworth never runs.\n'
            "Use a model of a family that transformers supports."
        )
    if family not in CONFIG_MAPPING:
        raise ModelError(
            f'The model "{name}" is of the family "{family}", which the installed transformers does not support.\n'
            "Try a newer version: pip install -U transformers"
        )
    kind = CONFIG_MAPPING[family]
    writer: Any = MODEL_FOR_CAUSAL_LM_MAPPING.get(kind, None)
    senses = [sense for sense in ("vision", "audio") if config.get(f"{sense}_config")]
    if senses and (writer is None or writer.config_class is kind):  # else the text-only part is loaded
        raise ModelError(
            f'The model "{name}" also handles {" and ".join(senses)}, and only text-only models can be fitted.\n'
            "Use its text-only version if there is one."
        )
    if config.get("is_encoder_decoder") or writer is None:
        raise ModelError(
            f'The model "{name}" (family "{family}") does not generate text.\nUse a causal language model.'
        )


def fit_together(tokenizer: Any, model: Any, name: str) -> tuple[str, tuple[str, ...]]:
    """Set the template and test all three together; the template's kind ("own" or "plain") and notices.

    Raises ModelError if the tokenizer is another model's, the template unsuitable, or the model broken or not causal.
    """
    rows, vocabulary = model.get_input_embeddings().weight.shape[0], tokenizer.get_vocab()
    # Gemma 3's small models have no embedding for their last token, one for images: special tokens come from templates.
    special = special_ids(tokenizer)
    if any(id >= rows and id not in special for id in vocabulary.values()):
        raise ModelError(
            f'The tokenizer of "{name}" has {max(vocabulary.values()) + 1:,} tokens, but the model only {rows:,}, so they '
            "do not belong together."
        )
    try:
        kind, notices = settle_template(tokenizer, ends=_ends(model))
        faults, ids = check_template(tokenizer), render_prompt(tokenizer, chat_messages("a"))
    except ModelError as error:
        raise ModelError(f'The model "{name}" cannot be prompted. {error}') from error
    if max(ids, default=0) >= rows:
        faults.append("it contains a token that the model does not have")
    if faults:
        raise ModelError(f'The chat template of "{name}" is unsuitable: {"; ".join(faults)}')
    _check_causal(model, ids[-PROBE:], name)
    if "</think>" in answer_margins(tokenizer)[0]:
        notices += (
            "the model always thinks before it answers; tuned, it answers at once, and untuned, it may never get to an answer",
        )
    return kind, notices


def _ends(model: Any) -> tuple[int, ...]:
    """The ids with which the model itself ends a text."""
    named = [config.eos_token_id for config in (model.generation_config, model.config.get_text_config())]
    ids = [id for ids in named for id in (ids if isinstance(ids, list) else [ids]) if id is not None]
    return tuple(dict.fromkeys(ids))


def _check_causal(model: Any, ids: list[int], name: str) -> None:
    """Run a short prompt twice, with a different last token: the outputs before it must not change."""
    import torch

    first = torch.tensor([ids], device=model.device)
    second = first.clone()
    second[0, -1] = ids[-1] - 1 if ids[-1] else 1
    with torch.no_grad():
        one, two = (model(input_ids=tokens, use_cache=False).logits[0].float() for tokens in (first, second))
    if not one.isfinite().all():
        raise ModelError(
            f'The model "{name}" is broken: its outputs are not finite numbers.\nDownload its weights again.'
        )
    ahead = len(ids) > 1 and (one[:-1] - two[:-1]).abs().max() > LOOK_AHEAD * one.std()
    # BERT and similar models load as causal models, but their attention is marked as not causal.
    if ahead or any(getattr(module, "is_causal", True) is False for module in model.modules()):
        raise ModelError(
            f'In the model "{name}" each token sees the tokens after it, so it cannot generate text.\n'
            "Use a causal language model."
        )
