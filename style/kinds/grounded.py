"""The check `grounded`: what the output states, the input states."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults, regex_places
from ..kind import Kind, Proposal
from ..names import names_in, states_name, words_of
from ..nearest import nearest
from ..numbers import SPAN, Fact, Key, loose_code_keys, number_words, span_facts
from ..schema import Check

__all__ = ["GROUNDED"]

# The number of a list item at a line's beginning, or of a step, counts the text's own parts and states nothing.
_ITEM = r"(?m)^([ \t>*_#-]*){digits}([.)][ \t*])"
_STEP = r"\b((?i:step|tip|option|question|reason|point|example) ){digits}([.:)])"
_WIDTHS = (1, 2, 3)
_HAS_ITEM = "|".join(pattern.replace("{digits}", "[0-9]{1,3}") for pattern in (_ITEM, _STEP))
_SHOWN = 20  # violations of one output for which the nearest fact of the request is sought


@dataclass(frozen=True)
class GroundedParameters:
    """Which facts of the output must stand in the input; `allow`: terms that the team teaches on purpose."""

    facts: tuple[Literal["numbers", "codes", "names"], ...] = ("numbers", "codes")
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.facts:
            raise ConfigError('"facts" is empty')


@dataclass(frozen=True)
class _Spans:
    """Facts and the keys they give, once per distinct span; keys are numbered, since numbers compare faster."""

    kinds: frozenset[str]
    numbers: dict[Key, int] = field(default_factory=dict)
    given: dict[str, frozenset[int]] = field(default_factory=dict)
    asked: dict[str, tuple[tuple[Fact, frozenset[int]], ...]] = field(default_factory=dict)

    def gives(self, span: str) -> frozenset[int]:
        found = self.given.get(span)
        if found is None:
            found = self.given[span] = self.ids(key for fact in span_facts(span) for key in fact.gives)
        return found

    def needs(self, span: str) -> tuple[tuple[Fact, frozenset[int]], ...]:
        found = self.asked.get(span)
        if found is None:
            facts = [fact for fact in span_facts(span) if fact.kind in self.kinds]
            found = self.asked[span] = tuple((fact, self.ids(fact.needs)) for fact in facts)
        return found

    def ids(self, keys: Iterator[Key] | frozenset[Key]) -> frozenset[int]:
        return frozenset([self.numbers.setdefault(key, len(self.numbers)) for key in keys])


@dataclass(frozen=True)
class _Request:
    """What one request states beyond the plain keys of its spans; worked out only where a fact is not among those."""

    text: str
    spans: Sequence[str]

    @cached_property
    def facts(self) -> list[Fact]:
        return [fact for span in self.spans for fact in span_facts(span)]

    @cached_property
    def keys(self) -> set[Key]:
        keys = number_words(self.text)
        for fact in self.facts:
            keys |= fact.gives
            if fact.kind == "codes":
                keys |= loose_code_keys(fact.text)
        return keys

    def states(self, fact: Fact) -> bool:
        return not fact.needs.isdisjoint(self.keys) or any(self.keys.issuperset(keys) for keys in fact.together)


def _find_grounded(check: Check, columns: Columns) -> Findings:
    p: GroundedParameters = check.parameters
    outputs, requests = _without_numbering(columns.output), _with_and_without_numbering(columns.input)
    rows: list[tuple[int, str, int, int, str]] = []
    if set(p.facts) & {"numbers", "codes"}:
        rows += _ungrounded_facts(outputs, requests, p)
    if "names" in p.facts:
        rows += _ungrounded_names(columns, p)
    return Findings(faults(sorted(rows, key=lambda row: (row[0], row[2], row[3]))))


def _ungrounded_facts(
    outputs: pl.Series, requests: pl.Series, p: GroundedParameters
) -> list[tuple[int, str, int, int, str]]:
    """The numbers and codes of each output that its request does not state."""
    spans = _Spans(frozenset(p.facts))
    allowed, allow = (
        _Request("\n".join(p.allow), [span for term in p.allow for span in _spans_of(term)]),
        {t.casefold() for t in p.allow},
    )
    stated = outputs.str.extract_all(SPAN)
    asking = stated.list.len() > 0
    known = requests.filter(asking).str.extract_all(SPAN).to_list()
    texts = requests.filter(asking)
    open_rows: list[int] = []
    expected: list[dict[int, str]] = []
    pairs = zip(asking.arg_true().to_list(), stated.filter(asking).to_list(), known, range(len(known)), strict=True)
    for index, of_output, of_request, place in pairs:
        given = frozenset().union(*map(spans.gives, of_request))
        doubtful = [
            (number, fact)
            for number, (fact, needs) in enumerate(pair for span in of_output for pair in spans.needs(span))
            if needs.isdisjoint(given)
        ]
        if not doubtful:
            continue
        request = _Request(texts[place], of_request)
        wrong = {
            n: fact
            for n, fact in doubtful
            if not (request.states(fact) or allowed.states(fact) or fact.text.casefold() in allow)
        }
        if wrong:
            open_rows.append(index)
            expected.append({n: _expected(fact, request, shown) for shown, (n, fact) in enumerate(wrong.items())})
    return list(_placed(outputs, open_rows, expected, spans))


def _expected(fact: Fact, request: _Request, shown: int) -> str:
    near = nearest(fact, request.facts) if shown < _SHOWN else None
    plain = f"a {fact.kind.removesuffix('s')} that stands in the request"
    return f"{plain}; it states {near}" if near else plain


def _placed(
    outputs: pl.Series, rows: list[int], expected: Sequence[dict[int, str]], spans: _Spans
) -> Iterator[tuple[int, str, int, int, str]]:
    """The facts by their number in each output, with their places in it."""
    counted = [0] * len(rows)
    for row, span, start, _ in regex_places(outputs.gather(rows), SPAN):
        for fact, _ in spans.needs(span):
            said = expected[row].get(counted[row])
            counted[row] += 1
            if said is not None:
                yield rows[row], fact.text, start + fact.start, start + fact.end, said


def _ungrounded_names(columns: Columns, p: GroundedParameters) -> Iterator[tuple[int, str, int, int, str]]:
    """The names of each output that its request does not hold; words side by side are one name."""
    allowed = " ".join(p.allow).casefold()
    capitals = columns.output.str.contains(r"\p{Lu}")
    for index in capitals.arg_true():
        output, request = columns.output[index], f"{columns.input[index]}\n{allowed}"
        folded, words = request.casefold(), words_of(request)
        places: list[tuple[int, int]] = []
        for name in names_in(output):
            if not states_name(folded, words, name):
                if places and output[places[-1][1] : name.start] == " ":
                    places[-1] = (places[-1][0], name.end)
                else:
                    places.append((name.start, name.end))
        yield from ((index, output[a:b], a, b, "a name that stands in the request") for a, b in places)


def _without_numbering(texts: pl.Series) -> pl.Series:
    """The texts with the numbers of list items and steps blanked out, each place kept."""
    numbered = texts.str.contains(_HAS_ITEM)
    if not numbered.any():
        return texts
    blank = texts.filter(numbered)
    for pattern in (_ITEM, _STEP):
        for width in _WIDTHS:
            blank = blank.str.replace_all(
                pattern.replace("{digits}", f"[0-9]{{{width}}}"), f"${{1}}{' ' * width}${{2}}"
            )
    return texts.scatter(numbered.arg_true(), blank)


def _with_and_without_numbering(texts: pl.Series) -> pl.Series:
    """A request states what it states with its items' numbers or without: "25. November" may begin a line."""
    plain = _without_numbering(texts)
    frame = pl.DataFrame({"text": texts, "plain": plain})
    return frame.select(
        pl.when(pl.col("text") == pl.col("plain"))
        .then("text")
        .otherwise(pl.concat_str("text", "plain", separator="\n"))
    ).to_series()


def _spans_of(text: str) -> list[str]:
    return pl.Series([text]).str.extract_all(SPAN)[0].to_list()


def _say_grounded(check: Check) -> str:
    p: GroundedParameters = check.parameters
    names = f"{', '.join(p.facts[:-1])} and {p.facts[-1]}".removeprefix(" and ")
    return f"State only {names} that stand in the request; never invent or change one."


def _explain_grounded(check: Check, found: str | None, expected: str) -> str:
    """`45 V is not in the request; it states 40 V`."""
    _, _, near = expected.partition("; ")
    return f'{check.id}: "{found}" is not in the request' + (f"; {near}" if near else "")


def _propose_grounded(columns: Columns) -> Sequence[Proposal]:
    """Numbers and codes that the requests state: true of faithful data of any style."""
    return [Proposal({"facts": ["numbers", "codes"]}, style=False)] if columns.input.str.contains("[0-9]").any() else []


GROUNDED = Kind(
    "grounded", "facts", GroundedParameters, _find_grounded, _say_grounded, _propose_grounded, _explain_grounded
)
