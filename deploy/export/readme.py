"""The README of an exported folder: how to start the server, and exactly what an application has to send."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from ...core import printable, say
from .judged import JudgedModel
from .parts import Parts

__all__ = ["check_command", "readme"]

TITLES = {"ollama": "Ollama", "vllm": "vLLM", "llama.cpp": "llama.cpp"}
# What the application has to do itself if the verdict is about more than the model's own answers, by kind of variant.
FURTHER = {
    "repair": "the answers were repaired by the style before they were scored. The application has to do the same "
    "(`tuneworth.style.repair` in Python, `tuneworth fix` for files).",
    "retry": "an answer that breaks a rule of the style was requested again, with the rules named. The application has to do "
    "the same.",
    "cascade": "if this model's answer breaks a rule of the style, another variant answers. The application has to check the "
    "answer and call the other one.",
}
ADDRESSES = {"ollama": "http://127.0.0.1:11434", "vllm": "http://127.0.0.1:8000", "llama.cpp": "http://127.0.0.1:8080"}


def readme(model: JudgedModel, server: str, parts: Parts) -> str:
    """The README in Markdown. Commands run in the exported folder, except the check, which runs in the project."""
    return "\n\n".join(_sections(model, server, parts)) + "\n"


def _sections(model: JudgedModel, server: str, parts: Parts) -> Iterator[str]:
    judged, facts = model.recorded, model.facts
    yield f"# {model.name} on {TITLES[server]}"
    yield (
        f"The model that run `{model.run.name}` judged as {code(judged.variant.name)}: {code(facts.base)} with the LoRA of that "
        f"run, {_weights(parts)}. `serving.json` has the same facts for programs."
    )
    yield from _apart(model, parts)
    yield "## Start it"
    yield from _start(model, server, parts)
    yield "## What the application sends"
    yield from _request(model)
    yield from _example(model, server)
    yield "## Settings"
    yield "\n".join(
        ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in _settings(model, server, parts))]
    )
    yield "## Check what is served"
    yield "In the project's folder, with the server running:"
    yield fenced(check_command(model, server, run=f"runs/{model.run.name}"), "sh")
    yield "It sends the test requests and reports whether the answers are the judged ones and, if not, why."


def _apart(model: JudgedModel, parts: Parts) -> Iterator[str]:
    """How the served model differs from what the verdict is about."""
    rounded = parts.number_format != model.facts.dtype  # at judging the adapter was merged in the model's own format
    if rounded and parts.same_token_share is not None and parts.same_token_share < 1:
        yield (
            f"Writing the weights in {parts.number_format} rounds them: the most likely token was the adapter's at "
            f"{say.percent(parts.same_token_share)} of the positions compared, so some answers differ from the judged ones."
        )
    results = model.recorded.results
    candidate = str((results.get("comparison") or {}).get("candidate") or model.recorded.variant.name)
    way = ((results.get("variants") or {}).get(candidate) or {}).get("way")
    if candidate != model.recorded.variant.name and way in FURTHER:
        yield f"The verdict is about {code(candidate)}: {FURTHER[way]}"


def check_command(model: JudgedModel, server: str, *, run: str) -> str:
    """The command that compares the server's answers with the judged ones."""
    return f"tuneworth serve-check {shlex.quote(run)} --endpoint {ADDRESSES[server]}/v1 --model {model.name}"


def _weights(parts: Parts) -> str:
    merged = "adapter" not in parts.weights and parts.lora_source is None
    return f"{'merged into its weights' if merged else 'as a separate adapter'}, in {parts.number_format}"


def _start(model: JudgedModel, server: str, parts: Parts) -> Iterator[str]:
    if server == "ollama":
        yield fenced("\n".join(parts.before), "sh")
        yield (
            "Then the model answers on Ollama's own address. The Modelfile has the chat template in Ollama's language; it "
            f"was compared with the model's own template on {say.count(len(model.chats))} judged requests and on chats with "
            "unusual texts, and gives the same bytes."
        )
        return
    if parts.before:
        yield "Once, with the script of a llama.cpp checkout:"
        yield fenced("\n".join(parts.before), "sh")
    yield fenced("./start.sh", "sh")
    yield (
        "It listens on this machine only. Options that you add override those in the script: `./start.sh --host 0.0.0.0` "
        "also serves other machines; then protect it with a key or a proxy."
    )
    if server == "llama.cpp":
        yield (
            f"It answers four requests at once, which share `--ctx-size`: with another `--parallel`, provide "
            f"{say.count(model.context)} tokens for each."
        )
    if server == "vllm":
        yield (
            "`generation/` replaces the base model's generation settings, which vLLM would apply otherwise: it sets the "
            "temperature, the tokens that end an answer, and its maximum length."
        )


