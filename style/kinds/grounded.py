"""The check `grounded`: what the output states, the input states."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults, regex_places
from ..kind import Kind, Proposal
from ..names import names_in, states_name, words_of
from ..nearest import nearest
from ..numbers import SPAN, Fact, Key, loose_code_keys, number_words, span_facts, spans_in
from ..schema import Check

__all__ = ["GROUNDED"]

# The number of a list item at a line's beginning, or of a step, counts the text's own parts and states nothing.
_ITEM = r"(?m)^([ \t>*_#-]*){digits}([.)][ \t*])"
_STEP = r"\b((?i:step|tip|option|question|reason|point|example) ){digits}([.:)])"
_WIDTHS = (1, 2, 3)
_HAS_ITEM = "|".join(pattern.replace("{digits}", "[0-9]{1,3}") for pattern in (_ITEM, _STEP))
_SEARCHED = 100  # spans of a request in which it is sought
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
class _Asked:
    """A fact of an output with the numbers of its keys."""

    fact: Fact
    needs: frozenset[int]
    together: tuple[frozenset[int], ...]


@dataclass(frozen=True)
class _Spans:
    """What spans ask and give, worked out once per distinct span; keys are numbered, since numbers compare faster."""

    kinds: frozenset[str]
    numbers: dict[Key, int] = field(default_factory=dict)
    given: dict[str, frozenset[int]] = field(default_factory=dict)
    loose: dict[str, frozenset[int]] = field(default_factory=dict)
    asked: dict[str, tuple[_Asked, ...]] = field(default_factory=dict)

    def gives(self, span: str) -> frozenset[int]:
        """What a span of a request states."""
        if span not in self.given:
            self.given[span] = self.ids(key for fact in span_facts(span) for key in fact.gives)
        return self.given[span]

    def gives_loosely(self, span: str) -> frozenset[int]:
        """What the codes of a span state when they are shortened."""
        if span not in self.loose:
            codes = [fact.text for fact in span_facts(span) if fact.kind == "codes"]
            self.loose[span] = self.ids(key for code in codes for key in loose_code_keys(code))
        return self.loose[span]

    def asks(self, span: str) -> tuple[_Asked, ...]:
        """The facts of a span of an output."""
        if span not in self.asked:
            facts = [fact for fact in span_facts(span) if fact.kind in self.kinds]
            self.asked[span] = tuple(
                _Asked(fact, self.ids(fact.needs), tuple(self.ids(keys) for keys in fact.together)) for fact in facts
            )
        return self.asked[span]

    def ids(self, keys: Iterable[Key]) -> frozenset[int]:
        """The numbers of the keys."""
        return frozenset([self.numbers.setdefault(key, len(self.numbers)) for key in keys])


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
) -> Iterator[tuple[int, str, int, int, str]]:
    """The numbers and codes of each output that its request does not state.

    Nearly all facts are among the plain keys of the request; what words and shortened codes state is worked out only
    for the outputs with a fact that is not.
    """
    spans, terms = _Spans(frozenset(p.facts)), {term.casefold() for term in p.allow}
    allowed = frozenset[int]().union(*(_all_given(spans, term, spans_in(term)) for term in p.allow))
    stated = outputs.str.extract_all(SPAN)
    asking = stated.list.len() > 0
    texts = requests.filter(asking)
    known = texts.str.extract_all(SPAN).to_list()
    rows, expected = [], []
    for place, (index, of_output) in enumerate(zip(asking.arg_true(), stated.filter(asking).to_list(), strict=True)):
        given = allowed.union(*map(spans.gives, known[place]))
        asked = [one for span in of_output for one in spans.asks(span)]
        if not any(one.needs.isdisjoint(given) for one in asked):
            continue
        given = given.union(_all_given(spans, texts[place], known[place]))
        wrong = {number: one.fact for number, one in enumerate(asked) if not _is_stated(one, given, terms)}
        if wrong:
            rows.append(index)
            expected.append(_expected(wrong, known[place]))
    return _placed(outputs, rows, expected, spans)


def _all_given(spans: _Spans, text: str, of_text: Sequence[str]) -> frozenset[int]:
    """All that a text states, by its spans, its number words and its codes when shortened."""
    return spans.ids(number_words(text)).union(*map(spans.gives, of_text), *map(spans.gives_loosely, of_text))


def _is_stated(asked: _Asked, given: frozenset[int], terms: Collection[str]) -> bool:
    if not asked.needs.isdisjoint(given) or asked.fact.text.casefold() in terms:
        return True
    return any(given.issuperset(keys) for keys in asked.together)


def _expected(wrong: Mapping[int, Fact], known: Sequence[str]) -> dict[int, str]:
    """What was expected for each wrong fact of an output: with the fact of the request that it is nearest to."""
    facts = [fact for span in known[:_SEARCHED] for fact in span_facts(span)]
    texts = {}
    for shown, (number, fact) in enumerate(wrong.items()):
        near = nearest(fact, facts) if shown < _SHOWN else None
        plain = f"a {fact.kind.removesuffix('s')} that stands in the request"
        texts[number] = f"{plain}; it states {near}" if near else plain
    return texts


def _placed(
    outputs: pl.Series, rows: list[int], expected: Sequence[dict[int, str]], spans: _Spans
) -> Iterator[tuple[int, str, int, int, str]]:
    """The facts by their number in each output, with their places in it."""
    counted = [0] * len(rows)
    for row, span, start, _ in regex_places(outputs.gather(rows), SPAN):
        for one in spans.asks(span):
            fact, said = one.fact, expected[row].get(counted[row])
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
