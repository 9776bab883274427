"""What is known of English words: which join others, and which two spellings are British and American."""

import re

__all__ = ["JOINERS", "MIXED_UP", "PARTICLES", "PREFIXES", "american"]

# Words that join others, and mean something else once they have grown together: "a way", "in to", "may be", "any one".
_JOINERS = (
    "a an and any all are as at be but by can do each every for from go had has have he her his how i if in into is "
    "it its me more my no nor not of on one or other our over own per she so some that the their them then there "
    "they this to too under us was we were what when which who will with within without you your than may might "
    "must very such these those here where why also only just now"
)
JOINERS = frozenset(_JOINERS.split())
# A second word that makes a verb of the first: "to set up" is not "a setup".
PARTICLES = frozenset({"away", "back", "by", "down", "in", "off", "on", "out", "over", "through", "up"})
# With a hyphen another word than without: re-sign, co-op, un-ionized, pre-sent.
PREFIXES = frozenset({"co", "re", "un", "pre", "de"})

# Two words, however alike.
MIXED_UP = [{"complaint", "compliant"}, {"discreet", "discrete"}]

# Endings that differ in spelling alone. Pairs of two meanings are left out on purpose: metre and meter, licence and
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
    """The American spelling of an English word in lower case; a word of one spelling as it is."""
    for ending, other in _ENDINGS:
        if ending.search(word):
            return ending.sub(other, word)
    return word