def _request(model: JudgedModel) -> Iterator[str]:
    shape = model.shape
    guide = model.recorded.variant.guide
    yield " ".join(_opening(model))
    if shape.given:
        yield "The user message has a line `name: value` for each field." + " ".join(["", *_rules(model)])
        yield _field_table(model)
    if shape.texts:
        many = "The inputs" if not shape.given else f"{say.count(shape.texts)} inputs of {say.count(shape.pairs)}"
        yield f"{many} are texts without fields: the user message is the text exactly as in the data, with nothing around it."
    if model.in_user_turn:
        yield (
            "The chat template has no system role: the system message goes at the beginning of the first user message, "
            "followed by an empty line."
        )
    if guide and len(guide) < 2000:
        yield "The system message:"
        yield fenced(guide, "text")
    yield "`request.py` builds these requests from records; it only needs Python 3.9 or later:"
    fields = model.example[1]
    yield fenced(f"python request.py {shlex.quote(json.dumps(fields, ensure_ascii=False))}", "sh")


def _opening(model: JudgedModel) -> Iterator[str]:
    variant, shape = model.recorded.variant, model.shape
    if variant.guide is None and not shape.own_system:
        yield (
            "One user message, and no style guide: the model has learnt the style, and a guide in the prompt would change its "
            "answers."
        )
        if default := _default_system(model):
            yield f"No system message either: the chat template adds its own ({code(default)})."
    elif variant.guide is not None:
        yield "The system message that the model was judged with, and one user message."
    if shape.own_system:
        yield (
            "The pairs have their own system messages: send each request with its own (`body(record, system)` in "
            "request.py)."
        )
    if variant.examples:
        yield f"The request follows {say.count(len(variant.examples), 'worked example')}, which request.py adds."
    if variant.constraint is not None:
        yield (
            "When it was judged, the model could only generate outputs that the style allows (`constrained = true`): apply the "
            "same constraint in the request."
        )


def _default_system(model: JudgedModel) -> str:
    from ...core import ModelError

    try:
        return model.facts.format().default_system
    except ModelError:
        return ""


def _rules(model: JudgedModel) -> Iterator[str]:
    shape = model.shape
    yield (
        "The order is that of the table."
        if shape.fields
        else "The order is that of each record, since the pairs have no common order."
    )
    yield "A field that is empty or null is left out, with its line."
    if "list" in shape.kinds:
        yield "A list is joined by a comma and a space; an empty list counts as empty."
    if "object" in shape.kinds:
        yield "An object is written as JSON without spaces."
    if "truth value" in shape.kinds:
        yield "Truth values are `true` and `false`."
    if identifiers := model.run.project.data.identifiers:
        names = ", ".join(map(code, identifiers))
        yield f"Identifiers ({names}) are sent as they are given, with their capitals and punctuation."
    if model.run.project.curate.mask:
        yield "Personal data were masked in the pairs, so the model has never seen any: mask them the same way before sending."


def _field_table(model: JudgedModel) -> str:
    shape, record = model.shape, model.example[1]
    shown: dict[str, Any] = record if isinstance(record, dict) else {}
    rows = ["| field | given in | example |", "|---|---|---|"]
    for name in shape.fields or shape.given:
        value = shown.get(name)
        example = code(json.dumps(value, ensure_ascii=False)) if value not in (None, "", []) else ""
        rows.append(f"| {code(name)} | {say.percent(shape.given.get(name, 0) / shape.pairs)} | {example} |")
    return "\n".join(rows)


def _example(model: JudgedModel, server: str) -> Iterator[str]:
    messages, _, answer = model.example
    body = json.dumps({"model": model.name, "messages": messages, **model.settings}, ensure_ascii=False)
    url = f"{ADDRESSES[server]}/v1/chat/completions"
    yield "A complete request from the test pairs:"
    yield fenced(f"curl {url} -H 'Content-Type: application/json' -d {shlex.quote(body)}", "sh")
    yield "The judged answer:"
    yield fenced(answer, "text")


def _settings(model: JudgedModel, server: str, parts: Parts) -> Iterator[tuple[str, str]]:
    judged, facts = model.recorded, model.facts
    stops = ", ".join(f"{code(text)} (token {id})" for text, id in zip(facts.stops, facts.stop_ids, strict=True))
    yield "temperature", f"{judged.temperature:g}"
    yield "maximum tokens of an answer", say.count(judged.max_new_tokens)
    yield "an answer ends with", stops
    who = "which the server adds to every text" if facts.adds_begin else "which the template writes"
    begins = f"{code(facts.begin_token)}, {who}; it must not be added twice"
    yield "a chat starts with", begins if facts.begin_token else "no token of its own"
    yield (
        "chat template",
        "`chat_template.jinja`" + (", and in Ollama's language in `Modelfile`" if server == "ollama" else ""),
    )
    yield (
        "context",
        f"{say.count(model.context)} tokens for each request; the longest judged request has {say.count(model.longest)}, the "
        f"model takes {say.count(facts.context)}",
    )
    yield "number format", parts.number_format


# --- external texts ---------------------------------------------------------------------------------------------


def code(text: str) -> str:
    """The text as inline code that fits a table, whatever it contains."""
    flat = printable(" ".join(str(text).split())).replace("|", "\\|")
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    padding = " " if flat.startswith("`") or flat.endswith("`") or not flat else ""
    return f"{ticks}{padding}{flat}{padding}{ticks}"


def fenced(text: str, language: str) -> str:
    """The text as a block of code whose fence is longer than any in the text."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}{language}\n{text}\n{ticks}"
