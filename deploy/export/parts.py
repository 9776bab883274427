"""The parts of an exported folder for one server: texts, weights, and the command that starts it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ...core import ModelError, sha256_file
from ...train import check_plain, conversion_command, read_record, wheel_file
from .chat_format import ChatFormat, go_template, trimmed
from .commands import check_vllm_adapter, llama_command, start_script, vllm_command, vllm_generation
from .judged import JudgedModel
from .modelfile import modelfile

__all__ = ["LORA", "TEMPLATE", "Parts", "Weights", "parts_of"]

Weights = Literal["merged", "adapter"]
TEMPLATE, GGUF, LORA = "chat_template.jinja", "tuned-q8_0.gguf", "adapter.gguf"
# Architectures that Ollama converts from safetensors itself: convert/convert.go, v0.33.0-rc2 of 2026-08-21.
OLLAMA_CONVERTS = (
    "LlamaForCausalLM", "MixtralForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM",
    "Phi3ForCausalLM", "Qwen2ForCausalLM", "Olmo3ForCausalLM", "CohereForCausalLM",
)  # fmt: skip


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
