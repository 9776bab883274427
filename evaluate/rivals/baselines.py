"""Which rivals that prompt a model are measured: as the project says, or what costs nothing and little time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from ...core import ConfigError, host_of, is_on_this_machine, nearest, say
from ...style import StyleSchema, write_short_guide
from ..endpoints.budget import price_of_variant
from ..money.inputs.settings import RoiSettings
from ..outputs.table import Raw
from ..results import NO_MODEL
from ..settings import EvaluateSettings, RetrySettings, VariantSettings, stated_keys
from ..variants import FEW_SHOT, WRITTEN, Variant, constraint_for, read_guide
from .constraint import constraint_of
from .names import NEAREST, constrained_name, retry_name, short_guide_name
from .nearest import NearestExamples

# The keys of [evaluate.nearest] that have an effect; for other ones a variant of its own has examples = "nearest".
_OWN = ("guide", "few_shot", "repair", "examples")
# Reading a prompt token takes a small part of the time of generating one, as whole prompts are read at once. On 24 requests
# of the components example, the embedded model took 442 s with the nearest examples; with 0.15, 478 s are expected from the
# 315 s of `prompted`.
PROMPT_TOKEN = 0.15


@dataclass(frozen=True)
class Baseline:
    """A rival that prompts a model: how, and the variant that it is made from. `retry` is set if it asks again; `why` says
    why it cannot be measured."""

    variant: Variant
    base: Variant
    retry: RetrySettings | None = None
    why: str | None = None

    @property
    def name(self) -> str:
        """The name of the rival."""
        return self.variant.name


def plan_baselines(
    settings: EvaluateSettings, variants: Sequence[Variant], *, style: StyleSchema, train: pl.DataFrame, folder: Path
) -> list[Baseline]:
    """Every rival that prompts one of these variants' models, the cheapest first, whether it will be measured or not.

    Raises: ConfigError if `rivals` or `[evaluate.nearest]` cannot be understood.
    """
    check_rivals(settings)
    prompting = [v for v in variants if v.source in ("base model", "adapter", "endpoint") and v.way == "model"]
    untrained = [v for v in prompting if not v.tuned and v.name != settings.candidate]
    bases = [v for v in untrained if v.name != "plain"] or untrained
    stated = () if isinstance(settings.rivals, str) else settings.rivals
    baselines = [
        _constrained(base, style)
        for base in bases
        if may_be_constrained(base, style) or constrained_name(base.name) in stated
    ]
    if bases and len(train) and NEAREST not in settings.variants:
        first = next((v for v in bases if v.name == "prompted"), bases[0])
        if first.nearest is None:
            baselines.append(Baseline(_nearest(first, settings, train, style, folder), first))
    for base in prompting:
        if base in bases or base.settings.retry is not None:
            variant = replace(base, name=retry_name(base.name), way="retry", of=(base.name,))
            baselines.append(Baseline(variant, base, base.settings.retry or RetrySettings()))
    guide = write_short_guide(style)
    for base in prompting:
        if base.name == settings.candidate and base.guide is None and guide:
            variant = replace(
                base, name=short_guide_name(base.name), way="short guide", of=(base.name,), guide=guide,
                guide_origin=WRITTEN,
            )  # fmt: skip
            baselines.append(Baseline(variant, base))
    return [baseline for baseline in baselines if baseline.name not in settings.recorded]


def _constrained(base: Variant, style: StyleSchema) -> Baseline:
    try:
        return Baseline(constrained_rival(base, style), base)
    except ConfigError as error:
        return Baseline(named_constrained(base), base, why="; ".join(str(error).splitlines()))


def _nearest(
    base: Variant, settings: EvaluateSettings, train: pl.DataFrame, style: StyleSchema, folder: Path
) -> Variant:
    """The base with the nearest examples, as `[evaluate.nearest]` changes it."""
    stated = settings.of(NEAREST)
    given = {key: getattr(stated, key) for key in stated_keys(stated)}
    count = stated.few_shot or base.settings.few_shot or FEW_SHOT
    merged = replace(base.settings, **given | {"examples": "nearest", "few_shot": count, "retry": None})
    variant = replace(
        base, name=NEAREST, way="nearest", of=(base.name,), examples=(), nearest=NearestExamples(train, count),
        settings=merged,
    )  # fmt: skip
    if stated.guide is None:
        return variant
    guide, origin = read_guide(NEAREST, stated.guide, folder, style)
    return replace(variant, guide=guide, guide_origin=origin)


def check_rivals(settings: EvaluateSettings) -> None:
    """Check the names in `rivals`, and `[evaluate.nearest]`.

    Raises: ConfigError with each name that is no rival of these variants, or a key without effect.
    """
    names = () if isinstance(settings.rivals, str) else settings.rivals
    known = rival_names(settings.variants, settings.candidate)
    problems = [f'"rivals" names "{name}"; {nearest(name, known)}' for name in names if name not in known]
    useless = [key for key in stated_keys(settings.of(NEAREST)) if key not in _OWN]
    if useless and NEAREST not in (*settings.variants, *settings.recorded):
        problems.append(
            f'"nearest": "{useless[0]}" has no effect, as it prompts the model of another variant; define a variant of '
            'another name with examples = "nearest"'
        )
    if problems:
        raise ConfigError.of(problems, where="[evaluate]")


def rival_names(variants: Iterable[str], candidate: str) -> list[str]:
    """Every name that Tuneworth gives to a rival of these variants, repaired or not."""
    names = list(variants)
    ways = [f"{name} + {way}" for name in names for way in ("retry", "constrained")]
    cascades = [f"{first}, else {other}" for first in names for other in names if first != other]
    rivals = [*sorted(NO_MODEL), NEAREST, "searched", short_guide_name(candidate), *ways, *cascades]
    return [*rivals, *(f"{name} + repair" for name in (*names, *rivals))]


def left_out_by_settings(baseline: Baseline, settings: EvaluateSettings, roi: RoiSettings | None) -> str | None:
    """Why the settings leave a rival out; None if they want it, or ("auto") if its time decides."""
    if settings.rivals == "none":
        return 'rivals = "none" leaves it out'
    if isinstance(settings.rivals, tuple) and baseline.name not in settings.rivals:
        return "it is not among the stated rivals"
    if baseline.why is not None:
        return baseline.why
    if settings.rivals == "auto" and _paid(baseline.variant, roi):
        where = host_of(baseline.variant.endpoint or "")
        return f'its requests to {where} are paid; rivals = "all", or a list with its name, measures it'
    return None


def _paid(variant: Variant, roi: RoiSettings | None) -> bool:
    """Whether requests cost money: as priced, else those to another machine."""
    if variant.endpoint is None:
        return False
    price = price_of_variant(roi, variant)
    return not is_on_this_machine(variant.endpoint) if price is None else max(price.input, price.output) > 0


@dataclass
class Allowance:
    """The seconds that rivals may take with `rivals = "auto"`: a share of what the run itself took.

    `own` are the seconds of training and of the variants' outputs so far, `spent` those of the rivals. They are measured
    once and stored, so that a resumed run measures the same rivals.
    """

    share: float = 1.0
    own: float = 0.0
    spent: float = field(default=0.0)

    def refuses(self, seconds: float) -> str | None:
        """Why a rival of this length is left out; None if it fits."""
        left = max(self.share * self.own - self.spent, 0.0)
        if seconds <= left:
            return None
        time = "the run's own time" if self.share == 1 else f"{say.percent(self.share)} of the run's own time"
        return (
            f"it would take about {say.duration(seconds)}, and of {time}, {say.duration(left)} are left; "
            'rivals = "all", or a list with its name, measures it'
        )


def seconds_of(outputs: pl.DataFrame, settings: VariantSettings) -> float:
    """The time that outputs took: calls to an endpoint run beside each other."""
    together = settings.concurrency if settings.endpoint is not None else 1
    return float(outputs["seconds"].sum() or 0.0) / together


def expected_seconds(raw: Raw, *, calls: int, input_tokens: float | None) -> float:
    """The time of further calls like those of `raw`, by its speed: their number, and their tokens in all beyond the fixed
    prompt, which is read once; None if they are unknown, and as long as those of `raw`."""
    outputs = raw.outputs
    seconds, count = seconds_of(outputs, raw.variant.settings), len(outputs)
    if not count:
        return 0.0
    sent, written = (float(outputs[name].sum() or 0) for name in ("input_tokens", "output_tokens"))
    if input_tokens is None or not sent or not written or raw.fixed_tokens is None:
        return seconds / count * calls
    per_token = seconds / (PROMPT_TOKEN * max(sent - raw.fixed_tokens * count, 0) + written)
    return per_token * (PROMPT_TOKEN * input_tokens + written / count * calls)


# --- the rival `NAME + constrained` ------------------------------------------------------------------------------


def constrained_rival(variant: Variant, style: StyleSchema) -> Variant:
    """The variant under the style's constraint.

    Raises: ConfigError with the reason if the style has none, or the variant's model cannot be held to it.
    """
    if variant.constraint is not None:
        raise ConfigError(f'"{variant.name}" is constrained already')
    if not (variant.local or variant.source == "endpoint"):
        raise ConfigError("existing outputs cannot be constrained")
    return replace(named_constrained(variant), constraint=constraint_for(style, local=variant.local))


def named_constrained(variant: Variant) -> Variant:
    """The rival's name and origin, without the constraint."""
    return replace(variant, name=constrained_name(variant.name), way="constrained", of=(variant.name,))


def may_be_constrained(variant: Variant, style: StyleSchema) -> bool:
    """Whether the style limits the whole output by a rule, so that the rival is worth a line even if it is not measured."""
    try:
        return variant.constraint is None and constraint_of(style) is not None
    except ConfigError:
        return True
