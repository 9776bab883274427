"""What the steps of curating start from: pairs masked if asked for, without what people dropped, made comparable."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ..style.errors import ConfigError
from .clock import Clock
from .compared import Compared, compare_texts
from .dates import pair_dates
from .decided import Decided, decide
from .masked_pairs import mask_pairs
from .overrides import Override
from .places import find_personal_places
from .read import RawPairs
from .settings import CurateSettings
from .strata import check_identifiers, strata

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """raw: what goes on, the rows that people dropped among the rejected. personal: places as the text was read.

    compared, stratum, dates: one entry per pair; dates are None where the split does not go by time. notes: sentences.
    """

    raw: RawPairs
    personal: pl.DataFrame
    decided: Decided
    compared: Compared
    stratum: list[str | None]
    dates: np.ndarray | None
    notes: list[str]

    @property
    def pairs(self) -> pl.DataFrame:
        """The pair table."""
        return self.raw.pairs

    @property
    def ids(self) -> list[str]:
        """The id of each pair."""
        return self.raw.pairs["id"].to_list()


def prepare(
    raw: RawPairs,
    *,
    settings: CurateSettings,
    identifiers: Collection[str],
    date: str | None,
    overrides: Sequence[Override],
    clock: Clock,
) -> Prepared:
    """Mask, apply what people dropped, and make the rest comparable.

    Raises:
        ConfigError: an identifier, the field to stratify by or the date is in no pair, or two of them exclude each other.
    """
    if date is not None and settings.stratify is not None:
        raise ConfigError("[data] date and [curate] stratify exclude each other: a split by time takes what is newest")
    personal = find_personal_places(raw)
    # Before anything else, so that no value reaches a hash, a message or a file; decisions name masked ids.
    raw = mask_pairs(raw, personal) if settings.mask else raw
    clock.lap("personal data")
    raw, decided = decide(raw, overrides)
    check_identifiers(raw.pairs, list(identifiers))
    compared = compare_texts(raw.pairs, identifiers)
    stratum = strata(raw.pairs, settings.stratify)
    dates, notes = (None, []) if date is None else pair_dates(raw.pairs, date)
    clock.lap("normalise")
    return Prepared(raw, personal, decided, compared, stratum, dates, notes)
