"""Decodes the bytes of a file into text, block by block, and cuts text into lines."""

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from ....core import DataError, Limits
from .batch import EXCERPT
from .opened import opened

_BLOCK = 1 << 22  # bytes per block: some 20,000 short records, small compared with the memory they need once parsed
HEAD = 1 << 18  # bytes from which encoding and dialect are found
_NEAR = 1 << 14  # bytes per read when looking for the end of a line
# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Common encodings of text files; without the list a guess may be a code page unused for decades.
_LIKELY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "mac_roman"]
_LIKELY += ["cp932", "euc_jp", "gb18030", "big5", "cp949"]


def read_head(path: Path) -> bytes:
    """The first 256 KiB of the decompressed file."""
    with opened(path) as file:
        return file.read(HEAD)


def find_encoding(path: Path, head: bytes, *, stated: str) -> tuple[str, str | None]:
    """The encoding to read with, and a notice about it: a byte order mark overrides the stated encoding.

    Raises:
        DataError: the bytes look like UTF-16 without a mark, so the encoding must be stated.
    """
    plain = codecs.lookup(stated).name
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            same = encoding == "utf-8" == plain or plain.startswith(encoding)
            return (stated if same else encoding), None if same else f"encoding {encoding} (by its byte order mark)"
    if plain == "utf-8" and (guess := _utf16_without_mark(head)):
        raise DataError(
            f"{path}: every other byte is 0, so it is probably {guess}\n"
            f'Set the encoding of the file: encoding = "{guess}" (a guess) in [data], or --encoding {guess}.'
        )
    return stated, None


def _utf16_without_mark(head: bytes) -> str | None:
    """UTF-16 of mostly Latin text has a 0 in every second byte; no other text does."""
    even, odd = head[0:4096:2], head[1:4096:2]
    if len(odd) < 8:
        return None
    if odd.count(0) > 0.6 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    return "utf-16-be" if even.count(0) > 0.6 * len(even) and odd.count(0) < 0.1 * len(odd) else None


def line_end(path: Path, place: int) -> int:
    """The end of the line that contains byte `place` of the file: the position after its line feed, or the end."""
    with opened(path) as file:
        file.seek(place)
        while block := file.read(_NEAR):
            if (found := block.find(b"\n")) >= 0:
                return place + found + 1
            place += len(block)
    return place


def count_line_feeds(path: Path, span: tuple[int, int]) -> int:
    """The number of line feeds in the bytes of a file from the first position up to the second."""
    with opened(path) as file:
        return sum(block.count(b"\n") for block in _blocks(file, span))


def _blocks(file: IO[bytes], span: tuple[int, int] | None) -> Iterator[bytes]:
    """The bytes of a file, or of a span of it, some megabytes at a time."""
    if span is None:
        while block := file.read(_BLOCK):
            yield block
        return
    place, stop = span
    file.seek(place)
    while block := file.read(min(_BLOCK, stop - place)):
        yield block
        place += len(block)


