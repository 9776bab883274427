"""Exports a judged model with all that a server needs: weights, template, stops, the command, and how to ask it."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...core import (
    ConfigError,
    ModelError,
    RunBroken,
    Talk,
    disk_refusals,
    free_bytes,
    read_object,
    say,
    sha256_file,
    whole_folder,
)
from ...train import (
    check_plain,
    check_vllm_adapter,
    conversion_command,
    go_template,
    llama_command,
    modelfile,
    ollama_prompt,
    read_record,
    start_script,
    trimmed,
    vllm_command,
    vllm_generation,
)
from ..run import QUIET, Run
from .judged import JudgedModel, judged_model
from .readme import check_command, readme
from .request import request_script

__all__ = ["SERVERS", "ServingExport", "export_serving"]

SERVERS = ("ollama", "vllm", "llama.cpp")
Weights = Literal["merged", "adapter"]
RECORD, SCHEMA = "serving.json", "tuneworth/serving/1"
TEMPLATE = "chat_template.jinja"
LINKED = (".safetensors", ".gguf")  # files of weights, which are never changed in place
# Architectures of safetensors that Ollama converts by itself: convert/convert.go, v0.33.0-rc2 of 2026-08-21.
OLLAMA_CONVERTS = (
    "LlamaForCausalLM", "MixtralForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM",
    "Phi3ForCausalLM", "Qwen2ForCausalLM", "Olmo3ForCausalLM", "CohereForCausalLM",
)  # fmt: skip


@dataclass(frozen=True)
class ServingExport:
    """An exported folder, the server it is for, the commands that start and that check it, and cautions."""

    run: Path
    folder: Path
    server: str
    command: tuple[str, ...]
    check: str
    cautions: tuple[str, ...]


@dataclass
class Parts:
    """What goes into the folder: texts by name, files and folders of weights by name, the command, and cautions."""

    texts: dict[str, str] = field(default_factory=dict)
    weights: dict[str, Path] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    number_format: str = ""
    stripped: frozenset[str] = frozenset()
    before: tuple[str, ...] = ()  # commands to run once before the start
    cautions: list[str] = field(default_factory=list)


def export_serving(
    run: str | Path | Run, server: str, *, out: str | Path | None = None, weights: Weights | None = None,
    talk: Talk = QUIET,
) -> ServingExport:  # fmt: skip
    """Write the judged model of a run for `ollama`, `vllm` or `llama.cpp`; by default into RUN/export/SERVER.

    `weights`: the adapter merged into the base model, or on its own beside it (vLLM only, and the default there). A model
    that is not merged yet is merged first. The folder is written whole or not at all, and again with the same bytes.

    Raises: ConfigError for a folder that holds something else; DataError and ModelError if there is no tuned model to
    export, or the server cannot serve it as judged; RunBroken if the disk is too small.
    """
    opened = run if isinstance(run, Run) else Run(run, talk=talk)
    place = Path(out) if out is not None else opened.folder / "export" / server
    earlier = _check_place(place)
    model = judged_model(opened)
    parts = _parts_of(model, server, weights)
    parts.texts[TEMPLATE] = model.facts.template
    parts.texts["request.py"] = request_script(
        model.shape, model=model.name, settings=model.settings, stripped=parts.stripped, in_user_turn=model.in_user_turn
    )
    parts.texts["README.md"] = readme(model, server, parts)
    parts.texts[RECORD] = json.dumps(_record(model, server, parts), indent=1, ensure_ascii=False) + "\n"
    _check_disk(place, parts)
    names = tuple({*earlier, *parts.texts, *parts.weights})
    with disk_refusals(place), whole_folder(place, names) as folder:
        _write(folder, parts)
    check = check_command(model, server, run=str(opened.folder))
    return ServingExport(opened.folder, place, server, tuple(parts.command), check, tuple(parts.cautions))


def _parts_of(model: JudgedModel, server: str, weights: Weights | None) -> Parts:
    if weights == "adapter" and server != "vllm":
        raise ConfigError(f"--weights adapter is for vllm; {server} serves the merged model")
    if server == "vllm":
        return _for_vllm(model, weights)
    return {"ollama": _for_ollama, "llama.cpp": _for_llama}[server](model)


# --- one server each --------------------------------------------------------------------------------------------


def _for_llama(model: JudgedModel) -> Parts:
    merged, gguf = _merged(model, gguf=True)
    parts = Parts(weights={gguf.name: gguf} if gguf else {"merged": merged})
    parts.number_format = "Q8_0" if gguf else str((read_record(merged) or {}).get("dtype", ""))
    file = f"./{gguf.name}" if gguf else "./tuned-q8_0.gguf"
    if gguf is None:
        parts.before = (conversion_command(Path("merged"), Path("tuned-q8_0.gguf")),)
        parts.number_format = "Q8_0"
        parts.cautions.append(
            "Tuneworth writes a GGUF only if the base model came from one: convert the merged folder with llama.cpp's own "
            "script first, as the README says"
        )
    parts.command = llama_command(
        file, name=model.name, context=model.context, max_tokens=model.recorded.max_new_tokens,
        temperature=model.recorded.temperature, template=f"./{TEMPLATE}",
    )  # fmt: skip
    parts.texts["start.sh"] = start_script(parts.command, about="Starts llama.cpp's server with the tuned model.")
    return parts


def _for_vllm(model: JudgedModel, weights: Weights | None) -> Parts:
    facts, parts = model.facts, Parts(number_format=model.facts.dtype)
    chosen = weights or ("merged" if facts.embedded else "adapter")
    if chosen == "adapter" and facts.embedded:
        raise ModelError(
            f"the weights that were judged are 4-bit weights, and those of {facts.base} on the hub are others, so vLLM would "
            "serve the adapter on another base model.\nExport the merged model: --weights merged."
        )
    if chosen == "adapter":
        check_vllm_adapter(check_plain(facts.adapter))
        parts.weights["adapter"] = facts.adapter
    else:
        parts.weights["merged"], _ = _merged(model, gguf=False)
    if facts.quantised and chosen == "adapter":
        parts.cautions.append(
            "the adapter was judged on 4-bit weights; the command asks vLLM for the same with bitsandbytes"
        )
    parts.command = vllm_command(
        facts.base if chosen == "adapter" else "./merged", name=model.name, context=model.context,
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


def _for_ollama(model: JudgedModel) -> Parts:
    facts, found = model.facts, model.facts.format()
    template = go_template(found, begin=not facts.adds_begin)
    _check_requests(model, template, found.trims)
    merged, gguf = _merged(model, gguf=True)
    if gguf is None and facts.architecture not in OLLAMA_CONVERTS:
        raise ModelError(
            f"Ollama does not convert models of the kind {facts.architecture}, and Tuneworth writes a GGUF only if the base "
            "model came from one.\nExport with --format llama.cpp, convert the merged folder as its README says, and serve it "
            "with llama-server."
        )
    parts = Parts(weights={gguf.name: gguf} if gguf else {"merged": merged}, stripped=found.trims)
    parts.number_format = "Q8_0" if gguf else str((read_record(merged) or {}).get("dtype", ""))
    parts.texts["Modelfile"] = modelfile(
        f"./{next(iter(parts.weights))}", template=template, stops=facts.stops, context=model.context,
        max_tokens=model.recorded.max_new_tokens, temperature=model.recorded.temperature,
    )  # fmt: skip
    parts.before = (f"ollama create {model.name} -f Modelfile",)
    parts.command = ["ollama", "run", model.name]
    return parts


def _check_requests(model: JudgedModel, template: str, trims: frozenset[str]) -> None:
    """Check that Ollama writes every judged request as the model's own template does. Raises: ModelError if it does not."""
    begin = model.facts.begin_token if model.facts.adds_begin else ""
    for chat in model.chats:
        made = begin + ollama_prompt(template, trimmed(chat, trims))
        if made != (wanted := model.facts.render(chat)):
            raise ModelError(
                f"Ollama's template language cannot write this model's prompts: {made!r} instead of {wanted!r}.\n"
                "Export with --format llama.cpp or vllm, which use the model's own template."
            )


