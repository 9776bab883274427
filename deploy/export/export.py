"""Exports a judged model with everything that a server needs: weights, template, stops, the command, instructions."""

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core import (
    ConfigError,
    Console,
    ModelError,
    RunBroken,
    check_digests,
    disk_refusals,
    free_bytes,
    read_stored,
    say,
    sha256_file,
    whole_folder,
    write_whole,
)
from ...project import QUIET, Run
from ...train import FAMILY, check_plain, interleaved
from . import request_file
from .model import JudgedModel, RequestShape, judged_model
from .readme import check_command, readme
from .servers import LORA, TEMPLATE, Parts, Weights, parts_of

SERVERS = ("ollama", "vllm", "llama.cpp")
RECORD, SCHEMA = "serving.json", "tuneworth/serving/1"
MARKS = ("# --- of this model ---\n", "# --- end ---\n")  # around the constants of request.py
LINKED = (".safetensors", ".gguf")  # weights, which are never changed in place, so hard links are safe


@dataclass(frozen=True)
class ServingExport:
    """An exported folder, the server it is for, the commands that start and check it, and cautions."""

    run: Path
    folder: Path
    server: str
    command: tuple[str, ...]
    check: str
    cautions: tuple[str, ...]


def export_serving(
    run: str | Path | Run, server: str, *, out: str | Path | None = None, weights: Weights | None = None,
    talk: Console = QUIET,
) -> ServingExport:  # fmt: skip
    """Write the judged model of a run for `ollama`, `vllm` or `llama.cpp`; by default into RUN/export/SERVER.

    `weights`: the adapter merged into the base model (the default, except for vLLM), or separate. A model that is not merged
    yet is merged first. The folder is written completely or not at all, and always with the same bytes.

    Raises: ConfigError for a folder that holds something else; DataError and ModelError if there is no tuned model to
    export, or the server cannot serve it as judged; RunBroken if the disk is too small.
    """
    opened = Run.of(run, talk=talk)
    check_digests(opened.folder)
    place = Path(out) if out is not None else opened.folder / "export" / server
    earlier = _check_place(place)
    model = judged_model(opened)
    parts = parts_of(model, server, weights)
    parts.texts[TEMPLATE] = model.facts.template
    parts.texts["request.py"] = request_script(
        model.shape, model=model.name, settings=model.settings, stripped=parts.stripped, in_user_turn=model.in_user_turn
    )
    parts.texts["README.md"] = readme(model, server, parts)
    _check_disk(place, model, parts)
    names = (*earlier, *(name.split("/")[0] for name in parts.texts), *parts.weights, LORA, RECORD)
    with disk_refusals(place), whole_folder(place, names) as folder:
        _write(folder, model, parts)
    check = check_command(model, server, run=str(opened.folder))
    return ServingExport(opened.folder, place, server, tuple(parts.command), check, tuple(parts.cautions))


def request_script(
    shape: RequestShape, *, model: str, settings: Mapping[str, Any], stripped: Iterable[str], in_user_turn: bool
) -> str:
    """The content of request.py: `request_file` with the constants of this model."""
    source = Path(request_file.__file__).read_text(encoding="utf-8")
    begin, rest = source.split(MARKS[0])
    constants = {
        "MODEL": model,
        "FIELDS": list(shape.fields),
        "BEFORE": list(shape.before),
        "GUIDE": shape.guide,
        "SETTINGS": dict(settings),
        "STRIPPED": sorted(stripped),
        "IN_USER_TURN": in_user_turn,
    }
    lines = "".join(f"{name} = {value!a}\n" for name, value in constants.items())
    return begin + MARKS[0] + lines + MARKS[1] + rest.split(MARKS[1])[1]


# --- the folder -------------------------------------------------------------------------------------------------


def _check_place(place: Path) -> tuple[str, ...]:
    """The files of an earlier export in the folder, which will be replaced. Raises: ConfigError if it holds others."""
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return ()
    record = read_stored(place / RECORD, "export/SERVER/serving.json")
    if record.get("schema") != SCHEMA:
        raise ConfigError(
            f"{place} exists and is not an earlier export for a server\nName a new or empty folder with --out."
        )
    return tuple(str(name).split("/")[0] for name in record.get("files") or {})


def _record(model: JudgedModel, parts: Parts, folder: Path) -> dict[str, Any]:
    """The content of serving.json, which describes the folder for programs."""
    facts, files = model.facts, sorted(file for file in folder.rglob("*") if file.is_file())
    return {
        "schema": SCHEMA,
        "server": parts.server,
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
        "files": {file.relative_to(folder).as_posix(): file.stat().st_size for file in files},
    }


