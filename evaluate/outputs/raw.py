"""The outputs of one variant before they are scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..results import VariantRecord
from ..variants import Variant

__all__ = ["Cascade", "Raw"]


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
        )


@dataclass(frozen=True)
class Cascade:
    """Two variants, the second the fallback of the first; `sent` says for each output whether the second was needed."""

    first: Raw
    second: Raw
    sent: pl.Series
