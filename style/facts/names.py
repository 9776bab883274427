"""Names in a text: capitalised words within a sentence, abbreviations in capitals, words with capitals inside."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .dates import MONTHS
from .quantities import read_unit

__all__ = [
    "JOINERS",
    "MIXED_UP",
    "PARTICLES",
    "PREFIXES",
    "Name",
    "american",
    "names_in",
    "states_name",
    "words_of",
]


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
