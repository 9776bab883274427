"""A style schema inferred from examples: the rules that nearly all of them follow, with the evidence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import polars as pl

from ...core import notebook_page, printable, say
from ..check import check_columns, pair_columns
from ..columns import Columns, field_names
from ..discrimination import Discrimination, content_order, measure_discrimination
from ..guide import check_sentence
from ..kinds import KINDS
from ..near_misses import NearMisses, measure_near_misses
from ..read import parse_style
from ..schema import Check, Proposal, StyleSchema
from ..scope import pieces_of
from ..yaml_text import entries_text, wordings_text
from .evidence import (
    MUST_FROM,
    SHOULD_FROM,
    Evidence,
    count_evidence,
    held_out_evidence,
    joined_lists,
    joined_spellings,
    telling,
    wilson_low,
    without_redundant,
)
from .task import RecognisedTask, recognise_task
from .text import fields_sentence, left_out_sentence, style_text, with_ids
from .wordings import propose_wordings

# More examples than this do not change a share; they only take time.
MOST_EXAMPLES = 20_000
# With fewer than 16, Wilson's lower end stays under 0.80 even if all agree, so nothing could be inferred.
FEWEST_EXAMPLES = 20
_OF_PROSE = ("case", "known_words", "no_repeats")  # kinds that say nothing of queries and other code
_SAMPLED = 1_000  # examples on which unlikely proposals are dropped
# A habit of most outputs that is not a rule yet is worth showing, for a person to decide.
_HABIT_FROM, _HABIT_ROWS, _MOST_HABITS = 0.5, 20, 12


@dataclass(frozen=True, repr=False)
class InferredStyle:
    """The style of some examples.

    schema: the rules that hold, `reviewed` False; None if there is no style. evidence: for each check of the schema, in
    its order. suggestions: habits of the majority that are not rules. text: `style.yaml` with the evidence as comments;
    empty if there is no style. rows: the number of examples. different: those with an output of their own. counted:
    those behind the evidence.
    message: the result in a sentence. discrimination: what the rules accept besides the examples' own outputs.
    near_misses: the outputs with one wrong fact that they catch. task: what the outputs are.
    """

    schema: StyleSchema | None
    evidence: tuple[Evidence, ...]
    suggestions: tuple[Evidence, ...]
    text: str
    rows: int
    different: int
    counted: int
    message: str
    discrimination: Discrimination | None = None
    near_misses: NearMisses | None = None
    task: RecognisedTask | None = None

    @property
    def found_style(self) -> bool:
        """Whether the examples share any rule that a guide could state."""
        return self.schema is not None

    def __repr__(self) -> str:
        return printable(f"{self.message}\n\n{self.text}".rstrip())

    def _repr_html_(self) -> str:
        rules = [
            (check_sentence(one.check), one.level, f"{one.holds:,} of {one.applicable:,}") for one in self.evidence
        ]
        table = pl.DataFrame(rules, schema=["rule", "level", "holds in"], orient="row") if rules else None
        texts = [("style.yaml", self.text)] if self.text else []
        return notebook_page(self.message, table=table, rows=len(rules), folded=texts)


def infer_style(pairs: pl.DataFrame, *, name: str = "Style", source: str = "", seed: int = 0) -> InferredStyle:
    """The style that `pairs` (columns `output`, `input`; optionally `fields`, `id`, `row`) follow.

    A check becomes `must` if the lower end of Wilson's 95% interval of its share is at least 0.95, and `should` if it
    is at least 0.80. An output that many rows repeat counts once, unless outputs recur by nature. The order of
    the rows does not matter, and what only stands in for an output, such as `TBD`, does not count. Of more than 20,000
    different outputs a seeded sample is counted. `source` names the examples in the text.
    """
    task = recognise_task(pairs)
    written = _different(content_order(pairs, seed=seed), task)
    different = written.filter(~unfinished(pair_columns(written), labels=task.task == "labels"))
    examples = different.head(MOST_EXAMPLES)
    if len(different) < FEWEST_EXAMPLES:
        message = f"{len(different)} different outputs are too few to infer a style; provide at least {FEWEST_EXAMPLES}"
        return InferredStyle(None, (), (), "", len(pairs), len(different), len(examples), message, task=task)
    columns = pair_columns(examples)
    wordings = propose_wordings(columns)  # first: kinds look for values in their wordings too
    kinds = [kind for kind in KINDS.values() if columns.has_prose or kind.name not in _OF_PROSE]
    proposals = [(kind.name, proposal) for kind in kinds for proposal in kind.propose(columns)]
    proposals += [] if task.recurs else propose_for_pieces(columns)  # such outputs are read whole
    proposals += _about_worded(proposals, columns, wordings)
    return infer_proposed(
        proposals,
        examples,
        columns,
        name=name,
        source=source,
        rows=len(pairs),
        different=len(different),
        left_out=len(written) - len(different),
        wordings=wordings,
        pairs=pairs,
        task=task,
    )


def _about_worded(
    proposals: Sequence[tuple[str, Proposal]], columns: Columns, wordings: Mapping[str, Mapping[str, Sequence[str]]]
) -> Iterator[tuple[str, Proposal]]:
    """Checks of the fields with wordings that the values as written did not suggest."""
    entries = [(kind, dict(proposal.entry)) for kind, proposal in proposals]
    for name, values in wordings.items():
        if ("covers", {"fields": [name]}) not in entries:
            yield "covers", Proposal({"fields": [name]})
        if not any(kind == "contradicts" and entry["field"] == name for kind, entry in entries):
            entry = {"field": name, "values": sorted(columns.field(name).drop_nulls().unique())}
            note = f"{say.count(sum(map(len, values.values())), 'wording')} of its values are above"
            given = columns.field(name).null_count() == 0
            silent = [] if given else [{**entry, "silent": True}]
            yield from (("contradicts", Proposal(one, style=False, note=note)) for one in [*silent, entry])


def _different(examples: pl.DataFrame, task: RecognisedTask) -> pl.DataFrame:
    """The first example of each output; of labels, short answers and JSON, which recur by nature, each different pair."""
    subset = ["output", "input"] if task.recurs else ["output"]
    return examples.unique(subset, keep="first", maintain_order=True)


def infer_proposed(
    proposals: Iterable[tuple[str, Proposal]],
    examples: pl.DataFrame,
    columns: Columns,
    *,
    name: str,
    source: str = "",
    rows: int,
    different: int | None = None,
    left_out: int = 0,
    wordings: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    pairs: pl.DataFrame | None = None,
    task: RecognisedTask | None = None,
) -> InferredStyle:
    """The style among `proposals`, each with its kind, as counted on `examples`: all or some of the `different` ones of
    `rows` rows, without the `left_out` unfinished ones. `wordings` are those of the style. What the rules accept is
    measured on the `pairs`, by default the examples. The rule of the `task` comes first: it says what is right.

    `columns` are the examples as the checks read them.
    """
    fewer = fields_sentence(columns)
    counted, different = len(examples), len(examples) if different is None else different
    groups = _counted(list(proposals), columns, examples, wordings or {})
    rules = [rule for group in groups if (rule := next((one for one in group if one.level), None))]
    rules = without_redundant([*_right_answers(task), *rules])
    rules = joined_lists(telling(rules, examples), columns, examples)
    if not _is_style(rules, columns):
        message = "no style found: the outputs share no rule that a guide could state"
        message = ". ".join(filter(None, (message, fewer, task and task.sentence)))
        near = _habits([*(rule for rule in rules if rule.style), *_first_habits(groups)])
        return InferredStyle(None, (), near, "", rows, different, counted, message, task=task)
    evidence = sorted(joined_spellings(rules, columns, examples), key=_place)
    ruled = {id(rule) for rule in rules}
    habits = _habits(one for one in without_redundant([*rules, *_first_habits(groups)]) if id(one) not in ruled)
    notes = [note for note in (left_out_sentence(left_out), fewer, task and task.sentence) if note]
    write = partial(
        style_text, name, with_ids(evidence), habits, rows=rows, different=different, counted=counted, notes=notes,
        source=source, wordings=wordings or {}, task=task.task if task else None,
    )  # fmt: skip
    schema = parse_style(write(None, None), where="the inferred style")
    final = tuple(replace(rule, check=check) for rule, check in zip(evidence, schema.checks, strict=True))
    given = examples if pairs is None else pairs
    found, near = measure_discrimination(given, schema), measure_near_misses(given, schema)
    text = write(found, near)  # the same rules, with what they accept in comments
    measured = (one.sentence for one in (found, near) if one)
    sentences = (_message(final, habits) + ".", *notes, _no_must(final), *measured)
    message = " ".join(filter(None, sentences))
    return InferredStyle(schema, final, habits, text, rows, different, counted, message, found, near, task)


def _right_answers(task: RecognisedTask | None) -> list[Evidence]:
    """The rule that compares outputs with the right answer. Every example follows it, so its evidence is the task's."""
    if task is None or task.rule is None:
        return []
    (check,) = parse_style("checks:\n" + entries_text([task.rule]), where="the rule of the task").checks
    low = wilson_low(task.follows, task.rows)
    return [Evidence(check, task.rule, task.follows, task.rows, low, note=task.says)]


