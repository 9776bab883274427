"""The outputs of variants: the table that all share, one variant's before they are scored, and as a run keeps them."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import damage, damage_is_named, read_stored, read_stored_table, say, write_whole
from ..results import TemplateFacts, VariantRecord
from ..rivals.nearest import NearestExamples
from ..settings import EvaluateSettings, VariantSettings
from ..variants import Variant

# One row per pair and sample, in the order of the pairs, then samples 0 to k-1. If `output` and `error` are null, the
# variant gave no output; `error` is a transport failure after all retries, so the output is unscored.
# `input_tokens` include cached tokens, `output_tokens` include reasoning tokens.
OUTPUT_SCHEMA = {
    "id": pl.String, "variant": pl.String, "sample": pl.Int64, "output": pl.String, "input_tokens": pl.Int64,
    "cached_tokens": pl.Int64, "output_tokens": pl.Int64, "reasoning_tokens": pl.Int64, "seconds": pl.Float64,
    "finish_reason": pl.String, "model": pl.String, "error": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Raced:
    """One variant's outputs (columns of OUTPUT_SCHEMA), and the tokens of its prompt without a request, of its guide, and
    of its examples; None if they were not counted. `refused` are the settings that an endpoint does not accept, `doubt` says
    why its token counts, which are left out then, cannot be true."""

    outputs: pl.DataFrame
    fixed_tokens: int | None
    guide_tokens: int | None
    few_shot_tokens: int | None = None
    refused: tuple[str, ...] = ()
    doubt: str | None = None


CUT, WITHHELD = "length", "content_filter"
KNOWN = {
    "stop": ("stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete", "completed", "finish"),
    CUT: ("length", "max_tokens", "max_output_tokens", "max_length", "model_length", "token_limit",
          "model_context_window_exceeded", "context_length_exceeded"),
    WITHHELD: ("content_filter", "content_filtered", "safety", "refusal", "recitation", "blocklist",
                "prohibited_content", "guardrail_intervened", "error_toxic"),
    "tool_calls": ("tool_calls", "tool_call", "tool_use", "function_call"),
}  # fmt: skip
_WORD = {word: reason for reason, words in KNOWN.items() for word in words}


def finish_word(value: Any) -> str | None:
    """stop, length, content_filter or tool_calls if the provider's word is known, otherwise the word itself.

    >>> finish_word("MAX_TOKENS"), finish_word("FinishReason.STOP"), finish_word("end_turn"), finish_word("")
    ('length', 'stop', 'stop', None)
    """
    text = str(value).strip() if value is not None else ""
    # Enums of client libraries print with the name of their class.
    return _WORD.get(text.rpartition(".")[2].casefold(), text) or None


# --- one variant before scoring ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Raw:
    """One variant before scoring: its outputs in the order of the pairs, and facts about its prompt and model.

    `count_tokens` counts the tokens of texts with the variant's own tokenizer, if there is one. `calls` is the number of
    calls for each output where that is not one. `cascade` has the two variants that a cascade is made of; its own tokens
    and seconds are sums over both. `doubt` says why an endpoint's token counts are not used.
    """

    variant: Variant
    outputs: pl.DataFrame
    fixed_tokens: float | None = None
    guide_tokens: int | None = None
    model: str | None = None
    settings: Mapping[str, Any] | None = None
    few_shot_tokens: int | None = None
    refused: tuple[str, ...] = ()
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None
    calls: pl.Series | None = None
    cascade: "Cascade | None" = None
    doubt: str | None = None
    template: TemplateFacts | None = None

    @property
    def record(self) -> VariantRecord:
        """The variant as the results describe it."""
        variant = self.variant
        return VariantRecord(
            source=variant.source,
            way=variant.way,
            of=list(variant.of),
            model=self.model,
            endpoint=variant.endpoint,
            tuned=variant.tuned,
            repair=variant.settings.repair,
            guide=variant.guide_origin,
            guide_tokens=self.guide_tokens,
            few_shot=variant.few_shot,
            settings=self.settings if self.settings and variant.source != "outputs" else None,
            refused_settings=list(self.refused),
            doubtful_counts=self.doubt,
            file=variant.file.name if variant.file else None,
            search=variant.search,
            template=self.template,
        )

    def without(self, ids: Collection[str]) -> "Raw":
        """The variant without its outputs for these pairs."""
        kept = ~self.outputs["id"].is_in(ids)
        calls = None if self.calls is None else self.calls.filter(kept)
        return replace(self, outputs=self.outputs.filter(kept), calls=calls)


@dataclass(frozen=True)
class Cascade:
    """Two variants, the second the fallback of the first; `sent` says for each output whether the second was needed."""

    first: Raw
    second: Raw
    sent: pl.Series


# --- as a run keeps them -----------------------------------------------------------------------------------------

FILE, OUTPUTS = "variants.json", "evaluate/outputs.jsonl"
_OWN = ("name", "source", "guide", "guide_origin", "model", "endpoint", "tuned", "way")
_MEASURED = ("fixed_tokens", "guide_tokens", "few_shot_tokens")
Counter = Callable[[Sequence[str]], Sequence[int]]


def write_raws(raws: Sequence[Raw], folder: Path) -> None:
    """Write `variants.json`: all facts about each variant but its outputs, which outputs.jsonl has."""
    text = json.dumps([_plain(raw) for raw in raws], ensure_ascii=False, indent=2, default=float)
    write_whole(folder / FILE, text.encode("utf-8", errors="replace"))


def _plain(raw: Raw) -> dict[str, Any]:
    variant = raw.variant
    return {
        **{key: getattr(variant, key) for key in _OWN},
        "of": list(variant.of),
        "system_role": variant.system_role,
        "examples": [list(pair) for pair in variant.examples],
        "nearest": None if variant.nearest is None else variant.nearest.count,
        "file": None if variant.file is None else variant.file.name,
        "repair": variant.settings.repair,
        **{key: getattr(raw, key) for key in _MEASURED},
        "loaded_model": raw.model,
        "settings": None if raw.settings is None else dict(raw.settings),
        "refused": list(raw.refused),
        "doubt": raw.doubt,
        "counts_tokens": raw.count_tokens is not None,
        "calls": None if raw.calls is None else raw.calls.to_list(),
    }


def read_raws(
    folder: Path, *, settings: EvaluateSettings | None = None, counter: Callable[[str], Counter | None] | None = None
) -> list[Raw]:
    """The variants of an `evaluate` folder with their outputs as they came, before any repair.

    What can be decided after generating follows the `settings`: repair, fallback, template, and whether a variant counts
    as tuned. `counter` gives the token counter of a model.

    Raises: DataError if a file is missing or damaged.
    """
    file, kind = folder / FILE, f"evaluate/{FILE}"
    if not file.exists() and not file.is_symlink():
        raise damage(file, kind, "the file is missing, so nothing can be decided again")
    stored, lines = read_stored(file, kind), read_lines(folder / "outputs.jsonl")
    _check_complete(lines, [entry["name"] for entry in stored], folder / "outputs.jsonl")
    return [_raw(entry, lines, settings, counter) for entry in stored]


def _check_complete(lines: pl.DataFrame, names: Sequence[str], file: Path) -> None:
    """Raises: DataError if these variants were not asked the same requests, or one of their outputs is there twice."""
    own = lines.filter(pl.col("variant").is_in(names))
    if (twice := own.filter(pl.struct("variant", "id", pl.col("sample").fill_null(0)).is_duplicated())).height:
        raise damage(file, OUTPUTS, f'an output of "{twice["variant"][0]}" for "{twice["id"][0]}" is there twice')
    asked = {name: own.filter(pl.col("variant") == name)["id"].n_unique() for name in names}
    most = max(asked.values(), default=0)
    if names and not most:
        raise damage(file, OUTPUTS, "it has no output of any variant")
    if few := [name for name, count in asked.items() if count < most]:
        what = f'"{few[0]}" answers {say.count(asked[few[0]], "request")}, and others {most:,}'
        raise damage(file, OUTPUTS, f"{what}: lines are missing")


def _raw(
    stored: Mapping[str, Any], lines: pl.DataFrame, settings: EvaluateSettings | None,
    counter: Callable[[str], Counter | None] | None,
) -> Raw:  # fmt: skip
    outputs = lines.filter(pl.col("variant") == stored["name"]).select(list(OUTPUT_SCHEMA))
    model = stored["loaded_model"]
    return Raw(
        _variant(stored, settings),
        outputs,
        model=model,
        settings=stored["settings"],
        refused=tuple(stored["refused"]),
        doubt=stored.get("doubt"),
        count_tokens=counter(model) if counter is not None and stored["counts_tokens"] and model else None,
        calls=None if stored["calls"] is None else pl.Series(stored["calls"]),
        **{key: stored[key] for key in _MEASURED},
    )


def _variant(stored: Mapping[str, Any], settings: EvaluateSettings | None) -> Variant:
    name, own = stored["name"], {key: stored[key] for key in _OWN}
    table = VariantSettings(repair=stored["repair"])
    if settings is not None and name in settings.variants:
        table = settings.of(name)
        own["tuned"] = settings.is_tuned(name)
    shown = stored["nearest"]
    return Variant(
        **own,
        of=tuple(stored["of"]),
        examples=tuple((text, answer) for text, answer in stored["examples"]),
        file=None if stored["file"] is None else Path(stored["file"]),
        settings=table,
        system_role=stored.get("system_role", True),
        nearest=None if shown is None else NearestExamples(pl.DataFrame(schema={"id": pl.String}), shown),
    )


def read_lines(file: Path) -> pl.DataFrame:
    """The outputs of a file that a run wrote (columns of OUTPUT_SCHEMA, and `raw`), each as it came.

    Raises: DataError if it cannot be read.
    """
    schema = {**OUTPUT_SCHEMA, "raw": pl.String}
    kind = f"evaluate/{file.name}"
    with damage_is_named(file, kind):
        return read_stored_table(file, kind, schema).with_columns(output=pl.coalesce("raw", "output"))
