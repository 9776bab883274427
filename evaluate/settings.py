"""How variants are run and compared: the `[evaluate]` table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from ..style.errors import ConfigError
from ..style.settings import build_settings, nearest

__all__ = ["EvaluateSettings", "VariantSettings", "read_evaluate"]

BUILT_IN = ("plain", "prompted", "tuned")


@dataclass(frozen=True, kw_only=True)
class VariantSettings:
    """`[evaluate.NAME]`: what a variant is given, or the file with its outputs.

    guide: `style.yaml` (the schema writes it) or a text file; outputs: a file of collected outputs.
    """

    guide: str | None = None
    few_shot: int | None = None
    outputs: str | None = None

    def __post_init__(self) -> None:
        if self.few_shot is not None and not 0 <= self.few_shot <= 50:
            raise ConfigError(f'"few_shot" is {self.few_shot}; expected 0 to 50')
        if self.outputs is not None and (self.guide is not None or self.few_shot is not None):
            raise ConfigError('"outputs" are collected already: "guide" and "few_shot" have no use beside them')


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings:
    """What is compared with what.

    `margin` is how much worse, in share, still counts as not worse; `max_pairs` limits the test to a seeded sample.
    """

    variants: tuple[str, ...] = BUILT_IN
    baseline: str = "prompted"
    candidate: str = "tuned"
    max_new_tokens: int | Literal["auto"] = "auto"
    temperature: float = 0.0
    samples: int = 1
    margin: float = 0.03
    max_cost: Decimal | None = None
    max_pairs: int | None = None
    named: dict[str, VariantSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = []
        if isinstance(self.max_new_tokens, int) and self.max_new_tokens < 1:
            problems.append(f'"max_new_tokens" is {self.max_new_tokens}; expected 1 or more, or "auto"')
        if not 0 <= self.temperature <= 2:
            problems.append(f'"temperature" is {self.temperature}; expected 0 to 2')
        if self.samples != 1:
            problems.append(f'"samples" is {self.samples}; this version takes one sample per pair')
        if self.max_pairs is not None and self.max_pairs < 1:
            problems.append(f'"max_pairs" is {self.max_pairs}; expected 1 or more')
        if not 0 < self.margin < 1:
            problems.append(f'"margin" is {self.margin}; expected a share between 0 and 1, such as 0.03')
        if self.baseline == self.candidate:
            problems.append(f'"baseline" and "candidate" are both "{self.baseline}"')
        if len(set(self.variants)) < len(self.variants):
            problems.append('"variants" names one of them twice')
        for role in ("baseline", "candidate"):
            if (name := getattr(self, role)) not in self.variants:
                problems.append(
                    f'"{role}" is "{name}", which is not among the variants; {nearest(name, [*self.variants])}'
                )
        for name in self.variants:
            if name not in BUILT_IN and (name not in self.named or self.named[name].outputs is None):
                problems.append(f'variant "{name}" needs a table [evaluate.{name}] with outputs = "FILE"')
        for name in self.named:
            if name not in self.variants:
                problems.append(f"[evaluate.{name}] is not among the variants; {nearest(name, [*self.variants])}")
        if problems:
            raise ConfigError("; ".join(problems))


def read_evaluate(table: Mapping[str, Any], *, where: str, problems: list[str]) -> EvaluateSettings | None:
    """The settings of a parsed `[evaluate]` table; sub-tables are variants under their names."""
    own = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    named = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    return build_settings(EvaluateSettings, {**own, "named": named} if named else own, where=where, problems=problems)
