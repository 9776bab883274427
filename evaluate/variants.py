"""Variants: the ways to get an output for a request that are raced against each other."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from ..core import ConfigError
from ..style import StyleSchema, write_guide
from .settings import RUN_ADAPTER, EvaluateSettings, VariantSettings

__all__ = [
    "Variant",
    "choose_examples",
    "plan_variants",
]


# Rows that are looked at; more of the same tell no other kinds.
_LOOKED_AT = 2000
_ROW = tuple[str, str | None, str, str]  # id, group, input, output


def choose_examples(train: pl.DataFrame, count: int, *, seed: int) -> tuple[tuple[str, str], ...]:
    """`count` (input, output) pairs of train, each of another group as far as there are groups.

    One for each of `count` clusters of requests with their answers, the one nearest the cluster's centre (Zhang et al.
    2022, arXiv:2210.03493, choose demonstrations like that), out of the pairs whose answers are of middle length; the
    shortest answer last, nearest to where the model writes. On 32 validation pairs of the components five draws by
    chance made the small model give 0 to 3 acceptable answers, these 12 and 10 (seeds 0 and 1): a baseline must not
    hang on a draw. Fixed by the seed, whatever the order of the rows.
    """
    if not count or not len(train):
        return ()
    rows = sorted(
        train.select("id", "group", "input", "output").iter_rows(),
        key=lambda row: hashlib.sha256(f"{seed}\0{row[0]}".encode(errors="surrogatepass")).digest(),
    )
    middle = _of_middle_length(rows)
    chosen = _typical(middle[:_LOOKED_AT], count, seed=seed)
    chosen = _of_other_groups([*chosen, *middle, *rows])[:count]
    return tuple((text, answer) for _, _, text, answer in sorted(chosen, key=lambda row: -len(row[3])))


def _of_middle_length(rows: list[_ROW]) -> list[_ROW]:
    low, high = np.quantile([len(row[3]) for row in rows], (0.25, 0.75))
    return [row for row in rows if low <= len(row[3]) <= high]


def _typical(rows: list[_ROW], count: int, *, seed: int) -> list[_ROW]:
    """Of each cluster the row nearest its centre, then the others by their nearness, the largest cluster first."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{row[2]}\n{row[3]}" for row in rows]
    if len(set(texts)) <= count or not any(text.strip() for text in texts):
        return rows
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=20_000).fit_transform(texts)
    model = KMeans(count, n_init="auto", random_state=seed).fit(vectors)
    labels, distances = np.asarray(model.labels_), np.asarray(model.transform(vectors))
    near = np.argsort(distances[np.arange(len(rows)), labels], kind="stable")
    rank = np.empty(len(rows), np.int64)  # the place of each row in its own cluster
    for label in range(count):
        own = near[labels[near] == label]
        rank[own] = np.arange(len(own))
    sizes = np.bincount(labels, minlength=count)
    return [rows[i] for i in np.lexsort((labels, -sizes[labels], rank))]


def _of_other_groups(rows: list[_ROW]) -> list[_ROW]:
    """Each row once, those of a group that came before behind all others."""
    first: list[_ROW] = []
    later: list[_ROW] = []
    seen: set[str] = set()
    ids: set[str] = set()
    for row in rows:
        if row[0] in ids:
            continue
        ids.add(row[0])
        (later if row[1] in seen else first).append(row)
        if row[1] is not None:
            seen.add(row[1])
    return first + later


OWN, WRITTEN = "the team's own", "written by Tuneworth"
FEW_SHOT = 3  # for `prompted` where the project does not say


@dataclass(frozen=True)
class Variant:
    """A way to get an output. `examples` are (input, output) pairs shown before the request.

    `model` is a local folder or hub name, None for the model of `[train]`; with `endpoint` (a URL) its name there.
    `settings` are those of `[evaluate.NAME]`.
    """

    name: str
    source: Literal["base model", "adapter", "endpoint", "outputs"]
    guide: str | None = None
    guide_origin: str | None = None
    examples: tuple[tuple[str, str], ...] = ()
    adapter: Path | None = None
    file: Path | None = None
    model: str | None = None
    endpoint: str | None = None
    tuned: bool = False
    settings: VariantSettings = VariantSettings()  # noqa: RUF009 - frozen

    @property
    def local(self) -> bool:
        """Whether a model on this machine writes the outputs."""
        return self.source in ("base model", "adapter")


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
        own, tuned = settings.of(name), settings.is_tuned(name)
        if own.outputs is not None:
            file = _existing(folder / own.outputs, name)
            plans.append(Variant(name, "outputs", file=file, tuned=tuned, settings=own))
            continue
        guide, origin = _guide(name, own, folder, style, data_guide)
        few = own.few_shot if own.few_shot is not None else (FEW_SHOT if name == "prompted" else 0)
        weights = None if own.endpoint else _adapter(name, own, folder, adapter)
        plans.append(
            Variant(
                name,
                "endpoint" if own.endpoint else "base model" if weights is None else "adapter",
                guide,
                origin,
                choose_examples(train, few, seed=seed),
                weights,
                model=_model(own, folder),
                endpoint=own.endpoint,
                tuned=tuned,
                settings=own,
            )
        )
    return plans


def _adapter(name: str, own: VariantSettings, folder: Path, trained: Path | None) -> Path | None:
    """The adapter folder of a local variant: the stated one, or this run's; None for the model as it is."""
    if own.adapter is None and name != "tuned":
        return None
    if own.adapter in (None, RUN_ADAPTER):
        if own.model is not None:
            raise ConfigError(
                f'variant "{name}": the adapter of this run fits the model of [train]; leave "model" out, '
                'or name an adapter of that model by adapter = "FOLDER"'
            )
        if trained is None:
            raise ConfigError(
                f'variant "{name}" needs an adapter: `tuneworth train` comes first, or name a file of its outputs'
            )
        return trained
    path = folder / str(own.adapter)
    if not (path / "adapter_config.json").is_file():
        raise ConfigError(f'variant "{name}": no adapter at {path} (a folder with adapter_config.json)')
    return path


def _model(own: VariantSettings, folder: Path) -> str | None:
    """A model folder beside the project file is meant from there, whatever the current folder."""
    if own.model is None or own.endpoint is not None:
        return own.model
    path = folder / own.model
    return str(path) if path.is_dir() else own.model


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


def describe(
    variant: Variant, *, model: str | None, guide_tokens: int | None, settings: Mapping | None,
    refused: Sequence[str] = (),
) -> dict:  # fmt: skip
    """The variant as plain data for `results.json`."""
    return {
        "source": variant.source,
        "model": model,
        "endpoint": variant.endpoint,
        "tuned": variant.tuned,
        "guide": variant.guide_origin,
        "guide_tokens": guide_tokens,
        "few_shot": len(variant.examples),
        "settings": dict(settings) if settings and variant.source != "outputs" else None,
        "refused_settings": list(refused),
        "file": variant.file.name if variant.file else None,
    }