def _is_style(rules: Sequence[Evidence], columns: Columns) -> bool:
    """Whether the rules are about half of the examples: one of them alone, or several together."""
    count = len(columns.output)
    if any(rule.makes_style(count) for rule in rules):
        return True
    some = [
        replace(rule.check, id=f"check {n}") for n, rule in enumerate(rules) if rule.style and rule.low >= SHOULD_FROM
    ]
    if not some:
        return False
    status = check_columns(columns, StyleSchema("candidates", tuple(some))).status
    return 2 * int(status.select(pl.any_horizontal(pl.all() != "not applicable")).to_series().sum()) >= count


def _counted(
    proposals: Sequence[tuple[str, Proposal]],
    columns: Columns,
    examples: pl.DataFrame,
    wordings: Mapping[str, Mapping[str, Sequence[str]]],
) -> list[list[Evidence]]:
    """The evidence for each proposal, grouped by subject, strictest first."""
    if not proposals:
        return []
    entries = [{"kind": kind, **proposal.entry} for kind, proposal in proposals]
    # Parsed like a file, so that the text written from it can be parsed again.
    text = f"{wordings_text(wordings)}checks:\n" + entries_text(
        [{**entry, "id": f"check {n}"} for n, entry in enumerate(entries)]
    )
    checks = parse_style(text, where="proposals").checks
    likely = _likely(checks, entries, examples)
    found = count_evidence([checks[n] for n in likely], [entries[n] for n in likely], columns, examples)
    subjects: dict[object, list[Evidence]] = {}
    for n, counted in zip(likely, found, strict=True):
        proposal = proposals[n][1]
        evidence = replace(counted, style=proposal.style, note=proposal.note, most=proposal.most)
        if proposal.held_out is not None:
            evidence = held_out_evidence(evidence, proposal.held_out, columns)
        if evidence is not None:
            subjects.setdefault(_subject(counted.entry), []).append(evidence)
    return list(subjects.values())


