"""Finds the rows that people's decisions are about: by id, and by content where ids were renumbered."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .overrides import Override

__all__ = ["Applied", "Contents", "apply_decisions"]

# The hashes by which each row may be known, one list per form, rows in the order of the table.
Contents = Callable[[], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Applied:
    """What decisions are about.

    by_place: the last decision about each row, by its place in the table. repeated: ids of rows with earlier ones that
    say something else. gone: decisions about ids that no row has. changed: decisions about rows that hold another pair
    since, which no other row holds.
    """

    by_place: Mapping[int, Override]
    repeated: Sequence[str] = ()
    gone: Sequence[Override] = ()
    changed: Sequence[Override] = ()


def apply_decisions(ids: Sequence[str], overrides: Sequence[Override], contents: Contents) -> Applied:
    """The decision that applies to each row: the last one about it.

    A decision that holds a content is about the row with its id if the row has that content, else about the rows with
    that content; one without is about its id. `contents` is asked only if a decision holds one.
    """
    # By id and content, since an id may have been another row's when an earlier decision named it.
    last = {(override.id, override.content): number for number, override in enumerate(overrides)}
    places = {name: place for place, name in enumerate(ids)} if last else {}
    forms = contents() if any(content for _, content in last) else ()
    own = {
        number: places[name]
        for (name, content), number in last.items()
        if name in places and (not content or any(form[places[name]] == content for form in forms))
    }
    elsewhere = [number for number in last.values() if number not in own and overrides[number].content]
    taken = {place for number, place in own.items() if overrides[number].content}
    about = {number: [place] for number, place in own.items()} | _moved(elsewhere, overrides, forms, taken)
    by_place = {place: overrides[number] for number in sorted(about) for place in about[number]}
    idle = [overrides[number] for number in last.values() if not about.get(number)]
    earlier = [(override, about.get(last[override.id, override.content], ())) for override in overrides]
    return Applied(
        by_place,
        sorted({ids[at] for made, found in earlier for at in found if made.decision != by_place[at].decision}),
        [override for override in idle if override.id not in places],
        [override for override in idle if override.id in places],
    )


def _moved(
    numbers: Iterable[int], overrides: Sequence[Override], forms: Sequence[Sequence[str]], taken: Collection[int]
) -> dict[int, list[int]]:
    """The rows of decisions whose id no longer has their content: those that have it and are not `taken` by their own.

    Several decisions about one content get a row each, those that keep first; further rows follow the last of them.
    """
    made = defaultdict(list)
    for number in numbers:
        made[overrides[number].content].append(number)
    rows = defaultdict(set)
    for form in forms if made else ():
        for place, content in enumerate(form):
            if content in made and place not in taken:
                rows[content].add(place)
    about = {}
    for content, several in made.items():
        found = sorted(rows[content])
        for at, number in enumerate(sorted(several, key=lambda number: overrides[number].decision == "drop")):
            about[number] = found[at:] if at == len(several) - 1 else found[at : at + 1]
    return about
