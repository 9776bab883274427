"""Output to a terminal or file whose encoding lacks some characters."""

import codecs
import os
import sys
import unicodedata
from io import TextIOWrapper
from typing import TextIO

__all__ = ["fill_closed_streams", "holds_everything", "print_anywhere", "write_documents"]

# Substitutes for characters that an encoding lacks. Other letters lose their accents; anything else is escaped.
SUBSTITUTES = {
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "‐": "-", "‑": "-", "–": "-", "—": "-", "―": "-", "−": "-", "‘": "'",
    "’": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "‹": "<", "›": ">", "«": '"', "»": '"',
    "…": "...", "•": "*", "·": "*", "‣": "*", "▪": "*", "■": "#", "●": "*", "○": "o", "►": ">", "➤": ">", "◆": "*",
    "★": "*", "☆": "*", "→": "->", "←": "<-", "↵": "\\n", "⏎": "\\n", "␣": "_", "≤": "<=", "≥": ">=", "≠": "!=",
    "≈": "~", "±": "+-", "×": "x", "÷": "/", "✓": "yes", "✔": "yes", "✗": "no", "€": "EUR", "£": "GBP", "¥": "JPY",
    "₹": "INR", "¢": "ct", "©": "(c)", "®": "(R)", "™": "(TM)", "°": " deg", "§": "section ", "µ": "u", "μ": "u",
    "′": "'", "″": '"', "─": "-", "│": "|", "└": "`", "├": "|", "▁": "_", "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o",
    "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "đ": "d", "ı": "i",
}  # fmt: skip
_HANDLER = "tuneworth.substitute"


def fill_closed_streams() -> None:
    """Open the null device for each standard stream that the caller closed (`2>&-`).

    Otherwise the next file to be opened gets the number of that stream, and a library that prints to it writes into the
    file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Until the process ends, under the lowest number that is free: that of the stream.
            null = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123
            os.set_inheritable(null.fileno(), True)  # the processes that a command starts need it as well
            setattr(sys, name, null)


def print_anywhere() -> None:
    """Make standard output and error print a readable substitute for each character that they cannot encode."""
    codecs.register_error(_HANDLER, _substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and not holds_everything(stream):
            stream.reconfigure(errors=_HANDLER)


def holds_everything(stream: TextIO) -> bool:
    """Whether the stream can encode every character."""
    return (stream.encoding or "utf-8").lower().replace("_", "-").startswith(("utf-8", "utf8", "utf-16", "utf-32"))


def write_documents() -> None:
    """Use UTF-8 for standard output unless it is a terminal, since a redirected style or table is read back as UTF-8."""
    if isinstance(sys.stdout, TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")


def _substitute(error: UnicodeError) -> tuple[str, int]:
    """The substitutes for the characters that an encoding lacks, and the position to continue at."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_readable, error.object[error.start : error.end])), error.end


def _readable(character: str) -> str:
    if character in SUBSTITUTES:
        return SUBSTITUTES[character]
    plain = "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))
    plain = "".join(SUBSTITUTES.get(one, one) for one in plain).replace("\u2044", "/")
    return plain if plain.isascii() and plain else character.encode("ascii", "backslashreplace").decode()
