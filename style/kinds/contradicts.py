"""The check `contradicts`: the output names another value of a field than the one that the pair has."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property, lru_cache
from typing import Any

import polars as pl

from ...core import ConfigError
from ..columns import Columns, text_fields
from ..facts.names import JOINERS, stem
from ..facts.number_words import as_digits
from ..fields import field_text
from ..schema import Check, Findings, Kind, Proposal, faults
from ..wordings import Mention, Vocabulary, mentions, value_key, vocabulary
from ..words import quoted

# Proposed for fields with a few values that recur and that the outputs say.
_FEWEST_ROWS, _MOST_VALUES, _RECURS, _NAMED_SHARE, _MOST_WORDS = 20, 60, 5, 0.5, 4
_LONGEST_NAME = 200  # characters; longer words without white space are no name
_NEAR_SHARE = 0.1  # of the outputs of a value that say another one, which is then near to it rather than an error
_MOST_WRONG = 0.15  # of the mentions of a value that contradict
_JOINED = re.compile(r"(?<!\s)\s++(?:and|und|or|oder)\s+|(?:(?<!\s)\s++)?[,/&+]\s*")
_POSSESSIVE = re.compile(r"['’]s?$")
_QUALIFIER = re.compile(r"(?:(?<!\s)\s++)?(?:,.*|\([^()]*\))$", re.DOTALL)
_WORD_BEHIND, _WORD_BEFORE = re.compile(r"[ \u00a0-](\w{3,})"), re.compile(r"(?<!\w)(\w{3,})[ \u00a0-]\Z")
_BEFORE = 60  # characters in which the word before a value is looked for
_MARK = re.compile(r"[^\w\s]")


@dataclass(frozen=True)
class ContradictsParameters:
    """The input field whose values the output must not confuse; `silent`: where it is not given, none may be stated.

    `values`: the other values to look for; without them, those of the data at hand (in a run, of all its pairs). Their
    `wordings` always count. Whole words, in any case and number; what another field of the pair states is no contradiction.
    `near`: for a value, others that may be said of it too: `{navy: [blue]}`. A value beside the name of another field is
    that field's (`red handle`), a word of degree (`low`, `average`) only counts where the own field's name is nearest
    (`low rating`, not `low prices`) and may say a number on a scale (`average` is 3 out of 5), and `near the centre` is
    not in the centre.
    """

    field: str
    silent: bool = False
    values: tuple[str, ...] = ()
    near: dict[str, tuple[str, ...]] = dataclass_field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.field.strip():
            raise ConfigError('"field" is empty')
        if not all(re.search(r"\w", value) for value in self.values):
            raise ConfigError('a value in "values" has no letter or digit')
        if not all(re.search(r"\w", text) for texts in self.near.values() for text in texts):
            raise ConfigError('a value in "near" has no letter or digit')

    @cached_property
    def keys_near(self) -> Mapping[str, frozenset[str]]:
        """The keys of the values that may be said of a value, by its key."""
        return {value_key(value): frozenset(map(value_key, texts)) for value, texts in self.near.items()}


def _find_contradicts(check: Check, columns: Columns) -> Findings:
    p: ContradictsParameters = check.parameters
    items = columns.field_items(p.field)
    words = vocabulary(p.field, check.wordings, values=p.values, rows=None if p.values else items["item"])
    own = _own_values(items, words, p)
    has_fields = pl.Series([bool(row) for row in columns.fields], dtype=pl.Boolean)
    given = columns.field(p.field).is_not_null()
    rows = []
    for index, found in _by_row(mentions(columns, words, p.field)):
        if own[index] or (p.silent and has_fields[index] and not given[index]):
            wrong = _wrong(found, own[index], columns.output[index], columns.fields[index], p.field)
            value = field_text(columns.fields[index].get(p.field))
            expected = f"{p.field} {quoted(value)}" if value else f"no {p.field}, since none is given"
            rows += [(index, m.text, m.start, m.end, expected) for m in wrong]
    return Findings(faults(rows), has_fields if p.silent else given)


def _own_values(items: pl.DataFrame, words: Vocabulary, p: ContradictsParameters) -> Mapping[int, frozenset[str]]:
    """The keys of the values that each row has; a value such as "red and blue" states those that it names too."""
    distinct = items["item"].unique(maintain_order=True)
    keys: dict[str, set[str]] = {item: {value_key(item)} | words.keys_within(item, p.field) for item in distinct}
    for mention in mentions(distinct, words, p.field):
        keys[distinct[mention.row]] |= mention.keys
    if p.near:
        keys = {item: own.union(*(p.keys_near.get(key, ()) for key in own)) for item, own in keys.items()}
    own: dict[int, frozenset[str]] = defaultdict(frozenset)
    for index, item in items.iter_rows():
        own[index] |= keys[item]
    return own


def _by_row(found: Sequence[Mention]) -> Iterator[tuple[int, list[Mention]]]:
    rows: dict[int, list[Mention]] = {}
    for mention in found:
        rows.setdefault(mention.row, []).append(mention)
    yield from rows.items()


def _wrong(
    found: Sequence[Mention], own: frozenset[str], output: str, fields: Mapping[str, Any], name: str
) -> list[Mention]:
    """The mentions that contradict the values of the row: another value, or a denial of its own."""
    affirmed = {key for mention in found if not mention.denied for key in mention.keys}
    # What the text says the place is near to is no place of its own.
    if affirmed & own or not says_where_by_nearness(name):
        found = [mention for mention in found if not mention.beside]
    denied = own - affirmed
    wrong = [m for m in found if (not m.keys.isdisjoint(denied) if m.denied and own else m.keys.isdisjoint(own))]
    if not wrong:
        return []
    others = {other: field_text(value) for other, value in fields.items() if other != name}
    value = field_text(fields.get(name))
    # Once for each wording, as a long text may state one thousands of times.
    wordings = {mention.text.casefold(): mention.text for mention in wrong}
    on_scale = {folded: same_on_a_scale(text, value) for folded, text in wordings.items()}
    stating = {folded: _stating(text, others.values()) for folded, text in wordings.items()}
    return [
        mention
        for mention in wrong
        if not (is_degree(mention.text, name) and affirmed & own)
        and not on_scale[mention.text.casefold()]
        and not _says_own(mention, own)
        and not is_of_another_field(output, mention.start, mention.end, field=name, others=others)
        and not _stated_elsewhere(mention, output, stating[mention.text.casefold()])
    ]


def _says_own(mention: Mention, own: frozenset[str]) -> bool:
    """Whether a value that joins several is said, one of them the row's own: "Singapore and Indonesia"."""
    pieces = _JOINED.split(mention.text)
    return len(pieces) > 1 and any(value_key(piece) in own for piece in pieces)


