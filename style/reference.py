"""The reference of all kinds of checks: what each checks, an example with its message, and how the guide states it."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import polars as pl
import yaml

from ..core import MOST_WRITTEN, ConfigError, key_of, nearest
from .check import check_outputs, explain
from .fields import render_fields
from .guide import check_sentence
from .kinds import KINDS
from .protected import PROTECTED
from .read import parse_style
from .schema import StyleSchema
from .yaml_text import MAX_DEPTH, MAX_VALUES, entries_text


@dataclass(frozen=True)
class KindExample:
    """A kind with an example: an `entry` as in style.yaml, an output that passes and one that fails, for `given` fields.

    `checks` completes "Checks", `inferred` says when `style infer` proposes the kind.
    """

    checks: str
    entry: Mapping[str, Any]
    passes: str
    fails: str
    inferred: str
    given: Mapping[str, Any] = field(default_factory=dict)
    right: str = ""  # the reference, for a kind that compares with it

    @property
    def kind(self) -> str:
        """The name of the kind."""
        return self.entry["kind"]

    @property
    def style(self) -> StyleSchema:
        """A style with this check alone."""
        return parse_style("checks:\n" + entries_text([self.entry]), where=f"the example of {self.kind}")

    def message(self, output: str) -> str | None:
        """What the check says about an output for the given fields; None if it passes."""
        text = json.dumps(self.given) if self.given else None
        pairs = pl.DataFrame(
            {"output": [output], "input": [render_fields(self.given)], "fields": [text]},
            schema=dict.fromkeys(("output", "input", "fields"), pl.String),
        )
        right = [self.right] if self.right else []
        pairs = pairs.with_columns(references=pl.Series([right], dtype=pl.List(pl.String)))
        violations = check_outputs(pairs, self.style).violations
        if not len(violations):
            return None
        found, expected = violations.select("found", "expected").row(0)
        return explain(self.style.checks[0], found, expected)


PART = {"part": "BC547", "package": "TO-92", "voltage": "45 V"}
NEVER = "never: examples cannot suggest it"
EXAMPLES = [
    KindExample(
        "how long an output is, in characters, words, sentences, lines, paragraphs or tokens",
        {"kind": "length", "unit": "words", "max": 6}, "NPN transistor, TO-92", "An NPN transistor in the package TO-92",
        "the range of all outputs if it is narrow (of most, as a should rule), one line, and the words of a title line",
    ),
    KindExample(
        "that texts, field values or a pattern do not occur",
        {"kind": "forbidden", "any": ["{part}"]}, "NPN transistor, TO-92", "BC547, NPN transistor",
        "names of single items that outputs omit although they could contain them", PART,
    ),
    KindExample(
        "the terms of the house: required, forbidden, or with one preferred spelling",
        {"kind": "vocabulary", "preferred": {"DC/DC": ["DC-DC"]}}, "DC/DC converter", "DC-DC converter",
        "the most frequent spelling of each term that is spelled in several ways",
    ),
    KindExample(
        "that an output ends with one of some texts or with a field's value",
        {"kind": "ends_with", "any": ["{package}"], "when": "package"}, "NPN transistor, TO-92", "NPN transistor",
        "a field whose value most outputs end with, a fixed text or tag, or a few words or marks", PART,
    ),
    KindExample(
        "that an output starts with one of some texts or with a field's value",
        {"kind": "starts_with", "any": ["feat: ", "fix: "]}, "fix: read empty files", "Read empty files",
        "a field whose value most outputs start with, a fixed text or tag, or a few words",
    ),
    KindExample(
        "the mark at the end, exclamation marks, and the form of quotation marks and dashes",
        {"kind": "punctuation", "end": "none"}, "NPN transistor, TO-92", "NPN transistor, TO-92.",
        "the end of most outputs, list items and title lines, and the form of quotation marks and dashes",
    ),
    KindExample(
        "how often a regular expression (Rust syntax, linear time) matches, or that it matches the whole output",
        {"kind": "pattern", "regex": ", "}, "NPN transistor, TO-92", "NPN transistor TO-92",
        "a mark that separates the facts of nearly every output, one shape that all of them have, and with `from_request` the "
        "placeholders, tags, links, line breaks and marks that outputs keep as in their requests (`from_request: true` means "
        "that each match occurs as often in the output as in the input)",
    ),
    KindExample(
        "that every number and code in the output is stated in the input; if asked for, also every name, literal (a quoted text, "
        "or one that a query compares with) and operand (a number that a query compares with)",
        {"kind": "grounded"}, "NPN transistor, 45V, TO-92", "NPN transistor, 60V, TO-92",
        "for each kind of fact, where that of nearly all outputs is in their inputs, and less often in other inputs", PART,
    ),
    KindExample(
        "that the values of some fields, or (`take: first word`) their first words, occur in the output",
        {"kind": "covers", "fields": ["package"]}, "NPN transistor, TO-92", "NPN transistor",
        "the fields whose values, their first words or `wordings` of them occur in most outputs, and less often in others", PART,
    ),
    KindExample(
        "that there are no leftovers: code fences, remarks of an assistant, placeholders, damaged characters, refusals, echoes "
        "of the prompt",
        {"kind": "clean"}, "NPN transistor, TO-92", "Sure, here is the line: NPN transistor, TO-92",
        "where the examples have none; any finished text follows it",
    ),
    KindExample(
        "how numbers are written: the space before a unit, the allowed units, the decimal mark",
        {"kind": "numbers", "space": "none"}, "45V, TO-92", "45 V, TO-92",
        "the space and the decimal mark that most numbers have",
    ),
    KindExample(
        "capitals: sentence case, title case, capitals only, or small letters only",
        {"kind": "case", "is": "sentence"}, "Transistor for small signals", "transistor for small signals",
        "each case that at least half of the outputs, or of their list items, follow",
    ),
    KindExample(
        "that the output names no other value of a field than the pair's own; with `silent`, none where the field is not given. "
        "A value next to the name of another field belongs to that field (`low prices` is not a rating)",
        {"kind": "contradicts", "field": "package", "values": ["TO-92", "SOT-23"]}, "NPN transistor, TO-92",
        "NPN transistor, SOT-23", "each field with a limited set of values that the outputs name", PART,
    ),
    KindExample(
        "that the whole output, each item of a list, or each match of a pattern is one of some values",
        {"kind": "allowed", "values": ["NPN", "PNP"], "regex": "^(\\w+) transistor"}, "NPN transistor, TO-92",
        "Bipolar transistor, TO-92", "where nearly all outputs are one of a few values",
    ),
    KindExample(
        "that percentages (or parts in another unit) which are listed together add up to the whole",
        {"kind": "sums"}, "60% cotton, 40% linen", "60% cotton, 30% linen",
        "where at least 20 outputs list percentages and nearly all of these lists add up",
    ),
    KindExample(
        "that the output is made of known words; numbers and codes do not count",
        {"kind": "known_words", "words": ["NPN", "transistor"]}, "NPN transistor, TO-92", "NPN transistoid, TO-92",
        "all words of the examples that requests do not account for, without likely slips, where hardly an output has one of its "
        "own; else those that recur, as a should rule",
    ),
    KindExample(
        "that an output consists of known segments. A segment is what is between two marks of punctuation, with the names of "
        "fields in braces in place of their values. With `of: request`, for outputs in JSON, the values of "
        "the output are masked in the request: what remains is what an output may leave unsaid",
        {"kind": "known_segments", "segments": ["NPN transistor", "{package}"]}, "NPN transistor, TO-92",
        "NPN transistor for TO-92", "the segments that several examples have, where examples held out have hardly any other, "
        "if that tells near misses from the examples' own outputs", PART,
    ),
    KindExample(
        "that no value stands where values of its field never stand. `never` names such places by the words before or after "
        "the value, which is `_`; `^` and `$` are the ends of the text, `{field}` another value. A value that two fields have is "
        "not judged. `negations: en`, the language of the outputs: they deny nothing (*not*, *without*) unless the request does "
        "in any language or holds a word of `explained_by`. With `of: request`, for outputs in JSON and labels, the places are "
        "those of the output's values in the request, and a place without `_` is a word of the request, for which an output "
        "never chooses these values (`transistor: [\"kind: diode\"]`)",
        {"kind": "field_context", "never": {"for _": ["package"]}}, "NPN transistor in TO-92, for 45 V",
        "NPN transistor for TO-92", "places at which a field never stands though it would several times by chance, and negations "
        "if hardly an output has one that its request does not explain; counted on examples held out, and only if that tells "
        "near misses from the examples' own outputs", PART,
    ),
    KindExample(
        "that HTML is well-formed, uses allowed tags, and has the required tags and structure",
        {"kind": "html", "tags": ["p", "b"]}, "<p>NPN <b>transistor</b></p>", "<p>NPN <b>transistor</p>",
        "the tags and structure that nearly all outputs share",
    ),
    KindExample(
        "that an output is valid JSON, by a JSON Schema if there is one, and that texts in it are copied from the request. An "
        "output for which the alternatives of the schema multiply so that validating takes seconds is unscored",
        {"kind": "json", "schema": {"type": "object", "required": ["type"]}}, '{"type": "NPN"}', '{"kind": "NPN"}',
        "the types, keys and enumerated texts that all outputs share, and the keys whose texts come from the request",
    ),
    KindExample(
        "a list: its marker, the number of its items, their length",
        {"kind": "list", "marker": "- ", "min": 2}, "- NPN\n- TO-92", "- NPN, TO-92",
        "the list that most outputs have, with the range of its items",
    ),
    KindExample(
        "the headings of an output and their order",
        {"kind": "sections", "titles": ["Cause", "Fix"]}, "## Cause\nNo power.\n## Fix\nPlug it in.", "## Fix\nPlug it in.",
        "the headings that most outputs share",
    ),
    KindExample(
        "lines that each begin with a key",
        {"kind": "key_values", "keys": ["type", "package"]}, "type: NPN\npackage: TO-92", "type: NPN",
        "the keys that most outputs share",
    ),
    KindExample(
        "that the whole output is a text with slots, each of which may have a pattern",
        {"kind": "template", "text": "{type} transistor, {package}", "slots": {"type": "NPN|PNP"}},
        "NPN transistor, TO-92", "A transistor, TO-92",
        "the words that nearly all outputs have in one order, with the fields that fill the gaps",
    ),
    KindExample(
        "that parts, each given by a pattern, come in one order where they occur",
        {"kind": "order", "parts": {"type": "NPN|PNP", "package": r"TO-\d+"}}, "NPN, TO-92", "TO-92, NPN", NEVER,
    ),
    KindExample(
        "that the output is the reference, but for what does not matter",
        {"kind": "equals", "ignore": ["case"], "tolerance": 0}, "a mass of 1 kg", "a mass of 2 kg",
        "where the outputs are numbers, or short answers to questions",
        right="A mass of 1,000 g",
    ),
    KindExample(
        "that the output names the label of the reference, or all of its labels, and no other",
        {"kind": "label", "labels": ["refund", "delivery"]}, "Refund", "delivery",
        "where the outputs are a few labels", right="refund",
    ),
    KindExample(
        "that the output is a record with the values of the reference; missing, extra and wrong values are told apart",
        {"kind": "same_fields", "ignore": ["case"]}, '{"city": "lyon", "seats": 2}', '{"city": "Lyon", "seats": 3}',
        "where the outputs are records",
        right='{"city": "Lyon", "seats": 2}',
    ),
    KindExample(
        "that the output ends with the reference's answer: a number, what follows a marker, a box, or the letter of a choice",
        {"kind": "final_answer", "take": "last_number"}, "3 plus 4 is 7.0", "3 plus 4 is 8",
        "where the outputs end with an answer", right="7",
    ),
    KindExample(
        "that an SQL query gives the rows that the reference's query gives, on a SQLite file or, without one, as text",
        {"kind": "same_result"}, "select NAME from city", "SELECT name FROM town", "where the outputs are SQL queries",
        right="SELECT name FROM city;",
    ),
    KindExample(
        "that the output is similar to the reference",
        {"kind": "similar", "measure": "token_f1", "at_least": 0.8}, "a small lamp of brass", "a big table", NEVER,
        right="a small brass lamp of",
    ),
    KindExample(
        "that no phrase occurs twice, or is copied from the input",
        {"kind": "no_repeats", "words": 3}, "a small signal transistor", "a small signal and a small signal",
        "where outputs are long enough to repeat themselves",
    ),
    KindExample(
        "the language of an output",
        {"kind": "language", "is": "en"}, "This transistor switches small signals quickly.",
        "Dieser Transistor schaltet kleine Signale sehr schnell.", "the language of nearly all outputs",
    ),
    KindExample(
        "the reading grade of an English text (Flesch-Kincaid)",
        {"kind": "readability", "grade_max": 6},
        "The lamp is made of brass. It gives warm light. You can turn it on and off with one hand. It looks nice too.",
        "Incorporating sophisticated semiconductor technology, this luminaire facilitates extraordinarily comfortable "
        "illumination of residential environments, notwithstanding considerable fluctuations of electrical supply conditions.",
        "where nearly all outputs are plain and long enough to have a grade",
    ),
]  # fmt: skip
# A function of the user's own has no example that could run here.
PYTHON = """### `python`

