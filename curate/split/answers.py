"""Answers that stand in train: held-out rows whose long output a model may have seen, though their request is new."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from operator import itemgetter

import numpy as np
import polars as pl

from ...core import quote
from ...style import field_text
from ..match.corpus import Corpus
from ..match.join import SimilarPairs
from ..match.relations import Relations
from ..settings import CurateSettings
from .ties import LARGEST, chain, components, largest_size
from .worth import ENOUGH_ROWS, group_numbers, independent_test_rows, rows_left, worth_tying

_PORTION = 200_000  # similar pairs whose facts are looked up at once
_MOST = 5_000_000  # crossing pairs that are remembered, 80 MB: enough to judge what would tie them


@dataclass(frozen=True)
class Answers:
    """Held-out rows whose output of more than five words is in train: word for word, or similar with the same facts.

    output, verbatim, similar: one entry per kept row; no row is both. output: the number of the output, of train as it is
    trained on. held, train: the outputs that cross, as pairs of numbers. labels: the number of held-out rows with a
    shorter output that is in train.
    """

    output: np.ndarray
    verbatim: np.ndarray
    similar: np.ndarray
    held: np.ndarray
    train: np.ndarray
    labels: int


def find_answers(corpus: Corpus, kept: pl.DataFrame, rows: np.ndarray, *, threshold: float) -> Answers:
    """The answers that cross, by an exact search; `kept` has `id, split, fixed` of these rows of the corpus.

    Outputs of train are compared as they are trained on, after repair; held-out outputs as written.
    """
    in_train = (kept["split"] == "train").to_numpy()
    fixed = in_train & kept["fixed"].is_not_null().to_numpy()
    asked = ~in_train & corpus.long[rows]
    output = np.where(fixed, corpus.repaired[rows], corpus.output[rows])
    order = kept["id"].rank("ordinal").to_numpy().astype(np.int64)
    held, train = first_by_id(order, output, asked), first_by_id(order, output, in_train)
    same = np.flatnonzero((held >= 0) & (train >= 0))
    facts = _Facts(corpus, rows, fixed, len(train))
    similar, crossing, count = np.zeros(len(train), bool), [], 0
    between = corpus.outputs_between(np.flatnonzero((held >= 0) & (train < 0)), np.flatnonzero(train >= 0), threshold)
    for found in SimilarPairs.portions(between, _PORTION):
        found = found.take(facts.of(held, found.left) == facts.of(train, found.right))
        similar[found.left] = True
        crossing += [found] if count < _MOST else []
        count += len(found.left)
    pairs = SimilarPairs.joined(crossing)
    return Answers(
        output, asked & np.isin(output, same), asked & similar[output],
        np.concatenate((same, pairs.left)), np.concatenate((same, pairs.right)),
        int(np.isin(output[~in_train & ~corpus.long[rows]], output[in_train]).sum()),
    )  # fmt: skip


def first_by_id(order: np.ndarray, numbers: np.ndarray, which: np.ndarray) -> np.ndarray:
    """For each number the selected row that is first in `order`, -1 if there is none."""
    rows = np.flatnonzero(which)
    rows = rows[np.argsort(order[rows])][::-1]
    first = np.full(int(numbers.max(initial=-1)) + 1, -1)
    first[numbers[rows]] = rows  # the last write, which is the smallest id, wins
    return first


class _Facts:
    """The facts of outputs as numbers, looked up where an output first has a match."""

    def __init__(self, corpus: Corpus, rows: np.ndarray, fixed: np.ndarray, outputs: int) -> None:
        self._corpus, self._rows, self._fixed = corpus, rows, fixed
        self._known = {False: np.full(outputs, -1), True: np.full(outputs, -1)}

    def of(self, first: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """The facts of each of these outputs, in the row that `first` names for it."""
        for repaired, known in self._known.items():
            new = np.unique(outputs[(known[outputs] < 0) & (self._fixed[first[outputs]] == repaired)])
            places = self._rows[first[new]]
            if len(new):
                known[new] = self._corpus.repaired_facts(places) if repaired else self._corpus.output_facts(places)
        return np.where(self._fixed[first[outputs]], self._known[True][outputs], self._known[False][outputs])


# --- what would keep answers apart -----------------------------------------------------------------------------------

# Of the test rows: recited answers then change a result by less than its interval on a thousand rows (3 points).
LOOK_FIRST = 0.02
_ROWS = 200_000  # kept rows up to which columns are tried: each is read and tied again
_COLUMNS = 100  # names that are tried, the most frequent ones


def grouping_advice(
    corpus: Corpus, rows: np.ndarray, answers: Answers, relations: Relations, *, settings: CurateSettings,
    given: np.ndarray, share: float,
) -> str:  # fmt: skip
    """What to set so that no answer of test is in train, as a sentence; `rows` are the kept ones.

    Nothing is advised that leaves too few independent test cases for a verdict, if there are enough now. `given` is the split
    of each row that the data or a decision states, -1 for none; `share`, that of the test
    rows whose answer is in train, which show nothing as they are.
    """
    crossing = rows[np.isin(answers.output, np.concatenate((answers.held, answers.train)))]
    if (given[crossing] >= 0).any():
        return "The split is given: without it, rows with the same answer would be kept on one side."
    # A stated group says what belongs together; another one in its place would untie that, so the answers are tied instead.
    grouped = corpus.pairs["group"].gather(rows).null_count() < len(rows)
    tried = not grouped and len(rows) <= _ROWS
    columns = [*islice(_tying_columns(corpus, rows, answers, relations), _WEIGHED)] if tried else []
    if not columns and settings.tie_outputs is True:
        setting = 'Set [curate] fix = "off" and curate' if settings.fix != "off" else "Curate"
        return f"{setting}{_AGAIN}"
    worth = partial(independent_test_rows, corpus, rows, relations=relations)
    stated = group_numbers(corpus.pairs["group"])
    before = worth(stated, settings=settings) * (1 - share)
    options = [
        (f"[data] group = {json.dumps(name, ensure_ascii=False)} (--group {quote(name)})", after, worth_tying(after, before))
        for name, groups in columns
        for after in [worth(groups, settings=settings)]
    ]  # fmt: skip
    if settings.tie_outputs is not True and not any(good for *_, good in options):
        after = worth(stated, settings=replace(settings, tie_outputs=True))
        setting = "[curate] tie_outputs = true (--tie-outputs true)"
        options.append((setting, after, worth_tying(after, before, outputs=True)))
    setting, after, good = next((one for one in options if one[2]), max(options, key=itemgetter(1)))
    if not good:
        return (
            f"Keeping such rows on one side with {setting} would leave {rows_left(after)}. Add rows with other outputs."
        )
    return f"Set {setting} and curate{_AGAIN}" + (f" That leaves {rows_left(after)}." if after < ENOUGH_ROWS else "")


_AGAIN = " again without splits.jsonl to keep such rows on one side."
_WEIGHED = 5  # columns


def _tying_columns(
    corpus: Corpus, rows: np.ndarray, answers: Answers, relations: Relations
) -> Iterator[tuple[str, np.ndarray]]:
    """The columns and fields that would tie all rows with a crossing answer, those with the most values first.

    Each with the number of its group for every row of the corpus, -1 for none.
    """
    subject = relations.subject[rows]
    here = np.zeros(relations.subjects, bool)
    here[subject] = True
    same = relations.same.take(here[relations.same.left] & here[relations.same.right])
    output = np.where(np.isin(answers.output, np.concatenate((answers.held, answers.train))), answers.output, -1)
    for name, values in _columns(corpus, rows):
        numbers = group_numbers(values)
        part = components(subject, [(same.left, same.right), chain(subject, numbers)])
        if largest_size(part) <= LARGEST * len(rows) and _tied(part, output, answers):
            groups = np.full(len(corpus.pairs), -1)
            groups[rows] = numbers
            yield name, groups


def _tied(part: np.ndarray, output: np.ndarray, answers: Answers) -> bool:
    """Whether all rows of each crossing output, and of the two of each pair, are in one component."""
    size = int(output.max(initial=-1)) + 1
    low, high = np.full(size, len(part)), np.full(size, -1)
    rows = np.flatnonzero(output >= 0)
    np.minimum.at(low, output[rows], part[rows])
    np.maximum.at(high, output[rows], part[rows])
    ends = np.concatenate((answers.held, answers.train))
    return bool((low[ends] == high[ends]).all() and (low[answers.held] == low[answers.train]).all())


def _columns(corpus: Corpus, rows: np.ndarray) -> Iterator[tuple[str, pl.Series]]:
    """The fields and other columns with repeated values, as text, those with the most values first."""
    # A field comes last, so that it wins over a column of its name.
    values_of = [
        {name: value for text in texts if text for name, value in json.loads(text).items()}
        for texts in zip(corpus.meta(rows), corpus.fields(rows), strict=True)
    ]
    names = Counter(name for values in values_of for name in values)
    found = {
        name: [field_text(values[name]) or None if name in values else None for values in values_of]
        for name in sorted(names, key=lambda name: (-names[name], name))[:_COLUMNS]
    }
    counts = {name: Counter(filter(None, values)) for name, values in found.items()}
    usable = [
        name for name, values in counts.items() if 1 < len(values) < sum(values.values())
        and max(values.values()) <= LARGEST * len(rows)
    ]  # fmt: skip
    for name in sorted(usable, key=lambda name: (-len(counts[name]), name)):
        yield name, pl.Series(name, found[name], dtype=pl.String)
