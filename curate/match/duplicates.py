"""Decides which duplicates to keep: a star around each kept row, so that a row is dropped only for one that is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import scipy.sparse as sparse

from ..check.facts import text_facts
from ..check.rows import Checked
from ..settings import CurateSettings
from .corpus import Corpus
from .items import Edges
from .relations import Relations

_CHUNK = 500_000  # rows whose evidence is written at once, with four texts each


@dataclass(frozen=True)
class Outcomes:
    """One entry per row. other: the row that a duplicate repeats or a conflict contradicts, -1 for none."""

    outcome: np.ndarray
    rule: np.ndarray
    evidence: np.ndarray
    other: np.ndarray
    similarity: np.ndarray

    @classmethod
    def all_kept(cls, n: int) -> "Outcomes":
        """Every row kept, without evidence."""
        return cls(np.full(n, "kept", object), np.full(n, None), np.full(n, None), np.full(n, -1), np.full(n, np.nan))

    @property
    def kept(self) -> np.ndarray:
        """Which rows are kept."""
        return self.outcome == "kept"

    def mark(
        self,
        rows: np.ndarray,
        outcome: str,
        *,
        rule: object,
        evidence: object,
        other: object = -1,
        similarity: object = np.nan,
    ) -> "Outcomes":
        """The outcomes with these rows set; each value applies to all of them or is one per row."""
        changed = {}
        for name, value in {
            "outcome": outcome, "rule": rule, "evidence": evidence, "other": other, "similarity": similarity
        }.items():  # fmt: skip
            column = getattr(self, name).copy()
            column[rows] = value
            changed[name] = column
        return replace(self, **changed)


def rank_rows(corpus: Corpus, checked: Checked, *, keep: str) -> np.ndarray:
    """The rank of each row in order of preference, from 0.

    Whatever `keep` says, an output that breaks a `must` rule never displaces one that breaks none. Ties go by the content
    hash, then the row as written, then the id, so the order of the files and rows does not matter; with "first" it
    decides between rows that differ after normalisation, and only between those.
    """
    breaks = (checked.must > 0).astype(np.int64)
    tie = np.empty(len(breaks), np.int64)
    tie[corpus.in_order] = np.arange(len(breaks))
    if keep == "first":
        rows = pl.DataFrame({"content": corpus.content, "row": corpus.pairs["row"]})
        first = rows.select(pl.col("row").min().over("content")).to_series().to_numpy().astype(np.int64)
        preference = (first, breaks)
    else:
        preference = (checked.should, checked.must) if keep == "best style" else (-corpus.lengths, breaks)
    rank = np.empty(len(breaks), np.int64)
    rank[np.lexsort((tie, *preference))] = np.arange(len(breaks))
    return rank


def settle(corpus: Corpus, relations: Relations, rank: np.ndarray, *, settings: CurateSettings) -> Outcomes:
    """The outcome of each row before the split: kept, duplicate or conflict."""
    outcomes = Outcomes.all_kept(len(rank))
    if not len(rank):
        return outcomes
    items = int(relations.item.max()) + 1
    best = np.full(items, -1)
    worst_first = np.argsort(-rank, kind="stable")
    best[relations.item[worst_first]] = worst_first  # the last write, which is the best rank, wins
    rank = np.argsort(np.argsort(rank[best], kind="stable"), kind="stable")
    duplicates, conflicts = relations.duplicates, relations.conflicts
    all_, none = np.ones(items, bool), np.zeros(items, bool)
    best_kept = settings.conflicts == "keep best"
    quarantined = _closest(conflicts, rank, all_ if settings.conflicts == "quarantine" else none, all_)
    candidates = all_.copy()
    candidates[quarantined.item] = False
    kept = _kept(candidates, rank, [duplicates, conflicts] if best_kept else [duplicates])
    dropped = candidates & ~kept
    repeating = _closest(duplicates, rank, dropped, kept)
    dropped[repeating.item] = False
    conflicting = _closest(conflicts, rank, dropped, kept) if best_kept else quarantined
    return _as_rows(corpus, relations.item, outcomes, best, repeating, conflicting)


@dataclass(frozen=True)
class _Stars:
    """Items, each with one neighbour and the similarity of inputs and of outputs."""

    item: np.ndarray
    other: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray

    @property
    def similarity(self) -> np.ndarray:
        """The smaller of the two similarities."""
        return np.minimum(self.inputs, self.outputs)

    def take(self, which: np.ndarray) -> "_Stars":
        """The stars selected by a mask or by positions."""
        return _Stars(self.item[which], self.other[which], self.inputs[which], self.outputs[which])


def _closest(edges: Edges, rank: np.ndarray, items: np.ndarray, others: np.ndarray) -> _Stars:
    """For each item its most similar neighbour among the others; ties go to the best rank.

    Templated data have millions of edges, so they are neither sorted nor copied for each direction.
    """
    similarity, ends = edges.similarity, ((edges.left, edges.right), (edges.right, edges.left))
    most, first = np.full(len(rank), -1.0), np.full(len(rank), len(rank))
    for item, other in ends:
        which = np.flatnonzero(items[item] & others[other])
        np.maximum.at(most, item[which], similarity[which])
    for item, other in ends:
        which = np.flatnonzero(items[item] & others[other] & (similarity == most[item]))
        np.minimum.at(first, item[which], rank[other[which]])
    parts = []
    for item, other in ends:
        chosen = items[item] & others[other] & (similarity == most[item]) & (rank[other] == first[item])
        parts.append(_Stars(item, other, edges.inputs, edges.outputs).take(np.flatnonzero(chosen)))
    columns = ([getattr(part, name) for part in parts] for name in ("item", "other", "inputs", "outputs"))
    stars = _Stars(*map(np.concatenate, columns))
    return stars.take(np.argsort(stars.item, kind="stable"))


def _kept(candidates: np.ndarray, rank: np.ndarray, edges: Sequence[Edges]) -> np.ndarray:
    """Which items are kept: in order of rank, those not similar to one kept before. Dropped items do not affect others."""
    kept, graphs = candidates.copy(), []
    for some in edges:
        ones = np.ones(len(some.left), bool)
        graph = sparse.csr_matrix((ones, (some.left, some.right)), shape=(len(rank), len(rank)))
        graphs += [(np.asarray(g.indptr), np.asarray(g.indices)) for g in (graph, graph.T.tocsr())]
    degree = sum((np.diff(starts) for starts, _ in graphs), np.zeros(len(rank), np.int64))
    items = np.flatnonzero(degree)
    # One step per item, not per edge: a kept item removes all its neighbours at once.
    for item in items[np.argsort(rank[items], kind="stable")].tolist():
        if kept[item]:
            for starts, neighbours in graphs:
                kept[neighbours[starts[item] : starts[item + 1]]] = False
    return kept


def _as_rows(
    corpus: Corpus, item: np.ndarray, outcomes: Outcomes, best: np.ndarray, repeating: _Stars, conflicting: _Stars
) -> Outcomes:
    ids, content = corpus.pairs["id"], corpus.content.to_numpy()
    dropped = np.zeros(len(best), bool)
    dropped[repeating.item] = dropped[conflicting.item] = True
    copies = np.flatnonzero((best[item] != np.arange(len(item))) & ~dropped[item])
    others = best[item[copies]]
    evidence = [
        _copy_evidence(name, same=same)
        for name, same in zip(ids.gather(others), (content[copies] == content[others]).tolist(), strict=True)
    ]
    outcomes = outcomes.mark(
        copies, "duplicate", rule="exact_duplicate", evidence=evidence, other=others, similarity=1.0
    )
    for kind, stars in (("duplicate", repeating), ("conflict", conflicting)):
        place = np.full(len(best), -1)
        place[stars.item] = np.arange(len(stars.item))
        rows = np.flatnonzero(place[item] >= 0)
        of_rows = stars.take(place[item[rows]])
        others = best[of_rows.other]
        explain = _explain_duplicates if kind == "duplicate" else _explain_conflicts
        rules, evidence = [], []
        for start in range(0, len(rows), _CHUNK):
            some = np.arange(start, min(start + _CHUNK, len(rows)))
            more_rules, sentences = explain(corpus, rows[some], others[some], of_rows.take(some))
            rules += more_rules
            evidence += sentences
        outcomes = outcomes.mark(rows, kind, rule=rules, evidence=evidence, other=others, similarity=of_rows.similarity)
    return outcomes


def _explain_duplicates(
    corpus: Corpus, rows: np.ndarray, others: np.ndarray, stars: _Stars
) -> tuple[list[str], list[str]]:
    """The rule and the evidence of each of these duplicates."""
    copies = (corpus.text[rows] == corpus.text[others]) & (corpus.output[rows] == corpus.output[others])
    same = (corpus.content.gather(rows) == corpus.content.gather(others)).to_list()
    apart = iter(_differences(corpus, rows[~copies], others[~copies]))
    rules, evidence = [], []
    for copy, name, inputs, outputs, equal in zip(
        copies.tolist(),
        corpus.pairs["id"].gather(others),
        stars.inputs.tolist(),
        stars.outputs.tolist(),
        same,
        strict=True,
    ):
        rules.append("exact_duplicate" if copy else "near_duplicate")
        evidence.append(
            _copy_evidence(name, same=equal) if copy else _near_evidence(name, inputs, outputs, next(apart))
        )
    return rules, evidence


def _differences(corpus: Corpus, rows: np.ndarray, others: np.ndarray) -> list[str]:
    """The words of input and output in which each of these rows differs from the other one."""

    def compare(new: np.ndarray) -> list[str]:
        texts = (find(some[new]) for find in (corpus.inputs, corpus.outputs) for some in (rows, others))
        found = (
            (("input", _different_words(given, other_given)), ("output", _different_words(said, other_said)))
            for given, other_given, said, other_said in zip(*texts, strict=True)
        )
        return ["; ".join(f"{name} {words}" for name, words in both if words) for both in found]

    numbers = (numbers[some].tolist() for some in (rows, others) for numbers in (corpus.text, corpus.output))
    return corpus.once("different words", list(zip(*numbers, strict=True)), compare)


def _explain_conflicts(
    corpus: Corpus, rows: np.ndarray, others: np.ndarray, stars: _Stars
) -> tuple[list[str], list[str]]:
    """The same for conflicts."""
    words = corpus.label_words

    def facts_of(some: np.ndarray) -> list[frozenset[str]]:
        texts = corpus.written(some)
        return corpus.once(
            f"facts {words}", texts, lambda new: [text_facts(texts[at], label_words=words) for at in new.tolist()]
        )

    stated = zip(facts_of(rows), facts_of(others), strict=True)
    requests = zip(corpus.requests(rows), corpus.requests(others), strict=True)
    outputs = zip(corpus.outputs(rows), corpus.outputs(others), strict=True)
    evidence = [
        _conflict_evidence(name, inputs if inputs < 1 else None if one == two else 1, *facts, *said)
        for name, inputs, (one, two), facts, said in zip(
            corpus.pairs["id"].gather(others), stars.inputs.tolist(), requests, stated, outputs,
            strict=True,
        )
    ]  # fmt: skip
    return ["conflict"] * len(rows), evidence


def _copy_evidence(other: str, *, same: bool) -> str:
    """`same`: the texts are equal but for case and spacing, and no sign that comparison ignores makes a difference."""
    if same:
        return f'Input and output are those of "{other}", but for case, spacing and identifiers.'
    return f'Input and output read like those of "{other}"; only markup, hidden or similar letters or the order of fields differ.'


def _near_evidence(other: str, inputs: float, outputs: float, different: str) -> str:
    """Includes the words that differ: facts are numbers and codes, but a single word can also change the meaning."""
    evidence = (
        f'Repeats "{other}" with the same facts: similarity of the inputs {inputs:.2f}, of the outputs {outputs:.2f}'
    )
    return f"{evidence}; {different}." if different else f"{evidence}."


def _different_words(text: str, other: str) -> str:
    """The words that only one of two normalised texts contains; empty if only their order or count differs."""
    one, two = text.split(), other.split()
    only_one, only_two = set(one) - set(two), set(two) - set(one)
    left, right = (
        _short(" ".join(w for w in words if w in only)) for words, only in ((one, only_one), (two, only_two))
    )
    quoted = [f'"{words}"' if words else "nothing" for words in (left, right)]
    return " against ".join(quoted) if left or right else ""


def _conflict_evidence(
    other: str, inputs: float | None, facts: frozenset[str], others: frozenset[str], said: str, other_said: str
) -> str:
    """`inputs`: the similarity of the inputs, None if they are the same as written; `facts, others` of the outputs, which are
    `said, other_said`.
    """
    if inputs is None:
        given = f'The same input as "{other}"'
    elif inputs == 1:
        given = f'The same input as "{other}", but for identifiers, case, spacing or markup,'
    else:
        given = f'Nearly the same input as "{other}" (similarity {inputs:.2f}, same facts)'
    left, right = (
        _short(", ".join(sorted(fact.replace("\0", ": ") for fact in only)))
        for only in (facts - others, others - facts)
    )
    if not left and not right:
        words = _different_words(said, other_said) or "the same words in another order"
        return f"{given} with another answer: {words}."
    if left and right:
        return f"{given} with another answer: {left} against {right}."
    if left:
        return f"{given} with another answer: this one states {left}, the other does not."
    return f"{given} with another answer: the other one states {right}, this one does not."


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 120 else flat[:117] + "…"
