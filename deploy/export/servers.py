"""What each server needs: the parts of its exported folder, the command that starts it, Ollama's Modelfile."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...core import ModelError, sha256_file
from ...train import check_plain, conversion_command, read_record, wheel_file
from .chat_format import ChatFormat, go_template, trimmed
from .model import JudgedModel

Weights = Literal["merged", "adapter"]
TEMPLATE, GGUF, LORA = "chat_template.jinja", "tuned-q8_0.gguf", "adapter.gguf"
# Architectures that Ollama converts from safetensors itself: convert/convert.go, v0.33.0-rc2 of 2026-08-21.
OLLAMA_CONVERTS = (
    "LlamaForCausalLM", "MixtralForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM",
    "Phi3ForCausalLM", "Qwen2ForCausalLM", "Olmo3ForCausalLM", "CohereForCausalLM",
)  # fmt: skip
WHOLE = ("--top-k", "0", "--top-p", "1", "--min-p", "0")  # sampling as at judging: from all tokens
SLOTS = 4  # requests at once; llama-server divides its context among them
VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # of --max-lora-rank: vllm/config/lora.py, v0.27.1 of 2026-08


@dataclass
class Parts:
    """The content of the folder: texts by name, files and folders of weights by name, the command, and cautions."""

    server: str
    texts: dict[str, str] = field(default_factory=dict)
    weights: dict[str, Path] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    number_format: str = ""
    lora_source: Path | None = None  # the base model's GGUF, for which adapter.gguf is written
    same_token_share: float | None = (
        None  # of positions at which the written weights and the adapter prefer the same token
    )
    stripped: frozenset[str] = frozenset()
    before: tuple[str, ...] = ()  # commands to run once before the start
    cautions: list[str] = field(default_factory=list)

    @property
    def merged(self) -> bool:
        """Whether the adapter is part of the weights."""
        return "adapter" not in self.weights and self.lora_source is None


def parts_of(model: JudgedModel, server: str, weights: Weights | None) -> Parts:
    """The parts for `ollama`, `vllm` or `llama.cpp`; the model is merged if necessary.

    Raises: ModelError if the server cannot serve the model as judged, or not with these weights.
    """
    return {"vllm": _for_vllm, "ollama": _for_ollama, "llama.cpp": _for_llama}[server](model, weights)


# --- servers ----------------------------------------------------------------------------------------------------


def _for_llama(model: JudgedModel, weights: Weights | None) -> Parts:
    parts = _gguf_parts("llama.cpp", model, weights)
    if "merged" in parts.weights:
        parts.before = (conversion_command(Path("merged"), Path(GGUF)),)
        parts.number_format = "Q8_0"
        parts.cautions.append(
            "Tuneworth writes a GGUF only if the base model came from one: convert the merged folder with llama.cpp's own "
            "script first, as the README says"
        )
    parts.command = llama_command(
        f"./{GGUF if 'merged' in parts.weights else next(iter(parts.weights))}", name=model.name, context=model.context,
        max_tokens=model.recorded.max_new_tokens, temperature=model.recorded.temperature, template=f"./{TEMPLATE}",
        lora=f"./{LORA}" if parts.lora_source else None,
    )  # fmt: skip
    parts.texts["start.sh"] = start_script(parts.command, about="Starts llama.cpp's server with the tuned model.")
    return parts


def _for_vllm(model: JudgedModel, weights: Weights | None) -> Parts:
    facts, parts = model.facts, Parts("vllm", number_format=model.facts.dtype)
    chosen = weights or ("merged" if facts.embedded else "adapter")
    if chosen == "adapter" and facts.embedded:
        raise ModelError(
            f"the judged weights are 4-bit and differ from those of {facts.base} on the hub, so vLLM would serve the adapter "
            "on another base model.\nExport the merged model: --weights merged."
        )
    if chosen == "adapter":
        check_vllm_adapter(check_plain(facts.adapter))
        parts.weights["adapter"] = facts.adapter
    else:
        parts.weights["merged"], _ = _merged(model, gguf=False)
        _describe(parts, parts.weights["merged"])
    if facts.quantised and chosen == "adapter":
        parts.cautions.append(
            "the adapter was judged on 4-bit weights; the command asks vLLM for the same with bitsandbytes"
        )
    parts.command = vllm_command(
        facts.source if chosen == "adapter" else "./merged", name=model.name, context=model.context,
        template=f"./{TEMPLATE}", generation="./generation", dtype=facts.dtype,
        adapter=("./adapter", facts.rank) if chosen == "adapter" else None,
        quantised=facts.quantised and chosen == "adapter",
    )  # fmt: skip
    generation = vllm_generation(
        facts.stop_ids, max_tokens=model.recorded.max_new_tokens, temperature=model.recorded.temperature
    )
    parts.texts["generation/generation_config.json"] = json.dumps(generation, indent=2) + "\n"
    parts.texts["start.sh"] = start_script(parts.command, about="Starts vLLM with the tuned model.")
    return parts


def _for_ollama(model: JudgedModel, weights: Weights | None) -> Parts:
    facts, found = model.facts, model.facts.format()
    template = go_template(found, begin=not facts.adds_begin)
    _check_requests(model, found)
    if not facts.embedded and facts.architecture not in OLLAMA_CONVERTS:
        raise ModelError(
            f"Ollama does not convert models of type {facts.architecture}, and Tuneworth writes a GGUF only if the base "
            "model came from one.\nExport with --format llama.cpp, convert the merged folder as its README says, and serve it "
            "with llama-server."
        )
    parts = _gguf_parts("ollama", model, weights)
    parts.stripped = found.trims
    parts.texts["Modelfile"] = modelfile(
        f"./{next(iter(parts.weights))}", template=template, stops=facts.stops, context=model.context,
        max_tokens=model.recorded.max_new_tokens, temperature=model.recorded.temperature,
        adapter=f"./{LORA}" if parts.lora_source else None,
    )  # fmt: skip
    parts.before = (f"ollama create {model.name} -f Modelfile",)
    parts.command = ["ollama", "run", model.name]
    return parts


def _gguf_parts(server: str, model: JudgedModel, weights: Weights | None) -> Parts:
    """The weights for llama.cpp: a merged GGUF, the base model's GGUF and one of the adapter, or the merged folder."""
    if weights != "adapter":
        merged, gguf = _merged(model, gguf=True)
        parts = Parts(server, weights={gguf.name: gguf} if gguf else {"merged": merged})
        _describe(parts, gguf.parent if gguf else merged)
        return parts
    if not model.facts.embedded:
        raise ModelError(
            f"the base model {model.facts.base} did not come from a GGUF, so there is none to apply the adapter to.\n"
            "Export the merged model: --weights merged."
        )
    source = wheel_file()
    return Parts(
        server,
        weights={"base.gguf": source},
        lora_source=source,
        number_format="Q4_1, the adapter in fp32",
    )


