"""The field of a prompt search: forms of the guide combined with sets of examples."""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ...style import StyleSchema
from ..variants import FEW_SHOT, Variant, choose_examples
from .search_forms import FORMS, Mistake, guide_forms

__all__ = ["Candidate", "plan_field", "search_order"]


@dataclass(frozen=True)
class Candidate:
    """A prompt to try: a form of the guide, and a set of examples in words."""

    guide: str
    examples: str
    variant: Variant

    @property
    def name(self) -> str:
        """How a table names it."""
        return f"guide {self.guide}, {self.examples}"

    @property
    def prompt_bytes(self) -> int:
        """The size of its fixed prompt in UTF-8."""
        texts = [self.variant.guide or "", *(text for pair in self.variant.examples for text in pair)]
        return sum(len(text.encode(errors="replace")) for text in texts)


def plan_field(
    base: Variant, *, train: pl.DataFrame, style: StyleSchema, count: int, seed: int, mistakes: Sequence[Mistake] | None
) -> list[Candidate]:
    """At most `count` different prompts, the base variant's own first.

    Forms of the guide and sets of examples are combined diagonally, so that few candidates already vary both. `mistakes`
    are for the form with corrections; None holds its place while they are not known yet.
    """
    forms = guide_forms(base.guide, style, mistakes or ())
    names = [name for name in FORMS if name in forms or (name == "corrected" and mistakes is None)]
    sets = _example_sets(base, train, seed)
    order = sorted((g + e, g, e) for g in range(len(names)) for e in range(len(sets)))
    found: dict[Hashable, Candidate] = {}
    for _, g, e in order:
        label, shown = sets[e]
        guide = forms.get(names[g], base.guide)
        variant = replace(shown, guide=guide)
        held = "corrected" if names[g] not in forms else None
        found.setdefault((held, guide, variant.examples), Candidate(names[g], label, variant))
        if len(found) == count:
            break
    return list(found.values())


def _example_sets(base: Variant, train: pl.DataFrame, seed: int) -> list[tuple[str, Variant]]:
    """Sets of examples in words, each as the base variant with it."""
    few = len(base.examples) or FEW_SHOT
    chosen = [
        (few, seed + 1),
        (2 * few, seed),
        (0, seed),
        (1, seed),
        (few, seed + 2),
        (2 * few, seed + 1),
        (few, seed + 3),
    ]
    sets = [(_said(len(base.examples), "own"), base)]
    for count, draw in chosen:
        examples = choose_examples(train, count, seed=draw)
        if count and len(examples) < count:
            continue
        sets.append((_said(count, f"choice {draw - seed + 1}"), replace(base, examples=examples)))
    return sets


def _said(count: int, which: str) -> str:
    return "no examples" if not count else f"{count} example{'s' if count > 1 else ''} ({which})"


def search_order(pairs: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """The pairs in random order, one of each group before the second of any; the order of the rows has no effect."""

    def key(*parts: str | None) -> str:
        return hashlib.sha256(
            "\0".join([str(seed), "search", *map(str, parts)]).encode(errors="surrogatepass")
        ).hexdigest()

    rows = pairs.select("id", "group").rows()
    ordered = sorted(range(len(rows)), key=lambda row: key("pair", rows[row][0]))
    ranks: dict[str, int] = {}
    places = {}
    for row in ordered:
        id, group = rows[row]
        name = f"group {group}" if group is not None else f"alone {id}"
        places[row] = (ranks.get(name, 0), key(name))
        ranks[name] = ranks.get(name, 0) + 1
    return pairs[sorted(ordered, key=places.__getitem__)]
