"""The commands that start a server for a tuned model: as lists of words, for a shell script and for other programs."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ...core import ModelError

__all__ = ["check_vllm_adapter", "llama_command", "start_script", "vllm_command", "vllm_generation", "vllm_rank"]

WHOLE = ("--top-k", "0", "--top-p", "1", "--min-p", "0")  # sampling as at judging: from all tokens
SLOTS = 4  # requests at once; llama-server divides its context among them
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # of --max-lora-rank: vllm/config/lora.py, v0.27.1 of 2026-08


def llama_command(
    model: str, *, name: str, context: int, max_tokens: int, temperature: float, template: str, lora: str | None = None
) -> list[str]:
    """`llama-server` with the model's own chat template; each of its slots has the whole `context`."""
    return [
        "llama-server", "--model", model, *(["--lora", lora] if lora else []), "--alias", name, "--jinja",
        "--chat-template-file", template, "--ctx-size", str(SLOTS * context), "--parallel", str(SLOTS),
        "--temp", f"{temperature:g}", *(WHOLE if temperature else ()), "--predict", str(max_tokens),
        "--host", "127.0.0.1", "--port", "8080",
    ]  # fmt: skip


def vllm_command(
    model: str, *, name: str, context: int, template: str, generation: str, dtype: str,
    adapter: tuple[str, int] | None = None, quantised: bool = False,
) -> list[str]:  # fmt: skip
    """`vllm serve` with the judged chat template and generation settings; `adapter` is a folder and its rank.

    `generation` is a folder with a generation_config.json: without it, vLLM takes sampling settings and stops from the
    base model's.
    """
    served = ["--served-model-name", name]
    if adapter is not None:
        folder, rank = adapter
        served = ["--enable-lora", "--max-lora-rank", str(vllm_rank(rank)), "--lora-modules", f"{name}={folder}"]
    return [
        "vllm", "serve", model, *served, *(["--quantization", "bitsandbytes"] if quantised else []), "--chat-template",
        template, "--chat-template-content-format", "string", "--generation-config", generation, "--max-model-len",
        str(context), "--dtype", dtype, "--host", "127.0.0.1", "--port", "8000",
    ]  # fmt: skip


def vllm_rank(rank: int) -> int:
    """The smallest --max-lora-rank that holds an adapter. Raises: ModelError if none does."""
    found = next((most for most in VLLM_RANKS if most >= rank), None)
    if found is None:
        raise ModelError(
            f"vLLM serves adapters of rank {VLLM_RANKS[-1]} at most; this one has {rank}.\n"
            "Export the merged model: --weights merged."
        )
    return found


def vllm_generation(stop_ids: Sequence[int], *, max_tokens: int, temperature: float) -> dict[str, Any]:
    """A generation_config.json from which vLLM reads its defaults: the temperature, the stops, the limit.

    vLLM makes `max_new_tokens` the limit of every request and adds `eos_token_id` to its stops; it ignores `do_sample`.
    """
    return {"temperature": temperature, "eos_token_id": list(stop_ids), "max_new_tokens": max_tokens}


def check_vllm_adapter(config: Mapping[str, Any]) -> None:
    """Check that vLLM serves an adapter with these settings as peft does. Raises: ModelError if it does not."""
    refused = [name for name in ("modules_to_save", "use_dora", "rank_pattern", "alpha_pattern") if config.get(name)]
    refused += [name for name in ("bias",) if config.get(name, "none") != "none"]
    if refused:
        raise ModelError(
            f"vLLM does not serve an adapter that sets {', '.join(refused)}.\nExport the merged model: --weights merged."
        )


def start_script(command: Sequence[str], *, about: str) -> str:
    """A shell script that starts the command from the script's own folder, with more options added at the end."""
    words = [shlex.quote(word) for word in command]
    lines: list[str] = []
    for word in words:
        if word.startswith("--") or not lines:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    shown = " \\\n    ".join(lines)
    return f'#!/bin/sh\n# {about}\ncd "$(dirname "$0")" || exit 1\nexec {shown} "$@"\n'
