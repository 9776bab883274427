"""Variants: the ways to get an output for a request that are raced against each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from ..style import ConfigError, StyleSchema, write_guide
from .few_shot import choose_examples
from .settings import EvaluateSettings, VariantSettings

__all__ = ["Variant", "plan_variants"]

OWN, WRITTEN = "the team's own", "written by Tuneworth"
FEW_SHOT = 3  # for `prompted` where the project does not say


@dataclass(frozen=True)
class Variant:
    """A way to get an output. `examples` are (input, output) pairs shown before the request."""

    name: str
    source: Literal["base model", "adapter", "outputs"]
    guide: str | None = None
    guide_origin: str | None = None
    examples: tuple[tuple[str, str], ...] = ()
    adapter: Path | None = None
    file: Path | None = None


def plan_variants(
    settings: EvaluateSettings,
    *,
    folder: Path,
    style: StyleSchema,
    train: pl.DataFrame,
    data_guide: str | None = None,
    adapter: Path | None = None,
    seed: int = 0,
) -> list[Variant]:
    """The variants of a project in the order of its settings.

    `folder` is the project's, `train` the table that few-shot examples are chosen from, `data_guide` the system
    message that the data itself carried.

    Raises: ConfigError where a guide or a file of outputs cannot be read, or an adapter is wanted and missing.
    """
    plans = []
    for name in settings.variants:
        own = settings.named.get(name, VariantSettings())
        if own.outputs is not None:
            plans.append(Variant(name, "outputs", file=_existing(folder / own.outputs, name)))
            continue
        if name == "tuned" and adapter is None:
            raise ConfigError(
                'variant "tuned" needs an adapter: `tuneworth train` comes first, or name a file of its outputs'
            )
        guide, origin = _guide(name, own, folder, style, data_guide)
        few = own.few_shot if own.few_shot is not None else (FEW_SHOT if name == "prompted" else 0)
        plans.append(
            Variant(
                name,
                "adapter" if name == "tuned" else "base model",
                guide,
                origin,
                choose_examples(train, few, seed=seed),
                adapter if name == "tuned" else None,
            )
        )
    return plans


def _existing(path: Path, name: str) -> Path:
    if not path.is_file():
        raise ConfigError(f'variant "{name}": no file of outputs at {path}')
    return path


def _guide(
    name: str, own: VariantSettings, folder: Path, style: StyleSchema, data_guide: str | None
) -> tuple[str | None, str | None]:
    """The guide of a variant and who wrote it. Only `prompted` has one without being told to."""
    if own.guide is None:
        if name != "prompted":
            return None, None
        return (data_guide, OWN) if data_guide else (write_guide(style), WRITTEN)
    path = folder / own.guide
    if path.suffix in (".yaml", ".yml"):
        return write_guide(style), WRITTEN
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f'variant "{name}": the guide {path} cannot be read ({error})') from None
    return text, OWN


def describe(variant: Variant, *, model: str | None, guide_tokens: int | None, settings: Mapping | None) -> dict:
    """The variant as plain data for `results.json`."""
    return {
        "source": variant.source,
        "model": model if variant.source != "outputs" else None,
        "guide": variant.guide_origin,
        "guide_tokens": guide_tokens,
        "few_shot": len(variant.examples),
        "settings": dict(settings) if settings and variant.source != "outputs" else None,
        "file": variant.file.name if variant.file else None,
    }
