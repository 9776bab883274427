"""Negations: the words that deny something in a language, and texts with one more or one less."""

import re
from collections.abc import Iterable
from random import Random

# By ISO 639-1 code. In another language negations are neither compared nor changed.
_WORDS = {
    "en": "not no non never neither nor without cannot nothing",
    "de": "nicht kein keine keinen keiner keinem nie niemals ohne",
    "fr": "ne pas non jamais aucun aucune sans ni",
    "es": "no nunca sin ningún ninguna ninguno ni",
    "it": "non no mai senza nessun nessuna né",
    "pt": "não nunca nem sem nenhum nenhuma",
    "pl": "nie nigdy bez żaden żadna żadne ani",
    "cs": "ne není nejsou nemá nemají nelze nikdy bez žádný žádná žádné ani",
    "nl": "niet geen nooit zonder",
    "ru": "не нет без никогда ни",
}
LANGUAGES = tuple(_WORDS)
_LONG_WORD = re.compile(r"(?<!\S)[^\W\d_]{4,}")


def negation_pattern(*languages: str) -> str:
    """A pattern for the negations of these languages."""
    words = {word for language in languages for word in _WORDS[language].split()}
    ordered = "|".join(sorted(words, key=lambda word: (-len(word), word)))
    return rf"(?i)\b(?:{ordered})\b" + (r"|n['’]t\b" if "en" in languages else "")


def negation_language(texts: Iterable[str], main: str | None) -> str | None:
    """The language whose negations the texts have: their `main` one if it is known and one of its words occurs, else that
    of which most words occur, then the most often; None if none does."""
    known = {word for words in _WORDS.values() for word in words.split()}
    counts = dict.fromkeys(known, 0)
    for text in texts:
        for word in known.intersection(text.lower().split()):
            counts[word] += 1
    found = {
        language: [count for word in words.split() if (count := counts[word])] for language, words in _WORDS.items()
    }
    if main in found:
        return main if found[main] else None
    best = max(found, key=lambda language: (len(found[language]), sum(found[language])))
    return best if found[best] else None


def negated(text: str, random: Random, *, language: str) -> str | None:
    """The text without one of its negations; if it has none, with one before one of its words. None if it has no word."""
    if found := list(re.finditer(negation_pattern(language), text)):
        start, end = random.choice(found).span()
        return f"{text[:start].rstrip()} {text[end:].lstrip(' -')}"
    places = [match.start() for match in _LONG_WORD.finditer(text)]
    if not places:
        return None
    at = random.choice(places)
    return f"{text[:at]}{_WORDS[language].split()[0]} {text[at:]}"
