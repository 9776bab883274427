"""The parts of a text (facts between commas, or sentences), and the edits that take some of them out."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from .schema import Edit

Span = tuple[int, int]

_BETWEEN_FACTS = re.compile(r"[,;][ \t\u00a0]+|\n\s*")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?…])[\"'”’)]*[ \t\u00a0]+(?=[^\W\d_a-z]|[\"“„«(\d])|(?<=[。！？])|\n\s*")
_BRACKETS = re.compile(r"[()\[\]]")
_ENDS = " \t\r\n.!?…。！？"


def facts_of(text: str) -> Sequence[Span]:
    """The spans between the commas, semicolons and line ends of a text; a comma within brackets separates nothing."""
    return _split(text, _BETWEEN_FACTS)


def parts_of(text: str) -> Sequence[Span]:
    """The sentences of a text if it has several, else the facts between its commas."""
    sentences = _split(text, _BETWEEN_SENTENCES)
    closed = sum(text[end - 1 : end] in ".!?…。！？\"'”’)" for _, end in sentences)
    return sentences if len(sentences) > 1 and 2 * closed >= len(sentences) else facts_of(text)


@lru_cache(maxsize=64)  # a repair asks for the parts of one text several times
def _split(text: str, between: re.Pattern[str]) -> Sequence[Span]:
    """The spans between the separators, without blank margins; empty ones are left out."""
    depths = _depths(text)
    spans: list[Span] = []
    begin, place, depth = 0, 0, 0
    for match in between.finditer(text):
        start, end = match.span()
        while place < len(depths) and depths[place][0] < start:
            depth, place = depths[place][1], place + 1
        if depth <= 0 or "\n" in match.group():
            spans.append((begin, start))
            begin = end
    spans.append((begin, len(text)))
    return tuple([span for start, end in spans if start < end and (span := stripped(text, start, end))[0] < span[1]])


def _depths(text: str) -> list[Span]:
    """Each bracket's position and the depth after it; none where brackets do not match."""
    found, depth = [], 0
    if not any(mark in text for mark in "()[]"):
        return []
    for match in _BRACKETS.finditer(text):
        depth += 1 if match.group() in "([" else -1
        if depth < 0:
            return []
        found.append((match.start(), depth))
    return found if depth == 0 else []


def without_parts(text: str, parts: Sequence[Span], gone: Collection[int]) -> Iterator[Edit]:
    """The edits that take out the numbered parts with their separators; none if nothing would be left.

    A mark that closes the text stays if its last fact goes.
    """
    kept = [number for number in range(len(parts)) if number not in gone]
    if not kept:
        return
    closing = parts[-1][1]
    last_sentence = parts[-1][0]
    while closing > last_sentence and text[closing - 1] in _ENDS:
        closing -= 1
    number = 0
    while number < len(parts):
        if number in gone:
            after = number
            while after < len(parts) and after in gone:
                after += 1
            if after < len(parts):
                yield Edit(parts[number][0], parts[after][0], "")
            else:
                before = parts[number - 1][1]
                ended = text[before - 1 : before] in _ENDS
                yield Edit(before, parts[-1][1] if ended else closing, "")
            number = after
        number += 1


def without_spans(text: str, spans: Sequence[Span]) -> Iterator[Edit]:
    """The edits that take out some words: the whole fact or sentence where it holds nothing else, else the words."""
    parts, gone, words = facts_of(text), set[int](), []
    starts = {span: number for number, span in enumerate(parts)}
    for span in spans:
        if span in starts:
            gone.add(starts[span])
        else:
            words.append(span)
    yield from without_parts(text, parts, gone)
    for start, end in words:
        before, after = text[start - 1 : start], text[end : end + 1]
        if after == " " and (not before or before.isspace()):
            end += 1
        elif before == " " and (not after or after in " ,.;:!?)\n"):
            start -= 1
        yield Edit(start, end, "")


def lines_of(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and text of each line outside code blocks, without its end."""
    at, fenced = 0, False
    for line in text.split("\n"):
        plain = line.removesuffix("\r")
        if plain.lstrip(" ").startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced:
            yield at, at + len(plain), plain
        at += len(line) + 1


def stripped(text: str, start: int, end: int) -> Span:
    """The span without blank margins."""
    if start < end and not (text[start].isspace() or text[end - 1].isspace()):
        return start, end
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
