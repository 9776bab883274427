"""The check `grounded`: the facts that the output states are in the input."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from ...core import ConfigError
from ..columns import Columns
from ..facts.names import names_in, states_name, words_of
from ..facts.number_words import STATED, WORDS, Spans, stated_numbers, word_keys, words_in
from ..facts.numbers import SPAN, Fact, column_quotes_apart, span_facts, spans_in
from ..parts import facts_of, parts_of, without_parts
from ..schema import Broken, Check, Edit, Findings, Fix, Kind, Proposal, Wordings, faults
from ..wordings import wordings_of
from ..words import listed, mostly_json

_COMPARED = 200  # facts of a request; a longer one is not searched in full for a hint
_LONGEST = 60  # characters of a code; longer ones are not typos of one another
_FAR = 10.0  # a number ten times as large is a different number, not a typo


def nearest(fact: Fact, known: Sequence[Fact]) -> str | None:
    """The nearest fact of the request: a number with the same unit, or the most similar code; None if none is near."""
    same = [other for other in known[:_COMPARED] if other.kind == fact.kind]
    if fact.kind == "codes":
        return (
            _most_similar(fact, [other for other in same if len(other.text) <= _LONGEST])
            if len(fact.text) <= _LONGEST
            else None
        )
    best: tuple[float, str] | None = None
    for other in same:
        for dimension, sizes in fact.sizes.items():
            apart = min((_apart(one, size) for one in sizes for size in other.sizes.get(dimension, ())), default=_FAR)
            if apart < _FAR and (best is None or apart < best[0]):
                best = (apart, other.text)
    return best[1] if best else None


def _apart(one: object, other: object) -> float:
    """The larger number divided by the smaller."""
    if not (isinstance(one, tuple) and isinstance(other, tuple)) or one[0] <= 0 or other[0] <= 0:
        return float("inf")
    above, below = one[0] * other[1], one[1] * other[0]
    above, below = max(above, below), min(above, below)
    return above / below if above < int(_FAR) * below else float("inf")


def _most_similar(fact: Fact, known: Sequence[Fact]) -> str | None:
    from rapidfuzz import fuzz, process  # only for a wrong code

    best = process.extractOne(
        fact.text.casefold(), [other.text.casefold() for other in known], scorer=fuzz.ratio, score_cutoff=60
    )
    return known[best[2]].text if best else None


# The number of a list item or step at the start of a line counts the text's own parts and states nothing.
_ITEM = r"(?m)^([ \t>*_#-]*){digits}([.)][ \t*])"
_STEP = r"(?-u:\b)([Ss]tep |[Tt]ip |[Oo]ption |[Qq]uestion |[Rr]eason |[Pp]oint |[Ee]xample ){digits}([.:)])"
_DIGIT = r"[0-9¼½¾⅐-⅞]"
_WIDTHS = (1, 2, 3)
_HAS_ITEM = "|".join(pattern.replace("{digits}", "[0-9]{1,3}") for pattern in (_ITEM, _STEP))
_BATCH = 500  # rows whose spans are held as Python lists at once, and looked up twice while they are remembered
_MOST_KEYS = 100_000  # held at a time: where all facts differ, they take memory and are of no use
_FEW = 40  # spans of a request up to which checking each is faster than building one set of them
_SEARCHED = 100  # spans of a request that are searched for it
_SHOWN = 20  # violations of one output for which the nearest fact of the request is searched
# Literals: quoted texts, and what a query compares a column with (`country = New Zealand`), up to the next clause.
_QUOTED = r"(?<!\w)\"([^\"\n]{1,200})\"|(?<!\w)'((?:[^'\n]|'(?=\w)){1,200})'(?!\w)"
_CLAUSE = r"\s+(?:AND|OR|FROM|GROUP|ORDER|HAVING|LIMIT|UNION|INTERSECT|EXCEPT|JOIN|WHERE|ON)\b|\s*;?\s*\Z"
_LITERAL = re.compile(
    rf"{_QUOTED}|(?<=[\w)] )[<>!]?=?[=<>] (?![^\W\d]\w*\.\w)([^\s'\"(][^\n'\"]{{0,199}}?)(?={_CLAUSE})"
)
_COLUMN = re.compile(r"[^\W\d]\w*(?:\.\w+)+[\s)]*|.*\bSELECT\b.*")  # or a query within the query
_NO_WORD = re.compile(r"[\W_]+")
# Outputs that are read for a proposal, of which so many have literals, and this share states what no request does.
_READ, _FEWEST, _MOST_BROKEN = 400, 10, 0.3
_USUAL, _MOST_USUAL = 0.01, 8  # of the outputs with a literal that is usual, and how many such there are
_SHORTEST = 4  # characters of a word between spaces of which another form may be in the request
_MAY_BE_LITERAL = r"(?:^|\W)[\"']\w|[\w)] [<>!]?=?[=<>] \w"


FactKind = Literal["numbers", "codes", "names", "literals", "operands"]


@dataclass(frozen=True)
class GroundedParameters:
    """Which facts of the output must be in the input; `allow`: terms that the team wants the model to add.

    `literals` are the quoted texts of an output, and those that a query compares with (`country = New Zealand`);
    `operands` are the numbers that it compares with (`age > 30`).
    """

    facts: tuple[FactKind, ...] = ("numbers", "codes")
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.facts:
            raise ConfigError('"facts" is empty')


def _find_grounded(check: Check, columns: Columns) -> Findings:
    rows = _ungrounded(check.parameters, columns, check.wordings)
    return Findings(faults(sorted(rows, key=lambda row: (row[0], row[2], row[3]))))


def _ungrounded(
    p: GroundedParameters, columns: Columns, wordings: Wordings | None = None
) -> list[tuple[int, str, int, int, str]]:
    given = _with_wordings(columns, wordings or {})
    outputs, requests = map(
        column_quotes_apart, (without_numbering(columns.output), _with_and_without_numbering(given))
    )
    rows: list[tuple[int, str, int, int, str]] = []
    if set(p.facts) & {"numbers", "codes"}:
        rows += _ungrounded_facts(outputs, requests, p)
    if "numbers" in p.facts:
        rows += _ungrounded_words(columns, requests, p)
    if "names" in p.facts:
        rows += _ungrounded_names(columns.output, given, p)
    if set(p.facts) & {"literals", "operands"}:
        rows += _ungrounded_literals(columns.output, given, p)
    return rows


def _ungrounded_facts(
    outputs: pl.Series, requests: pl.Series, p: GroundedParameters
) -> Iterator[tuple[int, str, int, int, str]]:
    """The numbers and codes of each output that its request does not state.

    Nearly all facts are among the plain keys of the request; number words and shortened codes are only examined for
    outputs with a fact that is not.
    """
    terms = {term.casefold() for term in p.allow}
    spans, allowed = _allowed(p)
    rows = pl.DataFrame({"output": outputs, "input": requests}).with_row_index()
    for batch in rows.filter(outputs.str.contains(_DIGIT)).iter_slices(_BATCH):
        if len(spans.numbers) > _MOST_KEYS:
            spans, allowed = _allowed(p)
        found = batch.select(pl.col("output", "input").str.extract_all(SPAN))
        stated, known = found["output"].to_list(), found["input"].to_list()
        doubtful = _doubtful(stated, known, spans, allowed)
        examined = batch[doubtful]
        worded = examined["input"].str.to_lowercase().str.extract_all(WORDS).to_list()
        for place, index, output, words in zip(doubtful, examined["index"], examined["output"], worded, strict=True):
            given = allowed.union(spans.all_given(words, known[place]))
            wrong = _wrong_facts(output, stated[place], given, spans, terms)
            for (fact, start), text in zip(wrong, _expected([fact for fact, _ in wrong], known[place]), strict=True):
                yield index, fact.text, start, start + len(fact.text), text


def _allowed(p: GroundedParameters) -> tuple[Spans, frozenset[int]]:
    """A memory of spans, and the ids in it of what every output may state."""
    spans = Spans(p.facts)
    return spans, frozenset[int]().union(*(spans.all_given(words_in(term), spans_in(term)) for term in p.allow))


def _doubtful(
    stated: Sequence[list[str]], known: Sequence[list[str]], spans: Spans, allowed: frozenset[int]
) -> list[int]:
    """The rows with a fact that is not among the plain keys of the request."""
    gives, needs, rows = spans.gives.__getitem__, spans.needs.__getitem__, []
    for row, (output, request) in enumerate(zip(stated, known, strict=True)):
        given = [allowed, *map(gives, request)]
        if len(given) > _FEW:
            given = [frozenset[int]().union(*given)]
        if any(all(map(keys.isdisjoint, given)) for span in output for keys in needs(span)):
            rows.append(row)
    return rows


def _wrong_facts(
    output: str, stated: Sequence[str], given: frozenset[int], spans: Spans, terms: Collection[str]
) -> list[tuple[Fact, int]]:
    """The facts of an output that are not given, with their positions.

    The position of a span is the first occurrence of its text after the previous span, as in the match.
    """
    wrong, position = [], 0
    for span in stated:
        start = output.index(span, position)
        position = start + len(span)
        for fact, needs in zip(spans.facts[span], spans.needs[span], strict=True):
            stated_apart = any(given.issuperset(spans.ids(keys)) for keys in fact.together)
            if needs.isdisjoint(given) and not stated_apart and fact.text.casefold() not in terms:
                wrong.append((fact, start + fact.start))
    return wrong


def _expected(wrong: Sequence[Fact], known: Sequence[str]) -> Iterator[str]:
    """The expectation for each wrong fact of an output, with the nearest fact of the request."""
    facts = [fact for span in known[:_SEARCHED] for fact in span_facts(span)]
    for shown, fact in enumerate(wrong):
        near = nearest(fact, facts) if shown < _SHOWN else None
        plain = f"a {fact.kind.removesuffix('s')} from the request"
        yield f"{plain}; it states {near}" if near else plain


def _ungrounded_words(
    columns: Columns, requests: pl.Series, p: GroundedParameters
) -> Iterator[tuple[int, str, int, int, str]]:
    """The numbers from three on that an output states as words and its request neither states nor counts."""
    allowed, terms = word_keys(words_in(" ".join(p.allow).lower())), {term.casefold() for term in p.allow}
    for index in columns.output.str.contains_any(STATED, ascii_case_insensitive=True).arg_true():
        output, request = columns.output[index], requests[index]
        if not (numbers := [*stated_numbers(output)]):
            continue
        keys = allowed | word_keys(words_in(request))
        keys.update(key for span in spans_in(request) for fact in span_facts(span) for key in fact.gives)
        counts = {len(value) for value in columns.fields[index].values() if isinstance(value, list)}
        for number, start, end in numbers:
            given = not keys.isdisjoint({("v", (number, 1), "*"), ("0", (number, 1), "*")}) or number in counts
            if not given and output[start:end].casefold() not in terms:
                yield index, output[start:end], start, end, "a number from the request"


def _with_wordings(columns: Columns, wordings: Wordings) -> pl.Series:
    """Each request with the accepted wordings of its values: what they state, the request states."""
    if not wordings:
        return columns.input
    texts = pl.DataFrame({"index": range(len(columns.output)), "text": columns.input}).cast({"index": pl.UInt32})
    for name in wordings:
        items = columns.field_items(name)
        spelled = {item: "\n".join(wordings_of(wordings, name, item)) for item in items["item"].unique()}
        added = items.with_columns(added=pl.col("item").replace_strict(spelled, return_dtype=pl.String))
        joined = added.group_by("index").agg(pl.col("added").str.join("\n"))
        texts = texts.join(joined, on="index", how="left", maintain_order="left")
        text = pl.concat_str("text", pl.lit("\n"), pl.col("added").fill_null(""))
        texts = texts.select("index", text=pl.when(pl.col("added") != "").then(text).otherwise("text"))
    return texts["text"]


def _ungrounded_names(
    outputs: pl.Series, requests: pl.Series, p: GroundedParameters
) -> Iterator[tuple[int, str, int, int, str]]:
    """The names of each output that are not in its request; adjacent words are one name."""
    allowed = " ".join(p.allow).casefold()
    for index in outputs.str.contains(r"\p{Lu}").arg_true():
        output, request = outputs[index].replace("\\n", "  "), f"{requests[index]}\n{allowed}"
        folded, words = request.casefold(), words_of(request)
        places: list[tuple[int, int]] = []
        for name in names_in(output):
            if not states_name(folded, words, name):
                if places and output[places[-1][1] : name.start] == " ":
                    places[-1] = (places[-1][0], name.end)
                else:
                    places.append((name.start, name.end))
        yield from ((index, output[a:b], a, b, "a name from the request") for a, b in places)


def _ungrounded_literals(
    outputs: pl.Series, requests: pl.Series, p: GroundedParameters
) -> Iterator[tuple[int, str, int, int, str]]:
    """The literals of each output whose words are not in its request in their order; case and marks do not matter."""
    allowed = _spaced(" ".join(p.allow))
    for index in outputs.str.contains("[\"'=<>]").arg_true():
        given = None
        for match in _LITERAL.finditer(outputs[index]):
            group = match.lastindex or 0
            words = _spaced(match[group])
            worded = any(map(str.isalpha, words))
            # What a column is compared with may be another column.
            if words == "  " or (group == 3 and _COLUMN.fullmatch(match[group])):
                continue
            if ("literals" if worded or group < 3 else "operands") not in p.facts:
                continue
            given = _spaced(requests[index]) if given is None else given
            if words in given or words in allowed or _inflected(words, given):
                continue
            if worded or not _states_numbers(requests[index], match[group]):
                yield index, match[group], *match.span(group), f"a {'literal' if worded else 'number'} from the request"


def _states_numbers(request: str, literal: str) -> bool:
    """Whether a request states every number of a literal without letters, as digits or words."""
    keys = set(word_keys(words_in(request)))
    keys.update(key for span in spans_in(request) for fact in span_facts(span) for key in fact.gives)
    return all(not fact.needs.isdisjoint(keys) for span in spans_in(literal) for fact in span_facts(span))


def _inflected(words: str, given: str) -> bool:
    """Whether the words are in a text with an ending of at most two letters: republics, Asian."""
    return len(words) > _SHORTEST and re.search(rf"{re.escape(words[:-1])}[^\W\d_]{{1,2}} ", given) is not None


def _spaced(text: str) -> str:
    """The words of a text in small letters, each between single spaces."""
    return f" {_NO_WORD.sub(' ', text.casefold()).strip()} "


def without_numbering(texts: pl.Series) -> pl.Series:
    """The texts with the numbers of list items and steps blanked out; all places remain valid."""
    numbered = texts.str.contains(_HAS_ITEM)
    if not numbered.any():
        return texts
    blank = texts.filter(numbered)
    for pattern in (_ITEM, _STEP):
        for width in _WIDTHS:
            blank = blank.str.replace_all(
                pattern.replace("{digits}", f"[0-9]{{{width}}}"), f"${{1}}{' ' * width}${{2}}"
            )
    return texts.clone().scatter(numbered.arg_true(), blank)  # `scatter` writes into the series


def _with_and_without_numbering(texts: pl.Series) -> pl.Series:
    """A request states facts with or without the numbers of its items: "25. November" may begin a line."""
    plain = without_numbering(texts)
    frame = pl.DataFrame({"text": texts, "plain": plain})
    return frame.select(
        pl.when(pl.col("text") == pl.col("plain"))
        .then("text")
        .otherwise(pl.concat_str("text", "plain", separator="\n"))
    ).to_series()


def _say_grounded(check: Check) -> str:
    p: GroundedParameters = check.parameters
    return f"State only {listed(p.facts)} given in the request; never invent or change one."


def _explain_grounded(check: Check, found: str | None, expected: str) -> str:
    """`45 V is not in the request; it states 40 V`."""
    _, _, near = expected.partition("; ")
    return f'"{found}" is not in the request' + (f"; {near}" if near else "")


def _propose_grounded(columns: Columns) -> Sequence[Proposal]:
    """The facts that the requests of most outputs state: any faithful data follows it, whatever its style.

    Values of fields have rules of their own, and outputs name them in other words (British is English): no names there.
    """
    some = columns.changed(range(min(len(columns.output), _READ)), columns.output.head(_READ))
    kinds: list[FactKind] = []
    if columns.input.str.contains("[0-9]").any():
        kinds.extend(("numbers", "codes"))
    if not mostly_json(columns.output):
        if not any(some.fields):
            kinds.append("names")
        if some.output.str.contains(_MAY_BE_LITERAL).sum() >= _FEWEST:
            kinds.extend(("literals", "operands"))
    proposals = []
    for kind in kinds:
        found = _ungrounded(GroundedParameters((kind,)), some)
        rows = Counter(text for text, _ in {(text, index) for index, text, *_ in found})
        # A literal such as the "NO" of a query is stated by many outputs, whatever the request.
        usual = sorted(text for text, n in rows.items() if n >= _USUAL * len(some.output)) if kind == "literals" else []
        allow = {"allow": usual} if 0 < len(usual) <= _MOST_USUAL else {}
        if len({index for index, text, *_ in found if text not in usual}) <= _MOST_BROKEN * len(some.output):
            proposals.append(Proposal({"facts": [kind], **allow}, style=False))
    return proposals


def _remove_ungrounded(check: Check, broken: Broken) -> Iterator[Edit]:
    """The sentences or facts that state something the request does not."""
    for parts in (parts_of(broken.text), facts_of(broken.text)):
        starts = [start for start, _ in parts]
        gone = {bisect_right(starts, start) - 1 for _, start, _, _ in broken.spans}
        if len(gone) < len(parts):
            yield from without_parts(broken.text, parts, gone)
            return


GROUNDED = Kind(
    "grounded", "facts", GroundedParameters, _find_grounded, _say_grounded, _propose_grounded, _explain_grounded,
    Fix(
        unsafe=_remove_ungrounded,
        says="Unsafe: removes the sentence, or the comma-separated fact, that states it.",
        spans=("part number",),
    ),
    loosens=frozenset({"allow", "wordings"}),
)  # fmt: skip