def _stating(wording: str, others: Iterable[str]) -> list[str] | None:
    """The names in other fields that hold a wording, so that it may belong to one of them; None if a field states it.

    A field states it as its value or in a longer text. A qualifier of the value may be left out: "Angola" for "Angola,
    Indiana".
    """
    plain = _POSSESSIVE.sub("", wording)
    word = re.compile(rf"(?<!\w){re.escape(plain)}(?!\w)", re.IGNORECASE)
    names = []
    for text in others:
        if len(text) < len(plain) or not word.search(text):
            continue
        is_name = len(text) <= _LONGEST_NAME and len(text.split()) <= _MOST_WORDS
        if not is_name or plain.casefold() in (text.casefold(), _QUALIFIER.sub("", text).casefold()):
            return None
        names.append(text)
    return names


def _stated_elsewhere(mention: Mention, output: str, names: Sequence[str] | None) -> bool:
    """Whether another field states the words of a mention, or they are a part of one of the `names` of such a field."""
    if names is None:
        return True
    plain = _POSSESSIVE.sub("", mention.text)
    return any(_inside(mention, output, name) or _neighboured(mention, output, plain, name) for name in names)


def _neighboured(mention: Mention, output: str, plain: str, text: str) -> bool:
    """Whether the words of a mention stand beside the same word in another field: "Australian dollars"."""
    behind, before = (
        _WORD_BEHIND.match(output, mention.end),
        _WORD_BEFORE.search(output, max(mention.start - _BEFORE, 0), mention.start),
    )
    pairs = [f"{plain} {behind[1]}"] if behind else []
    pairs += [f"{before[1]} {plain}"] if before and before[1].casefold() not in JOINERS else []
    return any(pair.casefold() in text.casefold() for pair in pairs)


def _inside(mention: Mention, output: str, text: str) -> bool:
    """Whether the place of a mention is within an occurrence of a longer text, whatever its marks ("A.C. Cesena")."""
    around = output[max(0, mention.start - len(text)) : mention.end + len(text)]
    return _MARK.sub("", text.casefold()) in _MARK.sub("", around.casefold())


def _say_contradicts(check: Check) -> str:
    p: ContradictsParameters = check.parameters
    silent = f" Where no {p.field} is given, state none." if p.silent else ""
    return f"State no other {p.field} than the one given.{silent}"


def _explain_contradicts(check: Check, found: str | None, expected: str) -> str:
    """`"red" contradicts the colour "blue"`."""
    if expected.endswith("none is given"):
        return f"{quoted(found or '')} is stated, but the request gives {expected.partition(',')[0]}"
    return f"{quoted(found or '')} contradicts the {expected}"


