"""Whether a word is known by another form of it: an ending, a prefix, or two known words written together."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache

from .facts.names import JOINERS, american

__all__ = ["KnownForms", "stem"]

# Words that every English text may use: they name nothing. A team's texts may lack some of them by chance.
_COMMON_WORDS = """
about above across after again against along also although always among another around away back because been
before behind being below between beyond both can't cannot come could did different does doing done down during
eight either eleven else enough even ever every everyone everything few find first five four further get give
given go good got great half here however hundred instead itself just know last least less let like likely little
make many mine most much near need neither never new next nine nobody none nor nothing off often old once one onto
otherwise out own part per perhaps quite rather really same say second see seem seven several shall she should
since six somewhat soon still such sure take ten than themselves therefore thing thirty though thousand three
through throughout thus time today together too toward towards twelve twenty two under until up upon use usually
various very via want way well whatever where whether while whilst whole whose why without won't work would yet
zero
"""
_COMMON = JOINERS.union(_COMMON_WORDS.split())
_CONTRACTION = re.compile(r"(?:n't|'(?:s|ll|re|ve|d|m)|s')$")
# Endings that make a form of the same word, then those that make another word of it; what is before them is longer.
_INFLECTED = re.compile(r"(?<=\w{3})(?:iest|ies|ied|ier|ily|est|ing|ers|er|ed|es|ly|s|d)$")
_DERIVED = re.compile(
    r"(?<=\w{4})(?:at(?:e|ions?|ors?|ives?|ing)?|ions?|ors?|ives?|ably|ibly|able|ible|ability|ibility|ments?|ness|"
    r"ances?|ences?|ancy|ency|ants?|ents?|ities|ity|ically|ical|ially|ally|ial|al|ics?|ists?|isms?|ized?|ised?|izing|"
    r"ising|ful|less|ously|ous|ary|age|ish|y)$"
)
_PREFIX = re.compile(
    r"^(?:un|non|re|pre|post|multi|sub|over|under|micro|mini|semi|anti|dis|mis|inter|super|ultra|out|co)-?"
)
_DOUBLED = re.compile(r"([bdfglmnprt])\1$")
_SHORTEST, _SHORTEST_WHOLE = 3, 7  # letters of a part of a word written as one, and of such a word
_LONGEST = 40  # letters of a word; a longer run is no form of anything


class KnownForms:
    """A set of known words in small letters, with all that other forms of them are compared by."""

    def __init__(self, words: Iterable[str], *, common: bool = True) -> None:
        """`common`: the words that every text may use are known too."""
        self.words = frozenset(words)
        self.common = common

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of the words."""
        own = frozenset(map(_stem, self.words))
        return own | _COMMON_STEMS if self.common else own

    def holds(self, word: str) -> bool:
        """Whether a word in small letters is one of them, or a form of one."""
        return len(word) < 2 or word in self.words or (len(word) <= _LONGEST and _stem(word) in self.stems)

    def derives(self, word: str) -> bool:
        """Whether a word is made of known ones: with a prefix, or two written as one (`riverside`)."""
        if len(word) > _LONGEST:
            return False
        prefix = _PREFIX.match(word)
        if prefix and len(word) - prefix.end() > _SHORTEST and self.holds(word[prefix.end() :]):
            return True
        return len(word) >= _SHORTEST_WHOLE and next(self._pairs(word), None) is not None

    def makers(self, word: str) -> tuple[frozenset[str], Sequence[tuple[str, str]]]:
        """The known words of which any one makes a word known as `holds` or `derives` say, and the pairs that do together.

        With the words of many texts, it says of each text whether it makes the word known by set look-ups alone.
        """
        prefix = _PREFIX.match(word) if len(word) <= _LONGEST else None
        single = self._held(word)
        if prefix and len(word) - prefix.end() > _SHORTEST:
            single |= self._held(word[prefix.end() :])
        return single, [*self._pairs(word)] if _SHORTEST_WHOLE <= len(word) <= _LONGEST else []

    def _held(self, word: str) -> frozenset[str]:
        same = self.words & {word}
        return same | self._by_stem.get(_stem(word), frozenset()) if len(word) <= _LONGEST else same

    def _pairs(self, word: str) -> Iterator[tuple[str, str]]:
        """The two known words that make a word when written as one."""
        for cut in range(_SHORTEST, len(word) - _SHORTEST + 1):
            if word[:cut] in self._parts and word[cut:] in self._parts:
                yield word[:cut], word[cut:]

    @cached_property
    def _by_stem(self) -> dict[str, frozenset[str]]:
        by_stem: dict[str, set[str]] = {}
        for word in self.words:
            by_stem.setdefault(_stem(word), set()).add(word)
        return {stem: frozenset(words) for stem, words in by_stem.items()}

    @cached_property
    def _parts(self) -> Collection[str]:
        return self.words | _COMMON if self.common else self.words


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """What the forms of one word have in common; crude, since it is only compared with that of known words."""
    plain = american(_CONTRACTION.sub("", word))
    plain = _INFLECTED.sub("", plain)
    plain = _DERIVED.sub("", plain)
    plain = _DOUBLED.sub(r"\1", plain)
    while len(plain) > _SHORTEST and plain[-1] in "eiy":
        plain = plain[:-1]
    return plain


def stem(word: str) -> str:
    """What the forms of a word have in common, endings of endings too: price, pricing; rate, ratings."""
    while (shorter := _stem(word)) != word:
        word = shorter
    return word


_COMMON_STEMS = frozenset(map(_stem, _COMMON))
