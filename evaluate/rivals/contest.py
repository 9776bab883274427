"""Who takes part: the variants with outputs, those that need no call, and the form in which the candidate competes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ...style import StyleSchema
from ..outputs.table import Raw
from ..scores.score import Scores
from ..settings import EvaluateSettings
from .derived import cascade_of, score_variant, with_repairs
from .labels import CLASSIFIER, MAJORITY, label_rivals
from .templates import TEMPLATE, template_of

REPAIR = "repair"


@dataclass(frozen=True)
class Contest:
    """All variants in order, by name, with their scores; `candidate` is the name of the form that is judged."""

    raws: Mapping[str, Raw]
    scores: Mapping[str, Scores]
    candidate: str


def enter(
    pairs: pl.DataFrame,
    raws: Sequence[Raw],
    style: StyleSchema,
    *,
    candidate: str,
    baseline: str | None,
    settings: EvaluateSettings | None,
    train: pl.DataFrame | None,
    seed: int,
) -> Contest:
    """Score the variants and add those that need no call, as far as `settings.rivals` asks for them.

    Repair is for both the candidate and its rivals: where it makes an output of the candidate acceptable, the candidate
    competes as `NAME + repair`, and so does each rival that gains by it.
    """
    entered = {raw.variant.name: (raw, score_variant(pairs, raw, style)) for raw in raws}
    if settings is not None and entered:
        wanted = _wanted(settings)
        samples = next(iter(entered.values()))[1].samples
        labels = (
            style.deciding_rule is not None and style.deciding_rule.kind == "label"
        )  # majority and classifier say more
        for name in dict.fromkeys((*settings.variants, TEMPLATE)):
            stated = settings.of(name).template
            if (stated is None and (name != TEMPLATE or labels or not wanted(name))) or name in entered:
                continue
            template = template_of(pairs, train, style, name=name, stated=stated, samples=samples, seed=seed)
            if template is not None:
                entered[name] = template, score_variant(pairs, template, style)
        if wanted(MAJORITY) or wanted(CLASSIFIER):
            for raw in label_rivals(pairs, train, style, samples=samples):
                if wanted(raw.variant.name) and raw.variant.name not in entered:
                    entered[raw.variant.name] = raw, score_variant(pairs, raw, style)
        repairs = with_repairs(pairs, [raw for raw, _ in entered.values()], _scores(entered), style)
        entered |= {name: entry for name, entry in repairs.items() if wanted(name, REPAIR)}
        for cascade in _cascades(entered, settings, candidate, baseline, style):
            if wanted(cascade.variant.name, "cascade"):
                entered[cascade.variant.name] = cascade, score_variant(pairs, cascade, style)
    form = _best_form(candidate, entered)
    return Contest({name: raw for name, (raw, _) in entered.items()}, _scores(entered), form)


def _scores(entered: Mapping[str, tuple[Raw, Scores]]) -> dict[str, Scores]:
    return {name: scores for name, (_, scores) in entered.items()}


def _wanted(settings: EvaluateSettings) -> Callable[..., bool]:
    """Whether the settings ask for a variant that needs no call; of those named, repair is for both sides."""
    rivals = settings.rivals

    def wanted(name: str, way: str | None = None) -> bool:
        if isinstance(rivals, str):
            return rivals != "none"
        return name in rivals or (way == REPAIR and any(other.endswith(f"+ {REPAIR}") for other in rivals))

    return wanted


def _best_form(name: str, entered: Mapping[str, tuple[Raw, Scores]]) -> str:
    """The variant after repair if it gains by that, else the variant itself."""
    better = f"{name} + {REPAIR}"
    return better if better in entered else name


def _cascades(
    entered: Mapping[str, tuple[Raw, Scores]],
    settings: EvaluateSettings,
    candidate: str,
    baseline: str | None,
    style: StyleSchema,
) -> Iterator[Raw]:
    """The stated fallbacks, and the variant in use today as the fallback of the candidate; each in its best form."""
    names = [name for name in entered if entered[name][0].variant.way == "model"]
    stated = {name: settings.of(name).fallback for name in names}
    if stated.get(candidate) is None:
        stated[candidate] = next((name for name in (baseline, *settings.contenders) if name in names), None)
    for name, other in stated.items():
        if other is None or name not in entered or other not in entered:
            continue
        first, second = (entered[_best_form(of, entered)][0] for of in (name, other))
        cascade = cascade_of(first, second, _scores(entered), style)
        if cascade is not None:
            yield cascade
