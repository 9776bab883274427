"""What the style's rules accept and break: of the outputs as written, of other requests' outputs, of the inputs alone."""

from collections.abc import Mapping
from typing import NamedTuple

from ....core import decimals_beside
from ....core import unbroken as say
from ....curate import Curation, ReferenceCheck
from ....style import Passing, RuleInUse, StyleInUse
from ...words import capital, short

MOST_CHECKS = 40  # rows of the rule table; a style may have thousands of rules
SENTENCE = 400  # characters
RULES = {
    "exact_duplicate": "Repeats the input and output of another row",
    "near_duplicate": "Nearly repeats the input and output of another row, with the same facts",
    "conflict": "Has the same input as another row but a different output",
    "unreadable": "Cannot be read as a pair",
    "empty_input": "Has an empty input",
    "empty_output": "Has an empty output",
    "tool_call": "Calls tools",
    "leaked": "Would be on both sides of the split",
    "stated_split": "Stated for train, but repeats a row stated for validation or test",
    "override": "Dropped by a manual decision",
    "quality:refusal": "Refuses the task",
    "quality:remains": "Contains remains of an assistant's answer or of a prompt",
    "quality:mojibake": "Contains damaged characters",
    "quality:placeholder": "Contains an unfilled placeholder",
    "quality:echo": "Repeats a line of the request",
    "quality:phrase": "Contains a typical assistant phrase",
    "quality:fence": "Contains a code fence",
    "quality:truncated": "Seems to be truncated",
    "quality:length": "Is much longer or shorter than the others",
    "quality:mispaired": "Has an output that fits the request of another row better",
    "quality:canned": "Is the same output for many inputs",
}


class Accepted(NamedTuple):
    """The shares that a rule accepts, as text, and the difference between own outputs and those of other requests."""

    rule: str
    own: str
    shuffled: str
    fields_only: str
    difference: str


def accepts_sentence(style: StyleInUse | None) -> str:
    """How well the rules of a curation or a run tell right answers from wrong ones; empty if that was not measured."""
    return style.discrimination.sentence if style and style.discrimination else ""


def accepted_rows(style: StyleInUse | None) -> list[Accepted]:
    """All must rules together, then each of them, those that tell most first; empty if that was not measured."""
    found = style.discrimination if style else None
    if found is None:
        return []
    rules = sorted(found.by_check.items(), key=lambda item: (-item[1].difference, item[0]))
    return [_accepted("all must rules", found), *(_accepted(name, shares) for name, shares in rules)]


def _accepted(rule: str, shares: Passing) -> Accepted:
    shuffled, own, _ = say.change(shares.shuffled, shares.own)
    difference = say.points(shares.difference, decimals_beside(shares.shuffled, shares.own))
    return Accepted(rule, own, shuffled, say.percent(shares.fields_only), difference)


class Caught(NamedTuple):
    """Near misses of one kind, as text: how many, and the shares that break a must rule, and any rule."""

    kind: str
    n: str
    caught: str
    with_should: str


def caught_rows(style: StyleInUse | None) -> list[Caught]:
    """The kinds of near misses, those that the rules catch least first; empty if none were made."""
    found = style.near_misses if style else None
    if found is None:
        return []
    kinds = sorted(found.by_kind.items(), key=lambda item: (item[1].caught, item[0]))
    return [
        Caught(kind, say.count(one.n), say.percent(one.caught), say.percent(one.with_should)) for kind, one in kinds
    ]


def rules_of(data: Curation) -> Mapping[str, RuleInUse]:
    """The checks of the style that the rows were checked against, by id."""
    return data.style.checks if data.style else {}


def rule_words(rule: str | None, rules: Mapping[str, RuleInUse] = {}, *, brief: bool = False) -> str:
    """A rule of the ledger in words; `rules` are the checks of the style by id. `brief` omits that it is a style rule."""
    if rule is None:
        return "No rule recorded"
    if rule.startswith("style:"):
        name = rule.removeprefix("style:")
        sentence = rules[name].sentence if name in rules else ""
        if brief:
            return f"Breaks “{(sentence or name).rstrip('.')}”"
        return f"Breaks a style rule: {sentence}" if sentence else f"Breaks the style rule “{name}”"
    plain = RULES.get(rule) or rule.removeprefix("quality:").replace("_", " ").replace("-", " ")
    return capital(plain)


def style_rows(data: Curation) -> list[tuple[str, str, str, str]]:
    """(sentence, details, broken, share) of each style rule, the most broken first; at most forty."""
    rules = rules_of(data)
    return [
        (
            short(rules[name].sentence if name in rules else name, SENTENCE),
            " · ".join([name, *((rules[name].level, rules[name].about) if name in rules else ())]),
            say.count(found.fail),
            say.percent(found.share),
        )
        for name, found in _by_failures(data)[:MOST_CHECKS]
    ]


def style_rest(data: Curation) -> str:
    """A sentence on the rules that are not shown; empty if all are shown."""
    rest = _by_failures(data)[MOST_CHECKS:]
    if not rest:
        return ""
    return (
        f"curate/summary.json lists {say.count(len(rest))} more rules, each broken by at most "
        f"{say.count(rest[0][1].fail)} outputs."
    )


def _by_failures(data: Curation) -> list[tuple[str, ReferenceCheck]]:
    return sorted(data.checks.items(), key=lambda item: (-item[1].fail, item[0]))
