"""The README of an exported folder: how to start the server, and exactly what an application has to send.

Its text is `README.md.j2`; the sentences that depend on several facts are here.
"""

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from ...core import ModelError, printable, say
from .model import JudgedModel
from .servers import Parts

TITLES = {"ollama": "Ollama", "vllm": "vLLM", "llama.cpp": "llama.cpp"}
ADDRESSES = {"ollama": "http://127.0.0.1:11434", "vllm": "http://127.0.0.1:8000", "llama.cpp": "http://127.0.0.1:8080"}


def readme(model: JudgedModel, server: str, parts: Parts) -> str:
    """The README in Markdown. Commands run in the exported folder, except the check, which runs in the project."""
    judged, facts = model.recorded, model.facts
    messages, fields, answer = model.example
    compared = judged.results.comparison
    candidate = judged.variant.name if compared is None else compared.candidate
    described = judged.results.variants.get(candidate)
    share = parts.same_token_share
    return _template().render(
        model=model, judged=judged, facts=facts, parts=parts, shape=model.shape, server=server, title=TITLES[server],
        # At judging the adapter was merged in the model's own format.
        rounded=parts.number_format != facts.dtype and share is not None and share < 1,
        # The verdict may be about more than the model's own answers.
        candidate=candidate, way=None if candidate == judged.variant.name or described is None else described.way,
        prompt=list(_prompt_sentences(model)), field_rules=list(_field_rules(model)),
        fields=fields, record=fields if isinstance(fields, dict) else {}, answer=answer,
        address=ADDRESSES[server], body={"model": model.name, "messages": messages, **model.settings},
        stops=[f"{code(text)} (token {id})" for text, id in zip(facts.stops, facts.stop_ids, strict=True)],
        check=check_command(model, server, run=f"runs/{model.run.name}"),
    )  # fmt: skip


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, undefined=jinja2.StrictUndefined, autoescape=False,  # texts go through `code`, `fenced`
    )  # fmt: skip
    environment.globals |= {"say": say, "code": code, "fenced": fenced, "json": _json, "quote": shlex.quote}
    return environment.get_template("README.md.j2")


def check_command(model: JudgedModel, server: str, *, run: str) -> str:
    """The command that compares the server's answers with the judged ones."""
    return f"tuneworth serve-check {shlex.quote(run)} --endpoint {ADDRESSES[server]}/v1 --model {model.name}"


def _prompt_sentences(model: JudgedModel) -> Iterator[str]:
    """What goes before a request: a system message, examples."""
    variant, shape = model.recorded.variant, model.shape
    if variant.guide is not None:
        yield "The system message that the model was judged with, and one user message."
    elif not shape.own_system:
        yield (
            "One user message, and no style guide: the model has learnt the style, and a guide in the prompt would change its "
            "answers."
        )
        try:
            default = model.facts.format().default_system
        except ModelError:
            default = ""
        if default:
            yield f"No system message either: the chat template adds its own ({code(default)})."
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


def _field_rules(model: JudgedModel) -> Iterator[str]:
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


# --- external texts -----------------------------------------------------------------------------------------------


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


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