def _check_requests(model: JudgedModel, found: ChatFormat) -> None:
    """Raises: ModelError if Ollama renders a judged request differently from the model's own template."""
    begin = model.facts.begin_token if model.facts.adds_begin else ""
    for chat in model.chats:
        made = begin + found.prompt(trimmed(chat, found.trims), begin=not begin)
        if made != (wanted := model.facts.render(chat)):
            raise ModelError(
                f"Ollama's template language cannot write this model's prompts: {made!r} instead of {wanted!r}.\n"
                "Export with --format llama.cpp or vllm, which use the model's own template."
            )


def _describe(parts: Parts, folder: Path) -> None:
    """Add the number format of a merged model or GGUF, and its agreement with the adapter when it was written."""
    record = read_record(folder) or {}
    parts.number_format = str(record.get("dtype", ""))
    parts.same_token_share = (record.get("agreement") or {}).get("same_token_share")


# --- weights ----------------------------------------------------------------------------------------------------


def _merged(model: JudgedModel, *, gguf: bool) -> tuple[Path, Path | None]:
    """The merged model of the run's adapter and its GGUF, if one is possible; created if missing or of another adapter.

    Raises: ModelError for an adapter that this run did not train, or as `merge_run`.
    """
    run, adapter = model.run, model.facts.adapter
    if adapter.resolve() != run.adapter.resolve():
        raise ModelError(
            f"the judged adapter {adapter} was not trained in this run, so it is not merged here.\n"
            "Export it for vLLM with --weights adapter, or merge it in the run that trained it."
        )
    folder, files = run.folder / "train", {"merged": "config.json", "gguf": GGUF}
    digest = sha256_file(adapter / "adapter_model.safetensors")
    wanted = ["merged", "gguf"] if gguf and model.facts.embedded else ["merged"]
    missing = [
        name
        for name in wanted
        if (read_record(folder / name) or {}).get("adapter_sha256") != digest
        or not (folder / name / files[name]).is_file()
    ]
    if missing:
        from ...project import merge_run

        run.talk.note("export: merging the adapter into the base model")
        merge_run(run, gguf="gguf" in missing)
    return folder / "merged", folder / "gguf" / files["gguf"] if "gguf" in wanted else None


# --- commands -----------------------------------------------------------------------------------------------------


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


# --- Ollama's Modelfile -------------------------------------------------------------------------------------------

# The values of a Modelfile end where a quoted text ends before a white space, there are no escapes, and characters that Go does
# not call printable are dropped (ollama/ollama, parser/parser.go, v0.33.0-rc2 of 2026-08-21). So a value that cannot be written
# is refused here, and templates are written without such characters (`go_literal`).


def modelfile(
    source: str, *, template: str, stops: Sequence[str], context: int, max_tokens: int, temperature: float,
    adapter: str | None = None,
) -> str:  # fmt: skip
    """The Modelfile for a model in `source`, a file or folder next to the Modelfile; `adapter` is a file with a LoRA for it.

    Raises: ModelError for a text that a Modelfile cannot hold.
    """
    lines = [f"FROM {_value(source)}"]
    if adapter is not None:
        lines.append(f"ADAPTER {_value(adapter)}")
    lines += ["", f'TEMPLATE """{_checked(template)}"""', ""]
    lines += ["# As at judging. Some versions of Ollama penalise repetitions unless they are told not to."]
    lines += [f"PARAMETER temperature {temperature:g}", "PARAMETER repeat_penalty 1"]
    if temperature:  # drawn from all tokens, as at judging
        lines += ["PARAMETER top_k 0", "PARAMETER top_p 1", "PARAMETER min_p 0"]
    lines += [f"PARAMETER num_predict {max_tokens}", f"PARAMETER num_ctx {context}"]
    lines += [f"PARAMETER stop {_value(stop)}" for stop in stops]
    return "".join(f"{line}\n" for line in lines)


def _value(text: str) -> str:
    quotes = '"""' if '"' in text or "\n" in text else '"'
    return f"{quotes}{_checked(text)}{quotes}"


def _checked(text: str) -> str:
    """The text, if a reader of Modelfiles gives it back."""
    lost = next((letter for letter in text if not letter.isprintable() and letter not in "\n\t"), None)
    if lost is not None or '"""' in text:
        what = f"the character U+{ord(lost):04X}" if lost is not None else "three quotation marks in a row"
        raise ModelError(
            f"A Modelfile cannot hold {what}, which is in {text[:80]!r}.\n"
            "Serve the model with llama.cpp or vLLM instead: --format llama.cpp, --format vllm."
        )
    return text
