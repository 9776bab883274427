"""The style guide that a schema writes: the prompted baseline's system prompt."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from .kinds import KINDS
from .schema import Check, StyleSchema
from .scope import scope_phrase
from .words import how_many, listed, one_of, quoted

_HEADINGS = {"correctness": "Answer", "form": "Form", "wording": "Wording", "facts": "Facts"}
_LINE_END = re.compile(r"\n(?!  - )")  # but for those of a list of terms
_MOST_WORDINGS = 6  # of one value; a guide is read, and paid for, with every request
_FEW_TERMS = 2  # more preferred spellings than this become a list


def check_sentence(check: Check) -> str:
    """The rule as a sentence of a style guide, with its condition: the user's sentence (`say`), else that of the kind."""
    if check.say:
        return check.say
    return _with_condition(check, _with_case(check, KINDS[check.kind].say(check)))


def write_guide(style: StyleSchema, *, example: tuple[str, str] | None = None) -> str:
    """The style guide in Markdown: the rules grouped by subject, then preferences, then a good example.

    `example` is an input with its good output.
    """
    parts = [f"# {style.name}"]
    if style.about:
        parts.append(style.about)
    for about, heading in _HEADINGS.items():
        parts += _section(heading, _must_rules(style, about))
    # In the order of the headings, like the rules.
    preferences = [c for about in _HEADINGS for c in style.checks if c.about == about and c.level == "should"]
    parts += _section("Preferably", preferences)
    if style.wordings:
        parts.append(
            "\n".join(["## Wordings", "", "Each of these values may also be written as:", "", *_wordings(style)])
        )
    if example is not None:
        parts.append(
            f"## Example\n\nFor this request:\n\n{fenced(example[0])}\n\na good answer is:\n\n{fenced(example[1])}"
        )
    return "\n\n".join(parts) + "\n"


def write_short_guide(style: StyleSchema) -> str:
    """The must rules in one paragraph, in the order of the guide; empty if there are none."""
    rules = [sentence for about in _HEADINGS for sentence in _sentences(_must_rules(style, about))]
    return " ".join(map(_in_line, dict.fromkeys(rules)))


def _must_rules(style: StyleSchema, about: str) -> list[Check]:
    return [check for check in style.checks if check.about == about and check.level == "must"]


def _in_line(sentence: str) -> str:
    """The sentence on one line, a list of terms after a colon."""
    first, *terms = sentence.split("\n  - ")
    return " ".join(f"{first} {'; '.join(terms)}.".split()) if terms else " ".join(sentence.split())


def _wordings(style: StyleSchema) -> Iterator[str]:
    """A line for each field value with accepted wordings."""
    for name, values in style.wordings.items():
        for value, texts in values.items():
            if texts:
                more = " and similar wordings" if len(texts) > _MOST_WORDINGS else ""
                yield f"- {name} {value}: {one_of(texts[:_MOST_WORDINGS])}{more}"


def check_table(style: StyleSchema) -> list[dict[str, Any]]:
    """Each check as plain data: id, kind, level, about, sentence."""
    return [
        {"id": c.id, "kind": c.kind, "level": c.level, "about": c.about, "sentence": check_sentence(c)}
        for c in style.checks
    ]


def _section(heading: str, checks: Sequence[Check]) -> list[str]:
    # Indentation keeps the lines of a longer text inside its list item.
    lines = [f"- {re.sub(_LINE_END, chr(10) + '  ', sentence)}" for sentence in dict.fromkeys(_sentences(checks))]
    return [f"## {heading}\n\n" + "\n".join(lines)] if lines else []


def _sentences(checks: Sequence[Check]) -> Iterator[str]:
    """One sentence for each check; related checks share one, at the position of the first."""
    joined: dict[object, list[Check]] = {}
    for check in checks:
        mergeable = check.kind in _TOGETHER and not check.say
        scope = check.each, check.part, repr(check.when), check.ignore_case
        key = (check.kind, *scope) if mergeable else check.id
        joined.setdefault(key, []).append(check)
    for related in joined.values():
        first = related[0]
        say = None if first.say else _TOGETHER.get(first.kind)
        yield _with_condition(first, _with_case(first, say(related))) if say else check_sentence(first)


