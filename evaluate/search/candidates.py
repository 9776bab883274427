"""The prompts that a search tries: forms of the guide combined with sets of examples."""

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ...style import StyleSchema, check_sentence, fenced, write_guide, write_short_guide
from ..rivals.nearest import NearestExamples
from ..variants import FEW_SHOT, Variant, choose_examples

# --- forms of the guide ------------------------------------------------------------------------------------------

MOST_MISTAKES = 3
# In the order in which they are tried; "corrected" needs mistakes, which take calls to find.
FORMS = ("as it is", "short", "corrected", "checklist")


@dataclass(frozen=True)
class Mistake:
    """A wrong answer to a train request, the rules that it breaks, and the answer that a person wrote."""

    request: str
    wrong: str
    rules: tuple[str, ...]
    right: str


def guide_forms(guide: str | None, style: StyleSchema, mistakes: Sequence[Mistake] = ()) -> dict[str, str | None]:
    """The texts by form. Without a guide, the one that the style writes is the base of the others."""
    whole = guide or write_guide(style)
    rules = [check_sentence(check) for check in style.checks if check.level == "must"]
    forms: dict[str, str | None] = {"as it is": guide, "short": write_short_guide(style)}
    if mistakes:
        forms["corrected"] = "\n\n".join([whole.strip(), "## Mistakes to avoid", *map(_mistake, mistakes)]) + "\n"
    forms["checklist"] = _checklist(style, rules)
    return {name: text for name, text in forms.items() if text or name == "as it is"}


def _checklist(style: StyleSchema, rules: Sequence[str]) -> str:
    numbered = [f"{n}. {rule}" for n, rule in enumerate(dict.fromkeys(rules), 1)]
    close = "Before you answer, go through the list. Answer with the text alone."
    return "\n\n".join(
        part for part in (style.about, "The answer must pass each of these:", "\n".join(numbered), close) if part
    )


def _mistake(mistake: Mistake) -> str:
    broken = "\n".join(f"- {rule}" for rule in mistake.rules)
    return (
        f"For this request:\n\n{fenced(mistake.request)}\n\nthis answer is wrong:\n\n{fenced(mistake.wrong)}\n\n"
        f"It breaks these rules:\n\n{broken}\n\nThe right answer is:\n\n{fenced(mistake.right)}"
    )


def broken_rules(style: StyleSchema, violations: Sequence[Mapping[str, str | None]]) -> list[str]:
    """Each broken must rule in the schema's own sentence, with what was found first; for an output that fails as a whole,
    what was expected."""
    checks = {check.id: check for check in style.checks}
    found: dict[str, str] = {}
    for violation in violations:
        rule = violation["check"] or ""
        if rule in found or (rule in checks and checks[rule].level != "must"):
            continue
        text = f' (found "{violation["found"]}")' if violation["found"] else ""
        found[rule] = (
            f"{check_sentence(checks[rule])}{text}" if rule in checks else f"Give {violation['expected']} ({rule})."
        )
    return list(found.values())


def find_mistakes(train: pl.DataFrame, scored: pl.DataFrame, style: StyleSchema) -> tuple[Mistake, ...]:
    """The outputs for train pairs that break the most rules not shown yet, at most three; missing another right answer
    counts as breaking another rule.

    `scored` are the scores of one output for each pair: `output`, `acceptable`, `violations`.
    """
    left = list(_wrong(train, scored, style))
    chosen: list[Mistake] = []
    shown: set[str] = set()
    while left and len(chosen) < MOST_MISTAKES:
        best = max(left, key=lambda one: len(one[0] - shown))
        if not best[0] - shown:
            break
        left.remove(best)
        shown |= best[0]
        chosen.append(best[1])
    return tuple(chosen)


def _wrong(train: pl.DataFrame, scored: pl.DataFrame, style: StyleSchema) -> Iterator[tuple[set[str], Mistake]]:
    must = {check.id: check.about for check in style.checks if check.level == "must"}
    rows = zip(
        train.select("input", "output").iter_rows(),
        scored.select("output", "acceptable", "violations").iter_rows(),
        strict=True,
    )
    for (request, right), (wrong, acceptable, violations) in rows:
        broken = {violation["check"] for violation in violations or ()} & must.keys()
        broken = {f"{rule}: {right}" if must[rule] == "correctness" else rule for rule in broken}
        if acceptable is False and wrong and broken:
            yield broken, Mistake(request, wrong, tuple(broken_rules(style, violations)), right)


# --- the field ---------------------------------------------------------------------------------------------------


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