def _likely(checks: Sequence[Check], entries: Sequence[Mapping[str, Any]], examples: pl.DataFrame) -> list[int]:
    """The positions of the checks that a sample of the examples does not rule out: counting all of them is slow.

    The order of the examples is as good as random, so a share under 0.3 of 100 or more is very unlikely to be 0.5 of all.
    """
    if len(examples) <= 2 * _SAMPLED:
        return list(range(len(checks)))
    some = examples.head(_SAMPLED)
    found = count_evidence(checks, entries, pair_columns(some), some)
    return [n for n, one in enumerate(found) if one.applicable < 100 or one.share >= 0.3]


# A style has one check of each of these kinds; of the others, one for each value of the named parameter.
_ABOUT_ALL = {
    "allowed", "case", "clean", "grounded", "html", "json", "key_values", "known_words", "language", "list", "numbers",
    "no_repeats", "readability", "sections", "template",
}  # fmt: skip
_HOW_MUCH = ("min", "max", "silent", "ignore_case", "say", "level", "about", "id")


def _subject(entry: Mapping[str, Any]) -> str:
    """The subject of an entry: of two entries with the same subject, one is the stricter form of the other."""
    when = [entry.get(key) for key in ("when", "each", "part")]
    if entry["kind"] in _ABOUT_ALL and "from_request" not in entry:
        return repr((entry["kind"], entry.get("facts"), when))
    keys: dict[str, Any] = {key: value for key, value in entry.items() if key not in (*_HOW_MUCH, "kind", "when")}
    if entry["kind"] in ("starts_with", "ends_with") and not any(field_names(text) for text in keys["any"]):
        keys["any"] = "the same text"
    if entry["kind"] == "punctuation":
        keys = dict.fromkeys(keys)
    if "preferred" in keys:
        keys["preferred"] = sorted(keys["preferred"])
    return repr((entry["kind"], when, sorted(keys.items())))


def _first_habits(groups: Sequence[Sequence[Evidence]]) -> list[Evidence]:
    """For each subject without a rule, the strictest habit of most outputs."""
    loose = [group for group in groups if not any(one.level for one in group)]
    return [habit for group in loose if (habit := next(filter(_is_habit, group), None))]


def _is_habit(one: Evidence) -> bool:
    return one.style and one.share >= _HABIT_FROM and one.applicable >= _HABIT_ROWS


