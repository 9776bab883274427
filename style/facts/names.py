"""Names in a text, by their capitals, and the forms of words: an ending, a prefix, two words written together."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from .quantities import read_unit
from .values import MONTHS

_LETTERS = r"[^\W\d_]"
# A word of letters with its inner hyphens and apostrophes; one that touches a digit is part of a code.
_WORD = re.compile(rf"(?<!\w)(?<!\d[-.]){_LETTERS}+(?:[-/'’]{_LETTERS}+)*(?!\w|-\d)")
# The text before a word that begins a sentence, a line, a quotation or a list item.
_LOOKED_BACK = 8  # characters
_BEGIN = re.compile(rf"(?:\A|[.!?:;…•*#>|\n\"“„«(\[]|[-–—]\s)\s{{0,{_LOOKED_BACK}}}[\"“„«(\[*_]{{0,{_LOOKED_BACK}}}\Z")
_INSIDE = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]{2}")
# Capitalised words that are not names: forms of I, titles, everyday abbreviations.
_NO_NAMES = frozenset(
    ["I", "I'm", "I've", "I'd", "I'll", "A", "OK", "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "No", "TV", "PC", "AM", "PM", "Sir",
     "Lady", "Mayor", "President", "Professor"]
)  # fmt: skip
_MONTH = re.compile(rf"(?:{MONTHS})", re.IGNORECASE)
_PIECE = re.compile(rf"{_LETTERS}+")
_LONGEST_ABBREVIATION = 6
_SHORT_FORMS = {"saint": "st", "mount": "mt", "mt": "mount", "fort": "ft", "doctor": "dr", "professor": "prof"}
# Small words that occur in sentences but not in catalogue lines: only in a sentence does a capital indicate a name.
_SMALL = re.compile(
    r"(?i)(?<![\w-])(?:the|a|an|of|in|on|at|to|and|from|by|for|with|is|are|was|were|has|have|it|that|near|as|or)(?![\w-])"
)


@dataclass(frozen=True)
class Name:
    """One word of a name with its position; the words of a longer name follow one another. `telling`: pieces that are names."""

    text: str
    telling: tuple[str, ...]
    start: int
    end: int


def names_in(text: str) -> Iterator[Name]:
    """The words of a text that are names by their capitals.

    A capital first letter indicates a name only in a sentence, not in a heading or a catalogue line. Where most words
    are in capitals, capitals indicate nothing.
    """
    words = list(_WORD.finditer(text))
    shouted = sum(len(word.group()) > 2 and word.group().isupper() for word in words) > 0.6 * len(words)
    if shouted:
        return
    small = len(_SMALL.findall(text))
    capitals = sum(word.group()[0].isupper() for word in words[1:])
    sentences = capitals <= 0.5 * len(words) and (
        small >= 2 or (small == 1 and text.rstrip().endswith((".", "!", "?")))
    )
    for word in words:
        spelled = word.group()
        if spelled in _NO_NAMES or _MONTH.fullmatch(spelled) or read_unit(spelled):
            continue
        telling = tuple(piece for piece in re.split(r"[-/'’]", spelled) if _is_abbreviation(piece))
        before = text[max(0, word.start() - _LOOKED_BACK) : word.start()]
        if not telling and sentences and spelled[0].isupper() and len(spelled) > 1 and not _BEGIN.search(before):
            telling = (spelled,)
        if telling:
            yield Name(spelled, telling, *word.span())


def words_of(text: str) -> set[str]:
    """The words of a request in small letters; names written as one word (`OpenHaus`, `XP_POWER`) also in parts."""
    folded = {word for word in re.split(r"[\W_]+", text.casefold()) if word}
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).casefold()
    letters = set(re.findall(rf"{_LETTERS}+", text.casefold()))
    whole = {word.group().casefold() for word in _WORD.finditer(text)}
    return folded | letters | whole | set(re.split(r"[\W_]+", apart))


def states_name(request: str, words: set[str], name: Name) -> bool:
    """Whether a request (in small letters, with its words) contains a name: literally, in pieces, or spelled out."""
    plain = _without_ending(name.text.casefold())
    if (
        {plain, name.text.casefold()} & words
        or re.sub(r"\W", "", plain) in words
        or (len(plain) > 3 and plain in request)
    ):
        return True
    return all(
        _known(_without_ending(piece.casefold()), request, words, short=_is_abbreviation(piece))
        for part in name.telling
        for piece in _PIECE.findall(part)
    )


def _without_ending(word: str) -> str:
    """A word without a possessive or plural ending."""
    return re.sub(r"(?<=\w{2})['’]?s$|['’]$", "", word)


def _known(piece: str, request: str, words: set[str], *, short: bool) -> bool:
    if not words.isdisjoint({piece, f"{piece}s", _SHORT_FORMS.get(piece, piece)}):
        return True
    if len(piece) < 2 or (len(piece) > 3 and piece in request):
        return True
    return short and len(piece) <= _LONGEST_ABBREVIATION and _spelled_out(piece).search(request) is not None


@lru_cache(maxsize=4096)
def _spelled_out(letters: str) -> re.Pattern[str]:
    """A pattern for words that begin with these letters; of three or more, the last may be inside a word (LDO: low dropout)."""
    steps = [rf"\w{{0,20}}(?:[^\w\n]|_){{1,3}}{re.escape(letter)}" for letter in letters[1:]]
    if len(steps) > 1:
        steps[-1] = rf"(?:{steps[-1]}|\w{{1,6}}{re.escape(letters[-1])})"
    return re.compile(rf"(?<![^\W_]){re.escape(letters[0])}{''.join(steps)}")


def _is_abbreviation(piece: str) -> bool:
    """Capitals (RRO, LEDs), or a capital inside (PicoBK, iPhone)."""
    core = piece[:-1] if len(piece) > 2 and piece.endswith("s") else piece
    return (len(core) > 1 and core.isupper()) or _INSIDE.search(piece) is not None


# Words that join others, and change their meaning when written together: "a way", "in to", "may be", "any one".
_JOINERS = (
    "a an and any all are as at be but by can do each every for from go had has have he her his how i if in into is "
    "it its me more my no nor not of on one or other our over own per she so some that the their them then there "
    "they this to too under us was we were what when which who will with within without you your than may might "
    "must very such these those here where why also only just now"
)
JOINERS = frozenset(_JOINERS.split())
# A second word that makes a verb of the first: "to set up" is not "a setup".
PARTICLES = frozenset({"away", "back", "by", "down", "in", "off", "on", "out", "over", "through", "up"})
# Prefixes that give a different word with a hyphen than without: re-sign, co-op, un-ionized, pre-sent.
PREFIXES = frozenset({"co", "re", "un", "pre", "de"})

# Two different words, however similar.
MIXED_UP = [{"complaint", "compliant"}, {"discreet", "discrete"}]

# Endings that differ only in spelling. Pairs with two meanings are omitted on purpose: metre and meter, licence and
# license, programme and program, disc and disk, analyses (of an analysis) and analyzes.
_ENDINGS = (
    (re.compile(r"(?<=...)our(s|ed|ing|al|able|ful|less)?$"), r"or\1"),
    (re.compile(r"(?<=...)is(e|es|ed|ing|er|ers|able|ation|ations)$"), r"iz\1"),
    (re.compile(r"^(anal|catal|paral|electrol|hydrol)ys(e|ed|ing|er|ers)$"), r"\1yz\2"),
    (re.compile(r"^(cent|fib|theat|calib|lit)re(s|d)?$"), r"\1er\2"),
    (re.compile(r"^(catal|dial|anal)ogue(s)?$"), r"\1og\2"),
    (re.compile(r"^(def|off|pret)ence(s)?$"), r"\1ense\2"),
    (re.compile(r"(?<=...)([aeiou])ll(ed|ing|er|ers)$"), r"\1l\2"),
    (re.compile(r"^(judg|acknowledg)ement(s)?$"), r"\1ment\2"),
    (re.compile(r"^(adapt|convert)or(s)?$"), r"\1er\2"),
    (re.compile(r"^alumini(um)$"), r"alumin\1"),
    (re.compile(r"^grey(s|ed|ish)?$"), r"gray\1"),
    (re.compile(r"^artefact(s)?$"), r"artifact\1"),
)


def american(word: str) -> str:
    """The American spelling of an English word in lower case; any other word unchanged."""
    for ending, other in _ENDINGS:
        if ending.search(word):
            return ending.sub(other, word)
    return word


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
