"""Whether live requests differ from those of a run: one permutation test over everything that can be counted of them.

Each feature (a field's value, a missing field, a length, a language, a word) has its difference in standard errors; the
largest of all is compared with the largest when the same requests are dealt to both sides at random (Westfall and Young 1993),
so all features together raise a false alarm with the stated probability, whatever depends on what. `scores/references.py` is
for pairs of texts about one input and cannot compare two unpaired sets; a difference found here has a name at once.

The requests of a run come in groups, whole families of a catalogue: the difference of a feature that comes by the group is
divided by the standard error that this gives it (Chung and Romano 2013: a permutation test of studentised differences holds
although the two sides differ otherwise). Live requests count as independent.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from ...evaluate import group_codes, groups_of
from ...style import field_text, likely_languages

# --- the test -------------------------------------------------------------------------------------------------------

Kind = Literal["missing", "value", "rare", "number", "length", "language", "word"]
DRIFT_LEVEL = 0.001  # of a look; 52 looks a year have 5% together
PERMUTATIONS = 2_000  # the smallest p value is half the level
MOST_REQUESTS = 1_000  # of each side, a seeded sample; 1,000 show a share that rose from 1% to 5%
FEWEST_REQUESTS = 50  # live requests; fewer hardly show anything at this level
MOST_SHOWN = 12
AT_ONCE = 250  # permutations in memory


@dataclass(frozen=True)
class Feature:
    """One thing that a request has or has not, or a number of it as its rank among all requests, from 0 to 1.

    `numbers` are the numbers behind the ranks, NaN for a request without one.
    """

    kind: Kind
    field: str
    value: str
    has: np.ndarray
    numbers: np.ndarray | None = None


@dataclass(frozen=True)
class _Sides:
    """The features of all requests `(requests, features)`, which requests are live, and the group of each of the others."""

    table: np.ndarray
    live: np.ndarray
    groups: np.ndarray


def drift_of(known: pl.DataFrame, live: pl.DataFrame, *, level: float = DRIFT_LEVEL, seed: int = 0) -> dict[str, Any]:
    """How live requests differ from the `known` ones of a run: pair tables; of the live, `input` and `fields` are enough.

    drifted: whether they differ, at the `level`. p_value: of the largest difference. differences: those beyond the level,
    the largest first: `kind, field, value, known, live` (shares; for lengths and numbers the medians), `p_value` adjusted
    for all features. new: fields and values that the known requests do not have, counted. Each distinct request counts
    once. If one side has no fields at all, only the texts are compared.
    `reason` says why nothing was tested, else it is null.
    """
    rng = np.random.default_rng(seed)
    if known["fields"].is_null().all() or live["fields"].is_null().all():
        known, live = (table.with_columns(fields=pl.lit(None, pl.String)) for table in (known, live))
    before, now = (_sample(_distinct(table), rng) for table in (known, live))
    new = new_values(_read_fields(known), _read_fields(live))
    result = {"level": level, "known": len(before), "live": len(now), "new": new}
    if min(len(before), len(now)) < FEWEST_REQUESTS:
        reason = f"{min(len(before), len(now))} distinct requests; at least {FEWEST_REQUESTS} are needed"
        return result | {"drifted": None, "p_value": None, "differences": [], "reason": reason}
    features = features_of(pl.concat([table.select("input", "fields") for table in (before, now)]))
    side = np.arange(len(before) + len(now)) >= len(before)
    table = np.stack([feature.has for feature in features], axis=1).astype(np.float32)
    p_values, largest = _tested(_Sides(table, side, _groups(before)), rng)
    order = [place for place in np.argsort(-largest) if p_values[place] <= level]
    shown = _without_repeats([features[place] for place in order])
    return result | {
        "drifted": bool(order),
        "p_value": float(p_values.min()),
        "differences": [_difference(features[p], side, float(p_values[p])) for p in order if features[p] in shown],
        "reason": None,
    }


def _distinct(table: pl.DataFrame) -> pl.DataFrame:
    """One request of each text."""
    return table.unique("input", keep="first", maintain_order=True)


def _groups(known: pl.DataFrame) -> np.ndarray:
    """The number of each request's group."""
    names = groups_of(known) if "group" in known.columns else None
    return group_codes(names, len(known))[0]


