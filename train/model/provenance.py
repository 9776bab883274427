"""The provenance of an adapter, stored with its weights in `tuneworth.json`, and its model card."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import disk_refusals, read_stored, say, sha256_file, write_whole
from .chat import end_of_turn

if TYPE_CHECKING:
    import jinja2

    from .load import LoadedModel

Table = Mapping[str, Any]

RECORD = "tuneworth.json"
SCHEMA = "tuneworth/adapter/1"
PACKAGES = ("tuneworth", "torch", "transformers", "peft")


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """Facts about an adapter beyond its fit; None if unknown.

    `rows_read` and `rows_kept` are those of the curation, `style` the name of the style schema, `licence` that of the
    adapter, which only its publisher can state. `max_new_tokens` is the limit of an answer, `fields` the order of the
    fields in a request.
    """

    project: str | None = None
    style: str | None = None
    rows_read: int | None = None
    rows_kept: int | None = None
    test_pairs: int | None = None
    licence: str | None = None
    max_new_tokens: int | None = None
    fields: tuple[str, ...] = ()


def run_facts(run: Path, *, max_new_tokens: int | None = None, fields: tuple[str, ...] = ()) -> CardFacts:
    """The facts in a run folder, from `run.json` and `curate/summary.json`, as far as they exist."""
    data = read_stored(run / "curate" / "summary.json", "curate/summary.json")
    return CardFacts(
        project=read_stored(run / "run.json", "run.json").get("project") or None,
        style=(data.get("style") or {}).get("name") or None,
        rows_read=data.get("rows_read"),
        rows_kept=(data.get("outcomes") or {}).get("kept"),
        test_pairs=(data.get("splits") or {}).get("test"),
        max_new_tokens=max_new_tokens,
        fields=fields,
    )


def adapter_record(model: "LoadedModel", training: Mapping[str, Any], facts: CardFacts) -> dict[str, Any]:
    """The content of `tuneworth.json`: no times and no paths, so that the same fit gives the same file.

    `training` is the fit's `TrainResult.summary`.
    """
    kept = (
        "steps", "best_step", "stopped_early", "train_loss", "validation_loss", "trainable_parameters", "longest_tokens"
    )  # fmt: skip
    return {
        "schema": SCHEMA,
        "base": base_record(model),
        "licence": facts.licence,
        "project": facts.project,
        "style": facts.style,
        "request": {
            "fields": list(facts.fields),
            "stop": model.tokenizer.convert_ids_to_tokens(end_of_turn(model.tokenizer)),
        },
        "data": {
            "rows_read": facts.rows_read,
            "rows_kept": facts.rows_kept,
            "train": training["train_pairs"],
            "validation": training["validation_pairs"],
            "test": facts.test_pairs,
        },
        "settings": {name: value for name, value in training["settings"].items() if name != "model"},
        "training": {name: training[name] for name in kept},
        "versions": _versions(),
    }


def base_record(model: "LoadedModel") -> dict[str, Any]:
    """The base model: its name (for a local folder its last part, never a path), weights, licence, number format."""
    local = model.path == Path(model.name)
    return {
        "name": Path(model.name).resolve().name if local else model.base_name,
        "local": local,
        "embedded": not local and model.base_name != model.name,
        "sha256": model.sha256,
        "licence": model.licence,
        "dtype": model.dtype,
        "quantised": model.quantised,
        "template": model.template,
        "architecture": type(model.model).__name__,
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of an adapter or a merged model; None if another tool made it."""
    table = read_stored(folder / RECORD, "train/adapter/tuneworth.json")
    schema = table.get("schema")
    return table if isinstance(schema, str) and schema.startswith("tuneworth/") else None


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `tuneworth.json`, and the model card with the same content."""
    write_whole(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_whole(folder / "README.md", model_card(record))


def _versions() -> dict[str, str]:
    from importlib import metadata
    from platform import python_version

    found = {"python": python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def refresh_card(run: Path) -> None:
    """Add the scores of a run's `results.json` to its adapter's folder and to the card, which is rewritten.

    The same for models merged from this very adapter. Does nothing if there is no adapter of ours, or if
    the results are of something else. Raises RunBroken if the disk fails.
    """
    adapter = run / "train" / "adapter"
    record, results = read_record(adapter), _results(run)
    scores = None if record is None or results is None else _scores_of(results, base=record["base"]["sha256"])
    if scores is None:
        return
    digest = sha256_file(adapter / "adapter_model.safetensors")
    with disk_refusals(run):
        for folder in (adapter, run / "train" / "merged", run / "train" / "gguf"):
            made = read_record(folder)
            if made is not None and made.get("adapter_sha256", digest) == digest:
                write_record(folder, {**made, "scores": scores})


def _results(run: Path) -> Table | None:
    try:
        table = json.loads((run / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table if isinstance(table, dict) else None


def _scores_of(results: Table, *, base: str) -> dict[str, Any] | None:
    """The card's summary of the results; None if no variant is an adapter on these base weights."""
    model = (results.get("provenance") or {}).get("model") or {}
    quality, sources = results.get("quality") or {}, results.get("variants") or {}
    own = next((name for name in quality if (sources.get(name) or {}).get("source") == "adapter"), None)
    if own is None or model.get("sha256", base) != base:
        return None
    variants = {name: {key: values.get(key) for key in ("n", *SHARES)} for name, values in quality.items()}
    return {"own": own, "sentence": (results.get("verdict") or {}).get("sentence"), "variants": variants}


# --- the model card -------------------------------------------------------------------------------------------------

# Not allowed in a text file: control characters, bidirectional overrides, lone surrogates, tags.
UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
MARKDOWN = re.compile(r"([\\`*_\[\]|~$#@])")
SHARES = ("acceptable", "consistent", "faithful")
LICENCE_KEY = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")  # the shape of the hub's licence identifiers


def model_card(record: Table) -> str:
    """Describes the model, its training data, its scores, and how to load it: Markdown, safe for arbitrary texts.

    `record` is the content of `tuneworth.json`: of an adapter, or of a model made from one (`merged`, `gguf`).
    """
    template = _environment().get_template("model_card.md.j2")
    return template.render(
        record,
        front_matter=_front_matter(record),
        name=_plain(record["base"]["name"]),
        data=record.get("data") or {},
        settings=record.get("settings") or {},
    )


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,  # `plain` escapes what Markdown would read as markup
    )  # fmt: skip
    environment.filters |= {
        "plain": _plain,
        "number": "{:,}".format,
        "python": lambda text: json.dumps(_line(text), ensure_ascii=False),
        "share": _share,
    }
    return environment


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


def _share(quality: Table, name: str) -> str:
    """One of a variant's shares with its interval, or why there is none."""
    found = quality.get(name) or {}
    if found.get("share") is None:
        scored = (quality.get("acceptable") or {}).get("share") is not None
        return "not checked" if scored else "not scored"
    low, high = found.get("low"), found.get("high")
    span = "" if low is None or high is None else f" ({say.percent_range(low, high)})"
    return f"{say.percent(found['share'])}{span}"


def _line(text: Any) -> str:
    """The text on one line, without characters that control a terminal or the direction of writing."""
    return UNPRINTABLE.sub("\ufffd", " ".join(str(text).split()))


def _plain(text: Any) -> str:
    """The text escaped for Markdown: no markup, no links, no mentions."""
    safe = _line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKDOWN.sub(r"\\\1", safe).replace("://", ":\\/\\/").replace("www.", "www\\.")
