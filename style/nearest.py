"""The fact of a request that an ungrounded one is nearest to: what was meant, perhaps."""

from collections.abc import Sequence

from .numbers import Fact

__all__ = ["nearest"]

_COMPARED = 200  # facts of a request; a long one is not searched whole for a hint
_LONGEST = 60  # characters of a code; a longer one is no code that anybody mistypes
_FAR = 10.0  # a number ten times as large is another number, no slip of this one


def nearest(fact: Fact, known: Sequence[Fact]) -> str | None:
    """As it stands in the request: the nearest number of the same unit, or the code most like it; None where none is near."""
    same = [other for other in known[:_COMPARED] if other.kind == fact.kind]
    if fact.kind == "codes":
        return (
            _most_alike(fact, [other for other in same if len(other.text) <= _LONGEST])
            if len(fact.text) <= _LONGEST
            else None
        )
    best: tuple[float, str] | None = None
    for other in same:
        for dimension, sizes in fact.sizes.items():
            apart = min((_apart(one, size) for one in sizes for size in other.sizes.get(dimension, ())), default=_FAR)
            if apart < _FAR and (best is None or apart < best[0]):
                best = (apart, other.text)
    return best[1] if best else None


def _apart(one: object, other: object) -> float:
    """How many times the larger is the smaller."""
    if not (isinstance(one, tuple) and isinstance(other, tuple)) or one[0] <= 0 or other[0] <= 0:
        return float("inf")
    above, below = one[0] * other[1], one[1] * other[0]
    above, below = max(above, below), min(above, below)
    return above / below if above < _FAR * below else float("inf")


def _most_alike(fact: Fact, known: Sequence[Fact]) -> str | None:
    from rapidfuzz import fuzz, process  # only where a code is wrong

    best = process.extractOne(
        fact.text.casefold(), [other.text.casefold() for other in known], scorer=fuzz.ratio, score_cutoff=60
    )
    return known[best[2]].text if best else None