def _propose_contradicts(columns: Columns) -> Sequence[Proposal]:
    """A check for each field with a few recurring values of its own that most outputs say."""
    proposals = []
    names = text_fields(columns)
    recurring = [name for name in names if _recurs(columns.field_items(name)["item"])]
    # Counted in all fields, of which wide tables have hundreds, only where it matters.
    fields = Counter(
        value_key(value) for name in names if recurring for value in columns.field_items(name)["item"].unique()
    )
    for name in recurring:
        items = columns.field_items(name)
        values = items["item"].n_unique()
        words = vocabulary(name, {}, rows=items["item"])
        keys = dict(items.unique("index").iter_rows())
        found = mentions(columns, words, name)
        named = {m.row for m in found if value_key(keys.get(m.row, "")) in m.keys and not m.denied}
        own = _own_values(items, words, ContradictsParameters(name))
        wrong = [
            (index, mention)
            for index, said in _by_row(found)
            if index in own
            for mention in _wrong(said, own[index], columns.output[index], columns.fields[index], name)
            if not mention.denied
        ]
        together = _said_together(keys, wrong)
        broken = Counter(key for row, m in wrong for key in m.keys if (value_key(keys[row]), key) not in together)
        said = Counter(key for mention in found for key in mention.keys)
        # A value that two fields have ("high") may be said of the other one, and one that often contradicts is a common
        # word too, such as a restaurant named Place.
        listed = sorted(
            text
            for text, keyed in words.texts.items()
            if all(fields[key] == 1 and broken[key] <= _MOST_WRONG * said[key] for key in keyed[name])
        )
        if len(named) >= _NAMED_SHARE * len(keys) and len(listed) > 1:
            note = f"{values} values; the outputs say their own in {len(named):,} of {len(keys):,}"
            entry: dict[str, Any] = {"field": name, "values": listed}
            near: dict[str, list[str]] = {}
            for value, other in sorted(together):
                if any(other in words.texts[text][name] for text in listed):
                    near.setdefault(words.values[name][value], []).append(words.values[name][other])
            if near:
                entry["near"] = near
            silent = [{**entry, "silent": True}] * (len(keys) < len(columns.output))
            proposals += [Proposal(one, style=False, note=note) for one in [*silent, entry]]
    return tuple(proposals)


def _recurs(items: pl.Series) -> bool:
    """Whether a field has a few values that recur."""
    return len(items) >= _FEWEST_ROWS and 2 <= items.n_unique() <= min(_MOST_VALUES, len(items) / _RECURS)


def _said_together(keys: Mapping[int, str], wrong: Sequence[tuple[int, Mention]]) -> set[tuple[str, str]]:
    """Values with others that contradict them in a tenth of their outputs, by their keys: "cheap" where less than £20 is
    given. What an output says of another field ("near the Raja Indian Cuisine") contradicts nothing."""
    pairs = {(row, value_key(keys[row]), key) for row, mention in wrong for key in mention.keys}
    counts, rows = Counter((value, other) for _, value, other in pairs), Counter(map(value_key, keys.values()))
    return {pair for pair, count in counts.items() if count >= max(_RECURS, _NEAR_SHARE * rows[pair[0]])}


CONTRADICTS = Kind(
    "contradicts", "facts", ContradictsParameters, _find_contradicts, _say_contradicts, _propose_contradicts,
    _explain_contradicts, loosens=frozenset({"near"}), looked_for=frozenset({"values", "wordings"}),
)  # fmt: skip


