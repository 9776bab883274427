"""The evidence for checks: how many examples follow each, how certain that is, and which checks say what another says."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import polars as pl

from ..check import check_columns, pair_columns
from ..columns import Columns, field_names
from ..discrimination import FEWEST, SAMPLE, other_outputs
from ..planted import near_misses
from ..read import parse_style
from ..schema import Check, Level, StyleSchema
from ..words import whole_words
from ..yaml_text import entries_text

MUST_FROM, SHOULD_FROM = 0.95, 0.80  # lower end of Wilson's interval from which a check is proposed at that level
# A term with several spellings deserves a rule even if only a majority uses the preferred one; it drops no row.
SPELLING_ABOVE, SPELLING_ROWS = 0.5, 20
_EXCEPTIONS = 3
_Z = 1.959963984540054  # two-sided 95%


@dataclass(frozen=True)
class Instance:
    """One example that breaks a check: its id, its row in the file, what was found and what was expected."""

    id: str
    row: int
    found: str | None
    expected: str


@dataclass(frozen=True)
class Evidence:
    """A check with the evidence for it.

    entry: the check as in `style.yaml`, without its level. holds: how many of the `applicable` examples follow it; for
    the spelling of a term, of those that contain the term. low: the lower end of Wilson's 95% interval of that share.
    most: the highest level that it may have. exceptions: examples that break it. variants: how many examples contain each
    unwanted spelling. style: False if it holds for texts of any style. terms: for a check that joins several
    spellings, the evidence for each.
    """

    check: Check
    entry: Mapping[str, Any]
    holds: int
    applicable: int
    low: float
    exceptions: tuple[Instance, ...] = ()
    variants: tuple[tuple[str, int], ...] = ()
    style: bool = True
    note: str = ""
    most: Level = "must"
    terms: tuple["Evidence", ...] = ()

    @property
    def share(self) -> float:
        """The share of the applicable examples that follow it; 0 where it applies to none."""
        return self.holds / self.applicable if self.applicable else 0.0

    @property
    def level(self) -> Level | None:
        """The level that the evidence supports; None where it supports none. What is right is no habit, but a must."""
        if self.check.about == "correctness" or (self.low >= MUST_FROM and self.most == "must"):
            return "must"
        drifts = bool(self.variants) and self.share > SPELLING_ABOVE and self.applicable >= SPELLING_ROWS
        return "should" if self.low >= SHOULD_FROM or drifts else None

    def makes_style(self, examples: int) -> bool:
        """Whether it holds in enough of the `examples` to count as their style: a habit of a few outputs does not."""
        return self.style and self.low >= SHOULD_FROM and self.applicable >= examples / 2


def wilson_low(holds: float, n: float) -> float:
    """The lower end of Wilson's two-sided 95% score interval (Wilson 1927); 0 for n = 0.

    >>> round(wilson_low(47, 50), 3)
    0.838
    """
    if n <= 0 or holds <= 0:
        return 0.0
    share, z2 = holds / n, _Z * _Z
    centre = share + z2 / (2 * n)
    return (centre - math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))) / (1 + z2 / n)


def count_evidence(
    checks: Sequence[Check], entries: Sequence[Mapping[str, Any]], columns: Columns, examples: pl.DataFrame
) -> list[Evidence]:
    """The evidence for each check on `columns`; `examples` holds the same rows with `output`, `input`, `id`, `row`."""
    results = check_columns(columns, StyleSchema("candidates", tuple(checks)))
    violations = results.violations.partition_by("check", as_dict=True)
    evidence = []
    for check, entry in zip(checks, entries, strict=True):
        broken = violations.get((check.id,), results.violations.clear())
        holds, applicable = _counts(results.status[check.id], check, columns)
        exceptions, variants = _exceptions(broken, examples), _variants(broken, check)
        evidence.append(Evidence(check, entry, holds, applicable, wilson_low(holds, applicable), exceptions, variants))
    return evidence


# A learnt rule catches this many times the share of near misses that it loses of the examples' own outputs.
_TELLS = 2


def held_out_evidence(counted: Evidence, held_out: tuple[int, int], columns: Columns) -> Evidence | None:
    """The evidence for a check that was learnt from the examples; None if it does not tell near misses from outputs.

    The check follows what it was learnt from, so its evidence are examples that other ones tell about.
    """
    holds, applicable = held_out
    wrong = columns.once("near misses", lambda: near_misses(_first(columns), {}))
    one = replace(counted, holds=holds, applicable=applicable, low=wilson_low(holds, applicable))
    if wrong is None:
        return None
    status = check_columns(wrong.columns, StyleSchema("learnt", (counted.check,))).status.to_series()
    return one if (status == "fail").mean() > _TELLS * (1 - one.share) else None  # type: ignore[operator]


def _first(columns: Columns) -> Columns:
    count = min(len(columns.output), SAMPLE)
    return columns.changed(range(count), columns.output.head(count))


def _counts(status: pl.Series, check: Check, columns: Columns) -> tuple[int, int]:
    """The number of examples that follow the check, and of those it applies to."""
    passes, breaks = status == "pass", status == "fail"
    terms = _terms(check)
    if terms:
        # Outputs without the term break nothing, but do not show which spelling is usual.
        passes &= columns.output.str.contains(("(?i)" if check.ignore_case else "") + whole_words(terms))
    holds = int(passes.sum())
    return holds, holds + int(breaks.sum())


def _terms(check: Check) -> list[str]:
    """The preferred spelling of a check about one term."""
    p = check.parameters
    single = check.kind == "vocabulary" and len(p.preferred) == 1 and not (p.required or p.forbidden)
    return list(p.preferred) if single else []


def _exceptions(violations: pl.DataFrame, examples: pl.DataFrame) -> tuple[Instance, ...]:
    """Examples that break the check, with different findings if there are enough."""
    first = violations.unique("index", keep="first", maintain_order=True)
    distinct = first.unique("found", keep="first", maintain_order=True)
    shown = (distinct if len(distinct) >= _EXCEPTIONS else first).head(_EXCEPTIONS)
    return tuple(
        Instance(examples["id"][index], examples["row"][index], found, expected)
        for index, found, expected in shown.select("index", "found", "expected").iter_rows()
    )


def _variants(violations: pl.DataFrame, check: Check) -> tuple[tuple[str, int], ...]:
    """The unwanted spellings with the number of examples that contain each, most frequent first."""
    if not _terms(check):
        return ()
    counts = violations.group_by("found").agg(pl.col("index").n_unique().alias("n"))
    return tuple(counts.sort("n", "found", descending=[True, False]).iter_rows())


# Relations of an output to its request.
_RELATIONS = ("covers", "grounded", "pattern")
# How much more often answers to other requests break a relation than the own outputs do, of so many.
_TELLING_TIMES, _TELLING_ROWS, _TOLD = 2, 2, 300


def telling(rules: Sequence[Evidence], examples: pl.DataFrame) -> list[Evidence]:
    """The rules without the relations to the request that answers to other requests hold about as often."""
    related = [rule for rule in rules if rule.check.kind in _RELATIONS and _relates(rule)]
    some = examples.head(_TOLD)
    other = other_outputs(some["input"], some["output"])
    some, other = some.filter(other.is_not_null()), other.drop_nulls()
    if not related or len(some) < FEWEST:
        return list(rules)
    schema = StyleSchema("relations", tuple(replace(rule.check, id=f"{n}") for n, rule in enumerate(related)))
    columns = pair_columns(some)
    own, shuffled = (
        check_columns(replace(columns, output=texts.alias("output")), schema).status.select((pl.all() == "fail").sum())
        for texts in (some["output"], other)
    )
    broken = zip(related, own.row(0), shuffled.row(0), strict=True)
    gone = {id(rule) for rule, ours, others in broken if others < _TELLING_TIMES * ours + _TELLING_ROWS}
    return [rule for rule in rules if id(rule) not in gone]


def _relates(rule: Evidence) -> bool:
    return rule.check.kind != "pattern" or rule.check.parameters.from_request


# What a check lists, of which each item was counted by itself.
_LISTS = {"covers": "fields", "grounded": "facts"}


def joined_lists(rules: Sequence[Evidence], columns: Columns, examples: pl.DataFrame) -> list[Evidence]:
    """The rules, with one check per level for all fields whose values outputs mention, and for all facts that requests
    state, instead of one for each."""
    groups: dict[str, list[Evidence]] = {}
    for rule in rules:
        key = _LISTS.get(rule.check.kind)
        rest = {name: value for name, value in rule.entry.items() if name != key}
        groups.setdefault(repr((rest, rule.level) if key else id(rule)), []).append(rule)
    joined: list[Evidence] = []
    for single in groups.values():
        if len(single) > 1:
            key = _LISTS[single[0].check.kind]
            entry = {**single[0].entry, key: [name for rule in single for name in rule.entry[key]]}
            # Each item was counted by itself: what breaks the joint rule broke one of them.
            single = [replace(_joined(entry, single, columns, examples), low=min(rule.low for rule in single))]
        joined += single
    return joined


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
            single = [replace(counted, low=low, variants=tuple(one for rule in single for one in rule.variants))]
        joined += single
    return [rule for rule in rules if not _is_spelling(rule)] + joined


def _joined(entry: dict[str, Any], single: Sequence[Evidence], columns: Columns, examples: pl.DataFrame) -> Evidence:
    """The evidence for the check that says what several say."""
    (parsed,) = parse_style("checks:\n" + entries_text([entry]), where="joined rules").checks
    check = replace(parsed, wordings=single[0].check.wordings)
    counted = count_evidence([check], [entry], columns, examples)[0]
    return replace(counted, terms=tuple(single), style=any(rule.style for rule in single))


def _is_spelling(rule: Evidence) -> bool:
    return set(rule.entry) == {"kind", "preferred"} and rule.check.kind == "vocabulary"


def _compatible(rules: Sequence[Evidence]) -> list[Evidence]:
    """The rules without those that contradict an earlier one about which spelling is preferred."""
    preferred: set[str] = set()
    unwanted: set[str] = set()
    kept = []
    for rule in sorted(rules, key=lambda rule: (-rule.applicable, repr(rule.entry))):
        terms = set(rule.entry["preferred"])
        listed = ([texts] if isinstance(texts, str) else texts for texts in rule.entry["preferred"].values())
        variants = set(chain.from_iterable(listed))
        if terms & (preferred | unwanted) or variants & (preferred | unwanted):
            continue
        preferred |= terms
        unwanted |= variants
        kept.append(rule)
    return kept


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
# A right answer is right in any form, so habits of form and wording have no weight beside such a rule. What remains: rules
# that a program can check without knowing the answer.
_BESIDE_ANSWERS = {
    "label": {"clean", "allowed", "grounded"},
    "equals": {"clean", "allowed", "grounded"},
    "final_answer": {"clean", "length", "language"},
}  # fmt: skip
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
    if a.kind in _BESIDE_ANSWERS:
        return b.about != "correctness" and b.kind not in _BESIDE_ANSWERS[a.kind]
    if (a.each, a.part) != (b.each, b.part):
        return b.part is not None and a.kind in _LINES and not (a.each or a.part)
    if a.when is not None and a.when != b.when and not _needs_field(a, b):
        return False
    limits = b.kind == "pattern" and (b.parameters.from_request or b.parameters.max == 0)
    if b.kind in _WHOLE.get(a.kind, ()) and not limits:
        return not (a.kind == "template" and _names_field(b))  # a slot does not name the field that fills it
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
