"""Whether words make two requests different: a second implementation, text by text."""

import re
from collections.abc import Collection, Sequence

from tuneworth.curate.read.normal_forms import comparable

_EMPTY = "a an are be did do does is please s that the this was were what which who"
_JOINING = "and as at by for from had has have i in it its me of on or their there to with you"
EMPTY, JOINING = frozenset(_EMPTY.split()), frozenset(_JOINING.split())


def words(text: str) -> list[str]:
    """The words of a text without Chinese and the like, without the endings of plurals."""
    return [re.sub(r"(?<=[^\W\d_]{3}[^\Ws])s$", "", word) for word in re.findall(r"[^\W_]+", comparable(text))]


def telling(text: str, empty: Collection[str] = EMPTY) -> list[str]:
    return [word for word in words(text) if word not in empty]


def mirrored(one: str, answers: Sequence[str], other: str, other_answers: Sequence[str]) -> bool:
    """Whether a word, or an order of words, differs between two inputs as between their outputs."""
    asked, asked_other = set(words(one)), set(words(other))
    said, said_other = ({w for text in texts for w in words(text)} for texts in (answers, other_answers))
    for word in (asked & said) ^ (asked_other & said_other):
        absent_there = word not in asked_other | said_other
        absent_here = word not in asked | said
        if word not in EMPTY and (absent_there or absent_here):
            return True
    first, first_other = telling(min(map(comparable, answers))), telling(min(map(comparable, other_answers)))
    pairs = ((telling(one), telling(other)), (first, first_other))
    return all(set(a) == set(b) and a != b for a, b in pairs)


def reworded(one: str, other: str) -> bool:
    """Whether two inputs differ in a word that says something."""
    return set(telling(one, EMPTY | JOINING)) != set(telling(other, EMPTY | JOINING))
