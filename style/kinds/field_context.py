"""The check `field_context`: no value where the examples have only values of other fields, no unexplained negation."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import polars as pl

from ...core import ConfigError
from ..columns import Columns, field_names, regex_places
from ..learned import held_out, inferred_wordings
from ..negations import LANGUAGES, negation_language, negation_pattern
from ..schema import Check, FaultRow, Findings, Kind, Proposal, Wordings, ordered_faults
from ..slots import Masked, Side, masked, pieces_of, stated_values, writes_fields
from ..words import quoted, whole_words
from .language import main_language

_START, _END = "^", "$"
_FEWEST_ROWS, _READ = 50, 6_000
_EXPECTED = (3, 5, 8, 15)  # times that a field would stand at a place by chance, and never does: strictest first
_MOSTLY = 0.9  # of the values at a place are of two fields: where many may stand, one more is no surprise
_RELATED = 2  # requests with a word are related: fewer of them are independent
_USUAL = 0.1  # of the outputs mention a field that is judged
_MOST_LOST = 0.04  # of held-out examples: a rule that loses more is no must rule
_MOST_PLACES = 200
_MOST_CHOICES, _USES = 100, 5  # values of a field that is chosen from a list, and examples of one of them
_EXPLAINS, _EXPLAINED = 3, 0.5  # negations that a word of the request explains, and their share of its examples
_FEWEST_NEGATIONS = 10
_UNEXPLAINED, _RARE = 0.2, 0.02  # of the negations, or of the outputs: a style that hardly denies anything
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class FieldContextParameters:
    """Where values stand. `never: {place: [fields]}`: no value of these fields stands at the place, given by the words
    before or after it, with `_` for the value: `near _`, `_ food`, `in the _ area`. `^` and `$` are the ends of the text,
    `{field}` is the value of another field. A value that two fields have is not judged.

    `negations: en`: the output denies nothing (`not`, `without`; by the language of the outputs) unless the request does
    in any language, or holds one of the words in `explained_by`.

    `of: request` is for outputs in JSON and for labels: places are those of their values in the request. A place without
    `_` is a word of the request, with the values that an output does not choose for it: `transistor: ["kind: diode"]`.
    """

    never: dict[str, tuple[str, ...]] = field(default_factory=dict)
    of: Side = "output"
    negations: str | None = None
    explained_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.never or self.negations):
            raise ConfigError('needs "never" or "negations"')
        if self.negations is not None and self.negations not in LANGUAGES:
            raise ConfigError(f'negations: expected one of {", ".join(LANGUAGES)}, found "{self.negations}"')

    @property
    def fields(self) -> list[str]:
        """The fields of the request that it names; those within another are named by that one."""
        plain = (name for name in self.places.named if "." not in name)
        return sorted(plain) if self.of == "output" else []

    @cached_property
    def places(self) -> "_Places":
        """The places as they are compared."""
        return _Places({" ".join(pieces_of(place)): frozenset(fields) for place, fields in self.never.items()})


class _Places:
    """The places with the fields that never stand there."""

    def __init__(self, never: Mapping[str, Collection[str]]) -> None:
        self.never = never
        self.judged = frozenset(name for fields in never.values() for name in fields)
        self.named = self.judged.union(*(names.split("|") for place in never for names in field_names(place)))
        # Of each field the words next to these places: most values have none of them beside.
        self._beside = defaultdict[str, set[str]](set)
        for place, fields in never.items():
            pieces = pieces_of(place)
            at = pieces.index("_") if "_" in pieces else None
            for name in fields if at is not None else ():
                self._beside[name].update(pieces[at - 1 : at] if at else pieces[1:2])

    def misplaced(self, example: "_Example") -> Iterator[tuple[int, str, str]]:
        """Each value where its field never stands: the number of its piece (-1 if it is chosen), its field, the place."""
        pieces = example.masked.pieces
        for at, name, _ in example.masked.slots:
            beside = self._beside.get(name, ())
            before, after = _neighbours(pieces, at)
            if before in beside or after in beside:
                wrong = next((place for place in _places(pieces, at) if name in self.never.get(place, ())), None)
                if wrong is not None:
                    yield at, name, wrong
        for value in self.judged.intersection(example.chosen):
            yield from ((-1, value, word) for word in sorted(example.words) if value in self.never.get(word, ()))


class _Example(NamedTuple):
    """A masked text with the values that its output states, such as `kind: diode`: they may be chosen from a list."""

    masked: Masked
    text: str
    chosen: Sequence[str] = ()

    @property
    def words(self) -> set[str]:
        """The words of the text, those of values among them."""
        return set(_WORD.findall(self.text.lower()))


def _examples(columns: Columns, wordings: Wordings, of: Side, names: Collection[str] | None) -> list[_Example]:
    rows = masked(columns, wordings, of=of, names=names if of == "output" else None)
    if of == "output":
        return list(map(_Example, rows, columns.output))
    stated = map(stated_values, columns.output)
    chosen = [[f"{name}: {value}" if name else value for name, value in values] for values in stated]
    return list(map(_Example, rows, columns.input, chosen))


def _neighbours(pieces: Sequence[str], at: int) -> tuple[str, str]:
    return pieces[at - 1] if at else _START, pieces[at + 1] if at + 1 < len(pieces) else _END


def _places(pieces: Sequence[str], at: int) -> list[str]:
    """The places at which a piece stands."""
    before, after = _neighbours(pieces, at)
    places = [f"{before} _", f"_ {after}", f"{before} _ {after}"]
    if at:
        places.append(f"{pieces[at - 2] if at > 1 else _START} {before} _")
    if at + 1 < len(pieces):
        places.append(f"_ {after} {pieces[at + 2] if at + 2 < len(pieces) else _END}")
    return places


def _find_field_context(check: Check, columns: Columns) -> Findings:
    p: FieldContextParameters = check.parameters
    rows: list[FaultRow] = []
    for index, example in _suspects(check, columns) if p.never else ():
        spans = example.masked.places(example.text)
        for at, name, place in p.places.misplaced(example):
            start, end = spans[at] if at >= 0 else (0, 0)
            value = example.text[start:end]
            if p.of == "output":
                rows.append((index, value, start, end, f'no {name} at "{place}"'))
            else:
                what = f"{name} {quoted(value)}" if at >= 0 else name
                rows.append((index, None, None, None, f'{what} at "{place}" of the request'))
    if p.negations:
        pattern = negation_pattern(p.negations)
        denying = columns.output.str.contains(pattern).arg_true()  # few, so that few requests are read
        bare = denying.filter(~_explained(columns.input.gather(denying), p.explained_by))
        expected = "no negation that the request does not have"
        places = regex_places(columns.output.gather(bare), pattern)
        rows += [(bare[at], found, start, end, expected) for at, found, start, end in places]
    return Findings(ordered_faults(rows))


def _suspects(check: Check, columns: Columns) -> Iterator[tuple[int, _Example]]:
    """The rows with a value where its field never stands.

    The values of the fields that the check names are looked for first, and only where one is misplaced those of all
    fields: another field may have the same value.
    """
    p: FieldContextParameters = check.parameters
    examples = _examples(columns, check.wordings, p.of, p.places.named)
    wrong = [index for index, example in enumerate(examples) if any(p.places.misplaced(example))]
    if wrong:
        some = columns.changed(wrong, columns.output.gather(wrong))
        yield from zip(wrong, _examples(some, check.wordings, p.of, None), strict=True)


def _explained(requests: pl.Series, words: Sequence[str]) -> pl.Series:
    """Whether each request explains a negation."""
    denying = negation_pattern(*LANGUAGES)
    return requests.str.contains(f"{denying}|(?i){whole_words(words)}" if words else denying)


def _say_field_context(check: Check) -> str:
    p: FieldContextParameters = check.parameters
    said = []
    if p.never and p.of == "output":
        said.append("Write each value of the request where values of its field stand, never in the place of another.")
    elif p.never:
        said.append("Read each value from the place of the request where such values stand.")
    if p.negations:
        said.append("Deny nothing that the request does not deny.")
    return " ".join(said)


def _explain_field_context(check: Check, found: str | None, expected: str) -> str:
    """`found "Italian", expected no food at "near _"`."""
    if found is None:
        return f"no example has {expected}"
    return f"found {quoted(found)}, expected {expected}"


def _propose_field_context(columns: Columns) -> list[Proposal]:
    """Places at which a field never stands though it would by chance, and negations that requests explain."""
    if len(columns.output) < _FEWEST_ROWS:
        return []
    some = columns.changed(range(min(len(columns.output), _READ)), columns.output.head(_READ))
    lists = _lists(some.output)
    of: Side = "request" if lists or writes_fields(some.output) else "output"
    proposals = _proposed_negations(some) if of == "output" else []
    if of == "output" and not any(some.fields):
        return proposals
    wordings = inferred_wordings(columns)
    counts = Counter(name for one in masked(some, wordings, of=of) for _, name, _ in one.slots)
    # A field that outputs hardly mention costs time in each check and tells nothing.
    usual = [name for name, count in counts.items() if count >= _USUAL * len(some.output)]
    examples = _examples(some, wordings, of, usual)
    if of == "request":
        examples = [
            one._replace(chosen=[value for value in one.chosen if value.partition(": ")[0] in lists])
            for one in examples
        ]
    for expected in _EXPECTED:
        learn = partial(_never, expected=expected)
        places = learn(examples)
        holds = held_out(examples, some.input, learn, lambda places, example: not any(places.misplaced(example)))
        if places.never and sum(holds) >= (1 - _MOST_LOST) * len(holds):
            entry: dict[str, Any] = {"never": {place: sorted(fields) for place, fields in places.never.items()}}
            entry |= {"of": of} if of != "output" else {}
            note = f"{len(places.never)} places at which some field never stands"
            return [*proposals, Proposal(entry, style=False, note=note, held_out=(sum(holds), len(holds)))]
    return proposals


def _lists(outputs: pl.Series) -> set[str]:
    """The keys of which the values are chosen from a list; for labels the key is empty."""
    values = defaultdict[str, Counter[str]](Counter)
    for output in outputs:
        for name, value in stated_values(output):
            values[name][value] += 1
    return {
        name for name, counts in values.items()
        if len(counts) <= min(_MOST_CHOICES, counts.total() / _USES) and not max(map(len, counts)) > 60
    }  # fmt: skip


def _never(examples: Sequence[_Example], *, expected: float) -> _Places:
    """The places at which a field never stands, though it would `expected` times if places did not matter."""
    values, words = _Counts(), _Counts()
    for example in examples:
        for at, name, _ in example.masked.slots:
            values.add(_places(example.masked.pieces, at), [name])
        if example.chosen:
            words.add(example.words, example.chosen)
    absent = words.absent(_RELATED * max(expected, _EXPECTED[1]))
    # Outputs are phrased in many ways: most places of theirs say little. The outputs of JSON are not phrased at all.
    found = values.absent(expected, of_two=0 if words.total else _MOSTLY)
    for place in sorted(found, key=lambda place: len(pieces_of(place))):
        shorter = [part for part in _parts(place) if part in found]
        if fields := found[place].difference(*(found[part] for part in shorter)):
            absent[place] = fields
    sure = sorted(absent, key=lambda place: (-(values.n[place] or words.n[place]), place))[:_MOST_PLACES]
    return _Places({place: absent[place] for place in sure})


class _Counts:
    """How often names stand at places: together, and each place and name by itself."""

    def __init__(self) -> None:
        self.at, self.n, self.of = defaultdict[str, Counter[str]](Counter), Counter[str](), Counter[str]()
        self.total = 0

    def add(self, places: Iterable[str], names: Sequence[str]) -> None:
        self.total += 1
        self.of.update(names)
        for place in places:
            self.n[place] += 1
            self.at[place].update(names)

    def absent(self, expected: float, *, of_two: float = 0.0) -> dict[str, set[str]]:
        """For each place the names that would stand there so many times by chance, and never do.

        `of_two`: two names have at least this share of the place.
        """
        usual = self.of.most_common()
        found = {}
        for place, n in self.n.items():
            frequent = [name for name, count in usual if count * n >= expected * self.total and "|" not in name]
            at = self.at[place]
            if (never := set(frequent) - at.keys()) and sum(n for _, n in at.most_common(2)) >= of_two * at.total():
                found[place] = never
        return found


def _parts(place: str) -> Iterator[str]:
    """The shorter places within a place."""
    words = pieces_of(place)
    at = words.index("_")
    for start in range(at + 1):
        for end in range(at + 1, len(words) + 1):
            if 1 < end - start < len(words):
                yield " ".join(words[start:end])


def _proposed_negations(columns: Columns) -> list[Proposal]:
    """A rule about negations, where hardly one is not explained by its request."""
    language = negation_language(columns.output, main_language(columns.output))
    if language is None:
        return []
    denied, explained = columns.output.str.contains(negation_pattern(language)), _explained(columns.input, ())
    words = [set(_WORD.findall(text.lower())) for text in columns.input]
    examples = list(zip(denied, explained, words, strict=True))
    holds = held_out(
        examples, columns.input, _explaining, lambda by, one: not one[0] or one[1] or not by.isdisjoint(one[2])
    )
    broken, count = len(holds) - sum(holds), int(denied.sum())
    if count < _FEWEST_NEGATIONS or broken > max(_UNEXPLAINED * count, _RARE * len(holds)):
        return []
    entry = {"negations": language, "explained_by": sorted(_explaining(examples))}
    note = f"{count - broken:,} of {count:,} negations are explained by the request"
    return [Proposal(entry, style=False, note=note, held_out=(sum(holds), len(holds)))]


def _explaining(examples: Sequence[tuple[bool, bool, set[str]]]) -> set[str]:
    """The words of requests without a negation that mostly go with one in the output."""
    within, denied = Counter[str](), Counter[str]()
    for denies, explained, words in examples:
        if not explained:
            within.update(words)
            denied.update(words if denies else ())
    return {word for word, n in denied.items() if n >= max(_EXPLAINS, _EXPLAINED * within[word])}


FIELD_CONTEXT = Kind(
    "field_context", "facts", FieldContextParameters, _find_field_context, _say_field_context, _propose_field_context,
    _explain_field_context, loosens=frozenset({"explained_by"}),
)  # fmt: skip
