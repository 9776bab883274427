"""Texts as a page sets them: variants by name, typographic quotes, commands apart, no folders of the machine."""

import re

__all__ = ["named", "sentence", "typeset", "typeset_parts", "without_folders"]

KNOWN = {"tuned": "the tuned model", "prompted": "the prompted model", "plain": "the plain model without a guide"}


def named(name: str | None) -> str:
    """`the tuned model`; a name that says nothing of what it is stands in quotes: `“rival”`.

    The verdict's words (`evaluate/wording.py`) in the page's typography.
    """
    return KNOWN.get(str(name), f"“{name}”")


def sentence(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]


_QUOTED = re.compile(r'"([^"]*)"')
_MINUS = re.compile(r"(?<![\w.)\]-])-(?=\d)")  # of a number, never of a range, a date or an option


def typeset(text: object) -> str:
    """`"rival" is -3 points` as `“rival” is −3 points`."""
    return _MINUS.sub("−", _QUOTED.sub(r"“\1”", str(text)))


def typeset_parts(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it stood between backticks: what is to be typed stays as it is.

    >>> typeset_parts('Set `baseline = "b"`.')
    [('Set ', False), ('baseline = "b"', True), ('.', False)]
    """
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a lone backtick is none that opens a command
        return [(typeset(text), False)]
    parts = ((piece if odd % 2 else typeset(piece), bool(odd % 2)) for odd, piece in enumerate(pieces))
    return [(piece, typed) for piece, typed in parts if piece]


# An absolute path of at least two parts: POSIX, a file URL, a drive's or a server's. What stands before it keeps web
# addresses and fractions out.
_BEFORE = r"(?:^|(?<=[\s(\[{\"'“‘=,;]))"
_PART = r"[^\s/\\\"'“”‘’<>|,;]+"
_PATH = re.compile(rf"{_BEFORE}(?:(?:file://)?/{_PART}/(?:{_PART}/?)*|(?:[A-Za-z]:|\\)\\{_PART}(?:\\{_PART})*\\?)")


def without_folders(text: str) -> str:
    r"""The text with each absolute path cut to its last part.

    >>> without_folders("the adapter fits /home/ann/models/small only")
    'the adapter fits small only'
    >>> without_folders(r"C:\Users\ann\pairs.jsonl"), without_folders("https://example.org/a/b")
    ('pairs.jsonl', 'https://example.org/a/b')
    """
    return _PATH.sub(lambda match: re.split(r"[/\\]", match.group().rstrip("/\\"))[-1], text)
