"""Variants: the ways to get an output for a request."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ..core import ConfigError, need_regular, read_written
from ..style import StyleSchema, write_guide
from .results import OutputSource, SearchCost, Way
from .rivals.constraint import Constraint, check_constraint, constraint_of
from .rivals.names import made_from
from .rivals.nearest import NearestExamples
from .settings import RUN_ADAPTER, EvaluateSettings, VariantSettings

# The number of rows to examine; more rows of the same data show no new kinds.
_EXAMINED = 2000
_ROW = tuple[str, str | None, str, str]  # id, group, input, output


def choose_examples(train: pl.DataFrame, count: int, *, seed: int) -> tuple[tuple[str, str], ...]:
    """`count` (input, output) pairs of train, from different groups as far as possible.

    The pairs with answers of medium length are clustered into `count` clusters, and the pair nearest each centre is
    chosen, as Zhang et al. (2022, arXiv:2210.03493) choose demonstrations. The shortest answer comes last, nearest to
    where the model starts to write. On 32 validation pairs of the components example the small model gave 0 to 3
    acceptable answers with five random choices, and 12 and 10 with these (seeds 0 and 1): a baseline must not depend on
    a random choice. The result depends on the seed, not on the order of the rows.
    """
    if not count or not len(train):
        return ()
    rows = sorted(
        train.select("id", "group", "input", "output").iter_rows(),
        key=lambda row: hashlib.sha256(f"{seed}\0{row[0]}".encode(errors="surrogatepass")).digest(),
    )
    middle = _of_middle_length(rows)
    chosen = _typical(middle[:_EXAMINED], count, seed=seed)
    chosen = _of_other_groups([*chosen, *middle, *rows])[:count]
    return tuple((text, answer) for _, _, text, answer in sorted(chosen, key=lambda row: -len(row[3])))


def _of_middle_length(rows: list[_ROW]) -> list[_ROW]:
    low, high = np.quantile([len(row[3]) for row in rows], (0.25, 0.75))
    return [row for row in rows if low <= len(row[3]) <= high]


def _typical(rows: list[_ROW], count: int, *, seed: int) -> list[_ROW]:
    """The row nearest the centre of each cluster, then the others by distance, the largest cluster first."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{row[2]}\n{row[3]}" for row in rows]
    if len(set(texts)) <= count or not any(text.strip() for text in texts):
        return rows
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=20_000).fit_transform(texts)
    model = KMeans(count, n_init="auto", random_state=seed).fit(vectors)
    labels, distances = np.asarray(model.labels_), np.asarray(model.transform(vectors))
    near = np.argsort(distances[np.arange(len(rows)), labels], kind="stable")
    rank = np.empty(len(rows), np.int64)  # the rank of each row in its cluster
    for label in range(count):
        members = near[labels[near] == label]
        rank[members] = np.arange(len(members))
    sizes = np.bincount(labels, minlength=count)
    return [rows[i] for i in np.lexsort((labels, -sizes[labels], rank))]


def _of_other_groups(rows: list[_ROW]) -> list[_ROW]:
    """Every row once; rows of a group that came before go to the end."""
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
FEW_SHOT = 3  # for `prompted`, unless the project sets it


@dataclass(frozen=True)
class Variant:
    """A way to get an output. `examples` are (input, output) pairs shown before every request; `nearest` finds those of
    each request instead.

    `way` says how the outputs come about beyond the plain call of a model, `of` which variants they are made from: one
    for repair or retry, two for a cascade. `constraint` limits what its model can generate, `search` is what
    the search for its prompt took. Without `system_role`, its prompts have no
    system message but begin with its text.

    `model` is a local folder or hub name, None for the model of `[train]`; with `endpoint` (a URL), the name of the model
    there. `settings` are those of `[evaluate.NAME]`.
    """

    name: str
    source: OutputSource
    guide: str | None = None
    guide_origin: str | None = None
    examples: tuple[tuple[str, str], ...] = ()
    adapter: Path | None = None
    file: Path | None = None
    model: str | None = None
    endpoint: str | None = None
    tuned: bool = False
    settings: VariantSettings = VariantSettings()  # noqa: RUF009 - frozen
    way: Way = "model"
    of: tuple[str, ...] = ()
    nearest: NearestExamples | None = None
    constraint: Constraint | None = None
    search: SearchCost | None = None
    system_role: bool = True

    @property
    def few_shot(self) -> int:
        """How many examples the prompt of a request shows."""
        return len(self.examples) if self.nearest is None else self.nearest.count

    @property
    def local(self) -> bool:
        """Whether a model on this machine generates the outputs."""
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
    """The variants of a project in the order of its settings, without templates, which no model has to fill in; then the
    rivals whose outputs are recorded in a file.

    `folder` is the project's folder, `train` the table that few-shot examples are chosen from, `data_guide` the system
    message contained in the data.

    Raises: ConfigError if a guide or an outputs file cannot be read, or a required adapter is missing.
    """

    def planned(name: str) -> Variant:
        stated, tuned = settings.of(name), settings.is_tuned(name)
        if stated.outputs is not None:
            file = _existing(folder / stated.outputs, name)
            way, of = made_from(name, settings.variants) or ("model", ())
            tuned = settings.is_tuned(of[0]) if of else tuned
            return Variant(name, "outputs", file=file, tuned=tuned, settings=stated, way=way, of=of)
        guide, origin = _guide(name, stated, folder, style, data_guide)
        few = shown_examples(name, stated)
        weights = None if stated.endpoint else _adapter(name, stated, folder, adapter)
        near = stated.examples == "nearest"
        return Variant(
            name,
            "endpoint" if stated.endpoint else "base model" if weights is None else "adapter",
            guide,
            origin,
            () if near else choose_examples(train, few, seed=seed),
            weights,
            model=_model(stated, folder),
            endpoint=stated.endpoint,
            tuned=tuned,
            settings=stated,
            nearest=NearestExamples(train, few) if near else None,
            constraint=_constraint(name, stated, style),
            system_role=stated.system_role,
        )

    names = (*settings.variants, *settings.recorded)
    return [planned(name) for name in names if settings.of(name).template is None]


