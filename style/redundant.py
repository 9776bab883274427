"""Rules that another rule says already: a guide needs them once."""

from collections.abc import Mapping, Sequence
from typing import Any

from .columns import field_names
from .evidence import Evidence
from .schema import Check

__all__ = ["said_once"]

# What the shape on the left decides about an output leaves nothing for the kinds on the right to say.
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
_RANKS = {None: 0, "should": 1, "must": 2}
_MARKS = ".!?…;:,"


def said_once(rules: Sequence[Evidence]) -> list[Evidence]:
    """The rules without those that another rule of the same or a higher level says."""
    return [rule for rule in rules if not any(other is not rule and _says(other, rule) for other in rules)]


def _says(strong: Evidence, weak: Evidence) -> bool:
    """Whether an output that keeps `strong` has to keep `weak` as well."""
    if _RANKS[strong.level] < _RANKS[weak.level]:
        return False
    a, b = strong.check, weak.check
    if a.when is not None and a.when != b.when and not _asks_for_field(a, b):
        return False
    if b.kind in _WHOLE.get(a.kind, ()):
        return not (a.kind == "template" and _names_field(b))  # a slot does not say whose value it is
    return any(says(a, b) for says in (_end_says_mark, _line_says_paragraph, _words_say_characters, _affix_covers))


def _names_field(check: Check) -> bool:
    return check.kind in ("starts_with", "ends_with") and any(field_names(text) for text in check.parameters.any)


def _asks_for_field(a: Check, b: Check) -> bool:
    """`b` applies only where the one field is given on which `a` depends."""
    return b.kind == "covers" and a.when == dict.fromkeys(b.parameters.fields)


def _end_says_mark(a: Check, b: Check) -> bool:
    """A fixed text at the end decides the mark at the end."""
    if a.kind != "ends_with" or b.kind != "punctuation" or any(field_names(text) for text in a.parameters.any):
        return False
    if set(_stated(b.parameters)) != {"end"}:
        return False
    last = {text.rstrip()[-1:] for text in a.parameters.any}
    return last == {b.parameters.end} if b.parameters.end != "none" else not last & set(_MARKS)


def _line_says_paragraph(a: Check, b: Check) -> bool:
    return _is_length(a, "lines") and a.parameters.max == 1 and _is_length(b, "paragraphs") and b.parameters.max == 1


def _words_say_characters(a: Check, b: Check) -> bool:
    """Two ranges of length say one thing; people count words."""
    return _is_length(a, "words") and _is_length(b, "characters")


def _affix_covers(a: Check, b: Check) -> bool:
    """A field's value at either end stands in the output."""
    if a.kind not in ("starts_with", "ends_with") or b.kind != "covers" or len(a.parameters.any) != 1:
        return False
    return set(b.parameters.fields) <= set(field_names(a.parameters.any[0]))


def _is_length(check: Check, unit: str) -> bool:
    return check.kind == "length" and check.parameters.unit == unit


def _stated(parameters: Any) -> Mapping[str, Any]:
    """The parameters that are not left out."""
    return {
        name: value
        for name, field in type(parameters).__dataclass_fields__.items()
        if (value := getattr(parameters, name)) != field.default
    }
