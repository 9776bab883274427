"""The settings that influence the result, each with its source: stated, default, by rule, or measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ...evaluate.results import Results
from ..words import is_number, mapping

# A test checks these against the defaults of the commands.
DEFAULTS: dict[tuple[str, str], Any] = {
    ("curate", "near_duplicate"): 0.8,
    ("curate", "keep"): "best style",
    ("curate", "conflicts"): "quarantine",
    ("evaluate", "margin"): 0.03,
    ("evaluate", "max_pairs"): None,
}
# Setting: (name, effect); value and source come from the results.
_OUTPUTS = {
    "max_new_tokens": ("Longest answer", "longer answers are cut off and fail"),
    "temperature": ("Temperature", "randomness of the answers"),
    "samples": ("Answers per request", "more show how stable a variant is"),
}
_TRAINING = {
    "max_pairs": ("Most training pairs", "how many pairs were used"),
    "epochs": ("Epochs", "more fit the pairs better, but risk overfitting"),
    "learning_rate": ("Learning rate", "size of each training step"),
    "rank": ("LoRA rank", "capacity of the trained weights"),
}


@dataclass(frozen=True)
class Setting:
    """A setting with its value; `source` is stated, default, by rule or measured."""

    key: str
    words: str
    value: str
    source: str
    decides: str


def settings_of(results: Results, facts: Mapping[str, Any]) -> list[Setting]:
    """The settings that this run's results depend on; unknown values are omitted."""
    config = mapping(facts.get("config"))
    return [
        *_data(results, config),
        *_training(results, config),
        *_evaluation(results, config, known=bool(facts)),
        *_seed(facts),
        *_used(results),
    ]


def _data(results: Results, config: Mapping[str, Any]) -> list[Setting]:
    if results.data is None:
        return []
    threshold = f"{results.data.near_duplicate.threshold:g}"
    conflicts, keep = _value(config, "curate", "conflicts"), _value(config, "curate", "keep")
    words = {
        "near_duplicate": ("Similarity threshold", threshold, "which rows count as duplicates"),
        "keep": ("Copy kept", keep, "which of several duplicates is used"),
        "conflicts": ("Conflicting rows", conflicts, "whether they need a manual decision"),
    }
    return [
        Setting(f"curate.{key}", name, str(value), _source(config, "curate", key), decides)
        for key, (name, value, decides) in words.items()
        if value is not None
    ]


def _training(results: Results, config: Mapping[str, Any]) -> list[Setting]:
    training, found = results.training, []
    for key, (words, decides) in _TRAINING.items() if training else ():
        value = training.settings.get(key) if training else None
        if training is None or not is_number(value):
            continue
        # A provider's hyperparameters are in the summary only if [train.hosted] states them.
        stated = "stated" if training.hosted else _source(config, "train", key)
        source = "by rule" if key in (training.by_rule or ()) else stated
        found.append(Setting(f"train.{key}", words, say.stated(value), source, decides))
    return found


def _evaluation(results: Results, config: Mapping[str, Any], *, known: bool) -> list[Setting]:
    variants, found = results.variants, list[Setting]()
    margin = _value(config, "evaluate", "margin")
    if known and results.verdict and is_number(margin):
        decides = "how much worse still counts as no worse"
        source = _source(config, "evaluate", "margin")
        found.append(Setting("evaluate.margin", "Margin", say.points(margin), source, decides))
    for key, (words, decides) in _OUTPUTS.items():
        values = {name: (how.settings or {}).get(key) for name, how in variants.items()}
        text = _by_variant({name: _plain(value) for name, value in values.items() if value is not None})
        if text:
            found.append(Setting(f"evaluate.{key}", words, text, _source(config, "evaluate", key), decides))
    shots = {name: how.few_shot for name, how in variants.items() if how.source != "outputs"}
    if any(shots.values()):
        text = _by_variant({name: str(n) for name, n in shots.items() if n})
        stated = any("few_shot" in mapping(mapping(config.get("evaluate")).get(name)) for name in shots)
        source = "stated" if stated else "default"
        found.append(Setting("evaluate.few_shot", "Examples in the prompt", text, source, "strength of the prompt"))
    if results.data and results.data.tested:
        value = f"{say.count(results.data.tested.pairs)} of {say.count(results.data.tested.of)}"
        source = _source(config, "evaluate", "max_pairs")
        found.append(Setting("evaluate.max_pairs", "Test requests used", value, source, "width of the ranges"))
    return found


def _seed(facts: Mapping[str, Any]) -> list[Setting]:
    if not is_number(facts.get("seed")):
        return []
    source = "stated" if facts.get("seed_stated") else "default"
    return [Setting("seed", "Seed", str(facts["seed"]), source, "all random choices")]


def _used(results: Results) -> list[Setting]:
    used = results.provenance.test_set_used if results.provenance else None
    if used is None:
        return []
    times = "once" if used == 1 else f"{say.count(used)} times"
    decides = "repeated use makes results look better than they are"
    return [Setting("test_set_used", "Test set used", times, "measured", decides)]


def _value(config: Mapping[str, Any], table: str, key: str) -> Any:
    return mapping(config.get(table)).get(key, DEFAULTS.get((table, key)))


def _source(config: Mapping[str, Any], table: str, key: str) -> str:
    return "stated" if key in mapping(config.get(table)) else "default"


def _by_variant(values: Mapping[str, str]) -> str:
    """A single value if all variants share it, otherwise each value with its variant."""
    if not values:
        return ""
    return next(iter(values.values())) if len(set(values.values())) == 1 and len(values) > 1 else ", ".join(
        f"{name}: {value}" for name, value in values.items()
    )  # fmt: skip


def _plain(value: Any) -> str:
    return "as long as the longest training outputs" if value == "auto" else say.stated(value)
