"""The settings that influence the result, each with its source: stated, default, by rule, or measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core import unbroken as say
from ..words import is_number, mapping

__all__ = ["DEFAULTS", "Setting", "settings_of"]

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


def settings_of(results: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Setting]:
    """The settings that this run's results depend on; unknown values are omitted."""
    config = mapping(facts.get("config"))
    found = [
        *_data(results, config),
        *_training(results, config),
        *_evaluation(results, config, known=bool(facts)),
        _seed(facts),
        _used(mapping(results.get("provenance"))),
    ]
    return [setting for setting in found if setting is not None]


def _data(results: Mapping[str, Any], config: Mapping[str, Any]) -> list[Setting | None]:
    data = mapping(results.get("data"))
    if not data:
        return []
    threshold = mapping(data.get("near_duplicate")).get("threshold")
    conflicts = _value(config, "curate", "conflicts")
    keep = _value(config, "curate", "keep")
    words = {
        "near_duplicate": (
            "Similarity threshold",
            f"{threshold:g}" if is_number(threshold) else None,
            "which rows count as duplicates",
        ),
        "keep": ("Copy kept", keep, "which of several duplicates is used"),
        "conflicts": ("Conflicting rows", conflicts, "whether they need a manual decision"),
    }
    return [
        Setting(f"curate.{key}", name, str(value), _source(config, "curate", key), decides)
        for key, (name, value, decides) in words.items()
        if value is not None
    ]


def _training(results: Mapping[str, Any], config: Mapping[str, Any]) -> list[Setting | None]:
    training = mapping(results.get("training"))
    settings = mapping(training.get("settings"))
    ruled = training.get("by_rule")
    found: list[Setting | None] = []
    for key, (words, decides) in _TRAINING.items():
        value = settings.get(key)
        if not is_number(value):
            continue
        # A provider's hyperparameters are in the summary only if [train.hosted] states them.
        stated = "stated" if training.get("hosted") else _source(config, "train", key)
        source = "by rule" if isinstance(ruled, list) and key in ruled else stated
        found.append(Setting(f"train.{key}", words, say.stated(value), source, decides))
    return found


def _evaluation(results: Mapping[str, Any], config: Mapping[str, Any], *, known: bool) -> list[Setting | None]:
    variants = {name: mapping(how) for name, how in mapping(results.get("variants")).items()}
    found: list[Setting | None] = []
    if known and results.get("verdict"):
        margin = _value(config, "evaluate", "margin")
        if is_number(margin):
            decides = "how much worse still counts as no worse"
            found.append(
                Setting(
                    "evaluate.margin", "Margin", _bare_points(margin), _source(config, "evaluate", "margin"), decides
                )
            )
    for key, (words, decides) in _OUTPUTS.items():
        values = {name: mapping(how.get("settings")).get(key) for name, how in variants.items()}
        text = _by_variant({name: _plain(value) for name, value in values.items() if value is not None})
        if text:
            found.append(Setting(f"evaluate.{key}", words, text, _source(config, "evaluate", key), decides))
    shots = {name: how.get("few_shot") for name, how in variants.items() if how.get("source") != "outputs"}
    if any(shots.values()):
        text = _by_variant({name: str(n) for name, n in shots.items() if n})
        stated = any("few_shot" in mapping(mapping(config.get("evaluate")).get(name)) for name in shots)
        source = "stated" if stated else "default"
        found.append(Setting("evaluate.few_shot", "Examples in the prompt", text, source, "strength of the prompt"))
    tested = mapping(mapping(results.get("data")).get("tested"))
    if is_number(tested.get("pairs")) and is_number(tested.get("of")):
        value = f"{say.count(tested['pairs'])} of {say.count(tested['of'])}"
        source = _source(config, "evaluate", "max_pairs")
        found.append(Setting("evaluate.max_pairs", "Test requests used", value, source, "width of the ranges"))
    return found


def _seed(facts: Mapping[str, Any]) -> Setting | None:
    if not is_number(facts.get("seed")):
        return None
    source = "stated" if facts.get("seed_stated") else "default"
    return Setting("seed", "Seed", str(facts["seed"]), source, "all random choices")


def _used(origin: Mapping[str, Any]) -> Setting | None:
    used = origin.get("test_set_used")
    if not is_number(used):
        return None
    times = "once" if used == 1 else f"{say.count(used)} times"
    return Setting(
        "test_set_used", "Test set used", times, "measured", "repeated use makes results look better than they are"
    )


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


def _bare_points(share: float) -> str:
    return say.points(share)
