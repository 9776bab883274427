"""Parts of the requests in which the candidate is worse than a rival, though it may not be on the whole."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ..curate import FEWEST_CASES, FEWEST_GROUPS
from ..style import StyleSchema, field_text, likely_languages, pair_columns
from .results import Difference, Excepted, Routing, Slice
from .scores.quality import share_of
from .scores.score import Scores
from .statistics.paired import benjamini_hochberg, compare

CHANCE = 0.1  # of the slices that are called different, at most this share is so by chance
_MOST_VALUES = 20  # of a field whose values are slices
_PARTS = 3  # by length
_READ, _OTHER_LANGUAGE, _SURE = 300, 0.05, 0.9  # requests that are looked at first; the share in another language


@dataclass(frozen=True)
class _Part:
    """Requests of one kind; `routable` if the kind is known from the request."""

    field: str
    value: str
    rows: np.ndarray
    routable: bool


@dataclass(frozen=True)
class Slices:
    """The candidate against its rivals in each slice, and what routing would give; None where it is worse in none."""

    rows: Sequence[Slice]
    routing: Routing | None


def slices_of(
    scores: Mapping[str, Scores], pairs: pl.DataFrame, rows: np.ndarray, groups: np.ndarray | None, style: StyleSchema, *,
    rivals: Sequence[str], candidate: str, margin: float, identifiers: Collection[str] = (),
) -> Slices:  # fmt: skip
    """The candidate against each of the `rivals` in each slice of at least 20 cases and ten groups, the worst first.

    Slices are by each input field of few values, the length and the language of the request, and by the label and the
    length of the reference, which no request shows. All slices and rivals are one family, of which at most a tenth of those
    called significant differ by chance (Benjamini and Hochberg 1995, J. R. Statist. Soc. B 57, 289). A slice is worse if its
    loss is significant and its whole interval lies beyond the margin.
    """
    outcomes = {name: scores[name].items["acceptable"].cast(pl.Float64).to_numpy() for name in (*rivals, candidate)}
    parts = [part for part in _parts(pairs, style, identifiers) if _is_enough(part.rows & rows, rows, groups)]
    found = [
        (
            part,
            rival,
            compare(outcomes[rival][kept], outcomes[candidate][kept], None if groups is None else groups[kept]),
        )
        for part in parts
        if (kept := part.rows & rows).any()
        for rival in rivals
    ]
    adjusted = benjamini_hochberg([1.0 if result.p_value is None else result.p_value for _, _, result in found])
    table: list[tuple[Slice, _Part]] = []
    for (part, rival, result), p in zip(found, adjusted, strict=True):
        kept, low, high = part.rows & rows, result.low or 0.0, result.high or 0.0
        significant = p <= CHANCE and (low > 0 or high < 0)
        row = Slice(
            field=part.field, value=part.value, n=result.n, share_of_requests=result.n / int(rows.sum()), rival=rival,
            acceptable=float(outcomes[candidate][kept].mean()), rival_acceptable=float(outcomes[rival][kept].mean()),
            difference=Difference(value=result.difference, low=result.low, high=result.high), p_adjusted=p,
            significant=significant, worse=significant and high < -margin, routable=part.routable,
        )  # fmt: skip
        table.append((row, part))
    table.sort(key=lambda each: (not each[0].worse, each[0].difference.value or 0.0, each[0].field, each[0].value))
    return Slices([row for row, _ in table], _routing(table, outcomes, rows, groups, candidate=candidate))


def _is_enough(kept: np.ndarray, rows: np.ndarray, groups: np.ndarray | None) -> bool:
    """Whether a part has enough cases and groups to be compared, and is not the whole."""
    if not FEWEST_CASES <= kept.sum() < rows.sum():
        return False
    return groups is None or len(set(groups[kept])) >= FEWEST_GROUPS


def _routing(
    table: Sequence[tuple[Slice, _Part]], outcomes: Mapping[str, np.ndarray], rows: np.ndarray, groups: np.ndarray | None, *,
    candidate: str,
) -> Routing | None:  # fmt: skip
    """The worst slices that requests show, sent to the rival that is best in the worst of them.

    A slice is left out once most of its requests are in those before it.
    """
    worse = [(row, part) for row, part in table if row.worse and row.routable]
    if not worse:
        return None
    rival = max((row for row, _ in worse), key=lambda row: -(row.difference.value or 0.0)).rival
    sent, excepted = np.zeros(len(rows), dtype=bool), list[Excepted]()
    for row, part in worse:
        new = part.rows & rows & ~sent
        if row.rival == rival and 2 * new.sum() > (part.rows & rows).sum():
            excepted.append(Excepted(field=row.field, value=row.value))
            sent |= part.rows & rows
    mixed = np.where(sent, outcomes[rival], outcomes[candidate])
    kept = None if groups is None else groups[rows]
    gained, over = (compare(outcomes[name][rows], mixed[rows], kept) for name in (candidate, rival))
    return Routing(
        rival=rival,
        excepted=excepted,
        share_of_requests=float(sent.sum() / rows.sum()),
        acceptable=share_of(mixed[rows], kept, seed=0),
        gained=Difference(value=gained.difference, low=gained.low, high=gained.high),
        over_rival=Difference(value=over.difference, low=over.low, high=over.high),
    )


def _parts(pairs: pl.DataFrame, style: StyleSchema, identifiers: Collection[str]) -> Iterator[_Part]:
    columns = pair_columns(pairs)
    names = dict.fromkeys(name for row in columns.fields for name in row if name not in identifiers)
    for name in names:
        values = [row.get(name) for row in columns.fields]
        if not any(isinstance(value, list | dict) for value in values):
            yield from _by_value(name, list(map(field_text, values)), routable=True)
    yield from _by_length("length of the request", pairs["input"], routable=True)
    yield from _by_language(pairs["input"])
    rule = style.deciding_rule
    if rule is not None and rule.kind == "label":
        yield from _by_value("label of the reference", pairs["output"].fill_null("").to_list(), routable=False)
    else:
        yield from _by_length("length of the reference", pairs["output"], routable=False)


def _by_value(name: str, texts: Sequence[str], *, routable: bool) -> Iterator[_Part]:
    values = np.array(texts, dtype=object)
    known = sorted(set(texts) - {""})
    if 2 <= len(known) <= _MOST_VALUES:
        for value in known:
            yield _Part(name, value, values == value, routable)


def _by_length(name: str, texts: pl.Series, *, routable: bool) -> Iterator[_Part]:
    """A third each of the texts, by their characters."""
    lengths = texts.fill_null("").str.len_chars().to_numpy()
    ends = [int(end) for end in np.unique(np.quantile(lengths, [1 / _PARTS, 2 / _PARTS], method="lower"))]
    if len(ends) < _PARTS - 1 or ends[-1] >= lengths.max(initial=0):
        return
    first, second = ends
    yield _Part(name, f"up to {first:,} characters", lengths <= first, routable)
    yield _Part(name, f"{first + 1:,} to {second:,} characters", (lengths > first) & (lengths <= second), routable)
    yield _Part(name, f"over {second:,} characters", lengths > second, routable)


def _by_language(inputs: pl.Series) -> Iterator[_Part]:
    """The languages of the requests, where some of the first ones are in another."""
    texts = inputs.fill_null("")
    first = _languages(texts.head(_READ)).drop_nulls()
    if not len(first) or first.value_counts()["count"].max() > (1 - _OTHER_LANGUAGE) * len(first):  # type: ignore[operator]
        return
    yield from _by_value("language of the request", _languages(texts).fill_null("").to_list(), routable=True)


def _languages(texts: pl.Series) -> pl.Series:
    """The language of each text; null where it is not sure."""
    found = likely_languages(texts)
    return found.select(pl.when(pl.col("share") >= _SURE).then("language"))["language"]
