"""Formats texts for a page: variant names, typographic quotes, commands as code, no local paths."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

from ..core import Row, kept_together, row_text
from ..core import unbroken as say
from ..evaluate import scored_name, variant_name
from ..evaluate.results import CheckScore, Results, Share

NOT_CHECKED = "not checked"
LARGEST = 1e15  # no count here is larger
TEXT = 280  # characters of a text shown in a table row
_QUOTED = re.compile(r'"([^"]*)"')
_MINUS = re.compile(r"(?<![\w.)\]-])-(?=\d)")  # of a number, not of a range, date or option
# What no page may contain: control characters (except tabs and line breaks), lone surrogates, noncharacters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# An absolute path of at least two parts: POSIX, file URL, Windows drive or UNC. The lookbehind excludes web addresses
# and fractions.
_BEFORE = r"(?:^|(?<=[\s(\[{\"'“‘=,;]))"
_PART = r"[^\s/\\\"'“”‘’<>|,;]+"
_PATH = re.compile(rf"{_BEFORE}(?:(?:file://)?/{_PART}/(?:{_PART}/?)*|(?:[A-Za-z]:|\\)\\{_PART}(?:\\{_PART})*\\?)")


def named(name: str | None, results: Results | None = None) -> str:
    """`the tuned model`; any other name is quoted: `“rival”`. With `results`, it says that its outputs were repaired."""
    shown = variant_name(str(name)) if results is None else scored_name(results, str(name))
    return f"“{name}”" if shown.startswith('"') else shown  # a name may contain quotation marks


def variant_label(name: str) -> str:
    """A variant as a label beside a number; those that Tuneworth derives say how they come about.

    >>> variant_label("tuned + repair"), variant_label("template"), variant_label("tuned, else prompted + retry")
    ('tuned, repaired', 'template, no model', 'tuned, else prompted, retried')
    """
    first, fallback, second = name.partition(", else ")
    if fallback:
        return f"{variant_label(first)}, else {variant_label(second)}"
    first, plus, way = name.rpartition(" + ")
    if plus and way in _ADDED:
        return f"{variant_label(first)}, {_ADDED[way]}"
    return _LABELS.get(name, name)


_ADDED = {
    "repair": "repaired",
    "retry": "retried",
    "short guide": "short guide",
    "constrained": "constrained",
}
_LABELS = {
    "template": "template, no model",
    "majority": "most frequent label",
    "classifier": "plain classifier",
    "nearest": "nearest examples",
    "searched": "searched prompt",
}


def capital(text: str) -> str:
    """The text with its first letter capitalised."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text as a sentence: capitalised, with a full stop unless it already ends with punctuation."""
    return capital(text) if not text or text.endswith((".", "!", "?", "…")) else f"{capital(text)}."


def short(text: str, most: int = TEXT) -> str:
    """The text on one line, truncated to `most` characters."""
    flat = " ".join(text[: 20 * most].split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def typeset(text: object) -> str:
    """`"rival" is -3 points` as `“rival” is −3 points`."""
    return _MINUS.sub("−", _QUOTED.sub(r"“\1”", str(text)))


def quoted(text: str) -> str:
    """A clause of the verdict, typeset, with each number kept on the same line as its unit."""
    return typeset(kept_together(text))


def typeset_parts(text: str) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it was between backticks; code is not typeset.

    >>> typeset_parts('Set `baseline = "b"`.')
    [('Set ', False), ('baseline = "b"', True), ('.', False)]
    """
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # an unmatched backtick starts no code
        return [(typeset(text), False)]
    parts = ((piece if odd % 2 else typeset(piece), bool(odd % 2)) for odd, piece in enumerate(pieces))
    return [(piece, typed) for piece, typed in parts if piece]


def without_folders(text: str) -> str:
    r"""The text with each absolute path cut to its last part, so that a report reveals nothing about the machine.

    >>> without_folders("the adapter fits /home/ann/models/small only")
    'the adapter fits small only'
    >>> without_folders(r"C:\Users\ann\pairs.jsonl"), without_folders("https://example.org/a/b")
    ('pairs.jsonl', 'https://example.org/a/b')
    """
    return _PATH.sub(lambda match: re.split(r"[/\\]", match.group().rstrip("/\\"))[-1], text)


def printable(text: str) -> str:
    """The text with each character that no page may contain replaced."""
    return _UNPRINTABLE.sub("\ufffd", text)


def date_words(created: Any) -> str:
    """An ISO time as `25 November 2026`; anything else unchanged."""
    try:
        moment = datetime.fromisoformat(str(created))
    except ValueError:
        return str(created or "")
    return f"{moment.day} {moment:%B %Y}"


def share_text(found: Share | CheckScore | None, *, decimals: int = 0) -> str:
    """A share with its range: `38% (28 to 49%)`; `decimals` are those of `decimals_beside`."""
    share, low, high = (found.share, found.low, found.high) if found else (None, None, None)
    return row_text(Row("share", "", share, "share", low, high, decimals=decimals), say)


def share_words(found: Share, acceptable: Share) -> str:
    """A share of a variant or of the references with its range; `not checked` if no rule measures it."""
    return NOT_CHECKED if unchecked(found, acceptable) else share_text(found)


def unchecked(found: Share, acceptable: Share) -> bool:
    """Whether no rule measures this share, although the outputs were scored."""
    return found.share is None and acceptable.share is not None


def is_number(value: Any) -> TypeGuard[float]:
    """Whether this is a finite number that can be shown or drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def finite(value: Any) -> float | None:
    """The value if it is a finite number, else None."""
    return value if is_number(value) else None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}
