"""The two normal forms of a text: the one that identifies a row, and the one in which texts are compared.

Decisions and pinned splits are addressed by hashes of the first, so it never changes. The second is without what does not
show, or has no meaning; nothing but comparison uses it. What is trained on, checked and shown is the text as written.
"""

import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import polars as pl

from ...style import read_fields, render_fields


def normalise(text: str) -> str:
    """The text that identifies a row: NFKC, case folded, runs of whitespace to one space, stripped."""
    # ASCII is its own NFKC form; skipping the conversion halves the time on English data.
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split())


def clean_text(text: str) -> str:
    """The text with lone surrogates, which cannot be encoded, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


def content_hash(*parts: str | None) -> str:
    """128 bits of BLAKE2b over the parts as 32 hex digits; parts include their length, and null differs from empty."""
    data = b"".join([b"-1:" if part is None else b"%d:%b" % (len(coded := part.encode()), coded) for part in parts])
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def pair_contents(pairs: pl.DataFrame, identifiers: Collection[str]) -> list[str]:
    """The hash of each pair's normalised texts, by which it is known under another id: columns `input, fields, output`."""
    texts = zip(normalised_inputs(pairs, identifiers), normalised_outputs(pairs), strict=True)
    return [content_hash(*pair) for pair in texts]


def salted(content: pl.Series, seed: int) -> pl.Series:
    """The keys that order components of equal size; another seed gives another order."""
    if seed == 0:
        return content
    return pl.Series([content_hash(key, str(seed)) for key in content], dtype=pl.String)


def row_hashes(pairs: pl.DataFrame) -> list[str]:
    """A hash of each row's contents except its number and id."""
    rows = pairs.select("input", "fields", "output", "system", "group", "split", "meta").rows()
    return [content_hash(*row) for row in rows]


def normalised_inputs(pairs: pl.DataFrame, identifiers: Collection[str]) -> list[str]:
    """The normalised inputs, from the columns `input` and `fields`."""
    if not identifiers:
        return [normalise(text) for text in pairs["input"].to_list()]
    return [
        normalise(text if fields is None else render_fields(json.loads(fields), leave_out=list(identifiers)))
        for text, fields in pairs.select("input", "fields").rows()
    ]


def normalised_outputs(pairs: pl.DataFrame) -> list[str]:
    """The normalised outputs."""
    return [normalise(text) for text in pairs["output"].to_list()]


def comparable(text: str) -> str:
    """The text for comparison: `visible`, with fields in the order of their names, case folded, single spaces."""
    special = _SPECIAL.search(text) or (":" in text and _SEPARATOR.search(text)) or text.endswith(")")
    if text.isascii() and not special:  # most texts
        return " ".join(text.lower().split())
    fields = read_fields(text)
    shown = visible(text if fields is None else _in_order(fields))
    return " ".join((shown.lower() if shown.isascii() else shown.casefold()).split())


def visible(text: str) -> str:
    """The text without tags, emphasis, invisible characters and marks on letters, in letters of one script for a word.

    Idempotent for texts without entities. Scripts in which marks carry meaning keep them: all but Latin, Greek and
    Cyrillic, and Vietnamese.
    """
    if "<" in text:
        text = _BREAKING.sub(" ", _INLINE.sub("", text))
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found.group()), text)
    if not text.isascii():
        text = _one_script(unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)))
        plain = {} if _VIETNAMESE.search(text) else _plain_letters()
        text = _MARKED.sub(
            lambda found: plain.get(found.group(), "" if found.group() in _MARKS else found.group()), text
        )
    return _HEADING.sub("", _EMPHASIS.sub("", text)) if _EMPHASIZED.search(text) else text


def compared_inputs(pairs: pl.DataFrame, identifiers: Collection[str]) -> list[str]:
    """The inputs for comparison, from the columns `input` and `fields`, without the identifiers."""
    rows = pairs.select("input", "fields").rows()
    return [
        comparable(text) if fields is None and not identifiers else comparable_input(text, fields, identifiers)
        for text, fields in rows
    ]


def comparable_input(text: str, fields: str | None, identifiers: Collection[str]) -> str:
    """The input for comparison without the identifiers, which its fields (JSON text or null) or the text itself name."""
    given = read_fields(fields or text)
    return comparable(text) if given is None else comparable_fields(given, identifiers)


def compared_outputs(pairs: pl.DataFrame) -> list[str]:
    """The outputs for comparison."""
    return [comparable(text) for text in pairs["output"].to_list()]


def comparable_fields(fields: Mapping[str, Any], identifiers: Collection[str] = ()) -> str:
    """The fields for comparison, in the order of their names, without the identifiers."""
    shown = visible(_in_order({name: value for name, value in fields.items() if name not in identifiers}))
    return " ".join((shown.lower() if shown.isascii() else shown.casefold()).split())


# --- the order of fields ----------------------------------------------------------------------------------------------

_SEPARATOR = re.compile(r"[\n;]| \| ")