- **Checks** anything, with a function of yours that gets the output and its pair, and returns None or a text that describes \
the fault. It runs only with `--allow-code`.
- **Parameters:** `call` (required), as `module.function`.
- **Inferred:** never: examples cannot suggest it."""


def explain_kind(name: str) -> str:
    """One kind in Markdown: what it checks, parameters, example, repair, inference, and its sentence in the guide.

    Raises: ConfigError for an unknown kind.
    """
    if name == "python":
        return PYTHON
    example = next((one for one in EXAMPLES if one.kind == name), None)
    if example is None:
        raise ConfigError(f'unknown kind "{name}"; {nearest(name, list(KINDS))}')
    given = (
        f", for the input `{'; '.join(f'{key}: {value}' for key, value in example.given.items())}`"
        if example.given
        else ""
    )
    parameters = ", ".join(f"`{key_of(one)}` ({_default(one)})" for one in fields(KINDS[name].parameters))
    lines = [
        f"- **Checks** {example.checks}.",
        f"- **Parameters:** {parameters}.",
        f"- **Example:** `{_flow(example.entry)}`{given}. Passes: {_quoted(example.passes)}. "
        f"Fails: {_quoted(example.fails)}, with the message *{_one_line(example.message(example.fails) or '')}*.",
        f"- **Repair:** {KINDS[name].fix.says or 'none.'}",
        f"- **Inferred:** {example.inferred}.",
        f"- **In the guide:** {check_sentence(example.style.checks[0])}",
    ]
    return f"### `{name}`\n\n" + "\n".join(lines)


def reference_page() -> str:
    """All kinds in Markdown, the most common ones first."""
    names = [*(example.kind for example in EXAMPLES), "python"]
    head = (
        "# The checks of a style\n\n"
        "For readers who write or review a `style.yaml`. Each check is an entry under `checks`: its `kind`, the parameters "
        "below, and optionally `id`, `level` (`must`, the default, or `should`), `when` (a field, or fields with values: the "
        "check then applies only where they are given), `each` (`sentence`, `line`, `bullet`, `paragraph`, `item`) and `part` "
        "(such as `first paragraph`: the check then looks at these pieces, and repairs them, as if each were an output), `fix` "
        "(`safe`, `unsafe` or `off`: the repairs that it allows), `say` (its sentence in the guide), `about` (`form`, "
        "`wording`, `facts`, `correctness`) and `ignore_case`. `tuneworth style explain KIND` prints the same. The checks that "
        "compare with a right answer, each with a worked example, are in [By task](tasks.md).\n\n"
        f"A style file may have {MOST_WRITTEN:,} bytes, {MAX_DEPTH} levels and {MAX_VALUES:,} values, those included that its "
        "aliases (`*name`) repeat; no setting raises these limits. Long lists of words and JSON Schemas go into files of their "
        "own, which the check names. Every pattern, those of a JSON Schema included, is matched in linear time. Beside `checks` "
        "a style may have `name`, `about` (a sentence for the guide), `reviewed`, `wordings`, and `task`: what the outputs are "
        "(`labels`, `fields`, `answer`, `sql`, `text`), as `style infer` recognised it."
    )
    return "\n\n".join([head, _WORDINGS, _protected(), *map(explain_kind, names)]) + "\n"


_WORDINGS = """\
## Wordings