# --- weights ----------------------------------------------------------------------------------------------------


def _merged(model: JudgedModel, *, gguf: bool) -> tuple[Path, Path | None]:
    """The merged model of the run's adapter and its GGUF, if one can be made; what is missing or of another adapter is made.

    Raises: ModelError for an adapter that this run did not train, or as `merge_run`.
    """
    run, adapter = model.run, model.facts.adapter
    if adapter.resolve() != run.adapter.resolve():
        raise ModelError(
            f"the judged adapter {adapter} was not trained in this run, so it is not merged here.\n"
            "Export it for vLLM with --weights adapter, or merge it in the run that trained it."
        )
    folder, files = run.folder / "train", {"merged": "config.json", "gguf": "tuned-q8_0.gguf"}
    digest = sha256_file(adapter / "adapter_model.safetensors")
    wanted = ["merged", "gguf"] if gguf and model.facts.embedded else ["merged"]
    missing = [
        name
        for name in wanted
        if (read_record(folder / name) or {}).get("adapter_sha256") != digest
        or not (folder / name / files[name]).is_file()
    ]
    if missing:
        from ..training.training import merge_run

        run.talk.note("export: merging the adapter into the base model")
        merge_run(run, gguf="gguf" in missing)
    return folder / "merged", folder / "gguf" / files["gguf"] if "gguf" in wanted else None