def _sample(table: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    if len(table) <= MOST_REQUESTS:
        return table
    return table[np.sort(rng.permutation(len(table))[:MOST_REQUESTS])]


def _tested(sides: _Sides, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`(features,)` twice: the p value of each feature, adjusted for all, and its difference in standard errors."""
    spread = sides.table.std(axis=0)
    centred = (sides.table - sides.table.mean(axis=0)) / np.where(spread > 0, spread, 1)
    found = np.abs(_differences(centred, sides.live[None, :]))[0] / _by_groups(sides)
    reached = np.ones(len(found))
    for start in range(0, PERMUTATIONS, AT_ONCE):
        orders = rng.permuted(np.tile(sides.live, (min(AT_ONCE, PERMUTATIONS - start), 1)), axis=1)
        largest = np.abs(_differences(centred, orders)).max(axis=1)
        reached += (largest[:, None] >= found - 1e-5).sum(axis=0)
    return reached / (1 + PERMUTATIONS), found


def _by_groups(sides: _Sides) -> np.ndarray:
    """`(features,)`: by how much the groups of the known requests widen the standard error of each difference, 1 or more."""
    known = sides.table[~sides.live] - sides.table[~sides.live].mean(axis=0)
    n, live = len(known), int(sides.live.sum())
    sums = np.zeros((int(sides.groups.max()) + 1, known.shape[1]))
    np.add.at(sums, sides.groups, known)
    single, grouped = (known**2).sum(axis=0), (sums**2).sum(axis=0)
    effect = np.maximum(np.divide(grouped, single, out=np.ones(len(single)), where=single > 0), 1.0)
    return np.sqrt((effect / n + 1 / live) / (1 / n + 1 / live))


def _differences(centred: np.ndarray, live: np.ndarray) -> np.ndarray:
    """`(orders, features)`: live mean minus known mean, in standard errors, for each row of sides."""
    count, total = live.sum(axis=1, keepdims=True), live.shape[1]
    sums = live.astype(np.float32) @ centred  # the sums of both sides are opposite, as the table is centred
    return sums * np.sqrt(total / (count * (total - count)))


def _without_repeats(features: Sequence[Feature]) -> list[Feature]:
    """The first features that are not a word of a field or value that is shown already."""
    shown: list[Feature] = []
    for feature in features:
        if len(shown) == MOST_SHOWN:
            break
        texts = (f"{other.field} {other.value}".casefold() for other in shown)
        within = feature.kind == "word" and any(feature.value in text for text in texts)
        if not within:
            shown.append(feature)
    return shown


def _difference(feature: Feature, live: np.ndarray, p_value: float) -> dict[str, Any]:
    values = feature.has if feature.numbers is None else feature.numbers
    mean = np.mean if feature.numbers is None else np.nanmedian
    ends = {name: float(mean(values[side])) for name, side in (("known", ~live), ("live", live))}
    return {"kind": feature.kind, "field": feature.field, "value": feature.value, **ends, "p_value": p_value}


# --- features of requests -------------------------------------------------------------------------------------------

RARE = 2  # requests of all that share a value; the values of ordinary fields repeat
VALUES, WORDS = 50, 300  # the most frequent, of a field and of all requests
FEWEST = 5  # requests that have a feature; fewer cannot show a difference
WORD = re.compile(r"[^\W\d_][\w'-]*")
KNOWN_FIELD = 0.2  # a field whose distinct values are at most this share of the requests has values to know
Rows = list[dict[str, Any]]


def _read_fields(requests: pl.DataFrame) -> Rows:
    """The fields of each request; none for one without fields."""
    read = (json.loads(text) if text else {} for text in requests["fields"])
    return [value if isinstance(value, dict) else {} for value in read]


def features_of(requests: pl.DataFrame) -> list[Feature]:
    """The features of these requests (columns `input`, `fields`) that some have and some do not."""
    rows, texts = _read_fields(requests), requests["input"].fill_null("").to_list()
    found = [*_of_fields(rows), _length(texts), *_languages(requests["input"].fill_null("")), *_words(texts)]
    return [
        feature
        for feature in found
        if np.count_nonzero(feature.has) >= FEWEST and feature.has.min() < feature.has.max()
    ]


def _of_fields(rows: Rows) -> Iterator[Feature]:
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [field_text(row.get(name)) for row in rows]
        yield Feature("missing", name, "", np.array([not value for value in values]))
        numbers = _numbers(values)
        if numbers is not None:
            yield Feature("number", name, "", _ranks(numbers), numbers)
        counts = Counter(value for value in values if value)
        if numbers is None and len(counts) > 1:
            yield Feature("rare", name, "", np.array([0 < counts[value] <= RARE for value in values]))
        for value, count in _frequent(counts, VALUES):
            if count >= FEWEST:
                yield Feature("value", name, value, np.array([other == value for other in values]))


def _frequent(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    """The most frequent texts; among equals by the text, as their order would tell which side they come from."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:most]


def _numbers(values: Sequence[str]) -> np.ndarray | None:
    """The values as numbers, NaN where there is none; None unless nearly all are numbers, and not always the same few."""
    read = pl.Series(list(values), dtype=pl.String).cast(pl.Float64, strict=False)
    stated = sum(map(bool, values))
    if not stated or read.count() < 0.9 * stated or read.n_unique() < 10:
        return None
    return read.fill_null(float("nan")).to_numpy()


def _ranks(numbers: np.ndarray) -> np.ndarray:
    """The rank of each number from 0 to 1, equal for ties; the middle where there is none."""
    known = np.isfinite(numbers)
    ranks = np.full(len(numbers), 0.5)
    if known.sum() > 1:
        ranks[known] = (pl.Series(numbers[known]).rank("average").to_numpy() - 0.5) / known.sum()
    return ranks


def _length(texts: Sequence[str]) -> Feature:
    lengths = np.array([len(text) for text in texts], dtype=float)
    return Feature("length", "", "", _ranks(lengths), lengths)


def _languages(texts: pl.Series) -> Iterator[Feature]:
    languages = likely_languages(texts)["language"].to_list()
    for language in dict.fromkeys(name for name in languages if name):
        yield Feature("language", "", language, np.array([name == language for name in languages]))


def _words(texts: Sequence[str]) -> Iterator[Feature]:
    sets = [set(map(str.casefold, WORD.findall(text))) for text in texts]
    counts = Counter(word for words in sets for word in words)
    for word, count in _frequent(counts, WORDS):
        if FEWEST <= count < len(texts):
            yield Feature("word", "", word, np.array([word in words for words in sets]))


def new_values(known: Rows, live: Rows) -> dict[str, Any]:
    """What the known requests do not have: `fields` by name, and `values` of a field by name, each with its requests.

    Only fields whose values repeat have values to know: of others, such as a part number, nearly every one is new.
    """
    fields = Counter(name for row in live for name, value in row.items() if field_text(value))
    names = {name for row in known for name in row}
    values: dict[str, Mapping[str, int]] = {}
    for name in names:
        before = Counter(field_text(row.get(name)) for row in known)
        if len(before) <= KNOWN_FIELD * len(known):
            counts = Counter(value for row in live if (value := field_text(row.get(name))) and value not in before)
            if counts:
                values[name] = dict(counts.most_common(VALUES))
    return {
        "fields": {name: count for name, count in fields.items() if name not in names},
        "values": dict(sorted(values.items(), key=lambda entry: -sum(entry[1].values()))),
    }
