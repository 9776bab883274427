"""The field of a prompt search: forms of the guide combined with sets of examples."""

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ...style import StyleSchema
from ..variants import FEW_SHOT, Variant, choose_examples
from .nearest import NearestExamples
from .search_forms import FORMS, Mistake, guide_forms

__all__ = ["Candidate", "plan_field", "search_order"]


@dataclass(frozen=True)
class Candidate:
    """A prompt to try: a form of the guide, and a set of examples in words."""

    guide: str
    examples: str
    variant: Variant
    nearest_bytes: int = 0  # the usual size of the examples that are chosen for each request

    @property
    def name(self) -> str:
        """How a table names it."""
        return f"guide {self.guide}, {self.examples}"

    @property
    def prompt_bytes(self) -> int:
        """The size of its prompt without the request, in UTF-8."""
        texts = [self.variant.guide or "", *(text for pair in self.variant.examples for text in pair)]
        return sum(len(text.encode(errors="replace")) for text in texts) + self.nearest_bytes


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
    usual = train.select(pl.sum_horizontal(pl.col("input", "output").str.len_bytes()).mean()).item() or 0
    order = sorted((g + e, g, e) for g in range(len(names)) for e in range(len(sets)))
    found: dict[Hashable, Candidate] = {}
    for _, g, e in order:
        label, shown = sets[e]
        guide, near = forms.get(names[g], base.guide), 0 if shown.nearest is None else shown.nearest.count
        held = "corrected" if names[g] not in forms else None
        candidate = Candidate(names[g], label, replace(shown, guide=guide), round(near * usual))
        found.setdefault((held, guide, shown.examples, near), candidate)
        if len(found) == count:
            break
    return list(found.values())


def _example_sets(base: Variant, train: pl.DataFrame, seed: int) -> list[tuple[str, Variant]]:
    """Sets of examples in words, each as the base variant with it: its own, those nearest to each request, other choices."""
    few = base.few_shot or FEW_SHOT
    chosen = [
        (2 * few, seed),
        (few, seed + 1),
        (0, seed),
        (1, seed),
        (few, seed + 2),
        (2 * few, seed + 1),
        (few, seed + 3),
    ]
    own = "nearest" if base.nearest is not None else "own"
    sets = [(_said(base.few_shot, own), base)]
    if len(train) >= few:
        sets.append((_said(few, "nearest"), replace(base, examples=(), nearest=NearestExamples(train, few))))
    for count, draw in chosen:
        examples = choose_examples(train, count, seed=draw)
        if len(examples) == count:
            variant = replace(base, examples=examples, nearest=None)
            sets.append((_said(count, ("typical", "other", "still other", "more other")[draw - seed]), variant))
    return sets


def _said(count: int, which: str) -> str:
    return "no examples" if not count else f"{count} {which} example{'s' if count > 1 else ''}"


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
