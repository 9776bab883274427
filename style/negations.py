"""Negations: the words that deny something, in some languages, and texts with one more or one less."""

import re
from collections import Counter
from collections.abc import Iterable
from random import Random

# In a language without words here, negations are neither compared nor changed.
_WORDS = {
    "English": "not no non never neither nor without cannot nothing",
    "German": "nicht kein keine keinen keiner keinem nie niemals ohne",
    "French": "ne pas jamais aucun aucune sans",
    "Spanish": "nunca sin ningún ninguna",
    "Italian": "mai senza nessun nessuna",
    "Portuguese": "não nem sem nenhum nenhuma",
    "Polish": "nigdy bez żaden żadna żadne",  # nie is German too
    "Czech": "není nejsou nemá nemají nikdy žádný žádná žádné",
    "Dutch": "niet geen nooit zonder",
    "Russian": "не нет без никогда",
}
_LONGEST_FIRST = sorted(
    {word for words in _WORDS.values() for word in words.split()}, key=lambda word: (-len(word), word)
)
NEGATION = rf"(?i)\b(?:{'|'.join(_LONGEST_FIRST)})\b|n['’]t\b"
_NEGATION = re.compile(NEGATION)
_LONG_WORD = re.compile(r"\b[^\W\d_]{4,}")


def usual_negation(texts: Iterable[str]) -> str | None:
    """The most frequent word of the texts that denies something; None if there is none."""
    counts = Counter(found.lower() for text in texts for found in _NEGATION.findall(text) if found.isalpha())
    return min(counts, key=lambda word: (-counts[word], word), default=None)


def negated(text: str, random: Random, *, word: str | None) -> str | None:
    """The text without one of its negations; without any, with `word` before one of its words. None if neither can be."""
    if found := list(_NEGATION.finditer(text)):
        start, end = random.choice(found).span()
        return f"{text[:start].rstrip()} {text[end:].lstrip(' -')}"
    places = [match.start() for match in _LONG_WORD.finditer(text)]
    if not places or word is None:
        return None
    at = random.choice(places)
    return f"{text[:at]}{word} {text[at:]}"
