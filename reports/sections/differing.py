"""Two texts side by side with the words marked that the other does not have."""

import difflib
from collections.abc import Sequence

from markupsafe import Markup

__all__ = ["differing"]

MOST_WORDS = 200  # compared of each text; the time grows with their product
LONG = 12  # equal words in a row from here on are shortened to their ends
ENDS = 4
WORD = 80  # characters shown of a word


def differing(left: str, right: str) -> tuple[Markup, Markup]:
    """Both texts on one line each, words that only one of them has marked, long equal stretches shortened.

    >>> differing("10 V, SOT-23", "12 V, SOT-23")[0]
    Markup('<mark>10</mark> V, SOT-23')
    """
    first, second = _words(left), _words(right)
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    sides: tuple[list[Markup], list[Markup]] = ([], [])
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            for side in sides:
                side.append(Markup("{}").format(_shortened(first[a:b])))
            continue
        for side, words in zip(sides, (first[a:b], second[c:d]), strict=True):
            if words:
                side.append(Markup("<mark>{}</mark>").format(" ".join(_shown(words))))
    return Markup(" ").join(sides[0]), Markup(" ").join(sides[1])


def _words(text: str) -> list[str]:
    # A text of a million characters is not split for the sake of two hundred words.
    words = text[: 40 * MOST_WORDS].split()
    return words[:MOST_WORDS] + (["…"] if len(words) > MOST_WORDS or len(text) > 40 * MOST_WORDS else [])


def _shortened(words: Sequence[str]) -> str:
    if len(words) < LONG:
        return " ".join(_shown(words))
    return " ".join([*_shown(words[:ENDS]), "…", *_shown(words[-ENDS:])])


def _shown(words: Sequence[str]) -> list[str]:
    return [word if len(word) <= WORD else word[: WORD - 1] + "…" for word in words]