def shown_examples(name: str, stated: VariantSettings) -> int:
    """How many examples a variant's prompt shows: as stated, else three for `prompted` and for nearest examples."""
    if stated.few_shot is not None:
        return stated.few_shot
    return FEW_SHOT if name == "prompted" or stated.examples == "nearest" else 0


def constraint_for(style: StyleSchema, *, local: bool) -> Constraint:
    """The style's constraint on outputs, for a model on this machine or at an endpoint.

    Raises: ConfigError with the reason if there is none, or if a local model cannot be held to it.
    """
    constraint = constraint_of(style)
    if constraint is None:
        raise ConfigError("the style has no must rule with a JSON Schema or a pattern of the whole output")
    if local:
        check_constraint(constraint)
    return constraint


def _constraint(name: str, stated: VariantSettings, style: StyleSchema) -> Constraint | None:
    if not stated.constrained:
        return None
    try:
        return constraint_for(style, local=stated.endpoint is None)
    except ConfigError as error:
        raise ConfigError(f'variant "{name}": constrained = true is not possible: {error}') from None


def _adapter(name: str, stated: VariantSettings, folder: Path, trained: Path | None) -> Path | None:
    """The adapter folder of a local variant: the stated one or this run's; None for a model without an adapter."""
    if stated.adapter is None and name != "tuned":
        return None
    if stated.adapter in (None, RUN_ADAPTER):
        if stated.model is not None:
            raise ConfigError(
                f'variant "{name}": the adapter of this run fits the model of [train]; remove "model", '
                'or set adapter = "FOLDER" to an adapter of that model'
            )
        if trained is None:
            raise ConfigError(
                f'variant "{name}" needs an adapter; run `tuneworth train` first, or set outputs = "FILE"'
            )
        return trained
    path = folder / str(stated.adapter)
    if not (path / "adapter_config.json").is_file():
        raise ConfigError(f'variant "{name}": no adapter at {path} (a folder with adapter_config.json)')
    return path


def _model(stated: VariantSettings, folder: Path) -> str | None:
    """The model; a folder is resolved relative to the project file."""
    if stated.model is None or stated.endpoint is not None:
        return stated.model
    path = folder / stated.model
    return str(path) if path.is_dir() else stated.model


def _existing(path: Path, name: str) -> Path:
    try:
        need_regular(path, what="outputs file", error=ConfigError)
    except FileNotFoundError:
        raise ConfigError(f'variant "{name}": no outputs file at {path}') from None
    return path


def _guide(
    name: str, stated: VariantSettings, folder: Path, style: StyleSchema, data_guide: str | None
) -> tuple[str | None, str | None]:
    """The guide of a variant and who wrote it. Only `prompted` has one by default."""
    if stated.guide is None:
        if name != "prompted":
            return None, None
        return (data_guide, OWN) if data_guide else (write_guide(style), WRITTEN)
    return read_guide(name, stated.guide, folder, style)


_MOST_OF_GUIDE = 5_000_000  # bytes; a million tokens, the longest context of a model, are about 4 million


def read_guide(name: str, stated: str, folder: Path, style: StyleSchema) -> tuple[str, str]:
    """The text of a stated guide, and who wrote it.

    Raises: ConfigError if the file cannot be read.
    """
    path = folder / stated
    if path.suffix in (".yaml", ".yml"):
        return write_guide(style), WRITTEN
    try:
        return read_written(path, what="guide", most=_MOST_OF_GUIDE).strip(), OWN
    except ConfigError as error:
        raise ConfigError(f'variant "{name}": {error}') from None
