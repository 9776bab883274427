"""Memorisation: test outputs that repeat train outputs, or rare passages of them, word for word."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from ..results import Risk
from ..statistics.intervals import group_codes
from ..statistics.paired import compare
from .entry import risk_entry

COPIED_WORDS = 8
# A run of words in more than 1% of the train groups is standard wording, not the content of one text.
# Measured on the example's 864 train outputs: their most frequent run ("VDC isolated DC/DC converter module dual
# output voltage") occurs in 29 outputs, 3%, and identifies no part.
STYLE_SHARE = 0.01
FEWEST_OWNERS = 2  # in a small train split two texts may share a run by accident; a third makes it standard wording
MUCH = 0.05  # this many more copies than in the references deserve a warning, even if not significant
# Where a reference copies train, a model that recites cannot be told from one that answers well. Up to a fifth of the
# pairs the others show it; beyond, they are no picture of the test set. In the example 5% of the references do.
REFERENCES_COPY = 0.2
MOST_RECITED = 0.02  # of the pairs, as for the certificate of the split
MORE_WHOLE = 0.1  # of the outputs are whole train outputs, above the references: short texts coincide now and then
SHORT_WORDS = 5  # shorter outputs, such as labels, are equal without being recited
PART = 2**24  # bytes of train text processed at once: about 0.5 GB of words and numbers
SIEVE = 2**22  # filter slots by the last bits of a run; with 200,000 runs of 2,000 test outputs, 1 in 20 others passes
EDGES = ".,;:!?()[]{}\"'“”‘’"
# An odd multiplier per position makes a run's fingerprint depend on the order of its words.
PLACES = np.random.default_rng(8).integers(1, 2**63, COPIED_WORDS, dtype=np.uint64) | np.uint64(1)
Texts = Sequence[str | None]
Groups = Sequence[Any] | np.ndarray | None


def assess_memorisation(
    train_outputs: Texts | None,
    references: Texts | None,
    outputs: Texts | None,
    *,
    inputs: Texts | None = None,
    groups: Groups = None,
    train_groups: Groups = None,
    seed: int = 0,
) -> Risk:
    """The risk `memorisation`: copies of train outputs beyond those in the references of the same pairs.

    `references`, `outputs`, `inputs` and `groups` belong to the same test pairs, in the same order; None as a reference
    or an output drops its pair. `over` if the lower end of the paired difference is above 0, or that in outputs of any length
    which are whole train outputs is above 10 points; not checked if more than a fifth of the references copy train
    themselves, or instead of ok if more than 2% of the outputs are whole train outputs where the reference is one too.
    `recited` counts these among `n` pairs.
    """
    if not train_outputs or references is None or outputs is None:
        return risk_entry(
            "memorisation", evidence="the outputs were not compared with train outputs",
            to_check="evaluate in a run that has the train outputs, the references and the candidate's outputs",
        )  # fmt: skip
    kept = [i for i, both in enumerate(zip(references, outputs, strict=True)) if None not in both]
    if not kept:
        return risk_entry(
            "memorisation", evidence="no test pair has both a usable reference and an output",
            to_check="add test pairs whose references pass the style schema",
        )  # fmt: skip
    texts = [references[i] for i in kept] + [outputs[i] for i in kept]
    compared = None if inputs is None else [inputs[i] for i in kept] * 2
    both = copies_of(texts, train_outputs, inputs=compared, train_groups=train_groups)
    theirs, ours = both[: len(kept)], both[len(kept) :]
    both_recited = _both_recited(train_outputs, [references[i] for i in kept], [outputs[i] for i in kept])
    counts: dict[str, Any] = {"recited": both_recited, "n": len(kept)}
    ids = None if groups is None else [groups[i] for i in kept]
    known = recited(texts, recitable(train_outputs, train_groups), compared)
    whole = compare(known[: len(kept)], known[len(kept) :], ids, seed=seed)
    if known[: len(kept)].mean() <= REFERENCES_COPY and (whole.low or 0.0) > MORE_WHOLE:
        return risk_entry(
            "memorisation", "over", whole.difference, 0.0, evidence=f"{int(known[len(kept) :].sum())} of {len(kept)} outputs are "
            f"train outputs word for word; {int(known[: len(kept)].sum())} of the references are",
            unit="share", measured=True, low=whole.low, high=whole.high, **counts,
        )  # fmt: skip
    if theirs.mean() > REFERENCES_COPY:
        return risk_entry(
            "memorisation", evidence=f"{int(theirs.sum())} of {len(kept)} references repeat {COPIED_WORDS} or more consecutive "
            "words of a train output that few others contain, so a model that recites cannot be told from one that answers",
            to_check="split so that no answer of test is in train (`group` or `tie_outputs`), then train and evaluate again",
            **counts,
        )  # fmt: skip
    comparison = compare(theirs, ours, ids, seed=seed)
    over = comparison.low is not None and comparison.low > 0
    warned = (comparison.difference or 0.0) > MUCH
    repeat = "output repeats" if len(kept) == 1 else "outputs repeat"
    if both_recited > MOST_RECITED * len(kept) and not over and not warned:
        return risk_entry(
            "memorisation", evidence=f"{both_recited} of {len(kept)} outputs are train outputs word for word where the reference "
            "is one too, so a model that recites cannot be told from one that answers",
            to_check="split so that no answer of test is in train (`group` or `tie_outputs`), then train and evaluate again",
            **counts,
        )  # fmt: skip
    return risk_entry(
        "memorisation", "over" if over else "warn" if warned else "ok", comparison.difference, 0.0,
        evidence=f"{int(ours.sum())} of {len(kept)} {repeat} {COPIED_WORDS} or more consecutive words of a train output "
        f"that few other train outputs contain; {int(theirs.sum())} of the references do",
        unit="share", measured=True, low=comparison.low, high=comparison.high, **counts,
    )  # fmt: skip


def _both_recited(train_outputs: Texts, references: Texts, outputs: Texts) -> int:
    """How many outputs are whole train outputs of more than five words, where the reference is one too."""
    known = set(_words(train_outputs))
    pairs = zip(_words(references), _words(outputs), strict=True)
    return sum(ours in known and theirs in known and ours.count(" ") >= SHORT_WORDS for theirs, ours in pairs)


def recitable(train_outputs: Texts, train_groups: Groups = None) -> set[str]:
    """The train outputs, as their words, that belong to a text: those in few groups, as `copies_of` counts."""
    codes, count = group_codes(train_groups, len(train_outputs))
    owners = defaultdict(set)
    for text, code in zip(_words(train_outputs), codes.tolist(), strict=True):
        owners[text].add(code)
    most = max(FEWEST_OWNERS, STYLE_SHARE * count)
    return {text for text, groups in owners.items() if text and len(groups) <= most}


def recited(texts: Texts, known: set[str], inputs: Texts | None = None) -> np.ndarray:
    """Whether each text, of any length, is one of the `known` texts, and its own input does not contain it."""
    found = np.zeros(len(texts), bool)
    for row, text in enumerate(_words(texts) if known else ()):
        found[row] = text in known and (inputs is None or text not in _words([inputs[row]])[0])
    return found


def _words(texts: Texts) -> list[str]:
    """Texts as their words, without case and the punctuation at their ends."""
    return [" ".join(word.strip(EDGES) for word in (text or "").casefold().split()) for text in texts]


def copies_of(
    outputs: Texts,
    train_outputs: Texts,
    *,
    inputs: Texts | None = None,
    train_groups: Groups = None,
    part_bytes: int = PART,
) -> np.ndarray:
    """Whether each output contains a run of eight words that belongs to some train output: `(n,)` of bool.

    Words are compared without case and without punctuation at their ends; shorter outputs have no such run. A run belongs
    to a text if it occurs in at most two train groups, or 1% of them (without groups, each output is one); a run from the
    output's own input is not a copy. The train outputs are read once, in parts of `part_bytes`.
    """
    rows, runs = _runs(pl.Series(outputs, dtype=pl.String))
    if inputs is not None:
        compared_rows, compared = _runs(pl.Series(inputs, dtype=pl.String))
        free = ~np.isin(_with_row(rows, runs), _with_row(compared_rows, compared))
        rows, runs = rows[free], runs[free]
    wanted, place = np.unique(runs, return_inverse=True)
    codes, count = group_codes(train_groups, len(train_outputs))
    owners = _owners(wanted, pl.Series(train_outputs, dtype=pl.String), codes, part_bytes)
    few = (owners >= 1) & (owners <= max(FEWEST_OWNERS, STYLE_SHARE * count))
    copies = np.zeros(len(outputs), dtype=bool)
    copies[rows[few[place]]] = True
    return copies


def _owners(wanted: np.ndarray, train: pl.Series, codes: np.ndarray, part_bytes: int) -> np.ndarray:
    """The number of train groups in which each of the sorted runs occurs.

    Rows are read group by group, so that only the last group of a part has to be remembered.
    """
    counts = np.zeros(len(wanted), dtype=np.int64)
    if not len(wanted) or not len(train):
        return counts
    order = np.argsort(codes, kind="stable")
    last, seen = -1, np.zeros(len(wanted), dtype=bool)
    likely = np.zeros(SIEVE, dtype=bool)  # nearly all train runs are unknown: this filter avoids searching for them
    likely[wanted % SIEVE] = True
    for part in _parts(train, order, part_bytes):
        rows, runs = _runs(train[part])
        sieved = likely[runs % SIEVE]
        rows, runs = rows[sieved], runs[sieved]
        at = np.searchsorted(wanted, runs).clip(max=len(wanted) - 1)
        hit = wanted[at] == runs
        group, run = np.divmod(np.unique(codes[part][rows[hit]] * len(wanted) + at[hit]), len(wanted))
        new = ~((group == last) & seen[run])
        counts += np.bincount(run[new], minlength=len(wanted))
        if codes[part[-1]] != last:
            last, seen = codes[part[-1]], np.zeros(len(wanted), dtype=bool)
        seen[run[group == last]] = True
    return counts


def _with_row(rows: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Fingerprints of a run and its row, so that each row is compared only with its own input."""
    return runs ^ (rows.astype(np.uint64) * PLACES[0])


def _parts(texts: pl.Series, order: np.ndarray, part_bytes: int) -> Iterator[np.ndarray]:
    """The rows in this order, in parts of about `part_bytes`."""
    sizes = texts.str.len_bytes().fill_null(0).to_numpy()[order]
    part = np.cumsum(sizes) // part_bytes
    yield from np.split(order, np.flatnonzero(np.diff(part)) + 1)


def _runs(texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """Row and fingerprint (64 bits) of every run of eight words."""
    words = pl.DataFrame({"word": texts.fill_null("").str.to_lowercase().str.extract_all(r"\S+")})
    words = words.with_row_index("row").explode("word").with_columns(pl.col("word").str.strip_chars(EDGES))
    words = words.filter(pl.col("word").str.len_bytes() > 0)
    rows, hashes = words["row"].to_numpy().astype(np.int64), words["word"].hash().to_numpy()
    count = len(rows) - COPIED_WORDS + 1
    if count < 1:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    runs = np.zeros(count, dtype=np.uint64)
    for place, factor in enumerate(PLACES):  # wraps around, as unsigned numbers do
        runs += hashes[place : place + count] * factor
    whole = rows[:count] == rows[COPIED_WORDS - 1 :]
    return rows[:count][whole], runs[whole]