# --- the folder -------------------------------------------------------------------------------------------------


def _check_place(place: Path) -> tuple[str, ...]:
    """The names of an earlier export in a folder, which are replaced. Raises: ConfigError if it holds anything else."""
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return ()
    record = read_object(place / RECORD)
    if record.get("schema") != SCHEMA:
        raise ConfigError(
            f"{place} exists and is not an earlier export for a server\nName a new or empty folder with --out."
        )
    return tuple(str(name).split("/")[0] for name in record.get("files") or {})


def _record(model: JudgedModel, server: str, parts: Parts) -> dict[str, Any]:
    """The content of serving.json: what the folder holds, for programs."""
    facts = model.facts
    sizes = {name: len(text.encode()) for name, text in parts.texts.items()}
    for name, source in parts.weights.items():
        sizes |= {to: file.stat().st_size for to, file in _files(name, source)}
    return {
        "schema": SCHEMA,
        "server": server,
        "run": model.run.name,
        "model": model.name,
        "base": facts.base,
        "adapter_sha256": sha256_file(facts.adapter / "adapter_model.safetensors"),
        "number_format": parts.number_format,
        "template": TEMPLATE,
        "begin_token": facts.begin_token,
        "stop_ids": list(facts.stop_ids),
        "stops": list(facts.stops),
        "context": model.context,
        "settings": model.settings,
        "fields": list(model.shape.fields),
        "before": list(parts.before),
        "command": parts.command,
        "files": dict(sorted(sizes.items())),
    }


def _files(name: str, source: Path) -> Iterator[tuple[str, Path]]:
    """The files of a file or a folder of weights, each with its name in the export."""
    if source.is_file():
        yield name, source
        return
    yield from ((f"{name}/{file.name}", file) for file in sorted(source.iterdir()) if file.is_file())


def _check_disk(place: Path, parts: Parts) -> None:
    """Raises: RunBroken if the disk has no room for what has to be copied."""
    near = next(at for at in (place, *place.absolute().parents) if at.exists())
    copied = [
        file.stat().st_size
        for name, source in parts.weights.items()
        for _, file in _files(name, source)
        if file.suffix not in LINKED or file.stat().st_dev != near.stat().st_dev
    ]
    needed, free = sum(copied) + sum(len(text.encode()) for text in parts.texts.values()), free_bytes(place)
    if free < needed:
        raise RunBroken(
            f"{place} cannot be written: it needs {say.size(needed)}, but only {say.size(free)} is free there.\n"
            "Free some space, or export to the disk of the run, where the weights need no copy."
        )


def _write(folder: Path, parts: Parts) -> None:
    for name, source in parts.weights.items():
        for to, file in _files(name, source):
            _put(file, folder / to)
    for name, text in parts.texts.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
        if name.endswith(".sh"):
            target.chmod(target.stat().st_mode | 0o111)


def _put(file: Path, target: Path) -> None:
    """A hard link to a file of weights; a copy of other files, and where the disk has no links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix in LINKED:
        try:
            os.link(file, target)
            return
        except OSError:  # another disk, or one without links
            pass
    shutil.copyfile(file, target)
