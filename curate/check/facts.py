"""Facts of a text or of a JSON object: two similar pairs are duplicates only if their facts are equal."""

import json
import re
from collections import Counter
from collections.abc import Collection
from functools import lru_cache

import polars as pl

from ...style import all_fields, field_text, quotes_apart, read_fields, stated_numbers
from ..read.normal_forms import comparable, visible

LABEL_WORDS = 5  # a text of at most this many words is a label: the whole text is its only fact
FEW_LABEL_WORDS = (
    2  # the same for outputs, where most are longer: "Have a nice day." and "Enjoy your day." are sentences
)

# Whitespace ends a token. A comma or point between digits is part of the number; elsewhere it ends the token. So do
# a point before a capitalised word, and a digit: "for 20.The" and "5The" were meant to have a space.
_END = re.compile(r"[;:()\[\]{}<>\"“”„«»|]|,(?!\d)|(?<!\d),|[.!?](?=\s|$|[A-Z][a-z])")
_STUCK = re.compile(r"(?<![^\s£$€(])(\d[\d.,]*)(?=[A-Z][a-z]{2,}(?:\s|$))")
_MAY_STICK = re.compile(r"[0-9][.,]?[A-Z]")
_NUMBER = re.compile(r"[±+\-−~≈≤≥]?\d[\d.,/×x*…–\-−+±~]*")
_NO_DECIMALS = re.compile(r"(?<![\d.,])(\d+)\.0+(?!\w|[.,]\d)")  # 52.00 is 52
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")  # 1,500 is 1500
_ORDINAL = re.compile(r"(?<![\w.,])(\d{1,2})(?:st|nd|rd|th)\b")  # March 1st is 1 March
# Names of units to their signs: "5 metres" is "5 m".
_UNIT_NAMES = {
    **dict.fromkeys(("metre", "metres", "meter", "meters", "metern"), "m"),
    **dict.fromkeys(("kilometre", "kilometres", "kilometer", "kilometers", "kilometern"), "km"),
    **dict.fromkeys(("centimetre", "centimetres", "centimeter", "centimeters", "centimetern"), "cm"),
    **dict.fromkeys(("millimetre", "millimetres", "millimeter", "millimeters", "millimetern"), "mm"),
    **dict.fromkeys(("gram", "grams", "gramme", "grammes"), "g"),
    **dict.fromkeys(("kilogram", "kilograms", "kilogramme", "kilogrammes"), "kg"),
    **dict.fromkeys(("litre", "litres", "liter", "liters", "litern"), "l"),
    **dict.fromkeys(("volt", "volts"), "v"),
    **dict.fromkeys(("watt", "watts"), "w"),
    **dict.fromkeys(("sec", "second", "seconds"), "s"),
    **dict.fromkeys(("minute", "minutes"), "min"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("percent",), "%"),
}
# A comparison between spaces, as in a query; elsewhere the sign is part of a tag or an arrow.
_OPERATOR = re.compile(r"(?<=\s)(?:[<>]=?|[!=]=|<>|[≤≥≠])(?=\s)")
_SIGNS = frozenset("<>=≤≥≠")
_TWO_CAPITALS = re.compile("[A-Z]{2}")
_CODE_PART = re.compile(r"(?<![^\W_])([A-Z]{2,})['’]?s?(?![^\W_])")
_WORDS_BEHIND = re.compile(r"(?<=[A-Z][0-9]|[0-9][A-Z])(?:-[^\W\d_][^\W\dA-Z_]{2,})+$")  # E2E-Schlüssel, 4K-Bild
# Words that are no codes in capitals either.
_WORDS = "are be do has have is ok that the this was were what which who will yes you your"
_NO_CODES = frozenset(_WORDS.split())

# Units that make "30 V" and "30V" one fact; a bare "a" or "in" is a word, not ampere or inch.
_UNIT = re.compile(
    r"(?:[pnuµμmckMGTd]?(?:V|A|W|Hz|F|H|Ω|ohms?|m|g|s|l|L|B|b|bit|bits|byte|bytes|Wh|Ah|Pa|bar|J|N|K|eV|VA|dB|dBm)"
    r"|V(?:DC|AC|rms|pp)|[kMG]?bps|[KMGT]i?B|%|‰|°|°?[CF]|mAh|kWh|inch|inches|ft|lb|lbs|oz|rpm|px|ppm"
    r"|sec|seconds?|min|minutes?|h|hrs?|hours?|days?|weeks?|months?|years?|EUR|USD|GBP|€|\$|£|mm²|cm²|m²|cm³|m³)(?:/\w+)?"
)
_ANY_CASE = re.compile(_UNIT.pattern, re.IGNORECASE)


def is_unit(word: str) -> bool:
    """Whether a word in small letters after a number may be its unit."""
    return word in _UNIT_NAMES or _ANY_CASE.fullmatch(word) is not None


def is_label(text: str, words: int = LABEL_WORDS) -> bool:
    """Whether the text has at most so many words that the whole text is its only fact; marks alone are no words."""
    few = text.split(None, 2 * words)
    return len(few) <= 2 * words and sum(any(map(str.isalnum, word)) for word in few) <= words


