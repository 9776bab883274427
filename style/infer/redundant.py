"""Rules that say what another rule says already, and spellings that belong in one rule."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from ..columns import Columns, field_names
from ..read import parse_style
from ..schema import Check
from .evidence import Evidence, count_evidence
from .text import entries_text

__all__ = ["joined_fields", "joined_spellings", "without_redundant"]


def joined_fields(rules: Sequence[Evidence], columns: Columns, examples: pl.DataFrame) -> list[Evidence]:
    """The rules, with one check per level for all fields whose values outputs mention instead of one for each."""
    joined: list[Evidence] = []
    for level in ("must", "should"):
        single = [rule for rule in rules if _is_mention(rule) and rule.level == level]
        if len(single) > 1:
            entry = {"kind": "covers", "fields": [name for rule in single for name in rule.entry["fields"]]}
            # Each field was counted by itself: what breaks the joint rule broke one of them.
            single = [replace(_joined(entry, single, columns, examples), low=min(rule.low for rule in single))]
        joined += single
    return [rule for rule in rules if not _is_mention(rule)] + joined


def joined_spellings(rules: Sequence[Evidence], columns: Columns, examples: pl.DataFrame) -> list[Evidence]:
    """The rules, with one check per level for all preferred spellings instead of one for each term."""
    joined: list[Evidence] = []
    for level in ("must", "should"):
        single = _compatible([rule for rule in rules if _is_spelling(rule) and rule.level == level])
        if len(single) > 1:
            preferred = {term: variants for rule in single for term, variants in rule.entry["preferred"].items()}
            counted = _joined({"kind": "vocabulary", "preferred": preferred}, single, columns, examples)
            # The level is that of the single terms: outputs that contain none of them would raise every share.
            low = min(counted.low, *(rule.low for rule in single))
            single = [replace(counted, low=low, variants=_all_variants(single))]
        joined += single
    return [rule for rule in rules if not _is_spelling(rule)] + joined


def _joined(entry: dict[str, Any], single: Sequence[Evidence], columns: Columns, examples: pl.DataFrame) -> Evidence:
    """The evidence for the check that says what several say."""
    (parsed,) = parse_style("checks:\n" + entries_text([entry]), where="joined rules").checks
    check = replace(parsed, wordings=single[0].check.wordings)
    counted = count_evidence([check], [entry], columns, examples)[0]
    return replace(counted, terms=tuple(single), style=any(rule.style for rule in single))


def _is_mention(rule: Evidence) -> bool:
    return set(rule.entry) == {"kind", "fields"} and rule.check.kind == "covers"


def _is_spelling(rule: Evidence) -> bool:
    return set(rule.entry) == {"kind", "preferred"} and rule.check.kind == "vocabulary"


def _compatible(rules: Sequence[Evidence]) -> list[Evidence]:
    """The rules without those that contradict an earlier one about which spelling is preferred."""
    preferred: set[str] = set()
    unwanted: set[str] = set()
    kept = []
    for rule in sorted(rules, key=lambda rule: (-rule.applicable, repr(rule.entry))):
        terms = set(rule.entry["preferred"])
        variants = {text for texts in rule.entry["preferred"].values() for text in _as_list(texts)}
        if terms & (preferred | unwanted) or variants & (preferred | unwanted):
            continue
        preferred |= terms
        unwanted |= variants
        kept.append(rule)
    return kept


def _as_list(texts: Any) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def _all_variants(rules: Sequence[Evidence]) -> tuple[tuple[str, int], ...]:
    return tuple(variant for rule in rules for variant in rule.variants)


# A kind on the left already decides what the kinds on the right would check.
_WHOLE = {
    "json": {
        "pattern", "starts_with", "ends_with", "punctuation", "case", "list", "key_values", "sections", "numbers",
        "order", "template",
    },
    "template": {"pattern", "starts_with", "ends_with", "punctuation", "order", "key_values"},
    "key_values": {"pattern", "starts_with", "list", "order"},
    "list": {"pattern", "starts_with"},
    "sections": {"pattern", "starts_with", "order"},
}  # fmt: skip
_LINES = ("sections", "key_values", "template")  # they say what each line is
_RANKS = {None: 0, "should": 1, "must": 2}
_MARKS = ".!?…;:,"


def without_redundant(rules: Sequence[Evidence]) -> list[Evidence]:
    """The rules that no other rule of the same or a higher level implies."""
    return [rule for rule in rules if not any(other is not rule and _implies(other, rule) for other in rules)]


def _implies(strong: Evidence, weak: Evidence) -> bool:
    """Whether every output that follows `strong` also follows `weak`."""
    if _RANKS[strong.level] < _RANKS[weak.level]:
        return False
    a, b = strong.check, weak.check
    if (a.each, a.part) != (b.each, b.part):
        return b.part is not None and a.kind in _LINES and not (a.each or a.part)
    if a.when is not None and a.when != b.when and not _needs_field(a, b):
        return False
    if b.kind in _WHOLE.get(a.kind, ()):
        return not (a.kind == "template" and _names_field(b))  # a slot does not name the field that fills it
    if a.kind == "allowed" and a.parameters.values and not a.parameters.regex and b.about != "facts":
        return True  # each value was counted with that rule
    return any(
        implies(a, b)
        for implies in (
            _tags_imply_affix,
            _end_implies_mark,
            _line_implies_paragraph,
            _words_imply_characters,
            _affix_implies_covers,
        )
    )


def _tags_imply_affix(a: Check, b: Check) -> bool:
    """The outermost elements of HTML are the tags at both ends."""
    if a.kind != "html" or not a.parameters.structure or b.kind not in ("starts_with", "ends_with"):
        return False
    return all(re.fullmatch(r"(?:</?[a-zA-Z0-9]+>\s*)+", text) for text in b.parameters.any)


def _names_field(check: Check) -> bool:
    return check.kind in ("starts_with", "ends_with") and any(field_names(text) for text in check.parameters.any)


def _needs_field(a: Check, b: Check) -> bool:
    """Whether `b` applies only if the one field that `a` depends on is given."""
    return b.kind == "covers" and a.when == dict.fromkeys(b.parameters.fields)


def _end_implies_mark(a: Check, b: Check) -> bool:
    """A fixed text at the end determines the mark at the end."""
    if a.kind != "ends_with" or b.kind != "punctuation" or any(field_names(text) for text in a.parameters.any):
        return False
    if set(_stated(b.parameters)) != {"end"}:
        return False
    last = {text.rstrip()[-1:] for text in a.parameters.any}
    return last == {b.parameters.end} if b.parameters.end != "none" else not last & set(_MARKS)


def _line_implies_paragraph(a: Check, b: Check) -> bool:
    return _is_length(a, "lines") and a.parameters.max == 1 and _is_length(b, "paragraphs") and b.parameters.max == 1


def _words_imply_characters(a: Check, b: Check) -> bool:
    """A range in words makes one in characters redundant; people count words."""
    return _is_length(a, "words") and _is_length(b, "characters")


def _affix_implies_covers(a: Check, b: Check) -> bool:
    """A field's value at either end, or in the slot of a template, occurs in the output."""
    if a.kind == "template" and b.kind == "covers":
        return set(b.parameters.fields) <= {
            name for regex in a.parameters.slots.values() for name in field_names(regex)
        }
    if a.kind not in ("starts_with", "ends_with") or b.kind != "covers" or len(a.parameters.any) != 1:
        return False
    return set(b.parameters.fields) <= set(field_names(a.parameters.any[0]))


def _is_length(check: Check, unit: str) -> bool:
    return check.kind == "length" and check.parameters.unit == unit


def _stated(parameters: Any) -> Mapping[str, Any]:
    """The parameters that differ from their defaults."""
    return {
        name: value
        for name, field in type(parameters).__dataclass_fields__.items()
        if (value := getattr(parameters, name)) != field.default
    }
