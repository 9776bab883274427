"""Sentences of a verdict as a page sets them: typographic quotes, real minus signs, commands apart."""

import re

__all__ = ["typeset", "typeset_parts"]

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
