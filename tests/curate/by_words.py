"""Whether words make two requests different: a second implementation, text by text."""

import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from tuneworth.curate.check.facts import is_unit
from tuneworth.curate.read.normal_forms import comparable
from tuneworth.style import american, stated_numbers

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


_POLITE = (
    "also am been being can could d hello hey hi just kindly ll m now ok okay pls re so t thank thanks ve will would"
)
POLITE = frozenset(_POLITE.split())
LACKED = (JOINING | {"my", "our", "your"}) - {"from"}
_PARTS = "from after before between into over than under until via without von nach zu bis aus"
PARTS = JOINING | set(_PARTS.split())
ENDINGS = {"|s", "|es", "|ed", "|d", "|ing", "e|ing", "ied|y", "ies|y", "d|s", "ed|ing", "ed|s", "ing|s", "es|ing"}


def spoken(text: str) -> list[str]:
    """The words of a normalised text as they are spelled, without the units of numbers."""
    found = re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W_\u3040-\u30ff\u4e00-\u9fff]+", text)
    return [
        word
        for last, word in zip(["", *found], found, strict=False)
        if not ((last[-1:].isdigit() or any(stated_numbers(last))) and is_unit(word))
    ]


def common(one: str, other: str) -> int:
    """How many letters two words begin with in common."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


class Wordings:
    """How the wording of texts that may repeat each other differs, pair by pair. `texts`: all that are compared."""

    def __init__(self, texts: Collection[str]) -> None:
        self.texts_with = Counter(word for text in texts for word in set(spoken(text)))
        words = {unicodedata.normalize("NFD", word) for word in self.texts_with if word.isalpha()}
        stems: dict[str, set[str]] = defaultdict(set)
        for one, two in itertools.permutations(words, 2):
            shared = common(one, two)
            ends = (one[shared:], two[shared:])
            if shared >= 4 and max(map(len, ends)) <= 3 and ends == tuple(sorted(ends)):
                stems["|".join(ends)].add(one[:shared])
        least = max(3, 0.02 * max(map(len, stems.values()), default=0))
        self.endings = ENDINGS | {ending for ending, found in stems.items() if len(found) >= least}

    def apart(self, one: str, other: str) -> frozenset[str] | None:
        """The words that only one of two texts has and that say something; None if one joining word is in place of another."""
        if re.sub(r"[\W_]", "", one) == re.sub(r"[\W_]", "", other):
            return frozenset()
        sides = set(spoken(one)), set(spoken(other))
        only = [
            {
                w
                for w in sides[n] - sides[1 - n]
                if w not in EMPTY | POLITE and not re.search(r"\d", w) and not any(stated_numbers(w))
            }
            for n in (0, 1)
        ]
        if all(words & LACKED for words in only):
            return None
        a, b = (words - LACKED for words in only)
        return frozenset(w for w in a if not any(self.one_word(w, o) for o in b)) | {
            w for w in b if not any(self.one_word(o, w) for o in a)
        }

    def one_word(self, one: str, other: str) -> bool:
        if one[0] != other[0] or abs(len(one) - len(other)) > 3:
            return False
        a, b = (unicodedata.normalize("NFD", word) for word in (one, other))
        shared = common(a, b)
        ends = sorted((a[shared:], b[shared:]))
        if american(one) == american(other):
            return True
        if shared >= 4 and max(map(len, ends)) <= 3 and "|".join(ends) in self.endings:
            return True
        edits = {a[:n] + a[n + 1 :] for n in range(1, len(a))} | {
            a[:n] + a[n + 1] + a[n] + a[n + 2 :] for n in range(1, len(a) - 1)
        }
        shorter = {b[:n] + b[n + 1 :] for n in range(1, len(b))}
        other_letter = len(a) == len(b) and a[0] == b[0] and sum(x != y for x, y in zip(a, b, strict=True)) == 1
        slip = b in edits or a in shorter or other_letter
        return slip and min(len(a), len(b)) >= 6 and min(self.texts_with[one], self.texts_with[other]) == 1

    def turned(self, one: str, other: str) -> tuple[bool, bool]:
        """Whether the words are in another order, and whether two of them have changed parts."""
        a, b = ([w for w in spoken(text) if w not in EMPTY | POLITE or len(w) == 1] for text in (one, other))
        if a == b or re.sub(r"[\W_]", "", one) == re.sub(r"[\W_]", "", other):
            return False, False
        joining = LACKED | PARTS
        apart = [(x, y) for x, y in itertools.zip_longest(a, b) if x != y]
        of_two = len(apart) == 2 and not any(word in joining for pair in apart for word in pair)
        once = []
        for words in (a, b):
            part, parts = "", {}
            for word in words:
                part = word if word in PARTS else part
                parts[word] = part
            once.append({w: p for w, p in parts.items() if words.count(w) == 1 and w not in joining})
        moves = {(once[0][word], once[1][word]) for word in once[0].keys() & once[1].keys()}
        return True, of_two or any(to != of and (to, of) in moves for of, to in moves)

    def repeated(self, one: str, other: str) -> bool:
        """Whether each of two texts repeats a word of both more often than the other."""
        if re.sub(r"[\W_]", "", one) == re.sub(r"[\W_]", "", other):
            return False
        a, b = Counter(spoken(one)), Counter(spoken(other))
        more = {a[w] > b[w] for w in a.keys() & b.keys() if a[w] != b[w] and w not in EMPTY | POLITE | LACKED}
        return len(more) == 2

    def opposed(self, request: str, one: str, other: str) -> bool:
        """Whether one of two outputs to a request says the opposite of the other, or has a word of the request it lacks."""
        words = self.apart(one, other) or frozenset()
        sides = [[word for word in words if word in spoken(text)] for text in (one, other)]
        if any(len(a) >= 5 and len(b) >= 5 and a[-5:] == b[-5:] for a, b in itertools.product(*sides)):
            return True
        if (
            not words
            and self.apart(one, other) is not None
            and (self.repeated(one, other) or self.turned(one, other)[1])
        ):
            return True
        named = (set(spoken(one)) ^ set(spoken(other))) & set(spoken(request))
        return any(not re.search(r"\d", w) and not any(stated_numbers(w)) for w in named - EMPTY - POLITE - LACKED)

    def differ(self, one: str, other: str, empty: Collection[frozenset[str]] = ()) -> bool:
        """Whether two texts say something else."""
        if one == other:
            return False
        words = self.apart(one, other)
        if words is None or (words and words not in empty):
            return True
        return not words and (self.repeated(one, other) or self.turned(one, other)[1])