def _habits(habits: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The habits that most examples follow, in the order of a style file."""
    most = sorted(habits, key=lambda one: (-one.low, repr(sorted(one.entry.items()))))[:_MOST_HABITS]
    return tuple(sorted(most, key=_place))


def _place(one: Evidence) -> tuple[Any, ...]:
    """Form, wording, facts; within them by level, then by kind in the order of `KINDS`."""
    subject = ("correctness", "form", "wording", "facts").index(one.check.about)
    return subject, one.level != "must", list(KINDS).index(one.check.kind), repr(sorted(one.entry.items()))


def _no_must(evidence: Sequence[Evidence]) -> str:
    """What to do where no rule can make an output unacceptable; empty where one can."""
    if any(one.level == "must" for one in evidence):
        return ""
    fewest = next(n for n in count(1) if wilson_low(n, n) >= MUST_FROM)
    return (
        "None is certain enough to be a must rule, so every output would count as acceptable: provide more examples "
        f"(at least {fewest} different outputs), or remove `level: should` from the rules that must hold."
    )


def _message(evidence: Sequence[Evidence], habits: Sequence[Evidence]) -> str:
    """`5 must rules and 2 should rules; 1 habit of most outputs, commented out`."""
    must = sum(one.level == "must" for one in evidence)
    should = len(evidence) - must
    counts = [f"{must} must rule{'s' * (must != 1)}"] * bool(must) + [
        f"{should} should rule{'s' * (should != 1)}"
    ] * bool(should)
    more = f"; {say.count(len(habits), 'habit')} of most outputs, commented out" if habits else ""
    return f"style found: {' and '.join(counts)}{more}"


# Outputs with several items, and outputs whose first line is a title, must be this common.
_LISTED_SHARE, _TITLED_SHARE = 0.5, 0.9
_TITLE_WORDS = 15
_MARKED = r"^\s*(?:[-*+•#>|<`]|\d{1,3}[.)]\s)"
# What is said of an item or a title, by kind: a key of the entries that say it.
_ABOUT_ITEMS = {"punctuation": "end", "case": "is"}
_ABOUT_TITLES = {"length": "unit", **_ABOUT_ITEMS}


def propose_for_pieces(columns: Columns) -> Iterator[tuple[str, Proposal]]:
    """Checks of single items and of the first line, each with its kind."""
    for unit in ("bullet", "item"):
        items = pieces_of(columns.output, each=unit)
        several = items.group_by("index").len().filter(pl.col("len") > 1)
        if len(several) >= _LISTED_SHARE * len(columns.output):
            yield from _proposals(columns, items, {"each": unit}, _ABOUT_ITEMS)
            break  # every bullet is an item
    lines = columns.output.str.strip_chars().str.extract(r"\A(.*)\n").str.strip_chars()
    title = (lines.str.count_matches(r"\S+") <= _TITLE_WORDS) & ~lines.str.contains(_MARKED)
    if title.fill_null(False).sum() >= _TITLED_SHARE * len(columns.output):
        first = pieces_of(columns.output, part="first line")
        yield from _proposals(columns, first, {"part": "first line"}, _ABOUT_TITLES)


def _proposals(
    columns: Columns, pieces: pl.DataFrame, scope: dict[str, str], about: dict[str, str]
) -> Iterator[tuple[str, Proposal]]:
    """What the kinds suggest for the pieces as if they were outputs, limited to the scope."""
    some = columns.with_outputs(pieces["text"], pieces["index"])
    for kind, key in about.items():
        for proposal in KINDS[kind].propose(some):
            if key in proposal.entry and proposal.entry.get("unit", "words") == "words":
                yield kind, Proposal({**proposal.entry, **scope}, style=False, note=proposal.note, most=proposal.most)


_MOST = 0.2  # of the outputs; what is in more of them is how they are written
# Placeholders within a text and refusals, as the check `clean` finds them.
_CLEAN = "checks: [{kind: clean, allow: [fences, assistant phrases, mojibake, prompt echo]}]"
# The whole output, or what it begins with in capitals. Rust syntax. A label may be such a word, as in a list of tasks.
_WHOLE = (
    r"(?i)\A\W*(?:todo|tbd|tba|fixme|x{3,}|placeholder|\?{2,}|coming soon|(?:text |description |details )?to (?:be"
    r" (?:added|announced|completed|confirmed|decided|defined|determined|done|provided|written)|come|follow)|lorem ipsum\b.*"
    r"|(?-i:TODO|TBD|FIXME)\b.*)\W*\z"
)


def unfinished(columns: Columns, *, labels: bool = False) -> pl.Series:
    """For each output whether it stands in for one: a placeholder such as `TBD`, or a refusal. None if that is usual."""
    found = check_columns(columns, parse_style(_CLEAN, where="unfinished outputs")).status["clean"] == "fail"
    if not labels:
        found |= columns.output.str.contains(_WHOLE)
    return found if found.sum() <= _MOST * len(found) else found & False
