"""A style schema from examples: what nearly all of them keep, with the evidence for it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ..core import printable, quoted_page, say
from .check import pair_columns
from .evidence import Evidence, count_evidence, with_ids
from .infer_yaml import entries_text, style_text
from .kind import Proposal
from .kinds import KINDS
from .read import parse_style
from .schema import Check, Columns, StyleSchema, field_names

__all__ = [
    "InferredStyle",
    "infer_proposed",
    "infer_style",
    "joined_spellings",
    "said_once",
]


def joined_spellings(rules: Sequence[Evidence], columns: Columns, examples: pl.DataFrame) -> list[Evidence]:
    """The rules with one check for all preferred spellings of a level instead of one for each term."""
    joined: list[Evidence] = []
    for level in ("must", "should"):
        own = _compatible([rule for rule in rules if _is_spelling(rule) and rule.level == level])
        if len(own) < 2:
            joined += own
            continue
        entry: dict[str, Any] = {
            "kind": "vocabulary", "preferred": {k: v for rule in own for k, v in rule.entry["preferred"].items()}
        }  # fmt: skip
        checks = parse_style("checks:\n" + entries_text([entry]), where="spellings").checks
        counted = count_evidence(checks, [entry], columns, examples)[0]
        # The level is that of the terms: outputs that hold none of them would raise any share.
        low = min(counted.low, *(rule.low for rule in own))
        style = any(rule.style for rule in own)
        joined.append(replace(counted, low=low, terms=tuple(own), style=style, variants=_all_variants(own)))
    return [rule for rule in rules if not _is_spelling(rule)] + joined


def _is_spelling(rule: Evidence) -> bool:
    return set(rule.entry) == {"kind", "preferred"} and rule.check.kind == "vocabulary"


def _compatible(rules: Sequence[Evidence]) -> list[Evidence]:
    """The rules without those that call a word a variant that an earlier one prefers, or the other way round."""
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


# More examples than this say nothing new about a share, and only cost time.
MOST_EXAMPLES = 20_000
# With fewer than 16, Wilson's lower end stays under 0.80 even where all agree; below this nothing can be said.
FEWEST_EXAMPLES = 20
_LOOKED_AT = 1_000  # examples that rule a proposal out
# A habit of the majority that is no rule yet: worth showing, for a person to decide.
_HABIT_FROM, _HABIT_ROWS, _MOST_HABITS = 0.5, 20, 12


@dataclass(frozen=True, repr=False)
class InferredStyle:
    """What examples say about their style.

    schema: the rules that hold, `reviewed` False; None where no style was found. evidence: of each check of the
    schema, in its order. suggestions: habits of the majority that are no rules. text: `style.yaml` with the evidence
    as comments; empty where no style was found. rows: how many examples there are. counted: on how many of them the
    evidence rests. message: what was found, in a sentence.
    """

    schema: StyleSchema | None
    evidence: tuple[Evidence, ...]
    suggestions: tuple[Evidence, ...]
    text: str
    rows: int
    counted: int
    message: str

    @property
    def found_style(self) -> bool:
        """Whether the examples agree in anything that a guide could say."""
        return self.schema is not None

    def __repr__(self) -> str:
        return printable(f"{self.message}\n\n{self.text}".rstrip())

    def _repr_html_(self) -> str:
        return quoted_page(repr(self))


def infer_style(pairs: pl.DataFrame, *, name: str = "Style", source: str = "", seed: int = 0) -> InferredStyle:
    """The style that `pairs` (columns `output`, `input`; optionally `fields`, `id`, `row`) keep.

    A check becomes `must` where the lower end of Wilson's 95% interval of its share is at least 0.95, `should` where
    it is at least 0.80. The order of the rows does not matter. Above 20,000 rows a seeded sample is counted. `source`
    names the examples in the text.
    """
    examples = content_order(pairs, seed=seed).head(MOST_EXAMPLES)
    distinct = examples.select("output", "input").n_unique()
    if distinct < FEWEST_EXAMPLES:
        message = f"{distinct} different examples are too few to infer a style from; {FEWEST_EXAMPLES} are the least"
        return InferredStyle(None, (), (), "", len(pairs), len(examples), message)
    columns = pair_columns(examples)
    proposals = ((kind.name, proposal) for kind in KINDS.values() for proposal in kind.propose(columns))
    return infer_proposed(proposals, examples, columns, name=name, source=source, rows=len(pairs))


def infer_proposed(
    proposals: Iterable[tuple[str, Proposal]],
    examples: pl.DataFrame,
    columns: Columns,
    *,
    name: str,
    source: str = "",
    rows: int,
) -> InferredStyle:
    """The style among `proposals`, each with its kind, as counted on `examples`; `rows` were there to choose from.

    `columns` are those of the examples, as checks see them.
    """
    counted = len(examples)
    groups = _counted(list(proposals), columns, examples)
    rules = said_once([rule for group in groups if (rule := next((one for one in group if one.level), None))])
    if not any(rule.makes_style(counted) for rule in rules):
        message = "no style found: the outputs agree in nothing that a guide could say"
        near = _habits([*(rule for rule in rules if rule.style), *_first_habits(groups)])
        return InferredStyle(None, (), near, "", rows, counted, message)
    evidence = sorted(joined_spellings(rules, columns, examples), key=_place)
    ruled = {id(rule) for rule in rules}
    habits = _habits(one for one in said_once([*rules, *_first_habits(groups)]) if id(one) not in ruled)
    text = style_text(name, with_ids(evidence), habits, rows=rows, counted=counted, source=source)
    schema = parse_style(text, where="the inferred style")
    told = tuple(replace(one, check=check) for one, check in zip(evidence, schema.checks, strict=True))
    return InferredStyle(schema, told, habits, text, rows, counted, _message(told, habits))


def content_order(pairs: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame:
    """Output, input, fields, id and row, in an order that seed and content alone decide."""
    texts = zip(pairs["output"].fill_null(""), pairs["input"].fill_null(""), strict=True)
    keys = [hashlib.blake2b(f"{seed}\0{o}\0{i}".encode(), digest_size=12).hexdigest() for o, i in texts]
    row = pairs["row"] if "row" in pairs.columns else pl.Series(range(1, len(pairs) + 1), dtype=pl.UInt32)
    fields = pairs["fields"] if "fields" in pairs.columns else pl.Series([None] * len(pairs), dtype=pl.String)
    table = pairs.select(
        pl.col("output", "input").cast(pl.String).fill_null(""),
        fields=fields.cast(pl.String),
        id=pairs["id"] if "id" in pairs.columns else pl.format("row {}", row),
        row=row,
        key=pl.Series(keys, dtype=pl.String),
    )
    return table.sort("key", "fields", "id").drop("key")


def _counted(
    proposals: Sequence[tuple[str, Proposal]], columns: Columns, examples: pl.DataFrame
) -> list[list[Evidence]]:
    """The evidence for each proposal, those of one subject together, strictest first."""
    if not proposals:
        return []
    entries = [{"kind": kind, **proposal.entry} for kind, proposal in proposals]
    # Read as a file is read, so that what is written can be read again.
    text = "checks:\n" + entries_text([{**entry, "id": f"check {n}"} for n, entry in enumerate(entries)])
    checks = parse_style(text, where="proposals").checks
    likely = _likely(checks, entries, examples)
    found = count_evidence([checks[n] for n in likely], [entries[n] for n in likely], columns, examples)
    subjects: dict[object, list[Evidence]] = {}
    for n, one in zip(likely, found, strict=True):
        told = replace(one, style=proposals[n][1].style, note=proposals[n][1].note)
        subjects.setdefault(_subject(one.entry), []).append(told)
    return list(subjects.values())


def _likely(checks: Sequence[Check], entries: Sequence[Mapping[str, Any]], examples: pl.DataFrame) -> list[int]:
    """The places of the checks that some examples do not rule out already: counting them on all is slow.

    The order of the examples is as good as chance, so a share under 0.3 of 100 or more is hardly one of 0.5 in all.
    """
    if len(examples) <= 2 * _LOOKED_AT:
        return list(range(len(checks)))
    some = examples.head(_LOOKED_AT)
    found = count_evidence(checks, entries, pair_columns(some), some)
    return [n for n, one in enumerate(found) if one.applicable < 100 or one.share >= 0.3]


# Of these kinds a style has one check; of the others, one for each value of the parameter named.
_ABOUT_ALL = {
    "case", "clean", "grounded", "json", "key_values", "language", "list", "numbers", "no_repeats", "readability",
    "sections", "template",
}  # fmt: skip
_HOW_MUCH = ("min", "max", "ignore_case", "say", "level", "about", "id")


def _subject(entry: Mapping[str, Any]) -> str:
    """What an entry is about: two entries of one subject say the same, one more strictly than the other."""
    when = entry.get("when")
    if entry["kind"] in _ABOUT_ALL:
        return repr((entry["kind"], when))
    own: dict[str, Any] = {key: value for key, value in entry.items() if key not in (*_HOW_MUCH, "kind", "when")}
    if entry["kind"] in ("starts_with", "ends_with") and not any(field_names(text) for text in own["any"]):
        own["any"] = "the same text"
    if entry["kind"] == "punctuation":
        own = dict.fromkeys(own)
    if "preferred" in own:
        own["preferred"] = sorted(own["preferred"])
    return repr((entry["kind"], when, sorted(own.items())))


def _first_habits(groups: Sequence[Sequence[Evidence]]) -> list[Evidence]:
    """Of each subject without a rule, the strictest habit of the majority."""
    loose = [group for group in groups if not any(one.level for one in group)]
    return [habit for group in loose if (habit := next(filter(_is_habit, group), None))]


def _is_habit(one: Evidence) -> bool:
    return one.style and one.share >= _HABIT_FROM and one.applicable >= _HABIT_ROWS


def _habits(habits: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The habits that most examples keep, in the order of a style file."""
    most = sorted(habits, key=lambda one: (-one.low, repr(sorted(one.entry.items()))))[:_MOST_HABITS]
    return tuple(sorted(most, key=_place))


def _place(one: Evidence) -> tuple[Any, ...]:
    """Form, wording, facts; within them by level, and by kind in the order in which kinds are listed."""
    subject = ("form", "wording", "facts").index(one.check.about)
    return subject, one.level != "must", list(KINDS).index(one.check.kind), repr(sorted(one.entry.items()))


def _message(evidence: Sequence[Evidence], habits: Sequence[Evidence]) -> str:
    """`5 rules that examples must keep, 2 that they should; 1 habit of the majority`."""
    must = sum(one.level == "must" for one in evidence)
    should = len(evidence) - must
    said = [f"{must} must rule{'s' * (must != 1)}"] * bool(must) + [
        f"{should} should rule{'s' * (should != 1)}"
    ] * bool(should)
    more = f"; {say.count(len(habits), 'habit')} of the majority, commented out" if habits else ""
    return f"style found: {' and '.join(said)}{more}"