def text_blocks(
    path: Path, encoding: str, limits: Limits, *, span: tuple[int, int] | None = None, line: int = 1
) -> Iterator[str]:
    """The text of a file in blocks of some megabytes, without its byte order mark.

    `span` holds the positions of the first byte and after the last one if only a part of the file is read; `line` is
    the number of its first line.

    Raises:
        DataError: the file cannot be read, is incomplete, unpacks to more than a limit, or a byte of it is not valid in
            `encoding`.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    first = span is None or span[0] == 0
    with opened(path, limits) as file:
        for block in chain(_blocks(file, span), (b"",)):
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                raise _undecodable(path, encoding, line, error) from None
            if text and first:
                text, first = text.removeprefix("\ufeff"), False
            line += text.count("\n")
            if text:
                yield text


def _undecodable(path: Path, encoding: str, line: int, error: UnicodeError) -> DataError:
    if not isinstance(error, UnicodeDecodeError):
        return DataError(f"{path}: is not {encoding} text: {error}")
    data, place = error.object, error.start
    newline = "\n".encode(encoding)[-2:] if encoding.lower().startswith("utf-16") else b"\n"
    line += data.count(newline, 0, place)
    found = f"0x{data[place]:02x}" if place < len(data) else "the end"
    return DataError(f"{path}, line {line}: {found} is not valid {encoding}\n{_advice(data, place)}")


def _advice(data: bytes, place: int) -> str:
    sample = data[max(0, place - HEAD) : place + HEAD]
    as_utf8 = sample.decode("utf-8", "replace")
    bad = as_utf8.count("\ufffd")
    good = sum(c > "\x7f" for c in as_utf8) - bad
    if good > bad:
        return "Its other special characters are UTF-8: fix this line, or remove it."
    guess = _guess(sample)
    return f'Set the encoding of the file: encoding = "{guess}" (a guess) in [data], or --encoding {guess}.'


def _guess(sample: bytes) -> str:
    """The likeliest encoding by charset-normalizer; cp1252 if there is no guess, or none that fits better.

    Among the western code pages, which share most letters, its first choice is often a rarer one; and most Japanese
    bytes can also be decoded as Korean, but without that much kana.
    """
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=_LIKELY, threshold=0.5))
    if not matches:
        return "cp1252"
    best = matches[0]
    for match in matches:
        if match.encoding in ("cp932", "euc_jp") and _kana_share(str(match)) > 0.2:
            return match.encoding
        if "cp1252" in match.could_be_from_charset and match.coherence >= best.coherence:
            return "cp1252"
    return "cp1252" if _reads_better(sample, best.encoding) else best.encoding


def _reads_better(sample: bytes, guess: str) -> bool:
    """Whether cp1252 has signs where the guess has letters outside words: in English text £ and € may be all there is.

    As cp1250, £20 would be Ł20; as mac_roman, café would be cafÈ.
    """
    try:
        western, guessed = sample.decode("cp1252"), sample.decode(guess)
    except UnicodeDecodeError:
        return False
    if len(western) != len(guessed):  # several bytes to a character
        return False
    votes = 0
    for place, (ours, theirs) in enumerate(zip(western, guessed, strict=True)):
        if ours == theirs:
            continue
        before, after = guessed[place - 1 : place], guessed[place + 1 : place + 2]
        if before.islower() and theirs.isupper():
            votes += 1
        elif theirs.isalpha() and not ours.isalpha():
            votes += -1 if before.isalpha() or after.isalpha() else 1
    return votes > 0


def _kana_share(text: str) -> float:
    letters = [c for c in text if c > "\x7f"]
    return sum("\u3040" <= c <= "\u30ff" for c in letters) / max(1, len(letters))


class LongLine(NamedTuple):
    """A line that is longer than the limit: its number of characters, and the first of them."""

    length: int
    beginning: str


class BlankLines(NamedTuple):
    """A block of text that is blank: its number of lines and of characters."""

    lines: int
    length: int


class _Unfinished:
    """The beginning of a line that continues in the next block."""

    def __init__(self, most: int, passed: Callable[[int], object]) -> None:
        self._most, self._pieces, self._length = most, [], 0
        self._passed = passed

    def __bool__(self) -> bool:
        return self._length > 0

    def continues(self, block: str, ends: str) -> bool:
        """Whether the line is too long already and does not end in the block, which is then passed over."""
        over = self._length > self._most and not any(end in block for end in ends)
        if over:
            self._length += len(block)
            self._passed(len(block))
        return over

    def add(self, text: str) -> None:
        """Add what follows; once the line is too long, only its first characters are kept."""
        self._length += len(text)
        self._pieces.append(text)
        if self._length > self._most:
            self._pieces = ["".join(piece[: EXCERPT + 1] for piece in self._pieces)[: EXCERPT + 1]]

    def take(self) -> str | LongLine:
        """The line, which is finished now; the next one begins empty."""
        text, length = "".join(self._pieces), self._length
        self._pieces, self._length = [], 0
        return LongLine(length, text) if length > self._most else text


def feed_lines(
    blocks: Iterable[str], most: int, passed: Callable[[int], object]
) -> Iterator[list[str | LongLine] | BlankLines]:
    """The lines of each block, without their ends; only a line feed ends a line, as U+2028 may occur in a text.

    Lines of more than `most` characters are `LongLine`; `passed` gets the length of each block within one.
    """
    rest = _Unfinished(most, passed)
    for block in blocks:
        if rest.continues(block, "\n"):
            continue
        if not rest and block.isspace():
            yield BlankLines(block.count("\n"), len(block))
            continue
        *lines, last = block.split("\n")
        if lines:
            rest.add(lines[0])
            yield [rest.take(), *_limited(lines[1:], most, len(block))]
        rest.add(last)
    yield [rest.take()]


def any_lines(blocks: Iterable[str], most: int, passed: Callable[[int], object]) -> Iterator[str | LongLine]:
    """Lines with their ends (\\n, \\r\\n or \\r); only these three end a line of a CSV file.

    A line of more than `most` characters is a `LongLine`; `passed` gets the length of each block within one. Many blank
    lines in a row are one text.
    """
    rest = _Unfinished(most, passed)
    held = ""  # a \r at the end of a block may be the first half of \r\n
    for block in blocks:
        if not held and rest.continues(block, "\r\n"):
            continue
        text = held + block
        held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r")
        if not rest and text.isspace() and not text.strip("\r\n"):
            yield text
            continue
        lines = _split(text)
        last = "" if not lines or lines[-1].endswith(("\n", "\r")) else lines.pop()
        if lines:
            rest.add(lines[0])
            yield rest.take()
            yield from _limited(lines[1:], most, len(text))
        rest.add(last)
    rest.add(held)
    if rest:
        yield rest.take()


# A run begins where a line ends, so that each character is looked at once.
_BLANK_LINES = re.compile(r"(?<![\r\n])[\r\n]{64,}+")


def _split(text: str) -> list[str]:
    """The lines of a block; many blank ones in a row are one text."""
    lines, at = list[str](), 0
    for run in _BLANK_LINES.finditer(text):
        blank = run.start() + (2 if run[0].startswith("\r\n") else 1)  # after the end of the line before
        lines += [*io.StringIO(text[at:blank], newline=""), text[blank : run.end()]]
        at = run.end()
    return [*lines, *io.StringIO(text[at:], newline="")]


def _limited(lines: list[str], most: int, length: int) -> list[str | LongLine]:
    """The lines of a block of this length, each held to the limit."""
    if length <= most:
        return lines  # type: ignore[return-value] - of texts alone
    return [
        line if len(line) <= most or line[0] in "\r\n" else LongLine(len(line), line[: EXCERPT + 1]) for line in lines
    ]
