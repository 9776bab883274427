"""Pairs on their way through curating, as far as a test looks at them: measured, checked, masked."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import polars as pl

from tuneworth.core import Clock
from tuneworth.curate import CurateRequest, CurateSettings, RawPairs
from tuneworth.curate.check.rows import Checked, examine, judge
from tuneworth.curate.check_parts import check
from tuneworth.curate.match.corpus import Corpus
from tuneworth.curate.read.pairs import ReadParts
from tuneworth.style import StyleSchema


def corpus_of(pairs: pl.DataFrame, identifiers: Collection[str] = ()) -> Corpus:
    """The corpus of a pair table."""
    raw = RawPairs(pairs, pl.DataFrame(), "", None, len(pairs))
    return check(ReadParts.of(raw), CurateRequest(None, CurateSettings(), identifiers), clock=Clock({})).corpus


def check_rows(
    pairs: pl.DataFrame,
    style: StyleSchema | None,
    *,
    count_tokens: Callable[[Sequence[str]], Sequence[int]] | None = None,
) -> Checked:
    """What quality and style say about a pair table in one piece."""
    return judge([examine(pairs, style, count_tokens)], pairs, reviewed=style is None or style.reviewed)


def mask_pairs(raw: RawPairs) -> RawPairs:
    """The pairs masked, as they go on."""
    pairs = check(ReadParts.of(raw), CurateRequest(None, CurateSettings(mask=True)), clock=Clock({}))
    return replace(pairs.raw, pairs=pairs.texts[0].pairs.read())