`wordings` at the top of a style file lists other texts that say a value of a field: field, value, list of texts.

```yaml
wordings:
  priceRange:
    less than £20: [cheap, inexpensive]
    low: [cheap]
  familyFriendly:
    "yes": [kid friendly, child friendly]
    "no": [adults only]
```

`covers` takes each of them for the value, `contradicts` finds each of them where the field has another value, and `grounded` \
takes a number, code or name in them as stated by the request. Case, hyphens and spaces do not matter, and a plural ending \
may follow. One text may say two values of a field, as `cheap` above: it covers both of them, and contradicts neither. A \
value such as `no` is no text by itself: list what outputs write for it. No \
output has to mention a value such as `none` or `dontcare`.

Fields are those of the input: columns, an object, or a text that consists of fields alone. Such a text is a JSON object, \
`name[value], name[value]`, lines of `name: value` (or such pieces between `;` or ` | `), or dialogue acts such as \
`inform(name='The Mill';food=French)`, whose act is the field `act`."""


def _protected() -> str:
    """The table of protected spans, and which kinds look at them or change them."""
    rows = [
        f"| {kind} | {', '.join(f'``` {_one_line(text)} ```' if '`' in text else f'`{text}`' for text in texts)} |"
        for kind, texts in PROTECTED.items()
    ]
    prose = [f"`{name}`" for name, kind in KINDS.items() if kind.prose]
    own = [f"`{name}`" for name, kind in KINDS.items() if set(kind.fix.spans) == set(PROTECTED)]
    return (
        "## Protected spans\n\n"
        "Repairs, safe and unsafe, change prose alone. After a repair a text has the same protected spans as before; a repair "
        "that would cut, change or remove one, or make a new one by joining words, is not made.\n\n"
        "| span | examples |\n|---|---|\n" + "\n".join(rows) + "\n\n"
        "A statement of SQL is code as a whole, and in JSON each quoted text is a literal. A number with its unit (`30V`, "
        "`5-pin`) is no part number.\n\n"
        f"- {', '.join(sorted(prose))} look at prose alone. So does `vocabulary`, except that a term which is a whole span "
        "counts: "
        "`SOT-89: [SOT-23]` finds `SOT-23`, not `SOT-23-5`, and `Node.js: [node.js]` finds `node.js`, not "
        "`example.org/node.js`.\n"
        "- All other kinds see the whole text: `html` its tags, `pattern` and `forbidden` all that they match, `grounded` part "
        "numbers.\n"
        f"- {', '.join(sorted(own))} may change a whole span that the rule concerns, such as a forbidden link or a fence around "
        "the text; `grounded` may remove a part number that the request does not state."
    )


def _default(parameter: Any) -> str:
    if parameter.default_factory is not MISSING:
        return "empty by default"
    if parameter.default is MISSING:
        return "required"
    value = parameter.default
    return "not set by default" if value is None else f"default `{json.dumps(value, ensure_ascii=False)}`"


def _flow(entry: Mapping[str, Any]) -> str:
    """The entry as YAML on one line."""
    return yaml.safe_dump(
        dict(entry), default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True
    ).strip()


def _quoted(text: str) -> str:
    return f"`{_one_line(text)}`"


def _one_line(text: str) -> str:
    return text.replace("\n", "⏎")
