"""All pairs by row: numbers in memory, texts fetched on demand."""

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import polars as pl

from ..check.facts import FEW_LABEL_WORDS, LABEL_WORDS, field_facts, text_facts
from ..read.normal_forms import content_hash, row_hashes
from .cache import DistinctTexts, FactNumbers, KnownTexts, Memory, Recalled, Texts, TextsAgain, TextsHere
from .candidates import Join, MethodSetting
from .join import SimilarPairs, as_fraction
from .join_between import verified_texts
from .sketches import near_texts

T = TypeVar("T")
_LABELS = 0.5  # of the rows have a short output where short outputs are labels


@dataclass
class Corpus:
    """All pairs by row, a position in the table of all pairs. Texts are identified by numbers and fetched on demand.

    pairs: `row, id, group, split`. content: 128 bits of each normalised pair as hex. sample: its key in a sample, null without a
    style. lengths: characters of each row's
    output. text, output: the number of each row's normalised input (without identifiers) and output. repaired: that of
    the output after repair, where there is one, else of the output. long: whether the output has more than five words.
    label_words: an output of at most so many words is a label. recalled: what is known from an earlier corpus.
    """

    pairs: pl.DataFrame
    content: pl.Series
    sample: pl.Series
    lengths: np.ndarray
    text: np.ndarray
    output: np.ndarray
    repaired: np.ndarray
    long: np.ndarray
    label_words: int
    _inputs: Texts
    _outputs: Texts
    _rows: "_Rows"
    recalled: Recalled | None = None

    @classmethod
    def of(
        cls,
        numbers: pl.DataFrame,
        inputs: DistinctTexts,
        outputs: DistinctTexts,
        tables: "RowTables",
        *,
        identifiers: Collection[str] = (),
    ) -> "Corpus":
        """The corpus of pairs with these `numbers`, a row per pair, whose `input`, `output` and `repaired` are keys of texts."""
        written = numbers["repaired"].fill_null(numbers["output"])
        label_words = LABEL_WORDS if (~numbers["long"]).sum() >= _LABELS * len(numbers) else FEW_LABEL_WORDS
        return cls(
            numbers.select("row", "id", "group", "split"), numbers["content"], numbers["sample"],
            numbers["length"].to_numpy().astype(np.int64), inputs.numbers(numbers["input"]), outputs.numbers(numbers["output"]),
            outputs.numbers(written), numbers["long"].to_numpy(), label_words, inputs.texts, outputs.texts,
            _Rows(tables, identifiers, label_words),
        )  # fmt: skip

    def remembering(self, memory: Memory, edited: np.ndarray) -> "Corpus":
        """The same corpus, in memory, which compares only what `memory` does not know.

        It has some of the remembered rows, those `edited` (row numbers) with another output, and numbers texts as they did.
        """
        recalled = memory.recalled(self.pairs["row"].to_numpy(), edited)
        inputs = _texts_again(memory.inputs, self._inputs, self.text)
        outputs = _texts_again(memory.outputs, self._outputs, self.output)
        rows = self._rows.remembering(memory.facts, recalled.places)
        return replace(self, _inputs=inputs, _outputs=outputs, _rows=rows, recalled=recalled)

    def inputs(self, rows: np.ndarray) -> list[str]:
        """The normalised inputs of these rows, without identifiers."""
        return self._inputs.of(self.text[rows])

    def outputs(self, rows: np.ndarray) -> list[str]:
        """The normalised outputs of these rows."""
        return self._outputs.of(self.output[rows])

    def requests(self, rows: np.ndarray) -> list[str]:
        """The original inputs of these rows."""
        return self._rows.find(rows, "requests")

    def written(self, rows: np.ndarray) -> list[str]:
        """The original outputs of these rows."""
        return self._rows.find(rows, "written")

    def fields(self, rows: np.ndarray) -> list[str | None]:
        """The input fields of these rows as JSON; None if the input is plain text."""
        return self._rows.find(rows, "fields")

    def meta(self, rows: np.ndarray) -> list[str | None]:
        """The other columns of these rows as JSON; None if there are none."""
        return self._rows.find(rows, "meta")

    def once(self, what: str, keys: Sequence[Hashable], make: Callable[[np.ndarray], list[T]]) -> list[T]:
        """The value of each key, made once; `make` returns those at some positions. A memory keeps them for other corpora."""
        known = {} if self.recalled is None else self.recalled.memory.made.setdefault(what, {})
        new = {key: at for at, key in enumerate(keys) if key not in known}
        known |= zip(new, make(np.array(list(new.values()), np.int64)), strict=True)
        return [known[key] for key in keys]

    @cached_property
    def in_order(self) -> np.ndarray:
        """All rows ordered by content hash, then by all that is written in them, then by id: never by their positions."""
        # A hash of everything in a row tells rows with the same content apart; the others need none.
        repeated = self.content.is_duplicated().arg_true()
        found = self._rows.find(repeated.to_numpy().astype(np.int64), "whole")
        whole = pl.repeat("", len(self.content), eager=True).scatter(repeated, found)
        table = pl.DataFrame({"content": self.content, "whole": whole, "id": self.pairs["id"]})
        return table.select(pl.arg_sort_by("content", "whole", "id")).to_series().to_numpy().astype(np.int64)

    def input_facts(self, rows: np.ndarray) -> np.ndarray:
        """A number for each row, equal if the facts of the inputs are; the numbering is shared by all calls."""
        return self._rows.number(rows, "input facts")

    def output_facts(self, rows: np.ndarray) -> np.ndarray:
        """The same for the outputs."""
        return self._rows.number(rows, "output facts")

    def repaired_facts(self, rows: np.ndarray) -> np.ndarray:
        """The same for the outputs after repair, of rows that have one."""
        return self._rows.number(rows, "repaired facts", like="output facts")

    def join(self, threshold: float, setting: MethodSetting, rank: np.ndarray) -> Join:
        """The join of all inputs, given the rank of each row in order of preference."""
        return self._inputs.join(threshold, setting, best_ranks(self.text, rank).astype(np.uint32))

    def inputs_between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """Every similar pair of a text in `left` and one in `right` (numbers): exact, in parts."""
        return self._inputs.between(left, right, threshold)

    def similar_inputs(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """Those of these pairs of inputs (numbers) that are similar."""
        numbers, place = np.unique(np.concatenate((left, right)), return_inverse=True)
        texts, t = pl.Series(self._inputs.of(numbers), dtype=pl.String), as_fraction(threshold)
        near = near_texts(texts, place[: len(left)], place[len(left) :], t)
        for found in verified_texts(texts, *near, t):
            yield SimilarPairs(numbers[found.left], numbers[found.right], found.shared, found.union)

    def outputs_between(self, left: np.ndarray, right: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """The same for outputs."""
        return self._outputs.between(left, right, threshold)

    def similar_outputs(self, outputs: np.ndarray, threshold: float) -> Iterator[SimilarPairs]:
        """Every similar pair of these outputs (numbers): exact, in parts."""
        return self._outputs.among(outputs, threshold)


def first_rows(numbers: np.ndarray) -> np.ndarray:
    """For each number the first row that has it."""
    first = np.zeros(int(numbers.max(initial=-1)) + 1, np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # the last write, which is the first row, wins
    return first


def best_ranks(numbers: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """For each number the smallest rank of a row that has it; the number of rows if none does."""
    best = np.full(int(numbers.max(initial=-1)) + 1, len(rank))
    np.minimum.at(best, numbers, rank)
    return best


def _texts_again(known: KnownTexts, texts: Texts, numbers: np.ndarray) -> TextsAgain:
    """The texts with what is known of them, of which only those with these numbers occur."""
    if not isinstance(texts, TextsHere):
        raise TypeError("only texts in memory can be remembered")
    return TextsAgain(known, texts.all, np.bincount(numbers, minlength=len(texts.all)) > 0)


# --- queries about the pairs --------------------------------------------------------------------------------------

# The columns that each query reads; None means all.
_QUERIES: dict[str, tuple[str, ...] | None] = {
    "input facts": ("input", "fields"), "output facts": ("output",), "requests": ("input",), "written": ("output",),
    "fields": ("fields",), "meta": ("meta",), "whole": None, "repaired facts": ("index", "output"),
}  # fmt: skip


@dataclass(frozen=True)
class Query:
    """A question about rows: `what` to tell of each, given the fields that are identifiers and the words of a label."""

    what: str
    identifiers: Collection[str]
    label_words: int

    @property
    def of_repairs(self) -> bool:
        """Whether the table of repairs answers it, which has only the rows with one, not the table of pairs."""
        return self.what == "repaired facts"

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The columns that it reads; None means all."""
        return _QUERIES[self.what]

    def answer(self, table: pl.DataFrame, rows: np.ndarray) -> pl.Series:
        """The answers for the pairs at these positions, as texts."""
        if self.of_repairs:
            rows = np.searchsorted(table["index"].to_numpy(), rows)
        return pl.Series("found", _values(table[rows], self.what, self.identifiers, self.label_words), dtype=pl.String)


class RowTables(Protocol):
    """The tables of pairs and of repairs, which answer questions about rows."""

    def answers(self, rows: np.ndarray, query: Query) -> pl.Series:
        """The answers for these rows, in ascending order without repetition."""
        ...


@dataclass(frozen=True)
class RowsHere:
    """The tables in the memory of this process."""

    pairs: pl.DataFrame
    repairs: pl.DataFrame

    def answers(self, rows: np.ndarray, query: Query) -> pl.Series:
        """See `RowTables`."""
        return query.answer(self.repairs if query.of_repairs else self.pairs, rows)


class _Rows:
    """Queries about rows, of which facts are numbered."""

    def __init__(
        self,
        tables: RowTables,
        identifiers: Collection[str],
        label_words: int,
        facts: FactNumbers | None = None,
        places: np.ndarray | None = None,
    ) -> None:
        """`facts` numbers them by the `places` of the rows; without places nothing is kept."""
        self._tables = tables
        self._identifiers = identifiers
        self._label_words = label_words
        self._facts = facts or FactNumbers(0)
        self._places = places

    def remembering(self, facts: FactNumbers, places: np.ndarray) -> "_Rows":
        """The same rows, whose facts are looked up once for all corpora that share `facts`."""
        return _Rows(self._tables, self._identifiers, self._label_words, facts, places)

    def number(self, rows: np.ndarray, what: str, *, like: str | None = None) -> np.ndarray:
        """A number for the queried value of each row, equal if the values are; as those of the query `like`."""
        name = what if what == "input facts" else f"{what} {self._label_words}"
        places = np.full(len(rows), -1) if self._places is None else self._places[rows]
        numbers = self._facts.of(name, places)
        new = np.flatnonzero(numbers < 0)
        numbers[new] = self._facts.learn(name, places[new], self.find(rows[new], what), like=like or what)
        return numbers

    def find(self, rows: np.ndarray, what: str) -> list[Any]:
        """The queried values of these rows."""
        once, place = np.unique(rows, return_inverse=True)
        if not len(once):
            return []
        return self._tables.answers(once, Query(what, self._identifiers, self._label_words)).gather(place).to_list()


def _values(pairs: pl.DataFrame, what: str, identifiers: Collection[str], label_words: int) -> Sequence[str | None]:
    columns = {"requests": "input", "written": "output", "fields": "fields", "meta": "meta"}
    if what in columns:
        return pairs[columns[what]].to_list()
    if what == "whole":
        return row_hashes(pairs)
    if what == "input facts":
        rows = pairs.select("input", "fields").rows()
        facts = [
            text_facts(text, leave_out=identifiers) if fields is None else field_facts(fields, leave_out=identifiers)
            for text, fields in rows
        ]
    else:
        facts = [text_facts(text, label_words=label_words) for text in pairs["output"]]
    return [content_hash(*sorted(row_facts)) for row_facts in facts]