# Words that say how much of something and not of what ("low" is a rating or a price by the word beside it), with the
# shares of a scale that they may stand for: 1 of 5 is low, 3 of 5 average, 4 of 5 high.
_LOW, _MIDDLE, _HIGH = (0.0, 0.45), (0.35, 0.75), (0.65, 1.0)
_DEGREES = {
    **dict.fromkeys(["low", "bad", "poor", "weak"], _LOW),
    **dict.fromkeys(["average", "mean", "fair", "normal", "mixed"], _MIDDLE),
    **dict.fromkeys(["high", "good", "excellent", "strong", "top"], _HIGH),
}
_STRENGTHS = frozenset(["very", "quite", "rather", "above", "below", "extremely"])
_COUNT = r"([0-9]+(?:\.[0-9]+)?|one|two|three|four|five|ten)"
_ON_SCALE = re.compile(rf"\b{_COUNT} ?(?:out of|of|/) ?{_COUNT}\b|\b{_COUNT}[ -]stars?\b")
_MOST_STARS = 5.0
# Fields that say what a thing is near to; of others, "near the centre" says where it is not.
_NEARNESS = frozenset(
    map(stem, ["near", "nearby", "beside", "opposite", "close", "next", "landmark", "neighbour", "adjacent"])
)
_WORD = re.compile(r"[^\W\d_]+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_CLAUSE_END = re.compile(r"[.,;:!?\n]")
_AND = re.compile(r"\b(?:and|but|or|while)\b")  # behind a value it begins another statement
_FUNCTION_WORDS = JOINERS | {"near", "next", "name", "type", "kind", "value", "title", "text", "about"}
_AROUND = 60  # characters on either side in which a field's name is looked for
# Another field's name right behind a value (`low prices`), or before it (`the prices are low`), with what joins them.
_RIGHT_BEHIND = re.compile(r"[ \u00a0]?-?([^\W\d_]+)")
_RIGHT_BEFORE = re.compile(
    r"(?:\A|[.,;:!?\n(]|(?i:\b(?:and|but|while|whose)\b))[ \u00a0]*(?i:(?:the|its|their|a|an|our)[ \u00a0])?"
    r"([^\W\d_]+)(?:[ \u00a0](?:is|are|was|were)[ \u00a0]|:[ \u00a0]|[ \u00a0]?=[ \u00a0]?)\Z"
)


def is_degree(text: str, field: str = "") -> bool:
    """Whether a text only says how much: "low", "very good"; of a field, with its name too ("average rating")."""
    words = _WORD.findall(text.casefold())
    named = cues(field)
    return any(word in _DEGREES for word in words) and all(
        word in _DEGREES or word in _STRENGTHS or stem(word) in named for word in words
    )


def same_on_a_scale(one: str, other: str) -> bool:
    """Whether a text of degree may say a number on a scale: "average" and "3 out of 5", "highly rated" and "five stars"."""
    return any(
        low <= share <= high
        for degree, number in ((one, other), (other, one))
        for share in _shares(number)
        for low, high in _degrees(degree)
    )


def _shares(text: str) -> Iterator[float]:
    """The shares of a scale that a text names."""
    for of, most, stars in _ON_SCALE.findall(text.casefold()):
        whole = float(as_digits(most)) if most else _MOST_STARS
        if whole:
            yield float(as_digits(of or stars)) / whole


def _degrees(text: str) -> list[tuple[float, float]]:
    """The parts of a scale that the words of degree in a text stand for."""
    words = (word.removesuffix("ly") for word in _WORD.findall(text.casefold()))
    return [_DEGREES[word] for word in words if word in _DEGREES]


def says_where_by_nearness(field: str) -> bool:
    """Whether the values of a field are what something is near to: `near`, `nearest landmark`."""
    return not _NEARNESS.isdisjoint(stem(word) for word in _words(field))


def is_of_another_field(text: str, start: int, end: int, *, field: str, others: Iterable[str]) -> bool:
    """Whether the value in a text from `start` to `end` is said of another field than `field`, by the names of both.

    A word of degree needs the name of its own field in its clause, nearer than that of any other; another value is only
    read as one of another field where that field's name is right beside it: "red handle", "the handle is red".
    """
    own = cues(field)
    foreign = frozenset(cue for other in others for cue in cues(other)) - own
    if is_degree(text[start:end]):
        return not _is_nearest(text, start, end, own, foreign)
    # Behind a name or a number another field's word begins something new: "at Hill House family rooms are cheap".
    named = (text[start].isupper() and text[max(start - _AROUND, 0) : start].strip()) or any(
        map(str.isdigit, text[start:end])
    )
    behind = None if named else _RIGHT_BEHIND.match(text, end)
    before = _RIGHT_BEFORE.search(text[max(start - _AROUND, 0) : start])
    beside = {stem(match[1].casefold()) for match in (behind, before) if match}
    return beside.isdisjoint(own) and not beside.isdisjoint(foreign)


@lru_cache(maxsize=4096)
def cues(field: str) -> frozenset[str]:
    """The words of a field's name that tell of it in a text, as stems: `priceRange` is price and range."""
    return frozenset(stem(word) for word in _words(field) if word not in _FUNCTION_WORDS and len(word) > 2)


def _words(field: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(_HUMP.sub(" ", field.replace("_", " ")))]


def _is_nearest(text: str, start: int, end: int, own: Collection[str], foreign: Collection[str]) -> bool:
    """Whether a word of `own` is in the clause, with none of `foreign` nearer; what follows counts before what precedes."""
    after = _AND.split(_CLAUSE_END.split(text[end : end + _AROUND])[0])[0]
    before = _CLAUSE_END.split(text[max(start - _AROUND, 0) : start])[-1]
    sides = (_WORD.findall(after.casefold()), _WORD.findall(before.casefold())[::-1])
    places = [(at, side, stem(word)) for side, words in enumerate(sides) for at, word in enumerate(words)]
    return next((word in own for _, _, word in sorted(places) if word in own or word in foreign), False)
