"""Forms of a guide: the same rules as one paragraph, as a checklist, or with mistakes and their correction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ...style import StyleSchema, check_sentence, fenced, write_guide, write_short_guide

__all__ = ["FORMS", "Mistake", "broken_rules", "find_mistakes", "guide_forms"]

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
    """The outputs for train pairs that break the most rules not shown yet, at most three.

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
    must = {check.id for check in style.checks if check.level == "must"}
    rows = zip(
        train.select("input", "output").iter_rows(),
        scored.select("output", "acceptable", "violations").iter_rows(),
        strict=True,
    )
    for (request, right), (wrong, acceptable, violations) in rows:
        broken = {violation["check"] for violation in violations or ()} & must
        if acceptable is False and wrong and broken:
            yield broken, Mistake(request, wrong, tuple(broken_rules(style, violations)), right)
