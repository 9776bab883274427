"""What the steps of curating start from: pairs masked if asked for, without what people dropped, comparable, checked."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..style.errors import ConfigError
from ..style.schema import StyleSchema
from .checked import Checked, check_rows
from .clock import Clock
from .compared import compare_texts
from .corpus import Corpus, TextsInMemory
from .dates import pair_dates
from .decided import Decided, decide, without_failures
from .identifiers import identifier_like
from .masked_pairs import mask_pairs
from .overrides import Override
from .places import find_personal_places, personal_counts
from .read import RawPairs
from .settings import CurateSettings
from .strata import check_identifiers, column_values, strata

__all__ = ["Prepared", "one_order", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """raw: what goes on, the rows that people dropped among the rejected. personal: what was found, as the summary says.

    stratum, dates: one entry per pair; dates are None where the split does not go by time. notes: sentences. apart:
    fields that look like identifiers. checked: what is wrong with each output.
    """

    raw: RawPairs
    personal: dict[str, Any]
    decided: Decided
    corpus: Corpus
    checked: Checked
    stratum: pl.Series
    dates: np.ndarray | None
    notes: list[str]
    apart: list[str]

    @property
    def ids(self) -> pl.Series:
        """The id of each pair."""
        return self.raw.pairs["id"]


def prepare(
    raw: RawPairs,
    style: StyleSchema | None,
    *,
    settings: CurateSettings,
    identifiers: Collection[str],
    date: str | None,
    overrides: Sequence[Override],
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None,
    clock: Clock,
) -> Prepared:
    """Mask, apply what people dropped, make the rest comparable, and check it.

    Raises:
        ConfigError: an identifier, the field to stratify by or the date is in no pair, or two of them exclude each other.
    """
    one_order(date, settings)
    places = find_personal_places(raw)
    # Before anything else, so that no value reaches a hash, a message or a file; decisions name masked ids.
    raw = mask_pairs(raw, places) if settings.mask else raw
    clock.lap("personal data")
    raw, decided = decide(raw, overrides)
    check_identifiers(raw.pairs, list(identifiers))
    corpus = TextsInMemory(raw.pairs, compare_texts(raw.pairs, identifiers), identifiers=identifiers)
    stratum = pl.Series("stratum", strata(raw.pairs, settings.stratify), dtype=pl.String)
    dates, notes = None, []
    if date is not None:
        dates, notes = pair_dates(column_values(raw.pairs, date, where="[data] date"), date)
    clock.lap("normalise")
    checked = check_rows(raw.pairs, style, count_tokens=count_tokens)
    clock.lap("check")
    return Prepared(
        raw, personal_counts(places, masked=settings.mask), decided, corpus, without_failures(checked, decided), stratum,
        dates, notes, identifier_like(raw.pairs),
    )  # fmt: skip


def one_order(date: str | None, settings: CurateSettings) -> None:
    """Refuse a split that would go by time and by strata.

    Raises:
        ConfigError: both are asked for.
    """
    if date is not None and settings.stratify is not None:
        raise ConfigError("[data] date and [curate] stratify exclude each other: a split by time takes what is newest")