def _in_order(fields: Mapping[str, Any]) -> str:
    return render_fields({name: _sorted(fields[name]) for name in sorted(fields, key=lambda n: (n.casefold(), n))})


def _sorted(value: Any) -> Any:
    """The value with the names in it in order."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


# --- what does not show ---------------------------------------------------------------------------------------------

# ASCII texts with none of these are compared as they are.
_SPECIAL = re.compile(r"[<&*_`~\[{#]")
_INLINE_TAGS = (
    "a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|"
    "strike|strong|sub|sup|tt|u|var|wbr"
)
_BREAKING_TAGS = (
    "address|article|aside|blockquote|body|br|button|caption|center|col|colgroup|dd|div|dl|dt|fieldset|figcaption|"
    "figure|footer|form|h[1-6]|head|header|hr|html|iframe|img|input|label|legend|li|link|main|meta|nav|ol|option|p|pre|"
    "script|section|select|style|table|tbody|td|tfoot|th|thead|title|tr|ul"
)
# Only the tags of HTML: <city> may be a placeholder, and a < b is no tag.
_INLINE = re.compile(rf"</?(?:{_INLINE_TAGS})(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BREAKING = re.compile(rf"</?(?:{_BREAKING_TAGS})(?:\s[^<>]*)?/?>|<!--[^<>]*-->", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Characters of format and variation, and soft hyphens: they change how others look, or nothing.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_EMPHASIZED = re.compile(r"[*_`~#]")
# A mark between a space or a sign and a word is emphasis; between spaces or within a word it is a sign. The pattern begins
# with the marks themselves, which `re` looks for quickly, and then looks at what stands before them.
_EMPHASIS = re.compile(
    r"[`*_~](?:(?<=`)`*|(?:(?<=[*_])|(?<=~)(?=~))"
    r"(?:(?<![\w*_~].)(?:(?<=~)~|(?<!~)[*_]{0,2})(?=[\w\"'(£$€<]|[-+±−.]\d)"
    r"|(?<=[\w.!?,;:)\"'%>].)(?:(?<=~)~|(?<!~)[*_]{0,2})(?![\w*_~])))",
    re.DOTALL,
)
_HEADING = re.compile(r"^ {0,3}#{1,6} +", re.MULTILINE)
_VIETNAMESE = re.compile("[ơưƠƯ\u1ea0-\u1ef9]")
_MARKS = frozenset(
    map(chr, [*range(0x300, 0x370), *range(0x1AB0, 0x1B00), *range(0x1DC0, 0x1E00), *range(0x20D0, 0x2100)])
)
_MARKED = re.compile("[\u00c0-\u024f\u0300-\u036f\u0370-\u03ff\u1ab0-\u1aff\u1dc0-\u1fff\u20d0-\u20ff]")


@cache
def _plain_letters() -> dict[str, str]:
    """Latin and Greek letters with marks to those without."""
    points = [*range(0xC0, 0x250), *range(0x370, 0x400), *range(0x1E00, 0x2000)]
    parts = {chr(point): unicodedata.normalize("NFD", chr(point)) for point in points}
    return {letter: found[0] for letter, found in parts.items() if len(found) > 1 and found[0].isalpha()}


# --- letters that look like others --------------------------------------------------------------------------------

_FOREIGN = re.compile("[\u0250-\u02af\u0370-\u058f\u13a0-\u13ff\uab70-\uabbf]")
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile("[A-Za-z]+")


@cache
def _lookalikes() -> dict[int, str]:
    """Greek, Cyrillic, Armenian, Cherokee and phonetic letters to the ASCII letter that they look like."""
    from confusable_homoglyphs.confusables import confusables_data

    letters = [letter for letter in confusables_data if _FOREIGN.fullmatch(letter)]
    found = {}
    for letter in letters:
        likes = [like["c"] for like in confusables_data[letter] if len(like["c"]) == 1 and _LATIN.fullmatch(like["c"])]
        # The table has no capital I, only the small l that it looks like.
        found |= {ord(letter): "I" if letter.isupper() and likes[0] == "l" else likes[0]} if likes else {}
    return found


def _one_script(text: str) -> str:
    """The text with lookalikes replaced in words that mix scripts.

    Also in words of lookalikes alone, if the text has Latin letters and no word that can only be foreign.
    """
    if not _FOREIGN.search(text) or not _LATIN.search(text):
        return text
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    replaced = {word: word.translate(_lookalikes()) for word in words if _LATIN.search(word)}
    # A single letter in a Latin text is a symbol, unless other words are disguised.
    disguised = any(latin.isascii() for latin in replaced.values())
    whole = [word for word in words if word not in replaced and _FOREIGN.search(word) and (len(word) > 1 or disguised)]
    likely = {word: word.translate(_lookalikes()) for word in whole}
    if all(latin.isascii() for latin in likely.values()):
        replaced |= likely
    return _WORD.sub(lambda found: replaced.get(found.group(), found.group()), text)
