"""What would keep answers apart: a column or field whose values tie the rows that share an answer, or a setting."""

import json
from collections import Counter
from collections.abc import Iterator

import numpy as np
import polars as pl

from ...core import quote
from ...style import field_text
from ..match.corpus import Corpus
from ..match.relations import Relations
from ..settings import CurateSettings
from .answers import Answers
from .ties import LARGEST, chain, components, largest_size

__all__ = ["LOOK_FIRST", "find_remedy"]

# Of the test rows: recited answers then change a result by less than its interval on a thousand rows (3 points).
LOOK_FIRST = 0.02
_ROWS = 200_000  # kept rows up to which columns are tried: each is read and tied again
_COLUMNS = 100  # names that are tried, the most frequent ones


def find_remedy(
    corpus: Corpus, rows: np.ndarray, answers: Answers, relations: Relations, *, settings: CurateSettings,
    given: np.ndarray,
) -> str:  # fmt: skip
    """What to set so that no answer of test is in train, as a sentence; `rows` are the kept ones.

    `given` is the split of each row that the data or a decision states, -1 for none.
    """
    crossing = rows[np.isin(answers.output, np.concatenate((answers.held, answers.train)))]
    if (given[crossing] >= 0).any():
        return "The split is given: without it, rows with the same answer would be kept on one side."
    # A stated group says what belongs together; another one in its place would untie that, so the answers are tied instead.
    grouped = corpus.pairs["group"].gather(rows).null_count() < len(rows)
    tried = not grouped and len(rows) <= _ROWS
    column = next(_tying_columns(corpus, rows, answers, relations), None) if tried else None
    setting = "[curate] tie_outputs = true (--tie-outputs true)"
    if column is not None:
        setting = f"[data] group = {json.dumps(column, ensure_ascii=False)} (--group {quote(column)})"
    elif settings.tie_outputs is True:
        setting = '[curate] fix = "off"' if settings.fix != "off" else ""
    again = f"Set {setting} and curate" if setting else "Curate"
    return f"{again} again without splits.jsonl to keep such rows on one side."


def _tying_columns(corpus: Corpus, rows: np.ndarray, answers: Answers, relations: Relations) -> Iterator[str]:
    """The columns and fields that would tie all rows with a crossing answer, those with the most values first."""
    subject = relations.subject[rows]
    here = np.zeros(relations.subjects, bool)
    here[subject] = True
    same = relations.same.take(here[relations.same.left] & here[relations.same.right])
    output = np.where(np.isin(answers.output, np.concatenate((answers.held, answers.train))), answers.output, -1)
    for name, values in _columns(corpus, rows):
        numbers = values.rank("dense").fill_null(0).to_numpy().astype(np.int64) - 1
        part = components(subject, [(same.left, same.right), chain(subject, numbers)])
        if largest_size(part) <= LARGEST * len(rows) and _tied(part, output, answers):
            yield name


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