def _files(name: str, source: Path) -> Iterator[tuple[str, Path]]:
    """The files of a file or a folder of weights, each with its name in the export."""
    if source.is_file():
        yield name, source
        return
    yield from ((f"{name}/{file.name}", file) for file in sorted(source.iterdir()) if file.is_file())


def _check_disk(place: Path, model: JudgedModel, parts: Parts) -> None:
    """Raises: RunBroken if the disk has no room for the files that must be copied."""
    near = next(at for at in (place, *place.absolute().parents) if at.exists())
    copied = [
        file.stat().st_size
        for name, source in parts.weights.items()
        for _, file in _files(name, source)
        if file.suffix not in LINKED or file.stat().st_dev != near.stat().st_dev
    ]
    if parts.lora_source:
        copied.append((model.facts.adapter / "adapter_model.safetensors").stat().st_size)
    needed, free = sum(copied) + sum(len(text.encode()) for text in parts.texts.values()), free_bytes(place)
    if free < needed:
        raise RunBroken(
            f"{place} cannot be written: it needs {say.size(needed)}, but only {say.size(free)} is free there.\n"
            "Free some space, or export to the disk of the run, where the weights need no copy."
        )


def _write(folder: Path, model: JudgedModel, parts: Parts) -> None:
    for name, source in parts.weights.items():
        for to, file in _files(name, source):
            _link_or_copy(file, folder / to)
    if parts.lora_source:
        write_lora_gguf(model.facts.adapter, folder / LORA, source=parts.lora_source)
    for name, text in parts.texts.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
        if name.endswith(".sh"):
            target.chmod(target.stat().st_mode | 0o111)
    write_whole(folder / RECORD, json.dumps(_record(model, parts, folder), indent=1, ensure_ascii=False) + "\n")


def _link_or_copy(file: Path, target: Path) -> None:
    """Hard-link a file of weights; copy any other file, and any file where links are not possible."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix in LINKED:
        try:
            os.link(file, target)
            return
        except OSError:  # another disk, or one without hard links
            pass
    shutil.copyfile(file, target)


# --- the adapter as GGUF ------------------------------------------------------------------------------------------

# Layout: llama.cpp, convert_lora_to_gguf.py. A tensor has its base tensor's name with `.lora_a` (rank, inputs) or `.lora_b`
# (outputs, rank); the rows of q's and k's `.lora_b` are in llama.cpp's order for rotation, as those of the base model are.
PREFIX = "base_model.model."


def write_lora_gguf(adapter: Path, file: Path, *, source: Path) -> None:
    """Write the adapter for the base model in the GGUF `source`, in fp32: nothing is rounded.

    The same adapter gives the same bytes. Raises: ModelError if the base model is of another family than Llama, or a tensor
    does not belong to it.
    """
    import gguf
    from safetensors.numpy import load_file

    config, reader = check_plain(adapter), gguf.GGUFReader(source)
    base = {name: field.contents() for name, field in reader.fields.items() if name.startswith(("general.", FAMILY))}
    if base["general.architecture"] != FAMILY:
        raise ModelError(f"{source} is of the family {base['general.architecture']!r}; only {FAMILY!r} can be written.")
    shapes = {tensor.name: tuple(int(n) for n in reversed(tensor.shape)) for tensor in reader.tensors}
    writer = gguf.GGUFWriter(file, FAMILY)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", _alpha(config))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, base[f"{FAMILY}.block_count"])
    for name, values in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        layer, _, part = name.removeprefix(PREFIX).rpartition(".lora_")
        known = names.get_name(layer)
        side = 1 if part == "A.weight" else 0  # A has the inputs, B the outputs of the base tensor
        if known is None or values.shape[side] != shapes.get(f"{known}.weight", (0, 0))[side]:
            raise ModelError(f"{source} does not belong to the adapter: it has no layer for {name}.")
        heads = _heads(known, base) if side == 0 else None
        writer.add_tensor(f"{known}.weight.lora_{'ba'[side]}", values if heads is None else interleaved(values, heads))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _alpha(config: Mapping[str, Any]) -> float:
    """llama.cpp divides by the rank; a rank-stabilised adapter divides by its root."""
    return float(config["lora_alpha"]) * (math.sqrt(config["r"]) if config.get("use_rslora") else 1.0)


def _heads(name: str, base: Mapping[str, Any]) -> int | None:
    """The number of heads of a tensor whose rows llama.cpp reorders; None for the others."""
    key = {"attn_q": "head_count", "attn_k": "head_count_kv"}.get(name.rpartition(".")[2])
    return None if key is None else int(base[f"{FAMILY}.attention.{key}"])