def _with_condition(check: Check, sentence: str) -> str:
    if phrase := scope_phrase(check):
        sentence = f"In {phrase}: {sentence[:1].lower()}{sentence[1:]}"
    if not check.when:
        return sentence
    conditions = [
        f"the {name} is {listed(values, 'or')}"
        if values
        else f"there is {'an' if name[:1].lower() in tuple('aeio') else 'a'} {name}"
        for name, values in check.when.items()
    ]
    return f"Where {' and '.join(conditions)}: {sentence[:1].lower()}{sentence[1:]}"


# Kinds with literal texts or patterns, which a reader takes exactly as written.
_LITERAL = frozenset({"pattern", "forbidden", "starts_with", "ends_with", "vocabulary"})


def _with_case(check: Check, sentence: str) -> str:
    """The sentence, followed by a note where the rule ignores case."""
    if not check.ignore_case or check.kind not in _LITERAL or _names_fields_alone(check):
        return sentence
    return f"{sentence} Upper or lower case does not matter."


def _names_fields_alone(check: Check) -> bool:
    """Whether the check names fields only: `Do not write the part itself` covers any spelling of it."""
    texts = check.parameters.any if check.kind == "forbidden" else ()
    return bool(texts) and all(re.fullmatch(r"\{[^{}]+\}", text) for text in texts)


def _say_lengths(checks: Sequence[Check]) -> str:
    """`Write one single line of 3 to 25 words.`"""
    if len(checks) == 1:
        return KINDS["length"].say(checks[0])
    line = [c for c in checks if c.parameters.unit == "lines" and c.parameters.max == 1]
    ranges = [how_many(c.parameters.min, c.parameters.max, c.parameters.unit) for c in checks if c not in line]
    text = listed(ranges) if ranges else ""
    if line:
        return f"Write one single line of {text}." if text else KINDS["length"].say(line[0])
    return f"Write {text}."


def _say_covers(checks: Sequence[Check]) -> str:
    """One sentence that names the fields of all of them."""
    names = tuple(dict.fromkeys(name for check in checks for name in check.parameters.fields))
    return KINDS["covers"].say(replace(checks[0], parameters=replace(checks[0].parameters, fields=names)))


def _say_forbidden(checks: Sequence[Check]) -> str:
    """One sentence for all texts, and one for each pattern."""
    texts = tuple(dict.fromkeys(text for check in checks for text in check.parameters.any))
    say = KINDS["forbidden"].say
    first = [replace(c, parameters=replace(c.parameters, any=texts)) for c in checks if c.parameters.any][:1]
    return " ".join(say(check) for check in [*first, *(c for c in checks if not c.parameters.any)])


def _say_vocabulary(checks: Sequence[Check]) -> str:
    """Required and forbidden terms in sentences; many preferred spellings as a list."""
    preferred = {term: variants for check in checks for term, variants in check.parameters.preferred.items()}
    say = KINDS["vocabulary"].say
    if len(preferred) <= _FEW_TERMS:
        return " ".join(say(check) for check in checks)
    more = [c for c in checks if c.parameters.required or c.parameters.forbidden]
    rest = [replace(c, parameters=replace(c.parameters, preferred={})) for c in more]
    lines = [f"  - {quoted(term)}, not {one_of(_distinct(term, variants))}" for term, variants in preferred.items()]
    return "\n".join([" ".join([*map(say, rest), "Use one spelling for each of these terms:"]), *lines])


def _distinct(term: str, variants: Sequence[str]) -> list[str]:
    """The variants that differ in more than case from the term and from each other; one of them if none does."""
    distinct = {variant.casefold(): variant for variant in reversed(variants) if variant.casefold() != term.casefold()}
    return list(distinct.values())[::-1] or list(variants[:1])


_TOGETHER: dict[str, Callable[[Sequence[Check]], str]] = {
    "length": _say_lengths, "covers": _say_covers, "forbidden": _say_forbidden, "vocabulary": _say_vocabulary
}  # fmt: skip


def fenced(text: str) -> str:
    """The text in a fence longer than any run of backticks in it, so that nothing in the text can end the block."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