def text_facts(text: str, *, label_words: int = LABEL_WORDS, leave_out: Collection[str] = ()) -> frozenset[str]:
    """Tokens with a digit (a number joined with its unit), comparisons, and all-capital tokens of two or more letters,
    case folded. A number word is its number.

    A text of at most `label_words` words is itself its only fact, without the marks around it. Fields in a
    text have the facts of their values, by name, but those in `leave_out`.
    """
    fields = read_fields(text)
    if fields is None:
        return _facts_of(text, label_words)
    values = {
        name.casefold(): _facts_of(field_text(value), LABEL_WORDS)
        for name, value in fields.items()
        if name not in leave_out
    }
    return frozenset(f"{name}\0{fact}" for name, facts in values.items() for fact in facts if fact)


def _facts_of(text: str, label_words: int) -> frozenset[str]:
    if is_label(text, label_words) and is_label(label := _value(text), label_words):
        return frozenset([label.strip(" .!?,;:") or label])
    return token_facts(text)


def token_facts(text: str) -> frozenset[str]:
    """As `text_facts`, for a text of any length and without reading fields."""
    text = _with_digits(quotes_apart(visible(text)))
    facts = set(_OPERATOR.findall(text)) if not _SIGNS.isdisjoint(text) else set()
    tokens = _END.sub(" ", _STUCK.sub(r"\1 ", text) if _MAY_STICK.search(text) else text).split()
    for position, parsed in enumerate(map(_parsed, tokens), start=1):
        if parsed is not None:
            fact, takes_unit = parsed
            following = tokens[position] if takes_unit and position < len(tokens) else ""
            unit = _UNIT_NAMES.get(following.lower()) or (following if _UNIT.fullmatch(following) else "")
            facts.add(f"{tokens[position - 1]}{unit}".casefold() if unit else fact)
    return frozenset(facts)


@lru_cache(maxsize=100_000)
def _parsed(token: str) -> tuple[str, bool] | None:
    """The fact in a token, and whether it is a number that takes the following unit; None for an ordinary word.

    Of a compound (`USB-Geräte`) its codes are the fact, and several of a code (`PDFs`) are that code.
    """
    if any(character.isdigit() for character in token):
        token = _WORDS_BEHIND.sub("", token.lstrip("'‘’"))
        return token.casefold(), _NUMBER.fullmatch(token) is not None
    if token.isupper() and sum(map(str.isalpha, token)) >= 2:
        code = token.strip("'’`.,-_*#/").replace(".", "").casefold()  # the U.S. are the US
        return None if code in _NO_CODES else (code, False)
    codes = [match[1] for match in _CODE_PART.finditer(token)] if _TWO_CAPITALS.search(token) else []
    return ("-".join(codes).casefold(), False) if codes else None


def _with_digits(text: str) -> str:
    """The text with its numbers in one form: digits for number words, no decimals that are all zero."""
    start, parts = 0, []
    for value, begin, end in stated_numbers(text):
        parts += [text[start:begin], str(value)]
        start = end
    text = "".join(parts) + text[start:] if parts else text
    text = _NO_DECIMALS.sub(r"\1", text) if ".0" in text else text
    text = _THOUSANDS.sub(lambda found: found.group().replace(",", ""), text) if "," in text else text
    return _ORDINAL.sub(r"\1", text)


def _value(text: str) -> str:
    return comparable(_with_digits(text))


def field_facts(fields: str, *, leave_out: Collection[str] = ()) -> frozenset[str]:
    """The facts of an object of fields given as JSON text: each field's name with its value for comparison."""
    values = {name: _value(field_text(value)) for name, value in json.loads(fields).items() if name not in leave_out}
    return frozenset(f"{name}\0{value}" for name, value in values.items() if value)


DETECTION_ROWS = 2000  # rows; enough to see whether a field varies
_FEW = 20  # with fewer rows any field may be distinct by chance
_DISTINCT = 0.95  # distinct values per row
_CONSTANT = 0.9  # of the values: a word in more of them is a prefix
_LONGEST = 60  # characters; longer texts carry content


def identifier_like(pairs: pl.DataFrame) -> list[str]:
    """The input fields of a pair table that may be identifiers, in the order of the first row's fields.

    Empty if the inputs are texts without fields, there are too few rows, or every field qualifies.
    """
    first = pairs.head(DETECTION_ROWS)
    fields = [row for row in all_fields(first["fields"], first["input"]) if row]
    if len(fields) < _FEW:
        return []
    names = [n for n, v in fields[0].items() if isinstance(v, str) and all(isinstance(f.get(n), str) for f in fields)]
    distinct = [
        n
        for n in names
        if len({f[n] for f in fields}) > _DISTINCT * len(fields) and all(len(f[n]) <= _LONGEST for f in fields)
    ]
    distinct = [name for name in distinct if not _describes([field[name] for field in fields])]
    return distinct if len(distinct) < len(fields[0]) else []


def _describes(values: list[str]) -> bool:
    """Whether most values share a word with some of the others: "Alpine jacket, red" names a variant of a product."""
    words = [{word for word in value.casefold().split() if len(word) > 2 and word.isalpha()} for value in values]
    counts = Counter(word for found in words for word in found)
    shared = {word for word, count in counts.items() if 1 < count < _CONSTANT * len(values)}
    return sum(not shared.isdisjoint(found) for found in words) > len(values) / 2
