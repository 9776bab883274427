"""The facts of a text or of an object of fields: what must be equal before two alike pairs are called the same."""

import json
import re
import unicodedata
from collections.abc import Collection

from ..style.fields import field_text
from .normalise import normalise

__all__ = ["LABEL_WORDS", "field_facts", "is_label", "text_facts"]

LABEL_WORDS = 5  # a text of so few words is its own only fact: it is a label, one other word makes it another

# A comma or point between digits belongs to the number; elsewhere it ends a token.
_SEPARATORS = re.compile(r"[\s;:()\[\]{}<>\"“”„«»|]+|,(?!\d)|(?<!\d),|[.!?](?=\s|$)")
_NUMBER = re.compile(r"[±+\-−~≈≤≥]?\d[\d.,/×x*…–\-−+±~]*")
# The units after which "30 V" and "30V" are one fact; a bare "a" or "in" is a word, not ampere or inch.
_UNIT = re.compile(
    r"(?:[pnuµμmckMGTd]?(?:V|A|W|Hz|F|H|Ω|ohms?|m|g|s|l|L|B|b|bit|bits|byte|bytes|Wh|Ah|Pa|bar|J|N|K|eV|VA|dB|dBm)"
    r"|V(?:DC|AC|rms|pp)|[kMG]?bps|[KMGT]i?B|%|‰|°|°?[CF]|mAh|kWh|inch|inches|ft|lb|lbs|oz|rpm|px|ppm"
    r"|sec|seconds?|min|minutes?|h|hrs?|hours?|days?|weeks?|months?|years?|EUR|USD|GBP|€|\$|£|mm²|cm²|m²|cm³|m³)(?:/\w+)?"
)


def is_label(normalised: str) -> bool:
    """Whether the text has so few words that it is its own only fact."""
    return len(normalised.split(" ", LABEL_WORDS)) <= LABEL_WORDS


def text_facts(text: str) -> frozenset[str]:
    """Tokens with a digit (a number joined with its unit) and all-capital tokens of two or more letters, case folded.

    A text of five words or fewer is its own only fact.
    """
    label = normalise(text)
    if is_label(label):
        return frozenset([label])
    tokens = [token for token in _SEPARATORS.split(unicodedata.normalize("NFKC", text)) if token]
    facts = set()
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if any(character.isdigit() for character in token):
            joined = _NUMBER.fullmatch(token) and _UNIT.fullmatch(following)
            facts.add((token + following if joined else token).casefold())
        elif token.isupper() and sum(map(str.isalpha, token)) >= 2:
            facts.add(token.strip("'’`.,-_*#/").casefold())
    return frozenset(facts)


def field_facts(fields: str, *, leave_out: Collection[str] = ()) -> frozenset[str]:
    """The facts of an object of fields given as JSON text: each field's name with its normalised value."""
    values = {name: normalise(field_text(value)) for name, value in json.loads(fields).items() if name not in leave_out}
    return frozenset(f"{name}\0{value}" for name, value in values.items() if value)
