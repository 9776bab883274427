"""Whether a value that a text names belongs to a field: what stands beside it tells, a field's name most of all."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from .facts.names import JOINERS
from .facts.number_words import as_digits
from .word_forms import stem

__all__ = ["is_degree", "is_of_another_field", "same_on_a_scale", "says_where_by_nearness"]

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
        for said, number in ((one, other), (other, one))
        for share in _shares(number)
        for low, high in _degrees(said)
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
